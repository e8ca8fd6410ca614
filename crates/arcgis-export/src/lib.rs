#![doc = include_str!("../README.md")]

mod arrow_columns;
mod assembly;
mod attachments;
mod batches;
mod block;
mod builders;
mod bytes_builder;
mod calendar;
mod column_options;
mod columns;
mod convert;
mod crs;
mod destination;
mod error;
mod event;
mod field_metadata;
mod file_names;
mod format;
mod geometry_summary;
mod geoparquet;
mod index_file;
mod job;
mod label_dictionary;
mod labels;
mod layer_stream;
mod lock;
mod marks;
mod note;
mod nulls;
mod number_builder;
mod options;
mod order;
mod page;
mod partition;
mod provenance;
#[cfg(feature = "repair")]
mod repair;
mod replaced;
mod report;
mod resume;
mod run;
mod saved_answer;
mod schema;
mod service;
mod source;
mod spool;
mod sync;
mod table;
mod tally;
pub mod telemetry;
mod wkb;
mod writer_thread;

pub use attachments::{AttachmentExport, AttachmentReport};
pub use column_options::{
    ColumnNames, ColumnOptions, DateDisplay, DomainValues, GuidType, ParseOptionError,
};
pub use convert::Conversion;
pub use crs::{
    Authority, CrsKind, ResolvedCrs, SpatialReferenceCodes, UnknownCrs, crs_table_versions,
    projjson, resolve_crs,
};
pub use destination::{AsyncWriter, Canceller, Committed, Destination, HttpPut, LocalFile, Output};
#[cfg(feature = "object-store")]
pub use destination::{StoredFolder, StoredObject};
pub use error::Error;
pub use event::ExportEvent;
pub use format::{FileFormat, ParseFileFormatError};
pub use geometry_summary::GeometrySummary;
pub use geoparquet::{GeoParquetVersion, GeoParquetWriter, GeometryEncoding, RowGroup};
pub use job::LayerExport;
pub use layer_stream::{BatchLimits, LayerReader, LayerStream};
pub use note::Note;
pub use options::{Compression, ParseCompressionError, WriterOptions, ZstdLevel};
pub use order::{ParseRowOrderError, RowOrder};
pub use page::{ArrowPage, ArrowSink, Misfits, PageBatch};
#[cfg(feature = "object-store")]
pub use partition::StoredPartitions;
pub use partition::{
    PartitionError, PartitionFile, PartitionFolder, PartitionIndex, PartitionReport, Partitions,
};
pub use provenance::Provenance;
pub use report::{
    ColumnReport, FetchReport, GeometryReport, MisfitReport, ProofReport, QueryReport, Report,
    WriterReport,
};
pub use resume::{Resume, ResumeError, ResumeReport};
pub use saved_answer::AnswerKind;
pub use schema::{DateZone, ExportSchema};
pub use service::{
    Folder, FolderLock, IndexError, IndexedAttachments, IndexedLayer, IndexedRelationship,
    LayerOutcome, LayerSelection, LayerStatus, LocalFolder, ParsePatternError, Pattern,
    PlannedAction, PlannedLayer, ServiceEvent, ServiceExport, ServiceIndex, ServicePlan,
    ServiceReport, ServiceSync, Unread,
};
pub use spool::{DirectSpool, Spool, SpoolFactory, SpoolPlan, SpooledPage};
pub use sync::{Sync, SyncError, SyncPlace, SyncReport, SyncWay};
pub use table::Table;
pub use wkb::GeometryError;

// Types of other crates that stand in this crate's signatures.
pub use arcgis_layer;
pub use arrow_array;
pub use arrow_schema;
pub use jiff::Timestamp;
#[cfg(feature = "object-store")]
pub use object_store;
