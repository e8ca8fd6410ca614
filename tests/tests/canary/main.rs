//! Secrets stay: whatever happens, no password and no token is to be found in anything that is
//! written, reported, printed or logged, nor in any URL. A program of its own, since it watches the
//! logs of all threads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod exports;
mod flows;
mod haystack;
mod log;
mod scene;

use std::error::Error as StdError;
use std::fmt::Debug;

/// All that a value shows of itself.
fn shown(value: &dyn Debug) -> String {
    format!("{value:?} {value:#?}")
}

/// All that an error says, with its causes.
fn told(error: &(dyn StdError + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| StdError::source(*error));
    chain
        .map(|error| format!("{error} {error:?} {error:#?}\n"))
        .collect()
}
