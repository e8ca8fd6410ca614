//! What the parts of the stack tell through `tracing`.
//!
//! Targets, messages and fields are stable: filters and dashboards may count on them. None of the
//! fields ever holds a secret; URLs and parameters are shown with `***` in place of secret values,
//! and what servers say is left out where it may repeat what was sent.
//!
//! A request from its first attempt to its last is the span `request` (target `arcgis::http`, level
//! debug, field `url`). What is told in the meantime, and of a token that is made for it, stands within.
//! Two more, at debug: `mint` (target `arcgis::mint`, fields `origin` and `reason`), while a token is made
//! and waited for, and `refresh` (target `arcgis::refresh`, field `server`), while one that `server` refused
//! is replaced.
//!
//! | target | level | message | fields |
//! |---|---|---|---|
//! | `arcgis::http` | debug | `answered` | `method` `url` `params` `token` `status` `outcome` `bytes` `millis` |
//! | `arcgis::http` | debug | `failed` | `method` `url` `params` `token` `error` `millis` |
//! | `arcgis::http` | info | `too long for a URL: sent as a form` | `url` `status` |
//! | `arcgis::retry` | info | `to be sent again` | `url` `reason` `attempts` `wait_millis` |
//! | `arcgis::retry` | info | `given up` | `url` `reason` `attempts` `why` |
//! | `arcgis::throttle` | info | `limit lowered` | `server` `reason` `limit` `most` |
//! | `arcgis::throttle` | info | `limit raised` | `server` `reason` `limit` `most` |
//! | `arcgis::throttle` | info | `paused` | `server` `reason` `named_millis` `wait_millis` |
//! | `arcgis::mint` | info | `token endpoint found` | `portal` `endpoint` |
//! | `arcgis::mint` | info | `token minted` | `grant` `endpoint` |
//! | `arcgis::mint` | debug | `the browser came back` | `redirect_uri` |
//! | `arcgis::mint` | info | `signed in` | `grant` `endpoint` |
//! | `arcgis::refresh` | debug | `token wanted` | `origin` `reason` `wait_millis` |
//! | `arcgis::refresh` | debug | `token taken over` | `origin` `life_seconds` |
//! | `arcgis::refresh` | debug | `token refused` | `server` `required` `again` |
//! | `arcgis::refresh` | warn | `every token refused` | `server` |
//! | `arcgis::refresh` | warn | `no token` | `origin` `in_a_row` `error` |
//! | `arcgis::federation` | info | `server looked at` | `root` `portal` `membership` |
//!
//! What becomes of a login that is kept and renewed is told under `arcgis::refresh` too, in words, and so
//! is, under `arcgis::federation`, what a portal does not say of its servers. What an export tells, under
//! `arcgis::export`, stands in the documentation of `arcgis-export`.
//!
//! `grant` is `password`, `client_credentials`, `refresh_token`, `exchange_refresh_token` or `server` (a
//! federated server's token) and, of `signed in`, `authorization_code`. `reason` is, for a token that is
//! wanted, `first`, `due`, `expired`, `refused` or `forced`. `every token refused` means that the server gets
//! no new one for a minute.
//!
//! `token` says whether an ArcGIS token went along. `reason` is, for retries, the outcome and
//! status or the kind of failure; for the throttle `busy`, `failed`, `late`, `quota` or `well`. `why` is
//! `retries`, `budget`, `named wait` or `page`. `named_millis` is the wait that the server asked
//! for, before it was capped to `wait_millis`.

use std::time::Duration;

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The limit of a server changed.
pub(crate) fn throttled(server: &str, reason: &'static str, limit: usize, most: usize) {
    if reason == "well" {
        tracing::info!(target: "arcgis::throttle", server, reason, limit, most, "limit raised");
    } else {
        tracing::info!(target: "arcgis::throttle", server, reason, limit, most, "limit lowered");
    }
}

/// Nothing starts at a server for `wait`; it asked for `named`.
pub(crate) fn paused(server: &str, reason: &'static str, named: Option<Duration>, wait: Duration) {
    tracing::info!(
        target: "arcgis::throttle",
        server,
        reason,
        named_millis = named.map(millis),
        wait_millis = millis(wait),
        "paused"
    );
}
