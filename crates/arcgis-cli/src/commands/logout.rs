//! `arcgis logout`: forgets a login, and has the portal end it.

use std::io::Write;
use std::sync::Arc;

use anyhow::Result;
use arcgis_rest::auth::{StoredLogin, Transport};
use arcgis_rest::http::sign_out;
use serde_json::json;

use crate::args::{LogoutArgs, OutputArgs};
use crate::exit::{Failure, note};
use crate::identity::{self, Identity};
use crate::logins::{Login, Logins};
use crate::profile::{self, listed};
use crate::settings::{Settings, key};
use crate::spelling;

/// What came of one login.
struct Ended {
    login: Login,
    /// None for what a portal cannot revoke.
    revoked: Option<bool>,
}

pub(crate) async fn run(
    args: &LogoutArgs,
    output: OutputArgs,
    settings: &mut Settings,
) -> Result<()> {
    let mut logins = Logins::read(settings.folder()?)?;
    let mut ended = Vec::new();
    for login in chosen(args, settings, &logins)? {
        settings.of_profile(&login.profile);
        let revoked = end(args, settings, &logins, &login).await?;
        logins.strike(&login.profile)?;
        ended.push(Ended { login, revoked });
    }
    let mut out = anstream::stdout().lock();
    if output.json {
        let profiles: Vec<_> = ended
            .iter()
            .map(|Ended { login, revoked }| {
                json!({
                    "profile": login.profile,
                    "portal": login.portal,
                    "user": login.user,
                    "revoked": revoked,
                })
            })
            .collect();
        writeln!(out, "{:#}", json!({ "loggedOut": profiles }))?;
    } else if ended.is_empty() {
        writeln!(out, "Nobody was signed in")?;
    } else {
        for Ended { login, revoked } in &ended {
            let and = match revoked {
                Some(true) => ": the portal ended the login, and it is forgotten here",
                _ => ": the login is forgotten here",
            };
            writeln!(
                out,
                "Signed out of {}, profile {}{and}",
                login.portal, login.profile
            )?;
        }
    }
    Ok(out.flush()?)
}

/// The logins to end; none if there is nothing to end.
fn chosen(args: &LogoutArgs, settings: &Settings, logins: &Logins) -> Result<Vec<Login>> {
    if args.all {
        return Ok(logins.all().to_vec());
    }
    let portal = args
        .portal
        .as_deref()
        .map(identity::parse_portal)
        .transpose()?;
    if let Some(named) = profile::named(settings, args.profile.as_ref())? {
        let Some(login) = logins.of_profile(&named.value) else {
            return Ok(Vec::new());
        };
        return match portal {
            Some(portal) if login.portal()? != portal => Err(Failure::usage(format!(
                "profile {} is a login at {}, not at {portal}",
                login.profile, login.portal
            ))
            .into()),
            _ => Ok(vec![login.clone()]),
        };
    }
    let there: Vec<&Login> = match &portal {
        Some(portal) => logins.of_portal(portal),
        None => logins.all().iter().collect(),
    };
    let preferred = settings.find(&key::PROFILE, None)?.map(|found| found.value);
    let is_preferred = |login: &&&Login| Some(&login.profile) == preferred.as_ref();
    match there.as_slice() {
        [] => Ok(Vec::new()),
        [only] => Ok(vec![(*only).clone()]),
        several => match several.iter().find(is_preferred) {
            Some(login) => Ok(vec![(**login).clone()]),
            None => Err(
                Failure::usage(format!("there are several logins: {}", listed(several)))
                    .with_hint("--profile says which one to end; --all ends all of them")
                    .into(),
            ),
        },
    }
}

/// Has the portal end a login, if it can, and forgets it. A portal that cannot be reached stops nothing: whoever
/// logs out wants the login gone from here.
async fn end(
    args: &LogoutArgs,
    settings: &Settings,
    logins: &Logins,
    login: &Login,
) -> Result<Option<bool>> {
    let (store, key) = (logins.store(login)?, login.key()?);
    let kept = match store.load(&key).await {
        Ok(kept) => kept,
        Err(error) => {
            note(&format!(
                "the login cannot be read, so the portal was not told: {error}"
            ));
            None
        }
    };
    let mut revoked = None;
    if let Some(StoredLogin::User(user)) = &kept {
        let told = async {
            let url = user.portal().join("sharing/rest")?;
            let connection = args.connection.ready(&url).await?;
            let client = connection.client(settings, &url, &Identity::anonymous(), None)?;
            let transport: Arc<dyn Transport> = Arc::new(client);
            Ok::<_, anyhow::Error>(sign_out(user, transport).await?)
        };
        revoked = Some(match told.await {
            Ok(()) => true,
            Err(error) => {
                note(&format!(
                    "the portal did not end the login, which lives there until it expires: {}",
                    spelling::message(&error)
                ));
                false
            }
        });
    }
    store.remove(&key).await?;
    Ok(revoked)
}
