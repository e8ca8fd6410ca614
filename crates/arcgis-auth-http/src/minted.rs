//! Saying that a token was made.

use std::sync::atomic::Ordering;

use arcgis_auth_core::Url;

use crate::stats::Counters;

/// Counts a token and tells of it, by the grant that it came from.
pub(crate) fn minted(counters: &Counters, grant: &'static str, endpoint: &Url) {
    counters.mints.fetch_add(1, Ordering::Relaxed);
    tracing::info!(target: "arcgis::mint", grant, %endpoint, "token minted");
}
