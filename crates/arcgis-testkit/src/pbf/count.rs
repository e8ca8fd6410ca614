//! Answers without rows.

use super::features::spatial_reference;
use super::result;
use super::writer::Message;
use crate::geometry::Envelope;
use crate::projection::SpatialReference;

pub(crate) fn count(rows: usize) -> Vec<u8> {
    let mut message = Message::default();
    message.uint(1, rows as u64);
    result(2, &message)
}

pub(crate) fn ids(field: &str, ids: &[i64]) -> Vec<u8> {
    let mut message = Message::default();
    message.text(1, field);
    // The format has no sign for them.
    message.packed_uint(3, ids.iter().map(|&id| id as u64));
    result(3, &message)
}

pub(crate) fn extent(
    envelope: Option<Envelope>,
    reference: SpatialReference,
    rows: Option<usize>,
) -> Vec<u8> {
    let sides = envelope.map_or([f64::NAN; 4], |envelope| {
        [envelope.xmin, envelope.ymin, envelope.xmax, envelope.ymax]
    });
    let mut extent = Message::default();
    for (member, side) in (1..).zip(sides) {
        extent.double(member, side);
    }
    extent.message(5, &spatial_reference(reference));
    let mut message = Message::default();
    message.message(1, &extent);
    message.uint(2, rows.unwrap_or(0) as u64);
    result(4, &message)
}
