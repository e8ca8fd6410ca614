//! How it is found out which rows have changed.

use std::time::Duration;

use arcgis_layer::{ChangeTracking, IdSet, Layer, ResolvedQuery};
use jiff::{SignedDuration, Timestamp};

use super::earlier::EarlierExport;
use super::report::SyncWay;
use crate::error::Error;

/// Words of conditions whose rows change with time, though nobody edits them.
const MOVING: [&str; 5] = ["CURRENT_", "NOW(", "GETDATE", "SYSDATE", "SYSTIMESTAMP"];

/// What is there, now and in the file.
pub(super) struct Look<'a> {
    pub(super) layer: &'a Layer,
    pub(super) query: &'a ResolvedQuery,
    pub(super) old: &'a EarlierExport,
    pub(super) tracking: Option<ChangeTracking>,
    /// The ids in the file.
    pub(super) was: &'a IdSet,
    /// The ids that the layer has now, listed before anything is asked here.
    pub(super) is: &'a IdSet,
    /// How far the date of an edit may lie before the moment at which others could see it.
    pub(super) margin: Duration,
}

/// What has changed, or why that cannot be said.
pub(super) enum Known {
    /// Only rows with these ids can differ, beside those that came and went.
    Touched {
        way: SyncWay,
        touched: IdSet,
        /// The generation up to which that is known.
        generation: Option<i64>,
        reason: Option<String>,
    },
    Nothing {
        reason: String,
    },
}

impl Look<'_> {
    pub(super) async fn look(&self) -> Result<Known, Error> {
        let mut reasons = Vec::new();
        match self.by_changes().await {
            Ok(known) => return Ok(known),
            Err(reason) => reasons.push(reason),
        }
        match self.by_edit_dates().await {
            Ok(touched) => {
                return Ok(Known::Touched {
                    way: SyncWay::EditDates,
                    touched,
                    generation: self.tracking.map(|tracking| tracking.generation),
                    reason: Some(reasons.join("; ")),
                });
            }
            Err(reason) => reasons.push(reason),
        }
        Ok(Known::Nothing {
            reason: reasons.join("; "),
        })
    }

    /// As the service tells; or why that is not to be had, or not to be believed.
    async fn by_changes(&self) -> Result<Known, String> {
        let Some(tracking) = self.tracking else {
            return Err("the service does not say that it tracks the layer's changes".to_owned());
        };
        let Some(since) = self.old.generation() else {
            return Err("the file does not have the layer's generation".to_owned());
        };
        if tracking.ids_only == Some(false) {
            return Err("the service does not give the ids of changed rows".to_owned());
        }
        if !tracking.reaches(since) {
            return Err(format!(
                "the service tells changes from generation {} to {}, and the file has {since}",
                tracking.earliest.unwrap_or_default(),
                tracking.generation
            ));
        }
        let versioned = self.query.filter_params().any(|(name, _)| {
            ["gdbVersion", "historicMoment"]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
        });
        if versioned {
            return Err("changes are those of the default version as of now".to_owned());
        }
        let changes = self.layer.changes_since(since).await;
        let changes = changes.map_err(|error| {
            tracing::warn!(layer = %self.layer.address(), %error, "changes cannot be asked for");
            format!("the service does not tell the changes ({error})")
        })?;
        if changes.generation.is_some_and(|told| told < since) {
            return Err("the changes that the service tells are of an earlier time".to_owned());
        }
        let is_edited = match (self.old.moment("last_edit"), self.last_edit()) {
            (Some(before), Some(now)) => now > before,
            _ => false,
        };
        if changes.is_empty() && is_edited {
            return Err("the layer says that it was edited, and tells no changes".to_owned());
        }
        // Conditions that go by the clock let rows in and out that nobody has touched.
        if !self.moves() {
            let mut come = changes.added.clone();
            come.extend(changes.updated.iter());
            // Rows that could not be served then were there all the same.
            come.extend(self.old.skipped());
            let mut untold = self.is.difference(self.was).difference(&come).len();
            if let Some(deleted) = &changes.deleted {
                let mut gone = deleted.clone();
                gone.extend(changes.updated.iter());
                untold += self.was.difference(self.is).difference(&gone).len();
            }
            if untold > 0 {
                return Err(format!(
                    "{untold} rows came or went that are not among the changes that the service tells"
                ));
            }
        }
        let mut touched = changes.all();
        // Where rows have dates of their last edits too, one of both may know what the other does not.
        if let Ok(dated) = self.by_edit_dates().await {
            touched.extend(dated.iter());
        }
        Ok(Known::Touched {
            way: SyncWay::Changes,
            touched,
            generation: Some(changes.generation.map_or(tracking.generation, |told| {
                // What it told is known, and no more.
                told.min(tracking.generation)
            })),
            reason: None,
        })
    }

    /// By the dates of edits; or why that is not to be had, or does not agree with what the layer says of itself.
    async fn by_edit_dates(&self) -> Result<IdSet, String> {
        let layer = self.layer;
        if layer.info().edit_date_field.is_none() {
            return Err("the layer has no dates of its rows' edits".to_owned());
        }
        let Some(retrieved) = self.old.moment("retrieved") else {
            return Err("the file does not say when it was exported".to_owned());
        };
        let failed = |error: arcgis_layer::Error| {
            tracing::warn!(layer = %layer.address(), %error, "edits cannot be asked for");
            format!("rows cannot be asked for by the dates of their edits ({error})")
        };
        let ahead = layer.clock_ahead(self.query).await.map_err(failed)?;
        let since = self.since(retrieved, ahead.unwrap_or_default())?;
        let touched = layer
            .edited_since(self.query, since)
            .await
            .map_err(failed)?;
        let is_edited = match (self.old.moment("last_edit"), self.last_edit()) {
            (Some(before), Some(now)) => now > before,
            _ => false,
        };
        let shows = !touched.is_empty() || self.was != self.is;
        let all = self.query.where_clause() == "1=1" && self.query.filter_params().next().is_none();
        if is_edited && !shows && all {
            return Err("the layer says that it was edited, and no row shows it".to_owned());
        }
        Ok(touched)
    }

    /// The moment of the server's clock from which on rows may have been edited that the file does not have so.
    fn since(&self, retrieved: Timestamp, ahead: SignedDuration) -> Result<Timestamp, String> {
        let by_our_clock = retrieved - ahead;
        // What was edited last before the export is in the file, whatever our clock said.
        let since = self
            .old
            .moment("last_edit")
            .map_or(by_our_clock, |edit| edit.min(by_our_clock));
        since
            .checked_sub(self.margin)
            .map_err(|_| "the moment of the export is none".to_owned())
    }

    fn last_edit(&self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.layer.info().last_edit_date?).ok()
    }

    fn moves(&self) -> bool {
        let condition = self.query.where_clause().to_ascii_uppercase();
        MOVING.iter().any(|word| condition.contains(word))
    }
}
