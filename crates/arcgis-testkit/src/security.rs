use std::sync::Arc;
use std::time::Duration;

use crate::app::OAuthApp;
use crate::guard::Guard;
use crate::testkit::Testkit;

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
    pub(crate) users: Vec<(String, String)>,
    pub(crate) token_life: Duration,
    pub(crate) placements: Vec<Placement>,
    pub(crate) style: RefusalStyle,
    pub(crate) static_tokens: Vec<(String, Option<String>)>,
    pub(crate) owning_system_url: Option<String>,
    pub(crate) token_services_url: Option<String>,
    pub(crate) refuses_requestip: bool,
    pub(crate) checks_referer: bool,
    pub(crate) expires_in_seconds: bool,
    pub(crate) lock_after: Option<u64>,
    pub(crate) issuer: Issuer,
    pub(crate) takes_portal_tokens: bool,
    pub(crate) apps: Vec<OAuthApp>,
    pub(crate) knows_pkce: bool,
    pub(crate) oauth_error_status: u16,
    pub(crate) access_life: Option<Duration>,
    pub(crate) refresh_life: Duration,
    pub(crate) code_life: Duration,
}

/// Whose tokens a service takes.
#[derive(Clone)]
pub(crate) enum Issuer {
    Own,
    Portal(Arc<Guard>),
    /// The portal that was named is open to all and has no tokens to give.
    OpenPortal,
}

impl Security {
    /// Tokens for one user, living an hour and accepted in every [`Placement`].
    #[must_use]
    pub fn token(user: impl Into<String>, password: impl Into<String>) -> Self {
        let mut security = Self::by(Issuer::Own);
        security.users.push((user.into(), password.into()));
        security
    }

    /// A server that is federated with this portal, another running service: it issues no tokens, names the portal in `/rest/info`, and
    /// takes only the tokens that the portal issues for it (`generateToken` with `serverUrl` and a token of the portal).
    ///
    /// The service does not start if the portal is open to all.
    #[must_use]
    pub fn federated(portal: &Testkit) -> Self {
        let issuer = portal.guard().map_or(Issuer::OpenPortal, Issuer::Portal);
        Self::by(issuer)
    }

    /// A server that the portal hosts, as `services1.arcgis.com` is by ArcGIS Online: it takes the portal's own tokens as well as those issued for it.
    #[must_use]
    pub fn hosted(portal: &Testkit) -> Self {
        Self::federated(portal).accept_portal_tokens()
    }

    fn by(issuer: Issuer) -> Self {
        Self {
            users: Vec::new(),
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
            checks_referer: true,
            expires_in_seconds: false,
            lock_after: None,
            issuer,
            takes_portal_tokens: false,
            apps: Vec::new(),
            knows_pkce: true,
            oauth_error_status: 200,
            access_life: None,
            refresh_life: Duration::from_secs(90 * 86_400),
            code_life: Duration::from_secs(600),
        }
    }

    /// Adds another user.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.users.push((user.into(), password.into()));
        self
    }

    /// Registers an application for OAuth 2.
    #[must_use]
    pub fn app(mut self, app: OAuthApp) -> Self {
        self.apps.push(app);
        self
    }

    /// Sets how long the tokens of `generateToken` live at most, an hour unless set. A longer `expiration` is cut down silently, as servers do.
    #[must_use]
    pub fn token_life(mut self, life: Duration) -> Self {
        self.token_life = life;
        self
    }

    /// Sets how long the access tokens of OAuth live. Unless set: half an hour for users, two hours for applications.
    #[must_use]
    pub fn access_life(mut self, life: Duration) -> Self {
        self.access_life = Some(life);
        self
    }

    /// Sets how long refresh tokens live at most, 90 days unless set. Without `expiration` they live two weeks.
    #[must_use]
    pub fn refresh_life(mut self, life: Duration) -> Self {
        self.refresh_life = life;
        self
    }

    /// Sets how long an authorization code may wait for its exchange, ten minutes unless set.
    #[must_use]
    pub fn code_life(mut self, life: Duration) -> Self {
        self.code_life = life;
        self
    }

    /// Refuses the parameters of PKCE, as an Enterprise portal before 10.9.1 does.
    #[must_use]
    pub fn without_pkce(mut self) -> Self {
        self.knows_pkce = false;
        self
    }

    /// Sends the errors of the OAuth endpoints under status 400 instead of 200.
    #[must_use]
    pub fn oauth_errors_as_status(mut self) -> Self {
        self.oauth_error_status = 400;
        self
    }

    /// Accepts tokens in these places only; elsewhere they are not seen, as on an old server that knows no header.
    #[must_use]
    pub fn accept(mut self, placements: impl IntoIterator<Item = Placement>) -> Self {
        self.placements = placements.into_iter().collect();
        self
    }

    /// Lets a federated server take the portal's own tokens too.
    #[must_use]
    pub fn accept_portal_tokens(mut self) -> Self {
        self.takes_portal_tokens = true;
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
        self.static_tokens.push((token.into(), None));
        self
    }

    /// Accepts this token for ever, with this `Referer` only, as an API key that is limited to a web site.
    #[must_use]
    pub fn static_token_for_referer(
        mut self,
        token: impl Into<String>,
        referer: impl Into<String>,
    ) -> Self {
        self.static_tokens
            .push((token.into(), Some(referer.into())));
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

    /// Accepts a token that was minted for a referer without that `Referer` too, as hosted services do. Enterprise, and this service unless told so, refuses it.
    #[must_use]
    pub fn any_referer(mut self) -> Self {
        self.checks_referer = false;
        self
    }

    /// Tells `expires` in seconds instead of milliseconds, as some servers do.
    #[must_use]
    pub fn expires_in_seconds(mut self) -> Self {
        self.expires_in_seconds = true;
        self
    }

    /// Locks a user's account after so many wrong passwords: from then on the right one is refused too.
    #[must_use]
    pub fn lock_after(mut self, attempts: u64) -> Self {
        self.lock_after = Some(attempts);
        self
    }

    pub(crate) fn find_app(&self, client_id: &str) -> Option<&OAuthApp> {
        self.apps.iter().find(|app| app.client_id == client_id)
    }
}

/// Passwords, secrets and static tokens are left out.
impl std::fmt::Debug for Security {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let users: Vec<&str> = self.users.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Security")
            .field("users", &users)
            .field("token_life", &self.token_life)
            .field("placements", &self.placements)
            .field("apps", &self.apps)
            .finish_non_exhaustive()
    }
}
