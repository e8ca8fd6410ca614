#![doc = include_str!("../README.md")]

mod address;
mod decode;
mod error;
mod field;
mod geometry;
mod ids;
mod layer;
mod layout;
mod literal;
mod metadata;
mod object_ids;
mod proof;
mod query;
mod service;
mod sink;
mod spatial_reference;
mod statistics;

pub use address::{
    DirectoryAddress, LayerAddress, ResourceAddress, ServiceAddress, ServiceKind,
};
pub use decode::{DecodeContext, DecodeError};
pub use error::{Error, QueryError};
pub use field::{CodedValue, Domain, Field, FieldType};
pub use geometry::{Bbox, Dimensions, GeometryRef, GeometryType};
pub use ids::IdSet;
pub use layer::Layer;
pub use layout::{GeometryLayout, Layout, ObjectIdColumn};
pub use literal::{Literal, object_id_range};
pub use metadata::{
    AdvancedQueryCapabilities, Extent, LayerInfo, LayerKind, LayerReference, UniqueId,
};
pub use proof::{Completion, Drift, Incomplete, Proof};
pub use query::{Query, ResolvedQuery};
pub use service::{Directory, ServiceEntry, ServiceInfo};
pub use sink::{FeatureSink, PageFacts, PageSink, SinkError, ValueRef};
pub use spatial_reference::SpatialReference;
pub use statistics::{Statistic, StatisticType};

pub use arcgis_auth_core;
