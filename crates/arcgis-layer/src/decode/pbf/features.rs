//! A page without its rows: what it declares, wherever its members stand.

use super::transform;
use super::value::{self, Cell};
use super::wire::{Member, Message, malformed};
use crate::decode::{CoordinateGrid, DecodeError};
use crate::geometry::GeometryType;
use crate::sink::ValueRef;
use crate::spatial_reference::SpatialReference;

/// The number of the member that holds a row.
const FEATURE: u32 = 15;

/// The tag of a row.
const FEATURE_TAG: u8 = 15 << 3 | 2;

/// What an answer with features says beside them.
#[derive(Debug, Default)]
pub(super) struct Features<'a> {
    pub(super) object_id_field: &'a str,
    pub(super) global_id_field: &'a str,
    pub(super) geometry_type: i32,
    pub(super) spatial_reference: Option<SpatialReference>,
    pub(super) exceeded: bool,
    pub(super) has_z: bool,
    pub(super) has_m: bool,
    pub(super) transform: Option<CoordinateGrid>,
    /// The values of a row come in the order of these.
    pub(super) fields: Vec<Declared<'a>>,
    /// Values that rows name by their place.
    pub(super) values: Vec<ValueRef<'a>>,
    /// Begins with the first row.
    rows: Message<'a>,
    /// How many rows there are.
    pub(super) count: usize,
}

/// A field as the answer declares it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Declared<'a> {
    pub(super) name: &'a str,
    pub(super) field_type: i32,
    pub(super) alias: &'a str,
    /// JSON, or nothing.
    pub(super) domain: &'a str,
    pub(super) default_value: &'a str,
}

impl<'a> Features<'a> {
    /// Passes over all members. Rows are counted; what they hold is not looked at.
    pub(super) fn read(mut message: Message<'a>) -> Result<Self, DecodeError> {
        let mut features = Self::default();
        loop {
            let before = message;
            if message.next_message(FEATURE_TAG).is_some() {
                if features.count == 0 {
                    features.rows = before;
                }
                features.count += 1;
                continue;
            }
            let Some(member) = message.next()? else {
                return Ok(features);
            };
            if member.number == FEATURE {
                if features.count == 0 {
                    features.rows = before;
                }
                features.count += 1;
            } else {
                features.member(&member)?;
            }
        }
    }

    fn member(&mut self, member: &Member<'a>) -> Result<(), DecodeError> {
        match member.number {
            1 => self.object_id_field = member.text()?,
            3 => self.global_id_field = member.text()?,
            7 => self.geometry_type = member.choice()?,
            8 => self.spatial_reference = spatial_reference(member.message()?)?,
            9 => self.exceeded = member.flag()?,
            10 => self.has_z = member.flag()?,
            11 => self.has_m = member.flag()?,
            12 => {
                if self.transform.is_some() {
                    return Err(malformed(member.at, "a second transform"));
                }
                self.transform = Some(transform::read(member.message()?)?);
            }
            13 => self.fields.push(Declared::read(member.message()?)?),
            14 => match value::read(member.message()?)? {
                Cell::Value(value) => self.values.push(value),
                Cell::Index(_) => {
                    return Err(malformed(member.at, "a value refers to another"));
                }
            },
            // 2 says which field is the unique id, 4 to 6 and 16 describe what is not asked for.
            _ => {}
        }
        Ok(())
    }

    /// Passes to the next row, in order.
    #[inline]
    pub(super) fn next_row(&mut self) -> Result<Option<Message<'a>>, DecodeError> {
        if let Some(row) = self.rows.next_message(FEATURE_TAG) {
            return Ok(Some(row));
        }
        while let Some(member) = self.rows.next()? {
            if member.number == FEATURE {
                return member.message().map(Some);
            }
        }
        Ok(None)
    }
}

impl<'a> Declared<'a> {
    fn read(mut message: Message<'a>) -> Result<Self, DecodeError> {
        let mut field = Self::default();
        while let Some(member) = message.next()? {
            match member.number {
                1 => field.name = member.text()?,
                2 => field.field_type = member.choice()?,
                3 => field.alias = member.text()?,
                5 => field.domain = member.text()?,
                6 => field.default_value = member.text()?,
                // 4 is the type in the database.
                _ => {}
            }
        }
        Ok(field)
    }
}

/// The kind of geometry that a number means.
pub(super) fn geometry_type(number: i32) -> Option<GeometryType> {
    Some(match number {
        0 => GeometryType::Point,
        1 => GeometryType::Multipoint,
        2 => GeometryType::Polyline,
        3 => GeometryType::Polygon,
        4 => GeometryType::Multipatch,
        5 => GeometryType::Envelope,
        _ => return None,
    })
}

/// Reads a spatial reference; `None` if it says nothing.
pub(super) fn spatial_reference(
    mut message: Message<'_>,
) -> Result<Option<SpatialReference>, DecodeError> {
    let mut reference = SpatialReference::default();
    let text = |member: Member<'_>| -> Result<Option<String>, DecodeError> {
        let text = member.text()?;
        Ok((!text.trim().is_empty()).then(|| text.to_owned()))
    };
    while let Some(member) = message.next()? {
        let code = || -> Result<Option<i64>, DecodeError> {
            // Esri's numbers for systems without a code are negative, or 0.
            let code = member.varint()? as i64;
            Ok(Some(code).filter(|&code| code > 0))
        };
        match member.number {
            1 => reference.wkid = code()?,
            2 => reference.latest_wkid = code()?,
            3 => reference.vcs_wkid = code()?,
            4 => reference.latest_vcs_wkid = code()?,
            5 => reference.wkt = text(member)?,
            6 => reference.wkt2 = text(member)?,
            _ => {}
        }
    }
    Ok(Some(reference).filter(|reference| !reference.is_empty()))
}
