//! From a query to its rows: a plan, its pages, and the proof that they are all.

mod exchange;
mod fetch;
mod gather;
mod ledger;
mod pace;
mod pages;
mod plan;
mod proof;

pub use pages::{AcceptedPage, FetchStats, Pages};
pub use plan::{FetchOptions, Plan, Strategy};
pub use proof::{Completion, Drift, Incomplete, Proof};
