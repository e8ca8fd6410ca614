"""The rows that are served: the demo data, read here on their own, and layers made by hand.

Each source knows its rows as they are served, in Esri JSON, and the geometry that each should become.
"""

import base64
import dataclasses
import datetime
import io
import itertools
import json

import numpy
import pyarrow
import shapely

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
MICROSECOND = datetime.timedelta(microseconds=1)


@dataclasses.dataclass
class Source:
    """A layer: its definition, its rows, and the geometry of each row (None where it has none)."""

    name: str
    fields: list
    rows: list
    geometries: list | None
    wkid: int | None
    definition: dict
    crs: str | None = None

    @property
    def object_id(self):
        return next(field["name"] for field in self.fields if field["type"] == "esriFieldTypeOID")

    def columns(self):
        """What each column should hold, by column name, in the order of the rows."""
        columns = {}
        for field in self.fields:
            name, kind = field["name"], field["type"]
            values = [row["attributes"].get(name) for row in self.rows]
            columns[name] = [None if value is None else _value(kind, value) for value in values]
            if kind == "esriFieldTypeTimestampOffset":
                # The instant is one column, the offset in minutes another.
                columns[f"{name}_offset"] = [None if value is None else _offset(value) for value in values]
        return columns

    def write_lines(self, folder):
        with open(folder / f"{self.name}.ndjson", "w", encoding="utf-8") as out:
            for line in [self.definition, *self.rows]:
                out.write(json.dumps(line, ensure_ascii=False) + "\n")


def _value(kind, value):
    """An attribute as `column.values` gives it."""
    match kind:
        case "esriFieldTypeSingle":
            return float(numpy.float32(value))
        case "esriFieldTypeDouble":
            return float(value)
        case "esriFieldTypeDate":
            return value * 1000
        case "esriFieldTypeDateOnly":
            return (datetime.date.fromisoformat(value) - datetime.date(1970, 1, 1)).days
        case "esriFieldTypeTimeOnly":
            time = datetime.time.fromisoformat(value)
            return ((time.hour * 60 + time.minute) * 60 + time.second) * 1_000_000 + time.microsecond
        case "esriFieldTypeTimestampOffset":
            return moment(value)
        case "esriFieldTypeBlob":
            return base64.b64decode(value)
        case _:
            return value


def moment(text):
    """An ISO date with an offset, in microseconds since 1970."""
    return (datetime.datetime.fromisoformat(text) - EPOCH) // MICROSECOND


def _offset(value):
    return datetime.datetime.fromisoformat(value).utcoffset() // datetime.timedelta(minutes=1)


def demo(folder):
    """The demo layers, out of the files in `folder`."""
    for name in ("places", "rivers", "countries"):
        with pyarrow.CompressedInputStream(pyarrow.OSFile(str(folder / f"{name}.ndjson.zst")), "zstd") as lines:
            first, *rows = [json.loads(line) for line in io.TextIOWrapper(lines, encoding="utf-8")]
        yield Source(
            name=name,
            fields=first["fields"],
            rows=rows,
            geometries=[_geometry(row.get("geometry")) for row in rows],
            wkid=first["spatialReference"]["wkid"],
            definition=first,
            crs="EPSG:4326",
        )


def _geometry(esri):
    """A geometry of the demo data, whose outer rings run clockwise and come before their holes."""
    if esri is None:
        return None
    if "x" in esri:
        return shapely.Point(esri["x"], esri["y"])
    if "paths" in esri:
        return _one_or_many([shapely.LineString(path) for path in esri["paths"]], shapely.MultiLineString)
    shells, holes = [], []
    for ring in esri["rings"]:
        (holes if _area(ring) > 0 else shells).append(ring)
    polygons = [shapely.Polygon(shell) for shell in shells]
    inside = [[] for _ in shells]
    for hole in holes:
        middle = shapely.Polygon(hole).representative_point()
        around = [at for at, polygon in enumerate(polygons) if polygon.contains(middle)]
        inside[min(around, key=lambda at: polygons[at].area)].append(hole)
    parts = [shapely.Polygon(shell, inner) for shell, inner in zip(shells, inside)]
    return _one_or_many(parts, shapely.MultiPolygon)


def _area(ring):
    """The area, positive if the ring runs counter-clockwise, also where it touches itself."""
    return sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in itertools.pairwise(ring)) / 2


def _one_or_many(parts, many):
    return parts[0] if len(parts) == 1 else many(parts)


def _layer(name, rows, kind=None, fields=(), wkid=4326, crs="EPSG:4326", z=False, m=False):
    """A layer made by hand. Rows are (attributes, Esri geometry, expected geometry)."""
    fields = [{"name": "OBJECTID", "type": "esriFieldTypeOID", "alias": "OBJECTID", "nullable": False}, *fields]
    definition = {"name": name, "fields": fields, "objectIdField": "OBJECTID"}
    if kind:
        definition |= {"geometryType": kind, "spatialReference": {"wkid": wkid}, "hasZ": z, "hasM": m}
    served, geometries = [], []
    for number, (attributes, esri, expected) in enumerate(rows, start=1):
        row = {"attributes": {"OBJECTID": number, **attributes}}
        if esri is not None:
            row["geometry"] = esri
        served.append(row)
        geometries.append(expected)
    return Source(
        name=name,
        fields=fields,
        rows=served,
        geometries=geometries if kind else None,
        wkid=wkid if kind else None,
        definition=definition,
        crs=crs if kind else None,
    )


def _field(name, kind, **more):
    return {"name": name, "type": f"esriFieldType{kind}", "alias": name, "nullable": True, **more}


TYPES = {
    "SmallInteger": [-32768, 32767, None, 0],
    "Integer": [-2147483648, 2147483647, None, 0],
    "BigInteger": [-(2**63), 2**63 - 1, None, 2**53 + 1],
    "Single": [0.1, -3.4028234663852886e38, None, 16777216.0],
    "Double": [0.1, -1.7976931348623157e308, None, 5e-324],
    "String": ["", "aß漢🌍 'x' \"y\" \\ \n\t", None, "null"],
    "Date": [0, -1, None, 253402300799999],
    "DateOnly": ["1970-01-01", "0001-01-01", None, "9999-12-31"],
    "TimeOnly": ["00:00:00", "23:59:59.999", None, "12:30:00"],
    "TimestampOffset": [
        "2024-02-29T12:30:00+05:30",
        "1969-12-31T23:59:59.999-08:00",
        None,
        "2024-02-29T12:30:00.123+00:00",
    ],
    "GUID": ["{C9A23AB5-9B1B-4F4B-B7C2-2C9E4C3F7C3F}", "{00000000-0000-0000-0000-000000000000}", None, "c9a23ab5"],
    "GlobalID": [f"{{C9A23AB5-9B1B-4F4B-B7C2-2C9E4C3F7C3{digit}}}" for digit in "0123"],
    "XML": ['<?xml version="1.0"?><a b="1 &amp; 2">x</a>', "<ä/>", None, "<b/>"],
    "Blob": [base64.b64encode(bytes(range(256))).decode(), base64.b64encode(b"").decode(), None, "/w=="],
}


def made():
    """Every field type, every geometry type with what goes wrong most in each, several reference systems."""
    point, line, polygon = shapely.Point, shapely.LineString, shapely.Polygon
    yield _layer(
        "every_type",
        [
            (
                {f"c_{kind}": values[row % 4] for kind, values in TYPES.items()},
                {"x": row / 3, "y": -row / 7},
                point(row / 3, -row / 7),
            )
            for row in range(8)
        ],
        kind="esriGeometryPoint",
        fields=[_field(f"c_{kind}", kind) for kind in TYPES],
    )
    yield _layer(
        "plain_table",
        [({f"c_{kind}": values[row % 4] for kind, values in TYPES.items()}, None, None) for row in range(5)],
        fields=[_field(f"c_{kind}", kind) for kind in TYPES],
    )
    note = [_field("note", "String", length=50)]
    yield _layer(
        "points_z",
        [
            ({"note": "high"}, {"x": 2600000.5, "y": 1200000.25, "z": 4478.0}, point(2600000.5, 1200000.25, 4478)),
            ({"note": "none"}, None, None),
            ({"note": None}, {"x": 2485071.5, "y": 1110000.125, "z": -3.5}, point(2485071.5, 1110000.125, -3.5)),
            ({"note": "zero"}, {"x": 2.7e6, "y": 1.1e6, "z": 0.0}, point(2.7e6, 1.1e6, 0)),
        ],
        kind="esriGeometryPoint", fields=note, wkid=2056, crs="EPSG:2056", z=True,
    )
    yield _layer(
        "multipoints",
        [
            ({"note": "two"}, {"points": [[1.5, 2.5], [3.25, 4.75]]}, shapely.MultiPoint([(1.5, 2.5), (3.25, 4.75)])),
            ({"note": "one"}, {"points": [[-1e7, 5e6]]}, shapely.MultiPoint([(-1e7, 5e6)])),
            ({"note": "none"}, None, None),
        ],
        kind="esriGeometryMultipoint", fields=note, wkid=102100, crs="EPSG:3857",
    )
    yield _layer(
        "lines",
        [
            ({"note": "one"}, {"paths": [[[0, 0], [1, 1], [2, 0.5]]]}, line([(0, 0), (1, 1), (2, 0.5)])),
            (
                {"note": "two"},
                {"paths": [[[0, 0], [1, 1]], [[5, 5], [6, 6.125], [7, 5]]]},
                shapely.MultiLineString([[(0, 0), (1, 1)], [(5, 5), (6, 6.125), (7, 5)]]),
            ),
            ({"note": "none"}, None, None),
            ({"note": "closed"}, {"paths": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}, line([(0, 0), (1, 0), (1, 1), (0, 0)])),
        ],
        kind="esriGeometryPolyline", fields=note, wkid=102003, crs="ESRI:102003",
    )
    yield _layer(
        "lines_z",
        [
            ({"note": "up"}, {"paths": [[[0, 0, 1], [1, 1, 2.5]]]}, line([(0, 0, 1), (1, 1, 2.5)])),
            (
                {"note": "both"},
                {"paths": [[[0, 0, 1], [1, 1, 2]], [[5, 5, -1], [6, 6, -2]]]},
                shapely.MultiLineString([[(0, 0, 1), (1, 1, 2)], [(5, 5, -1), (6, 6, -2)]]),
            ),
        ],
        kind="esriGeometryPolyline", fields=note, wkid=3857, crs="EPSG:3857", z=True,
    )

    # Esri's outer rings run clockwise.
    def box(left, low, right, high):
        return [[left, low], [left, high], [right, high], [right, low], [left, low]]

    def hole(*sides):
        return box(*sides)[::-1]

    yield _layer(
        "polygons",
        [
            ({"note": "plain"}, {"rings": [box(0, 0, 1, 1)]}, polygon(box(0, 0, 1, 1))),
            (
                {"note": "hole"},
                {"rings": [box(0, 0, 10, 10), hole(2, 2, 4, 4), hole(5, 5, 6, 6)]},
                polygon(box(0, 0, 10, 10), [box(2, 2, 4, 4), box(5, 5, 6, 6)]),
            ),
            (
                {"note": "hole first"},
                {"rings": [hole(2, 2, 4, 4), box(0, 0, 10, 10)]},
                polygon(box(0, 0, 10, 10), [box(2, 2, 4, 4)]),
            ),
            (
                {"note": "island in a hole"},
                {"rings": [box(0, 0, 10, 10), hole(1, 1, 9, 9), box(3, 3, 7, 7), hole(4, 4, 5, 5)]},
                shapely.MultiPolygon(
                    [polygon(box(0, 0, 10, 10), [box(1, 1, 9, 9)]), polygon(box(3, 3, 7, 7), [box(4, 4, 5, 5)])]
                ),
            ),
            (
                {"note": "the hole of the second"},
                {"rings": [box(0, 0, 1, 1), box(20, 0, 30, 10), hole(22, 2, 28, 8)]},
                shapely.MultiPolygon([polygon(box(0, 0, 1, 1)), polygon(box(20, 0, 30, 10), [box(22, 2, 28, 8)])]),
            ),
            ({"note": "none"}, None, None),
        ],
        kind="esriGeometryPolygon", fields=note,
    )
    yield _layer(
        "polygons_z",
        [
            (
                {"note": "roof"},
                {"rings": [[[0, 0, 1], [0, 9, 2], [9, 9, 3], [9, 0, 4], [0, 0, 1]]]},
                polygon([(0, 0, 1), (0, 9, 2), (9, 9, 3), (9, 0, 4)]),
            )
        ],
        kind="esriGeometryPolygon", fields=note, z=True,
    )
    yield _layer("all_null", [({"note": str(n)}, None, None) for n in range(4)], kind="esriGeometryPoint", fields=note)
    yield _layer("no_rows", [], kind="esriGeometryPolygon", fields=note)


def make(folder):
    """All layers made by hand, written as lines into `folder` for the service."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = list(made())
    for source in sources:
        source.write_lines(folder)
    return sources
