//! The tokens of a running service: which there are, and who may pass with them.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderMap;
use serde_json::{Value as Json, json};

use crate::address::{Addresses, normal_root};
use crate::answer::{Answer, EsriError};
use crate::grants::Grants;
use crate::parameters::{ParameterSource, Parameters};
use crate::security::{Issuer, Placement, RefusalStyle, Security};
use crate::store::now_millis;

#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) security: Security,
    pub(crate) addresses: Addresses,
    /// Seconds by which the service's clock is ahead of the true time.
    pub(crate) clock_skew: i64,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) access: HashMap<String, Access>,
    pub(crate) refresh: HashMap<String, Refresh>,
    pub(crate) codes: HashMap<String, Code>,
    pub(crate) grants: Grants,
    /// The servers that are federated with this portal: root as named, and the tokens issued for it.
    pub(crate) servers: Vec<(String, u64)>,
    pub(crate) wrong_passwords: HashMap<String, u64>,
}

/// Only how many there are: what they are is secret.
impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("access", &self.access.len())
            .field("refresh", &self.refresh.len())
            .field("grants", &self.grants)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) until: Instant,
    pub(crate) binding: Binding,
    pub(crate) audience: Audience,
    pub(crate) principal: Principal,
    /// The refresh token that it came with: both are revoked together.
    pub(crate) refresh: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Refresh {
    pub(crate) until: Instant,
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) user: String,
    pub(crate) life: Duration,
}

#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) until: Instant,
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) user: String,
    pub(crate) challenge: Option<String>,
    pub(crate) refresh_life: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Binding {
    None,
    Referer(String),
    Address,
}

/// Where a token counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Audience {
    /// At the service that issued it, and where portal tokens are taken.
    Portal,
    /// At the federated server of this root.
    Server(String),
}

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Principal {
    User(String),
    App(String),
    Key,
}

impl Guard {
    pub(crate) fn new(security: Security, addresses: Addresses, clock_skew: i64) -> Self {
        Self {
            security,
            addresses,
            clock_skew,
            state: Mutex::default(),
        }
    }

    /// Makes the server known to its portal, if it has one.
    pub(crate) fn federate(&self) {
        if let Issuer::Portal(portal) = &self.security.issuer {
            portal
                .state()
                .servers
                .push((self.addresses.server_root(), 0));
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn grants(&self) -> Grants {
        self.state().grants
    }

    /// Tokens minted by clients; at a federated server those that its portal issued for it.
    pub(crate) fn mints(&self) -> u64 {
        if let Issuer::Portal(portal) = &self.security.issuer {
            let own = normal_root(&self.addresses.server_root());
            let state = portal.state();
            return state
                .servers
                .iter()
                .filter(|(root, _)| normal_root(root) == own)
                .map(|(_, minted)| minted)
                .sum();
        }
        self.grants().tokens()
    }

    /// Ends all access tokens; refresh tokens stay.
    pub(crate) fn revoke_access(&self) {
        let audience = self.audience();
        self.issuer()
            .state()
            .access
            .retain(|_, access| access.audience != audience);
    }

    pub(crate) fn revoke_refresh(&self) {
        self.issuer().state().refresh.clear();
    }

    pub(crate) fn is_federated(&self) -> bool {
        matches!(self.security.issuer, Issuer::Portal(_))
    }

    /// Who holds the tokens that count here.
    fn issuer(&self) -> &Self {
        match &self.security.issuer {
            Issuer::Portal(portal) => portal,
            Issuer::Own | Issuer::OpenPortal => self,
        }
    }

    fn audience(&self) -> Audience {
        if self.is_federated() {
            Audience::Server(normal_root(&self.addresses.server_root()))
        } else {
            Audience::Portal
        }
    }

    /// A token that any client may use, for as long as the tokens live.
    pub(crate) fn issue(&self) -> String {
        let user = self.issuer().security.users.first();
        let access = Access {
            until: Instant::now() + self.security.token_life,
            binding: Binding::None,
            audience: self.audience(),
            principal: Principal::User(user.map(|(name, _)| name.clone()).unwrap_or_default()),
            refresh: None,
        };
        self.issuer().state().add(access)
    }

    /// Whose request it is; if it may not pass, the code of the refusal.
    pub(crate) fn authenticate(
        &self,
        headers: &HeaderMap,
        parameters: &Parameters,
    ) -> Result<Principal, u16> {
        let Some(token) = self.token_of(headers, parameters) else {
            return Err(499);
        };
        let sent = headers
            .get(http::header::REFERER)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let key = self
            .security
            .static_tokens
            .iter()
            .find(|(known, _)| *known == token);
        if let Some((_, referer)) = key {
            let fits = referer
                .as_ref()
                .is_none_or(|referer| same_referer(sent, referer));
            return if fits { Ok(Principal::Key) } else { Err(498) };
        }
        let access = self.issuer().state().access.get(&token).cloned();
        let Some(access) = access.filter(|access| access.until > Instant::now()) else {
            return Err(498);
        };
        let counts = access.audience == self.audience()
            || (self.security.takes_portal_tokens && access.audience == Audience::Portal);
        let bound = match &access.binding {
            Binding::None => true,
            Binding::Referer(referer) => {
                !self.security.checks_referer || same_referer(sent, referer)
            }
            Binding::Address => !self.security.refuses_requestip,
        };
        if counts && bound {
            Ok(access.principal)
        } else {
            Err(498)
        }
    }

    fn token_of(&self, headers: &HeaderMap, parameters: &Parameters) -> Option<String> {
        let bearer = |name: &str| {
            let value = headers.get(name)?.to_str().ok()?;
            let (scheme, token) = value.split_once(' ')?;
            scheme
                .eq_ignore_ascii_case("bearer")
                .then(|| token.trim().to_owned())
        };
        let parameter = |source| {
            parameters
                .get_from("token", source)
                .filter(|token| !token.is_empty())
                .map(str::to_owned)
        };
        self.security
            .placements
            .iter()
            .find_map(|placement| match placement {
                Placement::EsriHeader => bearer("x-esri-authorization"),
                Placement::AuthorizationHeader => bearer("authorization"),
                Placement::Form => parameter(ParameterSource::Form),
                Placement::Query => parameter(ParameterSource::Query),
            })
    }

    pub(crate) fn refuse(&self, code: u16) -> Answer {
        refusal(code, self.security.style)
    }

    /// Checks a password, and counts the wrong ones.
    pub(crate) fn sign_in(&self, user: &str, password: &str) -> Result<(), &'static str> {
        let mut state = self.state();
        let wrong = state.wrong_passwords.get(user).copied().unwrap_or(0);
        if self
            .security
            .lock_after
            .is_some_and(|attempts| wrong >= attempts)
        {
            return Err("Too many invalid sign in attempts. The account is locked.");
        }
        let known = self
            .security
            .users
            .iter()
            .any(|(name, secret)| name == user && secret == password);
        if known {
            state.wrong_passwords.remove(user);
            return Ok(());
        }
        *state.wrong_passwords.entry(user.to_owned()).or_default() += 1;
        state.grants.failed_sign_ins += 1;
        Err("Invalid username or password.")
    }

    /// When a token of this life ends, as the service tells it by its own clock.
    pub(crate) fn expires(&self, life: Duration) -> u64 {
        let millis =
            now_millis().saturating_add(u64::try_from(life.as_millis()).unwrap_or(u64::MAX));
        let told = millis.saturating_add_signed(self.clock_skew.saturating_mul(1000));
        if self.security.expires_in_seconds {
            told / 1000
        } else {
            told
        }
    }

    /// The `authInfo` of `/rest/info`, and the portal that owns the server.
    pub(crate) fn info(&self, portal: bool) -> Json {
        let fill = |url: &String| url.replace("{origin}", &self.addresses.origin);
        let (own, owner) = match &self.security.issuer {
            Issuer::Portal(owner) => (
                format!("{}/generateToken", owner.addresses.sharing()),
                Some(owner.addresses.portal_url()),
            ),
            _ if portal => (
                format!("{}/generateToken", self.addresses.sharing()),
                Some(self.addresses.portal_url()),
            ),
            _ => (
                format!("{}/tokens/generateToken", self.addresses.server_root()),
                None,
            ),
        };
        let stated = self
            .security
            .owning_system_url
            .as_ref()
            .filter(|_| !portal)
            .map(fill);
        let owner = stated.or(owner);
        let endpoint = self.security.token_services_url.as_ref().map_or(own, fill);
        let minutes = self.security.token_life.as_secs().div_ceil(60).max(1);
        let mut info = json!({"authInfo": {"isTokenBasedSecurity": true, "tokenServicesUrl": endpoint, "shortLivedTokenValidity": minutes}});
        if let (Some(owner), Some(object)) = (owner, info.as_object_mut()) {
            object.insert("owningSystemUrl".to_owned(), json!(owner));
        }
        info
    }
}

impl State {
    /// Enters an access token, and forgets those that are over.
    pub(crate) fn add(&mut self, access: Access) -> String {
        let now = Instant::now();
        self.access.retain(|_, access| access.until > now);
        let token = new_token();
        self.access.insert(token.clone(), access);
        token
    }
}

fn same_referer(sent: &str, bound: &str) -> bool {
    sent.trim_end_matches('/') == bound.trim_end_matches('/')
}

pub(crate) fn refusal(code: u16, style: RefusalStyle) -> Answer {
    let error = match code {
        499 => EsriError::new(499, "Token Required").with_detail("Token Required"),
        code => EsriError::new(i64::from(code), "Invalid token.").with_detail("Invalid token."),
    };
    match style {
        RefusalStyle::Body => error.answer(200),
        RefusalStyle::Status => error.answer(code),
        RefusalStyle::AdminBody => {
            let message = if code == 499 {
                "Token Required."
            } else {
                "Token Expired."
            };
            let mut answer = Answer::json(
                json!({"status": "error", "messages": [message], "code": code}).to_string(),
            );
            answer.error = Some(i64::from(code));
            answer
        }
    }
}

/// Text that cannot be guessed: the standard library's hash keys come from the system's randomness.
pub(crate) fn new_token() -> String {
    (0..4)
        .map(|_| format!("{:016x}", RandomState::new().build_hasher().finish()))
        .collect()
}
