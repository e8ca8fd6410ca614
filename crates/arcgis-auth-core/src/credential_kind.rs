//! What a token comes from, and what to do when it is refused for good.

use crate::token::Token;

/// What kind of credential a provider's tokens come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CredentialKind {
    /// An API key, which nothing renews.
    ApiKey(ApiKeyKind),
    /// A token that someone else obtained, which nothing renews.
    Token,
    /// A user name and password.
    UserPassword,
    /// The id and secret of an application.
    App,
    /// A user who signed in by OAuth.
    User,
    /// A provider of another kind.
    Other,
}

/// What kind of API key it is: the first four characters tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ApiKeyKind {
    /// `AAPK`: a key of before 2024.
    Legacy,
    /// `AAPT` and `AATK`: a key of API key credentials.
    Credential,
    /// `AAST`: a key of one session.
    Session,
    /// Any other beginning.
    Unknown,
}

impl ApiKeyKind {
    /// The kind of `key`.
    ///
    /// ```
    /// use arcgis_auth_core::{ApiKeyKind, Token};
    ///
    /// assert_eq!(ApiKeyKind::of(&Token::new("AAPKa0b1c2d3")), ApiKeyKind::Legacy);
    /// assert_eq!(ApiKeyKind::of(&Token::new("0123456789ab")), ApiKeyKind::Unknown);
    /// ```
    #[must_use]
    pub fn of(key: &Token) -> Self {
        match key.expose().as_bytes() {
            [b'A', b'A', b'P', b'K', ..] => Self::Legacy,
            [b'A', b'A', b'P', b'T', ..] | [b'A', b'A', b'T', b'K', ..] => Self::Credential,
            [b'A', b'A', b'S', b'T', ..] => Self::Session,
            _ => Self::Unknown,
        }
    }
}

impl CredentialKind {
    /// The kind of a token that was given as it is: an API key shows itself by its beginning.
    #[must_use]
    pub fn of_token(token: &Token) -> Self {
        match ApiKeyKind::of(token) {
            ApiKeyKind::Unknown => Self::Token,
            kind => Self::ApiKey(kind),
        }
    }

    /// What of it is wrong where a portal refuses it.
    pub(crate) fn parts(self) -> &'static str {
        match self {
            Self::ApiKey(_) => "the API key",
            Self::Token => "the token",
            Self::UserPassword => "the user name or the password",
            Self::App => "the application's client id or its secret",
            Self::User => "the user's login",
            Self::Other => "the credential",
        }
    }

    /// What the user can do about a refusal that is final.
    #[must_use]
    pub fn hint(self) -> Option<&'static str> {
        match self {
            Self::ApiKey(ApiKeyKind::Session) => {
                Some("a session's key ends with its session: make another")
            }
            Self::ApiKey(_) => Some(
                "the API key has expired, was replaced or deleted, may not use this item, or is \
                 limited to referrers: look at its settings, or give the referrer that it allows",
            ),
            Self::Token => Some(
                "the token has expired, belongs to another portal, or is bound to another referrer \
                 or address: nothing renews it, get another",
            ),
            Self::UserPassword => Some(
                "a new token was refused too: the server may belong to another portal, or look for \
                 a referrer that the token was not made for",
            ),
            Self::App => Some(
                "a new token was refused too: the application may have no access to this item, or \
                 the server belong to another portal",
            ),
            Self::User => Some("a new token was refused too: sign in again"),
            Self::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_beginning() {
        for (key, kind) in [
            ("AAPKabc", ApiKeyKind::Legacy),
            ("AAPTabc", ApiKeyKind::Credential),
            ("AATKabc", ApiKeyKind::Credential),
            ("AASTabc", ApiKeyKind::Session),
            ("AAP", ApiKeyKind::Unknown),
            ("aapkabc", ApiKeyKind::Unknown),
            ("AATTabc", ApiKeyKind::Unknown),
            ("", ApiKeyKind::Unknown),
        ] {
            assert_eq!(ApiKeyKind::of(&Token::new(key)), kind, "{key}");
        }
        assert_eq!(
            CredentialKind::of_token(&Token::new("0123")),
            CredentialKind::Token
        );
    }
}
