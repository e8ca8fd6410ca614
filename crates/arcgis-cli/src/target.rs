//! What the user points at: the address without its secret, and a client that may go there.

use std::num::NonZeroUsize;
use std::sync::Arc;

use anyhow::Result;
use arcgis_rest::auth::Transport;
use arcgis_rest::http::ArcGisClient;
use arcgis_rest::layer::{
    self, Discovery, Layer, LayerAddress, LayerInfo, MapLayer, ResourceAddress, ServiceAddress,
    ServiceInfo,
};

use crate::args::{ConnectionArgs, CredentialArgs};
use crate::exit::{Failure, service_error};
use crate::identity::{Identity, Origin};
use crate::profile::Wanted;
use crate::settings::Settings;
use crate::shown::Shown;
use crate::whereabouts::{Found, Whereabouts};

/// More layers than these are counted, not listed.
const MOST_LISTED: usize = 20;

/// A checked address and the client for it. Nothing was sent, unless to find out the address.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) address: ResourceAddress,
    pub(crate) client: ArcGisClient,
    shown: bool,
    /// How the command takes all layers of a service, if it does.
    whole: Option<&'static str>,
    /// Whether the address was found out: of a service, its only layer will do.
    asked: bool,
    /// Keeps the demo service running.
    #[cfg(feature = "demo")]
    _demo: Option<crate::demo::Demo>,
}

/// What a text points at.
#[derive(Debug)]
pub(crate) enum Pointed {
    /// A layer, a service or a folder.
    Target(Box<Target>),
    /// A map, and the layers that it shows.
    Map {
        title: String,
        layers: Vec<MapLayer>,
        client: ArcGisClient,
    },
}

impl Pointed {
    /// Checks `text` and the options, finds out what an item, a page or the name of a layer stands for, and starts the
    /// demo service if that is what `text` names. The settings become those of the profile that signs in.
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
            let client = connection.client(settings, address.url(), &identity, concurrency)?;
            let mut target = Target::at(address, client, false);
            target._demo = Some(demo);
            return Ok(Self::Target(Box::new(target)));
        }
        let mut place = Whereabouts::of(text, credentials, settings).await?;
        let connection = connection.ready(place.url()).await?;
        let identity = match place.credentials.take() {
            Some(_) if credentials.any_given() => {
                return Err(Failure::usage(
                    "the address has a token, and the options give another credential: give one of them",
                )
                .into());
            }
            Some(credentials) => Identity::of(credentials, None, Origin::Address),
            None => {
                let wanted = Wanted::For(place.url());
                credentials.resolve(wanted, settings, &connection).await?
            }
        };
        let client = connection.client(settings, place.url(), &identity, concurrency)?;
        let (address, asked) = match place.find(&client).await? {
            Found::Given(address) => (address, false),
            Found::Asked(Discovery::Map { title, layers }) => {
                return Ok(Self::Map {
                    title,
                    layers,
                    client,
                });
            }
            Found::Asked(Discovery::Service(service)) => (ResourceAddress::Service(service), true),
            Found::Asked(Discovery::Directory(folder)) => {
                (ResourceAddress::Directory(folder), true)
            }
            Found::Asked(other) => {
                let layer = other.into_layer(&client, None).await?;
                (ResourceAddress::Layer(layer), true)
            }
        };
        Ok(Self::Target(Box::new(Target::at(address, client, asked))))
    }
}

impl Target {
    /// As [`Pointed::new`]; of a map, the only layer that it shows.
    pub(crate) async fn new(
        text: &str,
        connection: &ConnectionArgs,
        credentials: &CredentialArgs,
        concurrency: Option<NonZeroUsize>,
        settings: &mut Settings,
    ) -> Result<Self> {
        match Pointed::new(text, connection, credentials, concurrency, settings).await? {
            Pointed::Target(target) => Ok(*target),
            Pointed::Map {
                title,
                layers,
                client,
            } => {
                let map = Discovery::Map { title, layers };
                let layer = map.into_layer(&client, None).await?;
                Ok(Self::at(ResourceAddress::Layer(layer), client, true))
            }
        }
    }

    fn at(address: ResourceAddress, client: ArcGisClient, asked: bool) -> Self {
        Self {
            address,
            client,
            shown: false,
            whole: None,
            asked,
            #[cfg(feature = "demo")]
            _demo: None,
        }
    }

    /// Whether requests are shown while they are sent. Default: no.
    pub(crate) fn with_shown_requests(mut self, shown: bool) -> Self {
        self.shown = shown;
        self
    }

    /// How the command takes all layers of a service, for those who point at one. Default: it does not.
    pub(crate) fn with_whole(mut self, way: &'static str) -> Self {
        self.whole = Some(way);
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
        let mut with_rows = info
            .layers_and_tables()
            .filter(|layer| layer.may_have_rows());
        if self.asked
            && let (Some(only), None) = (with_rows.next(), with_rows.next())
            && let Ok(id) = u32::try_from(only.id)
        {
            let address = service.layer(id);
            let info = self.layer_info(&address).await?;
            return Ok(Layer::from_info(self.transport(), address, info)?);
        }
        let layers = listed(&info, service);
        let hint = match self.whole {
            Some(way) => format!("{layers}; {way} takes all of them"),
            None => layers,
        };
        Err(Failure::usage(error.to_string()).with_hint(hint).into())
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
