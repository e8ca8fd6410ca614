"""restgdf to a GeoDataFrame, and from there to Parquet.

    python restgdf_frame.py <layer URL> <out.parquet> [rows]

Its own `get_gdf` ends at the first page that says that more follow. With `rows`, it is told to go on, and the
frame is made of the rows that it streams.
"""

import asyncio
import sys

import aiohttp
import geopandas
import pandas
import restgdf
import shapely.geometry


async def frame(url, streamed):
    async with aiohttp.ClientSession() as session:
        layer = await restgdf.FeatureLayer.from_url(url, session=session)
        if not streamed:
            return await layer.get_gdf()
        rows, geometries = [], []
        async for feature in layer.iter_features(on_truncation="ignore"):
            rows.append(feature["attributes"])
            geometries.append(shape(feature.get("geometry")))
        table = pandas.DataFrame(rows)
        if all(geometry is None for geometry in geometries):
            return table
        return geopandas.GeoDataFrame(table, geometry=geometries, crs="EPSG:4326")


def shape(esri):
    """restgdf gives the geometry as the service wrote it."""
    if esri is None:
        return None
    if "x" in esri:
        return shapely.geometry.Point(esri["x"], esri["y"])
    if "paths" in esri:
        return shapely.geometry.MultiLineString(esri["paths"])
    polygons = []
    for ring in esri["rings"]:
        linear = shapely.geometry.LinearRing(ring)
        if linear.is_ccw and polygons:
            polygons[-1][1].append(ring)
        else:
            polygons.append((ring, []))
    return shapely.geometry.MultiPolygon(polygons)


def main():
    url, out, *streamed = sys.argv[1:]
    asyncio.run(frame(url, streamed)).to_parquet(out, compression="zstd", compression_level=3)


if __name__ == "__main__":
    main()
