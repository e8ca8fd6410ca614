//! Rows that were edited while they were fetched.

use jiff::Timestamp;

use super::ledger::Ledger;
use super::plan::Plan;
use super::proof::Drift;
use crate::error::Error;
use crate::ids::IdSet;
use crate::layer::Layer;
use crate::literal::Literal;

/// How far the clock of the database may be behind that of the web server, in milliseconds.
const SKEW: i64 = 60_000;

/// Adds to the drift what the layer tells of edits since the plan was made: the ids of edited rows where it tracks
/// them, else that there were some. What cannot be found out fails nothing, and is told: the rows are there.
///
/// Of a layer as of one moment there is nothing to tell. It is asked all the same: its server may offer moments and
/// not heed them.
pub(crate) async fn look(layer: &Layer, plan: &Plan, ledger: &Ledger, drift: &mut Drift) {
    match edited(layer, plan, ledger).await {
        Ok(Some(edited)) => {
            drift.updated = edited;
            return;
        }
        Ok(None) => {}
        Err(error) => {
            tracing::warn!(layer = %layer.address(), %error, "edited rows cannot be asked for");
            drift.edits_unknown = true;
        }
    }
    if plan.moment.is_some() && drift.is_none() {
        // What was edited since does not show in rows as of a moment.
        return;
    }
    match is_edited(layer, plan).await {
        Some(edited) => {
            drift.edited = edited && drift.is_none();
            // That nothing was edited says that no row was.
            drift.edits_unknown &= edited;
        }
        None => drift.edits_unknown |= plan.last_edit.is_some(),
    }
}

/// Of the rows that came or were at hand, those that were edited since the plan was made; `None` where the layer cannot
/// be asked.
pub(crate) async fn edited(
    layer: &Layer,
    plan: &Plan,
    ledger: &Ledger,
) -> Result<Option<IdSet>, Error> {
    let Some((field, since)) = plan.edit_field.as_ref().zip(since(plan)) else {
        return Ok(None);
    };
    if plan.ids().is_none() {
        return Ok(None);
    }
    let condition = format!("{field} >= {}", Literal::utc(since));
    let edited = layer.object_ids(&plan.query.refined(&condition)).await?;
    let came = |id: &i64| ledger.number_of(plan, *id).is_some() || plan.is_at_hand(*id);
    Ok(Some(edited.iter().filter(came).collect()))
}

/// The first moment of edits that the plan does not know: what was edited before was there when it was made. By the
/// clock of the database where the layer says when it was edited last, so that another clock of the web server hides none.
fn since(plan: &Plan) -> Option<Timestamp> {
    let made_at = plan.made_at?;
    let since = match (plan.moment, plan.last_edit) {
        (Some(moment), _) => moment.saturating_add(1),
        (None, Some(last)) => last.saturating_add(1).max(made_at.saturating_sub(SKEW)),
        (None, None) => made_at,
    };
    Timestamp::from_millisecond(since).ok()
}

/// Whether the layer was edited since the plan was made; `None` if it does not say.
pub(crate) async fn is_edited(layer: &Layer, plan: &Plan) -> Option<bool> {
    let before = plan.last_edit?;
    match layer.fetch_info().await {
        Ok(info) => Some(info.last_edit_date.is_some_and(|now| now != before)),
        Err(error) => {
            tracing::warn!(layer = %layer.address(), %error, "it is not known whether the layer was edited");
            None
        }
    }
}
