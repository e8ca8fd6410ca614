//! From a path to an answer.

use std::sync::Arc;

use http::Method;
use serde_json::{Value as Json, json};

use crate::address::Addresses;
use crate::answer::{Answer, EsriError, escaped};
use crate::attachment_route;
use crate::catalog::{Catalog, Served, ServiceFailure};
use crate::changes;
use crate::guard::refusal;
use crate::metadata::{self, ServerKind};
use crate::mint;
use crate::parameters::Parameters;
use crate::portal_route::{self, PortalRoute, issuer};
use crate::pretty::pretty;
use crate::query::{self, Format, PageDamage};
use crate::quirk::Ability;
use crate::request::{Request, RequestKind};
use crate::security::RefusalStyle;
use crate::server::Shared;
use crate::table::Table;

/// What a path leads to. Services are held by position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Root,
    Info {
        portal: bool,
    },
    Token {
        portal: bool,
    },
    Portal(PortalRoute),
    Directory(Option<String>),
    Service(usize, ServerKind),
    Layers(usize, ServerKind),
    Layer(usize, ServerKind, u32),
    Query(usize, ServerKind, u32),
    Related(usize, ServerKind, u32),
    Estimates(usize, ServerKind, u32),
    Changes(usize),
    Job(usize, usize),
    JobResult(usize, usize),
    Attachments(usize, ServerKind, u32),
    RowAttachments(usize, ServerKind, u32, i64),
    Attachment(usize, ServerKind, u32, i64, usize),
    /// A service that fails, whatever is asked of it.
    Failing(ServiceFailure),
    /// A service that has no layers.
    OtherService(usize, String),
    /// Under the service directory, but not there.
    UnknownService,
    Unknown,
}

impl Route {
    pub(crate) fn parse(catalog: &Catalog, addresses: &Addresses, path: &str) -> Self {
        let segments: Vec<String> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(decoded)
            .collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match addresses.in_sharing(&segments) {
            Some(["info"]) => return Self::Info { portal: true },
            Some(["generateToken"]) => return Self::Token { portal: true },
            Some(segments) => {
                return PortalRoute::parse(segments).map_or(Self::Unknown, Self::Portal);
            }
            None => {}
        }
        match addresses.in_server(&segments) {
            Some(["rest"]) => Self::Root,
            Some(["rest", "info"]) => Self::Info { portal: false },
            Some(["tokens"] | ["tokens", "generateToken"]) => Self::Token { portal: false },
            Some(["rest", "services", rest @ ..]) => Self::in_directory(catalog, rest),
            _ => Self::Unknown,
        }
    }

    fn in_directory(catalog: &Catalog, segments: &[&str]) -> Self {
        let server = segments
            .iter()
            .enumerate()
            .find_map(|(at, segment)| Some((at, ServerKind::parse(segment)?)));
        let Some((at, kind)) = server else {
            if let Some(other) = Self::without_layers(catalog, segments) {
                return other;
            }
            return match segments {
                [] => Self::Directory(None),
                folder => Self::Directory(Some(folder.join("/"))),
            };
        };
        let name = segments.get(..at).unwrap_or_default().join("/");
        let Some(service) = catalog
            .services
            .iter()
            .position(|service| service.name == name)
        else {
            return Self::UnknownService;
        };
        let served = catalog.services.get(service);
        if let Some(failure) = served.and_then(|service| service.failure) {
            return Self::Failing(failure);
        }
        if !served.is_some_and(|service| service.is(kind.name())) {
            return Self::UnknownService;
        }
        match segments.get(at + 1..).unwrap_or_default() {
            [] => Self::Service(service, kind),
            ["layers"] => Self::Layers(service, kind),
            ["extractChanges"] if kind == ServerKind::Feature => Self::Changes(service),
            ["jobs", job] => job
                .parse()
                .map_or(Self::UnknownService, |job| Self::Job(service, job)),
            ["jobs", job, "changes.json"] => job
                .parse()
                .map_or(Self::UnknownService, |job| Self::JobResult(service, job)),
            [id] => id
                .parse()
                .map_or(Self::UnknownService, |id| Self::Layer(service, kind, id)),
            [id, "query"] => id
                .parse()
                .map_or(Self::UnknownService, |id| Self::Query(service, kind, id)),
            [id, "queryRelatedRecords"] => id
                .parse()
                .map_or(Self::UnknownService, |id| Self::Related(service, kind, id)),
            [id, "getEstimates"] => id.parse().map_or(Self::UnknownService, |id| {
                Self::Estimates(service, kind, id)
            }),
            [id, "queryAttachments"] => id.parse().map_or(Self::UnknownService, |id| {
                Self::Attachments(service, kind, id)
            }),
            [id, row, "attachments"] => match (id.parse(), row.parse()) {
                (Ok(id), Ok(row)) => Self::RowAttachments(service, kind, id, row),
                _ => Self::UnknownService,
            },
            [id, row, "attachments", file] => match (id.parse(), row.parse(), file.parse()) {
                (Ok(id), Ok(row), Ok(file)) => Self::Attachment(service, kind, id, row, file),
                _ => Self::UnknownService,
            },
            _ => Self::UnknownService,
        }
    }

    /// `name/ImageServer` and the like.
    fn without_layers(catalog: &Catalog, segments: &[&str]) -> Option<Self> {
        let (kind, name) = segments.split_last()?;
        let name = name.join("/");
        let at = catalog
            .services
            .iter()
            .position(|service| service.name == name && service.is(kind))?;
        let failure = catalog.services.get(at)?.failure;
        Some(failure.map_or_else(|| Self::OtherService(at, (*kind).to_owned()), Self::Failing))
    }

    pub(crate) fn kind(&self, parameters: &Parameters) -> RequestKind {
        let asks = |name: &str| query::flag(parameters, name, false).unwrap_or(false);
        match self {
            Self::Info { .. } => RequestKind::Info,
            Self::Token { .. } => RequestKind::Token,
            Self::Portal(route) => route.kind(),
            Self::Directory(_) => RequestKind::Directory,
            Self::Service(..) | Self::Layers(..) | Self::OtherService(..) | Self::Failing(_) => {
                RequestKind::Service
            }
            Self::Related(..) => RequestKind::Related,
            Self::Changes(_) | Self::Job(..) | Self::JobResult(..) => RequestKind::Changes,
            Self::Attachments(..) | Self::RowAttachments(..) => RequestKind::Attachments,
            Self::Attachment(..) => RequestKind::Attachment,
            Self::Layer(..) => RequestKind::Layer,
            Self::Query(..) if asks("returnExtentOnly") => RequestKind::Extent,
            Self::Query(..) if asks("returnCountOnly") => RequestKind::Count,
            Self::Query(..) if asks("returnIdsOnly") => RequestKind::Ids,
            Self::Query(..) if parameters.filled("outStatistics").is_some() => {
                RequestKind::Statistics
            }
            Self::Query(..) => RequestKind::Features,
            Self::Root | Self::UnknownService | Self::Unknown | Self::Estimates(..) => {
                RequestKind::Other
            }
        }
    }

    pub(crate) fn layer_name<'a>(&self, catalog: &'a Catalog) -> Option<&'a str> {
        let (Self::Layer(service, _, id)
        | Self::Query(service, _, id)
        | Self::Related(service, _, id)
        | Self::Estimates(service, _, id)
        | Self::Attachments(service, _, id)
        | Self::RowAttachments(service, _, id, _)
        | Self::Attachment(service, _, id, _, _)) = self
        else {
            return None;
        };
        Some(&catalog.services.get(*service)?.table(*id)?.layer.name)
    }

    pub(crate) fn unknown_parameters(&self, parameters: &Parameters) -> Vec<String> {
        let understood = match self {
            Self::Query(..) => query::PARAMETERS,
            Self::Related(..) => query::related::PARAMETERS,
            Self::Attachments(..) => attachment_route::PARAMETERS,
            _ => return Vec::new(),
        };
        let known = |name: &str| {
            understood
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
        };
        parameters
            .iter()
            .map(|(name, _, _)| name)
            .filter(|name| !known(name))
            .map(str::to_owned)
            .collect()
    }
}

fn decoded(segment: &str) -> String {
    // The form decoder knows `+` as a space, which a path does not.
    let form = segment.replace('+', "%2B");
    url::form_urlencoded::parse(form.replace('&', "%26").replace('=', "%3D").as_bytes())
        .map(|(name, _)| name.into_owned())
        .next()
        .unwrap_or_default()
}

/// How the answer is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Page,
    Json,
    PrettyJson,
    GeoJson,
    Pbf,
    Other,
}

impl Wanted {
    fn parse(parameters: &Parameters) -> Self {
        match parameters
            .filled("f")
            .map(str::to_ascii_lowercase)
            .as_deref()
        {
            None | Some("html") => Self::Page,
            Some("json") => Self::Json,
            Some("pjson") => Self::PrettyJson,
            Some("geojson") => Self::GeoJson,
            Some("pbf") => Self::Pbf,
            Some(_) => Self::Other,
        }
    }
}

pub(crate) fn answer(
    shared: &Arc<Shared>,
    route: &Route,
    request: &Request,
    damage: PageDamage,
) -> Answer {
    let wanted = Wanted::parse(&request.parameters);
    if let Some(answer) = shared.web_tier.refuse(&request.headers) {
        return answer;
    }
    let mut answer = match make(shared, route, request, damage, wanted) {
        Ok(answer) => answer,
        Err(error) => error.answer(200),
    };
    if wanted == Wanted::PrettyJson && answer.content_type.starts_with("application/json") {
        answer.body = pretty(&answer.body).into();
    }
    answer
}

fn make(
    shared: &Shared,
    route: &Route,
    request: &Request,
    damage: PageDamage,
    wanted: Wanted,
) -> Result<Answer, EsriError> {
    let parameters = &request.parameters;
    if ![Method::GET, Method::POST, Method::HEAD].contains(&request.method) {
        return Ok(Answer::html(
            405,
            "Method Not Allowed",
            "This service reads: use GET or POST.",
        ));
    }
    match route {
        Route::Unknown => {
            return Ok(Answer::html(
                404,
                "Not Found",
                "There is nothing at this address. The services are at /arcgis/rest/services.",
            ));
        }
        Route::Token { portal } => {
            // A server without token security has no such endpoint, nor has a federated one.
            return Ok(match issuer(shared) {
                Some(guard) => mint::answer(
                    guard,
                    &request.method,
                    &request.headers,
                    parameters,
                    *portal,
                ),
                None => Answer::html(404, "Not Found", "This server issues no tokens."),
            });
        }
        Route::Portal(route) => return portal_route::answer(shared, route, request, wanted),
        Route::Info { portal } => {
            let mut info = json!({"currentVersion": 11.3, "fullVersion": "11.3.0"});
            let open = || json!({"authInfo": {"isTokenBasedSecurity": false}});
            let security = shared
                .guard
                .as_ref()
                .map_or_else(open, |guard| guard.info(*portal));
            if let (Some(info), Some(security)) = (info.as_object_mut(), security.as_object()) {
                info.extend(security.clone());
            }
            return document(wanted, "Server Info", &info);
        }
        Route::Root => {
            return document(
                wanted,
                "ArcGIS REST Framework",
                &json!({"currentVersion": 11.3, "services": "services"}),
            );
        }
        _ => {}
    }
    if let Some(guard) = &shared.guard {
        if let Err(code) = guard.authenticate(&request.headers, parameters) {
            return Ok(guard.refuse(code));
        }
    }
    match route {
        Route::Failing(failure) => Ok(failing(*failure)),
        Route::OtherService(service, kind) => {
            let service = found(shared, *service)?;
            document(
                wanted,
                &service.name,
                &metadata::other_service(service, kind),
            )
        }
        Route::Related(service, _, id) => {
            let (service, table) = found_layer(shared, *service, *id)?;
            if !matches!(wanted, Wanted::Json | Wanted::PrettyJson) {
                return Err(EsriError::new(400, "Output format not supported."));
            }
            query::related::answer(service, table, parameters)
        }
        Route::Changes(_) if request.method != Method::POST => Err(EsriError::new(
            400,
            "This operation is only supported via POST.",
        )),
        Route::Changes(service) => {
            let service = found(shared, *service)?;
            changes::answer(service, &feature_service(shared, service), parameters)
        }
        Route::Job(service, job) => {
            let service = found(shared, *service)?;
            changes::job(service, &feature_service(shared, service), *job)
        }
        Route::JobResult(service, job) => changes::result(found(shared, *service)?, *job),
        Route::Attachments(service, _, id) => {
            attachment_route::query(found_layer(shared, *service, *id)?.1, parameters)
        }
        Route::RowAttachments(service, _, id, row) => Ok(attachment_route::of_row(
            found_layer(shared, *service, *id)?.1,
            *row,
        )),
        Route::Attachment(service, _, id, row, file) => {
            let (_, table) = found_layer(shared, *service, *id)?;
            attachment_route::content(table, *row, *file, &request.headers)
        }
        Route::Directory(folder) => {
            let directory = metadata::directory(&shared.catalog, folder.as_deref())
                .ok_or_else(no_such_service)?;
            document(wanted, "Folder: /", &directory)
        }
        Route::Service(service, kind) => {
            let service = found(shared, *service)?;
            document(wanted, &service.name, &metadata::service(service, *kind))
        }
        Route::Layers(service, kind) => {
            let service = found(shared, *service)?;
            let describe = |tables: bool| -> Vec<Json> {
                let of_kind = service
                    .tables
                    .iter()
                    .filter(|table| table.is_published())
                    .filter(|table| (table.layer.kind == crate::layer::LayerKind::Table) == tables);
                of_kind
                    .map(|table| metadata::layer(service, table, *kind))
                    .collect()
            };
            document(
                wanted,
                &service.name,
                &json!({"layers": describe(false), "tables": describe(true)}),
            )
        }
        Route::Layer(service, kind, id) => {
            let (service, table) = found_layer(shared, *service, *id)?;
            document(
                wanted,
                &table.layer.name,
                &metadata::layer(service, table, *kind),
            )
        }
        Route::Estimates(service, _, id) => {
            let (_, table) = found_layer(shared, *service, *id)?;
            document(wanted, &table.layer.name, &metadata::estimates(table))
        }
        Route::Query(service, _, id) => {
            let (_, table) = found_layer(shared, *service, *id)?;
            let format = match wanted {
                Wanted::Page => {
                    return Ok(Answer::html(
                        200,
                        &format!("Query: {}", escaped(&table.layer.name)),
                        "Add f=json or f=geojson to the query.",
                    ));
                }
                Wanted::Json | Wanted::PrettyJson => Format::Json,
                Wanted::GeoJson => Format::GeoJson,
                Wanted::Pbf if table.can(Ability::Pbf) => Format::Pbf,
                Wanted::Pbf | Wanted::Other => {
                    return Err(EsriError::new(400, "Output format not supported."));
                }
            };
            query::answer(table, parameters, format, request.number, damage)
        }
        _ => Err(no_such_service()),
    }
}

fn found(shared: &Shared, service: usize) -> Result<&Served, EsriError> {
    shared
        .catalog
        .services
        .get(service)
        .ok_or_else(no_such_service)
}

/// The address of a feature service.
fn feature_service(shared: &Shared, service: &Served) -> String {
    let root = shared.addresses.server_root();
    format!("{root}/rest/services/{}/FeatureServer", service.name)
}

fn found_layer(shared: &Shared, service: usize, id: u32) -> Result<(&Served, &Table), EsriError> {
    let service = found(shared, service)?;
    let table = service.table(id).filter(|table| table.is_published());
    let table = table.ok_or_else(EsriError::invalid_url)?;
    Ok((service, table))
}

fn failing(failure: ServiceFailure) -> Answer {
    match failure {
        ServiceFailure::Status(status) => {
            Answer::html(status, "Error", "The service could not be reached.")
        }
        ServiceFailure::Forbidden => EsriError::new(
            403,
            "User does not have permissions to access this service.",
        )
        .answer(200),
        ServiceFailure::TokenRequired => refusal(499, RefusalStyle::Body),
        ServiceFailure::NotStarted => EsriError::new(500, "Service not started").answer(200),
    }
}

fn no_such_service() -> EsriError {
    EsriError::new(404, "Service not found")
        .with_detail("There is no service of this name and type.")
}

pub(crate) fn document(wanted: Wanted, title: &str, json: &Json) -> Result<Answer, EsriError> {
    match wanted {
        Wanted::Page => Ok(Answer::html(
            200,
            &escaped(title),
            &format!("<pre>{}</pre>", escaped(&format!("{json:#}"))),
        )),
        Wanted::Json | Wanted::PrettyJson => Ok(Answer::json(json.to_string())),
        Wanted::GeoJson | Wanted::Pbf | Wanted::Other => {
            Err(EsriError::new(400, "Output format not supported."))
        }
    }
}
