//! A second pass over rows that nothing identifies, with pages of another size.

use std::sync::Arc;

use super::fetch::{Fetcher, Paced};
use super::ledger::Multiset;
use super::plan::Plan;
use super::strategy::Strategy;
use crate::error::Error;
use crate::geometry::GeometryRef;
use crate::layer::Layer;
use crate::sink::{FeatureSink, PageSink, SinkError, ValueRef};

/// Takes rows and keeps nothing: their fingerprints are enough.
#[derive(Debug, Clone, Copy)]
struct Discard;

impl FeatureSink for Discard {
    fn attribute(&mut self, _: usize, _: ValueRef<'_>) -> Result<(), SinkError> {
        Ok(())
    }

    fn geometry(&mut self, _: GeometryRef<'_>) -> Result<(), SinkError> {
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

impl PageSink for Discard {
    type Page = Self;

    fn page(&self, _: usize) -> Self {
        *self
    }

    fn select(&self, _: Vec<Self>, _: &[(usize, usize)]) -> Result<Self, SinkError> {
        Ok(*self)
    }
}

/// All `rows` again, by offsets that fall elsewhere. Pages that overlap, or leave rows out, do so at other rows then.
///
/// `None` where rows do not come by offset.
pub(crate) async fn second_pass(
    layer: &Layer,
    plan: &Arc<Plan>,
    rows: u64,
) -> Result<Option<Multiset>, Error> {
    if plan.strategy != Strategy::Offset {
        return Ok(None);
    }
    let size = (u64::from(plan.page_size) * 2 / 3).max(1);
    if size == u64::from(plan.page_size) {
        return Ok(None);
    }
    let fetcher = Arc::new(Fetcher::new(layer.clone(), Arc::clone(plan), Discard));
    let mut all = Multiset::default();
    let mut start = 0;
    let mut broken = false;
    while start < rows {
        let asked = size.min(rows - start).min(fetcher.pace.rows());
        let request = fetcher.offset_request(start, asked);
        let answer = match fetcher.paced(request, asked, &mut broken).await? {
            Paced::Answer(answer) => *answer,
            Paced::Less(_) => continue,
            Paced::Never(error) => return Err(error),
        };
        let prints = &answer.facts.fingerprints;
        let received = (prints.len() as u64).min(asked);
        // Not all that came: the server's own limit may be below `asked`, and then pages would begin where they began
        // in the first pass.
        let most = if start + received < rows {
            (received * 2 / 3).max(1)
        } else {
            received
        };
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let taken = prints.get(..most).unwrap_or(prints);
        if taken.is_empty() {
            break;
        }
        all.add(taken);
        start += taken.len() as u64;
    }
    // Offsets that count for nothing bring the same rows in every pass, and some behind the last one too.
    let behind = fetcher.offset_request(rows, 1);
    if let Paced::Answer(answer) = fetcher.paced(behind, 1, &mut broken).await? {
        all.add(&answer.facts.fingerprints);
    }
    Ok(Some(all))
}
