//! From a query to its rows: a plan, its pages, and the proof that they are all.

mod again;
mod behind;
mod by_ids;
mod checkpoint;
mod doubt;
mod edits;
mod exchange;
mod fetch;
mod gather;
mod ledger;
mod moment;
mod options;
mod pace;
mod pages;
mod part;
mod part_slot;
mod plan;
mod planner;
mod proof;
mod record;
mod skip;
mod slot;
mod strategy;
mod summary;
mod verify;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use doubt::{Delivered, Doubt, Doubts};
pub use options::FetchOptions;
pub use pages::{AcceptedPage, FetchStats, Pages};
pub(crate) use part::counted_ranges;
pub use plan::Plan;
pub use proof::{Completion, Drift, Incomplete, Proof};
pub use record::{PageRecord, Progress};
pub use skip::SkippedRow;
pub use strategy::Strategy;
pub use summary::PlanSummary;
