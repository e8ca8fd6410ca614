"""Suite `partitions`: a dataset in several files reads as the single file does, by whoever reads it.

    python partitions.py <arcgis> <lines_service> <repository> <work folder> <tally.json> <module>

Each reader's columns, types, rows, values and geometries of the folder are compared with what the same reader gives of one
file with the same rows. What `docs/partitions.md` says of the readers' other ways to read a folder is looked at too.
"""

import json
import pathlib
import shutil
import sys

import datafusion
import geopandas
import pandas
import polars
import pyarrow
import pyarrow.compute
import pyarrow.dataset
import pyarrow.parquet
import pyproj

import column
import readers
import server
import source
from run import Run
from tally import Tally

INDEX = "_index.json"
NULL = "__HIVE_DEFAULT_PARTITION__"

# The layer, the name of the dataset, how it is cut, and how both are written besides.
DATASETS = [
    ("places", "by-name", ["--partition-by", "adm0name"], []),
    ("places", "by-two", ["--partition-by", "featurecla,worldcity"], []),
    ("places", "by-nulls", ["--partition-by", "meganame"], ["--order", "id"]),
    ("places", "in-2.0", ["--partition-by", "scalerank"], ["--geoparquet-version", "2.0"]),
    ("places", "native", ["--partition-by", "rank_max"], ["--geometry-encoding", "native"]),
    ("places", "labels", ["--partition-by", "featurecla"], ["--domains", "label"]),
    ("places", "both", ["--partition-by", "featurecla"], ["--domains", "both"]),
    ("places", "limited", ["--partition-by", "iso_a2"], ["--limit", "999"]),
    ("places", "of-rows", ["--partition-by", "adm0cap", "--partition-rows", "1000"], []),
    ("places", "spatial-rows", ["--partition", "spatial", "--partition-rows", "500"], []),
    ("countries", "spatial", ["--partition", "spatial", "--partition-size", "1M"], []),
    ("countries", "by-continent", ["--partition-by", "continent"], []),
    ("rivers", "by-rank", ["--partition-by", "scalerank"], []),
    ("every_type", "by-text", ["--partition-by", "c_String"], []),
    ("every_type", "by-int16", ["--partition-by", "c_SmallInteger"], []),
    ("every_type", "by-int32", ["--partition-by", "c_Integer"], []),
    ("every_type", "by-int64", ["--partition-by", "c_BigInteger"], []),
    ("every_type", "by-day", ["--partition-by", "c_DateOnly"], []),
    ("plain_table", "by-text", ["--partition-by", "c_String"], []),
    ("codes", "by-code", ["--partition-by", "code"], []),
    ("no_rows", "empty", ["--partition-by", "note"], []),
    ("no_rows", "spatial", ["--partition", "spatial"], []),
]

# With rows enough in each file for gpio to have something to say.
CHECKED = ["by-name", "in-2.0", "native", "spatial-rows", "spatial", "by-continent", "empty"]

# Texts that look like numbers, dates or nothing, that differ by case alone, or that no file system takes as they are.
CODES = ["06", "6", "1e3", "2020-01-01", "true", "null", "NULL", NULL, "a", "A", " a ", "a/b", "a\\b", "c=d", "50%", "a+b",
         "ü ñ", "日本", "u\u0308", "dot.", "..", "a:b?*|<>\"", "tab\t", "[x]{y}*", None, ""]


def codes():
    """A layer whose texts are hard to put into names of folders."""
    rows = [({"code": code}, {"x": number, "y": number % 7}, None) for number, code in enumerate(CODES * 3)]
    fields = [source._field("code", "String", length=40)]
    return source._layer("codes", rows, kind="esriGeometryPoint", fields=fields)


def geometry_as_bytes(table):
    """Native coordinates as text, so that they can be compared as everything else."""
    if "geometry" in table.column_names:
        values = table["geometry"]
        if not (pyarrow.types.is_binary(values.type) or pyarrow.types.is_large_binary(values.type)):
            values = pyarrow.array([repr(value) for value in values.to_pylist()], pyarrow.string())
            table = table.set_column(table.column_names.index("geometry"), "geometry", values)
    return table


def in_microseconds(values):
    """Times of day and moments of readers that have them in nanoseconds."""
    kind = values.type
    if getattr(kind, "unit", None) != "ns":
        return values
    zone = {"tz": kind.tz} if pyarrow.types.is_timestamp(kind) else {}
    return values.cast(pyarrow.timestamp("us", **zone) if zone else pyarrow.time64("us"))


def with_pyarrow(path):
    return pyarrow.dataset.dataset(path).to_table()


def with_geopandas(path):
    exact = {"types_mapper": pandas.ArrowDtype}
    try:
        frame = geopandas.read_parquet(path, partitioning=None, to_pandas_kwargs=exact)
    except ValueError as error:
        # It refuses files without a geometry column, which are pandas' to read.
        if "Missing geo metadata" not in str(error) or "table" not in path:
            raise
        frame = pandas.read_parquet(path, partitioning=None, dtype_backend="pyarrow")
        return pyarrow.Table.from_pandas(frame, preserve_index=False)
    # Of a folder it keeps the bounding boxes, of a single file it does not.
    plain = frame.drop(columns=["geometry", "bbox"], errors="ignore")
    table = pyarrow.Table.from_pandas(pandas.DataFrame(plain), preserve_index=False)
    wkb = [None if geometry is None else geometry.wkb for geometry in frame.geometry]
    table = table.append_column("geometry", pyarrow.array(wkb, pyarrow.binary()))
    return table.append_column("crs", pyarrow.array([frame.crs.to_string()] * len(frame), pyarrow.string()))


def with_duckdb(connection):
    def read(path):
        files = path if path.endswith(".parquet") else f"{path}/**/*.parquet"
        return connection.execute(f"FROM read_parquet('{files}', hive_partitioning = false)").to_arrow_table()

    return read


def with_datafusion(path):
    context = datafusion.SessionContext()
    context.register_parquet("rows", path)
    return pyarrow.table(context.sql("SELECT * FROM rows").to_arrow_table())


def with_polars(path):
    files = path if path.endswith(".parquet") else f"{path}/**/*.parquet"
    return polars.read_parquet(files, hive_partitioning=False).to_arrow()


def compare(tally, who, what, one, several, object_id):
    """What a reader gives of one file and of several."""
    tally.equal(who, f"{what}: columns", several.column_names, one.column_names)
    types = [[str(field.type) for field in table.schema] for table in (several, one)]
    tally.equal(who, f"{what}: types", *types)
    tally.equal(who, f"{what}: rows", several.num_rows, one.num_rows)
    one, several = (geometry_as_bytes(table) for table in (one, several))
    orders = [pyarrow.compute.sort_indices(table[object_id]).to_pylist() for table in (one, several)]
    for name in one.column_names:
        if name not in several.column_names:
            continue
        sums = []
        for table, order in zip((one, several), orders):
            values = column.values(in_microseconds(table[name]))
            sums.append(column.checksum(values[at] for at in order))
        tally.equal(who, f"{what}.{name}: checksum", sums[1], sums[0])


def check_index(tally, what, folder, report):
    """The index, each file and the report say the same."""
    index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    tally.equal("index", f"{what}: files", sorted([INDEX, *(file["file"] for file in index["files"])]), files)
    names = [path.lower() for path in files]
    tally.equal("index", f"{what}: names by case", len(set(names)), len(names))
    rows = 0
    for file in index["files"]:
        path = folder / file["file"]
        parquet = pyarrow.parquet.ParquetFile(path)
        rows += parquet.metadata.num_rows
        tally.equal("index", f"{what} {file['file']}: rows", file["rows"], parquet.metadata.num_rows)
        tally.equal("index", f"{what} {file['file']}: bytes", file["bytes"], path.stat().st_size)
        footer = parquet.metadata.metadata
        tally.equal("index", f"{what} {file['file']}: arcgis:rows", int(footer[b"arcgis:rows"]), file["rows"])
        values = json.loads(footer.get(b"arcgis:partition", b"{}"))
        tally.equal("index", f"{what} {file['file']}: values", values, file.get("values", {}))
        if b"geo" in footer:
            geo = json.loads(footer[b"geo"])
            box = geo["columns"]["geometry"].get("bbox")
            tally.equal("index", f"{what} {file['file']}: extent", file.get("extent"), box)
        for name, value in values.items():
            there = parquet.read(columns=[name])[name].unique().to_pylist()
            there = [str(day) if hasattr(day, "isoformat") else day for day in there]
            tally.equal("index", f"{what} {file['file']}: {name}", there, [value])
    tally.equal("index", f"{what}: all rows", index["rows"], rows)
    tally.equal("report", f"{what}: rows", report["rows"], rows)
    tally.equal("report", f"{what}: files", report["partitions"]["files"], len(index["files"]))
    return index


def folder_names(tally, connection, folder, index, columns):
    """Who goes by the names of folders gets the values too, as far as a name can tell."""
    names = ", ".join(f'"{name}"' for name in columns)
    types = ", ".join(f"'{name}': VARCHAR" for name in columns)
    sql = f"SELECT DISTINCT {names} FROM read_parquet('{folder}/**/*.parquet', hive_types = {{{types}}})"
    got = {tuple(row) for row in connection.execute(sql).fetchall()}
    expected = {
        tuple(None if value is None else str(value) for value in file["values"].values()) for file in index["files"]
    }
    tally.equal("duckdb", f"{folder.name}: values by the names of folders", got, expected)
    for name in columns:
        for value in {file["values"][name] for file in index["files"]} - {None}:
            wanted = sum(file["rows"] for file in index["files"] if file["values"][name] == value)
            if isinstance(value, str) and len(index["files"]) > 40:
                continue
            rows = connection.execute(
                f"SELECT count(*) FROM read_parquet('{folder}/**/*.parquet', hive_types = {{{types}}}) "
                f'WHERE "{name}" = ?',
                [str(value)],
            ).fetchone()[0]
            tally.equal("duckdb", f"{folder.name}: rows with {name} = {value!r}", rows, wanted)


def other_ways(tally, connection, folder, one):
    """What the documentation says of other ways to read a folder whose texts look like numbers."""
    try:
        pyarrow.parquet.read_table(folder)
        said = "read"
    except (pyarrow.ArrowTypeError, pyarrow.ArrowInvalid) as error:
        said = str(error)
    tally.holds("pyarrow", "read_table without partitioning=None refuses", "Unable to merge" in said, said)
    table = pyarrow.parquet.read_table(folder, partitioning=None)
    tally.equal("pyarrow", "read_table with it: rows", table.num_rows, one.num_rows)
    tally.equal("pyarrow", "read_table with it: types", table.schema.types, one.schema.types)
    context = datafusion.SessionContext()
    context.sql("SET datafusion.execution.listing_table_factory_infer_partitions = false")
    context.sql(f"CREATE EXTERNAL TABLE rows STORED AS PARQUET LOCATION '{folder}/'")
    rows = context.sql("SELECT count(*) AS n FROM rows").to_pydict()["n"][0]
    tally.equal("datafusion", "CREATE EXTERNAL TABLE: rows", rows, one.num_rows)
    rows = connection.execute(f"SELECT count(*) FROM '{folder}/**/*.parquet'").fetchone()[0]
    tally.equal("duckdb", "by default: rows", rows, one.num_rows)


def main():
    run = Run.of(sys.argv[1:])
    tally = Tally()
    work = run.folder("partitions")
    shutil.rmtree(work)
    work.mkdir()
    connection = readers.connect_duckdb(run.work)
    every = {
        "pyarrow": with_pyarrow,
        "geopandas": with_geopandas,
        "duckdb": with_duckdb(connection),
        "datafusion": with_datafusion,
        "polars": with_polars,
    }
    lines = run.folder("partition-lines")
    for old in lines.glob("*.ndjson"):
        old.unlink()
    made = [*source.make(lines), codes()]
    made[-1].write_lines(lines)
    with server.running([run.service, lines]) as service:
        urls = {src.name: service["layers"][src.name] for src in made}
        urls |= {name: f"demo:{name}" for name in ("places", "rivers", "countries")}
        for layer, name, cut, options in DATASETS:
            what = f"{layer}-{name}"
            folder, file, report = work / what, work / f"{what}.parquet", work / f"{what}.json"
            # Twice: the second time it takes the place of the first.
            runs = [run.export(urls[layer], f"{folder}/", *cut, *options, "--report", str(report)) for _ in range(2)]
            runs.append(run.export(urls[layer], file, *options))
            if not tally.equal("export", f"{what}: exit codes", [done.returncode for done in runs], [0, 0, 0]):
                tally.complain("export", what, "".join(done.stderr for done in runs))
                continue
            tally.equal("export", f"{what}: left over", [path.name for path in work.glob(".*")], [])
            index = check_index(tally, what, folder, json.loads(report.read_text(encoding="utf-8")))
            for who, read in every.items():
                if who == "polars" and name == "in-2.0":
                    continue  # It has no reader for Parquet's type GEOMETRY, in a single file neither.
                try:
                    one, several = read(str(file)), read(str(folder))
                except Exception as error:
                    tally.complain(who, what, f"cannot be read: {error!r}")
                    continue
                compare(tally, who, what, one, several, "OBJECTID")
            if index["columns"] and index["rows"] and layer != "codes":
                folder_names(tally, connection, folder, index, index["columns"])
            if layer == "codes":
                other_ways(tally, connection, folder, with_pyarrow(str(file)))
            if name in CHECKED:
                files = [folder / file["file"] for file in index["files"]]
                for path in {files[0], files[-1]}:
                    checked = what if index["rows"] else "no_rows"
                    kinds = ["spec"] if name == "native" else ["all", "spec"]
                    readers.check_gpio(tally, run, checked, path, kinds)
    tally.close(run.tally)


if __name__ == "__main__":
    main()
