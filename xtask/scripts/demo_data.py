"""Turns Natural Earth shapefiles into the demo layers (newline-delimited Esri JSON).

usage: demo_data.py <folder with the unpacked sources> <folder for the output>

Called by `cargo xtask demo-data`, which fetches the sources and compresses the output.
The same sources give the same bytes: no time, no random order, no set iteration.
"""

import hashlib
import json
import pathlib
import re
import sys

import shapefile

# The coordinates of the 10m themes are good to about a kilometre; four decimals are 11 m.
DECIMALS = 4
PLACE_DECIMALS = 6

# The sources that the committed files were made from. Another release of the packages may bring
# other data: that is said, not refused.
SOURCES = {
    "places": (
        "deb/usr/share/magics/10m/ne_10m_populated_places_simple",
        "cp1252",
        "1a06b39883aa46ffb2bb332432ce62d524f23496fa87b1dc1f0e346b94e5d537",
    ),
    "rivers": (
        "deb/usr/share/magics/10m/ne_10m_rivers_lake_centerlines",
        "cp1252",
        "a5d752e1ec98a4d4d6ee9afbc4c164faf9744564051095dbc036bf4a31654374",
    ),
    "river_names": (
        "deb/usr/share/magics/50m/ne_50m_rivers_lake_centerlines",
        "utf-8",
        "4bcb19a3634df9768bfc9c19e8f833b75ecbbd7bc23355578639719f27bdc3e9",
    ),
    "countries": (
        "wheel/ne_10m_admin_0_countries_deu",
        "utf-8",
        "a8adc3bbf83f06625443e46b9ff6fa312239a31d96cdd7f9bed931aefc0fdc17",
    ),
}

COPYRIGHT = "Made with Natural Earth. Free vector and raster map data @ naturalearthdata.com (public domain)."


def open_source(root, key):
    path, encoding, expected = SOURCES[key]
    digest = hashlib.sha256()
    for extension in (".shp", ".dbf"):
        digest.update((root / (path + extension)).read_bytes())
    if digest.hexdigest() != expected:
        print(f"note: {path} is another version than the committed data were made from: {digest.hexdigest()}")
    return shapefile.Reader(str(root / path), encoding=encoding)


# ---------------------------------------------------------------------------------------- fields


def coded(name, values):
    return {
        "type": "codedValue",
        "name": name,
        "description": "",
        "codedValues": [{"name": label, "code": code} for code, label in values],
        "mergePolicy": "esriMPTDefaultValue",
        "splitPolicy": "esriSPTDefaultValue",
    }


def ranged(name, low, high):
    return {
        "type": "range",
        "name": name,
        "description": "",
        "range": [low, high],
        "mergePolicy": "esriMPTDefaultValue",
        "splitPolicy": "esriSPTDefaultValue",
    }


YES_NO = coded("YesNo", [(0, "No"), (1, "Yes")])
SCALE_RANK = ranged("ScaleRank", 0, 10)


def text(raw):
    """A string, or null where the source is empty or holds `?` for a lost character."""
    raw = raw.strip()
    return None if raw == "" or raw == "-99" or "?" in raw else raw


def integer(raw):
    """An integer; -99 is Natural Earth's word for "no value"."""
    if raw is None or raw == -99:
        return None
    if raw != int(raw):
        raise ValueError(f"not an integer: {raw}")
    return int(raw)


def people(raw):
    """A number of people; one country's estimate has a fraction in the source."""
    return integer(None if raw is None else round(raw))


def positive(raw):
    """An identifier: anything below 1 means that there is none."""
    value = integer(raw)
    return value if value is not None and value > 0 else None


def real(raw):
    return None if raw is None or raw == -99 else raw


def label_code(domain):
    """The code of a label, so that the layer stores codes as geodatabases do."""
    codes = {value["name"]: value["code"] for value in domain["codedValues"]}
    return lambda raw: codes[re.sub(r"^\d\. ", "", raw)]


PLACE_CLASS = coded(
    "PlaceClass",
    [
        (1, "Admin-0 capital"),
        (2, "Admin-0 capital alt"),
        (3, "Admin-0 region capital"),
        (4, "Admin-1 capital"),
        (5, "Admin-1 region capital"),
        (6, "Populated place"),
        (7, "Historic place"),
        (8, "Scientific station"),
    ],
)
RIVER_CLASS = coded("RiverClass", [("River", "River"), ("Lake Centerline", "Centre line through a lake")])
ECONOMY = coded(
    "Economy",
    [
        (1, "Developed region: G7"),
        (2, "Developed region: nonG7"),
        (3, "Emerging region: BRIC"),
        (4, "Emerging region: MIKT"),
        (5, "Emerging region: G20"),
        (6, "Developing region"),
        (7, "Least developed region"),
    ],
)
INCOME = coded(
    "IncomeGroup",
    [
        (1, "High income: OECD"),
        (2, "High income: nonOECD"),
        (3, "Upper middle income"),
        (4, "Lower middle income"),
        (5, "Low income"),
    ],
)

# (source column, alias, Esri type without its prefix, reader, domain)
PLACE_FIELDS = [
    ("name", "Name", "String", text, None),
    ("nameascii", "Name (ASCII)", "String", text, None),
    ("namepar", "Name in parentheses", "String", text, None),
    ("namealt", "Other name", "String", text, None),
    ("featurecla", "Class", "SmallInteger", label_code(PLACE_CLASS), PLACE_CLASS),
    ("scalerank", "Scale rank", "SmallInteger", integer, SCALE_RANK),
    ("labelrank", "Label rank", "SmallInteger", integer, None),
    ("natscale", "Natural scale", "SmallInteger", integer, None),
    ("adm0cap", "Is a national capital", "SmallInteger", integer, YES_NO),
    ("capin", "Capital in use", "String", text, None),
    ("worldcity", "Is a world city", "SmallInteger", integer, YES_NO),
    ("megacity", "Is a megacity", "SmallInteger", integer, YES_NO),
    ("sov0name", "Sovereign state", "String", text, None),
    ("sov_a3", "Sovereign state code", "String", text, None),
    ("adm0name", "Country", "String", text, None),
    ("adm0_a3", "Country code", "String", text, None),
    ("adm1name", "State or province", "String", text, None),
    ("iso_a2", "ISO 3166-1 alpha-2", "String", text, None),
    ("note", "Note", "String", text, None),
    ("latitude", "Latitude", "Double", real, None),
    ("longitude", "Longitude", "Double", real, None),
    ("pop_max", "Population of the metropolitan area", "BigInteger", integer, None),
    ("pop_min", "Population of the place", "Integer", integer, None),
    ("rank_max", "Rank of the largest population", "SmallInteger", integer, None),
    ("geonameid", "GeoNames id", "Integer", positive, None),
    ("meganame", "Name of the megacity", "String", text, None),
    ("ls_name", "LandScan name", "String", text, None),
]
RIVER_FIELDS = [
    ("name", "Name", "String", text, None),
    ("name_alt", "Other name", "String", text, None),
    ("featurecla", "Class", "String", text, RIVER_CLASS),
    ("scalerank", "Scale rank", "SmallInteger", integer, SCALE_RANK),
    ("rivernum", "River number", "Integer", integer, None),
    ("dissolve", "Dissolve key", "String", text, None),
    ("note", "Note", "String", text, None),
]
COUNTRY_FIELDS = [
    ("NAME", "Name", "String", text, None),
    ("NAME_LONG", "Long name", "String", text, None),
    ("FORMAL_EN", "Formal name", "String", text, None),
    ("FORMAL_FR", "Formal name (French)", "String", text, None),
    ("SOVEREIGNT", "Sovereign state", "String", text, None),
    ("TYPE", "Type", "String", text, None),
    ("ADM0_A3", "Country code", "String", text, None),
    ("ISO_A2_EH", "ISO 3166-1 alpha-2", "String", text, None),
    ("ISO_A3_EH", "ISO 3166-1 alpha-3", "String", text, None),
    ("CONTINENT", "Continent", "String", text, None),
    ("SUBREGION", "Subregion", "String", text, None),
    ("ECONOMY", "Economy", "SmallInteger", label_code(ECONOMY), ECONOMY),
    ("INCOME_GRP", "Income group", "SmallInteger", label_code(INCOME), INCOME),
    ("POP_EST", "Population (estimate)", "BigInteger", people, None),
    ("POP_YEAR", "Year of the population", "SmallInteger", integer, None),
    ("GDP_MD", "Gross domestic product (million US$)", "Integer", integer, None),
    ("MAPCOLOR7", "Colour of seven", "SmallInteger", integer, None),
    ("LABELRANK", "Label rank", "SmallInteger", integer, None),
    ("MIN_ZOOM", "Smallest zoom", "Single", real, None),
    ("MIN_LABEL", "Smallest zoom of the label", "Single", real, None),
    ("LABEL_X", "Longitude of the label", "Double", real, None),
    ("LABEL_Y", "Latitude of the label", "Double", real, None),
    ("NE_ID", "Natural Earth id", "Integer", positive, None),
    ("WIKIDATAID", "Wikidata id", "String", text, None),
    ("NAME_AR", "Name (Arabic)", "String", text, None),
    ("NAME_DE", "Name (German)", "String", text, None),
    ("NAME_EL", "Name (Greek)", "String", text, None),
    ("NAME_HI", "Name (Hindi)", "String", text, None),
    ("NAME_JA", "Name (Japanese)", "String", text, None),
    ("NAME_RU", "Name (Russian)", "String", text, None),
    ("NAME_ZH", "Name (Chinese)", "String", text, None),
]

BOUNDS = {"SmallInteger": 2**15, "Integer": 2**31, "BigInteger": 2**63}


def definition(layer, geometry_type, description, reader, fields, rows):
    """The first line of a file: the layer as its metadata describe it."""
    # A dBASE width counts bytes of the source's encoding; a geodatabase's length counts characters.
    widths = {field[0]: field[2] for field in reader.fields}
    out = [{"name": "OBJECTID", "type": "esriFieldTypeOID", "alias": "OBJECTID", "nullable": False}]
    for column, alias, kind, _, domain in fields:
        name = column.lower()
        values = [row[name] for row in rows]
        field = {"name": name, "type": f"esriFieldType{kind}", "alias": alias}
        if kind == "String":
            field["length"] = int(widths[column])
            assert all(value is None or len(value) <= field["length"] for value in values), name
        if kind in BOUNDS:
            bound = BOUNDS[kind]
            assert all(value is None or -bound <= value < bound for value in values), name
        field["nullable"] = True
        if domain is not None:
            field["domain"] = domain
            if domain["type"] == "codedValue":
                codes = {value["code"] for value in domain["codedValues"]}
                assert all(value is None or value in codes for value in values), name
        out.append(field)
    return {
        "name": layer,
        "geometryType": geometry_type,
        "objectIdField": "OBJECTID",
        "fields": out,
        "spatialReference": {"wkid": 4326, "latestWkid": 4326},
        "copyrightText": COPYRIGHT,
        "description": description,
    }


def attributes(reader, fields):
    rows = []
    for number, record in enumerate(reader.iterRecords(), start=1):
        row = {"OBJECTID": number}
        for column, _, _, read, _ in fields:
            row[column.lower()] = read(record[column])
        rows.append(row)
    return rows


# -------------------------------------------------------------------------------------- geometry


def rounded(point, decimals):
    # "+ 0.0" turns the -0.0 that rounding leaves into 0.0.
    return (round(point[0], decimals) + 0.0, round(point[1], decimals) + 0.0)


def parts(shape):
    """The paths or rings of a shape, rounded, without the repeated points that rounding makes."""
    ends = list(shape.parts[1:]) + [len(shape.points)]
    for start, end in zip(shape.parts, ends):
        line = []
        for point in shape.points[start:end]:
            point = rounded(point, DECIMALS)
            if not line or line[-1] != point:
                line.append(point)
        yield line


def thinned(points, tolerance):
    """The points that Douglas and Peucker's rule keeps; both ends always stay."""
    keep = bytearray(len(points))
    keep[0] = keep[-1] = 1
    spans = [(0, len(points) - 1)]
    while spans:
        first, last = spans.pop()
        ax, ay = points[first]
        dx, dy = points[last][0] - ax, points[last][1] - ay
        length = dx * dx + dy * dy
        worst, at = tolerance * tolerance, None
        for index in range(first + 1, last):
            px, py = points[index][0] - ax, points[index][1] - ay
            along = 0.0 if length == 0.0 else min(1.0, max(0.0, (px * dx + py * dy) / length))
            distance = (px - along * dx) ** 2 + (py - along * dy) ** 2
            if distance > worst:
                worst, at = distance, index
        if at is not None:
            keep[at] = 1
            spans += [(first, at), (at, last)]
    return [point for point, kept in zip(points, keep) if kept]


def thinned_rings(shapes, tolerance):
    """Rings thinned border by border, so that neighbours still share every point of their border.

    A border runs between two nodes: points where the set of neighbouring points, over all rings,
    is not two. Both sides of a border thin the same points in the same direction.
    """
    neighbours = {}
    for rings in shapes:
        for ring in rings:
            count = len(ring) - 1
            for index in range(count):
                around = neighbours.setdefault(ring[index], set())
                around.add(ring[(index - 1) % count])
                around.add(ring[index + 1])

    def ring_thinned(ring):
        count = len(ring) - 1
        nodes = [index for index in range(count) if len(neighbours[ring[index]]) != 2]
        start = nodes[0] if nodes else min(range(count), key=lambda index: ring[index])
        turned = ring[start:count] + ring[: start + 1]
        if len(nodes) > 1:
            cuts = [index - start for index in nodes]
        else:
            # A closed border: cut it at the point farthest from its start.
            x, y = turned[0]
            far = max(range(1, count), key=lambda i: ((turned[i][0] - x) ** 2 + (turned[i][1] - y) ** 2, turned[i]))
            cuts = [0, far]
        out = [turned[0]]
        for first, last in zip(cuts, cuts[1:] + [count]):
            border = turned[first : last + 1]
            backwards = (border[0], border[1]) > (border[-1], border[-2])
            border = thinned(border[::-1] if backwards else border, tolerance)
            out += (border[::-1] if backwards else border)[1:]
        return out if len(out) >= 4 else ring

    return [[ring_thinned(ring) for ring in rings] for rings in shapes]


def doubled_area(ring):
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, ring[1:]))


# ---------------------------------------------------------------------------------------- layers


def places(root):
    reader = open_source(root, "places")
    rows = attributes(reader, PLACE_FIELDS)
    geometries = []
    for shape in reader.iterShapes():
        x, y = rounded(shape.points[0], PLACE_DECIMALS)
        geometries.append({"x": x, "y": y})
    head = definition(
        "places",
        "esriGeometryPoint",
        "Populated places of the world, Natural Earth 1:10m.",
        reader,
        PLACE_FIELDS,
        rows,
    )
    return head, rows, geometries


def rivers(root):
    reader = open_source(root, "rivers")
    # The 1:10m table lost most letters outside ASCII to "?"; the 1:50m table has the names whole.
    whole = sorted({record["name"] for record in open_source(root, "river_names").iterRecords()})

    def restored(raw):
        if "?" not in raw:
            return raw
        pattern = re.compile(".{1,2}".join(re.escape(piece) for piece in re.split(r"\?+", raw)))
        found = [name for name in whole if pattern.fullmatch(name)]
        return found[0] if len(found) == 1 else raw

    fields = [
        (column, alias, kind, (lambda raw: text(restored(raw))) if column.startswith("name") else read, domain)
        for column, alias, kind, read, domain in RIVER_FIELDS
    ]
    rows = attributes(reader, fields)
    geometries = []
    for shape in reader.iterShapes():
        # A path whose points all fell together is no line any more.
        paths = [thinned(path, 0.005) for path in parts(shape) if len(path) > 1]
        assert paths
        geometries.append({"paths": paths})
    head = definition(
        "rivers",
        "esriGeometryPolyline",
        "Rivers and centre lines of lakes, Natural Earth 1:10m, thinned at 0.005 degrees.",
        reader,
        fields,
        rows,
    )
    return head, rows, geometries


def countries(root):
    reader = open_source(root, "countries")
    rows = attributes(reader, COUNTRY_FIELDS)
    shapes = [list(parts(shape)) for shape in reader.iterShapes()]
    geometries = []
    for rings in thinned_rings(shapes, 0.001):
        for ring in rings:
            assert ring[0] == ring[-1] and len(ring) >= 4 and doubled_area(ring) != 0.0
        geometries.append({"rings": rings})
    head = definition(
        "countries",
        "esriGeometryPolygon",
        "Countries as Germany sees their borders, Natural Earth 1:10m, thinned at 0.001 degrees.",
        reader,
        COUNTRY_FIELDS,
        rows,
    )
    return head, rows, geometries


def plain(value):
    """Whole coordinates without a decimal point, as ArcGIS servers write them."""
    if isinstance(value, float):
        return int(value) if value == int(value) else value
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return {key: plain(item) for key, item in value.items()}


def main(source, output):
    output.mkdir(parents=True, exist_ok=True)
    for layer in (places, rivers, countries):
        head, rows, geometries = layer(source)
        assert len(rows) == len(geometries)
        lines = [head] + [
            {"attributes": row, "geometry": plain(geometry)} for row, geometry in zip(rows, geometries)
        ]
        path = output / f"{head['name']}.ndjson"
        with path.open("w", encoding="utf-8", newline="\n") as file:
            for line in lines:
                json.dump(line, file, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
                file.write("\n")
        chains = [chain for geometry in geometries for chain in geometry.get("paths", geometry.get("rings", []))]
        holes = sum(doubled_area(ring) > 0 for geometry in geometries for ring in geometry.get("rings", []))
        nulls = sum(value is None for row in rows for value in row.values())
        print(
            f"{head['name']}: {len(rows)} rows, {len(head['fields'])} fields, {nulls} nulls, "
            f"{len(chains)} paths or rings, {holes} holes, {sum(map(len, chains)) or len(rows)} points"
        )


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
