//! The messages as `prost` has them, after Esri's description and what newer clients know beyond it.

use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Collection {
    #[prost(string, tag = "1")]
    pub(crate) version: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) result: Option<QueryResult>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct QueryResult {
    #[prost(oneof = "Arm", tags = "1, 2, 3, 4")]
    pub(crate) arm: Option<Arm>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Arm {
    #[prost(message, tag = "1")]
    Features(FeatureResult),
    #[prost(message, tag = "2")]
    Count(CountResult),
    #[prost(message, tag = "3")]
    Ids(IdsResult),
    #[prost(message, tag = "4")]
    Extent(ExtentResult),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CountResult {
    #[prost(uint64, tag = "1")]
    pub(crate) count: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct IdsResult {
    #[prost(string, tag = "1")]
    pub(crate) object_id_field_name: String,
    #[prost(uint64, repeated, tag = "3")]
    pub(crate) object_ids: Vec<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ExtentResult {
    #[prost(message, optional, tag = "1")]
    pub(crate) extent: Option<Envelope>,
    #[prost(uint64, tag = "2")]
    pub(crate) count: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Envelope {
    #[prost(double, tag = "1")]
    pub(crate) xmin: f64,
    #[prost(double, tag = "2")]
    pub(crate) ymin: f64,
    #[prost(double, tag = "3")]
    pub(crate) xmax: f64,
    #[prost(double, tag = "4")]
    pub(crate) ymax: f64,
    #[prost(message, optional, tag = "5")]
    pub(crate) spatial_reference: Option<SpatialReference>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct FeatureResult {
    #[prost(string, tag = "1")]
    pub(crate) object_id_field_name: String,
    #[prost(string, tag = "3")]
    pub(crate) global_id_field_name: String,
    #[prost(int32, tag = "7")]
    pub(crate) geometry_type: i32,
    #[prost(message, optional, tag = "8")]
    pub(crate) spatial_reference: Option<SpatialReference>,
    #[prost(bool, tag = "9")]
    pub(crate) exceeded_transfer_limit: bool,
    #[prost(bool, tag = "10")]
    pub(crate) has_z: bool,
    #[prost(bool, tag = "11")]
    pub(crate) has_m: bool,
    #[prost(message, optional, tag = "12")]
    pub(crate) transform: Option<Transform>,
    #[prost(message, repeated, tag = "13")]
    pub(crate) fields: Vec<Field>,
    #[prost(message, repeated, tag = "14")]
    pub(crate) values: Vec<Value>,
    #[prost(message, repeated, tag = "15")]
    pub(crate) features: Vec<Feature>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SpatialReference {
    #[prost(uint32, tag = "1")]
    pub(crate) wkid: u32,
    #[prost(uint32, tag = "2")]
    pub(crate) latest_wkid: u32,
    #[prost(uint32, tag = "3")]
    pub(crate) vcs_wkid: u32,
    #[prost(uint32, tag = "4")]
    pub(crate) latest_vcs_wkid: u32,
    #[prost(string, tag = "5")]
    pub(crate) wkt: String,
    #[prost(string, tag = "6")]
    pub(crate) wkt2: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Transform {
    #[prost(int32, tag = "1")]
    pub(crate) origin: i32,
    #[prost(message, optional, tag = "2")]
    pub(crate) scale: Option<Axes>,
    #[prost(message, optional, tag = "3")]
    pub(crate) translate: Option<Axes>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Axes {
    #[prost(double, tag = "1")]
    pub(crate) x: f64,
    #[prost(double, tag = "2")]
    pub(crate) y: f64,
    #[prost(double, tag = "3")]
    pub(crate) m: f64,
    #[prost(double, tag = "4")]
    pub(crate) z: f64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Field {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(int32, tag = "2")]
    pub(crate) field_type: i32,
    #[prost(string, tag = "3")]
    pub(crate) alias: String,
    #[prost(int32, tag = "4")]
    pub(crate) sql_type: i32,
    #[prost(string, tag = "5")]
    pub(crate) domain: String,
    #[prost(string, tag = "6")]
    pub(crate) default_value: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Value {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11")]
    pub(crate) kind: Option<Kind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Kind {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(float, tag = "2")]
    Float(f32),
    #[prost(double, tag = "3")]
    Double(f64),
    #[prost(sint32, tag = "4")]
    Sint(i32),
    #[prost(uint32, tag = "5")]
    Uint(u32),
    #[prost(int64, tag = "6")]
    Int64(i64),
    #[prost(uint64, tag = "7")]
    Uint64(u64),
    #[prost(sint64, tag = "8")]
    Sint64(i64),
    #[prost(bool, tag = "9")]
    Bool(bool),
    #[prost(bool, tag = "10")]
    Null(bool),
    #[prost(uint32, tag = "11")]
    Index(u32),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Feature {
    #[prost(message, repeated, tag = "1")]
    pub(crate) attributes: Vec<Value>,
    #[prost(message, optional, tag = "2")]
    pub(crate) geometry: Option<Geometry>,
    #[prost(message, optional, tag = "3")]
    pub(crate) shape_buffer: Option<ShapeBuffer>,
    #[prost(message, optional, tag = "4")]
    pub(crate) centroid: Option<Geometry>,
    #[prost(message, optional, tag = "7")]
    pub(crate) curve: Option<ShapeBuffer>,
    /// A form that nobody knows yet.
    #[prost(message, optional, tag = "9")]
    pub(crate) newer: Option<ShapeBuffer>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ShapeBuffer {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) bytes: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Geometry {
    #[prost(int32, tag = "1")]
    pub(crate) geometry_type: i32,
    #[prost(uint32, repeated, tag = "2")]
    pub(crate) lengths: Vec<u32>,
    #[prost(sint64, repeated, tag = "3")]
    pub(crate) coords: Vec<i64>,
}

impl From<Kind> for Value {
    fn from(kind: Kind) -> Self {
        Self { kind: Some(kind) }
    }
}

impl From<FeatureResult> for Collection {
    fn from(features: FeatureResult) -> Self {
        Self {
            version: String::new(),
            result: Some(QueryResult {
                arm: Some(Arm::Features(features)),
            }),
        }
    }
}

impl FeatureResult {
    pub(crate) fn encoded(self) -> Vec<u8> {
        Collection::from(self).encode_to_vec()
    }

    pub(crate) fn decoded(body: &[u8]) -> Self {
        match Collection::decode(body).unwrap().result.unwrap().arm {
            Some(Arm::Features(features)) => features,
            other => panic!("{other:?}"),
        }
    }
}
