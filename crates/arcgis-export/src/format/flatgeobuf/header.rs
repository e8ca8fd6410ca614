//! The header of a FlatGeobuf file.

use flatbuffers::{FlatBufferBuilder, TableFinishedWIPOffset, WIPOffset};

use crate::crs::ResolvedCrs;
use crate::format::cells::{Attribute, CellKind};
use crate::format::shape::Bounds;
use crate::format::wkt2::wkt2;

use super::index::NODE_SIZE;

/// Slots of `header.fbs`: 4 and 2 for each member before.
mod slot {
    pub(super) const NAME: u16 = 4;
    pub(super) const ENVELOPE: u16 = 6;
    pub(super) const GEOMETRY_TYPE: u16 = 8;
    pub(super) const HAS_Z: u16 = 10;
    pub(super) const HAS_M: u16 = 12;
    pub(super) const COLUMNS: u16 = 18;
    pub(super) const FEATURES_COUNT: u16 = 20;
    pub(super) const INDEX_NODE_SIZE: u16 = 22;
    pub(super) const CRS: u16 = 24;
    pub(super) const METADATA: u16 = 30;

    pub(super) const COLUMN_NAME: u16 = 4;
    pub(super) const COLUMN_TYPE: u16 = 6;
    pub(super) const COLUMN_TITLE: u16 = 8;
    pub(super) const COLUMN_WIDTH: u16 = 12;
    pub(super) const COLUMN_NULLABLE: u16 = 18;

    pub(super) const CRS_ORG: u16 = 4;
    pub(super) const CRS_CODE: u16 = 6;
    pub(super) const CRS_NAME: u16 = 8;
    pub(super) const CRS_WKT: u16 = 12;
}

/// What a header says.
pub(crate) struct Header<'a> {
    pub(crate) name: &'a str,
    pub(crate) columns: &'a [Attribute],
    pub(crate) bounds: Option<Bounds>,
    /// The type as in WKB; 0 where rows differ, or have none.
    pub(crate) geometry_type: u8,
    pub(crate) has_z: bool,
    pub(crate) has_m: bool,
    pub(crate) features: u64,
    pub(crate) indexed: bool,
    pub(crate) crs: Option<&'a ResolvedCrs>,
    /// A JSON object of texts.
    pub(crate) metadata: &'a str,
}

impl Header<'_> {
    /// The header, with its size before it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut builder = FlatBufferBuilder::new();
        let name = builder.create_string(self.name);
        let envelope = self
            .bounds
            .map(|b| builder.create_vector(&[b.xmin, b.ymin, b.xmax, b.ymax]));
        let columns: Vec<WIPOffset<TableFinishedWIPOffset>> = self
            .columns
            .iter()
            .map(|attribute| column(&mut builder, attribute))
            .collect();
        let columns = builder.create_vector(&columns);
        let crs = self.crs.map(|found| crs(&mut builder, found));
        let metadata = builder.create_string(self.metadata);
        let table = builder.start_table();
        builder.push_slot_always(slot::NAME, name);
        if let Some(envelope) = envelope {
            builder.push_slot_always(slot::ENVELOPE, envelope);
        }
        builder.push_slot(slot::GEOMETRY_TYPE, self.geometry_type, 0);
        builder.push_slot(slot::HAS_Z, self.has_z, false);
        builder.push_slot(slot::HAS_M, self.has_m, false);
        builder.push_slot_always(slot::COLUMNS, columns);
        builder.push_slot(slot::FEATURES_COUNT, self.features, 0);
        let node_size = if self.indexed { NODE_SIZE } else { 0 };
        builder.push_slot(slot::INDEX_NODE_SIZE, node_size, NODE_SIZE);
        if let Some(crs) = crs {
            builder.push_slot_always(slot::CRS, crs);
        }
        builder.push_slot_always(slot::METADATA, metadata);
        let header = builder.end_table(table);
        builder.finish_size_prefixed(header, None);
        builder.finished_data().to_vec()
    }
}

fn column(
    builder: &mut FlatBufferBuilder<'_>,
    attribute: &Attribute,
) -> WIPOffset<TableFinishedWIPOffset> {
    let name = builder.create_string(&attribute.name);
    let title = attribute
        .alias
        .as_deref()
        .filter(|alias| *alias != attribute.name)
        .map(|alias| builder.create_string(alias));
    let width = match attribute.kind {
        CellKind::Text => attribute
            .length
            .and_then(|length| i32::try_from(length).ok()),
        _ => None,
    };
    let table = builder.start_table();
    builder.push_slot_always(slot::COLUMN_NAME, name);
    builder.push_slot_always(slot::COLUMN_TYPE, column_type(attribute.kind));
    if let Some(title) = title {
        builder.push_slot_always(slot::COLUMN_TITLE, title);
    }
    builder.push_slot(slot::COLUMN_WIDTH, width.unwrap_or(-1), -1);
    builder.push_slot(slot::COLUMN_NULLABLE, attribute.nullable, true);
    builder.end_table(table)
}

/// The numbers of `ColumnType`.
fn column_type(kind: CellKind) -> u8 {
    match kind {
        CellKind::Int16 => 3,
        CellKind::Int32 => 5,
        CellKind::Int64 => 7,
        CellKind::Float => 9,
        CellKind::Double => 10,
        // There is no type for a time of day.
        CellKind::Text | CellKind::Uuid | CellKind::Time => 11,
        CellKind::Date | CellKind::Moment { .. } => 13,
        CellKind::Bytes => 14,
    }
}

fn crs(
    builder: &mut FlatBufferBuilder<'_>,
    crs: &ResolvedCrs,
) -> WIPOffset<TableFinishedWIPOffset> {
    let id = crs.id();
    let parts = id
        .split_once(':')
        .and_then(|(authority, code)| Some((authority, code.parse::<i32>().ok()?)));
    let organization = parts.map(|(authority, _)| builder.create_string(authority));
    let name = builder.create_string(crs.name());
    let wkt = wkt2(crs.projjson()).map(|wkt| builder.create_string(&wkt));
    let table = builder.start_table();
    if let (Some(organization), Some((_, code))) = (organization, parts) {
        builder.push_slot_always(slot::CRS_ORG, organization);
        builder.push_slot(slot::CRS_CODE, code, 0);
    }
    builder.push_slot_always(slot::CRS_NAME, name);
    if let Some(wkt) = wkt {
        builder.push_slot_always(slot::CRS_WKT, wkt);
    }
    builder.end_table(table)
}
