//! What the user points at: the address without its secret, and a client that may go there.

use std::num::NonZeroUsize;
use std::sync::Arc;

use anyhow::Result;
use arcgis_rest::auth::{Credentials, Transport, Url};
use arcgis_rest::http::ArcGisClient;
use arcgis_rest::layer::{LayerAddress, ResourceAddress, ServiceInfo};

use crate::args::{ConnectionArgs, CredentialArgs};
use crate::exit::{Exit, Failure};
use crate::wire_log::WireLog;

/// A checked address and the client for it. Nothing was sent.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) address: ResourceAddress,
    pub(crate) client: ArcGisClient,
    /// Keeps the demo service running.
    #[cfg(feature = "demo")]
    _demo: Option<crate::demo::Demo>,
}

impl Target {
    /// Checks `text` and the options, and starts the demo service if that is what `text` names.
    pub(crate) async fn new(
        text: &str,
        connection: &ConnectionArgs,
        credentials: &CredentialArgs,
        concurrency: Option<NonZeroUsize>,
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
            return Ok(Self {
                address: ResourceAddress::parse(&demo.address)?,
                client: connection.client(demo.credentials.clone(), concurrency)?,
                _demo: Some(demo),
            });
        }
        let (address, pasted) = split(text)?;
        // Standard input may be slow to come, and a stop should not wait for it.
        let (credentials, url) = (credentials.clone(), address.url().clone());
        let credentials =
            tokio::task::spawn_blocking(move || credentials.resolve(&url, pasted)).await??;
        Ok(Self {
            client: connection.client(credentials, concurrency)?,
            address,
            #[cfg(feature = "demo")]
            _demo: None,
        })
    }

    /// The client as the layers see it.
    pub(crate) fn transport(&self) -> Arc<dyn Transport> {
        Arc::new(WireLog(self.client.clone()))
    }

    /// The layer that is pointed at. For a whole service, an error that names its layers.
    pub(crate) async fn layer(&self) -> Result<LayerAddress> {
        let error = match self.address.clone().into_layer() {
            Ok(layer) => return Ok(layer),
            Err(error) => error,
        };
        let ResourceAddress::Service(service) = &self.address else {
            return Err(error.into());
        };
        let info = ServiceInfo::fetch(&self.client, service).await?;
        let layers = info.layers.iter().chain(&info.tables);
        let listed: Vec<String> = layers
            .map(|layer| format!("/{} {}", layer.id, layer.name))
            .collect();
        if listed.is_empty() {
            return Err(Failure::new(Exit::Usage, error.to_string())
                .with_hint("the service has no layers and no tables")
                .into());
        }
        Err(Failure::new(Exit::Usage, error.to_string())
            .with_hint(format!("it has {}", listed.join(", ")))
            .into())
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
