"""Suite `koop`: what `arcgis export` gets out of a Koop server is the GeoJSON that it serves.

    python koop.py <arcgis> <lines_service> <repository> <work folder> <tally.json> <module>
"""

import json
import math
import os
import sys

import pyarrow.parquet
import shapely
import shapely.geometry

import column
import server
import source
from run import Run
from tally import Tally

TOLERANCE = 1e-9


def point(*position):
    return {"type": "Point", "coordinates": list(position)}


def ring(left, low, right, high):
    return [[left, low], [right, low], [right, high], [left, high], [left, low]]


def feature(properties, geometry):
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def collection(features, **metadata):
    """A file for Koop, whose provider reads settings out of the member `metadata`."""
    return {"type": "FeatureCollection", "metadata": metadata, "features": features}


def demo(run):
    """The demo layers as GeoJSON: real points, lines, and polygons with holes and parts."""
    for src in source.demo(run.demo_data):
        features = [
            feature(row["attributes"], geometry and shapely.geometry.mapping(geometry))
            for row, geometry in zip(src.rows, src.geometries)
        ]
        # Koop guesses a type by the first row and takes a null for text: the fields are told.
        kinds = {"esriFieldTypeString": "String", "esriFieldTypeDouble": "Double", "esriFieldTypeSingle": "Double"}
        fields = [{"name": field["name"], "type": kinds.get(field["type"], "Integer")} for field in src.fields]
        yield src.name, collection(features, idField="OBJECTID", fields=fields)


def hashed(count):
    """Rows without ids, more than a page of them: Koop makes ids of 31 bits out of their contents."""
    return [feature({"name": f"row {n}", "part": n + 0.5}, point(n / 7 - 100, n / 90 - 20)) for n in range(count)]


def made():
    """Layers made by hand, each with what a server that infers everything gets wrong most."""
    yield "hashed_ids", collection(hashed(4500))
    yield "equal_rows", collection([*hashed(3), *hashed(2)])
    yield "doubled_ids", collection(
        [
            feature({"id": 1, "name": "first"}, point(1, 2)),
            feature({"id": 1, "name": "also first"}, point(3, 4)),
            feature({"id": 2, "name": "second"}, point(5, 6)),
        ],
        idField="id",
    )
    yield "large_ids", collection(
        [feature({"id": 2**31 + n * 2**40, "name": str(n)}, point(n, n)) for n in range(5)], idField="id"
    )
    yield "null_geometries", collection(
        [feature({"name": f"n{n}"}, None if n % 3 == 1 else point(n, -n / 3)) for n in range(10)]
    )
    yield "null_first", collection([feature({"name": f"n{n}"}, point(n, n) if n else None) for n in range(4)])
    yield "no_geometry", collection([feature({"name": f"n{n}", "count": n}, None) for n in range(4)])
    yield "mixed", collection(
        [
            feature({"name": "point"}, point(8.5, 47.25)),
            feature({"name": "line"}, {"type": "LineString", "coordinates": [[0, 0], [1, 1], [2, 0.125]]}),
            feature({"name": "polygon"}, {"type": "Polygon", "coordinates": [ring(0, 0, 1, 1)]}),
            feature({"name": "nothing"}, None),
        ]
    )
    yield "lines", collection(
        [
            feature({"name": "one"}, {"type": "LineString", "coordinates": [[0, 0], [1.5, 1], [2, 0.125]]}),
            feature(
                {"name": "two"},
                {"type": "MultiLineString", "coordinates": [[[0, 0], [1, 1]], [[5, 5], [6, 6], [7, 5]]]},
            ),
        ]
    )
    yield "multipoints", collection(
        [feature({"name": "several"}, {"type": "MultiPoint", "coordinates": [[0, 0], [1.5, 1], [-2, 0.125]]})]
    )
    yield "holes", collection(
        [
            feature(
                {"name": "two holes"},
                {"type": "Polygon", "coordinates": [ring(0, 0, 10, 10), ring(1, 1, 3, 3), ring(5, 5, 9, 9)]},
            ),
            feature(
                {"name": "parts, one with a hole, one in the hole"},
                {
                    "type": "MultiPolygon",
                    "coordinates": [
                        [ring(20, 0, 30, 10), ring(22, 2, 28, 8)],
                        [ring(24, 4, 26, 6)],
                        [ring(40, 0, 41, 1)],
                    ],
                },
            ),
        ]
    )
    yield "heights", collection([feature({"name": f"n{n}"}, point(n, n, 100.5 + n)) for n in range(3)])
    yield "line_heights", collection(
        [
            feature({"name": "all"}, {"type": "LineString", "coordinates": [[0, 0, 5], [1, 1, 6], [2, 0, 7]]}),
            feature({"name": "not all"}, {"type": "LineString", "coordinates": [[0, 0, 0], [1, 1, 6], [3, 0, 7]]}),
        ]
    )
    yield "values", collection(
        [
            feature(
                {
                    "text": text,
                    "whole": whole,
                    "fraction": fraction,
                    "flag": flag,
                    "day": day,
                    "list": [1, "two"],
                },
                point(number, 0),
            )
            for number, (text, whole, fraction, flag, day) in enumerate(
                [
                    ("aß漢🌍 'x' \"y\"", -(2**31), 0.1, True, "2024-02-29T12:30:00.125Z"),
                    ("x" * 4000, 2**31 - 1, -1e300, False, "1901-12-13T20:45:52.000Z"),
                    ("", 0, 1 / 3, True, "9999-12-31T23:59:59.999Z"),
                    (None, None, None, None, None),
                ]
            )
        ]
    )
    yield "empty", collection([])


# What a file cannot hold as it is served, and the words that the refusal has to say.
REFUSED = {
    # The first row makes the column whole numbers of 32 bits, for Koop; a later row has a fraction.
    "narrow_type": (
        collection([feature({"v": 0}, point(0, 0)), feature({"v": 0.5}, point(1, 1))]),
        ["column v", "0.5"],
    ),
    "narrow_integer": (
        collection([feature({"v": 1}, point(0, 0)), feature({"v": 2**53 - 1}, point(1, 1))]),
        ["column v"],
    ),
}


def wanted(value):
    """A property as Koop says it serves it: flags as text, lists as JSON text, ISO dates in milliseconds."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return json.dumps(value, separators=(",", ":"))
    if isinstance(value, str) and len(value) == 24 and value.endswith("Z"):
        return source.moment(value)
    return value


def same(got, want):
    if isinstance(got, float) or isinstance(want, float):
        return got is not None and want is not None and math.isclose(got, want, rel_tol=0, abs_tol=0)
    return got == want


def compare(tally, name, geojson, path):
    """Each feature of the source with the row that has its properties; geometry and attributes."""
    table = pyarrow.parquet.ParquetFile(path).read()
    features = geojson["features"]
    tally.equal("koop", f"{name}: rows", table.num_rows, len(features))
    if table.num_rows != len(features):
        return
    rows = {title: column.values(table[title]) for title in table.column_names if title not in ("geometry", "bbox")}
    wkb = table["geometry"].to_pylist() if "geometry" in table.column_names else [None] * len(features)
    titles = list(dict.fromkeys(title for each in features for title in each["properties"]))
    tally.equal("koop", f"{name}: columns", sorted(set(rows) - {"OBJECTID"}), sorted(set(titles) - {"OBJECTID"}))

    # Which row belongs to which feature is told by what they hold: ids are Koop's own, and order is the id's.
    def by_value(values):
        return repr([None if value is None else value for value in values])

    order = sorted(range(len(features)), key=lambda at: by_value(rows[title][at] for title in titles))
    expected = sorted(features, key=lambda each: by_value(wanted(each["properties"].get(title)) for title in titles))
    for at, each in zip(order, expected):
        for title in titles:
            got, want = rows[title][at], wanted(each["properties"].get(title))
            tally.holds("koop", f"{name}.{title}", same(got, want), f"{got!r} is not {want!r}")
        got = None if wkb[at] is None else shapely.from_wkb(wkb[at])
        # Koop's metadata say that no layer has z.
        want = each["geometry"] and shapely.force_2d(shapely.geometry.shape(each["geometry"]))
        equal = column.same_geometry(got, want, TOLERANCE)
        if not equal and want is not None and want.geom_type == "MultiLineString":
            # Koop's PBF leaves out parts without length, which real data have.
            equal = column.same_geometry(got, with_length(want), TOLERANCE)
        tally.holds("koop", f"{name}.geometry", equal, f"{got} is not {want}")


def with_length(lines):
    parts = [line for line in lines.geoms if line.length > 0]
    return parts[0] if len(parts) == 1 else shapely.MultiLineString(parts)


def start(run, *arguments):
    return server.running(
        ["node", run.repository / "xtask/scripts/interop/koop_server.js", *arguments],
        cwd=run.work / "node",
        env={**os.environ, "SUPPRESS_NO_CONFIG_WARNING": "true"},
        stderr=open(run.work / "koop.log", "a", encoding="utf-8"),
    )


def secured(tally, run, name, geojson, data):
    """Koop with its token plug-in: nothing without a sign-in, all with it."""
    users = run.work / "users.json"
    users.write_text(json.dumps([{"username": "anna", "password": "s3cret & co"}]))
    with start(run, data, users) as koop:
        url, out = f"{koop['root']}/rest/services/{name}/FeatureServer/0", run.folder("koop-out") / "secured.parquet"
        out.unlink(missing_ok=True)
        done = run.export(url, out)
        tally.equal("koop-secured", "without a token: exit code", done.returncode, 3)
        tally.holds("koop-secured", "without a token: no file", not out.exists())
        sign_in = ["--user", "anna", "--password-stdin", "--portal", koop["root"]]
        done = run.export(url, out, *sign_in, input="wrong\n")
        tally.equal("koop-secured", "with a wrong password: exit code", done.returncode, 3)
        done = run.export(url, out, *sign_in, input="s3cret & co\n")
        if tally.equal("koop-secured", "signed in: exit code", done.returncode, 0):
            rows = pyarrow.parquet.ParquetFile(out).metadata.num_rows
            tally.equal("koop-secured", "signed in: rows", rows, len(geojson["features"]))
        else:
            tally.complain("koop-secured", "signed in", done.stderr)


def main():
    run = Run.of(sys.argv[1:])
    tally = Tally()
    data, out = run.folder("geojson"), run.folder("koop-out")
    for old in [*data.glob("*"), *out.glob("*")]:
        old.unlink()
    (run.work / "koop.log").unlink(missing_ok=True)
    layers = {**dict(demo(run)), **dict(made())}
    for name, geojson in [*layers.items(), *((name, refused[0]) for name, refused in REFUSED.items())]:
        (data / f"{name}.geojson").write_text(json.dumps(geojson), encoding="utf-8")

    with start(run, data) as koop:
        for name, geojson in layers.items():
            path = out / f"{name}.parquet"
            done = run.export(f"{koop['root']}/rest/services/{name}/FeatureServer/0", path)
            if tally.equal("koop", f"{name}: exit code", done.returncode, 0):
                compare(tally, name, geojson, path)
            else:
                tally.complain("koop", name, done.stderr)
        for name, (_, words) in REFUSED.items():
            path = out / f"{name}.parquet"
            done = run.export(f"{koop['root']}/rest/services/{name}/FeatureServer/0", path)
            tally.equal("koop-refused", f"{name}: exit code", done.returncode, 4)
            tally.equal("koop-refused", f"{name}: words", [word for word in words if word not in done.stderr], [])
            tally.holds("koop-refused", f"{name}: no file", not path.exists())
    secured(tally, run, "places", layers["places"], data)
    tally.close(run.tally)


if __name__ == "__main__":
    main()
