//! `arcgis serve`: the demo service for other clients.

use std::io::Write;

use anyhow::{Context, Result};
use arcgis_rest::auth::ExposeSecret;
use arcgis_testkit::{Error, Security, Testkit};
use serde_json::json;

use crate::args::{OutputArgs, ServeArgs};
use crate::demo::{LAYERS, SERVICE, one_time_password};
use crate::exit::{Exit, Failure};
use crate::secret_input::read_password;

/// Serves until the run is interrupted, which ends this future.
pub(crate) async fn run(args: &ServeArgs, output: OutputArgs) -> Result<()> {
    let user = args.user.as_deref().unwrap_or(SERVICE);
    if user.trim().is_empty() {
        return Err(Failure::usage("--user: the name is empty").into());
    }
    // Shown only if it was made here: a password of the user's is the user's to know.
    let (password, shown) = if args.password_stdin {
        (
            tokio::task::spawn_blocking(read_password)
                .await??
                .expose_secret()
                .to_owned(),
            false,
        )
    } else {
        (one_time_password(), true)
    };
    // Nobody reads what came, and the service may run for days.
    let mut builder = Testkit::builder()
        .demo_layers()
        .port(args.port)
        .log_capacity(0);
    if !args.open {
        builder = builder.security(Security::token(user, password.as_str()));
    }
    let service = match builder.start().await {
        Ok(service) => service,
        Err(error @ Error::Bind { .. }) => {
            return Err(Failure::new(Exit::Other, error.to_string())
                .with_hint("--port 0 takes any that is free")
                .into());
        }
        Err(error) => return Err(error).context("the demo service could not be started"),
    };

    let mut out = anstream::stdout().lock();
    if output.json {
        let layers: serde_json::Map<_, _> = LAYERS
            .iter()
            .map(|name| ((*name).to_owned(), json!(service.layer_url(name))))
            .collect();
        let mut said = json!({
            "services": service.services_url(),
            "layers": layers,
            "secured": !args.open,
        });
        if let (false, Some(said)) = (args.open, said.as_object_mut()) {
            said.insert("portal".to_owned(), json!(service.root_url()));
            said.insert("user".to_owned(), json!(user));
            if shown {
                said.insert("password".to_owned(), json!(password));
            }
        }
        writeln!(out, "{said}")?;
    } else {
        let bold = anstyle::Style::new().bold();
        writeln!(out, "{bold}Serving{bold:#}   {}", service.services_url())?;
        for name in LAYERS {
            writeln!(out, "  {name:<9} {}", service.layer_url(name))?;
        }
        if args.open {
            writeln!(out, "{bold}Sign in{bold:#}   not needed")?;
            writeln!(
                out,
                "{bold}Try{bold:#}       arcgis export {} places.parquet",
                service.layer_url("places")
            )?;
        } else {
            let secret = if shown {
                password.as_str()
            } else {
                "the one you gave"
            };
            writeln!(
                out,
                "{bold}Sign in{bold:#}   user {user}, password {secret}"
            )?;
            writeln!(out, "  tokens    {}", service.token_url())?;
            let example = if shown {
                password.as_str()
            } else {
                "<password>"
            };
            writeln!(
                out,
                "{bold}Try{bold:#}       printf %s {example} | arcgis export {} places.parquet --user {user} --password-stdin --portal {}",
                service.layer_url("places"),
                service.root_url()
            )?;
        }
        writeln!(out, "Ctrl-C ends it.")?;
    }
    out.flush()?;
    drop(out);
    std::future::pending().await
}
