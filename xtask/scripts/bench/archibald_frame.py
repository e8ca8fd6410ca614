"""archibald to a GeoDataFrame, and from there to Parquet.

    python archibald_frame.py <layer URL> <out.parquet>
"""

import asyncio
import sys

import archibald


async def frame(url):
    base, _, path = url.partition("/services/")
    service, _, number = path.rpartition("/")
    async with archibald.ArchieClient(base_url=f"{base}/services", auth=archibald.NoAuth()) as client:
        layer = archibald.FeatureLayer(client=client, service_path=service, layer_id=int(number))
        return (await layer.query(where="1=1")).to_geodataframe()


def main():
    url, out = sys.argv[1:]
    asyncio.run(frame(url)).to_parquet(out, compression="zstd", compression_level=3)


if __name__ == "__main__":
    main()
