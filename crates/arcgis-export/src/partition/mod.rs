//! One dataset in several files: by the values of fields, or by place.

mod dataset;
mod error;
mod folder;
mod groups;
mod index;
mod names;
mod options;
mod report;
mod scheme;
mod swap;
mod value;
mod writer;

pub use error::PartitionError;
pub use folder::PartitionFolder;
pub use index::{PartitionFile, PartitionIndex};
pub use options::Partitions;
pub use report::PartitionReport;

pub(crate) use dataset::Dataset;
pub(crate) use groups::{Groups, Ranks};
pub(crate) use scheme::Scheme;
pub(crate) use writer::PartitionedWriter;
