//! Who is asking: one credential out of one source.

use std::fmt;
use std::sync::Arc;

use anyhow::Result;
use arcgis_rest::auth::{
    ARCGIS_ONLINE, CredentialStore, Credentials, ExposeSecret, Portal, StoreKey, Url,
};

use crate::args::CredentialArgs;
use crate::exit::Failure;
use crate::secret_input::{self, Secret, read_password, read_token};
use crate::settings::{Settings, environment};

/// A credential, and where it comes from.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) credentials: Credentials,
    /// Where it belongs, if a portal was named for it.
    pub(crate) portal: Option<Portal>,
    pub(crate) from: Origin,
    /// The store of a login that may change while it is used.
    kept: Option<(Arc<dyn CredentialStore>, StoreKey)>,
}

/// Where a credential comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Nowhere,
    Address,
    Arguments,
    Environment,
    Dotenv,
    Profile(String),
    #[cfg(feature = "demo")]
    Demo,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nowhere => "none",
            Self::Address => "the address",
            Self::Arguments => "arguments",
            Self::Environment => "environment",
            Self::Dotenv => ".env",
            Self::Profile(name) => return write!(f, "profile {name}"),
            #[cfg(feature = "demo")]
            Self::Demo => "the demo service",
        })
    }
}

impl Identity {
    /// Public services only.
    pub(crate) fn anonymous() -> Self {
        Self::of(Credentials::Anonymous, None, Origin::Nowhere)
    }

    pub(crate) fn of(credentials: Credentials, portal: Option<Portal>, from: Origin) -> Self {
        Self {
            credentials,
            portal,
            from,
            kept: None,
        }
    }

    /// The login of a profile.
    pub(crate) fn of_profile(
        credentials: Credentials,
        store: Arc<dyn CredentialStore>,
        key: StoreKey,
    ) -> Self {
        let profile = Origin::Profile(key.profile().to_owned());
        Self {
            kept: Some((store, key.clone())),
            ..Self::of(credentials, Some(key.portal().clone()), profile)
        }
    }

    /// Where a login that changes is written: one by OAuth, whose refresh tokens are exchanged.
    pub(crate) fn renewed_in(&self) -> Option<(Arc<dyn CredentialStore>, StoreKey)> {
        match self.credentials {
            Credentials::User(_) => self.kept.clone(),
            _ => None,
        }
    }
}

impl CredentialArgs {
    /// Whether an option gives a credential, or says where one belongs.
    pub(crate) fn any_given(&self) -> bool {
        self.token_file.is_some()
            || self.user.is_some()
            || self.portal.is_some()
            || self.profile.is_some()
    }

    /// The portal of `--portal`.
    pub(crate) fn portal(&self) -> Result<Option<Portal>> {
        self.portal.as_deref().map(parse_portal).transpose()
    }

    /// The credential of the options. Without `--portal` a token belongs to `url`, and a user to ArcGIS Online.
    pub(crate) async fn given(&self, url: Option<&Url>) -> Result<Option<Identity>> {
        let portal = self.portal()?;
        if let Some(path) = &self.token_file {
            let token = read_token(path)?;
            let credentials = match (&portal, url) {
                (Some(portal), _) => Credentials::token(portal, token)?,
                (None, Some(url)) => Credentials::token_for(url, token)?,
                (None, None) => Credentials::token(&Portal::arcgis_online()?, token)?,
            };
            return Ok(Some(Identity::of(credentials, portal, Origin::Arguments)));
        }
        let Some(user) = &self.user else {
            return Ok(None);
        };
        let portal = match portal {
            Some(portal) => portal,
            None => Portal::parse(ARCGIS_ONLINE)?,
        };
        let user = checked_user(user)?;
        let password = password_of(user, &portal, self.password_stdin).await?;
        let credentials = Credentials::user_password(user, password, portal.clone())?;
        let identity = Identity::of(credentials, Some(portal), Origin::Arguments);
        Ok(Some(identity))
    }
}

/// The user name is checked before anything is read.
pub(crate) fn checked_user(user: &str) -> Result<&str> {
    if user.trim().is_empty() {
        return Err(Failure::usage("--user: the name is empty").into());
    }
    Ok(user)
}

pub(crate) fn parse_portal(text: &str) -> Result<Portal> {
    let parsed = Portal::parse(text);
    Ok(parsed.map_err(|error| Failure::usage(format!("--portal: {error}")))?)
}

/// Reads the password, or asks for it and says where it goes.
pub(crate) async fn password_of(
    user: &str,
    portal: &Portal,
    from_stdin: bool,
) -> Result<arcgis_rest::auth::SecretString> {
    if from_stdin {
        // Standard input may be slow to come, and a stop should not wait for it.
        return tokio::task::spawn_blocking(read_password).await?;
    }
    let prompt = format!("Password of {user} at {portal}: ");
    secret_input::ask(prompt, Secret::User).await
}

/// The credential of the environment, else of `.env`: portal and secret of one of them.
pub(crate) fn from_surroundings(settings: &Settings) -> Result<Option<Identity>> {
    const PORTAL: &str = "ARCGIS_PORTAL";
    if let Some(credentials) = Credentials::from_env()? {
        let portal = environment(PORTAL)?;
        let portal = portal
            .as_ref()
            .map_or(ARCGIS_ONLINE, |text| text.expose_secret());
        let portal = Portal::parse(portal)?;
        return Ok(Some(Identity::of(
            credentials,
            Some(portal),
            Origin::Environment,
        )));
    }
    let dotenv = settings.dotenv();
    let get = |name: &str| Some(dotenv.get(name)?.expose_secret().to_owned());
    let Some(credentials) = Credentials::from_variables(get)? else {
        return Ok(None);
    };
    let portal = Portal::parse(get(PORTAL).as_deref().unwrap_or(ARCGIS_ONLINE))?;
    Ok(Some(Identity::of(
        credentials,
        Some(portal),
        Origin::Dotenv,
    )))
}
