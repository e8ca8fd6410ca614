"""Writes every CRS that PROJ's database has from EPSG and ESRI, one a line, for `cargo xtask crs-table`.

usage: crs_table.py <output file>

Lines, tab-separated:
  version  <JSON object: versions of PROJ and of the databases>
  crs      <authority>  <code>  <PROJJSON>
  wkt      <authority>  <code>  <WKT>      the same as Esri writes it, if it is horizontal or vertical; of equal
                                           ones the first is to be preferred
  alias    <wkid>  <authority>  <code>     the CRS that a wkid means today
"""

import json
import math
import os
import sqlite3
import sys
import warnings

import pyproj
from pyproj import CRS, Transformer
from pyproj.database import get_codes
from pyproj.enums import PJType

# Web Mercator under its older numbers; the coordinates are the same. EPSG:3785 is deprecated in favour of 3857.
WEB_MERCATOR = [3785, 102100, 102113, 900913]


def same_coordinates(old, new):
    """Whether both CRSs give the same numbers to the same places, to a millimetre or 1e-8 of a degree."""
    old, new = CRS.from_user_input(old), CRS.from_user_input(new)
    if old.is_vertical or new.is_vertical:
        return old.is_vertical and new.is_vertical and old.axis_info[0].unit_conversion_factor == new.axis_info[0].unit_conversion_factor
    if [axis.unit_conversion_factor for axis in old.axis_info] != [axis.unit_conversion_factor for axis in new.axis_info]:
        return False
    if len(old.axis_info) != len(new.axis_info):
        return False
    # Longitude and latitude would be equal on any ellipsoid: compare its axes too.
    for axis in ("semi_major_metre", "semi_minor_metre"):
        if abs(getattr(old.ellipsoid, axis) - getattr(new.ellipsoid, axis)) > 1e-3:
            return False
    area = new.area_of_use or old.area_of_use
    if area is None:
        return False
    east = area.east if area.east >= area.west else area.east + 360
    # Between each projected CRS and its own geodetic one: no datum shift takes part.
    forward = [Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True) for crs in (old, new)]
    for across in (0.3, 0.5, 0.7):
        for up in (0.3, 0.5, 0.7):
            x = area.west + (east - area.west) * across
            y = area.south + (area.north - area.south) * up
            # Places are given in the unit and from the prime meridian of each geodetic CRS.
            points = []
            for crs, way in zip((old, new), forward):
                factor = crs.geodetic_crs.axis_info[0].unit_conversion_factor / math.radians(1)
                meridian = crs.prime_meridian.longitude * crs.prime_meridian.unit_conversion_factor / math.radians(1)
                points.append(way.transform((x - meridian) / factor, y / factor))
            (ax, ay), (bx, by) = points
            limit = 1e-8 if new.is_geographic else 1e-3 / new.axis_info[0].unit_conversion_factor
            if not (abs(ax - bx) <= limit and abs(ay - by) <= limit):
                return False
    return True


def esri_wkt(crs):
    try:
        wkt = crs.to_wkt("WKT1_ESRI")
    except pyproj.exceptions.CRSError:
        return None
    assert wkt is None or not set(wkt) & {"\t", "\n"}
    return wkt


def aliases(database, present):
    """Esri's own replacements of its codes, as far as they give the same coordinates."""
    out = {wkid: ("EPSG", 3857) for wkid in WEB_MERCATOR}
    refused = []
    rows = database.execute(
        "select deprecated_code, replacement_auth_name, replacement_code from deprecation"
        " where deprecated_auth_name = 'ESRI' and source = 'ESRI'"
        " order by cast(deprecated_code as integer), replacement_auth_name, cast(replacement_code as integer)"
    ).fetchall()
    for code, authority, replacement in rows:
        wkid = int(code)
        if wkid in out:
            continue
        if (authority, int(replacement)) in present and same_coordinates(f"ESRI:{code}", f"{authority}:{replacement}"):
            out[wkid] = (authority, int(replacement))
        else:
            refused.append(f"ESRI:{code} ({authority}:{replacement})")
    # An alias goes before the table, so it may not hide a code that EPSG gives another meaning.
    assert not [wkid for wkid in out if ("EPSG", wkid) in present and wkid not in WEB_MERCATOR]
    print(f"aliases: {len(out)} kept; {len(refused)} not the same coordinates: {', '.join(refused)}")
    return out


def main(output):
    warnings.simplefilter("ignore")
    database = sqlite3.connect(os.path.join(pyproj.datadir.get_data_dir(), "proj.db"))
    metadata = dict(database.execute("select key, value from metadata"))
    versions = {
        "proj": pyproj.proj_version_str,
        "epsg": f"{metadata['EPSG.VERSION']} ({metadata['EPSG.DATE']})",
        "esri": f"{metadata['ESRI.VERSION']} ({metadata['ESRI.DATE']})",
    }
    lines = ["version\t" + json.dumps(versions)]
    present = set()
    texts = []
    for authority in ("EPSG", "ESRI"):
        codes = sorted(int(code) for code in get_codes(authority, PJType.CRS, allow_deprecated=True))
        for code in codes:
            crs = CRS.from_authority(authority, code)
            text = crs.to_json()
            identity = json.loads(text)["id"]
            assert identity == {"authority": authority, "code": code}, (authority, code, identity)
            assert "\t" not in text and "\n" not in text
            lines.append(f"crs\t{authority}\t{code}\t{text}")
            present.add((authority, code))
            if crs.type_name in ("Projected CRS", "Geographic 2D CRS", "Vertical CRS"):
                # Some have no such text: Esri does not know their projection.
                wkt = esri_wkt(crs)
                if wkt is not None:
                    # This text does not say the order of axes, so the one with x before y stands for all.
                    turned = crs.is_projected and [axis.direction for axis in crs.axis_info] != ["east", "north"]
                    line = f"wkt\t{authority}\t{code}\t{wkt}"
                    texts.append((crs.is_deprecated, authority == "ESRI", turned, code, line))
    lines += [line for *_, line in sorted(texts)]
    for wkid, (authority, code) in sorted(aliases(database, present).items()):
        lines.append(f"alias\t{wkid}\t{authority}\t{code}")
    with open(output, "w", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(lines) + "\n")
    print(f"{len(present)} reference systems, {json.dumps(versions)}")


if __name__ == "__main__":
    main(sys.argv[1])
