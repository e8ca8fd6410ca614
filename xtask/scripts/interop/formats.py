"""Suite `formats`: each format that `arcgis` writes beside GeoParquet holds the same values as its GeoParquet.

    python formats.py <arcgis> <lines_service> <repository> <work folder> <tally.json> <module>

Saved answers with every type and every awkward value are converted to all formats, and read by pyarrow, Polars,
GDAL (by way of pyogrio), DuckDB and SQLite. What a format cannot hold by its own rules is said in `EXPECTED`
beside it, and nowhere else.
"""

import base64
import csv
import datetime
import json
import math
import sqlite3
import subprocess
import sys

import duckdb
import numpy
import polars
import pyarrow.csv
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet
import pyogrio.raw
import pyproj
import shapely

from run import Run
from tally import Tally

FIELDS = [
    ("OBJECTID", "OID"),
    ("name", "String"),
    ("small", "SmallInteger"),
    ("count", "Integer"),
    ("big", "BigInteger"),
    ("single", "Single"),
    ("double", "Double"),
    ("edited", "Date"),
    ("day", "DateOnly"),
    ("time", "TimeOnly"),
    ("guid", "GUID"),
    ("blob", "Blob"),
    ("fid", "Integer"),
]

ROWS = [
    ["plain", 1, 2, 3, 0.5, 0.1, 0, "2024-02-29", "13:05:00", "{123E4567-E89B-12D3-A456-426614174000}", "AAEC", 7],
    ['say "so", and\nso', -32768, -(2**31), -(2**62) - 1, 3.4e38, 1e300, -1, "1969-12-31", "00:00:00", None, "", 8],
    ["", 32767, 2**31 - 1, 2**62 + 1, -1.5, 5e-324, 1709211900250, "2038-01-19", "23:59:59.999", None, None, 9],
    [None] * 12,
    ["=1+1 日本語 🌍 'quoted' \\ back\ttab", 0, 0, 2**53 + 1, 0.1, 0.30000000000000004, 253402300799999, "9999-12-31",
     "12:00:00.5", None, None, 10],
]

SQUARE = [[0, 0], [0, 4], [4, 4], [4, 0], [0, 0]]
HOLE = [[1, 1], [2, 1], [2, 2], [1, 2], [1, 1]]
AWAY = [[10, 10], [10, 12], [12, 12], [12, 10], [10, 10]]

LAYERS = {
    "points": ("Point", 4326, False, [
        {"x": 8.5, "y": 47.25}, {"x": -179.9, "y": -89.5}, {"x": "NaN", "y": "NaN"}, None, {"x": 1e-7, "y": 0.1}]),
    "heights": ("Point", 2056, True, [
        {"x": 2600000.5, "y": 1200000, "z": 408.25}, {"x": 2600001, "y": 1200001, "z": -3}, None, None,
        {"x": 2600002, "y": 1200002, "z": 0}]),
    "multipoints": ("Multipoint", 3857, False, [
        {"points": [[1, 2], [3, 4]]}, {"points": [[5, 6]]}, {"points": []}, None, {"points": [[7, 8]]}]),
    "lines": ("Polyline", 102003, False, [
        {"paths": [[[0, 0], [1, 1.5]]]}, {"paths": [[[0, 0], [1, 1]], [[5, 5], [6, 7], [8, 9]]]}, {"paths": []}, None,
        {"paths": [[[2, 2], [3, 3]]]}]),
    "polygons": ("Polygon", 4326, False, [
        {"rings": [SQUARE]}, {"rings": [SQUARE, HOLE, AWAY]}, {"rings": []}, None, {"rings": [AWAY]}]),
    "solids": ("Polygon", 4326, True, [
        {"rings": [[[*place, 5] for place in SQUARE]]},
        {"rings": [[[*place, 1.5] for place in SQUARE], [[*place, 2] for place in AWAY]]},
        {"rings": []}, None, {"rings": [[[*place, -1] for place in AWAY]]}]),
    "table": (None, None, False, [None] * 5),
}


def answer(kind, wkid, z, geometries):
    names = [name for name, _ in FIELDS]
    features = []
    for place, (row, geometry) in enumerate(zip(ROWS, geometries), start=1):
        feature = {"attributes": dict(zip(names, [place, *row]))}
        if geometry is not None:
            feature["geometry"] = geometry
        features.append(feature)
    said = {
        "objectIdFieldName": "OBJECTID",
        "fields": [{"name": name, "type": f"esriFieldType{kind}", "alias": f"the {name}"} for name, kind in FIELDS],
        "features": features,
    }
    if kind:
        said |= {"geometryType": f"esriGeometry{kind}", "spatialReference": {"wkid": wkid}, "hasZ": z}
    return said


def iso(value):
    """A date or a time as every text of ours has it."""
    if isinstance(value, datetime.datetime):
        value = value.replace(tzinfo=None)
        return value.isoformat(timespec="milliseconds" if value.microsecond else "seconds") + "Z"
    if isinstance(value, datetime.time):
        return value.isoformat(timespec="milliseconds" if value.microsecond else "seconds")
    return value.isoformat() if isinstance(value, datetime.date) else value


def truth(path):
    """The rows of the GeoParquet file: attributes by name, and geometries."""
    table = pyarrow.parquet.read_table(path)
    geometries = [None] * table.num_rows
    if "geometry" in table.column_names:
        geometries = [wkb and shapely.from_wkb(wkb) for wkb in table["geometry"].to_pylist()]
    rows = table.select([name for name, _ in FIELDS]).to_pylist()
    return rows, geometries, table


def many(geometry):
    """The geometry as a layer whose rows are all multi-part has it."""
    if geometry is None:
        return None
    wraps = {"LineString": shapely.MultiLineString, "Polygon": shapely.MultiPolygon}
    wrap = wraps.get(geometry.geom_type)
    if wrap is None:
        return geometry
    return wrap([geometry]) if not geometry.is_empty else wrap([])


def none_if_empty(geometry):
    return None if geometry is None or geometry.is_empty else geometry


def same_geometry(got, want):
    if got is None or want is None:
        return got is None and want is None
    if got.is_empty and want.is_empty:
        return got.geom_type == want.geom_type
    return (got.geom_type, got.has_z) == (want.geom_type, want.has_z) and shapely.equals_identical(got, want)


def same(got, want):
    if isinstance(want, float) and isinstance(got, (int, float)):
        return float(got) == want or (math.isnan(got) and math.isnan(want))
    return type(got) is type(want) and got == want


def compare(tally, who, what, got, want):
    """Rows of values, and geometries behind them."""
    (got_rows, got_geometries), (want_rows, want_geometries) = got, want
    tally.equal(who, f"{what}: rows", len(got_rows), len(want_rows))
    for place, (row, expected) in enumerate(zip(got_rows, want_rows)):
        for name, value in expected.items():
            tally.equal(who, f"{what}: row {place} {name}", *(
                (True, True) if same(row.get(name), value) else (row.get(name), value)))
    for place, (geometry, expected) in enumerate(zip(got_geometries, want_geometries)):
        tally.equal(who, f"{what}: geometry {place}", *(
            (True, True) if same_geometry(geometry, expected) else (str(geometry), str(expected))))


def rows_of(table):
    geometries = [None] * table.num_rows
    if "geometry" in table.column_names:
        geometries = [wkb and shapely.from_wkb(wkb) for wkb in table["geometry"].to_pylist()]
    return table.select([name for name, _ in FIELDS]).to_pylist(), geometries


def texts(rows):
    """What formats of text make of values."""
    def text(name, value):
        if isinstance(value, bytes):
            return base64.b64encode(value).decode()
        return iso(value)

    return [{name: text(name, value) for name, value in row.items()} for row in rows]


def ogr(path, **options):
    """What GDAL reads: attributes with their types, and geometries.

    These come feature by feature: its Arrow reader of FlatGeobuf has offsets that are wrong behind a row without
    geometry, in files of its own too.
    """
    meta, table = pyogrio.raw.read_arrow(path, **options)
    shape = meta["geometry_name"] or "wkb_geometry"
    if shape in table.column_names:
        table = table.drop_columns([shape])
    wkb = pyogrio.raw.read(path, columns=[], **options)[2]
    if wkb is None:
        wkb = [None] * table.num_rows
    return meta, table, [shape and shapely.from_wkb(shape) for shape in wkb]


def gdal_rows(table, kinds):
    rows = []
    for row in table.to_pylist():
        rows.append({name: kinds.get(name, lambda value: value)(row[name]) for name, _ in FIELDS})
    return rows


def check_arrow(tally, run_convert, what, want):
    rows, geometries, parquet = want
    plain = [field.name for field in parquet.schema if field.name != "bbox"]
    for options in ([], ["--compression", "zstd:9"]):
        path = run_convert("arrow", *options)
        table = pyarrow.feather.read_table(path, memory_map=False)
        tally.equal("pyarrow", f"{what}: columns", table.schema.names, plain)
        tally.equal("pyarrow", f"{what}: types", [str(field.type) for field in table.schema],
                    [str(parquet.schema.field(name).type) for name in plain])
        compare(tally, "pyarrow", f"{what} arrow", rows_of(table), (rows, geometries))
        footer = pyarrow.ipc.open_file(path).schema.metadata
        tally.equal("pyarrow", f"{what}: origin", b"arcgis:tool" in footer, True)
        if "geometry" in plain:
            said = pyarrow.ipc.open_file(path).schema.field("geometry").metadata
            said = said or {b"ARROW:extension:name": b"geoarrow.wkb"}
            tally.equal("pyarrow", f"{what}: extension", said[b"ARROW:extension:name"], b"geoarrow.wkb")
        frame = polars.read_ipc(path)
        tally.equal("polars", f"{what}: rows", frame.height, len(rows))
        tally.equal("polars", f"{what}: big", frame["big"].to_list(), [row["big"] for row in rows])
        tally.equal("polars", f"{what}: names", frame["name"].to_list(), [row["name"] for row in rows])
    path = run_convert("arrows")
    with open(path, "rb") as file:
        table = pyarrow.ipc.open_stream(file).read_all()
    compare(tally, "pyarrow", f"{what} arrows", rows_of(table), (rows, geometries))


def check_csv(tally, run_convert, what, want):
    rows, geometries, _ = want
    path = run_convert("csv")
    with open(path, encoding="utf-8") as file:
        names = next(csv.reader(file))
    frame = pyarrow.csv.read_csv(
        path,
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={name: "string" for name in names}, null_values=[""], strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    expected = texts(rows)
    got = []
    for row in frame.to_pylist():
        values = {}
        for name, kind in FIELDS:
            text = row[name]
            number = {"OID": int, "SmallInteger": int, "Integer": int, "BigInteger": int, "Double": float}.get(kind)
            values[name] = number(text) if number and text is not None else text
            if kind == "Single" and text is not None:
                values[name] = float(numpy.float32(text))
        got.append(values)
    back = [text and shapely.from_wkt(text) for text in frame["WKT"].to_pylist()] if "WKT" in names else [None] * len(rows)
    compare(tally, "pyarrow", f"{what} csv", (got, back), (expected, geometries))
    with open(path, newline="", encoding="utf-8") as file:
        lines = list(csv.reader(file))
    tally.equal("python", f"{what} csv: rows", {len(line) for line in lines}, {len(names)})
    meta, table, back = ogr(path)
    tally.equal("gdal", f"{what} csv: rows", table.num_rows, len(rows))
    tally.equal("gdal", f"{what} csv: names", table["name"].to_pylist(), [row["name"] or "" for row in rows])
    found = duckdb.sql(f"select big, name from read_csv('{path}', types = {{'big': 'BIGINT'}}) order by OBJECTID").fetchall()
    tally.equal("duckdb", f"{what} csv: big", [row[0] for row in found], [row["big"] for row in rows])


def check_geojson(tally, run_convert, what, want):
    rows, geometries, _ = want
    expected = texts(rows)
    for extension in ("geojson", "geojsonl"):
        path = run_convert(extension)
        with open(path, encoding="utf-8") as file:
            if extension == "geojson":
                document = json.load(file)
                features = document["features"]
                tally.equal("python", f"{what} geojson: rows said", document["arcgis"]["rows"], str(len(rows)))
                tally.equal("python", f"{what} geojson: no crs", "crs" in document, False)
            else:
                features = [json.loads(line) for line in file]
        got = [feature["properties"] for feature in features]
        for row in got:
            if row["single"] is not None:
                row["single"] = float(numpy.float32(row["single"]))
        back = []
        for feature in features:
            geometry = feature["geometry"]
            if geometry and not geometry["coordinates"]:
                back.append(shapely.from_wkt(f"{geometry['type'].upper()} EMPTY"))
            else:
                back.append(geometry and shapely.geometry.shape(geometry))
        compare(tally, "python", f"{what} {extension}", (got, back), (expected, geometries))
        tally.equal("python", f"{what} {extension}: ids", [feature["id"] for feature in features],
                    [row["OBJECTID"] for row in rows])
        meta, table, back = ogr(path)
        tally.equal("gdal", f"{what} {extension}: rows", table.num_rows, len(rows))
        big = [row["big"] for row in rows]
        if extension == "geojson":
            # GDAL takes integers of 19 digits in a document for floats.
            big = [value if value is None else float(value) for value in big]
        tally.equal("gdal", f"{what} {extension}: big", table["big"].to_pylist(), big)
        tally.equal("gdal", f"{what} {extension}: names", table["name"].to_pylist(), [row["name"] for row in rows])
        if meta["crs"]:
            crs = pyproj.CRS.from_user_input(meta["crs"])
            tally.equal("gdal", f"{what} {extension}: crs", crs.to_epsg(), 4326)


def check_gdal(tally, run_convert, what, want, extension, wkid):
    rows, geometries, parquet = want
    path = run_convert(extension)
    meta, table, back = ogr(path)
    # A time of day is text in both formats; SQLite and GDAL know no empty geometry in FlatGeobuf.
    expected = [dict(row, time=row["time"] and iso(row["time"])) for row in rows]
    for row in expected:
        row["edited"] = row["edited"] and row["edited"].replace(tzinfo=None)
    shapes = [many(geometry) for geometry in geometries]
    if extension == "fgb":
        shapes = [none_if_empty(geometry) for geometry in shapes]
        for row in expected:
            # GDAL takes the one type for dates as one with a time.
            row["day"] = row["day"] and datetime.datetime.combine(row["day"], datetime.time())

    def bare(value):
        return value.replace(tzinfo=None) if isinstance(value, datetime.datetime) else value

    got = gdal_rows(table, {"edited": bare, "day": bare})
    compare(tally, "gdal", f"{what} {extension}", (got, back), (expected, shapes))
    if wkid:
        crs = meta["crs"] and pyproj.CRS.from_user_input(meta["crs"])
        organization = "ESRI" if wkid > 100000 else "EPSG"
        tally.equal("gdal", f"{what} {extension}: crs", crs == pyproj.CRS.from_authority(organization, wkid), True)
        boxed = [geometry for geometry in shapes if geometry is not None and not geometry.is_empty]
        west, south, east, north = boxed[0].bounds
        box = (west - 1e-6, south - 1e-6, east + 1e-6, north + 1e-6)
        inside = [g for g in boxed if g.intersects(shapely.box(*box))]
        _, found, _ = ogr(path, bbox=box)
        tally.equal("gdal", f"{what} {extension}: rows in a box", found.num_rows, len(inside))
    again = open(path, "rb").read()
    tally.equal("gdal", f"{what} {extension}: same bytes", open(run_convert(extension), "rb").read() == again, True)
    if extension == "gpkg":
        check_sqlite(tally, what, path, len(rows), wkid)


def check_sqlite(tally, what, path, rows, wkid):
    connection = sqlite3.connect(path)
    one = lambda sql: connection.execute(sql).fetchone()
    tally.equal("sqlite", f"{what}: integrity", one("pragma integrity_check"), ("ok",))
    tally.equal("sqlite", f"{what}: foreign keys", connection.execute("pragma foreign_key_check").fetchall(), [])
    tally.equal("sqlite", f"{what}: application", one("pragma application_id"), (0x47504B47,))
    (table, kind), = connection.execute("select table_name, data_type from gpkg_contents").fetchall()
    tally.equal("sqlite", f"{what}: kind", kind, "features" if wkid else "attributes")
    tally.equal("sqlite", f"{what}: rows", one(f'select count(*) from "{table}"'), (rows,))
    if wkid:
        text, = one("select definition_12_063 from gpkg_spatial_ref_sys join gpkg_geometry_columns using (srs_id)")
        organization = "ESRI" if wkid > 100000 else "EPSG"
        tally.equal("sqlite", f"{what}: wkt", pyproj.CRS.from_wkt(text) == pyproj.CRS.from_authority(organization, wkid),
                    True)
    said, = one("select metadata from gpkg_metadata")
    tally.equal("sqlite", f"{what}: origin", json.loads(said)["rows"], str(rows))
    connection.close()


def main():
    run = Run.of(sys.argv[1:])
    tally = Tally()
    folder = run.folder("formats")
    for name, (kind, wkid, z, geometries) in LAYERS.items():
        saved = folder / f"{name}.json"
        saved.write_text(json.dumps(answer(kind, wkid, z, geometries)))

        def convert(extension, *options):
            out = folder / f"{name}.{extension}"
            command = [run.arcgis, "convert", saved, out, "--overwrite", "--quiet", "--order", "id", *options]
            subprocess.run([str(part) for part in command], check=True)
            return out

        want = truth(convert("parquet"))
        check_arrow(tally, convert, name, want)
        check_csv(tally, convert, name, want)
        if wkid in (None, 4326):
            check_geojson(tally, convert, name, want)
        for extension in ("fgb", "gpkg"):
            check_gdal(tally, convert, name, want[:3], extension, wkid)
    tally.close(run.tally)


if __name__ == "__main__":
    main()
