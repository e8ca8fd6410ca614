//! Parts of a query whose rows were counted: for layers whose ids cannot be listed.

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::geometry::Bbox;
use crate::layer::Layer;
use crate::literal::object_id_range;
use crate::query::ResolvedQuery;

/// How often a rectangle is quartered: from the Earth to a few centimetres.
const DEEPEST: u32 = 30;

/// A part of a query: what is in it, and how many rows that was when it was counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) within: Within,
    pub(crate) rows: u64,
    /// How many of its first rows are wanted, if not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) first: Option<u64>,
}

impl Part {
    /// Whether it is a range of ids.
    pub(crate) fn is_ids(&self) -> bool {
        matches!(self.within, Within::Ids(..))
    }
}

/// What a part holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Within {
    /// Object ids from the first to the last, both included.
    Ids(i64, i64),
    /// What touches a rectangle in the layer's reference: xmin, ymin, xmax, ymax.
    Area([f64; 4]),
    /// What meets a condition, such as to have no geometry.
    Condition(String),
}

impl Within {
    /// The query for the rows in it.
    pub(crate) fn of(&self, layer: &Layer, query: &ResolvedQuery) -> ResolvedQuery {
        match self {
            Self::Ids(first, last) => {
                let field = query.object_id().unwrap_or_default();
                query.refined(&object_id_range(field, *first, *last))
            }
            Self::Area([xmin, ymin, xmax, ymax]) => {
                let reference = reference(layer);
                let mut query = query
                    .clone()
                    .pinned("geometry", format!("{xmin},{ymin},{xmax},{ymax}"))
                    .pinned("geometryType", "esriGeometryEnvelope".to_owned())
                    .pinned("spatialRel", "esriSpatialRelIntersects".to_owned());
                if let Some(reference) = reference {
                    query = query.pinned("inSR", reference);
                }
                query
            }
            Self::Condition(condition) => query.refined(condition),
        }
    }

    /// Its id, if it can hold only one.
    pub(crate) fn only_id(&self) -> Option<i64> {
        match self {
            Self::Ids(first, last) if first == last => Some(*first),
            _ => None,
        }
    }

    /// Smaller ones that hold the same together; none if this is the smallest.
    pub(crate) fn split(&self, depth: u32) -> Vec<Self> {
        match *self {
            Self::Ids(first, last) if first < last => {
                // In 128 bits, where nothing overflows.
                let middle = (i128::from(first) + i128::from(last)).div_euclid(2);
                let middle = i64::try_from(middle).unwrap_or(first);
                vec![Self::Ids(first, middle), Self::Ids(middle + 1, last)]
            }
            Self::Area([xmin, ymin, xmax, ymax]) if depth < DEEPEST => {
                let (x, y) = (xmin.midpoint(xmax), ymin.midpoint(ymax));
                vec![
                    Self::Area([xmin, ymin, x, y]),
                    Self::Area([x, ymin, xmax, y]),
                    Self::Area([xmin, y, x, ymax]),
                    Self::Area([x, y, xmax, ymax]),
                ]
            }
            _ => Vec::new(),
        }
    }
}

fn reference(layer: &Layer) -> Option<String> {
    layer.info().spatial_reference.to_param()
}

/// How many rectangles may be counted for each page that the rows would fill, and beside. Rows that lie in all of
/// them are not told apart by ever smaller ones.
const RECTANGLES: u64 = 64;

/// A part that may be too large, and how often it was split.
type Found = (Within, u64, u32);

/// Parts of at most `most` rows, by ranges of object ids; `None` if the counts of ranges do not agree with the count
/// of all, `total`.
pub(crate) async fn by_ids(
    layer: &Layer,
    query: &ResolvedQuery,
    total: u64,
    most: u64,
    at_once: usize,
) -> Result<Option<Vec<Part>>, Error> {
    let (first, last) = match layer.object_id_bounds(query).await {
        Ok(Some(bounds)) => bounds,
        // Halving finds them.
        _ => (i64::MIN, i64::MAX),
    };
    let all = Within::Ids(first, last);
    if layer.count(&all.of(layer, query)).await? != total {
        return Ok(None);
    }
    let mut open: Vec<Found> = vec![(all, total, 0)];
    let mut parts = Vec::new();
    while !open.is_empty() {
        let halves = open.into_iter().filter_map(|(within, rows, depth)| {
            if rows <= most {
                parts.push((within, rows));
                return None;
            }
            match <[Within; 2]>::try_from(within.split(depth)) {
                Ok([left, right]) => Some((left, right, rows, depth + 1)),
                Err(_) => {
                    parts.push((within, rows));
                    None
                }
            }
        });
        let halves: Vec<_> = halves.collect();
        let counted: Vec<(Within, Within, u64, u64, u32)> = stream::iter(halves)
            .map(async |(left, right, rows, depth)| {
                let count = layer.count(&left.of(layer, query)).await?;
                Ok::<_, Error>((left, right, count, rows, depth))
            })
            .buffered(at_once.max(1))
            .try_collect()
            .await?;
        open = Vec::new();
        for (left, right, count, rows, depth) in counted {
            let Some(rest) = rows.checked_sub(count) else {
                return Ok(None);
            };
            open.push((left, count, depth));
            open.push((right, rest, depth));
        }
        open.retain(|(_, rows, _)| *rows > 0);
    }
    parts.sort_by_key(|(within, _)| match within {
        Within::Ids(first, _) => *first,
        _ => 0,
    });
    Ok(Some(parts.into_iter().map(whole).collect()))
}

/// Ranges of object ids with at most `most` rows each; none if their counts do not add up.
pub(crate) async fn counted_ranges(
    layer: &Layer,
    query: &ResolvedQuery,
    total: u64,
    most: u64,
) -> Result<Vec<(i64, i64)>, Error> {
    let parts = by_ids(layer, query, total, most, 1).await?;
    let range = |part: Part| match part.within {
        Within::Ids(first, last) => Some((first, last)),
        _ => None,
    };
    Ok(parts.into_iter().flatten().filter_map(range).collect())
}

/// Parts of at most `most` rows, by rectangles within `extent`; rows without geometry in a part of their own, if there is a
/// condition that finds them. Rows on borders are in several parts. `None` if some place has more than `most` rows, or if
/// rows are so large that they lie in many rectangles.
pub(crate) async fn by_areas(
    layer: &Layer,
    query: &ResolvedQuery,
    extent: &Bbox,
    total: u64,
    most: u64,
    at_once: usize,
) -> Result<Option<Vec<Part>>, Error> {
    // What lies on the border of a rounded extent is inside.
    let margin = ((extent.xmax - extent.xmin) + (extent.ymax - extent.ymin)) * 0.01 + 1e-6;
    let all = Within::Area([
        extent.xmin - margin,
        extent.ymin - margin,
        extent.xmax + margin,
        extent.ymax + margin,
    ]);
    let mut open: Vec<(Within, u32)> = vec![(all, 0)];
    let mut parts = Vec::new();
    let mut left = RECTANGLES * (total.div_ceil(most.max(1)) + 4);
    while !open.is_empty() {
        let Some(rest) = left.checked_sub(open.len() as u64) else {
            return Ok(None);
        };
        left = rest;
        let counted: Vec<Found> = stream::iter(open)
            .map(async |(within, depth)| {
                let rows = layer.count(&within.of(layer, query)).await?;
                Ok::<_, Error>((within, rows, depth))
            })
            .buffered(at_once.max(1))
            .try_collect()
            .await?;
        open = Vec::new();
        for (within, rows, depth) in counted {
            match rows {
                0 => {}
                rows if rows <= most => parts.push(whole((within, rows))),
                _ => {
                    let smaller = within.split(depth);
                    if smaller.is_empty() {
                        return Ok(None);
                    }
                    open.extend(smaller.into_iter().map(|within| (within, depth + 1)));
                }
            }
        }
    }
    if let Some(condition) = no_geometry(layer) {
        let within = Within::Condition(condition);
        // Servers before 11.3 do not understand it; then the count at the end tells whether there were any.
        match layer.count(&within.of(layer, query)).await {
            Ok(0) => {}
            Ok(rows) if rows <= most => parts.push(whole((within, rows))),
            Ok(_) => return Ok(None),
            Err(error) => {
                tracing::warn!(layer = %layer.address(), %error, "rows without geometry cannot be asked for");
            }
        }
    }
    Ok(Some(parts))
}

/// How rows without geometry are asked for: by the field of the geometry, `SHAPE` where none is named.
fn no_geometry(layer: &Layer) -> Option<String> {
    let fields = &layer.info().fields;
    let field = fields
        .iter()
        .find(|field| field.field_type == crate::field::FieldType::Geometry);
    layer.info().geometry_type?;
    let name = field.map_or("SHAPE", |field| field.name.as_str());
    Some(format!("{name} IS NULL"))
}

/// The same ranges of ids, each up to where the next one begins: that there is nothing in between is only what counts
/// say.
pub(crate) fn without_gaps(mut parts: Vec<Part>) -> Vec<Part> {
    let mut next = None;
    for part in parts.iter_mut().rev() {
        if let Within::Ids(first, last) = &mut part.within {
            if let Some(next) = next {
                *last = next;
            }
            next = first.checked_sub(1);
        }
    }
    parts
}

fn whole((within, rows): (Within, u64)) -> Part {
    Part {
        within,
        rows,
        first: None,
    }
}

/// The parts with the first `limit` rows.
pub(crate) fn first(parts: Vec<Part>, limit: u64) -> Vec<Part> {
    let mut left = limit;
    let mut kept = Vec::new();
    for mut part in parts {
        if left == 0 {
            break;
        }
        if part.rows > left {
            part.first = Some(left);
        }
        left -= part.rows.min(left);
        kept.push(part);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_cover_all_of_64_bits_once() {
        let mut open = vec![Within::Ids(i64::MIN, i64::MAX)];
        for depth in 0..10 {
            open = open.iter().flat_map(|part| part.split(depth)).collect();
        }
        assert_eq!(open.len(), 1024);
        let mut next = Some(i64::MIN);
        for part in open {
            let Within::Ids(first, last) = part else {
                panic!("{part:?}");
            };
            assert_eq!(Some(first), next);
            next = last.checked_add(1);
        }
        assert_eq!(next, None);
        assert_eq!(
            Within::Ids(1, 2).split(0),
            [Within::Ids(1, 1), Within::Ids(2, 2)]
        );
        assert!(Within::Ids(7, 7).split(0).is_empty());
    }

    #[test]
    fn a_limit_cuts_the_last_part() {
        let parts = vec![
            whole((Within::Ids(1, 9), 5)),
            whole((Within::Ids(10, 19), 5)),
        ];
        let cut = first(parts.clone(), 7);
        assert_eq!((cut.len(), cut[1].rows, cut[1].first), (2, 5, Some(2)));
        assert_eq!(first(parts.clone(), 5), parts[..1]);
        assert_eq!(first(parts.clone(), 99), parts);
        assert!(first(parts, 0).is_empty());
    }
}
