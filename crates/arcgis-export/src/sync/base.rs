//! What an export begins with that has a part of the rows already.

use arcgis_layer::Plan;

use super::kept::KeptRows;
use crate::provenance::LayerState;
use crate::tally::{PageSums, Start};

/// Rows of an earlier file that are as they were, and the plan for the others.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    pub(crate) plan: Plan,
    pub(crate) state: LayerState,
    pub(crate) kept: KeptRows,
    pub(crate) sums: PageSums,
    /// When the first question was asked: what is edited later is for the next time.
    pub(crate) start: Start,
}
