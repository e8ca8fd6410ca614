#![doc = include_str!("../README.md")]

mod decode;
mod error;
mod field;
mod geometry;
mod ids;
mod layout;
mod metadata;
mod proof;
mod sink;
mod spatial_reference;

pub use decode::{DecodeContext, DecodeError};
pub use error::{Error, QueryError};
pub use field::{CodedValue, Domain, Field, FieldType};
pub use geometry::{Bbox, Dimensions, GeometryRef, GeometryType};
pub use ids::IdSet;
pub use layout::{GeometryLayout, Layout, ObjectIdColumn};
pub use metadata::{
    AdvancedQueryCapabilities, Extent, LayerInfo, LayerKind, LayerReference, UniqueId,
};
pub use proof::{Completion, Drift, Incomplete, Proof};
pub use sink::{FeatureSink, PageFacts, PageSink, SinkError, ValueRef};
pub use spatial_reference::SpatialReference;

pub use arcgis_auth_core;
