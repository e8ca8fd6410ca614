/// How often a service was asked for tokens and gave them, by way of asking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grants {
    /// Tokens for a name and a password (`generateToken`).
    pub password: u64,
    /// Tokens for federated servers (`generateToken` with `serverUrl`).
    pub server_token: u64,
    /// Authorization codes exchanged.
    pub authorization_code: u64,
    /// Access tokens for refresh tokens.
    pub refresh_token: u64,
    /// Refresh tokens exchanged for new ones.
    pub exchange_refresh_token: u64,
    /// Tokens for applications.
    pub client_credentials: u64,
    /// Authorization codes given out.
    pub codes: u64,
    /// Tokens revoked by clients.
    pub revocations: u64,
    /// Attempts to sign in with a wrong name or password.
    pub failed_sign_ins: u64,
    /// Requests to the OAuth token endpoint that were refused.
    pub refusals: u64,
}

impl Grants {
    /// The access tokens that were given out.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.password
            + self.server_token
            + self.authorization_code
            + self.refresh_token
            + self.exchange_refresh_token
            + self.client_credentials
    }
}
