//! Addresses of layers, services and folders, out of whatever people paste.

mod parse;

use std::fmt;
use std::str::FromStr;

use arcgis_auth_core::Url;

use crate::error::Error;

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

    /// The address of its `getEstimates` operation.
    pub(crate) fn estimates_url(&self) -> Url {
        child(&self.url, &["getEstimates"])
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
