//! What is remembered of pages that were handed out.

use serde::{Deserialize, Serialize};

use super::skip::SkippedRow;

/// What the proof at the end needs to know of a page that was handed out. Kept beside the page's rows, it lets
/// a fetch go on behind that page, in another process if need be: see [`Progress`].
///
/// Where object ids were listed it is a few bytes; elsewhere it holds an id or a hash for each row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PageRecord {
    /// The position of the next page.
    pub(crate) next: u64,
    pub(crate) rows: u64,
    /// Wanted ids that the server did not give.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) missing: Vec<i64>,
    /// The rows' ids, where they were not listed beforehand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) ids: Vec<i64>,
    /// The rows' fingerprints, where they have no ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) fingerprints: Vec<u64>,
    /// Rows that came in more than one answer, by their fingerprints.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) repeated: u64,
    /// Rows that were counted and did not come, where they are not known by id.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) short: u64,
    /// Rows that the server cannot serve.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) skipped: Vec<SkippedRow>,
    /// The row that came at the place before the page's first, where rows are known by their places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<u64>,
    /// Whether another row came at a place than before, within the page.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) has_moved: bool,
    /// The ids of rows that came before, were edited since, and are here as they are now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) again: Vec<i64>,
}

// By reference, as serde calls it.
fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

impl PageRecord {
    /// How many rows the page has, those that take the place of others among them.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether every row that the page was to have came: no other try could bring more. Rows that were skipped, or that
    /// were gone, are such as another try might bring.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.skipped.is_empty() && self.short == 0
    }

    /// Rows that the server cannot serve and that were left out of the page.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedRow] {
        &self.skipped
    }

    /// Adds what is known of slots that brought no page.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.next = other.next;
        self.short += other.short;
        self.skipped.append(&mut other.skipped);
        self.rows += other.rows;
        self.missing.append(&mut other.missing);
        self.ids.append(&mut other.ids);
        self.fingerprints.append(&mut other.fingerprints);
        self.repeated += other.repeated;
        self.before = self.before.or(other.before);
        self.has_moved |= other.has_moved;
        self.again.append(&mut other.again);
    }
}

/// How far a fetch has come: the pages whose rows are safe, from the first on.
///
/// ```no_run
/// # use arcgis_layer::{AcceptedPage, Checkpoint, Error, FeatureCollector, FetchOptions, Layer, PageRecord, Progress, ResolvedQuery};
/// # async fn example(layer: Layer, query: ResolvedQuery, saved: &[u8], kept: Vec<(u64, PageRecord)>) -> Result<(), Error> {
/// let checkpoint = Checkpoint::from_bytes(saved)?;
/// let plan = layer.plan_of(&query, &FetchOptions::default(), &checkpoint)?;
/// let mut progress = Progress::new();
/// for (position, record) in &kept {
///     progress.add(*position, record)?;
/// }
/// let sink = FeatureCollector::new(query.layout().clone());
/// let mut pages = layer.pages_after(plan, sink, progress);
/// while let Some(page) = pages.next().await? {
///     println!("{} rows more", page.facts.rows);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Progress {
    pub(crate) next: u64,
    pub(crate) ledger: super::ledger::Ledger,
}

impl Progress {
    /// Nothing is there yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a page that is safe: its [`position`](super::AcceptedPage::position) and its
    /// [`record`](super::AcceptedPage::record). Pages have to be added in the order in which they were handed out.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Order`](super::CheckpointError::Order) for a page that does not lie behind the last one.
    pub fn add(
        &mut self,
        position: u64,
        record: &PageRecord,
    ) -> Result<(), super::CheckpointError> {
        if position < self.next || record.next <= position {
            return Err(super::CheckpointError::Order { position });
        }
        self.ledger.enter(record);
        self.next = record.next;
        Ok(())
    }

    /// Rows that are safe, each counted once.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.ledger.rows()
    }

    /// The position of the first page that is not safe; there may be none at it.
    #[must_use]
    pub fn next_position(&self) -> u64 {
        self.next
    }
}
