//! `arcgis whoami`: who the portal takes the user for.

use std::io::Write;

use anyhow::Result;
use arcgis_rest::auth::{self, Credentials, Portal};
use arcgis_rest::http::{ArcGisClient, Identity as Said, who_am_i};
use serde_json::json;

use crate::args::{OutputArgs, WhoArgs};
use crate::exit::{Exit, Failure};
use crate::facts::Facts;
use crate::identity::Identity;
use crate::profile::Wanted;
use crate::settings::Settings;

/// A credential of the user's own, its portal, and a client that signs in with it.
pub(crate) struct Own {
    pub(crate) identity: Identity,
    pub(crate) portal: Portal,
    pub(crate) client: ArcGisClient,
}

impl WhoArgs {
    /// The credential that is in force.
    pub(crate) async fn own(&self, settings: &mut Settings) -> Result<Own> {
        // What is sent before the portal is known goes nowhere: no address is asked for its portal.
        let online = Portal::arcgis_online()?.join("sharing/rest")?;
        let connection = match &self.credentials.portal {
            Some(portal) => crate::identity::parse_portal(portal)?.join("sharing/rest")?,
            None => online,
        };
        let connection = self.connection.ready(&connection).await?;
        let identity = self
            .credentials
            .resolve(Wanted::Own, settings, &connection)
            .await?;
        let portal = match (&identity.credentials, &identity.portal) {
            (Credentials::Anonymous, _) | (_, None) => {
                return Err(Failure::new(Exit::Access, "nobody is signed in")
                    .with_hint(
                        "arcgis login signs in; ARCGIS_TOKEN, ARCGIS_USER and others count too",
                    )
                    .into());
            }
            (_, Some(portal)) => portal.clone(),
        };
        let url = portal.join("sharing/rest")?;
        let client = connection.client(settings, &url, &identity, None)?;
        Ok(Own {
            identity,
            portal,
            client,
        })
    }
}

pub(crate) async fn run(args: &WhoArgs, output: OutputArgs, settings: &mut Settings) -> Result<()> {
    let own = args.own(settings).await?;
    let said = match who_am_i(&own.portal, &own.client).await {
        Ok(said) if said.is_anonymous() => {
            return Err(Failure::new(
                Exit::Access,
                format!("{} takes the credential for nobody's", own.portal),
            )
            .into());
        }
        Ok(said) => Some(said),
        // A stand-alone server knows its users, and does not tell: that the token was made is all there is.
        Err(auth::Error::Service(error)) => {
            tracing::debug!(%error, "there is no portal to ask");
            if let Some(provider) = own.client.provider() {
                provider.token().await?;
            }
            None
        }
        Err(error) => return Err(error.into()),
    };
    print(&own, said.unwrap_or_default(), output)
}

fn print(own: &Own, said: Said, output: OutputArgs) -> Result<()> {
    let user = said
        .username
        .clone()
        .or_else(|| match &own.identity.credentials {
            Credentials::UserPassword(user) => Some(user.username().to_owned()),
            Credentials::User(user) => user.username().map(str::to_owned),
            _ => None,
        });
    let mut out = anstream::stdout().lock();
    if output.json {
        let said = json!({
            "portal": own.portal.to_string(),
            "from": own.identity.from.to_string(),
            "user": user,
            "fullName": said.full_name,
            "email": said.email,
            "role": said.role,
            "userType": said.user_type,
            "appId": said.app_id,
            "organization": { "id": said.org_id, "name": said.org_name, "urlKey": said.url_key },
        });
        writeln!(out, "{said:#}")?;
        return Ok(out.flush()?);
    }
    let mut facts = Facts::default();
    facts.add_some("User", user);
    facts.add_some("Name", said.full_name);
    facts.add_some("Application", said.app_id);
    facts.add_some("Role", said.role);
    facts.add_some("Organisation", said.org_name);
    facts.add("Portal", own.portal.to_string());
    facts.add("From", own.identity.from.to_string());
    facts.write(&mut out)?;
    Ok(out.flush()?)
}
