//! One page in both formats, with the layout that its layer's metadata would give.

use std::fmt::Write as _;

use arcgis_export::{DateZone, ExportSchema};
use arcgis_layer::{
    Dimensions, Field, FieldType, GeometryLayout, GeometryType, Layout, SpatialReference,
};

use crate::messages::{self, Axes, Feature, FeatureResult, Kind, Transform, Value};

/// The steps of Web Mercator as ArcGIS Online quantizes it.
const SCALE: f64 = 1e-4;
const FALSE_X: f64 = -20_037_700.0;
const FALSE_Y: f64 = -30_241_100.0;

/// The same rows as JSON and as PBF.
#[derive(Debug, Clone)]
pub struct Page {
    /// What the rows are.
    pub name: String,
    /// How many there are.
    pub rows: usize,
    /// The answer to `f=json`; empty if there is none.
    pub json: Vec<u8>,
    /// The answer to `f=pbf`; empty if there is none.
    pub pbf: Vec<u8>,
    /// What the metadata says of the rows.
    pub layout: Layout,
    /// The columns that they become.
    pub schema: ExportSchema,
}

impl Page {
    /// A page whose answers are given.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        rows: usize,
        layout: Layout,
        json: Vec<u8>,
        pbf: Vec<u8>,
    ) -> Self {
        Self {
            name: name.into(),
            rows,
            json,
            pbf,
            schema: ExportSchema::new(&layout, DateZone::Utc),
            layout,
        }
    }
}

/// Writes a page in both formats at once.
pub(crate) struct Writer {
    fields: Vec<Field>,
    kind: GeometryType,
    json: String,
    features: Vec<Feature>,
    feature: Feature,
    column: usize,
}

impl Writer {
    pub(crate) fn new(kind: GeometryType, fields: &[(&str, FieldType)]) -> Self {
        let fields: Vec<Field> = fields
            .iter()
            .map(|(name, field_type)| Field::new(*name, field_type.clone()))
            .collect();
        let mut json = String::from(r#"{"objectIdFieldName":"OBJECTID","geometryType":""#);
        json.push_str(kind.esri_name());
        json.push_str(r#"","spatialReference":{"wkid":102100,"latestWkid":3857},"fields":["#);
        for (place, field) in fields.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(
                json,
                r#"{comma}{{"name":"{0}","type":"{1}","alias":"{0}"}}"#,
                field.name, field.field_type
            )
            .unwrap();
        }
        json.push_str(r#"],"features":["#);
        Self {
            fields,
            kind,
            json,
            features: Vec::new(),
            feature: Feature::default(),
            column: 0,
        }
    }

    pub(crate) fn begin_row(&mut self) {
        if !self.features.is_empty() {
            self.json.push(',');
        }
        self.json.push_str(r#"{"attributes":{"#);
        self.feature = Feature::default();
        self.column = 0;
    }

    fn key(&mut self) {
        let comma = if self.column == 0 { "" } else { "," };
        write!(self.json, r#"{comma}"{}":"#, self.fields[self.column].name).unwrap();
        self.column += 1;
    }

    fn value(&mut self, kind: Option<Kind>) {
        self.feature.attributes.push(Value { kind });
    }

    pub(crate) fn null(&mut self) {
        self.key();
        self.json.push_str("null");
        self.value(None);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.key();
        write!(self.json, "{}", serde_json::Value::from(text)).unwrap();
        self.value(Some(Kind::Text(text.to_owned())));
    }

    pub(crate) fn whole(&mut self, number: i64) {
        self.key();
        write!(self.json, "{number}").unwrap();
        self.value(Some(match i32::try_from(number) {
            Ok(number) => Kind::Sint(number),
            Err(_) => Kind::Sint64(number),
        }));
    }

    pub(crate) fn id(&mut self, number: u32) {
        self.key();
        write!(self.json, "{number}").unwrap();
        self.value(Some(Kind::Uint(number)));
    }

    pub(crate) fn double(&mut self, number: f64) {
        self.key();
        write!(self.json, "{number}").unwrap();
        self.value(Some(Kind::Double(number)));
    }

    /// Ends a row of points.
    pub(crate) fn point(&mut self, x: f64, y: f64) {
        write!(self.json, r#"}},"geometry":{{"x":{x},"y":{y}}}}}"#).unwrap();
        self.shape(&[vec![[x, y]]], false);
    }

    /// Ends a row of polygons.
    pub(crate) fn rings(&mut self, rings: &[Vec<[f64; 2]>]) {
        self.json.push_str(r#"},"geometry":{"rings":["#);
        for (place, ring) in rings.iter().enumerate() {
            self.json.push_str(if place == 0 { "[" } else { ",[" });
            for (place, [x, y]) in ring.iter().enumerate() {
                let comma = if place == 0 { "" } else { "," };
                write!(self.json, "{comma}[{x},{y}]").unwrap();
            }
            self.json.push(']');
        }
        self.json.push_str("]}}");
        self.shape(rings, true);
    }

    fn shape(&mut self, parts: &[Vec<[f64; 2]>], with_lengths: bool) {
        assert_eq!(self.column, self.fields.len());
        let mut geometry = messages::Geometry::default();
        for part in parts {
            if with_lengths {
                geometry.lengths.push(u32::try_from(part.len()).unwrap());
            }
            let mut last = [0, 0];
            for &[x, y] in part {
                let steps = [
                    ((x - FALSE_X) / SCALE).round() as i64,
                    ((FALSE_Y - y) / SCALE).round() as i64,
                ];
                geometry
                    .coords
                    .extend([steps[0] - last[0], steps[1] - last[1]]);
                last = steps;
            }
        }
        self.feature.geometry = Some(geometry);
        self.features.push(std::mem::take(&mut self.feature));
    }

    pub(crate) fn finish(mut self, name: &str) -> Page {
        self.json.push_str("]}");
        let rows = self.features.len();
        let reference = messages::SpatialReference {
            wkid: 102_100,
            latest_wkid: 3857,
            ..Default::default()
        };
        let axes = |x, y| {
            Some(Axes {
                x,
                y,
                m: SCALE,
                z: SCALE,
            })
        };
        let pbf = FeatureResult {
            object_id_field_name: "OBJECTID".to_owned(),
            geometry_type: if self.kind == GeometryType::Polygon {
                3
            } else {
                0
            },
            spatial_reference: Some(reference),
            transform: Some(Transform {
                origin: 0,
                scale: axes(SCALE, SCALE),
                translate: axes(FALSE_X, FALSE_Y),
            }),
            fields: self
                .fields
                .iter()
                .map(|field| messages::Field {
                    name: field.name.clone(),
                    alias: field.name.clone(),
                    ..Default::default()
                })
                .collect(),
            features: self.features,
            ..Default::default()
        };
        let layout = Layout::new(self.fields)
            .with_object_id("OBJECTID")
            .with_geometry(GeometryLayout {
                kind: self.kind,
                dims: Dimensions::Xy,
                spatial_reference: SpatialReference::from_wkid(102_100),
            });
        Page::new(name, rows, layout, self.json.into_bytes(), pbf.encoded())
    }
}
