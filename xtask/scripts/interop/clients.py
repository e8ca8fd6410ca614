"""Suite `clients`: programs that nobody here wrote get every row of the demo layers from `arcgis serve`.

    python clients.py <arcgis> <lines_service> <repository> <work folder> <tally.json> <module>
"""

import math
import os
import subprocess
import sys
import warnings

import esridump
import numpy
import pyarrow.parquet
import pyogrio
import shapely
import shapely.geometry

import column
import server
import source
from run import Run
from tally import Tally

TOLERANCE = 1e-9


def gdal(url, run):
    """GDAL's driver ESRIJSON, which pages when told to and no offset is in the address."""
    pyogrio.set_gdal_config_options({"GDAL_HTTP_TIMEOUT": "60"})
    meta, _, wkb, values = pyogrio.raw.read(
        f"ESRIJSON:{url}/query?where=1%3D1&outFields=*&f=json", FEATURE_SERVER_PAGING="YES"
    )
    rows = {str(name): list(column) for name, column in zip(meta["fields"], values)}
    return rows, [None if value is None else shapely.from_wkb(value) for value in wkb]


def pyesridump(url, run):
    """As a library: its command sleeps for seconds every few requests."""
    features = list(esridump.EsriDumper(url, pause_seconds=0, timeout=60))
    rows = {name: [feature["properties"].get(name) for feature in features] for name in features[0]["properties"]}
    return rows, [geometry and shapely.geometry.shape(geometry) for geometry in (f["geometry"] for f in features)]


def gpio(url, run):
    out = run.folder("clients") / "extracted.parquet"
    out.unlink(missing_ok=True)
    environment = {**os.environ, "HOME": str(run.work / "home"), "NO_COLOR": "1"}
    subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), "gpio"), "extract", "arcgis", url, str(out)],
        check=True, capture_output=True, text=True, env=environment, timeout=300,
    )
    table = pyarrow.parquet.ParquetFile(out).read()
    rows = {name: column.values(table[name]) for name in table.column_names if name not in ("geometry", "bbox")}
    return rows, [None if wkb is None else shapely.from_wkb(wkb) for wkb in table["geometry"].to_pylist()]


CLIENTS = {"gdal": gdal, "pyesridump": pyesridump, "gpio": gpio}


def alike(got, want):
    """Whether a value is the same where types are each client's own: numbers as numbers, no value as none."""
    if got is None or want is None or got != got:
        return (got is None or got != got) and want is None
    if isinstance(want, (int, float)):
        # Singles: some clients take the decimal text for a double.
        return float(got) == float(want) or float(numpy.float32(got)) == float(want)
    return str(got) == want


def same_place(got, want):
    """Geometry, however it is cut into parts: some clients give one part as several of one, or a type of their own."""
    if column.same_geometry(got, want, TOLERANCE):
        return True
    if got is None or want is None or got.is_empty:
        return False
    first, second = (shapely.GeometryCollection(parts_of(geometry)) for geometry in (got, want))
    return column.same_geometry(first, second, TOLERANCE)


def mended(got, want):
    """gpio makes geometry valid: a line without length becomes a point, one that runs back on itself shorter."""
    if same_place(got, want):
        return True
    if got is None or want is None:
        return False
    first, second = ([*each.bounds, each.area, each.length] for each in (got, shapely.make_valid(want)))
    return all(math.isclose(a, b, rel_tol=1e-9, abs_tol=TOLERANCE) for a, b in zip(first, second))


def parts_of(geometry):
    """The single parts of a geometry, and of those in it."""
    if not hasattr(geometry, "geoms"):
        return [geometry]
    return [part for inner in geometry.geoms for part in parts_of(inner)]


def compare(tally, who, src, url, run):
    try:
        rows, geometries = CLIENTS[who](url, run)
    except Exception as error:
        detail = getattr(error, "stderr", "") or ""
        tally.complain(who, src.name, f"{error!r} {detail[-800:]}")
        return
    wanted = src.columns()
    tally.equal(who, f"{src.name}: rows", len(geometries), len(src.rows))
    tally.equal(who, f"{src.name}: columns", sorted(set(wanted) - set(rows)), [])
    if src.object_id not in rows:
        return
    place = {row: at for at, row in enumerate(rows[src.object_id])}
    tally.equal(who, f"{src.name}: object ids", sorted(place), sorted(wanted[src.object_id]))
    if len(place) != len(src.rows):
        return
    order = [place[row] for row in wanted[src.object_id]]
    for name in set(wanted) & set(rows):
        odd = [(rows[name][at], want) for at, want in zip(order, wanted[name]) if not alike(rows[name][at], want)]
        tally.holds(who, f"{src.name}.{name}", not odd, f"{len(odd)} values differ, such as {odd[:3]}")
    same = mended if who == "gpio" else same_place
    odd = [at for at, want in zip(order, src.geometries) if not same(geometries[at], want)]
    tally.holds(who, f"{src.name}.geometry", not odd, f"{len(odd)} differ, such as in rows {odd[:3]}")


def main():
    warnings.simplefilter("ignore")
    run = Run.of(sys.argv[1:])
    tally = Tally()
    with server.running([run.arcgis, "serve", "--open", "--port", "0", "--json"]) as service:
        for src in source.demo(run.demo_data):
            for who in CLIENTS:
                compare(tally, who, src, service["layers"][src.name], run)
    tally.close(run.tally)


if __name__ == "__main__":
    main()
