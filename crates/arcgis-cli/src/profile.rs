//! Which profile: the one that is named, else the one whose portal an address belongs to.

use std::sync::Arc;

use anyhow::Result;
use arcgis_rest::auth::{Portal, Transport, Url};
use arcgis_rest::http::owning_portal;

use crate::args::CredentialArgs;
use crate::connection::Connection;
use crate::exit::{Exit, Failure};
use crate::identity::{Identity, from_surroundings};
use crate::logins::{Login, Logins};
use crate::settings::{Setting, Settings, Source, key};

/// The profile of those who need only one.
pub(crate) const DEFAULT: &str = "default";

/// The profile that an argument or the environment names; one of the configuration file only says which of
/// several is meant.
pub(crate) fn named(
    settings: &Settings,
    argument: Option<&String>,
) -> Result<Option<Setting<String>>> {
    let found = settings.find(&key::PROFILE, argument.cloned())?;
    Ok(found.filter(|found| !found.from.is_config()))
}

/// The login of this profile.
pub(crate) fn login_of<'a>(logins: &'a Logins, profile: &Setting<String>) -> Result<&'a Login> {
    let name = &profile.value;
    logins.of_profile(name).ok_or_else(|| {
        let from = match &profile.from {
            Source::Argument => String::new(),
            from => format!(" ({from})"),
        };
        let mut failure = Failure::new(
            Exit::Access,
            format!("there is no login of profile {name}{from}"),
        );
        failure = failure.with_hint(match logins.all() {
            [] => format!("arcgis login --profile {name} makes one"),
            some => format!(
                "arcgis login --profile {name} makes one; there are {}",
                listed(&some.iter().collect::<Vec<_>>())
            ),
        });
        failure.into()
    })
}

/// One of several logins that would do: the configuration's profile, else the one named `default`.
fn one_of<'a>(settings: &Settings, logins: &[&'a Login], what: &str) -> Result<Option<&'a Login>> {
    let preferred = settings.find(&key::PROFILE, None)?.map(|found| found.value);
    match logins {
        [] => return Ok(None),
        [only] => return Ok(Some(only)),
        _ => {}
    }
    let of = |name: &str| logins.iter().copied().find(|login| login.profile == name);
    if let Some(login) = preferred.as_deref().and_then(of).or_else(|| of(DEFAULT)) {
        return Ok(Some(login));
    }
    Err(Failure::usage(format!("several profiles are {what}: {}", listed(logins)))
        .with_hint("--profile says which one; profile = \"…\" in the configuration file says it for good")
        .into())
}

pub(crate) fn listed(logins: &[&Login]) -> String {
    let names = logins
        .iter()
        .map(|login| format!("{} ({})", login.profile, login.portal));
    names.collect::<Vec<_>>().join(", ")
}

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted<'a> {
    /// A credential for this address.
    For(&'a Url),
    /// The user's own, wherever it belongs.
    Own,
}

impl CredentialArgs {
    /// The credential: of the options, else of the environment, else of `.env`, else of a profile. The
    /// settings become those of the profile.
    pub(crate) async fn resolve(
        &self,
        wanted: Wanted<'_>,
        settings: &mut Settings,
        connection: &Connection<'_>,
    ) -> Result<Identity> {
        let url = match wanted {
            Wanted::For(url) => Some(url),
            Wanted::Own => None,
        };
        if let Some(given) = self.given(url).await? {
            return Ok(given);
        }
        let named = named(settings, self.profile.as_ref())?;
        if let Some(named) = &named {
            settings.of_profile(&named.value);
        }
        let by_argument = self.profile.is_some() || self.portal.is_some();
        if !by_argument && let Some(identity) = from_surroundings(settings)? {
            return Ok(identity);
        }
        let logins = match settings.folder() {
            Ok(folder) => Logins::read(folder)?,
            // Without a home there are no profiles.
            Err(_) if !by_argument && named.is_none() => return Ok(Identity::anonymous()),
            Err(error) => return Err(error),
        };
        let login = match (&named, self.portal()?) {
            (Some(named), _) => Some(login_of(&logins, named)?),
            (None, Some(portal)) => Some(at_portal(settings, &logins, &portal)?),
            (None, None) => match wanted {
                Wanted::For(url) => for_url(settings, &logins, url, connection).await?,
                Wanted::Own => {
                    let all: Vec<_> = logins.all().iter().collect();
                    one_of(settings, &all, "kept")?
                }
            },
        };
        match login {
            Some(login) => load(&logins, login, settings).await,
            None => Ok(Identity::anonymous()),
        }
    }
}

fn at_portal<'a>(settings: &Settings, logins: &'a Logins, portal: &Portal) -> Result<&'a Login> {
    let there = logins.of_portal(portal);
    one_of(settings, &there, &format!("of {portal}"))?.ok_or_else(|| {
        Failure::usage(format!(
            "--portal says where a credential belongs: no option gives one, and there is no login at {portal}"
        ))
        .with_hint(format!(
            "arcgis login --portal {portal} makes one; or add --token-file or --user; for a credential of the environment set ARCGIS_PORTAL"
        ))
        .into()
    })
}

/// The login whose portal `url` belongs to: by its address, else by the word of its server, which is
/// asked without a token. That word is believed for the choice alone: what goes to the server is
/// for its portal to say.
async fn for_url<'a>(
    settings: &Settings,
    logins: &'a Logins,
    url: &Url,
    connection: &Connection<'_>,
) -> Result<Option<&'a Login>> {
    if logins.all().is_empty() {
        return Ok(None);
    }
    let there = logins.of_url(url);
    if !there.is_empty() {
        return one_of(settings, &there, "of the portal of this address");
    }
    let client = connection.client(settings, url, &Identity::anonymous(), None)?;
    let transport: Arc<dyn Transport> = Arc::new(client);
    let owner = match owning_portal(url, &transport).await {
        Ok(owner) => owner,
        Err(error) => {
            // The request that is wanted says better what is wrong.
            tracing::debug!(%error, "the server was not asked for its portal");
            return Ok(None);
        }
    };
    let Some(owner) = owner else {
        return Ok(None);
    };
    let there = logins.of_portal(&owner);
    let login = one_of(settings, &there, &format!("of {owner}"))?;
    if let Some(login) = login {
        tracing::info!(profile = login.profile, portal = %owner, "the server names the portal of a profile");
    }
    Ok(login)
}

/// Reads a login out of its store.
async fn load(logins: &Logins, login: &Login, settings: &mut Settings) -> Result<Identity> {
    settings.of_profile(&login.profile);
    let (store, key) = (logins.store(login)?, login.key()?);
    let Some(kept) = store.load(&key).await? else {
        return Err(Failure::new(
            Exit::Access,
            format!(
                "the login of profile {} is gone from {}",
                login.profile,
                store.describe()
            ),
        )
        .with_hint(again(login))
        .into());
    };
    tracing::info!(
        profile = login.profile,
        portal = login.portal,
        "signing in as a profile"
    );
    Ok(Identity::of_profile(kept.into_credentials()?, store, key))
}

/// The command that signs in again.
pub(crate) fn again(login: &Login) -> String {
    format!(
        "arcgis login --profile {} --portal {}",
        login.profile, login.portal
    )
}
