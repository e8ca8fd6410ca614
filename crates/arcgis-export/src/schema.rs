//! From the layout of a query's pages to Arrow schemas.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arcgis_layer::{
    Field, FieldType, GeometryLayout, GeometryType, LayerInfo, Layout, SpatialReference, Subtypes,
};
use arrow_schema::{DataType, Field as ArrowField, FieldRef, Schema, SchemaRef, TimeUnit};

use crate::column_options::{ColumnNames, ColumnOptions, DateDisplay, DomainValues};
use crate::columns::{Column, ColumnKind, UUID};
use crate::crs::{ResolvedCrs, SpatialReferenceCodes, UnknownCrs, resolve_crs};
use crate::field_metadata::field_metadata;
use crate::geoparquet::covering;
use crate::labels::Labels;

/// In which zone the layer's `Date` fields are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DateZone {
    /// Moments, as milliseconds since 1970 UTC: `Timestamp(ms, "UTC")`, or with the layer's zone.
    #[default]
    Utc,
    /// Wall-clock times of no known zone (`datesInUnknownTimezone`): `Timestamp(ms)` without a zone.
    Unknown,
}

/// The columns that pages of one [`Layout`] become: attributes in the layout's order, then the
/// geometry, then (in files alone) the bounding box of each geometry.
///
/// | Esri type | Arrow type |
/// |---|---|
/// | SmallInteger, Integer, BigInteger | Int16, Int32, Int64 |
/// | Single, Double | Float32, Float64 |
/// | String, XML, types not known | Utf8 |
/// | GUID, GlobalID | Utf8; FixedSizeBinary(16), extension `arrow.uuid`, with [`GuidType::Uuid`](crate::GuidType) |
/// | Date | Timestamp(ms) with the zone of the layer or "UTC", without zone for [`DateZone::Unknown`] |
/// | DateOnly, TimeOnly | Date32, Time32(ms) |
/// | TimestampOffset | Timestamp(µs, "UTC") and a column `<name>_offset` beside it: Int16, minutes east of UTC |
/// | OID | Int64; not null where it identifies the layer's rows |
/// | Blob | Binary |
/// | geometry | Binary, ISO WKB, extension `geoarrow.wkb` with the CRS as PROJJSON |
///
/// All columns but the object id are nullable, since servers send nulls in fields that they declare
/// otherwise; what was declared is in the field's metadata: `esri:type`, `esri:nullable`, and where
/// there is one `esri:alias`, `esri:length` and `esri:domain` (JSON, as ArcGIS writes it). Where a column
/// is called by its alias, `esri:name` is the field. [`ColumnOptions`] says what there is a choice of.
///
/// The geometry column is called `geometry` and the bounding box `bbox`; where an attribute has that
/// name in any case, `geometry_1` and so on.
///
/// ```
/// use arcgis_export::{DateZone, ExportSchema};
/// use arcgis_layer::{Field, FieldType, Layout};
///
/// let layout = Layout::new(vec![
///     Field::new("OBJECTID", FieldType::Oid),
///     Field::new("name", FieldType::String),
/// ])
/// .with_object_id("OBJECTID");
/// let schema = ExportSchema::new(&layout, DateZone::Utc);
/// assert_eq!(schema.table().fields().len(), 2);
/// assert!(!schema.table().field(0).is_nullable());
/// ```
#[derive(Debug, Clone)]
pub struct ExportSchema(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    columns: Vec<Column>,
    geometry: Option<GeometryColumn>,
    /// The places, in `file`, of columns that are dictionaries in `table`.
    dictionaries: Vec<usize>,
    /// Columns of types that are not known, with the service's names for these.
    unknown_types: Vec<(String, String)>,
    options: ColumnOptions,
    table: SchemaRef,
    file: SchemaRef,
}

/// What is known of a layer beside the layout of its pages.
#[derive(Default)]
struct Known<'a> {
    /// The zone in which the layer keeps its dates.
    zone: Option<Arc<str>>,
    /// The fields that are in UTC whatever the zone.
    always_utc: HashSet<String>,
    subtypes: Option<&'a Subtypes>,
}

impl Known<'_> {
    /// The zone in which a column shows its moments.
    fn zone_of(
        &self,
        field: &Field,
        kind: ColumnKind,
        dates: DateZone,
        display: DateDisplay,
    ) -> Option<Arc<str>> {
        let utc = || Some(Arc::from("UTC"));
        match (kind, dates) {
            (ColumnKind::TimestampOffset, _) => utc(),
            (ColumnKind::Date, DateZone::Utc) => match &self.zone {
                Some(zone)
                    if display == DateDisplay::Layer && !self.always_utc.contains(&field.name) =>
                {
                    Some(Arc::clone(zone))
                }
                _ => utc(),
            },
            _ => None,
        }
    }
}

/// The zone of a layer's dates as Arrow names it: an IANA name, or an offset where the layer keeps to
/// standard time.
fn zone_name(info: &LayerInfo) -> Option<Arc<str>> {
    let zone = info.time_zone()?;
    if let Some(name) = zone.iana_name() {
        return Some(Arc::from(name));
    }
    let minutes = zone.to_fixed_offset().ok()?.seconds() / 60;
    if minutes == 0 {
        return Some(Arc::from("UTC"));
    }
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
    Some(Arc::from(format!("{sign}{hours:02}:{minutes:02}")))
}

/// The type of labels in a dictionary.
pub(crate) fn dictionary_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

#[derive(Debug)]
struct GeometryColumn {
    name: String,
    covering: String,
    kind: GeometryType,
    has_z: bool,
    crs: Result<ResolvedCrs, UnknownCrs>,
    spatial_reference: SpatialReference,
}

impl ExportSchema {
    /// The columns for pages of a layout, as they are by default.
    #[must_use]
    pub fn new(layout: &Layout, dates: DateZone) -> Self {
        Self::with_options(layout, dates, &ColumnOptions::default())
    }

    /// The columns for pages of a layout of which nothing else is known.
    #[must_use]
    pub fn with_options(layout: &Layout, dates: DateZone, options: &ColumnOptions) -> Self {
        Self::build(layout, dates, options, &Known::default())
    }

    /// The columns for pages of a layer: with the zone of its dates, and the domains of its subtypes if the
    /// field of the subtypes is among the columns.
    #[must_use]
    pub fn of_layer(layout: &Layout, info: &LayerInfo, options: &ColumnOptions) -> Self {
        let dates = if info.dates_in_unknown_time_zone {
            DateZone::Unknown
        } else {
            DateZone::Utc
        };
        let known = Known {
            zone: zone_name(info),
            always_utc: [&info.creation_date_field, &info.edit_date_field]
                .into_iter()
                .flatten()
                .cloned()
                .collect(),
            subtypes: info.subtypes.as_ref(),
        };
        Self::build(layout, dates, options, &known)
    }

    fn build(layout: &Layout, dates: DateZone, options: &ColumnOptions, known: &Known<'_>) -> Self {
        let (called, mut names) = Names::of(&layout.fields, options.names);
        let object_id = layout.object_id.as_ref().and_then(|id| id.column);
        let mut columns = Vec::with_capacity(layout.fields.len());
        let mut table: Vec<FieldRef> = Vec::with_capacity(layout.fields.len() + 2);
        let mut file: Vec<FieldRef> = Vec::with_capacity(layout.fields.len() + 2);
        let mut dictionaries = Vec::new();
        for (place, (field, name)) in layout.fields.iter().zip(called).enumerate() {
            let kind = ColumnKind::of(&field.field_type, options.guids);
            let required = object_id == Some(place) && kind == ColumnKind::Int64;
            let column_of = |name: &str| {
                let place = layout.fields.iter().position(|field| field.name == name)?;
                let field = layout.fields.get(place)?;
                Some((place, ColumnKind::of(&field.field_type, options.guids)))
            };
            let labels = if required {
                None
            } else {
                Labels::of(options.domains, field, kind, known.subtypes, column_of).map(Arc::new)
            };
            let zone = known.zone_of(field, kind, dates, options.dates);
            let mut metadata = field_metadata(field);
            if name != field.name {
                metadata.insert("esri:name".to_owned(), field.name.clone());
            }
            if kind == ColumnKind::Uuid {
                metadata.insert("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned());
            }
            let arrow = |data_type: DataType| -> FieldRef {
                let field = ArrowField::new(&name, data_type, !required);
                Arc::new(field.with_metadata(metadata.clone()))
            };
            match labels.as_ref().map(|labels| labels.how) {
                Some(DomainValues::Label) => {
                    table.push(arrow(DataType::Utf8));
                    file.push(arrow(DataType::Utf8));
                }
                Some(DomainValues::Dictionary) => {
                    dictionaries.push(file.len());
                    table.push(arrow(dictionary_type()));
                    file.push(arrow(DataType::Utf8));
                }
                _ => {
                    let plain = arrow(data_type(kind, zone.as_ref()));
                    table.push(Arc::clone(&plain));
                    file.push(plain);
                }
            }
            let beside = match (kind, &labels) {
                (ColumnKind::TimestampOffset, _) => {
                    Some(("offset", DataType::Int16, "esri:offset_of"))
                }
                (_, Some(labels)) if labels.how == DomainValues::Both => {
                    Some(("label", DataType::Utf8, "esri:label_of"))
                }
                _ => None,
            };
            if let Some((what, data_type, key)) = beside {
                let column =
                    ArrowField::new(names.free(&format!("{name}_{what}")), data_type, true)
                        .with_metadata(HashMap::from([(key.to_owned(), field.name.clone())]));
                let column = Arc::new(column);
                table.push(Arc::clone(&column));
                file.push(column);
            }
            columns.push(Column {
                name,
                kind,
                required,
                dates,
                zone,
                labels,
            });
        }
        let geometry = layout
            .geometry
            .as_ref()
            .map(|geometry| GeometryColumn::new(geometry, &mut names));
        if let Some(geometry) = &geometry {
            let wkb: FieldRef = Arc::new(
                ArrowField::new(&geometry.name, DataType::Binary, true)
                    .with_metadata(geometry.extension_metadata("geoarrow.wkb")),
            );
            table.push(Arc::clone(&wkb));
            file.push(wkb);
            file.push(Arc::new(ArrowField::new(
                &geometry.covering,
                DataType::Struct(covering::fields()),
                true,
            )));
        }
        let unknown = layout.fields.iter().zip(&columns);
        let unknown = unknown.filter_map(|(field, column)| match &field.field_type {
            FieldType::Other(name) => Some((column.name.clone(), name.clone())),
            _ => None,
        });
        Self(Arc::new(Inner {
            unknown_types: unknown.collect(),
            columns,
            geometry,
            dictionaries,
            options: *options,
            table: Arc::new(Schema::new(table)),
            file: Arc::new(Schema::new(file)),
        }))
    }

    /// The schema of a table in memory: the geometry column says that it is `geoarrow.wkb` and in
    /// which CRS.
    #[must_use]
    pub fn table(&self) -> &SchemaRef {
        &self.0.table
    }

    /// The schema of the batches that pages give and that writers of files take: that of a table, and behind the
    /// geometry the bounding box of each row. Labels that are a dictionary in the table are plain text here.
    #[must_use]
    pub fn file(&self) -> &SchemaRef {
        &self.0.file
    }

    /// The name of the geometry column; `None` for tables.
    #[must_use]
    pub fn geometry_name(&self) -> Option<&str> {
        Some(&self.0.geometry.as_ref()?.name)
    }

    /// The name of the column with the bounding box of each row; `None` for tables.
    #[must_use]
    pub fn covering_name(&self) -> Option<&str> {
        Some(&self.0.geometry.as_ref()?.covering)
    }

    /// The layer's kind of geometry; `None` for tables.
    #[must_use]
    pub fn geometry_type(&self) -> Option<GeometryType> {
        Some(self.0.geometry.as_ref()?.kind)
    }

    /// The reference system of the geometry; `None` for tables, and where it is not known.
    #[must_use]
    pub fn crs(&self) -> Option<&ResolvedCrs> {
        self.0.geometry.as_ref()?.crs.as_ref().ok()
    }

    /// Why the reference system of the geometry is not known.
    #[must_use]
    pub fn unknown_crs(&self) -> Option<&UnknownCrs> {
        self.0.geometry.as_ref()?.crs.as_ref().err()
    }

    /// The spatial reference as the service gives it; `None` for tables.
    #[must_use]
    pub fn spatial_reference(&self) -> Option<&SpatialReference> {
        Some(&self.0.geometry.as_ref()?.spatial_reference)
    }

    /// What the columns hold, where there is a choice.
    #[must_use]
    pub fn options(&self) -> &ColumnOptions {
        &self.0.options
    }

    /// Whether positions are expected to have a z.
    pub(crate) fn has_z(&self) -> bool {
        self.0.geometry.as_ref().is_some_and(|column| column.has_z)
    }

    /// Columns of types that are not known, with the service's names for these.
    pub(crate) fn unknown_types(&self) -> &[(String, String)] {
        &self.0.unknown_types
    }

    /// The places, in a batch with the schema of files, of columns that are dictionaries in the table, and their
    /// labels in order.
    pub(crate) fn dictionaries(&self) -> impl Iterator<Item = (usize, &Labels)> {
        let labels = self.0.columns.iter().filter_map(|column| {
            let labels = column.labels.as_deref()?;
            (labels.how == DomainValues::Dictionary).then_some(labels)
        });
        self.0.dictionaries.iter().copied().zip(labels)
    }

    /// The metadata of a geometry column in an encoding of GeoArrow's.
    pub(crate) fn extension_metadata(&self, name: &str) -> HashMap<String, String> {
        let column = self.0.geometry.as_ref();
        column.map_or_else(HashMap::new, |column| column.extension_metadata(name))
    }

    /// The place of the object id in a batch with the schema of files, if it is a column: the only one that is never
    /// null.
    pub(crate) fn id_place(&self) -> Option<usize> {
        let mut fields = self.0.file.fields().iter();
        fields.position(|field| !field.is_nullable() && *field.data_type() == DataType::Int64)
    }

    pub(crate) fn columns(&self) -> &[Column] {
        &self.0.columns
    }

    /// The attribute columns' names, in the layout's order.
    pub(crate) fn column_name(&self, column: usize) -> &str {
        self.0
            .columns
            .get(column)
            .map_or("", |column| column.name.as_str())
    }
}

impl GeometryColumn {
    fn new(geometry: &GeometryLayout, names: &mut Names) -> Self {
        let sent = &geometry.spatial_reference;
        // A height system says nothing about positions that have no height.
        let heights = geometry.dims.has_z();
        let crs = resolve_crs(&SpatialReferenceCodes {
            wkid: sent.wkid,
            latest_wkid: sent.latest_wkid,
            vcs_wkid: sent.vcs_wkid.filter(|_| heights),
            latest_vcs_wkid: sent.latest_vcs_wkid.filter(|_| heights),
            wkt: sent.wkt.as_deref(),
            wkt2: sent.wkt2.as_deref(),
        });
        Self {
            name: names.free("geometry"),
            covering: names.free("bbox"),
            kind: geometry.kind,
            has_z: heights,
            crs,
            spatial_reference: sent.clone(),
        }
    }

    /// <https://geoarrow.org/extension-types.html>
    fn extension_metadata(&self, name: &str) -> HashMap<String, String> {
        let metadata = match &self.crs {
            Ok(crs) => format!(r#"{{"crs":{},"crs_type":"projjson"}}"#, crs.projjson()),
            Err(_) => "{}".to_owned(),
        };
        HashMap::from([
            ("ARROW:extension:name".to_owned(), name.to_owned()),
            ("ARROW:extension:metadata".to_owned(), metadata),
        ])
    }
}

/// The names that are taken. Compared without case, since DuckDB and Spark do.
struct Names(HashSet<String>);

impl Names {
    /// What the columns of fields are called. Fields keep their names whatever they are, aliases do not.
    fn of(fields: &[Field], by: ColumnNames) -> (Vec<String>, Self) {
        if by == ColumnNames::Field {
            let called: Vec<String> = fields.iter().map(|field| field.name.clone()).collect();
            let taken = called.iter().map(|name| name.to_lowercase()).collect();
            return (called, Self(taken));
        }
        let mut names = Self(HashSet::new());
        let called = fields.iter().map(|field| {
            let alias = field.alias.as_deref().map(str::trim);
            let alias = alias.filter(|alias| !alias.is_empty());
            names.free(alias.unwrap_or(&field.name))
        });
        let called = called.collect();
        (called, names)
    }

    /// `wanted`, or the first of `wanted_1`, `wanted_2` … that is free.
    fn free(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 0_usize;
        while !self.0.insert(name.to_lowercase()) {
            number += 1;
            name = format!("{wanted}_{number}");
        }
        name
    }
}

pub(crate) fn data_type(kind: ColumnKind, zone: Option<&Arc<str>>) -> DataType {
    match kind {
        ColumnKind::Int16 => DataType::Int16,
        ColumnKind::Int32 => DataType::Int32,
        ColumnKind::Int64 => DataType::Int64,
        ColumnKind::Float32 => DataType::Float32,
        ColumnKind::Float64 => DataType::Float64,
        ColumnKind::Text => DataType::Utf8,
        ColumnKind::Date => DataType::Timestamp(TimeUnit::Millisecond, zone.cloned()),
        ColumnKind::DateOnly => DataType::Date32,
        ColumnKind::TimeOnly => DataType::Time32(TimeUnit::Millisecond),
        ColumnKind::TimestampOffset => DataType::Timestamp(TimeUnit::Microsecond, zone.cloned()),
        ColumnKind::Bytes => DataType::Binary,
        ColumnKind::Uuid => DataType::FixedSizeBinary(UUID),
    }
}

#[cfg(test)]
mod tests {
    use arcgis_layer::{CodedValue, Dimensions, Domain, GeometryType};
    use serde_json::json;

    use super::*;

    fn layout(fields: Vec<Field>) -> Layout {
        Layout::new(fields).with_geometry(GeometryLayout {
            kind: GeometryType::Point,
            dims: Dimensions::Xy,
            spatial_reference: SpatialReference::from_wkid(102_100),
        })
    }

    #[test]
    fn generated_names_give_way_to_attributes() {
        let schema = ExportSchema::new(
            &layout(vec![
                Field::new("Geometry", FieldType::String),
                Field::new("geometry_1", FieldType::String),
                Field::new("BBOX", FieldType::Integer),
                Field::new("seen", FieldType::TimestampOffset),
                Field::new("seen_offset", FieldType::Integer),
            ]),
            DateZone::Utc,
        );
        let names: Vec<_> = schema
            .file()
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        assert_eq!(
            names,
            [
                "Geometry",
                "geometry_1",
                "BBOX",
                "seen",
                "seen_offset_1",
                "seen_offset",
                "geometry_2",
                "bbox_1"
            ]
        );
        assert_eq!(schema.geometry_name(), Some("geometry_2"));
        assert_eq!(schema.covering_name(), Some("bbox_1"));
    }

    #[test]
    fn the_table_and_the_file_say_their_crs() {
        let schema = ExportSchema::new(&layout(Vec::new()), DateZone::Utc);
        let table = schema.table().field(0).metadata();
        assert_eq!(table["ARROW:extension:name"], "geoarrow.wkb");
        let extension: serde_json::Value =
            serde_json::from_str(&table["ARROW:extension:metadata"]).unwrap();
        assert_eq!(extension["crs_type"], "projjson");
        assert_eq!(
            extension["crs"]["id"],
            json!({"authority": "EPSG", "code": 3857})
        );
        assert_eq!(schema.file().field(0), schema.table().field(0));
        assert_eq!(schema.crs().unwrap().id(), "EPSG:3857");
    }

    #[test]
    fn heights_count_only_where_there_are_any() {
        let mut layout = layout(Vec::new());
        let geometry = layout.geometry.as_mut().unwrap();
        geometry.spatial_reference = SpatialReference::from_wkid(27700);
        geometry.spatial_reference.vcs_wkid = Some(5701);
        let flat = ExportSchema::new(&layout, DateZone::Utc);
        assert_eq!(flat.crs().unwrap().id(), "EPSG:27700");
        layout.geometry.as_mut().unwrap().dims = Dimensions::Xyz;
        let high = ExportSchema::new(&layout, DateZone::Utc);
        assert_eq!(high.crs().unwrap().id(), "EPSG:27700+EPSG:5701");
    }

    #[test]
    fn field_metadata_is_what_the_service_says() {
        let mut field = Field::new("status", FieldType::SmallInteger);
        field.alias = Some("Status".to_owned());
        field.length = Some(2);
        field.nullable = false;
        field.domain = Some(Domain::CodedValue {
            name: "StatusDomain".to_owned(),
            values: vec![CodedValue {
                code: json!(1),
                name: "open".to_owned(),
            }],
        });
        let schema = ExportSchema::new(&Layout::new(vec![field]), DateZone::Utc);
        let column = schema.table().field(0);
        assert!(column.is_nullable());
        let metadata = column.metadata();
        assert_eq!(metadata["esri:type"], "esriFieldTypeSmallInteger");
        assert_eq!(metadata["esri:alias"], "Status");
        assert_eq!(metadata["esri:length"], "2");
        assert_eq!(metadata["esri:nullable"], "false");
        assert_eq!(
            metadata["esri:domain"],
            r#"{"type":"codedValue","name":"StatusDomain","codedValues":[{"name":"open","code":1}]}"#
        );
    }
}
