//! `arcgis token`: a valid token, for scripts.

use std::io::Write;
use std::time::UNIX_EPOCH;

use anyhow::Result;
use serde_json::json;

use crate::args::{OutputArgs, WhoArgs};
use crate::exit::{Exit, Failure};
use crate::settings::Settings;

/// Prints the bare token, so that a script can take it as it is.
pub(crate) async fn run(args: &WhoArgs, output: OutputArgs, settings: &mut Settings) -> Result<()> {
    let own = args.own(settings).await?;
    let token = match own.client.provider() {
        Some(provider) => provider.token().await?,
        None => None,
    };
    let Some(token) = token else {
        return Err(Failure::new(Exit::Access, format!("{} gives no token", own.portal)).into());
    };
    let mut out = std::io::stdout().lock();
    if output.json {
        let expires = token.expires_at();
        let millis = expires.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let left = expires.and_then(|at| at.duration_since(std::time::SystemTime::now()).ok());
        let said = json!({
            "token": token.expose(),
            "portal": own.portal.to_string(),
            "from": own.identity.from.to_string(),
            "expires": millis.and_then(|millis| u64::try_from(millis.as_millis()).ok()),
            "expiresIn": left.map(|left| left.as_secs()),
            "referer": token.referer(),
        });
        writeln!(out, "{said:#}")?;
    } else {
        writeln!(out, "{}", token.expose())?;
    }
    Ok(out.flush()?)
}
