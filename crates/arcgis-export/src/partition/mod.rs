//! One dataset in several files: by the values of fields, or by place.

mod dataset;
mod error;
mod folder;
mod groups;
mod index;
mod names;
mod options;
#[cfg(feature = "object-store")]
mod pending;
#[cfg(feature = "object-store")]
mod replacement;
mod report;
mod scheme;
mod side_by_side;
#[cfg(feature = "object-store")]
mod standing;
#[cfg(feature = "object-store")]
mod stored;
mod swap;
mod value;
mod writer;

pub use error::PartitionError;
pub use folder::PartitionFolder;
pub use index::{PartitionFile, PartitionIndex};
pub use options::Partitions;
pub use report::PartitionReport;
#[cfg(feature = "object-store")]
pub use stored::StoredPartitions;

pub(crate) use dataset::Dataset;
pub(crate) use groups::{Groups, Ranks};
pub(crate) use scheme::Scheme;
pub(crate) use side_by_side::side_by_side;
pub(crate) use writer::PartitionedWriter;
