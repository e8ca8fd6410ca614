//! Geometry as GeoArrow writes it: lists of coordinates, separated (a struct of x and y) or interleaved.

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray as _;
use arrow_array::types::Float64Type;
use arrow_schema::DataType;

use crate::error::GeometryProblem;
use crate::outline::{Outline, PartKind};

/// What the coordinates stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NativeKind {
    /// One position.
    Point,
    /// A list of positions: a line.
    LineString,
    /// A list of rings.
    Polygon,
    /// A list of positions, each for itself.
    MultiPoint,
    /// A list of lines.
    MultiLineString,
    /// A list of polygons.
    MultiPolygon,
}

impl NativeKind {
    /// The kind that an encoding is called by, in GeoParquet, or in GeoArrow without `geoarrow.`.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "point" => Self::Point,
            "linestring" => Self::LineString,
            "polygon" => Self::Polygon,
            "multipoint" => Self::MultiPoint,
            "multilinestring" => Self::MultiLineString,
            "multipolygon" => Self::MultiPolygon,
            _ => return None,
        })
    }

    fn lists(self) -> usize {
        match self {
            Self::Point => 0,
            Self::LineString | Self::MultiPoint => 1,
            Self::Polygon | Self::MultiLineString => 2,
            Self::MultiPolygon => 3,
        }
    }

    /// Whether a column of this type holds such geometry.
    pub(crate) fn fits(self, data_type: &DataType) -> bool {
        let mut inner = data_type;
        for _ in 0..self.lists() {
            let (DataType::List(item) | DataType::LargeList(item)) = inner else {
                return false;
            };
            inner = item.data_type();
        }
        match inner {
            DataType::Struct(axes) => ["x", "y"].iter().all(|axis| {
                axes.iter()
                    .any(|field| field.name() == axis && *field.data_type() == DataType::Float64)
            }),
            DataType::FixedSizeList(item, size) => {
                *size >= 2 && *item.data_type() == DataType::Float64
            }
            _ => false,
        }
    }

    /// Reads the geometry of a row.
    pub(crate) fn read(
        self,
        column: &ArrayRef,
        row: usize,
        outline: &mut Outline,
    ) -> Result<(), GeometryProblem> {
        match self {
            Self::Point => {
                positions(column, row..row + 1, outline)?;
                outline.end(PartKind::Points);
            }
            Self::LineString | Self::MultiPoint => {
                let (inner, range) = list(column, row)?;
                positions(inner, range, outline)?;
                outline.end(if self == Self::LineString {
                    PartKind::Line
                } else {
                    PartKind::Points
                });
            }
            Self::MultiLineString => {
                let (lines, range) = list(column, row)?;
                for line in range {
                    let (inner, range) = list(lines, line)?;
                    positions(inner, range, outline)?;
                    outline.end(PartKind::Line);
                }
            }
            Self::Polygon => polygon(column, row, outline)?,
            Self::MultiPolygon => {
                let (polygons, range) = list(column, row)?;
                for one in range {
                    polygon(polygons, one, outline)?;
                }
            }
        }
        Ok(())
    }
}

fn polygon(column: &ArrayRef, row: usize, outline: &mut Outline) -> Result<(), GeometryProblem> {
    let (rings, range) = list(column, row)?;
    let first = range.start;
    for ring in range {
        let (inner, range) = list(rings, ring)?;
        positions(inner, range, outline)?;
        outline.end(if ring == first {
            PartKind::Shell
        } else {
            PartKind::Hole
        });
    }
    Ok(())
}

/// What a list holds, and where in it.
fn list(
    column: &ArrayRef,
    row: usize,
) -> Result<(&ArrayRef, std::ops::Range<usize>), GeometryProblem> {
    let bounds = |start: Option<usize>, end: Option<usize>| match (start, end) {
        (Some(start), Some(end)) if start <= end => Ok(start..end),
        _ => Err(GeometryProblem::Column),
    };
    if let Some(lists) = column.as_list_opt::<i32>() {
        let at = |row: usize| {
            lists
                .value_offsets()
                .get(row)
                .and_then(|at| usize::try_from(*at).ok())
        };
        return Ok((lists.values(), bounds(at(row), at(row + 1))?));
    }
    if let Some(lists) = column.as_list_opt::<i64>() {
        let at = |row: usize| {
            lists
                .value_offsets()
                .get(row)
                .and_then(|at| usize::try_from(*at).ok())
        };
        return Ok((lists.values(), bounds(at(row), at(row + 1))?));
    }
    Err(GeometryProblem::Column)
}

fn positions(
    column: &ArrayRef,
    range: std::ops::Range<usize>,
    outline: &mut Outline,
) -> Result<(), GeometryProblem> {
    let wrong = || GeometryProblem::Column;
    if let Some(axes) = column.as_struct_opt() {
        let axis = |name| -> Option<&[f64]> {
            let values = axes.column_by_name(name)?;
            Some(values.as_primitive_opt::<Float64Type>()?.values())
        };
        let (xs, ys) = (axis("x").ok_or_else(wrong)?, axis("y").ok_or_else(wrong)?);
        let xs = xs.get(range.clone()).ok_or_else(wrong)?;
        let ys = ys.get(range).ok_or_else(wrong)?;
        for (x, y) in xs.iter().zip(ys) {
            outline.push(*x, *y);
        }
        return Ok(());
    }
    let lists = column.as_fixed_size_list_opt().ok_or_else(wrong)?;
    let size = usize::try_from(lists.value_length()).map_err(|_| wrong())?;
    let values = lists.values();
    let values = values.as_primitive_opt::<Float64Type>().ok_or_else(wrong)?;
    let start = range.start.checked_mul(size).ok_or_else(wrong)?;
    let end = range.end.checked_mul(size).ok_or_else(wrong)?;
    let ordinates = values.values().get(start..end).ok_or_else(wrong)?;
    for position in ordinates.chunks_exact(size.max(1)) {
        if let [x, y, ..] = position {
            outline.push(*x, *y);
        }
    }
    Ok(())
}
