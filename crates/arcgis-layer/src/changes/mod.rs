//! What has changed in a layer since an earlier time.

mod answer;
mod edit_dates;
mod extract;
mod tracking;

pub use extract::Changes;
pub use tracking::ChangeTracking;
