//! What came of an export of several layers, and what would.

use arcgis_layer::PlanSummary;
use serde::Serialize;

use super::index::{IndexedLayer, ServiceIndex, Unread};
use super::pattern::Pattern;
use crate::error::Error;
use crate::report::Report;
use crate::sync::SyncReport;

/// What came of an export of several layers.
#[derive(Debug)]
#[non_exhaustive]
pub struct ServiceReport {
    /// What is in the folder: the same as its `index.json`.
    pub index: ServiceIndex,
    /// What came of each layer, in the order of [`ServiceIndex::layers`].
    pub outcomes: Vec<LayerOutcome>,
    /// Patterns of the selection that stand for no layer.
    pub idle: Vec<Pattern>,
}

impl ServiceReport {
    /// Each layer with what came of it.
    pub fn layers(&self) -> impl Iterator<Item = (&IndexedLayer, &LayerOutcome)> {
        self.index.layers.iter().zip(&self.outcomes)
    }

    /// The layers that could not be exported, and why.
    pub fn failures(&self) -> impl Iterator<Item = (&IndexedLayer, &Error)> {
        self.layers().filter_map(|(layer, outcome)| match outcome {
            LayerOutcome::Failed(error) => Some((layer, error)),
            _ => None,
        })
    }
}

/// What came of a layer.
#[derive(Debug)]
#[non_exhaustive]
pub enum LayerOutcome {
    /// It was exported.
    Exported(Box<Report>),
    /// The file of an earlier export was kept: the layer has not changed since.
    Kept,
    /// The file of an earlier export was brought up to date, or found to be.
    Synced(Box<SyncReport>),
    /// The service does not have it any more; its file stays.
    Gone,
    /// It was left out: the index says why.
    LeftOut,
    /// It could not be exported.
    Failed(Error),
    /// It did not have its turn, since the folder takes no more.
    NotTried,
}

impl LayerOutcome {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Exported(_) => "exported",
            Self::Kept => "kept",
            Self::Synced(_) => "synced",
            Self::Gone => "gone",
            Self::LeftOut => "left out",
            Self::Failed(_) => "failed",
            Self::NotTried => "not tried",
        }
    }
}

/// What an export of several layers would do. In JSON as a flat object.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ServicePlan {
    /// The address of the service, folder or server, without secrets.
    pub source: String,
    /// The layers, in the server's order.
    pub layers: Vec<PlannedLayer>,
    /// Folders and services that could not be read.
    pub unread: Vec<Unread>,
    /// Patterns of the selection that stand for no layer.
    #[serde(serialize_with = "texts")]
    pub idle: Vec<Pattern>,
}

/// What would be done with a layer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PlannedLayer {
    /// The service with its folder.
    pub service: String,
    /// The number in the service.
    pub id: u32,
    /// The name.
    pub name: String,
    /// What it is, such as `Feature Layer`; in JSON `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The address, without secrets.
    pub url: String,
    /// What would be done.
    pub action: PlannedAction,
    /// The file, as a path from the folder.
    pub file: Option<String>,
    /// Why it would be left out or fail.
    pub problem: Option<String>,
    /// The layer that it is taken along with ([`LayerSelection::with_related`](crate::LayerSelection::with_related)), if
    /// no pattern stands for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub related_to: Option<String>,
    /// How its rows would be fetched.
    pub plan: Option<PlanSummary>,
}

/// What would be done with a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PlannedAction {
    /// It would be exported.
    Export,
    /// The file of an earlier export would be kept.
    Keep,
    /// It would be left out.
    Skip,
    /// It cannot be exported.
    Fail,
}

impl ServicePlan {
    /// Rows to fetch in all.
    #[must_use]
    pub fn rows(&self) -> u64 {
        let plans = self.layers.iter().filter_map(|layer| layer.plan.as_ref());
        plans.map(|plan| plan.rows).sum()
    }

    /// Requests to expect in all.
    #[must_use]
    pub fn requests(&self) -> u64 {
        let plans = self.layers.iter().filter_map(|layer| layer.plan.as_ref());
        plans.map(|plan| plan.expected_requests).sum()
    }
}

fn texts<S: serde::Serializer>(patterns: &[Pattern], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(patterns.iter().map(ToString::to_string))
}
