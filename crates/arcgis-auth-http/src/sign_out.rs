//! Ending a login.

use std::sync::Arc;

use arcgis_auth_core::{Body, Error, Origin, Outcome, Request, SecretString, Transport, UserLogin};

use crate::generated_token::LONGEST_REPLY;
use crate::oauth::{OAuthEndpoint, OAuthError};

/// Ends `login` at its portal: the refresh token, and the access token that the login holds, are
/// revoked. A token that has ended already is no error, so that signing out twice does nothing.
///
/// Tokens of user name and password, of applications, and API keys cannot be revoked: forgetting
/// them is all that there is. `transport` must not attach tokens.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use arcgis_auth_core::{CredentialStore, Error, StoreKey, StoredLogin, Transport};
/// async fn forget(store: &dyn CredentialStore, key: &StoreKey, transport: Arc<dyn Transport>) -> Result<(), Error> {
///     if let Some(StoredLogin::User(login)) = store.load(key).await? {
///         arcgis_auth_http::sign_out(&login, transport).await?;
///     }
///     store.remove(key).await.map(drop)
/// }
/// ```
///
/// # Errors
///
/// [`Error::Mint`] if the portal cannot be asked or does not revoke it: what is kept of the login
/// is to be forgotten all the same, and its tokens live until they expire.
pub async fn sign_out(login: &UserLogin, transport: Arc<dyn Transport>) -> Result<(), Error> {
    revoke(login, login.refresh_token().clone(), &transport).await?;
    if let Some(token) = login.access_token() {
        revoke(login, SecretString::from(token.expose()), &transport).await?;
    }
    Ok(())
}

async fn revoke(
    login: &UserLogin,
    token: SecretString,
    transport: &Arc<dyn Transport>,
) -> Result<(), Error> {
    let url = OAuthEndpoint::address(login.portal(), "revokeToken")?;
    let at = Origin::of(&url)?;
    let form = Request::read(url)
        .with_body(Body::Form)
        .with_max_answer(LONGEST_REPLY)
        .with_param("f", "json")
        .with_param("client_id", login.client_id())
        .with_secret_param("auth_token", token);
    let response = match transport.send(form).await {
        Ok(response) => response,
        Err(error @ Error::Config(_)) => return Err(error),
        // 498: it has ended already.
        Err(Error::Unauthorized(_)) => return Ok(()),
        Err(error) => return Err(Error::mint(at, error)),
    };
    if let Some(error) = response.verdict().error() {
        let ended = matches!(response.outcome(), Outcome::TokenRefused(_))
            || error.mentions("invalid token")
            || error.mentions("invalid auth_token")
            || error.mentions("invalid refresh_token");
        return if ended {
            Ok(())
        } else {
            Err(Error::mint(at, OAuthError::Refused(error.clone())))
        };
    }
    let (_, _, body) = response.into_raw();
    let reply: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    if reply.get("success") == Some(&serde_json::Value::Bool(false)) {
        return Err(Error::mint(
            at,
            OAuthError::Malformed("says that the token was not revoked"),
        ));
    }
    tracing::info!(target: "arcgis::refresh", endpoint = %at, "token revoked");
    Ok(())
}
