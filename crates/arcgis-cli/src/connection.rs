//! The way to the service: options and settings into the one client.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Once};

use anyhow::Result;
use arcgis_rest::Transport;
use arcgis_rest::auth::{Origin, SecretString, Url};
use arcgis_rest::http::{
    ArcGisClient, ArcGisClientBuilder, ClientIdentity, HyperTransport, Retry, RetryPolicy,
};

use crate::args::ConnectionArgs;
use crate::exit::Failure;
use crate::identity::Identity;
use crate::secret_input::{self, Secret};
use crate::settings::{Settings, Source, environment, key};

/// The password that goes with `--basic-user`.
const BASIC_PASSWORD: &str = "ARCGIS_BASIC_PASSWORD";

/// The options, with what must be known of them before the first request. Asking for a password takes as long as
/// its user.
#[derive(Debug)]
pub(crate) struct Connection<'a> {
    args: &'a ConnectionArgs,
    basic: Option<(Origin, String, SecretString)>,
}

impl ConnectionArgs {
    /// Gets ready for `url`: asks for the password of `--basic-user`, which is for its server alone.
    pub(crate) async fn ready(&self, url: &Url) -> Result<Connection<'_>> {
        let Some(user) = &self.basic_user else {
            return Ok(Connection {
                args: self,
                basic: None,
            });
        };
        let origin = Origin::of(url)?;
        let password = match environment(BASIC_PASSWORD)? {
            Some(password) => password,
            None => {
                let prompt = format!("Password of {user} for the web tier of {origin}: ");
                secret_input::ask(prompt, Secret::WebTier).await?
            }
        };
        Ok(Connection {
            args: self,
            basic: Some((origin, user.clone(), password)),
        })
    }
}

impl Connection<'_> {
    /// Checks the options and makes a client that signs in as `identity`. Nothing is sent.
    pub(crate) fn client(
        &self,
        settings: &Settings,
        url: &Url,
        identity: &Identity,
        concurrency: Option<NonZeroUsize>,
    ) -> Result<ArcGisClient> {
        let mut builder = self.builder(settings, url)?;
        builder = builder.credentials(identity.credentials.clone());
        if let Some((store, key)) = identity.renewed_in() {
            builder = builder.credential_store(store, key);
        }
        if let Some(requests) = concurrency {
            builder = builder.concurrency(requests.get());
        }
        Ok(builder.build()?)
    }

    fn builder(&self, settings: &Settings, url: &Url) -> Result<ArcGisClientBuilder> {
        let args = self.args;
        let mut builder = ArcGisClient::builder()
            .timeout(settings.get(&key::TIMEOUT, args.timeout)?.value)
            .retries(settings.get(&key::RETRIES, args.retries)?.value);
        if let Some(rate) = settings.find(&key::RATE, args.rate)? {
            builder = builder.rate(rate.value);
        }
        for path in settings.list(&key::CACERT, args.cacert.clone())?.value {
            builder = builder.cacert(path);
        }
        if args.insecure {
            warn_insecure();
            builder = builder.insecure(true);
        }
        let certificate = settings.find(&key::CLIENT_CERT, args.client_cert.clone())?;
        let private = settings.find(&key::CLIENT_KEY, args.client_key.clone())?;
        builder = match (certificate, private) {
            (Some(both), None) => {
                builder.client_identity(ClientIdentity::from_pem_file(both.value)?)
            }
            (Some(certificate), Some(private)) => builder.client_identity(
                ClientIdentity::from_pem_files(certificate.value, private.value)?,
            ),
            (None, Some(private)) => {
                let problem = format!("client-key ({}) without client-cert", private.from);
                return Err(Failure::usage(problem).into());
            }
            (None, None) => builder,
        };
        if let Some((origin, user, password)) = &self.basic {
            builder = builder.basic_auth(origin.clone(), user, password.clone());
        }
        for (host, address) in settings.list(&key::RESOLVE, args.resolve.clone())?.value {
            builder = builder.resolve(host, address);
        }
        // A proxy that is always set could not reach this machine: the demo service, a tunnel.
        let here = Origin::of(url)?.is_loopback();
        if let Some(proxy) = settings.find(&key::PROXY, args.proxy.clone())?
            && (proxy.from == Source::Argument || !here)
        {
            builder = builder.proxy(proxy.value);
        }
        if let Some(agent) = settings.find(&key::USER_AGENT, args.user_agent.clone())? {
            builder = builder.user_agent(agent.value);
        }
        for header in &args.headers {
            // Not quoted back: the value may be a gateway's secret.
            let Some((name, value)) = header.split_once(':') else {
                return Err(Failure::usage(
                    "--header: a name and a value are needed, with a colon between them",
                )
                .with_hint("--header \"X-Gateway-Key: value\"")
                .into());
            };
            builder = builder.header(name.trim(), value.trim());
        }
        Ok(builder)
    }
}

/// The way to a server that rows are put to: no credential, no header of a gateway and no client certificate of the
/// service goes there. Nothing is sent.
pub(crate) fn bare(
    args: Option<&ConnectionArgs>,
    settings: &Settings,
    url: &Url,
) -> Result<Arc<dyn Transport>> {
    let of = |list: fn(&ConnectionArgs) -> Vec<PathBuf>| args.map(list).unwrap_or_default();
    let timeout = settings.get(&key::TIMEOUT, args.and_then(|args| args.timeout))?;
    let retries = settings.get(&key::RETRIES, args.and_then(|args| args.retries))?;
    let mut builder = HyperTransport::builder().timeout(timeout.value);
    for path in settings
        .list(&key::CACERT, of(|args| args.cacert.clone()))?
        .value
    {
        builder = builder.cacert(path);
    }
    if args.is_some_and(|args| args.insecure) {
        warn_insecure();
        builder = builder.insecure(true);
    }
    let resolve = args.map(|args| args.resolve.clone()).unwrap_or_default();
    for (host, address) in settings.list(&key::RESOLVE, resolve)?.value {
        builder = builder.resolve(host, address);
    }
    let here = Origin::of(url)?.is_loopback();
    if let Some(proxy) = settings.find(&key::PROXY, args.and_then(|args| args.proxy.clone()))?
        && (proxy.from == Source::Argument || !here)
    {
        builder = builder.proxy(proxy.value);
    }
    if let Some(agent) = settings.find(
        &key::USER_AGENT,
        args.and_then(|args| args.user_agent.clone()),
    )? {
        builder = builder.user_agent(agent.value);
    }
    let policy = RetryPolicy::default().with_retries(retries.value);
    Ok(Arc::new(Retry::new(Arc::new(builder.build()?), policy)))
}

/// Said whatever the verbosity, once: with it, a password can be read by anyone on the way.
fn warn_insecure() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        let mut stderr = anstream::stderr().lock();
        let loud = anstyle::AnsiColor::Yellow.on_default().bold();
        // Nobody is left to tell that standard error is closed.
        let _ = writeln!(
            stderr,
            "{loud}WARNING: --insecure: certificates are NOT checked. Whoever is between here and the \
             server can read the credential and change the data.{loud:#}"
        );
    });
}
