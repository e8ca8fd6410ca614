"""Suite `streams`: pyarrow, Polars, DuckDB and GeoPandas take layers from the module of `examples/python`.

    python streams.py <arcgis> <lines_service> <repository> <work folder> <tally.json> <module>

No file stands between: what they get is Arrow's C Stream Interface. Rows, nulls, values, geometries and reference
systems are compared with the source, which is read here without any code of the exporter; then layers fail midway,
readers are given up, and the memory of all that was read has to come back.
"""

import gc
import importlib
import json
import os
import shutil
import sys

import duckdb
import geopandas
import pandas
import polars
import pyarrow
import pyarrow.parquet
import pyproj
import shapely

import column
import server
import source
from run import Run
from tally import Tally

# PBF quantizes to 1e-9 degrees; a metre has no such digits to lose, since 1e-9 is less still.
TOLERANCE = 1e-9

# The layer whose memory is looked at: rows, and the length of the text in each.
MANY, LONG = 20_000, 500


def load(run):
    """The module, under the name by which Python loads it."""
    folder = run.folder("streams/module")
    ending = ".pyd" if run.module.suffix == ".dll" else ".abi3.so"
    shutil.copy(run.module, folder / f"arcgis_layers{ending}")
    sys.path.insert(0, str(folder))
    return importlib.import_module("arcgis_layers")


def said_crs(field):
    """The reference system that a column's extension type names."""
    known = field.metadata or {}
    if known.get(b"ARROW:extension:name") != b"geoarrow.wkb":
        return None
    crs = json.loads(known[b"ARROW:extension:metadata"]).get("crs")
    return crs and pyproj.CRS.from_user_input(crs)


def by_pyarrow(layer):
    table = pyarrow.RecordBatchReader.from_stream(layer).read_all()
    table.validate(full=True)
    return table


def by_polars(layer):
    return polars.DataFrame(layer).to_arrow()


def by_duckdb(layer):
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.from_arrow(layer).to_arrow_table()


def by_geopandas(layer):
    frame = geopandas.GeoDataFrame.from_arrow(layer, to_pandas_kwargs={"types_mapper": pandas.ArrowDtype})
    plain = pandas.DataFrame(frame.drop(columns=["geometry"]))
    table = pyarrow.Table.from_pandas(plain, preserve_index=False)
    wkb = [None if geometry is None else geometry.wkb for geometry in frame.geometry]
    told = {b"ARROW:extension:name": b"geoarrow.wkb"}
    told[b"ARROW:extension:metadata"] = json.dumps({"crs": frame.crs and frame.crs.to_json_dict()}).encode()
    field = pyarrow.field("geometry", pyarrow.binary(), metadata=told)
    return table.append_column(field, pyarrow.array(wkb, pyarrow.binary()))


READERS = {"pyarrow": by_pyarrow, "polars": by_polars, "duckdb": by_duckdb, "geopandas": by_geopandas}


def values(who, array):
    """A column's values, in the units of `column.values`."""
    kind = array.type
    if pyarrow.types.is_time64(kind):
        micros = array.cast(pyarrow.int64()).to_pylist()
        scale = {"us": 1, "ns": 1000}[kind.unit]
        return [None if value is None else value // scale for value in micros]
    return column.values(array)


def compare(tally, who, src, read, layer):
    """Compares all that one reader gives of a layer with the source."""
    try:
        table = read(layer)
    except Exception as error:
        tally.complain(who, src.name, f"cannot be read: {error!r}")
        return
    what = src.name
    expected = src.columns()
    tally.equal(who, f"{what}: rows", table.num_rows, len(src.rows))
    names = [name for name in table.column_names if name != "geometry"]
    tally.equal(who, f"{what}: columns", names, list(expected))
    # Rows come by object id, if the reader keeps to their order.
    order = sorted(range(table.num_rows), key=table[src.object_id].to_pylist().__getitem__)
    for name, wanted in expected.items():
        if name not in table.column_names:
            continue
        got = values(who, table[name])
        got = [got[at] for at in order]
        tally.equal(who, f"{what}.{name}: nulls", got.count(None), wanted.count(None))
        numbers = [value for value in wanted if isinstance(value, int)]
        if numbers:
            tally.equal(who, f"{what}.{name}: sum", sum(value for value in got if value is not None), sum(numbers))
        if not tally.equal(who, f"{what}.{name}: checksum", column.checksum(got), column.checksum(wanted)):
            odd = [(have, want) for have, want in zip(got, wanted) if repr(have) != repr(want)]
            tally.complain(who, f"{what}.{name}", f"e.g. {odd[:3]}")
    if src.geometries is None:
        tally.equal(who, f"{what}: no geometry", "geometry" in table.column_names, False)
        return
    shapes = table["geometry"].to_pylist()
    shapes = [None if shapes[at] is None else shapely.from_wkb(bytes(shapes[at])) for at in order]
    odd = [
        at
        for at, (got, want) in enumerate(zip(shapes, src.geometries))
        if not column.same_geometry(got, want, TOLERANCE)
    ]
    tally.holds(who, f"{what}.geometry: equal", not odd, f"{len(odd)} differ, the first in row {odd[:1]}")
    wanted = pyproj.CRS.from_user_input(src.crs)
    crs = said_crs(table.schema.field("geometry"))
    same = crs is not None and crs.equals(wanted, ignore_axis_order=True)
    tally.holds(who, f"{what}: reference system", same, f"{crs and crs.to_string()} is not {src.crs}")


def check_bytes(tally, run, module, url, name):
    """Byte for byte the WKB of the GeoParquet file, whose bytes other suites look at."""
    path = run.folder("streams") / f"{name}.parquet"
    done = run.export(url, path, "--order", "id")
    tally.equal("export", f"{name}: exit code", done.returncode, 0)
    wanted = pyarrow.parquet.read_table(path)["geometry"].to_pylist()
    for who in ("pyarrow", "polars"):
        got = READERS[who](module.open(url))["geometry"].to_pylist()
        tally.equal(who, f"{name}: bytes of geometry", got, wanted)


def check_questions(tally, module, url, src):
    """Conditions, fields and batches, and the numbers that DuckDB makes of a layer."""
    few = module.open(url, condition="OBJECTID > 2 AND OBJECTID < 7", fields=["c_Integer"], batch_rows=2)
    batches = list(pyarrow.RecordBatchReader.from_stream(few))
    tally.equal("pyarrow", "rows of a condition", [batch.num_rows for batch in batches], [2, 2])
    tally.equal("pyarrow", "fields", batches[0].schema.names, ["c_Integer", "geometry"])
    layer = module.open(url)
    numbers = [value for value in src.columns()["c_BigInteger"] if value is not None]
    with duckdb.connect() as connection:
        found = connection.from_arrow(layer).aggregate("count(*), count(c_BigInteger), sum(c_BigInteger)").fetchone()
        tally.equal("duckdb", "numbers", found, (len(src.rows), len(numbers), sum(numbers)))
        found = connection.sql("SELECT max(OBJECTID) FROM layer").fetchone()
        tally.equal("duckdb", "a layer as a table", found, (len(src.rows),))
    tally.equal("polars", "frame", polars.DataFrame(layer)["OBJECTID"].sum(), sum(range(1, len(src.rows) + 1)))


def check_failures(tally, module, urls):
    """A layer that fails midway is an exception to every reader, and never a table that is too short."""
    for name, said in [("misfit", "70000"), ("lossy", "8")]:
        for who, read in READERS.items():
            try:
                table = read(module.open(urls[name], batch_rows=3))
                tally.complain(who, name, f"was read, with {table.num_rows} rows")
            except Exception as error:
                tally.holds(who, f"{name}: the error says what", said in str(error), repr(error))
    # Rows come before the error, which comes in their place.
    reader = pyarrow.RecordBatchReader.from_stream(module.open(urls["misfit"], batch_rows=3))
    tally.equal("pyarrow", "misfit: the rows before", reader.read_next_batch()["OBJECTID"].to_pylist(), [1, 2, 3])
    try:
        reader.read_all()
        tally.complain("pyarrow", "misfit: the rows behind", "came")
    except pyarrow.ArrowException as error:
        tally.holds("pyarrow", "misfit: the error behind rows", "70000" in str(error), repr(error))
    for wrong, kind in [("nonsense", ValueError), (urls["misfit"] + "7", OSError)]:
        try:
            module.open(wrong)
            tally.complain("python", wrong, "was opened")
        except Exception as error:
            tally.holds("python", f"no layer: {kind.__name__}", isinstance(error, kind), repr(error))
    try:
        module.open(urls["misfit"], condition="NOTHING = 1").__arrow_c_stream__()
        tally.complain("python", "a condition that does not fit", "was taken")
    except OSError as error:
        tally.holds("python", "a condition that does not fit", "NOTHING" in str(error), repr(error))


def resident():
    """The memory of this process, in bytes; none where the system does not say it so."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


def check_memory(tally, module, url):
    """What was read and dropped comes back, and so does what was asked for and never read."""
    size = MANY * LONG

    def rounds(count):
        for _ in range(count):
            table = by_pyarrow(module.open(url))
            tally.equal("pyarrow", "many: rows", table.num_rows, MANY)
            del table
            # Of the first batch alone, and of none at all.
            pyarrow.RecordBatchReader.from_stream(module.open(url)).read_next_batch()
            module.open(url).__arrow_c_stream__()
        gc.collect()

    rounds(3)
    before = resident()
    rounds(8)
    after = resident()
    if before is None or after is None:
        print("  memory: skipped: this system does not say how much a process has")
        return
    print(f"  memory: {(after - before) / 1e6:.1f} MB more after 8 tables of {size / 1e6:.0f} MB")
    tally.holds("pyarrow", "memory comes back", after - before < 3 * size, f"{after - before} bytes more")


def service_layers(folder):
    """The layers made by hand, and those that fail or are large."""
    made = source.make(folder)
    number = source._field("small", "SmallInteger")

    def write(name, rows, fields, **more):
        src = source._layer(name, rows, kind="esriGeometryPoint", fields=fields)
        src.definition |= more
        src.write_lines(folder)

    place = {"x": 1.0, "y": 2.0}
    write("misfit", [({"small": 70000 if at == 10 else at}, place, None) for at in range(20)], [number])
    write("lossy", [({"small": at}, place, None) for at in range(20)], [number], unservable=8)
    text = source._field("text", "String")
    rows = [({"text": f"{at:06d}" + "x" * (LONG - 6)}, place, None) for at in range(MANY)]
    write("many", rows, [text], maxRecordCount=2000)
    return made


def main():
    run = Run.of(sys.argv[1:])
    tally = Tally()
    module = load(run)
    shutil.rmtree(run.work / "streams/lines", ignore_errors=True)
    folder = run.folder("streams/lines")
    made = service_layers(folder)
    with server.running([run.service, folder]) as service:
        urls = service["layers"]
        for src in made:
            layer = module.open(urls[src.name])
            tally.equal("python", f"{src.name}: name", layer.name, src.name)
            for who, read in READERS.items():
                if who == "geopandas" and src.geometries is None:
                    continue  # It refuses tables without geometry.
                compare(tally, who, src, read, layer)
        for src in made:
            if src.geometries is not None:
                check_bytes(tally, run, module, urls[src.name], src.name)
        check_questions(tally, module, urls["every_type"], made[0])
        check_failures(tally, module, urls)
        check_memory(tally, module, urls["many"])
    tally.close(run.tally)


if __name__ == "__main__":
    main()
