//! What a plan will cost, if the server does as it says and rows are as large as their types suggest.

use std::collections::VecDeque;
use std::time::Duration;

use super::by_ids::LISTED;
use super::pace::Pace;
use super::plan::{Plan, Source};
use super::strategy::Strategy;
use crate::field::{Field, FieldType};
use crate::format::PageFormat;
use crate::geometry::GeometryType;
use crate::ids::IdSet;
use crate::layout::Layout;

/// Bytes in a second of one answer, where nothing is known: as many as answers are held to be well that come so.
const USUAL_RATE: f64 = 1024.0 * 1024.0;

/// So many bytes tell how quickly they come.
const ENOUGH_BYTES: f64 = 256.0 * 1024.0;

/// Between these, rates are believed: in bytes a second.
const SLOWEST: f64 = 32.0 * 1024.0;
const FASTEST: f64 = 64.0 * 1024.0 * 1024.0;

/// So many slots are counted one by one; those behind them are like the last of these.
const COUNTED: u64 = 10_000;

/// What it takes to fetch the rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Expected {
    /// Parts of the work that can be fetched on their own.
    pub(crate) slots: u64,
    /// Requests for rows.
    pub(crate) requests: u64,
    /// Bytes of their answers.
    pub(crate) bytes: f64,
}

impl Plan {
    /// The requests for rows, in the sizes in which the engine will ask for them: it begins with few rows and grows.
    pub(crate) fn expected(&self) -> Expected {
        let weight = row_bytes(self.query.layout(), self.format);
        if let Source::Parts(parts) = &self.source {
            let parts = parts.len() as u64;
            return Expected {
                slots: parts,
                requests: parts,
                bytes: self.rows_to_fetch() as f64 * weight,
            };
        }
        let most = u64::from(self.page_size);
        let pace = Pace::new(most, self.options.page_size.is_none());
        let whole = self.strategy == Strategy::Single;
        let mut all = Expected {
            slots: 0,
            requests: 0,
            bytes: 0.0,
        };
        let mut left = self.rows_to_fetch();
        let mut open = VecDeque::new();
        while left > 0 || !open.is_empty() {
            while left > 0 && open.len() < self.at_once() {
                let asked = if whole { left } else { pace.rows() };
                let overlap = u64::from(self.may_shift() && all.slots > 0 && asked > 1);
                let rows = (asked - overlap).min(left);
                let slots = if all.slots < COUNTED {
                    left -= rows;
                    1
                } else {
                    std::mem::take(&mut left).div_ceil(rows.max(1))
                };
                all.slots += slots;
                all.requests += slots * self.requests_of(rows);
                all.bytes += (slots * (rows + overlap)) as f64 * weight;
                open.push_back(rows + overlap);
            }
            if let Some(rows) = open.pop_front() {
                let bytes = rows as f64 * weight;
                let took = self.latency.unwrap_or_default() + self.transfer(bytes);
                pace.went_well(rows, bytes as u64, took);
            }
        }
        all
    }

    /// How many requests bring so many rows of one slot.
    fn requests_of(&self, rows: u64) -> u64 {
        match self.strategy {
            Strategy::IdLists => rows.div_ceil(LISTED as u64),
            // Each page is counted too.
            Strategy::KeySet if self.options.strategy == Some(Strategy::KeySet) => 2,
            _ => 1,
        }
    }

    /// How long so many bytes are on their way.
    fn transfer(&self, bytes: f64) -> Duration {
        let seconds = bytes / self.rate.unwrap_or(USUAL_RATE);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// How long it takes to fetch the rows and to ask for `other` things beside; `None` where no request of the plan's own
    /// was timed.
    pub(crate) fn expected_time(&self, rows: &Expected, other: u64) -> Option<Duration> {
        let latency = self.latency?;
        let at_once = self.at_once().max(1) as u64;
        let rounds = rows.requests.div_ceil(at_once) + other;
        let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
        let streams = at_once.min(rows.requests.max(1));
        let transfer = self.transfer(rows.bytes / streams as f64);
        Some(latency.saturating_mul(rounds).saturating_add(transfer))
    }

    /// Slots under way at once.
    pub(crate) fn at_once(&self) -> usize {
        match self.strategy {
            Strategy::KeySet | Strategy::Single => 1,
            _ => self.options.concurrency.get(),
        }
    }
}

/// About how many bytes a row takes in an answer. Lines and polygons are taken for some fifty positions.
fn row_bytes(layout: &Layout, format: PageFormat) -> f64 {
    let is_json = format == PageFormat::Json;
    let attributes: usize = layout
        .fields
        .iter()
        .map(|field| {
            let name = if is_json { field.name.len() + 4 } else { 3 };
            name + value_bytes(field, is_json)
        })
        .sum();
    let geometry = layout.geometry.as_ref().map_or(0, |geometry| {
        let (json, pbf) = match geometry.kind {
            GeometryType::Point => (60, 12),
            GeometryType::Multipoint => (200, 30),
            _ => (2_000, 250),
        };
        if is_json { json } else { pbf }
    });
    let around = if is_json { 20 } else { 4 };
    (attributes + geometry + around) as f64
}

fn value_bytes(field: &Field, is_json: bool) -> usize {
    match &field.field_type {
        FieldType::String => field.length.map_or(16, |length| (length as usize).min(24)),
        FieldType::Guid | FieldType::GlobalId => 38,
        FieldType::Double if is_json => 16,
        FieldType::Double => 8,
        FieldType::Date if is_json => 13,
        FieldType::SmallInteger | FieldType::Integer | FieldType::Oid if !is_json => 4,
        _ => 8,
    }
}

/// Bytes in a second, as lists of ids came; `None` where there were too few to tell.
pub(crate) fn rate_of(ids: &IdSet, took: Duration) -> Option<f64> {
    let digits = ids
        .max()
        .map_or(0, |id| id.unsigned_abs().max(1).ilog10() + 2);
    let bytes = ids.len() as f64 * f64::from(digits);
    let rate = bytes / took.as_secs_f64().max(1e-3);
    (bytes >= ENOUGH_BYTES).then(|| rate.clamp(SLOWEST, FASTEST))
}
