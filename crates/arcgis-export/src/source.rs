//! Addresses that lead to the same layer, however they are written.

use arcgis_layer::ResourceAddress;
use arcgis_layer::arcgis_auth_core::Url;
use percent_encoding::percent_decode_str;

/// Ports of one server, without and with TLS: those of the web, and those that ArcGIS Server has by itself.
const TWINS: [(u16, u16); 2] = [(80, 443), (6080, 6443)];

/// What all addresses of one layer, service or server have in common: http and https of one host are the same, and so are
/// a slash at the end, a port that goes without saying, letters of the host in either case, and characters that are
/// percent-encoded without need. Other names of a host are not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SourceKey(String);

impl SourceKey {
    pub(crate) fn of(address: &str) -> Self {
        let url = match ResourceAddress::parse(address) {
            Ok(address) => address.url().clone(),
            Err(_) => match Url::parse(address) {
                Ok(url) => url,
                Err(_) => return Self(address.to_owned()),
            },
        };
        let port = url.port_or_known_default().unwrap_or_default();
        let twin = TWINS.iter().find(|(plain, _)| *plain == port);
        let port = twin.map_or(port, |(_, secured)| *secured);
        let mut key = format!("{}:{port}", url.host_str().unwrap_or_default());
        let segments = url.path_segments().into_iter().flatten();
        for segment in segments.filter(|segment| !segment.is_empty()) {
            let plain = percent_decode_str(segment).decode_utf8_lossy();
            key.push('/');
            // An encoded slash separates nothing.
            key.push_str(if plain.contains('/') { segment } else { &plain });
        }
        Self(key)
    }

    /// Whether this is the address itself, or one of something below it.
    pub(crate) fn is_within(&self, whole: &Self) -> bool {
        let rest = self.0.strip_prefix(&whole.0);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_layer_are_the_same() {
        let one =
            SourceKey::of("https://host.example/arcgis/rest/services/A%20b/Wells/FeatureServer/3");
        for same in [
            "http://host.example/arcgis/rest/services/A b/Wells/FeatureServer/3",
            "https://HOST.example:443/arcgis/rest/services/A%20b/Wells/featureserver/3/",
            "http://host.example:80/arcgis//rest/services/A%20%62/Wells/FeatureServer/3/query?f=json",
        ] {
            assert_eq!(SourceKey::of(same), one, "{same}");
        }
        for other in [
            "https://host.example/arcgis/rest/services/A%20b/Wells/FeatureServer/4",
            "https://host.example/arcgis/rest/services/A%20b/Wells/MapServer/3",
            "https://host.example:8443/arcgis/rest/services/A%20b/Wells/FeatureServer/3",
            "https://www.host.example/arcgis/rest/services/A%20b/Wells/FeatureServer/3",
            "https://host.example/arcgis/rest/services/a%20b/Wells/FeatureServer/3",
        ] {
            assert_ne!(SourceKey::of(other), one, "{other}");
        }
        assert_eq!(
            SourceKey::of("http://gis:6080/arcgis/rest/services"),
            SourceKey::of("https://gis:6443/arcgis/rest/services/")
        );
    }

    #[test]
    fn what_lies_below_is_within() {
        let of = SourceKey::of;
        let service = of("https://h/arcgis/rest/services/Wells/FeatureServer");
        assert!(of("http://h/arcgis/rest/services/Wells/FeatureServer/3").is_within(&service));
        assert!(service.is_within(&of("https://h/arcgis/rest/services")));
        assert!(
            !of("https://h/arcgis/rest/services/Wells/FeatureServer/13")
                .is_within(&of("https://h/arcgis/rest/services/Wells/FeatureServer/1"))
        );
    }
}
