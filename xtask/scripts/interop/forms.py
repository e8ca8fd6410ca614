"""The forms of GeoParquet, and what columns can hold: each export beside that with the defaults, by other readers."""

import json

import geopandas
import pyarrow.parquet
import shapely

# Names with the options, and the encodings and versions that the footer should say.
FORMS = [
    ("2.0", ["--geoparquet-version", "2.0"], "2.0.0"),
    ("native", ["--geometry-encoding", "native"], "1.1.0"),
]


def sorted_frame(path):
    return geopandas.read_parquet(path).sort_values("OBJECTID").reset_index(drop=True)


def many(geometry):
    """A geometry as the type for many of its kind."""
    if geometry is None or geometry.geom_type.startswith("Multi") or geometry.geom_type == "Point":
        return geometry
    return {"LineString": shapely.MultiLineString, "Polygon": shapely.MultiPolygon}[geometry.geom_type](
        [] if geometry.is_empty else [geometry]
    )


def check(tally, run, files, layers, connection, check_gpio):
    """Exports each layer in each form and compares it with the export by default."""
    for layer in layers:
        plain = files / f"{layer}.parquet"
        expected = sorted_frame(plain)
        for name, options, version in FORMS:
            what, path = f"{layer} {name}", files / f"{layer}-form-{name}.parquet"
            done = run.export(f"demo:{layer}", path, *options)
            if not tally.equal("export", f"{what}: exit code", done.returncode, 0):
                tally.complain("export", what, done.stderr)
                continue
            geo = json.loads(pyarrow.parquet.read_metadata(path).metadata[b"geo"])
            tally.equal("pyarrow", f"{what}: version", geo["version"], version)
            frame = sorted_frame(path)
            tally.equal("geopandas", f"{what}: rows", len(frame), len(expected))
            tally.holds("geopandas", f"{what}: reference system", frame.crs == expected.crs, f"{frame.crs}")
            pairs = zip(frame.geometry, expected.geometry, strict=True)
            odd = sum(
                (got is None) != (want is None)
                or (got is not None and not got.equals_exact(many(want) if name == "native" else want, 0))
                for got, want in pairs
            )
            tally.equal("geopandas", f"{what}: geometries that differ", odd, 0)
            types = sorted({geometry.geom_type for geometry in frame.geometry if geometry is not None})
            told = geo["columns"]["geometry"]["geometry_types"]
            tally.equal("geopandas", f"{what}: types", types, told)
            columns = [column for column in expected.columns if column not in ("geometry", "bbox")]
            same = frame[columns].equals(expected[columns])
            tally.holds("geopandas", f"{what}: attributes", same, "they differ")
            rows = connection.execute(f"SELECT count(*) FROM read_parquet('{path}')").fetchone()[0]
            tally.equal("duckdb", f"{what}: rows", rows, len(expected))
            if name == "2.0":
                box = connection.execute(
                    f"SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e) FROM "
                    f"(SELECT ST_Extent_Agg(geometry) AS e FROM read_parquet('{path}'))"
                ).fetchone()
                tally.equal("duckdb", f"{what}: bounds", list(box), list(expected.total_bounds))
            # Points in columns of their own have no boxes beside, which gpio recommends whatever the encoding.
            kinds = ("spec",) if (layer, name) == ("places", "native") else ("all", "spec")
            check_gpio(tally, run, what, path, kinds)


def check_repair(tally, run, files):
    """Polygons that are not valid, and those alone, become what GEOS makes of them."""
    path = files / "countries-repaired.parquet"
    done = run.export("demo:countries", path, "--repair")
    if not tally.equal("export", "repair: exit code", done.returncode, 0):
        tally.complain("export", "repair", done.stderr)
        return
    before, after = sorted_frame(files / "countries.parquet"), sorted_frame(path)
    invalid = 0
    for oid, old, new in zip(before.OBJECTID, before.geometry, after.geometry, strict=True):
        if old.is_valid:
            tally.holds("shapely", f"repair: row {oid} stays", old.wkb == new.wkb, "it was changed")
            continue
        invalid += 1
        tally.holds("shapely", f"repair: row {oid} is valid", new.is_valid, shapely.is_valid_reason(new))
        wanted = shapely.make_valid(old, method="structure").area
        near = abs(new.area - wanted) <= 1e-9 * max(wanted, 1)
        tally.holds("shapely", f"repair: area of row {oid}", near, f"{new.area} is not {wanted}")
    tally.holds("shapely", "repair: there are invalid polygons", invalid > 0)
    print(f"  repair: {invalid} of {len(before)} polygons were not valid")


def check_columns(tally, run, files):
    """Options of columns, on the layer whose rows have codes, GUIDs and aliases if it has any."""
    path = files / "places-columns.parquet"
    done = run.export(
        "demo:places", path, "--domains", "dictionary", "--guids", "uuid", "--names", "alias", "--dates", "utc"
    )
    if not tally.equal("export", "columns: exit code", done.returncode, 0):
        tally.complain("export", "columns", done.stderr)
        return
    table = pyarrow.parquet.read_table(path)
    tally.equal("pyarrow", "columns: rows", table.num_rows, len(sorted_frame(files / "places.parquet")))
    tally.equal("pyarrow", "columns: names are there once", len(set(table.column_names)), table.num_columns)
