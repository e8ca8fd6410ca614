"""Suite `preview`: a browser opens the pages of `arcgis preview`, and files of other writers are looked at.

    python preview.py <arcgis> <lines_service> <repository> <work folder> <tally.json>

The browser is $CHROMIUM. What is clicked is chosen by the rows as pyarrow and GeoPandas read them, and what the page
shows then is compared with these rows.
"""

import datetime
import json
import math
import os
import subprocess
import sys
import time

import geopandas
import numpy
import pyarrow
import pyarrow.parquet
import shapely

from browser import Browser
from run import Run
from tally import Tally

# From the start of opening a page until its map is drawn and its table there.
MOST_SECONDS = 5.0
FEATURES = 100_000

EVIL = [
    "</script><script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 2'>",
    "<!--<script>", "]]>", "{{script}}", "\u2028\u2029", "&lt;b&gt;", "javascript:window.hacked=3", "日本語 🌍", "",
]

# What the page shows of a feature: names and values.
SHOWN = """(() => {
  const list = document.querySelector('#feature dl');
  if (!list) return null;
  const [names, values] = ['dt', 'dd'].map((tag) => [...list.querySelectorAll(tag)]);
  return names.map((name, at) => [name.textContent, values[at].classList.contains('null') ? null : values[at].textContent]);
})()"""

CHOSEN_ROW = "document.querySelector('#rows .row.chosen')?.firstElementChild.textContent.replaceAll(',', '') ?? null"

# How many pixels above the map are marked around a place.
MARKED = """((x, y) => {
  const canvas = document.getElementById('marks');
  const box = canvas.getBoundingClientRect();
  const near = canvas.getContext('2d').getImageData(x - box.left - 10, y - box.top - 10, 20, 20).data;
  return near.filter((value, at) => at % 4 === 3 && value > 0).length;
})"""


def text_of(value):
    """A value as the page has it."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.datetime):
        text = value.astimezone(datetime.timezone.utc) if value.tzinfo else value
        millis = text.microsecond // 1000
        return text.strftime("%Y-%m-%d %H:%M:%S") + (f".{millis:03}" if millis else "")
    if isinstance(value, float):
        return str(int(value)) if value == int(value) and abs(value) < 1e21 else repr(value)
    return str(value)


class Suite:
    def __init__(self, run):
        self.run = run
        self.tally = Tally()
        self.folder = run.folder("preview")

    def preview(self, source, *options):
        """Runs the command; its JSON, or nothing if it wrote a file without."""
        done = subprocess.run(
            [str(self.run.arcgis), "preview", str(source), "--quiet", *map(str, options)],
            capture_output=True, text=True, timeout=600, cwd=self.folder,
        )
        if done.returncode:
            self.tally.complain("arcgis preview", source, done.stderr)
            return None
        return json.loads(done.stdout) if "--json" in options else done.stdout

    def page(self, name, source, *options):
        path = self.folder / f"{name}.html"
        self.preview(source, "--out", path, "--overwrite", *options)
        return path

    def opened(self, browser, path):
        """Opens a page; gives the seconds until it was ready."""
        ready = browser.open(path)
        try:
            return int(ready) / 1000
        except (TypeError, ValueError):
            self.tally.complain("chromium", path.name, f"was not ready: {ready}")
            return None

    def quiet(self, browser, what):
        self.tally.equal("chromium", f"{what}: errors and requests", browser.complaints(), [])

    # Files of other writers.

    def readers(self):
        """What the command says of a file is what GeoPandas says of it."""
        generator = numpy.random.default_rng(7)
        points = shapely.points(generator.uniform(5, 15, (500, 2)))
        lines = shapely.linestrings(generator.uniform(0, 1000, (300, 4, 2)))
        areas = shapely.buffer(shapely.points(generator.uniform(4e5, 6e5, (200, 2))), 900)
        holed = shapely.difference(areas, shapely.buffer(shapely.centroid(areas), 300))
        parts = shapely.multipolygons(shapely.box(*generator.uniform(0, 1, (2, 100)), 2, 3).reshape(50, 2))
        kinds = {
            "points": (points, 4326), "lines": (lines, 3857), "areas": (holed, 25832), "multi": (parts, 2193),
            "mixed": (numpy.concatenate([points[:50], lines[:50], holed[:50]]), None),
        }
        for name, (shapes, epsg) in kinds.items():
            crs = None if epsg is None else f"EPSG:{epsg}"
            frame = geopandas.GeoDataFrame({"n": range(len(shapes))}, geometry=shapes, crs=crs)
            frame.loc[3, "geometry"] = None
            writers = [("zstd", "WKB", "1.1.0"), ("gzip", "WKB", "1.0.0"), ("brotli", "WKB", "1.1.0"), ("lz4", "WKB", "1.1.0")]
            if name != "mixed":
                writers.append(("snappy", "geoarrow", "1.1.0"))
            for compression, encoding, version in writers:
                path = self.folder / f"{name}-{compression}.parquet"
                frame.to_parquet(
                    path, compression=compression, geometry_encoding=encoding, schema_version=version,
                    write_covering_bbox=encoding == "WKB" and version == "1.1.0",
                )
                said = self.preview(path, "--json")
                if said is None:
                    continue
                what = f"{name} {compression} {encoding} {version}"
                geometry = said["geometry"]
                self.tally.equal("geopandas", f"{what}: rows", said["rows"], len(frame))
                self.tally.equal("geopandas", f"{what}: crs", geometry["crs"], crs)
                self.tally.equal("geopandas", f"{what}: extent", geometry["extent"], frame.total_bounds.tolist())
                self.tally.equal("geopandas", f"{what}: without", geometry["none"], 1)
                self.tally.equal("geopandas", f"{what}: columns", [one["name"] for one in said["columns"]], ["n"])
                there = frame.geometry.dropna().geom_type.str.replace("Multi", "")
                counts = [int((there == kind).sum()) for kind in ("Point", "LineString", "Polygon")]
                self.tally.equal(
                    "geopandas", f"{what}: kinds", [geometry[kind] for kind in ("points", "lines", "polygons")], counts
                )
            picture = self.folder / f"{name}.png"
            self.preview(path, "--out", picture, "--overwrite")
            self.tally.holds("arcgis preview", f"{name}: a picture", picture.read_bytes().startswith(b"\x89PNG"))

    # The page of a layer.

    def places(self, browser):
        file = self.folder / "places.parquet"
        done = self.run.export("demo:places", file, "--order", "id")
        self.tally.equal("arcgis export", "demo:places", done.returncode, 0)
        table = pyarrow.parquet.read_table(file)
        rows = table.drop_columns(["geometry", "bbox"]).to_pylist()
        page = self.page("places", file)
        browser.size(1400, 900)
        self.opened(browser, page)
        self.tally.equal("chromium", "the title", browser.evaluate("document.title"), "places.parquet")
        facts = browser.evaluate("document.getElementById('facts').textContent")
        self.tally.holds("chromium", "the facts", f"{len(rows):,} points" in facts and "EPSG:4326" in facts, facts)

        # The loneliest places, which cannot be taken for another one.
        geometry = shapely.from_wkb(table["geometry"].to_pylist())
        tree = shapely.STRtree(geometry)
        xy = shapely.get_coordinates(geometry)
        nearest = [sorted(numpy.hypot(*(xy - one).T))[1] for one in xy]
        lonely = numpy.argsort(nearest)[::-1][:12]
        for number in map(int, lonely):
            browser.click(*browser.evaluate(f"whereIs({number})"))
            shown = browser.evaluate(SHOWN)
            expected = [[name, text_of(value)] for name, value in rows[number].items()]
            self.tally.equal("chromium", f"a click on {rows[number]['name']}", shown, expected)
            self.tally.equal("chromium", f"the row of {rows[number]['name']}", browser.evaluate(CHOSEN_ROW), str(number + 1))
        self.tally.holds("shapely", "there is a feature for each row", len(tree.geometries) == len(rows))

        # Back: a row shows its feature.
        browser.evaluate("document.getElementById('grid').scrollTop = 26 * 3000")
        time.sleep(0.2)
        x, y, number = browser.evaluate(
            "(() => { const row = document.querySelectorAll('#rows .row')[8]; const box = row.getBoundingClientRect();"
            " return [box.left + 90, box.top + 10, Number(row.dataset.row)]; })()"
        )
        self.tally.holds("chromium", "the table is scrolled", 2980 < number < 3020, f"row {number}")
        browser.click(x, y)
        time.sleep(0.4)
        shown = dict(browser.evaluate(SHOWN) or [])
        self.tally.equal("chromium", "a click on a row", shown.get("name"), rows[number]["name"])
        place = browser.evaluate(f"whereIs({number})")
        self.tally.holds("chromium", "its place is marked", browser.evaluate(f"{MARKED}({place[0]}, {place[1]})") > 20)
        browser.evaluate("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))")
        self.tally.equal("chromium", "Escape ends it", browser.evaluate(SHOWN), None)

        # The table is searched and sorted.
        browser.evaluate("(() => { const find = document.getElementById('find'); find.value = 'REYKJAV'; find.dispatchEvent(new Event('input')); })()")
        time.sleep(0.4)
        found = [one for one in rows if any("reykjav" in (text_of(value) or "").lower() for value in one.values())]
        cells = browser.evaluate("[...document.querySelectorAll('#rows .row')].length")
        self.tally.equal("chromium", "rows that are found", cells, len(found))
        browser.evaluate("(() => { const find = document.getElementById('find'); find.value = ''; find.dispatchEvent(new Event('input')); })()")
        time.sleep(0.4)
        names = list(rows[0])
        browser.evaluate(f"document.querySelectorAll('#head button')[{names.index('pop_max')}].click()")
        browser.evaluate(f"document.querySelectorAll('#head button')[{names.index('pop_max')}].click()")
        first = browser.evaluate("Number(document.querySelector('#rows .row').dataset.row)")
        most = max(rows, key=lambda row: row["pop_max"] or 0)
        self.tally.equal("chromium", "the first by population", rows[first]["name"], most["name"])

        # What is said of columns.
        cards = browser.evaluate(
            "[...document.querySelectorAll('.column')].map((card) => [card.querySelector('b').textContent, card.querySelector('p').textContent])"
        )
        self.tally.equal("pyarrow", "the columns", [name for name, _ in cards], names)
        for name, said in cards:
            column = table[name]
            distinct = len(column.drop_null().unique())
            self.tally.holds("pyarrow", f"{name}: distinct", said.startswith(f"{distinct:,} distinct"), f"{said}, {distinct}")
            nulls = f"{column.null_count:,} null" if column.null_count else "no nulls"
            self.tally.holds("pyarrow", f"{name}: nulls", nulls in said, said)
        self.quiet(browser, "places")

        # Zoom and move: what is clicked is still what is meant.
        number = int(lonely[0])
        place = browser.evaluate(f"whereIs({number})")
        for _ in range(6):
            browser.wheel(*place, -240)
            time.sleep(0.05)
        time.sleep(0.4)
        place = browser.evaluate(f"whereIs({number})")
        browser.click(*place)
        shown = dict(browser.evaluate(SHOWN) or [])
        self.tally.equal("chromium", "a click after zooming", shown.get("name"), rows[number]["name"])

        # In every form of window.
        for width, height, dark in [(1400, 900, False), (1400, 900, True), (420, 860, True), (420, 860, False)]:
            browser.size(width, height, dark)
            self.opened(browser, page)
            what = f"{width} {'dark' if dark else 'light'}"
            paper = browser.evaluate("getComputedStyle(document.body).backgroundColor")
            self.tally.equal("chromium", f"{what}: paper", paper, "rgb(13, 20, 27)" if dark else "rgb(255, 255, 255)")
            wide = browser.evaluate("document.documentElement.scrollWidth - innerWidth")
            self.tally.equal("chromium", f"{what}: nothing sticks out", wide, 0)
            browser.picture(self.folder / f"places-{what.replace(' ', '-')}.png")
            self.quiet(browser, what)

    def evil(self, browser):
        """Values stay text, whatever they say."""
        path = self.folder / "evil.parquet"
        frame = geopandas.GeoDataFrame(
            {"text": EVIL, "</script><script>window.hacked=4</script>": range(len(EVIL))},
            geometry=geopandas.points_from_xy(range(len(EVIL)), range(len(EVIL))), crs="EPSG:3857",
        )
        frame.to_parquet(path)
        page = self.page("evil", path, "--title", EVIL[0])
        browser.size(1400, 900)
        self.opened(browser, page)
        self.tally.equal("chromium", "a title that says it is a script", browser.evaluate("document.title"), EVIL[0])
        for number, text in enumerate(EVIL):
            browser.click(*browser.evaluate(f"whereIs({number})"))
            shown = browser.evaluate(SHOWN)
            self.tally.equal("chromium", f"the value {text!r}", shown and shown[0][1], text)
        self.tally.equal("chromium", "nothing of it ran", browser.evaluate("window.hacked ?? null"), None)
        self.tally.equal("chromium", "scripts in the page", browser.evaluate("document.scripts.length"), 2)
        self.quiet(browser, "evil values")

    def polygons(self, browser):
        """A click into a hole is no click on the polygon, and the smaller of two is the one that is meant."""
        frame = geopandas.GeoDataFrame(
            {"name": ["frame", "island", "lake"]},
            geometry=[
                shapely.box(0, 0, 90, 90).difference(shapely.box(30, 30, 60, 60)),
                shapely.box(10, 10, 20, 20), shapely.box(40, 40, 50, 50),
            ],
        )
        path = self.folder / "frame.parquet"
        frame.to_parquet(path)
        browser.size(1200, 900)
        self.opened(browser, self.page("frame", path))
        corner = browser.evaluate("(() => { const [x, y] = whereIs(0); const [a, b] = whereIs(1); return [x, y, a, b]; })()")
        step = (corner[0] - corner[2]) / 30
        place = lambda x, y: (corner[0] + (x - 45) * step, corner[1] - (y - 45) * step)
        for (x, y), expected in {(15, 15): "island", (25, 15): "frame", (45, 45): "lake", (35, 35): None, (75, 75): "frame"}.items():
            browser.click(*place(x, y))
            shown = dict(browser.evaluate(SHOWN) or [])
            self.tally.equal("shapely", f"a click at {x}, {y}", shown.get("name"), expected)
        self.quiet(browser, "polygons")

    def large(self, browser):
        """Pages with very many features are ready soon, and one of more rows says that it has a part."""
        generator = numpy.random.default_rng(11)
        more = FEATURES * 6 // 5
        columns = {
            "id": numpy.arange(more), "name": [f"place {number}" for number in range(more)],
            "kind": generator.choice(["house", "shed", "church"], more), "height": generator.normal(9, 3, more).round(2),
            "built": generator.integers(0, 2_000_000_000, more).astype("datetime64[s]").astype("datetime64[ms]"),
        }
        middle = generator.uniform((5, 45), (15, 55), (more, 2))
        angles = numpy.linspace(0, 2 * math.pi, 12)
        around = numpy.stack([numpy.cos(angles), numpy.sin(angles)], axis=1) * 0.004
        shapes = {"points": shapely.points(middle), "polygons": shapely.polygons(middle[:, None, :] + around[None])}
        for name, geometry in shapes.items():
            frame = geopandas.GeoDataFrame(columns, geometry=geometry, crs="EPSG:4326")
            part, all_rows = self.folder / f"large-{name}.parquet", self.folder / f"larger-{name}.parquet"
            frame[:FEATURES].to_parquet(part)
            page = self.page(f"large-{name}", part)
            browser.size(1400, 900)
            seconds = self.opened(browser, page)
            size = page.stat().st_size / 1e6
            print(f"  {FEATURES:,} {name}: ready after {seconds:.2f} s, {size:.1f} MB", flush=True)
            self.tally.holds("chromium", f"{FEATURES:,} {name} within {MOST_SECONDS} s", seconds < MOST_SECONDS, seconds)
            self.tally.equal("chromium", "no note", browser.evaluate("document.getElementById('note').hidden"), True)
            browser.picture(self.folder / f"large-{name}.png")
            browser.evaluate("document.getElementById('grid').scrollTop = 1e9")
            time.sleep(0.3)
            last = browser.evaluate("[...document.querySelectorAll('#rows .row')].at(-1).children[2].textContent")
            self.tally.equal("chromium", f"{name}: the last row", last, f"place {FEATURES - 1}")
            # In the middle of the screen after a row was chosen far down.
            browser.evaluate("[...document.querySelectorAll('#rows .row')].at(-1).click()")
            shown = dict(browser.evaluate(SHOWN) or [])
            self.tally.equal("chromium", f"{name}: its kind", shown.get("kind"), columns["kind"][FEATURES - 1])
            self.quiet(browser, name)
            if name == "points":
                frame.to_parquet(all_rows)
                self.opened(browser, self.page("larger", all_rows))
                note = browser.evaluate("document.getElementById('note').textContent")
                self.tally.equal("chromium", "a part of the rows", note, f"{FEATURES:,} of {more:,} shown")
                number = browser.evaluate("document.querySelector('#rows .row').children[0].textContent")
                shown = browser.evaluate("document.querySelector('#rows .row').children[1].textContent")
                self.tally.equal("chromium", "rows keep their numbers", int(number.replace(",", "")), int(shown) + 1)


def main():
    suite = Suite(Run.of(sys.argv[1:]))
    suite.readers()
    with Browser(os.environ["CHROMIUM"]) as browser:
        for part in (suite.places, suite.evil, suite.polygons, suite.large):
            part(browser)
    suite.tally.close(suite.run.tally)


main()
