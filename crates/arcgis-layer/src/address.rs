//! Addresses of layers, services and folders, out of whatever people paste.

use std::fmt;
use std::str::FromStr;

use arcgis_auth_core::{Url, is_secret_parameter, redact_url};

use crate::error::Error;

/// Operations of a service or layer that people copy together with its address.
const OPERATIONS: [&str; 14] = [
    "query",
    "layers",
    "legend",
    "info",
    "iteminfo",
    "metadata",
    "export",
    "identify",
    "find",
    "applyedits",
    "queryrelatedrecords",
    "queryattachments",
    "generaterenderer",
    "addfeatures",
];

/// Kinds of services without layers of rows.
const FOREIGN: [&str; 12] = [
    "ImageServer",
    "SceneServer",
    "GPServer",
    "GeocodeServer",
    "GeometryServer",
    "GeoDataServer",
    "GeoEnrichmentServer",
    "NAServer",
    "VectorTileServer",
    "StreamServer",
    "WFSServer",
    "WMSServer",
];

/// The two kinds of services that have layers with rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServiceKind {
    /// `FeatureServer`.
    FeatureServer,
    /// `MapServer`.
    MapServer,
}

impl ServiceKind {
    /// Reads `FeatureServer` or `MapServer`, whatever the case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::FeatureServer, Self::MapServer]
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// The name in addresses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FeatureServer => "FeatureServer",
            Self::MapServer => "MapServer",
        }
    }
}

impl fmt::Display for ServiceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The address of one layer or table: a service and a number, without query and secrets.
///
/// Whatever people paste is understood: a trailing slash, `/query`, `?f=json&…`, a fragment, blanks
/// around it. A `token` has to be taken out before, with
/// [`Credentials::split_from`](arcgis_auth_core::Credentials::split_from).
///
/// ```
/// use arcgis_layer::LayerAddress;
///
/// let pasted = " https://host/arcgis/rest/services/Water/Wells/FeatureServer/3/query?f=json&where=1%3D1 ";
/// let address: LayerAddress = pasted.parse()?;
/// assert_eq!(address.to_string(), "https://host/arcgis/rest/services/Water/Wells/FeatureServer/3");
/// assert_eq!(address.id(), 3);
/// assert_eq!(address.service().name(), "Water/Wells");
///
/// let error = "https://host/arcgis/rest/services/Wells/FeatureServer".parse::<LayerAddress>().unwrap_err();
/// assert!(error.to_string().contains("FeatureServer/0"), "{error}");
/// # Ok::<(), arcgis_layer::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct LayerAddress {
    service: ServiceAddress,
    id: u32,
    url: Url,
}

impl LayerAddress {
    /// Reads an address out of pasted text.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] if it is not one of a layer, saying what to give instead.
    pub fn parse(text: &str) -> Result<Self, Error> {
        ResourceAddress::parse(text)?.into_layer()
    }

    /// Reads an address out of a URL; the query, if there is one, is dropped.
    ///
    /// # Errors
    ///
    /// As [`LayerAddress::parse`].
    pub fn from_url(url: &Url) -> Result<Self, Error> {
        ResourceAddress::from_url(url)?.into_layer()
    }

    /// The layer's address.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The address of its `query` operation.
    #[must_use]
    pub fn query_url(&self) -> Url {
        child(&self.url, &["query"])
    }

    /// The service that the layer is in.
    #[must_use]
    pub fn service(&self) -> &ServiceAddress {
        &self.service
    }

    /// The layer's number in its service.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }
}

/// The address of a service with layers: `…/FeatureServer` or `…/MapServer`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServiceAddress {
    url: Url,
    kind: ServiceKind,
}

impl ServiceAddress {
    /// The service's address.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Which of the two kinds it is.
    #[must_use]
    pub fn kind(&self) -> ServiceKind {
        self.kind
    }

    /// The name with the folder, such as `Water/Wells`: what stands between `services` and the kind.
    /// Percent-encoding stays.
    #[must_use]
    pub fn name(&self) -> &str {
        let path = self.url.path();
        let path = path
            .strip_suffix(self.kind.name())
            .unwrap_or(path)
            .trim_matches('/');
        path.split_once("rest/services/")
            .map_or_else(|| path.rsplit('/').next().unwrap_or(path), |(_, name)| name)
    }

    /// The address of one of its layers or tables.
    #[must_use]
    pub fn layer(&self, id: u32) -> LayerAddress {
        LayerAddress {
            url: child(&self.url, &[&id.to_string()]),
            service: self.clone(),
            id,
        }
    }
}

/// The address of a folder of services, or of all: `…/rest/services[/folder]`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DirectoryAddress {
    url: Url,
    folder: Option<String>,
}

impl DirectoryAddress {
    /// The directory's address.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The folder's name, percent-encoded; none for the root.
    #[must_use]
    pub fn folder(&self) -> Option<&str> {
        self.folder.as_deref()
    }

    /// The root directory: the same without the folder.
    #[must_use]
    pub fn root(&self) -> Self {
        let mut url = self.url.clone();
        if self.folder.is_some() {
            if let Ok(mut segments) = url.path_segments_mut() {
                segments.pop();
            }
        }
        Self { url, folder: None }
    }

    /// A folder of the root.
    #[must_use]
    pub fn in_folder(&self, name: &str) -> Self {
        let url = child(self.root().url(), &[name]);
        let folder = url.path().rsplit('/').next().map(str::to_owned);
        Self { url, folder }
    }

    /// The address of a service by its name with the folder, as directories list it.
    #[must_use]
    pub fn service(&self, name: &str, kind: ServiceKind) -> ServiceAddress {
        ServiceAddress {
            url: self.resource(name, kind.name()),
            kind,
        }
    }

    /// The address of a service of any kind.
    pub(crate) fn resource(&self, name: &str, kind: &str) -> Url {
        let mut segments: Vec<&str> = name.split('/').collect();
        segments.push(kind);
        child(self.root().url(), &segments)
    }
}

/// Any address that has something to show: a layer, a service, or a folder of services.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResourceAddress {
    /// One layer or table.
    Layer(LayerAddress),
    /// A service with layers.
    Service(ServiceAddress),
    /// A folder of services, or all of them.
    Directory(DirectoryAddress),
}

impl ResourceAddress {
    /// Reads an address out of pasted text. Without a scheme, `https` is meant.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] if it is none of the three, saying what to give instead.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim().trim_matches(['"', '\'', '<', '>']).trim();
        let refuse = |problem: &str| {
            // Not a URL, so that nothing tells what in it is a secret: only what is certainly none is shown.
            let shown = text.split(['?', '#', '@']).next().unwrap_or_default();
            Error::Address {
                address: if text.contains('@') {
                    "the address"
                } else {
                    shown
                }
                .to_owned(),
                problem: problem.to_owned(),
            }
        };
        if text.is_empty() {
            return Err(refuse(
                "it is empty; give the address of a layer, such as https://host/arcgis/rest/services/Name/FeatureServer/0",
            ));
        }
        let url = if text.contains("://") {
            Url::parse(text)
        } else if text
            .split(['/', '?'])
            .next()
            .is_some_and(|host| host.contains('.') || host.starts_with("localhost"))
        {
            Url::parse(&format!("https://{text}"))
        } else {
            return Err(refuse(
                "it is no URL; give one such as https://host/arcgis/rest/services/Name/FeatureServer/0",
            ));
        };
        match url {
            Ok(url) => Self::from_url(&url),
            Err(error) => Err(refuse(&format!("it is no URL: {error}"))),
        }
    }

    /// Reads an address out of a URL; the query, if there is one, is dropped.
    ///
    /// # Errors
    ///
    /// As [`ResourceAddress::parse`].
    pub fn from_url(url: &Url) -> Result<Self, Error> {
        let refuse = |problem: String| {
            let mut shown = url.clone();
            shown.set_query(None);
            shown.set_fragment(None);
            Err(Error::Address {
                address: redact_url(&shown),
                problem,
            })
        };
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return refuse(format!("{} is neither http nor https", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse(
                "a user name or password does not belong in an address: give it as a credential"
                    .to_owned(),
            );
        }
        if let Some((name, _)) = url
            .query_pairs()
            .find(|(name, _)| is_secret_parameter(name))
        {
            return refuse(format!(
                "{name} is a secret: take it out of the address and give it as a credential"
            ));
        }

        let segments: Vec<&str> = url
            .path_segments()
            .into_iter()
            .flatten()
            .filter(|segment| !segment.is_empty())
            .collect();
        let is = |at: usize, word: &str| {
            segments
                .get(at)
                .is_some_and(|segment| segment.eq_ignore_ascii_case(word))
        };
        let services = (0..segments.len()).find(|&at| is(at, "rest") && is(at + 1, "services"));
        let first = services.map_or(0, |rest| rest + 2);
        let server = (first.max(1)..segments.len()).find(|&at| {
            segments
                .get(at)
                .is_some_and(|name| ServiceKind::parse(name).is_some())
        });
        let up_to = |count: usize, last: Option<&str>| {
            let mut path = segments.get(..count).unwrap_or_default().join("/");
            if let Some(last) = last {
                path.push('/');
                path.push_str(last);
            }
            let mut url = url.clone();
            url.set_query(None);
            url.set_fragment(None);
            url.set_path(&path);
            url
        };

        if let Some(at) = server {
            let Some(kind) = segments.get(at).and_then(|name| ServiceKind::parse(name)) else {
                return refuse("it names no service".to_owned());
            };
            let service = ServiceAddress {
                url: up_to(at, Some(kind.name())),
                kind,
            };
            let operation = |segment: &&str| {
                OPERATIONS
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(segment))
            };
            return match segments.get(at + 1..).unwrap_or_default() {
                [] => Ok(Self::Service(service)),
                [id, rest @ ..] if id.bytes().all(|byte| byte.is_ascii_digit()) => {
                    let Ok(number) = id.parse() else {
                        return refuse(format!("{id} is no layer number"));
                    };
                    let layer = service.layer(number);
                    match rest.first() {
                        None => Ok(Self::Layer(layer)),
                        Some(name) if operation(name) => Ok(Self::Layer(layer)),
                        Some(name) => refuse(format!(
                            "the layer is {layer}, and {name} is something below it"
                        )),
                    }
                }
                [name, ..] if operation(name) => Ok(Self::Service(service)),
                [name, ..] => refuse(format!(
                    "{name} is no layer number; the layers of the service have numbers, such as {}",
                    service.layer(0)
                )),
            };
        }
        if let Some(kind) = segments
            .get(first..)
            .unwrap_or_default()
            .iter()
            .find_map(|segment| {
                FOREIGN
                    .iter()
                    .find(|kind| kind.eq_ignore_ascii_case(segment))
            })
        {
            return refuse(format!(
                "a service of kind {kind} has no rows; give a layer of a FeatureServer or MapServer"
            ));
        }
        match (services, segments.get(first..).unwrap_or_default()) {
            (Some(_), []) => Ok(Self::Directory(DirectoryAddress {
                url: up_to(first, None),
                folder: None,
            })),
            (Some(_), [folder]) => Ok(Self::Directory(DirectoryAddress {
                url: up_to(first + 1, None),
                folder: Some((*folder).to_owned()),
            })),
            (Some(_), _) => refuse("the kind of the service is missing; add /FeatureServer/0 or /MapServer/0".to_owned()),
            (None, _) if segments.last().is_some_and(|last| last.eq_ignore_ascii_case("rest")) => {
                Ok(Self::Directory(DirectoryAddress {
                    url: up_to(segments.len(), Some("services")),
                    folder: None,
                }))
            }
            (None, _) => refuse(
                "nothing in it names a service; give the address of a layer, such as https://host/arcgis/rest/services/Name/FeatureServer/0".to_owned(),
            ),
        }
    }

    /// The address itself.
    #[must_use]
    pub fn url(&self) -> &Url {
        match self {
            Self::Layer(layer) => layer.url(),
            Self::Service(service) => service.url(),
            Self::Directory(directory) => directory.url(),
        }
    }

    /// The layer, if it is one.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] for a service or a folder, saying what is missing.
    pub fn into_layer(self) -> Result<LayerAddress, Error> {
        let problem = match &self {
            Self::Layer(layer) => return Ok(layer.clone()),
            Self::Service(service) => format!(
                "it is a whole service; add the number of one of its layers, such as {}",
                service.layer(0)
            ),
            Self::Directory(DirectoryAddress { folder: Some(name), .. }) => format!(
                "it is a folder of services, or the service {name} without its kind; add the rest, such as /FeatureServer/0"
            ),
            Self::Directory(_) => {
                "it is the list of all services; give a layer of one, such as …/rest/services/Name/FeatureServer/0".to_owned()
            }
        };
        Err(Error::Address {
            address: self.to_string(),
            problem,
        })
    }
}

/// `url` with more segments, each encoded.
fn child(url: &Url, names: &[&str]) -> Url {
    let mut url = url.clone();
    // Fails only for URLs without a path, which no address here is.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(names);
    }
    url
}

macro_rules! as_text {
    ($($address:ident),*) => {$(
        impl fmt::Display for $address {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.url().as_str())
            }
        }

        impl FromStr for $address {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                Self::parse(text)
            }
        }
    )*};
}

as_text!(
    LayerAddress,
    ServiceAddress,
    DirectoryAddress,
    ResourceAddress
);

macro_rules! debug_as_text {
    ($($address:ident),*) => {$(
        impl fmt::Debug for $address {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($address), "({})"), self.url())
            }
        }
    )*};
}

debug_as_text!(LayerAddress, ServiceAddress, DirectoryAddress);

impl ServiceAddress {
    /// Reads an address out of pasted text; that of a layer gives its service.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] if there is no service in it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match ResourceAddress::parse(text)? {
            ResourceAddress::Service(service) => Ok(service),
            ResourceAddress::Layer(layer) => Ok(layer.service),
            ResourceAddress::Directory(directory) => Err(Error::Address {
                address: directory.to_string(),
                problem: "it is a folder of services; add the service, such as /Name/FeatureServer"
                    .to_owned(),
            }),
        }
    }
}

impl DirectoryAddress {
    /// Reads an address out of pasted text.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] if it is not one of a folder or of all services.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match ResourceAddress::parse(text)? {
            ResourceAddress::Directory(directory) => Ok(directory),
            other => Err(Error::Address {
                address: other.to_string(),
                problem: "it is no list of services; give …/rest/services or a folder below it"
                    .to_owned(),
            }),
        }
    }
}
