use std::collections::HashSet;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::jobs::Jobs;
use crate::layer::Layer;
use crate::table::Table;

/// A service: layers under one address, `…/rest/services/<name>/FeatureServer` and `…/MapServer`.
///
/// A name `folder/name` puts it into a folder.
#[derive(Debug, Clone)]
pub struct Service {
    name: String,
    layers: Vec<Layer>,
    types: Vec<String>,
    failure: Option<ServiceFailure>,
}

/// How a service fails that the directory lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServiceFailure {
    /// This HTTP status, with an HTML body.
    Status(u16),
    /// Status 200 and an error body with code 403.
    Forbidden,
    /// Status 200 and an error body with code 499, whatever token comes.
    TokenRequired,
    /// Status 200 and an error body with code 500: the service is not started.
    NotStarted,
}

impl Service {
    /// A service without layers.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            layers: Vec::new(),
            types: vec!["FeatureServer".to_owned(), "MapServer".to_owned()],
            failure: None,
        }
    }

    /// Serves the service under these types only, instead of `FeatureServer` and `MapServer`. Of other types (`ImageServer`, `GPServer` …) there is only the
    /// entry in the directory and a short description.
    #[must_use]
    pub fn with_types<T: Into<String>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.types = types.into_iter().map(Into::into).collect();
        self
    }

    /// Fails whatever is asked of the service; the directory lists it all the same.
    #[must_use]
    pub fn failing(mut self, failure: ServiceFailure) -> Self {
        self.failure = Some(failure);
        self
    }

    /// Adds a layer or table.
    #[must_use]
    pub fn with_layer(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }
}

/// All that is served.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    pub(crate) services: Vec<Served>,
}

#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) name: String,
    pub(crate) tables: Vec<Arc<Table>>,
    pub(crate) types: Vec<String>,
    pub(crate) failure: Option<ServiceFailure>,
    pub(crate) jobs: Jobs,
}

impl Catalog {
    pub(crate) fn new(services: Vec<Service>, clock_skew: i64) -> Result<Self> {
        let mut names = HashSet::new();
        let mut served = Vec::with_capacity(services.len());
        for service in services {
            if !names.insert(service.name.clone()) {
                return Err(Error::DuplicateService(service.name));
            }
            let mut next = 0;
            let mut tables = Vec::with_capacity(service.layers.len());
            for layer in service.layers {
                let id = layer.id.unwrap_or(next);
                if tables.iter().any(|table: &Arc<Table>| table.id == id) {
                    return Err(Error::DuplicateLayer {
                        service: service.name,
                        id,
                    });
                }
                next = id.saturating_add(1);
                tables.push(Arc::new(Table::new(layer, id, clock_skew)?));
            }
            served.push(Served {
                name: service.name,
                tables,
                types: service.types,
                failure: service.failure,
                jobs: Jobs::default(),
            });
        }
        Ok(Self { services: served })
    }

    /// The first layer of this name, or the one that `service/layer` names, with its service.
    pub(crate) fn layer(&self, name: &str) -> Option<(&Served, &Arc<Table>)> {
        let within = |service: &'_ Served, name: &str| {
            service
                .tables
                .iter()
                .position(|table| table.layer.name == name)
        };
        let found = self
            .services
            .iter()
            .find_map(|service| Some((service, within(service, name)?)))
            .or_else(|| {
                let (service, layer) = name.rsplit_once('/')?;
                let service = self.service(service)?;
                Some((service, within(service, layer)?))
            });
        let (service, at) = found?;
        Some((service, service.tables.get(at)?))
    }

    pub(crate) fn service(&self, name: &str) -> Option<&Served> {
        self.services.iter().find(|service| service.name == name)
    }
}

impl Served {
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.types.iter().any(|known| known == kind)
    }

    pub(crate) fn table(&self, id: u32) -> Option<&Arc<Table>> {
        self.tables.iter().find(|table| table.id == id)
    }
}
