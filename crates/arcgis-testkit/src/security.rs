use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderMap;
use serde_json::{Value as Json, json};

use crate::answer::{Answer, EsriError, JSON};
use crate::parameters::{ParameterSource, Parameters};
use crate::table::now_millis;

/// Where a token may be carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Placement {
    /// The header `X-Esri-Authorization: Bearer …`.
    EsriHeader,
    /// The header `Authorization: Bearer …`.
    AuthorizationHeader,
    /// The form parameter `token`.
    Form,
    /// The query parameter `token`.
    Query,
}

/// How a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalStyle {
    /// Status 200 and an error body with code 498 or 499: what most servers do.
    Body,
    /// The code as the HTTP status, with the same body.
    Status,
    /// Status 200 and `{"status":"error","messages":["Token Expired."],"code":498}`, as administrative endpoints answer.
    AdminBody,
}

/// Token security: who may have a token, how long it lives and how it must be carried.
///
/// Without it the service is open to all.
#[derive(Clone)]
pub struct Security {
    user: String,
    password: String,
    token_life: Duration,
    placements: Vec<Placement>,
    style: RefusalStyle,
    static_tokens: Vec<String>,
    owning_system_url: Option<String>,
    token_services_url: Option<String>,
    refuses_requestip: bool,
}

impl Security {
    /// Tokens for one user, living an hour and accepted in every [`Placement`].
    #[must_use]
    pub fn token(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            password: password.into(),
            token_life: Duration::from_secs(3600),
            placements: vec![
                Placement::EsriHeader,
                Placement::AuthorizationHeader,
                Placement::Form,
                Placement::Query,
            ],
            style: RefusalStyle::Body,
            static_tokens: Vec::new(),
            owning_system_url: None,
            token_services_url: None,
            refuses_requestip: false,
        }
    }

    /// Sets how long a token lives at most. A longer `expiration` is cut down silently, as servers do.
    #[must_use]
    pub fn token_life(mut self, life: Duration) -> Self {
        self.token_life = life;
        self
    }

    /// Accepts tokens in these places only; elsewhere they are not seen, as on an old server that knows no header.
    #[must_use]
    pub fn accept(mut self, placements: impl IntoIterator<Item = Placement>) -> Self {
        self.placements = placements.into_iter().collect();
        self
    }

    /// Sets how tokens are refused.
    #[must_use]
    pub fn refusal(mut self, style: RefusalStyle) -> Self {
        self.style = style;
        self
    }

    /// Accepts this token for ever, as an API key.
    #[must_use]
    pub fn static_token(mut self, token: impl Into<String>) -> Self {
        self.static_tokens.push(token.into());
        self
    }

    /// Says in `/rest/info` that this portal owns the server. `{origin}` stands for the service's own origin.
    #[must_use]
    pub fn owning_system_url(mut self, url: impl Into<String>) -> Self {
        self.owning_system_url = Some(url.into());
        self
    }

    /// Names this token endpoint in `/rest/info`. `{origin}` stands for the service's own origin.
    #[must_use]
    pub fn token_services_url(mut self, url: impl Into<String>) -> Self {
        self.token_services_url = Some(url.into());
        self
    }

    /// Refuses tokens that were minted for `client=requestip`, as hosted services of ArcGIS Online do.
    #[must_use]
    pub fn refuse_requestip(mut self) -> Self {
        self.refuses_requestip = true;
        self
    }
}

/// The password and the static tokens are left out.
impl std::fmt::Debug for Security {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Security")
            .field("user", &self.user)
            .field("token_life", &self.token_life)
            .field("placements", &self.placements)
            .finish_non_exhaustive()
    }
}

/// The tokens of a running service.
#[derive(Debug)]
pub(crate) struct Guard {
    security: Security,
    origin: String,
    tokens: Mutex<Tokens>,
}

#[derive(Default)]
struct Tokens {
    valid: HashMap<String, Minted>,
    mints: u64,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens")
            .field("valid", &self.valid.len())
            .field("mints", &self.mints)
            .finish()
    }
}

#[derive(Debug)]
struct Minted {
    until: Instant,
    client: Client,
}

#[derive(Debug, PartialEq, Eq)]
enum Client {
    Referer(String),
    Address,
}

impl Guard {
    pub(crate) fn new(security: Security, origin: &str) -> Self {
        Self {
            security,
            origin: origin.to_owned(),
            tokens: Mutex::default(),
        }
    }

    fn tokens(&self) -> std::sync::MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn mints(&self) -> u64 {
        self.tokens().mints
    }

    pub(crate) fn revoke(&self) {
        self.tokens().valid.clear();
    }

    /// A token that any client may use, for as long as the tokens live.
    pub(crate) fn issue(&self) -> String {
        let token = new_token();
        let minted = Minted {
            until: Instant::now() + self.security.token_life,
            client: Client::Referer(String::new()),
        };
        self.tokens().valid.insert(token.clone(), minted);
        token
    }

    /// Whether the request may pass; if not, the code of the refusal.
    pub(crate) fn check(&self, headers: &HeaderMap, parameters: &Parameters) -> Result<(), u16> {
        let Some(token) = self.token_of(headers, parameters) else {
            return Err(499);
        };
        if self.security.static_tokens.contains(&token) {
            return Ok(());
        }
        let tokens = self.tokens();
        let Some(minted) = tokens
            .valid
            .get(&token)
            .filter(|minted| minted.until > Instant::now())
        else {
            return Err(498);
        };
        let fits = match &minted.client {
            Client::Referer(referer) => {
                let sent = headers
                    .get(http::header::REFERER)
                    .and_then(|value| value.to_str().ok())
                    .unwrap_or_default();
                referer.is_empty() || sent.trim_end_matches('/') == referer.trim_end_matches('/')
            }
            Client::Address => !self.security.refuses_requestip,
        };
        if fits { Ok(()) } else { Err(498) }
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

    /// `generateToken`. The secret belongs into the form: a GET, or a password in the URL, is refused.
    pub(crate) fn mint(&self, method: &http::Method, parameters: &Parameters) -> Answer {
        if method != http::Method::POST {
            return EsriError::new(405, "HTTP GET is disabled. Use POST.").answer(405);
        }
        let form = |name: &str| {
            parameters
                .get_from(name, ParameterSource::Form)
                .unwrap_or_default()
        };
        let unable = |detail: &str| {
            EsriError::new(400, "Unable to generate token.")
                .with_detail(detail)
                .answer(200)
        };
        if form("username").is_empty() || form("password").is_empty() {
            return unable("'username' and 'password' must be specified in the form body.");
        }
        if form("username") != self.security.user || form("password") != self.security.password {
            return unable("Invalid username or password.");
        }
        let client = match form("client") {
            "referer" if form("referer").is_empty() => {
                return unable("'referer' must be specified.");
            }
            "referer" => Client::Referer(form("referer").to_owned()),
            "" | "requestip" => Client::Address,
            "ip" if form("ip").is_empty() => return unable("'ip' must be specified."),
            "ip" => Client::Address,
            _ => return unable("'client' is invalid."),
        };
        let asked = match form("expiration") {
            "" => self.security.token_life,
            minutes => match minutes.parse::<u32>() {
                Ok(minutes) if minutes > 0 => Duration::from_secs(u64::from(minutes) * 60),
                _ => return unable("'expiration' is invalid."),
            },
        };
        let life = asked.min(self.security.token_life);
        let token = new_token();
        let now = Instant::now();
        let mut tokens = self.tokens();
        tokens.valid.retain(|_, minted| minted.until > now);
        tokens.valid.insert(
            token.clone(),
            Minted {
                until: now + life,
                client,
            },
        );
        tokens.mints += 1;
        let expires =
            now_millis().saturating_add(u64::try_from(life.as_millis()).unwrap_or(u64::MAX));
        Answer::new(
            200,
            JSON,
            json!({"token": token, "expires": expires, "ssl": self.origin.starts_with("https:")})
                .to_string(),
        )
    }

    /// The `authInfo` of `/rest/info`, and the portal that owns the server.
    pub(crate) fn info(&self, portal: bool) -> Json {
        let fill = |url: &String| url.replace("{origin}", &self.origin);
        let own = format!(
            "{}{}",
            self.origin,
            if portal {
                "/portal/sharing/rest/generateToken"
            } else {
                "/arcgis/tokens/generateToken"
            }
        );
        let endpoint = self.security.token_services_url.as_ref().map_or(own, fill);
        let minutes = self.security.token_life.as_secs().div_ceil(60).max(1);
        let mut info = json!({"authInfo": {"isTokenBasedSecurity": true, "tokenServicesUrl": endpoint, "shortLivedTokenValidity": minutes}});
        let owner = if portal {
            Some(format!("{}/portal", self.origin))
        } else {
            self.security.owning_system_url.as_ref().map(fill)
        };
        if let (Some(owner), Some(object)) = (owner, info.as_object_mut()) {
            object.insert("owningSystemUrl".to_owned(), json!(owner));
        }
        info
    }
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
fn new_token() -> String {
    (0..4)
        .map(|_| format!("{:016x}", RandomState::new().build_hasher().finish()))
        .collect()
}
