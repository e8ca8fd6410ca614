//! What pasted text points to: an address, or something that a portal or a service has to be asked about first.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use arcgis_rest::auth::{
    self, Credentials, Request, Response, Transport, TransportError, TransportErrorKind, Url,
};
use arcgis_rest::layer::{self, Discovery, ResourceAddress};

use crate::args::CredentialArgs;
use crate::logins::Logins;
use crate::profile::{login_of, named};
use crate::settings::{Settings, key};

/// Pasted text without its secrets, and what can be told of it without asking.
#[derive(Debug)]
pub(crate) struct Whereabouts {
    text: String,
    portal: Option<Url>,
    place: Place,
    /// The token that was pasted with it.
    pub(crate) credentials: Option<Credentials>,
}

#[derive(Debug)]
enum Place {
    Known(ResourceAddress),
    /// An item, or a layer by its name: whom to ask.
    Asked(Url),
}

impl Whereabouts {
    /// Checks the text. Nothing is sent.
    pub(crate) async fn of(
        text: &str,
        credentials: &CredentialArgs,
        settings: &Settings,
    ) -> Result<Self> {
        let (text, pasted) = split(text)?;
        // Pages say themselves where they are.
        let is_bare = !text.contains(['/', '.']);
        let portal = if is_bare {
            portal(credentials, settings)?
        } else {
            None
        };
        let place = match locate(&text, portal.as_ref()).await {
            (_, Some(url)) => Place::Asked(url),
            (Ok(found), None) => match found {
                Discovery::Layer(layer) => Place::Known(ResourceAddress::Layer(layer)),
                Discovery::Service(service) => Place::Known(ResourceAddress::Service(service)),
                Discovery::Directory(folder) => Place::Known(ResourceAddress::Directory(folder)),
                _ => Place::Known(ResourceAddress::parse(&text)?),
            },
            (Err(error), None) => return Err(error.into()),
        };
        Ok(Self {
            text,
            portal,
            place,
            credentials: pasted,
        })
    }

    /// Where the first request goes, and so where a credential has to belong.
    pub(crate) fn url(&self) -> &Url {
        match &self.place {
            Place::Known(address) => address.url(),
            Place::Asked(url) => url,
        }
    }

    /// What is there, which for some text has to be asked.
    pub(crate) async fn find(self, transport: &dyn Transport) -> Result<Found> {
        match self.place {
            Place::Known(address) => Ok(Found::Given(address)),
            Place::Asked(_) => {
                let found = Discovery::find(transport, &self.text, self.portal.as_ref()).await?;
                Ok(Found::Asked(found))
            }
        }
    }
}

/// What text stands for.
#[derive(Debug)]
pub(crate) enum Found {
    /// The address that it is.
    Given(ResourceAddress),
    /// What a portal or a service says.
    Asked(Discovery),
}

/// What is known of `text`, or the URL that is asked first to know it.
async fn locate(
    text: &str,
    portal: Option<&Url>,
) -> (Result<Discovery, layer::Error>, Option<Url>) {
    let noted = Noted::default();
    let found = Discovery::find(&noted, text, portal).await;
    let url = noted.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    (found, url)
}

/// Notes where the first request would go, and sends nothing.
#[derive(Debug, Default)]
struct Noted(Mutex<Option<Url>>);

impl Transport for Noted {
    fn send(
        &self,
        request: Request,
    ) -> Pin<Box<dyn Future<Output = Result<Response, auth::Error>> + Send + '_>> {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| request.url().clone());
        let unsent = TransportError::new(TransportErrorKind::Connect, request.url().as_str());
        Box::pin(std::future::ready(Err(auth::Error::transport(unsent))))
    }
}

/// The REST root of the portal at which an item's bare id is looked for; none for ArcGIS Online.
fn portal(credentials: &CredentialArgs, settings: &Settings) -> Result<Option<Url>> {
    let given = settings.find(&key::PORTAL, credentials.portal.clone())?;
    let given = match given {
        Some(given) => Some(given.value),
        None => match (
            named(settings, credentials.profile.as_ref())?,
            settings.folder(),
        ) {
            (Some(profile), Ok(folder)) => {
                let logins = Logins::read(folder)?;
                Some(login_of(&logins, &profile)?.portal.clone())
            }
            _ => None,
        },
    };
    let Some(portal) = given else {
        return Ok(None);
    };
    let portal = crate::identity::parse_portal(&portal)?;
    Ok(Some(portal.join("sharing/rest")?))
}

/// Pasted text without the token that was pasted with it, and that token.
fn split(text: &str) -> Result<(String, Option<Credentials>)> {
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
            Ok((url.to_string(), credentials))
        }
        // No URL. Whoever refuses it shows no more of it than is safe.
        _ => Ok((pasted.to_owned(), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The address, or where to ask for it.
    async fn told(text: &str) -> Result<(String, Option<Credentials>)> {
        let (text, credentials) = split(text)?;
        let (found, url) = locate(&text, None).await;
        let address = match (url, found) {
            (Some(url), _) => format!("ask {url}"),
            (None, Ok(Discovery::Layer(layer))) => layer.to_string(),
            (None, found) => format!("{:?}", found?),
        };
        Ok((address, credentials))
    }

    #[tokio::test]
    async fn a_pasted_token_leaves_the_address() {
        let (address, credentials) = told(
            "'https://h.example/arcgis/rest/services/x/FeatureServer/0/query?f=json&token=CANARY'",
        )
        .await
        .unwrap();
        assert_eq!(
            address,
            "https://h.example/arcgis/rest/services/x/FeatureServer/0"
        );
        assert_eq!(
            credentials.unwrap().origin().unwrap().to_string(),
            "https://h.example"
        );
        let (address, none) = told("h.example/arcgis/rest/services/x/MapServer/3/")
            .await
            .unwrap();
        assert_eq!(
            address,
            "https://h.example/arcgis/rest/services/x/MapServer/3"
        );
        assert!(none.is_none());
    }

    #[tokio::test]
    async fn items_maps_and_names_are_asked_for() {
        let id = "0123456789abcdef0123456789abcdef";
        let item = |portal: &str| format!("ask {portal}/sharing/rest/content/items/{id}");
        let service = "h.example/arcgis/rest/services/x/FeatureServer";
        for (text, asked) in [
            (id.to_owned(), item("https://www.arcgis.com")),
            (
                format!("https://h.example/portal/home/item.html?id={id}&token=CANARY"),
                item("https://h.example/portal"),
            ),
            (
                format!("https://o.maps.arcgis.com/apps/mapviewer/index.html?webmap={id}"),
                item("https://o.maps.arcgis.com"),
            ),
            (
                format!("https://h.example/apps/mapviewer/index.html?url=https://{service}/4"),
                format!("https://{service}/4"),
            ),
            (
                format!("{service}/Wells"),
                format!("ask https://{service}?f=json"),
            ),
        ] {
            let (address, _) = told(&text).await.unwrap();
            let bare = |text: &str| text.trim_end_matches("?f=json").to_owned();
            assert_eq!(bare(&address), bare(&asked), "{text}");
        }
    }

    #[tokio::test]
    async fn no_error_shows_a_pasted_token() {
        for text in [
            "https://h/nothing?token=CANARY",
            "ftp://h/x?token=CANARY",
            "h?token=CANARY",
            "https://[bad/x?token=CANARY",
            "https://me:CANARY@h/arcgis/rest/services/x/FeatureServer/0",
            "layer?password=CANARY",
        ] {
            let error = format!("{:#}", told(text).await.unwrap_err());
            assert!(!error.contains("CANARY"), "{text}: {error}");
        }
    }
}
