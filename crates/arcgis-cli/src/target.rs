//! What the user points at: the address without its secret, and a client that may go there.

use std::num::NonZeroUsize;
use std::sync::Arc;

use anyhow::Result;
use arcgis_rest::auth::{Credentials, Transport, Url};
use arcgis_rest::http::ArcGisClient;
use arcgis_rest::layer::{
    self, Layer, LayerAddress, LayerInfo, ResourceAddress, ServiceAddress, ServiceInfo,
};

use crate::args::{ConnectionArgs, CredentialArgs};
use crate::exit::{Failure, service_error};
use crate::identity::{Identity, Origin};
use crate::profile::Wanted;
use crate::settings::Settings;
use crate::shown::Shown;

/// More layers than these are counted, not listed.
const MOST_LISTED: usize = 20;

/// A checked address and the client for it. Nothing was sent.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) address: ResourceAddress,
    pub(crate) client: ArcGisClient,
    shown: bool,
    /// Keeps the demo service running.
    #[cfg(feature = "demo")]
    _demo: Option<crate::demo::Demo>,
}

impl Target {
    /// Checks `text` and the options, and starts the demo service if that is what `text` names.
    /// The settings become those of the profile that signs in.
    pub(crate) async fn new(
        text: &str,
        connection: &ConnectionArgs,
        credentials: &CredentialArgs,
        concurrency: Option<NonZeroUsize>,
        settings: &mut Settings,
    ) -> Result<Self> {
        #[cfg(feature = "demo")]
        if let Some(name) = crate::demo::name_of(text) {
            if credentials.any_given() {
                return Err(Failure::usage(
                    "a demo: address signs in by itself; leave the credential out",
                )
                .into());
            }
            let demo = crate::demo::start(name).await?;
            let address = ResourceAddress::parse(&demo.address)?;
            let identity = Identity::of(demo.credentials.clone(), None, Origin::Demo);
            let connection = connection.ready(address.url()).await?;
            return Ok(Self {
                client: connection.client(settings, address.url(), &identity, concurrency)?,
                address,
                shown: false,
                _demo: Some(demo),
            });
        }
        let (address, pasted) = split(text)?;
        let connection = connection.ready(address.url()).await?;
        let wanted = Wanted::For(address.url());
        let identity = match pasted {
            Some(_) if credentials.any_given() => {
                return Err(Failure::usage(
                    "the address has a token, and the options give another credential: give one of them",
                )
                .into());
            }
            Some(credentials) => Identity::of(credentials, None, Origin::Address),
            None => credentials.resolve(wanted, settings, &connection).await?,
        };
        Ok(Self {
            client: connection.client(settings, address.url(), &identity, concurrency)?,
            address,
            shown: false,
            #[cfg(feature = "demo")]
            _demo: None,
        })
    }

    /// Whether requests are shown while they are sent. Default: no.
    pub(crate) fn with_shown_requests(mut self, shown: bool) -> Self {
        self.shown = shown;
        self
    }

    /// Whether the address is one of a service that ends with this command.
    pub(crate) fn is_demo(&self) -> bool {
        #[cfg(feature = "demo")]
        {
            self._demo.is_some()
        }
        #[cfg(not(feature = "demo"))]
        {
            false
        }
    }

    /// The client as the layers see it.
    pub(crate) fn transport(&self) -> Arc<dyn Transport> {
        let client = Arc::new(self.client.clone());
        if self.shown {
            return Arc::new(Shown(client));
        }
        client
    }

    /// Refuses an address that cannot lead to a layer. Nothing is sent.
    pub(crate) fn check_layer(&self) -> Result<()> {
        match &self.address {
            ResourceAddress::Service(_) => Ok(()),
            other => {
                other.clone().into_layer()?;
                Ok(())
            }
        }
    }

    /// Opens the layer that is pointed at. For a whole service, and for a layer that it does not have,
    /// an error that names its layers.
    pub(crate) async fn open(&self) -> Result<Layer> {
        let error = match self.address.clone().into_layer() {
            Ok(address) => {
                let info = self.layer_info(&address).await?;
                return Ok(Layer::from_info(self.transport(), address, info)?);
            }
            Err(error) => error,
        };
        let ResourceAddress::Service(service) = &self.address else {
            return Err(error.into());
        };
        let info = self.service_info(service).await?;
        Err(Failure::usage(error.to_string())
            .with_hint(listed(&info, service))
            .into())
    }

    /// The metadata of a layer.
    pub(crate) async fn layer_info(&self, address: &LayerAddress) -> Result<LayerInfo> {
        let error = match LayerInfo::fetch(&*self.transport(), address).await {
            Ok(info) => return Ok(info),
            Err(error) => anyhow::Error::from(error),
        };
        if !says_unknown(&error) {
            return Err(error);
        }
        // Asked once, for the sake of a better answer.
        let service = address.service();
        match ServiceInfo::fetch(&*self.transport(), service).await {
            Ok(info) => {
                let id = i64::from(address.id());
                if info.layers_and_tables().any(|layer| layer.id == id) {
                    return Err(error);
                }
                Err(
                    Failure::usage(format!("{address}: the service has no layer {id}"))
                        .with_hint(listed(&info, service))
                        .into(),
                )
            }
            Err(unknown) => Err(no_service(service, unknown).unwrap_or(error)),
        }
    }

    /// The metadata of a service.
    pub(crate) async fn service_info(&self, address: &ServiceAddress) -> Result<ServiceInfo> {
        match ServiceInfo::fetch(&*self.transport(), address).await {
            Ok(info) => Ok(info),
            Err(error) if says_unknown_service(&error) => {
                let said = error.to_string();
                Err(no_service(address, error).unwrap_or_else(|| anyhow::anyhow!(said)))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether an answer says that there is nothing of that name, in one of the ways in which servers do.
fn says_unknown(error: &anyhow::Error) -> bool {
    service_error(error).is_some_and(|said| {
        said.code() == 404
            || said.status() == 404
            || said.code() == 400
            || (said.code() == 500 && (said.mentions("not found") || said.mentions("invalid")))
    })
}

fn says_unknown_service(error: &layer::Error) -> bool {
    match error {
        layer::Error::Service(arcgis_rest::auth::Error::Service(said)) => {
            said.code() == 404
                || said.status() == 404
                || (said.code() == 400 && said.mentions("invalid url"))
        }
        _ => false,
    }
}

/// What to say of a service that the server does not know, if that is what `error` says.
fn no_service(address: &ServiceAddress, error: layer::Error) -> Option<anyhow::Error> {
    if !says_unknown_service(&error) {
        return None;
    }
    let url = address.to_string();
    let root = url
        .find("/rest/services/")
        .and_then(|at| url.get(..at + "/rest/services".len()));
    let failure = Failure::usage(format!("the server knows no such service: {error}"));
    Some(match root {
        Some(root) => failure
            .with_hint(format!("arcgis info {root} lists its services"))
            .into(),
        None => failure.into(),
    })
}

/// The layers of a service, as a hint.
fn listed(info: &ServiceInfo, service: &ServiceAddress) -> String {
    let all: Vec<String> = info
        .layers_and_tables()
        .map(|layer| format!("/{} {}", layer.id, layer.name))
        .collect();
    match all.get(..MOST_LISTED) {
        _ if all.is_empty() => "the service has no layers and no tables".to_owned(),
        Some(first) if all.len() > MOST_LISTED => format!(
            "it has {} and {} more: arcgis info {service} lists all",
            first.join(", "),
            all.len() - MOST_LISTED
        ),
        _ => format!("it has {}", all.join(", ")),
    }
}

/// The address in pasted text, and the token that was pasted with it.
fn split(text: &str) -> Result<(ResourceAddress, Option<Credentials>)> {
    let pasted = text.trim().trim_matches(['"', '\'', '<', '>']).trim();
    let url = if pasted.contains("://") {
        Url::parse(pasted)
    } else {
        Url::parse(&format!("https://{pasted}"))
    };
    let has_host = pasted.contains("://")
        || pasted
            .split(['/', '?'])
            .next()
            .is_some_and(|host| host.contains('.') || host.starts_with("localhost"));
    match url {
        Ok(url) if has_host => {
            let (url, credentials) = Credentials::split_from(&url)?;
            Ok((ResourceAddress::from_url(&url)?, credentials))
        }
        // Not a URL: the error says so, and shows no more of it than is safe.
        _ => Ok((ResourceAddress::parse(text)?, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_token_leaves_the_address() {
        let (address, credentials) = split(
            "'https://h.example/arcgis/rest/services/x/FeatureServer/0/query?f=json&token=CANARY'",
        )
        .unwrap();
        assert_eq!(
            address.to_string(),
            "https://h.example/arcgis/rest/services/x/FeatureServer/0"
        );
        assert_eq!(
            credentials.unwrap().origin().unwrap().to_string(),
            "https://h.example"
        );
        let (address, none) = split("h.example/arcgis/rest/services/x/MapServer/3/").unwrap();
        assert_eq!(
            address.to_string(),
            "https://h.example/arcgis/rest/services/x/MapServer/3"
        );
        assert!(none.is_none());
    }

    #[test]
    fn no_error_shows_a_pasted_token() {
        for text in [
            "https://h/nothing?token=CANARY",
            "ftp://h/x?token=CANARY",
            "h?token=CANARY",
            "https://[bad/x?token=CANARY",
            "https://me:CANARY@h/arcgis/rest/services/x/FeatureServer/0",
            "layer?password=CANARY",
        ] {
            let error = format!("{:#}", split(text).unwrap_err());
            assert!(!error.contains("CANARY"), "{text}: {error}");
        }
    }
}
