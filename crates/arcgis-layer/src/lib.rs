#![doc = include_str!("../README.md")]

mod address;
mod aggregate;
mod attachments;
mod changes;
mod crawl;
mod curves;
mod decode;
mod discovery;
mod engine;
mod error;
mod estimates;
mod feature;
mod features;
mod field;
mod field_filter;
mod filter;
mod form;
mod format;
mod geometry;
mod id_list;
mod ids;
mod layer;
mod layout;
mod literal;
mod metadata;
mod object_ids;
mod parts;
mod query;
mod related;
mod rings;
mod sample;
mod second_chance;
mod service;
mod sink;
mod spatial_filter;
mod spatial_reference;
mod statistics;

pub use address::{DirectoryAddress, LayerAddress, ResourceAddress, ServiceAddress, ServiceKind};
pub use aggregate::{Aggregation, Group, ValueCount};
pub use attachments::{Attachment, AttachmentSink, Attachments, Download};
pub use changes::{ChangeTracking, Changes};
pub use crawl::{Crawl, CrawlEntry, CrawlReport, FolderEntry, LayerEntry, ServiceListing};
pub use decode::{
    AnswerHeader, CoordinateGrid, Coordinates, DecodeContext, DecodeError, decode_json, decode_pbf,
    read_header, read_pbf_count, read_pbf_extent, read_pbf_header, read_pbf_ids,
};
pub use discovery::{Discovery, ItemAddress, ItemInfo, MapLayer};
pub use engine::{
    AcceptedPage, Checkpoint, CheckpointError, Completion, Delivered, Doubt, Doubts, Drift,
    FetchOptions, FetchStats, Incomplete, PageRecord, Pages, Plan, PlanSummary, Progress, Proof,
    SkippedRow, Strategy,
};
pub use error::{Error, QueryError};
pub use estimates::Estimates;
pub use feature::{Feature, FeatureCollector, FeaturePage, Value};
pub use features::Features;
pub use field::{CodedValue, Domain, Field, FieldType};
pub use field_filter::FieldFilter;
pub use filter::{Comparison, Condition};
pub use form::{GeometryForm, Quantization};
pub use format::{FormatChoice, PageFormat};
pub use geometry::{Bbox, Dimensions, GeometryRef, GeometryType};
pub use ids::IdSet;
pub use layer::Layer;
pub use layout::{GeometryLayout, Layout, ObjectIdColumn};
pub use literal::{Literal, object_id_range};
pub use metadata::{
    AdvancedQueryCapabilities, Cardinality, Extent, LayerInfo, LayerKind, LayerReference,
    Relationship, Subtype, Subtypes, TimeInfo, UniqueId,
};
pub use query::{Query, RangeValue, ResolvedQuery, SavedQuery, SqlFormat, TimeFilter, to_curl};
pub use related::RelatedRecords;
pub use sample::Order;
pub use service::{Directory, ServiceEntry, ServiceInfo};
pub use sink::{FeatureSink, PageFacts, PageSink, SinkError, ValueRef};
pub use spatial_filter::{DistanceUnit, SpatialFilter, SpatialRelation};
pub use spatial_reference::SpatialReference;
pub use statistics::{Statistic, StatisticType};

pub use arcgis_auth_core;
pub use serde_json;
