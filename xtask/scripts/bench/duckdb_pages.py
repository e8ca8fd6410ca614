"""DuckDB reads the pages with `read_json` and writes Parquet.

    python duckdb_pages.py <layer URL> <out.parquet>

It is told the types of all fields, so that it need not find them out. Points become WKB; of lines and polygons
the lists of coordinates are written as they came, since DuckDB has nothing that reads Esri's geometry.
"""

import json
import pathlib
import sys
import urllib.request

import duckdb
import duckdb_extension_httpfs
import duckdb_extension_json
import duckdb_extension_spatial

TYPES = {
    "esriFieldTypeOID": "BIGINT",
    "esriFieldTypeSmallInteger": "SMALLINT",
    "esriFieldTypeInteger": "INTEGER",
    "esriFieldTypeSingle": "FLOAT",
    "esriFieldTypeDouble": "DOUBLE",
    "esriFieldTypeDate": "BIGINT",
}

GEOMETRY = {
    "esriGeometryPoint": ("STRUCT(x DOUBLE, y DOUBLE)", "ST_AsWKB(ST_Point(f.geometry.x, f.geometry.y))"),
    "esriGeometryPolyline": ("STRUCT(paths DOUBLE[][][])", "f.geometry.paths"),
    "esriGeometryPolygon": ("STRUCT(rings DOUBLE[][][])", "f.geometry.rings"),
}


def answer(url):
    with urllib.request.urlopen(url) as body:
        return json.load(body)


def extension(package):
    """The extension's file in its package."""
    [file] = pathlib.Path(package.__file__).parent.rglob("*.duckdb_extension")
    return file


def main():
    url, out = sys.argv[1:]
    layer = answer(f"{url}?f=json")
    count = answer(f"{url}/query?where=1%3D1&returnCountOnly=true&f=json")["count"]
    step = layer["maxRecordCount"]
    pages = [
        f"{url}/query?where=1%3D1&outFields=%2A&orderByFields=OBJECTID+ASC&resultOffset={offset}&resultRecordCount={step}&f=json"
        for offset in range(0, count, step)
    ]
    fields = layer["fields"]
    attributes = ", ".join(f'"{field["name"]}" {TYPES.get(field["type"], "VARCHAR")}' for field in fields)
    columns = [
        f'make_timestamp_ms(f.attributes."{field["name"]}") AS "{field["name"]}"'
        if field["type"] == "esriFieldTypeDate"
        else f'f.attributes."{field["name"]}"'
        for field in fields
    ]
    feature = f"attributes STRUCT({attributes})"
    if "geometryType" in layer:
        kind, expression = GEOMETRY[layer["geometryType"]]
        feature += f", geometry {kind}"
        columns.append(f"{expression} AS geometry")
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    for package in (duckdb_extension_json, duckdb_extension_httpfs, duckdb_extension_spatial):
        connection.execute(f"LOAD '{extension(package)}'")
    connection.execute(
        f"""
        COPY (
            SELECT {", ".join(columns)}
            FROM (
                SELECT unnest(features) AS f
                FROM read_json($pages, columns = {{features: 'STRUCT({feature})[]'}})
            )
        ) TO '{out}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3)
        """,
        {"pages": pages},
    )


if __name__ == "__main__":
    main()
