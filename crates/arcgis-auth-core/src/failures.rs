//! Mints that failed, and when to try again.

use std::error::Error as StdError;
use std::time::Duration;

use crate::error::{Error, TransportError};

/// After the first failure in a row.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// After many of them, and after one that waiting does not mend.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The failures since the last mint that went well.
#[derive(Default)]
pub(crate) struct Failures {
    in_a_row: u32,
    last: Option<Last>,
}

struct Last {
    error: Error,
    lasting: Lasting,
    /// On the monotonic clock.
    until: Duration,
}

/// What time does about a failure.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lasting {
    /// It may work at another time.
    Passing,
    /// It stays as it is until somebody changes something.
    Standing,
    /// Trying again may lock the account.
    Credentials,
}

impl Failures {
    /// Takes in a failure; `lasts` is what the source says of it.
    pub(crate) fn add(&mut self, error: &Error, lasts: bool, now: Duration) {
        let lasting = match lasting(error) {
            Lasting::Passing if lasts => Lasting::Standing,
            known => known,
        };
        let pause = match lasting {
            Lasting::Passing => {
                let doubled = SHORTEST_PAUSE.saturating_mul(1 << self.in_a_row.min(16));
                doubled.min(LONGEST_PAUSE)
            }
            Lasting::Standing | Lasting::Credentials => LONGEST_PAUSE,
        };
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.last = Some(Last {
            error: error.clone(),
            lasting,
            until: now.saturating_add(pause),
        });
    }

    pub(crate) fn in_a_row(&self) -> u32 {
        self.in_a_row
    }

    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// The failure that stands in for another try.
    pub(crate) fn standing(&self, now: Duration) -> Option<&Error> {
        let last = self.last.as_ref()?;
        let stands = match last.lasting {
            Lasting::Passing => false,
            Lasting::Standing => now < last.until,
            Lasting::Credentials => true,
        };
        stands.then_some(&last.error)
    }

    /// Whether a token that still lives is left alone for now.
    pub(crate) fn hold_renewals(&self, now: Duration) -> bool {
        self.standing(now).is_some() || self.last.as_ref().is_some_and(|last| now < last.until)
    }

    /// How long the next try waits where there is no token: not at all after one failure.
    pub(crate) fn wait(&self, now: Duration) -> Duration {
        match &self.last {
            Some(last) if self.in_a_row > 1 => last.until.saturating_sub(now),
            _ => Duration::ZERO,
        }
    }
}

fn lasting(error: &Error) -> Lasting {
    match error {
        Error::InvalidCredentials { .. } => Lasting::Credentials,
        Error::Untrusted { .. } | Error::Config(_) => Lasting::Standing,
        Error::Transport(error) => of_transport(error),
        Error::Mint { source, .. } => of_cause(&**source),
        // Token services say 400 of much that passes.
        Error::Service(_) | Error::Forbidden(_) | Error::Unauthorized(_) | Error::Store(_) => {
            Lasting::Passing
        }
    }
}

/// The first cause that tells. Of what nobody knows it may pass.
fn of_cause(cause: &(dyn StdError + 'static)) -> Lasting {
    let mut cause = Some(cause);
    while let Some(this) = cause {
        if let Some(error) = this.downcast_ref::<Error>() {
            return lasting(error);
        }
        if let Some(error) = this.downcast_ref::<TransportError>() {
            return of_transport(error);
        }
        cause = this.source();
    }
    Lasting::Passing
}

fn of_transport(error: &TransportError) -> Lasting {
    if error.is_transient() {
        Lasting::Passing
    } else {
        Lasting::Standing
    }
}
