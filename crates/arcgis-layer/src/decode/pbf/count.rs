//! Answers without rows: counts, ids, extents.

use super::answer::{self, Kind};
use super::features::spatial_reference;
use super::wire::Message;
use crate::decode::DecodeError;
use crate::geometry::Bbox;
use crate::metadata::Extent;
use crate::spatial_reference::SpatialReference;

/// Reads the answer to `returnCountOnly=true&f=pbf`.
///
/// # Errors
///
/// [`DecodeError::Malformed`] if it is no count, [`DecodeError::Service`] if it is an error, which comes as JSON.
///
/// ```
/// assert_eq!(arcgis_layer::read_pbf_count(b"\x12\x05\x12\x03\x08\xc7\x18")?, 3143);
/// # Ok::<(), arcgis_layer::DecodeError>(())
/// ```
pub fn read_pbf_count(body: &[u8]) -> Result<u64, DecodeError> {
    let mut message = answer::open(body, Kind::Count)?;
    let mut count = 0;
    while let Some(member) = message.next()? {
        if member.number == 1 {
            count = member.varint()?;
        }
    }
    Ok(count)
}

/// Reads the answer to `returnIdsOnly=true&f=pbf`: the ids as they come, none if there are no rows.
///
/// # Errors
///
/// As [`read_pbf_count`].
pub fn read_pbf_ids(body: &[u8]) -> Result<Vec<i64>, DecodeError> {
    let mut message = answer::open(body, Kind::Ids)?;
    let mut ids = Vec::new();
    while let Some(member) = message.next()? {
        if member.number == 3 {
            let mut numbers = member.numbers()?;
            while let Some(id) = numbers.next()? {
                // They are declared without a sign; a negative one comes in two's complement.
                ids.push(id as i64);
            }
        }
    }
    Ok(ids)
}

/// Reads the answer to `returnExtentOnly=true&f=pbf`; `None` if there are no rows, or none with geometry.
///
/// # Errors
///
/// As [`read_pbf_count`].
pub fn read_pbf_extent(body: &[u8]) -> Result<Option<Extent>, DecodeError> {
    let mut message = answer::open(body, Kind::Extent)?;
    let mut extent = None;
    while let Some(member) = message.next()? {
        if member.number == 1 {
            extent = Some(envelope(member.message()?)?);
        }
    }
    Ok(extent.filter(|extent| !extent.bbox.is_empty()))
}

fn envelope(mut message: Message<'_>) -> Result<Extent, DecodeError> {
    // A side that is 0 is not sent.
    let mut sides = [0.0; 4];
    let mut reference = None;
    while let Some(member) = message.next()? {
        match member.number {
            1 => sides[0] = member.double()?,
            2 => sides[1] = member.double()?,
            3 => sides[2] = member.double()?,
            4 => sides[3] = member.double()?,
            5 => reference = spatial_reference(member.message()?)?,
            _ => {}
        }
    }
    let [xmin, ymin, xmax, ymax] = sides;
    Ok(Extent {
        bbox: Bbox {
            xmin,
            ymin,
            xmax,
            ymax,
        },
        spatial_reference: reference.unwrap_or_else(SpatialReference::default),
    })
}
