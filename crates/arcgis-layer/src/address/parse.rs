//! Reading addresses out of what people paste.

use arcgis_auth_core::url::form_urlencoded;
use arcgis_auth_core::{Url, is_secret_parameter, redact_url};

use super::{DirectoryAddress, ResourceAddress, ServiceAddress, ServiceKind};
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

/// The name of a parameter that carries a secret, in a segment of a path: `0&token=…`, as it is pasted when the
/// question mark is lost, or encoded.
fn secret_in(segment: &str) -> Option<String> {
    if !segment.contains(['=', '%']) {
        return None;
    }
    let text: String = form_urlencoded::parse(segment.as_bytes())
        .map(|(name, value)| format!("{name}={value}&"))
        .collect();
    text.match_indices('=').find_map(|(at, _)| {
        let (before, behind) = (text.get(..at)?, text.get(at + 1..)?);
        let name = before
            .rsplit(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
            .next()?;
        let says = !behind.is_empty() && !behind.starts_with('&');
        (says && is_secret_parameter(name)).then(|| name.to_owned())
    })
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
            let shown = text.split(['?', '&', '#', '@']).next().unwrap_or_default();
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
            // One address in another, or under a word that is no scheme: its password is no part of this URL's own.
            let address = if url.path().contains('@') {
                "the address".to_owned()
            } else {
                redact_url(&shown)
            };
            Err(Error::Address { address, problem })
        };
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return refuse(format!("{} is neither http nor https", url.scheme()));
        }
        let inner = url.path().contains("//") && url.path().contains('@');
        if inner || !url.username().is_empty() || url.password().is_some() {
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

        if let Some(name) = url.path().split('/').find_map(secret_in) {
            // The path is not shown: only what is behind a `?` is certainly found in it.
            return Err(Error::Address {
                address: "the address".to_owned(),
                problem: format!(
                    "{name} is a secret, and stands where no question mark is before it: take it out of the address and give it as a credential"
                ),
            });
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
}
