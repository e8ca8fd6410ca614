//! A portal's `oauth2` endpoints.

use std::fmt;
use std::sync::Arc;

use arcgis_auth_core::{Error, Origin, Outcome, Portal, Request, ServiceError, Transport, Url};

use super::reply::{Refused, TokenReply, refusal, refusal_of};
use crate::discovery::own_address;
use crate::generated_token::LONGEST_REPLY;

/// The endpoint of a portal that gives tokens, and the way there.
#[derive(Clone)]
pub(crate) struct OAuthEndpoint {
    url: Url,
    at: Origin,
    transport: Arc<dyn Transport>,
}

/// What came of a request for a token.
pub(crate) enum Answer {
    Token(TokenReply),
    Refused(Refused, ServiceError),
}

impl OAuthEndpoint {
    /// `what` of `portal`: by `https`, unless the portal is on this machine.
    pub(crate) fn address(portal: &Portal, what: &str) -> Result<Url, Error> {
        own_address(
            portal,
            &format!("sharing/rest/oauth2/{what}"),
            "the OAuth endpoint",
        )
    }

    /// The endpoint `oauth2/token` of `portal`.
    pub(crate) fn new(portal: &Portal, transport: Arc<dyn Transport>) -> Result<Self, Error> {
        let url = Self::address(portal, "token")?;
        Ok(Self {
            at: Origin::of(&url)?,
            url,
            transport,
        })
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn at(&self) -> Origin {
        self.at.clone()
    }

    /// Sends a form to the endpoint. What is neither a token nor the portal's own refusal is an
    /// [`Error::Mint`].
    pub(crate) async fn ask(&self, form: Request) -> Result<Answer, Error> {
        let form = form.with_param("f", "json").with_max_answer(LONGEST_REPLY);
        let response = match self.transport.send(form).await {
            Ok(response) => response,
            Err(error @ Error::Config(_)) => return Err(error),
            // Portals say 498 of a refresh token, and a session on the way takes that for a refusal.
            Err(Error::Unauthorized(refused)) => {
                return match &refused.service {
                    Some(error) => Ok(Answer::Refused(refusal_of("", error), error.clone())),
                    None => Err(Error::mint(self.at(), Error::Unauthorized(refused))),
                };
            }
            Err(error) => return Err(Error::mint(self.at(), error)),
        };
        let Some(error) = response.verdict().error().cloned() else {
            let reply =
                TokenReply::read(response).map_err(|error| Error::mint(self.at(), error))?;
            return Ok(Answer::Token(reply));
        };
        match response.outcome() {
            Outcome::Busy { .. } | Outcome::Transient | Outcome::TooBig => {
                Err(Error::mint(self.at(), error))
            }
            _ => Ok(Answer::Refused(refusal(&response, &error), error)),
        }
    }
}

impl fmt::Debug for OAuthEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OAuthEndpoint({})", self.url)
    }
}
