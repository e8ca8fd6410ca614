//! From the layout of a query's pages to Arrow schemas.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arcgis_layer::{
    CodedValue, Domain, Field, FieldType, GeometryLayout, GeometryType, Layout, SpatialReference,
};
use arrow_schema::{DataType, Field as ArrowField, FieldRef, Schema, SchemaRef, TimeUnit};
use serde::Serialize;

use crate::columns::{Column, ColumnKind};
use crate::crs::{ResolvedCrs, SpatialReferenceCodes, UnknownCrs, resolve_crs};
use crate::geoparquet::covering;

/// In which zone the layer's `Date` fields are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DateZone {
    /// Moments, as milliseconds since 1970 UTC: `Timestamp(ms, "UTC")`.
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
/// | String, XML, GUID, GlobalID, types not known | Utf8 |
/// | Date | Timestamp(ms, "UTC"), without zone for [`DateZone::Unknown`] |
/// | DateOnly, TimeOnly | Date32, Time32(ms) |
/// | TimestampOffset | Timestamp(µs, "UTC") and a column `<name>_offset` beside it: Int16, minutes east of UTC |
/// | OID | Int64; not null where it identifies the layer's rows |
/// | Blob | Binary |
/// | geometry | Binary, ISO WKB, extension `geoarrow.wkb` with the CRS as PROJJSON |
///
/// All columns but the object id are nullable, since servers send nulls in fields that they declare
/// otherwise; what was declared is in the field's metadata: `esri:type`, `esri:nullable`, and where
/// there is one `esri:alias`, `esri:length` and `esri:domain` (JSON, as ArcGIS writes it).
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
    table: SchemaRef,
    file: SchemaRef,
}

#[derive(Debug)]
struct GeometryColumn {
    name: String,
    covering: String,
    kind: GeometryType,
    crs: Result<ResolvedCrs, UnknownCrs>,
    spatial_reference: SpatialReference,
}

impl ExportSchema {
    /// The columns for pages of a layout.
    #[must_use]
    pub fn new(layout: &Layout, dates: DateZone) -> Self {
        let mut names = Names::of(&layout.fields);
        let object_id = layout.object_id.as_ref().and_then(|id| id.column);
        let mut columns = Vec::with_capacity(layout.fields.len());
        let mut attributes: Vec<FieldRef> = Vec::with_capacity(layout.fields.len() + 2);
        for (place, field) in layout.fields.iter().enumerate() {
            let kind = ColumnKind::of(&field.field_type);
            let required = object_id == Some(place) && kind == ColumnKind::Int64;
            attributes.push(Arc::new(
                ArrowField::new(&field.name, data_type(kind, dates), !required)
                    .with_metadata(field_metadata(field)),
            ));
            if kind == ColumnKind::TimestampOffset {
                let name = names.free(&format!("{}_offset", field.name));
                attributes.push(Arc::new(
                    ArrowField::new(name, DataType::Int16, true).with_metadata(HashMap::from([(
                        "esri:offset_of".to_owned(),
                        field.name.clone(),
                    )])),
                ));
            }
            columns.push(Column {
                name: field.name.clone(),
                kind,
                required,
                dates,
            });
        }
        let geometry = layout
            .geometry
            .as_ref()
            .map(|geometry| GeometryColumn::new(geometry, &mut names));

        let mut table = attributes.clone();
        let mut file = attributes;
        if let Some(geometry) = &geometry {
            let wkb: FieldRef = Arc::new(
                ArrowField::new(&geometry.name, DataType::Binary, true)
                    .with_metadata(geometry.extension_metadata()),
            );
            table.push(Arc::clone(&wkb));
            file.push(wkb);
            file.push(Arc::new(ArrowField::new(
                &geometry.covering,
                DataType::Struct(covering::fields()),
                true,
            )));
        }
        Self(Arc::new(Inner {
            columns,
            geometry,
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

    /// The schema of the batches that pages give and that files hold: that of a table, and behind the
    /// geometry the bounding box of each row.
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
            wkt: sent.wkt2.as_deref().or(sent.wkt.as_deref()),
        });
        Self {
            name: names.free("geometry"),
            covering: names.free("bbox"),
            kind: geometry.kind,
            crs,
            spatial_reference: sent.clone(),
        }
    }

    /// <https://geoarrow.org/extension-types.html>
    fn extension_metadata(&self) -> HashMap<String, String> {
        let metadata = match &self.crs {
            Ok(crs) => format!(r#"{{"crs":{},"crs_type":"projjson"}}"#, crs.projjson()),
            Err(_) => "{}".to_owned(),
        };
        HashMap::from([
            ("ARROW:extension:name".to_owned(), "geoarrow.wkb".to_owned()),
            ("ARROW:extension:metadata".to_owned(), metadata),
        ])
    }
}

/// The names that are taken. Compared without case, since DuckDB and Spark do.
struct Names(HashSet<String>);

impl Names {
    fn of(fields: &[Field]) -> Self {
        Self(
            fields
                .iter()
                .map(|field| field.name.to_lowercase())
                .collect(),
        )
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

pub(crate) fn data_type(kind: ColumnKind, dates: DateZone) -> DataType {
    match kind {
        ColumnKind::Int16 => DataType::Int16,
        ColumnKind::Int32 => DataType::Int32,
        ColumnKind::Int64 => DataType::Int64,
        ColumnKind::Float32 => DataType::Float32,
        ColumnKind::Float64 => DataType::Float64,
        ColumnKind::Text => DataType::Utf8,
        ColumnKind::Date => DataType::Timestamp(
            TimeUnit::Millisecond,
            match dates {
                DateZone::Utc => Some(Arc::from("UTC")),
                DateZone::Unknown => None,
            },
        ),
        ColumnKind::DateOnly => DataType::Date32,
        ColumnKind::TimeOnly => DataType::Time32(TimeUnit::Millisecond),
        ColumnKind::TimestampOffset => {
            DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")))
        }
        ColumnKind::Bytes => DataType::Binary,
    }
}

fn field_metadata(field: &Field) -> HashMap<String, String> {
    let name = match &field.field_type {
        FieldType::Other(name) => name.clone(),
        known => format!("esriFieldType{}", known.name()),
    };
    let mut metadata = HashMap::from([
        ("esri:type".to_owned(), name),
        ("esri:nullable".to_owned(), field.nullable.to_string()),
    ]);
    if let Some(alias) = &field.alias {
        metadata.insert("esri:alias".to_owned(), alias.clone());
    }
    if let Some(length) = field.length {
        metadata.insert("esri:length".to_owned(), length.to_string());
    }
    if let Some(domain) = field.domain.as_ref().and_then(domain_json) {
        metadata.insert("esri:domain".to_owned(), domain);
    }
    metadata
}

/// A domain as ArcGIS writes it.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum DomainJson<'a> {
    #[serde(rename_all = "camelCase")]
    CodedValue {
        name: &'a str,
        coded_values: Vec<CodedValueJson<'a>>,
    },
    Range {
        name: &'a str,
        range: [&'a serde_json::Value; 2],
    },
    Inherited,
}

#[derive(Serialize)]
struct CodedValueJson<'a> {
    name: &'a str,
    code: &'a serde_json::Value,
}

fn domain_json(domain: &Domain) -> Option<String> {
    let domain = match domain {
        Domain::CodedValue { name, values } => DomainJson::CodedValue {
            name,
            coded_values: values
                .iter()
                .map(|CodedValue { code, name }| CodedValueJson { name, code })
                .collect(),
        },
        Domain::Range { name, min, max } => DomainJson::Range {
            name,
            range: [min, max],
        },
        Domain::Inherited => DomainJson::Inherited,
        _ => return None,
    };
    serde_json::to_string(&domain).ok()
}

#[cfg(test)]
mod tests {
    use arcgis_layer::{Dimensions, GeometryType};
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
        assert_eq!(
            domain_json(&Domain::Range {
                name: "R".to_owned(),
                min: json!(0),
                max: json!(1.5)
            })
            .unwrap(),
            r#"{"type":"range","name":"R","range":[0,1.5]}"#
        );
        assert_eq!(
            domain_json(&Domain::Inherited).unwrap(),
            r#"{"type":"inherited"}"#
        );
    }
}
