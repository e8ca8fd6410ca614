"""Suite `readers`: pyarrow, GeoPandas, DuckDB and gpio open what `arcgis export` writes.

    python readers.py <arcgis> <lines_service> <repository> <work folder> <tally.json> <module>

Each reader's rows, reference system, bounds, nulls and values are compared with the source, which is
read here without any code of the exporter.
"""

import json
import math
import os
import subprocess
import sys

import duckdb
import duckdb_extension_spatial
import geopandas
import pandas
import pyarrow
import pyarrow.parquet
import pyproj
import shapely

import column
import forms
import server
import source
from run import Run
from tally import Tally

# PBF quantizes to 1e-9 degrees; a metre has no such digits to lose, since 1e-9 is less still.
TOLERANCE = 1e-9

# Besides the defaults; each on a layer that has what the option changes.
VARIANTS = [
    ("places", "snappy", ["--compression", "snappy"]),
    ("places", "uncompressed", ["--compression", "none", "--row-group-rows", "1000"]),
    ("rivers", "small-groups", ["--compression", "zstd:9", "--row-group-rows", "100"]),
    ("places", "attributes", ["--no-geometry"]),
]


def read_pyarrow(path):
    file = pyarrow.parquet.ParquetFile(path)
    table = file.read()
    meta = json.loads(file.metadata.metadata.get(b"geo", b"null"))
    if meta is None:
        return table, None, None
    primary = meta["primary_column"]
    crs = meta["columns"][primary].get("crs", "OGC:CRS84")
    crs = crs and pyproj.CRS.from_user_input(crs)
    return table.drop_columns(["bbox"]), table[primary].to_pylist(), crs


def read_geopandas(path):
    exact = {"types_mapper": pandas.ArrowDtype}
    try:
        frame = geopandas.read_parquet(path, to_pandas_kwargs=exact)
    except ValueError as error:
        # It refuses files without a geometry column, which are pandas' to read.
        if "geo" not in str(error).lower():
            raise
        return pyarrow.Table.from_pandas(pandas.read_parquet(path, dtype_backend="pyarrow")), None, None
    plain = frame.drop(columns=["geometry", "bbox"], errors="ignore")
    wkb = [None if geometry is None else geometry.wkb for geometry in frame.geometry]
    return pyarrow.Table.from_pandas(pandas.DataFrame(plain), preserve_index=False), wkb, frame.crs


def connect_duckdb(work):
    """A connection with `spatial`, from the file that its PyPI package holds: it cannot be downloaded."""
    folder = os.path.join(os.path.dirname(duckdb_extension_spatial.__file__), "extensions")
    file = os.path.join(folder, f"v{duckdb.__version__}", "spatial.duckdb_extension")
    # gpio looks in the home folder's extensions, as every other program that uses DuckDB.
    connection = duckdb.connect()
    platform = connection.execute("PRAGMA platform").fetchone()[0]
    installed = work / "home/.duckdb/extensions" / f"v{duckdb.__version__}" / platform
    installed.mkdir(parents=True, exist_ok=True)
    target = installed / "spatial.duckdb_extension"
    if not target.exists():
        target.write_bytes(open(file, "rb").read())
    connection.execute(f"SET extension_directory = '{work / 'home/.duckdb/extensions'}'")
    connection.execute("LOAD spatial")
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def reader_duckdb(connection, options=""):
    def read(path):
        table = f"read_parquet('{path}'{options})"
        names = [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()]
        if "geometry" not in names:
            return connection.execute(f"SELECT * FROM {table}").to_arrow_table(), None, None
        rows = connection.execute(
            f"SELECT * EXCLUDE (bbox, geometry), ST_AsWKB(geometry) AS geometry FROM {table}"
        ).to_arrow_table()
        crs = connection.execute(f"SELECT ST_CRS(geometry) FROM {table} LIMIT 1").fetchone()
        crs = crs and crs[0] and pyproj.CRS.from_user_input(crs[0])
        return rows, rows["geometry"].to_pylist(), crs

    return read


def compare(tally, who, what, src, read, path):
    """Compares all that one reader gives of one file with the source."""
    try:
        table, wkb, crs = read(path)
    except Exception as error:
        tally.complain(who, what, f"cannot be read: {error!r}")
        return
    order = sorted(range(table.num_rows), key=table[src.object_id].to_pylist().__getitem__)
    tally.equal(who, f"{what}: rows", table.num_rows, len(src.rows))

    expected = src.columns()
    names = [name for name in table.column_names if name != "geometry"]
    tally.equal(who, f"{what}: columns", names, list(expected))
    for name, wanted in expected.items():
        if name not in table.column_names:
            continue
        values = column.values(table[name])
        values = [values[at] for at in order]
        tally.equal(who, f"{what}.{name}: nulls", values.count(None), wanted.count(None))
        if not tally.equal(who, f"{what}.{name}: checksum", column.checksum(values), column.checksum(wanted)):
            odd = [(got, want) for got, want in zip(values, wanted) if repr(got) != repr(want)]
            tally.complain(who, f"{what}.{name}", f"e.g. {odd[:3]}")

    if "attributes" in what or src.geometries is None:
        tally.equal(who, f"{what}: no geometry", wkb, None)
        return
    geometries = [None if wkb[at] is None else shapely.from_wkb(bytes(wkb[at])) for at in order]
    tally.equal(who, f"{what}.geometry: nulls", geometries.count(None), src.geometries.count(None))
    odd = [
        at
        for at, (got, want) in enumerate(zip(geometries, src.geometries))
        if not column.same_geometry(got, want, TOLERANCE)
    ]
    tally.holds(who, f"{what}.geometry: equal", not odd, f"{len(odd)} differ, the first in row {odd[:1]}")
    got, want = bounds(geometries), bounds(src.geometries)
    near = all(math.isclose(a, b, rel_tol=0, abs_tol=TOLERANCE) for a, b in zip(got, want, strict=True))
    tally.holds(who, f"{what}.geometry: bounds", near, f"{got} is not {want}")
    if who == "duckdb" and crs is None and not len(src.rows):
        return  # It says the reference system of a value, and there is none.
    wanted = pyproj.CRS.from_user_input(src.crs)
    same = crs is not None and (crs.equals(wanted, ignore_axis_order=True))
    tally.holds(who, f"{what}: reference system", same, f"{crs and crs.to_string()} is not {src.crs}")


def bounds(geometries):
    """The bounds of all geometries, or nothing if there are none."""
    some = [geometry for geometry in geometries if geometry is not None]
    return list(shapely.total_bounds(some)) if some else []


def filters(tally, connection, src, path):
    """The bounding boxes per row let readers skip: what they keep must be what the source has there."""
    left, low, right, high = box = (-10.0, 35.0, 30.0, 60.0)
    inside = sum(
        geometry is not None and left <= geometry.bounds[2] and geometry.bounds[0] <= right
        and low <= geometry.bounds[3] and geometry.bounds[1] <= high
        for geometry in src.geometries
    )
    frame = geopandas.read_parquet(path, bbox=box)
    tally.equal("geopandas", f"{src.name}: rows in a rectangle", len(frame), inside)
    rows = connection.execute(
        f"SELECT count(*) FROM read_parquet('{path}') "
        "WHERE bbox.xmax >= ? AND bbox.xmin <= ? AND bbox.ymax >= ? AND bbox.ymin <= ?",
        [left, right, low, high],
    ).fetchone()[0]
    tally.equal("duckdb", f"{src.name}: rows in a rectangle", rows, inside)


# What gpio warns of by its own rules of thumb: a file without row groups has no compression that it could name, and
# lines six metres long beside the origin of Web Mercator look to it like degrees.
WARNED = ("no_rows", "lines_z")


def check_gpio(tally, run, what, path, kinds=("all", "spec")):
    """`gpio check`, which exits with an error when a check fails, and with `--strict` when it warns."""
    strict = [] if what in WARNED else ["--strict"]
    environment = {**os.environ, "HOME": str(run.work / "home"), "NO_COLOR": "1", "COLUMNS": "200"}
    for kind in kinds:
        done = subprocess.run(
            [os.path.join(os.path.dirname(sys.executable), "gpio"), "check", kind, str(path), *strict],
            capture_output=True, text=True, env=environment, timeout=120,
        )
        said = done.stdout + done.stderr
        failures = [line.strip() for line in said.splitlines() if "❌" in line or "✗" in line]
        clean = done.returncode == 0 and not failures
        tally.holds("gpio", f"check {kind} {what}", clean, f"exit code {done.returncode}: {failures or said[-600:]}")


def main():
    run = Run.of(sys.argv[1:])
    tally = Tally()
    files = run.folder("readers")
    for old in files.glob("*.parquet"):
        old.unlink()
    connection = connect_duckdb(run.work)
    readers = {
        "pyarrow": read_pyarrow,
        "geopandas": read_geopandas,
        "duckdb": reader_duckdb(connection),
    }

    made = source.make(run.folder("lines"))
    demo = list(source.demo(run.demo_data))
    with server.running([run.service, run.folder("lines")]) as service:
        urls = {src.name: service["layers"][src.name] for src in made}
        urls |= {src.name: f"demo:{src.name}" for src in demo}
        sources = {src.name: src for src in [*demo, *made]}
        plan = [(name, name, []) for name in sources]
        plan += [(name, f"{name} {variant}", options) for name, variant, options in VARIANTS]
        for name, what, options in plan:
            src, path = sources[name], files / f"{what.replace(' ', '-')}.parquet"
            done = run.export(urls[name], path, *options)
            if not tally.equal("export", f"{what}: exit code", done.returncode, 0):
                tally.complain("export", what, done.stderr)
                continue
            for who, read in readers.items():
                compare(tally, who, what, src, read, path)
            if not options and src.geometries is not None:
                check_gpio(tally, run, what, path)
            if not options and src in demo:
                filters(tally, connection, src, path)
    forms.check(tally, run, files, [src.name for src in demo], connection, check_gpio)
    forms.check_repair(tally, run, files)
    forms.check_columns(tally, run, files)
    tally.close(run.tally)


if __name__ == "__main__":
    main()
