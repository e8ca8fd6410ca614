//! Where a pasted text points to, as far as can be told without asking.

use arcgis_auth_core::Url;

use super::item::ItemAddress;
use crate::address::{ResourceAddress, ServiceAddress};
use crate::error::Error;

/// ArcGIS Online.
const ONLINE: &str = "https://www.arcgis.com/sharing/rest";

/// What a text points to.
#[derive(Debug, PartialEq)]
pub(super) enum Place {
    Resource(ResourceAddress),
    /// A layer by its name.
    Named(ServiceAddress, String),
    Item(ItemAddress),
}

/// An item's id: 32 hexadecimal digits, perhaps with the number of a layer behind an underscore, as hub sites write it.
fn item_id(text: &str) -> Option<(String, Option<u32>)> {
    let (id, layer) = match text.split_once('_') {
        Some((id, layer)) => (id, Some(layer.parse().ok()?)),
        None => (text, None),
    };
    let fits = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then(|| (id.to_ascii_lowercase(), layer))
}

impl Place {
    pub(super) fn parse(text: &str, portal: Option<&Url>) -> Result<Self, Error> {
        let text = text.trim().trim_matches(['"', '\'', '<', '>']).trim();
        let refuse = |problem: &str| {
            Err(Error::Address {
                address: "the portal".to_owned(),
                problem: problem.to_owned(),
            })
        };
        if let Some((id, layer)) = item_id(text) {
            let portal = match portal {
                Some(portal) => Some(portal.clone()),
                None => Url::parse(ONLINE).ok(),
            };
            return match portal {
                Some(portal) => Ok(Self::Item(ItemAddress { portal, id, layer })),
                None => refuse("it is no URL"),
            };
        }
        let with_scheme = if text.contains("://") {
            text.to_owned()
        } else {
            format!("https://{text}")
        };
        if let Ok(url) = Url::parse(&with_scheme) {
            if url.username().is_empty() && url.password().is_none() {
                if let Some(place) = Self::of_page(&url)? {
                    return Ok(place);
                }
                if let Some(place) = Self::of_named_layer(&url) {
                    return Ok(place);
                }
            }
        }
        Ok(Self::Resource(ResourceAddress::parse(text)?))
    }

    /// The page of an item, a map or a dataset.
    fn of_page(url: &Url) -> Result<Option<Self>, Error> {
        let segments: Vec<&str> = url
            .path_segments()
            .into_iter()
            .flatten()
            .filter(|segment| !segment.is_empty())
            .collect();
        let at = |words: &[&str]| {
            segments.windows(words.len().max(1)).position(|window| {
                window
                    .iter()
                    .zip(words)
                    .all(|(segment, word)| segment.eq_ignore_ascii_case(word))
            })
        };
        let parameter = |name: &str| {
            url.query_pairs()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.into_owned())
        };
        // The portal is what stands before the page.
        let portal = |before: usize| {
            let mut portal = url.clone();
            portal.set_query(None);
            portal.set_fragment(None);
            let prefix = segments.get(..before).unwrap_or_default();
            let path: Vec<&str> = prefix.iter().copied().chain(["sharing", "rest"]).collect();
            portal.set_path(&path.join("/"));
            portal
        };
        let item = |id: &str, before: usize, layer: Option<u32>| {
            item_id(id).map(|(id, own)| {
                Self::Item(ItemAddress {
                    portal: portal(before),
                    id,
                    layer: own.or(layer),
                })
            })
        };
        if let Some(before) = at(&["content", "items"]) {
            if let Some(id) = segments.get(before + 2) {
                // …/sharing/rest/content/items/<id>
                let root = at(&["sharing"]).unwrap_or(before);
                return Ok(item(id, root, None));
            }
        }
        if let Some(before) = at(&["home", "item.html"]) {
            let layer = parameter("sublayer").and_then(|layer| layer.parse().ok());
            return Ok(parameter("id").and_then(|id| item(&id, before, layer)));
        }
        let viewers: [&[&str]; 5] = [
            &["apps", "mapviewer"],
            &["home", "webmap", "viewer.html"],
            &["home", "webscene", "viewer.html"],
            &["home", "signin.html"],
            &["apps", "dashboards"],
        ];
        for viewer in viewers {
            let Some(before) = at(viewer) else { continue };
            if let Some(address) = parameter("url") {
                return Ok(Some(Self::Resource(ResourceAddress::parse(&address)?)));
            }
            let found = ["layers", "webmap", "id"]
                .into_iter()
                .filter_map(parameter)
                .find_map(|id| item(&id, before, None));
            return Ok(found);
        }
        let on_hub = ["datasets", "maps", "content", "explore"]
            .into_iter()
            .find_map(|word| at(&[word]).and_then(|before| segments.get(before + 1)));
        if let Some(name) = on_hub {
            if let Some((id, layer)) = item_id(name) {
                // The sites of hubs are not portals: what they show is in ArcGIS Online.
                let portal = Url::parse(ONLINE).unwrap_or_else(|_| portal(0));
                return Ok(Some(Self::Item(ItemAddress { portal, id, layer })));
            }
            if name.contains("::") {
                return Err(Error::Address {
                    address: arcgis_auth_core::redact_url(url),
                    problem: "the name of a dataset on a hub site does not say where it is; give the item's id, or the address of the service under \"View data source\"".to_owned(),
                });
            }
        }
        Ok(None)
    }

    /// `…/FeatureServer/Name`, where a layer's number should be.
    fn of_named_layer(url: &Url) -> Option<Self> {
        let (before, last) = url.path().trim_end_matches('/').rsplit_once('/')?;
        let mut service = url.clone();
        service.set_path(before);
        let ResourceAddress::Service(address) = ResourceAddress::from_url(&service).ok()? else {
            return None;
        };
        // What is an operation or a number is not a name.
        if ResourceAddress::from_url(url).is_ok() || last.bytes().all(|byte| byte.is_ascii_digit())
        {
            return None;
        }
        let ends_in_service = before
            .rsplit('/')
            .next()
            .is_some_and(|kind| crate::address::ServiceKind::parse(kind).is_some());
        let name =
            arcgis_auth_core::url::form_urlencoded::parse(last.replace('+', "%2B").as_bytes())
                .next()
                .map(|(name, _)| name.into_owned())?;
        ends_in_service.then_some(Self::Named(address, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn place(text: &str) -> Place {
        Place::parse(text, None).unwrap()
    }

    fn item(portal: &str, layer: Option<u32>) -> Place {
        Place::Item(ItemAddress {
            portal: portal.parse().unwrap(),
            id: ID.to_owned(),
            layer,
        })
    }

    #[test]
    fn pages_and_ids_are_items() {
        for (text, portal, layer) in [
            (ID.to_owned(), ONLINE, None),
            (format!(" {}_7 ", ID.to_uppercase()), ONLINE, Some(7)),
            (
                format!("https://www.arcgis.com/home/item.html?id={ID}"),
                ONLINE,
                None,
            ),
            (
                format!("https://org.maps.arcgis.com/home/item.html?id={ID}&sublayer=3#data"),
                "https://org.maps.arcgis.com/sharing/rest",
                Some(3),
            ),
            (
                format!("gis.host/portal/home/item.html?id={ID}"),
                "https://gis.host/portal/sharing/rest",
                None,
            ),
            (
                format!("https://www.arcgis.com/apps/mapviewer/index.html?layers={ID}"),
                ONLINE,
                None,
            ),
            (
                format!("https://gis.host/portal/home/webmap/viewer.html?webmap={ID}"),
                "https://gis.host/portal/sharing/rest",
                None,
            ),
            (
                format!("https://gis.host/portal/sharing/rest/content/items/{ID}?f=json"),
                "https://gis.host/portal/sharing/rest",
                None,
            ),
            (
                format!("https://data.city.gov/datasets/{ID}_2/explore?location=1,2"),
                ONLINE,
                Some(2),
            ),
            (
                format!("https://hub.arcgis.com/maps/{ID}/about"),
                ONLINE,
                None,
            ),
        ] {
            assert_eq!(place(&text), item(portal, layer), "{text}");
        }
        let portal = "https://gis.host/portal/sharing/rest".parse().unwrap();
        assert_eq!(
            Place::parse(ID, Some(&portal)).unwrap(),
            item(portal.as_str(), None)
        );
    }

    #[test]
    fn services_and_names_of_layers_are_told_apart() {
        let service = "https://h/arcgis/rest/services/W/FeatureServer";
        assert!(matches!(
            place(service),
            Place::Resource(ResourceAddress::Service(_))
        ));
        assert!(matches!(
            place(&format!("{service}/3/query?where=1=1")),
            Place::Resource(ResourceAddress::Layer(layer)) if layer.id() == 3
        ));
        assert!(matches!(
            place(&format!("{service}/layers?f=json")),
            Place::Resource(ResourceAddress::Service(_))
        ));
        assert_eq!(
            place(&format!("{service}/Deep%20Wells/")),
            Place::Named(service.parse().unwrap(), "Deep Wells".to_owned())
        );
        let viewer = format!("https://www.arcgis.com/apps/mapviewer/index.html?url={service}/1");
        assert!(matches!(
            place(&viewer),
            Place::Resource(ResourceAddress::Layer(layer)) if layer.id() == 1
        ));
        for bad in [
            "https://data.city.gov/datasets/city::deep-wells",
            "https://h/arcgis/rest/services/W/GPServer",
            "nonsense",
            "https://www.arcgis.com/home/item.html?id=12",
        ] {
            assert!(Place::parse(bad, None).is_err(), "{bad}");
        }
    }
}
