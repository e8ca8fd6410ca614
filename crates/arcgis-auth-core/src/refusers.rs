//! Servers that refuse every token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::envelope::ServiceError;
use crate::token::Token;

/// One new token may be refused by chance: servers behind one name do not learn of it at one time.
const TOO_MANY: u32 = 2;

/// So long no other token is made for such a server.
const PAUSE: Duration = Duration::from_secs(60);

/// By server root, the servers whose last answer was to refuse a new token.
#[derive(Clone, Default)]
pub(crate) struct Refusers(Arc<Mutex<HashMap<String, Refuser>>>);

struct Refuser {
    /// How many new tokens in a row.
    tokens: u32,
    last: Token,
    said: Option<ServiceError>,
    /// On the monotonic clock.
    until: Duration,
}

impl Refusers {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Refuser>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the server at `root` is to be left alone, and what it said last.
    pub(crate) fn wait(
        &self,
        root: &str,
        clock: &dyn Clock,
    ) -> Option<(Duration, Option<ServiceError>)> {
        let refusers = self.lock();
        let refuser = refusers.get(root)?;
        let wait = refuser
            .until
            .checked_sub(clock.monotonic())
            .filter(|wait| !wait.is_zero())?;
        (refuser.tokens >= TOO_MANY).then(|| (wait, refuser.said.clone()))
    }

    /// The server took a token.
    pub(crate) fn accepts(&self, root: &str) {
        let mut refusers = self.lock();
        if !refusers.is_empty() {
            refusers.remove(root);
        }
    }

    /// The server refused `token`, which was new; whether it is left alone from now on. However many
    /// requests carried the token, it counts once.
    pub(crate) fn refuses_fresh(
        &self,
        root: &str,
        token: &Token,
        said: Option<&ServiceError>,
        now: Duration,
    ) -> bool {
        let mut refusers = self.lock();
        let refuser = refusers.entry(root.to_owned()).or_insert(Refuser {
            tokens: 0,
            last: token.clone(),
            said: None,
            until: now,
        });
        if refuser.tokens > 0 && refuser.last.is_same(token) {
            return false;
        }
        refuser.tokens = refuser.tokens.saturating_add(1);
        refuser.last = token.clone();
        refuser.said = said.cloned();
        refuser.until = now.saturating_add(PAUSE);
        refuser.tokens >= TOO_MANY
    }
}
