//! Rows that were edited while they were fetched.

use jiff::Timestamp;

use super::plan::Plan;
use super::proof::Drift;
use crate::layer::Layer;
use crate::literal::Literal;

/// Adds to the drift what the layer tells of edits since the plan was made: the ids of edited rows where it tracks
/// them, else that there were some. What cannot be found out fails nothing: the rows are there.
pub(crate) async fn look(layer: &Layer, plan: &Plan, drift: &mut Drift) {
    if let (Some(field), Some(since), Some(ids)) =
        (&layer.info().edit_date_field, plan.made_at, plan.ids())
    {
        if let Ok(since) = Timestamp::from_millisecond(since) {
            let condition = format!("{field} >= {}", Literal::utc(since));
            match layer.object_ids(&plan.query.refined(&condition)).await {
                Ok(edited) => {
                    drift.updated = edited.intersection(ids);
                    return;
                }
                Err(error) => {
                    tracing::warn!(layer = %layer.address(), %error, "edited rows cannot be asked for");
                }
            }
        }
    }
    if let Some(before) = plan.last_edit {
        match layer.fetch_info().await {
            Ok(info) => {
                let changed = info.last_edit_date.is_some_and(|now| now != before);
                drift.edited = changed && drift.is_none();
            }
            Err(error) => {
                tracing::warn!(layer = %layer.address(), %error, "it is not known whether the layer was edited");
            }
        }
    }
}
