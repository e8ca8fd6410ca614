"""Makes the data of crates/arcgis-preview: the outline of the land, and the letters of pictures.

    python preview_data.py <land-110m.json> <Roboto-Medium.ttf> <crates/arcgis-preview/data>

The first is of the npm package world-atlas 2.0.2 (Natural Earth 4.1, public domain), the second of the Debian
package fonts-roboto-unhinted (Apache-2.0). Needs fonttools.
"""

import json
import pathlib
import struct
import subprocess
import sys

# i16 holds longitudes up to 204 and latitudes up to 102 degrees.
PER_DEGREE = (160, 320)

LETTERS = (
    "U+20-7E,U+A0-17F,U+192,U+218-21B,U+2BC,U+2C6-2DD,U+370-3FF,U+400-45F,U+490-491,U+1E80-1E85,U+1E9E,U+2010-2015,"
    "U+2018-201E,U+2020-2022,U+2026,U+2030,U+2032,U+2033,U+2039,U+203A,U+20AC,U+2116,U+2122,U+2212,U+2248,U+2260,"
    "U+2264,U+2265,U+FFFD,U+25A1"
)


def rings(topology):
    """The rings of the land, in degrees."""
    (sx, sy), (tx, ty) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for arc in topology["arcs"]:
        x = y = 0
        points = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            points.append((x * sx + tx, y * sy + ty))
        arcs.append(points)
    for geometry in topology["objects"]["land"]["geometries"]:
        single = geometry["type"] == "Polygon"
        for polygon in [geometry["arcs"]] if single else geometry["arcs"]:
            for ring in polygon:
                points = []
                for index in ring:
                    arc = arcs[index] if index >= 0 else arcs[~index][::-1]
                    points += arc[1:] if points else arc
                yield points


def unwrapped(ring):
    """The ring without jumps across the antimeridian; one around the pole closes along it."""
    points = [ring[0]]
    for x, y in ring[1:]:
        turns = round((points[-1][0] - x) / 360)
        points.append((x + turns * 360, y))
    if abs(points[-1][0] - points[0][0]) > 180:
        points = [*points, (points[-1][0], -90), (points[0][0], -90), points[0]]
    if max(x for x, _ in points) > 200 or min(x for x, _ in points) < -200:
        middle = sum(x for x, _ in points) / len(points)
        points = [(x - 360 * round(middle / 360), y) for x, y in points]
    return points


def land(topology):
    out = b""
    for ring in rings(topology):
        points = [tuple(round(v * s) for v, s in zip(point, PER_DEGREE)) for point in unwrapped(ring)]
        points = [point for index, point in enumerate(points) if index == 0 or point != points[index - 1]]
        if len(points) >= 4:
            out += struct.pack("<H", len(points))
            out += b"".join(struct.pack("<hh", *point) for point in points)
    return out


def main():
    topology, font, folder = (pathlib.Path(argument) for argument in sys.argv[1:])
    (folder / "land.bin").write_bytes(land(json.loads(topology.read_text())))
    subprocess.run(
        [
            "pyftsubset", font, f"--unicodes={LETTERS}", "--layout-features=", "--no-hinting", "--desubroutinize",
            "--name-IDs=0,1,2,13,14", f"--output-file={folder / 'roboto.ttf'}",
        ],
        check=True,
    )


main()
