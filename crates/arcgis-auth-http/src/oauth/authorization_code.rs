//! A user's sign-in on the portal's own page.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use arcgis_auth_core::{
    Clock, ConfigError, Error, ExposeSecret, Portal, Request, SecretString, SystemClock, Token,
    Transport, Url, UserLogin, redact_url,
};

use super::endpoint::{Answer, OAuthEndpoint};
use super::error::OAuthError;
use super::pkce;
use super::reply::{Refused, TokenReply};

/// The redirect address that makes the portal show the code, for the user to copy.
const OUT_OF_BAND: &str = "urn:ietf:wg:oauth:2.0:oob";

/// The longest life of a refresh token that portals give, in minutes: 90 days.
const LONGEST_EXPIRATION: u32 = 129_600;

/// One sign-in of a user by OAuth's authorization code, with PKCE: the user signs in on the portal's
/// page, whatever that takes (SAML, a second factor, an e-mail), and this program gets a code for a
/// token. No password passes through it.
///
/// 1. Show [`authorize_url`](Self::authorize_url) to the user.
/// 2. Give what comes back to [`complete`](Self::complete): the address that the browser was
///    redirected to (see `LoopbackRedirect`), or the code that the user copied from the page.
/// 3. Keep the login in a [`CredentialStore`](arcgis_auth_core::CredentialStore), and use it as a
///    [`Credentials::User`](arcgis_auth_core::Credentials::User) or with a [`RefreshGrant`](crate::RefreshGrant).
///
/// The client id is that of an application that someone of the organisation has registered, with the
/// redirect address.
///
/// ```no_run
/// use std::sync::Arc;
/// use arcgis_auth_core::{Error, Portal, Transport, UserLogin};
/// use arcgis_auth_http::AuthorizationCode;
///
/// async fn sign_in(transport: Arc<dyn Transport>) -> Result<UserLogin, Error> {
///     let portal = Portal::parse("https://org.maps.arcgis.com")?;
///     let flow = AuthorizationCode::builder(portal, "client-id").build()?;
///     println!("Open {} and paste the code here:", flow.authorize_url());
///     let mut pasted = String::new();
///     std::io::stdin().read_line(&mut pasted).ok();
///     Ok(flow.complete(&pasted.into(), transport).await?.login()?.clone())
/// }
/// ```
pub struct AuthorizationCode {
    portal: Portal,
    client_id: String,
    redirect_uri: String,
    state: SecretString,
    verifier: Option<SecretString>,
    authorize_url: Url,
    clock: Arc<dyn Clock>,
}

/// What an [`AuthorizationCode`] is made with.
#[derive(Debug, Clone)]
pub struct AuthorizationCodeBuilder {
    portal: Portal,
    client_id: String,
    redirect_uri: String,
    expiration: Option<u32>,
    locale: Option<String>,
    pkce: bool,
    clock: Option<Arc<dyn Clock>>,
}

/// What a sign-in gives.
#[derive(Debug, Clone)]
pub struct SignedIn {
    token: Token,
    username: Option<String>,
    login: Option<UserLogin>,
}

impl SignedIn {
    /// An access token.
    #[must_use]
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// The name of the user, if the portal said it.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        self.username.as_deref()
    }

    /// The login that goes on beyond the access token; it holds that token too.
    ///
    /// # Errors
    ///
    /// [`Error::Mint`] if the portal gave no refresh token: the access token is all there is.
    pub fn login(&self) -> Result<&UserLogin, Error> {
        match &self.login {
            Some(login) => Ok(login),
            None => Err(ConfigError::InvalidOption {
                option: "login",
                problem:
                    "the portal gave no refresh token, so the login ends with its access token"
                        .to_owned(),
            }
            .into()),
        }
    }
}

impl AuthorizationCodeBuilder {
    /// Sets where the browser goes with the code: an address registered with the application. By
    /// default `urn:ietf:wg:oauth:2.0:oob`: the portal shows the code, and the user copies it.
    #[must_use]
    pub fn redirect_uri(mut self, redirect_uri: impl Into<String>) -> Self {
        self.redirect_uri = redirect_uri.into();
        self
    }

    /// Sets how long the login (the refresh token) should live, in minutes, at most 129600 (90 days).
    /// By default the portal decides: 20160 (14 days).
    #[must_use]
    pub fn expiration_minutes(mut self, minutes: u32) -> Self {
        self.expiration = Some(minutes);
        self
    }

    /// Sets the language of the portal's page, such as `de`; the browser's by default.
    #[must_use]
    pub fn locale(mut self, locale: impl Into<String>) -> Self {
        self.locale = Some(locale.into());
        self
    }

    /// Signs in without PKCE, for ArcGIS Enterprise before 10.9.1, which does not know it. Whoever
    /// gets hold of the code can then use it.
    #[must_use]
    pub fn without_pkce(mut self) -> Self {
        self.pkce = false;
        self
    }

    /// Sets the clock that expiry is measured on.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Checks the values and begins the sign-in. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for an empty client id, a redirect address that is no URI and an expiration
    /// of 0 or more than 90 days; [`Error::Untrusted`] for a portal that can be reached by plain
    /// `http` only; [`Error::Mint`] if the system gives no random numbers.
    pub fn build(self) -> Result<AuthorizationCode, Error> {
        let invalid = |option, problem: &str| {
            Error::from(ConfigError::InvalidOption {
                option,
                problem: problem.to_owned(),
            })
        };
        let client_id = self.client_id.trim().to_owned();
        if client_id.is_empty() {
            return Err(invalid("client_id", "is empty"));
        }
        if Url::parse(&self.redirect_uri).is_err() {
            return Err(invalid("redirect_uri", "is no URI"));
        }
        if self
            .expiration
            .is_some_and(|minutes| minutes == 0 || minutes > LONGEST_EXPIRATION)
        {
            return Err(invalid("expiration", "must be 1 to 129600 minutes"));
        }
        let mut url = OAuthEndpoint::address(&self.portal, "authorize")?;
        let no_random = |error| Error::mint(self.portal.origin().clone(), error);
        let state = pkce::random().map_err(no_random)?;
        let verifier = if self.pkce {
            Some(pkce::random().map_err(no_random)?)
        } else {
            None
        };
        {
            let mut query = url.query_pairs_mut();
            query
                .append_pair("client_id", &client_id)
                .append_pair("response_type", "code")
                .append_pair("redirect_uri", &self.redirect_uri)
                .append_pair("state", state.expose_secret());
            if let Some(minutes) = self.expiration {
                query.append_pair("expiration", &minutes.to_string());
            }
            if let Some(locale) = &self.locale {
                query.append_pair("locale", locale);
            }
            if let Some(verifier) = &verifier {
                query
                    .append_pair("code_challenge", &pkce::challenge(verifier))
                    .append_pair("code_challenge_method", "S256");
            }
        }
        Ok(AuthorizationCode {
            portal: self.portal,
            client_id,
            redirect_uri: self.redirect_uri,
            state,
            verifier,
            authorize_url: url,
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock::new())),
        })
    }
}

impl AuthorizationCode {
    /// Begins a sign-in at `portal` through the application `client_id`.
    #[must_use]
    pub fn builder(portal: Portal, client_id: impl Into<String>) -> AuthorizationCodeBuilder {
        AuthorizationCodeBuilder {
            portal,
            client_id: client_id.into(),
            redirect_uri: OUT_OF_BAND.to_owned(),
            expiration: None,
            locale: None,
            pkce: true,
            clock: None,
        }
    }

    /// The page for the user's browser. It is good for this sign-in alone and holds no secret of
    /// the user.
    #[must_use]
    pub fn authorize_url(&self) -> &Url {
        &self.authorize_url
    }

    /// Where the browser goes with the code.
    #[must_use]
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Whether `answer` is an address that this sign-in led to: its `state` is the one that was sent.
    #[must_use]
    pub(crate) fn is_answer(&self, answer: &Url) -> bool {
        parameter(answer, "state").is_some_and(|state| self.is_state(&state))
    }

    fn is_state(&self, state: &str) -> bool {
        let (ours, theirs) = (self.state.expose_secret().as_bytes(), state.as_bytes());
        // In the same time wherever they differ.
        let difference = ours.iter().zip(theirs).fold(0, |all, (a, b)| all | (a ^ b));
        ours.len() == theirs.len() && difference == 0
    }

    /// Exchanges the code for tokens. `answer` is the address that the browser was redirected to, or
    /// what the user copied from the portal's page. The code goes in the form of a POST over
    /// `transport`, which must not attach tokens.
    ///
    /// An address whose `state` is not this sign-in's is refused and nothing is sent. A bare code has
    /// no state; it is accepted only where the portal shows the code, and PKCE ties it to this sign-in.
    ///
    /// # Errors
    ///
    /// [`Error::Mint`] with an [`OAuthError`]: [`StateMismatch`](OAuthError::StateMismatch),
    /// [`Denied`](OAuthError::Denied) if the user said no, [`NoCode`](OAuthError::NoCode),
    /// [`CodeRefused`](OAuthError::CodeRefused), [`UnknownClient`](OAuthError::UnknownClient) and
    /// others; or with the transport's error.
    pub async fn complete(
        &self,
        answer: &SecretString,
        transport: Arc<dyn Transport>,
    ) -> Result<SignedIn, Error> {
        let endpoint = OAuthEndpoint::new(&self.portal, transport)?;
        let failed = |error: OAuthError| Error::mint(endpoint.at(), error);
        let code = self.code(answer.expose_secret()).map_err(failed)?;
        // A code works once: the request is not sent again where the portal may have acted on it.
        let mut form = Request::write(endpoint.url().clone())
            .with_param("grant_type", "authorization_code")
            .with_param("client_id", self.client_id.as_str())
            .with_param("redirect_uri", self.redirect_uri.as_str())
            .with_secret_param("code", code);
        if let Some(verifier) = &self.verifier {
            form = form.with_secret_param("code_verifier", verifier.clone());
        }
        match endpoint.ask(form).await? {
            Answer::Token(reply) => {
                tracing::info!(target: "arcgis::mint", grant = "authorization_code", endpoint = %endpoint.url(), "signed in");
                self.signed_in(reply, self.clock.now()).map_err(failed)?
            }
            Answer::Refused(Refused::Grant, error) => Err(failed(OAuthError::CodeRefused(error))),
            Answer::Refused(Refused::Client, service) => Err(failed(OAuthError::UnknownClient {
                client_id: self.client_id.clone(),
                service,
            })),
            Answer::Refused(Refused::Redirect, error) => Err(failed(OAuthError::RedirectRefused {
                redirect_uri: self.redirect_uri.clone(),
                reason: error.message().to_owned(),
            })),
            Answer::Refused(_, error) => Err(failed(OAuthError::Refused(error))),
        }
    }

    fn signed_in(
        &self,
        reply: TokenReply,
        now: SystemTime,
    ) -> Result<Result<SignedIn, Error>, OAuthError> {
        let token = reply.token(now)?;
        let refresh_expires_at = reply.refresh_expires_at(now);
        let Some(refresh_token) = reply.refresh_token else {
            return Ok(Ok(SignedIn {
                token,
                username: reply.username,
                login: None,
            }));
        };
        let login = UserLogin::new(
            self.client_id.as_str(),
            self.redirect_uri.as_str(),
            refresh_token,
            self.portal.clone(),
        )
        .map(|login| {
            let login = login.with_access_token(Some(token.clone()));
            let login = match refresh_expires_at {
                Some(at) => login.with_refresh_expiry(at),
                None => login,
            };
            match &reply.username {
                Some(username) => login.with_username(username),
                None => login,
            }
        });
        Ok(login.map(|login| SignedIn {
            token,
            username: reply.username,
            login: Some(login),
        }))
    }

    /// The code in an answer: an address, its query, or what the portal's page shows.
    fn code(&self, answer: &str) -> Result<SecretString, OAuthError> {
        let answer = answer.trim();
        let out_of_band = self.redirect_uri == OUT_OF_BAND;
        let query = answer.trim_start_matches(['?', '#']);
        let address = if answer.contains("://") {
            Url::parse(answer)
        } else if out_of_band {
            // The title of the portal's page is "SUCCESS code=…".
            let code = answer
                .rsplit_once("code=")
                .map_or(answer, |(_, code)| code.trim());
            let blank = code.is_empty() || code.contains(char::is_whitespace);
            return if blank {
                Err(OAuthError::NoCode)
            } else {
                Ok(code.into())
            };
        } else {
            // The query alone, as some copy it. A code alone lacks the state.
            Url::parse(&format!("http://localhost/?{query}"))
        };
        let address = address.map_err(|_| OAuthError::NoCode)?;
        // The page that shows the code has an address too, without state.
        let shown = out_of_band && parameter(&address, "state").is_none();
        if answer.is_empty() {
            return Err(OAuthError::NoCode);
        }
        if !shown && !self.is_answer(&address) {
            return Err(OAuthError::StateMismatch);
        }
        if let Some(error) = parameter(&address, "error") {
            let reason = parameter(&address, "error_description").unwrap_or(error);
            return Err(OAuthError::Denied {
                // It will be shown in a terminal.
                reason: reason.chars().filter(|c| !c.is_control()).collect(),
            });
        }
        let code = parameter(&address, "code").filter(|code| !code.is_empty());
        code.map(SecretString::from).ok_or(OAuthError::NoCode)
    }
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    let (_, value) = url.query_pairs().find(|(known, _)| known == name)?;
    Some(value.into_owned())
}

impl fmt::Debug for AuthorizationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut page = self.authorize_url.clone();
        page.set_query(None);
        f.debug_struct("AuthorizationCode")
            .field("page", &redact_url(&page))
            .field("client_id", &self.client_id)
            .field("redirect_uri", &self.redirect_uri)
            .field("pkce", &self.verifier.is_some())
            .finish_non_exhaustive()
    }
}
