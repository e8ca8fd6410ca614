//! Which portal a server belongs to, by its own word.

use std::sync::Arc;

use arcgis_auth_core::{Error, Portal, Transport, Url, server_root};

use crate::discovery::{InfoAnswer, ask_info};

/// The portal that the server of `url` says it belongs to, asked for without a token; `None` if it
/// names none. It is the server's own word: good for choosing among the user's logins, and no proof.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use arcgis_auth_core::{Error, Transport};
/// # async fn example(transport: Arc<dyn Transport>) -> Result<(), Error> {
/// let layer = "https://gis.example.com/server/rest/services/Roads/FeatureServer/0";
/// let layer = layer.parse().map_err(|_| arcgis_auth_core::ConfigError::NoHost)?;
/// if let Some(portal) = arcgis_auth_http::owning_portal(&layer, &transport).await? {
///     println!("sign in at {portal}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The transport's, if the server cannot be asked.
pub async fn owning_portal(
    url: &Url,
    transport: &Arc<dyn Transport>,
) -> Result<Option<Portal>, Error> {
    let Ok(info_url) = Url::parse(&format!("{}/rest/info", server_root(url))) else {
        return Ok(None);
    };
    match ask_info(info_url, transport).await? {
        InfoAnswer::Info(info) => Ok(info
            .owning_system_url()
            .and_then(|owner| Portal::parse(owner).ok())),
        InfoAnswer::Absent | InfoAnswer::Failed(_) => Ok(None),
    }
}

/// Whether both are addresses of one portal: by host, port and path, whatever the scheme and the case;
/// all hosts of ArcGIS Online are one.
///
/// ```
/// use arcgis_auth_core::Portal;
/// use arcgis_auth_http::is_same_portal;
///
/// let portal = Portal::parse("https://gis.example.com/portal")?;
/// assert!(is_same_portal(&portal, &Portal::parse("http://GIS.example.com/Portal/home")?));
/// assert!(!is_same_portal(&portal, &Portal::parse("https://gis.example.com/gis")?));
/// # Ok::<(), arcgis_auth_core::Error>(())
/// ```
#[must_use]
pub fn is_same_portal(one: &Portal, other: &Portal) -> bool {
    (is_online(one) && is_online(other)) || place(&one.to_string()) == place(&other.to_string())
}

fn is_online(portal: &Portal) -> bool {
    let origin = portal.origin();
    let host = origin.host();
    matches!(origin.port(), 80 | 443) && (host == "arcgis.com" || host.ends_with(".arcgis.com"))
}

/// Host, port and path of an address; `None` if it is no URL.
pub(super) fn place(address: &str) -> Option<(String, u16, String)> {
    let url = Url::parse(address).ok()?;
    let host = url.host_str()?.trim_end_matches('.').to_ascii_lowercase();
    let port = match url.port_or_known_default()? {
        80 => 443,
        port => port,
    };
    let path = url.path().trim_end_matches('/').to_ascii_lowercase();
    Some((host, port, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portals_are_one_by_host_and_path_alone() {
        let same = |one: &str, other: &str| {
            is_same_portal(&Portal::parse(one).unwrap(), &Portal::parse(other).unwrap())
        };
        assert!(same("https://h/portal", "http://H/PORTAL/sharing/rest"));
        assert!(same("https://h:7443/arcgis", "https://h:7443/arcgis/"));
        assert!(!same("https://h:7443/arcgis", "https://h/arcgis"));
        assert!(!same("https://h/portal", "https://h.evil.example/portal"));
        assert!(!same("https://h/portal", "https://h/portal2"));
        assert!(same("https://org.maps.arcgis.com", "http://www.arcgis.com"));
        assert!(!same(
            "https://www.arcgis.com",
            "https://www.arcgis.com.evil.example"
        ));
        assert!(!same(
            "https://www.arcgis.com",
            "https://www.arcgis.com:8443"
        ));
        assert!(!same("https://www.arcgis.com", "https://evilarcgis.com"));
    }
}
