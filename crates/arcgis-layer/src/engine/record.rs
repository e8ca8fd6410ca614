//! What is remembered of pages that were handed out.

use serde::{Deserialize, Serialize};

/// What the proof at the end needs to know of a page that was handed out. Kept beside the page's rows, it lets
/// a fetch go on behind that page, in another process if need be: see [`Progress`].
///
/// Where object ids were listed it is a few bytes; elsewhere it holds an id or a hash for each row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PageRecord {
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
    #[serde(default)]
    pub(crate) repeated: u64,
}

impl PageRecord {
    /// How many rows the page has.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds what is known of slots that brought no page.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.rows += other.rows;
        self.missing.append(&mut other.missing);
        self.ids.append(&mut other.ids);
        self.fingerprints.append(&mut other.fingerprints);
        self.repeated += other.repeated;
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
        if position < self.next {
            return Err(super::CheckpointError::Order { position });
        }
        self.ledger.enter(record);
        self.next = position + 1;
        Ok(())
    }

    /// Rows that are safe.
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
