"""Columns as plain values that can be compared whoever read them, and their checksums."""

import hashlib
import math

import pyarrow
import shapely


def values(column):
    """An Arrow column as numbers, texts and bytes; moments and times of day in microseconds, days since 1970."""
    if isinstance(column, pyarrow.ChunkedArray):
        column = column.combine_chunks()
    if isinstance(column, pyarrow.ChunkedArray):
        column = pyarrow.concat_arrays(column.chunks) if column.num_chunks else pyarrow.array([], column.type)
    kind = column.type
    if pyarrow.types.is_timestamp(kind) or pyarrow.types.is_time(kind):
        wide = pyarrow.int32() if pyarrow.types.is_time32(kind) else pyarrow.int64()
        scale = {"s": 1_000_000, "ms": 1_000, "us": 1}[kind.unit]
        return [None if value is None else value * scale for value in column.cast(wide).to_pylist()]
    if pyarrow.types.is_date32(kind):
        return column.cast(pyarrow.int32()).to_pylist()
    return column.to_pylist()


def checksum(column):
    """The SHA-256 of a column's values."""
    digest = hashlib.sha256()
    for value in column:
        if isinstance(value, float):
            value = "nan" if math.isnan(value) else value.hex()
        digest.update(f"{type(value).__name__}:{value!r}\n".encode())
    return digest.hexdigest()


def same_geometry(got, expected, tolerance):
    """Whether two geometries are equal within a tolerance, z included: rings may start elsewhere and run the other way."""
    if got is None or expected is None:
        return got is None and expected is None
    if got.geom_type != expected.geom_type or got.has_z != expected.has_z:
        return False
    if shapely.equals_exact(got, expected, tolerance):
        return True
    first, second = (shapely.normalize(shapely.orient_polygons(geometry)) for geometry in (got, expected))
    return shapely.equals_exact(first, second, tolerance)
