"""How many bytes DuckDB reads of two files of the same points to answer a question about a part of the map."""

import json
import sys
from pathlib import Path

import duckdb
from fsspec.implementations.local import LocalFileSystem


class Counting(LocalFileSystem):
    """Files on this machine, and the bytes that were read of them."""

    protocol = "counted"
    bytes = 0

    def _open(self, path, mode="rb", block_size=None, **options):
        file = super()._open(path, mode=mode, block_size=block_size, **options)
        read = file.f.read

        def counted(*arguments):
            part = read(*arguments)
            Counting.bytes += len(part)
            return part

        file.read = counted
        return file


def ask(path, part):
    """The rows within a part of the map, and what it took to find them."""
    xmin, ymin, xmax, ymax = part
    connection = duckdb.connect()
    connection.register_filesystem(Counting(skip_instance_cache=True))
    Counting.bytes = 0
    # One question, with the geometry as a map would have it: what a second one reads depends on DuckDB's cache, which
    # does not trust files of the last few seconds.
    rows = connection.execute(
        f"""SELECT geometry, "NAME", "COUNT" FROM read_parquet('counted://{path}')
            WHERE bbox.xmin <= {xmax} AND bbox.xmax >= {xmin} AND bbox.ymin <= {ymax} AND bbox.ymax >= {ymin}"""
    ).fetchall()
    return len(rows), sum(row[2] for row in rows), Counting.bytes


def main(folder):
    folder = Path(folder)
    ratios = []
    for part in [(13.0, 52.3, 13.8, 52.7), (-75.0, 40.0, -73.0, 41.5), (-5.0, -5.0, 5.0, 5.0)]:
        *ordered, fewer = ask(folder / "ordered.parquet", part)
        *unordered, more = ask(folder / "unordered.parquet", part)
        assert ordered == unordered and ordered[0] > 0, (ordered, unordered)
        ratios.append(more / fewer)
        print(f"  DuckDB {duckdb.__version__}, {part}: {ordered[0]} rows, {fewer} bytes in order,"
              f" {more} as they come: {more / fewer:.1f} x fewer")
    # The last part lies where the quarters of the curve meet, the worst place that there is.
    assert min(ratios) >= 10, ratios
    print(json.dumps({"ratios": [round(ratio, 1) for ratio in ratios]}))


main(*sys.argv[1:])
