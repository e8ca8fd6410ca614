//! Earlier exports brought up to date.

mod base;
mod candidate;
mod columns;
mod coordinates;
mod differences;
mod earlier;
mod error;
mod file;
mod job;
mod kept;
mod listed;
mod options;
mod place;
mod reader;
#[cfg(feature = "object-store")]
mod remote;
mod report;
mod way;

pub(crate) use base::Base;
pub(crate) use kept::KeptRows;
pub(crate) use options::SavedOptions;

pub use error::SyncError;
pub use job::Sync;
pub use place::SyncPlace;
pub use report::{SyncReport, SyncWay};
