"""Compares what a contestant wrote with the values that the formulas give.

    python check.py <expected.parquet> <written.parquet|.geojsonl>

Prints rows, rows that are right in all columns, and what is not right. Types are each contestant's own: a number
is right as a number, a moment as milliseconds or as a timestamp or as ISO text, a single as the double that has
its decimal text. Coordinates may be off by what PBF rounds and by seven decimals where a contestant asks for these
(it is noted then); rings may begin anywhere.
"""

import json
import sys

import numpy
import pandas
import pyarrow
import pyarrow.compute
import pyarrow.parquet
import shapely

ID = "OBJECTID"
# Half of it is what PBF may be off in each direction.
GRID = 1e-9


def read(path):
    """Columns by name, and the geometries; without geometry, None and why."""
    if path.endswith(".geojsonl"):
        with open(path) as lines:
            features = [json.loads(line) for line in lines if line.strip()]
        if not features:
            return pandas.DataFrame(), None, "no rows"
        table = pandas.DataFrame([feature["properties"] for feature in features])
        if ID not in table and "id" in features[0]:
            table[ID] = [feature["id"] for feature in features]
        shapes = [feature.get("geometry") for feature in features]
        if not any(shapes):
            return table, None, "no geometry"
        return table, shapely.from_geojson([shape and json.dumps(shape) for shape in shapes]), None
    table = pyarrow.parquet.ParquetFile(path).read()
    names = {name.lower(): name for name in table.column_names}
    found = next((names[name] for name in ("geometry", "wkb_geometry", "geom") if name in names), None)
    frame = table.drop([name for name in (found, "bbox") if name in table.column_names]).to_pandas()
    if found is None:
        return frame, None, "no geometry"
    column = table[found].combine_chunks()
    if pyarrow.types.is_binary(column.type) or pyarrow.types.is_large_binary(column.type):
        return frame, shapely.from_wkb(column.to_numpy(zero_copy_only=False)), None
    return frame, None, "attributes only: its geometry is lists of numbers"


def moments(values):
    """Milliseconds since 1970, or NaN."""
    if pandas.api.types.is_datetime64_any_dtype(values):
        utc = pandas.to_datetime(values, utc=True).astype("datetime64[ms, UTC]")
        numbers = utc.astype("int64").astype("float64")
        return numbers.where(values.notna())
    if pandas.api.types.is_numeric_dtype(values):
        return values.astype("float64")
    return moments(pandas.to_datetime(values, utc=True, format="ISO8601"))


def alike(got, want):
    """For each row, whether the value is right."""
    if pandas.api.types.is_datetime64_any_dtype(want):
        first, second = moments(got).to_numpy(), moments(want).to_numpy()
        return (first == second) | (numpy.isnan(first) & numpy.isnan(second))
    if pandas.api.types.is_numeric_dtype(want):
        first = pandas.to_numeric(got, errors="coerce").to_numpy(dtype="float64", na_value=numpy.nan)
        second = want.to_numpy(dtype="float64", na_value=numpy.nan)
        same = (first == second) | (numpy.isnan(first) & numpy.isnan(second))
        if want.dtype == "float32":
            same |= first.astype("float32") == want.to_numpy()
        return same
    none = got.isna().to_numpy() & want.isna().to_numpy()
    return none | (got.astype("object").to_numpy() == want.astype("object").to_numpy())


def canonical(shapes):
    """Parts of many, in one order, so that one part and many of one are the same."""
    parts, index = shapely.get_parts(shapes, return_index=True)
    kinds = shapely.get_type_id(parts)
    if len(parts) == 0 or (kinds == 0).all():
        return shapes
    joined = shapely.multipolygons if (kinds == 3).all() else shapely.multilinestrings
    whole = numpy.full(len(shapes), None, dtype=object)
    made = joined(parts, indices=index)
    whole[numpy.unique(index)] = made[numpy.unique(index)] if len(made) == len(shapes) else made
    return shapely.normalize(whole)


def main():
    expected, written = sys.argv[1:]
    want, places, _ = read(expected)
    got, shapes, lacking = read(written)
    notes = []
    # Names are each contestant's own only in their letters' case.
    names = {name.lower(): name for name in got.columns}
    result = {"rows": len(got), "right": 0, "notes": notes}
    if ID.lower() not in names:
        notes.append("no object id" if len(got) else lacking)
    else:
        got = got.rename(columns={names[name.lower()]: name for name in want.columns if name.lower() in names})
        place = pandas.Series(numpy.arange(len(got)), index=got[ID].astype("int64"))
        if not place.index.is_unique:
            notes.append(f"{len(place) - place.index.nunique()} rows twice")
            place = place[~place.index.duplicated()]
        common = want[ID].isin(place.index).to_numpy()
        if not common.all():
            notes.append(f"{(~common).sum()} rows missing")
        order = place.loc[want[ID][common]].to_numpy()
        right = numpy.ones(len(order), dtype=bool)
        got, want = got.iloc[order].reset_index(drop=True), want[common].reset_index(drop=True)
        for name in want.columns:
            if name not in got:
                notes.append(f"no {name}")
                continue
            same = alike(got[name], want[name])
            if not same.all():
                notes.append(f"{(~same).sum()} wrong in {name}")
            right &= same
        if places is not None and lacking:
            notes.append(lacking)
            if lacking == "no geometry":
                right[:] = False
        elif places is not None:
            first, second = canonical(shapes[order]), canonical(places[common])
            for tolerance, note in ((0, None), (0.75 * GRID, None), (0.75e-7, "coordinates to 7 decimals")):
                same = shapely.equals_exact(first, second, tolerance)
                if same.all():
                    break
            if note and same.all():
                notes.append(note)
            if not same.all():
                notes.append(f"{(~same).sum()} wrong in geometry")
            right &= same
        result["right"] = int(right.sum())
    print(json.dumps(result))


if __name__ == "__main__":
    main()
