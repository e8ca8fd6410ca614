//! A plan as people and programs read it.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::plan::{PageCap, Plan, Source};
use super::strategy::Strategy;

/// What a [`Plan`] says, for programs: serialises to a flat JSON object.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PlanSummary {
    /// The layer's name.
    pub layer: String,
    /// The layer's address, without secrets.
    pub source: String,
    /// The SQL condition.
    #[serde(rename = "where")]
    pub condition: String,
    /// Rows that match the query.
    pub matching: u64,
    /// Rows to deliver.
    pub rows: u64,
    /// The name of the [`Strategy`].
    pub strategy: &'static str,
    /// Why it.
    pub reason: String,
    /// The most rows per page.
    pub page_size: u32,
    /// What decides how many rows a page has.
    pub page_size_reason: String,
    /// The value of the parameter `f` for pages.
    pub format: &'static str,
    /// Why it.
    pub format_reason: String,
    /// Parts of the work that can be fetched on their own.
    pub pages: u64,
    /// Requests for rows and for the proof, if the server does as it says.
    pub expected_requests: u64,
    /// About how many seconds they take: each as long as the plan's own, and the rows, whose size is guessed from the types
    /// of their columns, at the rate at which the ids came; 1 MiB a second for each page under way where there were few.
    pub expected_seconds: Option<f64>,
    /// Pages under way at once.
    pub concurrency: usize,
    /// What makes all rows be of one moment, or shows that they are not.
    pub consistency: String,
    /// The name of the proof to expect.
    pub proof: &'static str,
    /// The plan's fingerprint, in hexadecimal.
    pub fingerprint: String,
}

impl Plan {
    /// The plan for programs.
    #[must_use]
    pub fn summary(&self) -> PlanSummary {
        let expected = self.expected();
        let other = self.other_requests();
        let requests = expected.requests + other;
        let time = self.expected_time(&expected, other);
        let at_once = self.at_once();
        PlanSummary {
            layer: self.layer_name.clone(),
            source: self.address.to_string(),
            condition: self.query.where_clause().to_owned(),
            matching: self.matching,
            rows: self.rows,
            strategy: self.strategy.name(),
            reason: self.reason.clone(),
            page_size: self.page_size,
            page_size_reason: self.page_size_reason(),
            format: self.format.param(),
            format_reason: self.format_reason.clone(),
            pages: expected.slots,
            expected_requests: requests,
            expected_seconds: time.map(|time| (time.as_secs_f64() * 1000.0).round() / 1000.0),
            concurrency: at_once,
            consistency: self.consistency(),
            proof: self.proof().name(),
            fingerprint: format!("{:016x}", self.fingerprint()),
        }
    }

    /// What is asked at the end: the count, and the ids if they are known, and what else there is to know.
    fn other_requests(&self) -> u64 {
        let proof = 1 + u64::from(self.ids().is_some());
        let by_keys = self.strategy == Strategy::KeySet && self.rows > 0;
        let reads_on = self.rows > 0 && self.reads_to_the_end();
        let end = u64::from(reads_on || self.looks_behind()) + 2 * u64::from(by_keys);
        let edits = if self.names_edited_rows() {
            2
        } else {
            u64::from(self.moment.is_none() && self.last_edit.is_some())
        };
        // Before a second pass is thought of: the count, and whether there were edits.
        let moved = u64::from(self.may_shift()) * (1 + u64::from(self.last_edit.is_some()));
        proof + end + edits + moved
    }

    fn page_size_reason(&self) -> String {
        if self
            .options
            .page_size
            .is_some_and(|size| size.get() == self.page_size)
        {
            return "as asked for".to_owned();
        }
        let cap = match self.cap {
            PageCap::Usual => "the server's limit".to_owned(),
            PageCap::Standard => "the server's limit for resultType=standard".to_owned(),
            PageCap::Factor(factor) => format!("{factor} times the server's limit"),
        };
        format!("{cap}; fewer where answers are large or slow")
    }

    fn consistency(&self) -> String {
        match self.moment.map(Timestamp::from_millisecond) {
            Some(Ok(moment)) => format!("the layer as of {moment} (historicMoment)"),
            _ if self.ids().is_some() => {
                "object ids and edits before and after; what changes meanwhile is reported"
                    .to_owned()
            }
            _ => "the count before and after".to_owned(),
        }
    }

    /// Whether rows behind those that were counted are asked for.
    pub(crate) fn reads_to_the_end(&self) -> bool {
        matches!(self.source, Source::Places)
            && self.strategy == Strategy::Offset
            && self.query.limit().is_none()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let summary = self.summary();
        let rows = if summary.rows == summary.matching {
            summary.rows.to_string()
        } else {
            format!("{} of {} that match", summary.rows, summary.matching)
        };
        writeln!(f, "Layer        {}", summary.layer)?;
        writeln!(f, "Address      {}", summary.source)?;
        writeln!(f, "Where        {}", summary.condition)?;
        writeln!(f, "Rows         {rows}")?;
        writeln!(f, "Strategy     {}: {}", self.strategy, self.reason)?;
        writeln!(
            f,
            "Page size    {} rows ({})",
            summary.page_size, summary.page_size_reason
        )?;
        writeln!(f, "Format       {}: {}", self.format, self.format_reason)?;
        let at_once = summary.concurrency;
        writeln!(f, "Pages        {}, {at_once} at once", summary.pages)?;
        match summary.expected_seconds.map(Duration::try_from_secs_f64) {
            Some(Ok(time)) => writeln!(
                f,
                "Requests     about {} more, some {time:.1?}",
                summary.expected_requests
            )?,
            _ => writeln!(f, "Requests     about {} more", summary.expected_requests)?,
        }
        writeln!(f, "Consistency  {}", summary.consistency)?;
        writeln!(f, "Proof        {}", self.proof())?;
        write!(f, "Fingerprint  {}", summary.fingerprint)
    }
}
