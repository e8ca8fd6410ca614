"""Compares well-known texts of reference systems with PROJ, for `cargo xtask crs-table`.

usage: crs_wkt2.py <file of lines: authority, code, WKT 2, with tabs between them>

Each text, read by pyproj, has to be the reference system that PROJ has under that code. PROJ takes the datum of a few
for another one when it reads its own text of them: there ours has to be read as that is.
"""

import sys
import warnings

from pyproj import CRS
from pyproj.exceptions import CRSError


def main(path):
    warnings.simplefilter("ignore")
    wrong, count, misread = [], 0, 0
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            authority, code, text = line.rstrip("\n").split("\t")
            count += 1
            try:
                # Order of axes, datum, every parameter and unit: all but what only describes.
                read, known = CRS.from_wkt(text), CRS.from_authority(authority, code)
                same = read == known
                if not same:
                    own = CRS.from_wkt(known.to_wkt("WKT2_2019"))
                    same = own != known and read == own
                    misread += same
            except CRSError:
                same = False
            if not same:
                wrong.append(f"{authority}:{code}")
    if wrong or not count:
        sys.exit(f"{len(wrong)} of {count} WKTs are not what PROJ has: {', '.join(wrong[:20])}")
    print(f"{count} reference systems as WKT 2 are what PROJ has under their codes ({misread} as it reads its own texts)")


if __name__ == "__main__":
    main(sys.argv[1])
