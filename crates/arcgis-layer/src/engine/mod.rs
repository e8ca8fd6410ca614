//! From a query to its rows: a plan, its pages, and the proof that they are all.

mod checkpoint;
mod exchange;
mod fetch;
mod gather;
mod ledger;
mod options;
mod pace;
mod pages;
mod plan;
mod planner;
mod proof;
mod record;
mod strategy;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use options::FetchOptions;
pub use pages::{AcceptedPage, FetchStats, Pages};
pub use plan::Plan;
pub use proof::{Completion, Drift, Incomplete, Proof};
pub use record::{PageRecord, Progress};
pub use strategy::Strategy;
