//! Origins: where a secret may be sent.

use std::fmt;

use url::{Host, Url};

use crate::error::{ConfigError, Error};

/// Scheme, host and port of an `http` or `https` URL: the unit that a secret is bound to.
///
/// Two URLs of one origin differ only in path and query. `https://gis.example.com` and
/// `http://gis.example.com` are *different* origins, and so are two ports of one host.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    https: bool,
    host: Host,
    port: u16,
}

impl Origin {
    /// The origin of `url`.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if the URL is neither `http` nor `https`, or has no host.
    pub fn of(url: &Url) -> Result<Self, Error> {
        let https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(ConfigError::NotHttp(url.scheme().to_owned()).into()),
        };
        let host = match url.host() {
            Some(Host::Domain(name)) => {
                // A trailing dot names the same host.
                Host::Domain(name.trim_end_matches('.').to_ascii_lowercase())
            }
            Some(host) => host.to_owned(),
            None => return Err(ConfigError::NoHost.into()),
        };
        let port = url
            .port_or_known_default()
            .unwrap_or(if https { 443 } else { 80 });
        Ok(Self { https, host, port })
    }

    /// The host as text, IPv6 addresses in brackets.
    #[must_use]
    pub fn host(&self) -> String {
        self.host.to_string()
    }

    /// The port, the scheme's default included.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the scheme is `https`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Whether the host is this machine: `localhost`, 127.0.0.0/8 or `[::1]`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(ip) => ip.is_loopback(),
            Host::Ipv6(ip) => ip.is_loopback(),
        }
    }

    /// Whether a secret that was discovered, not typed, may travel to this origin:
    /// `https`, or loopback.
    #[must_use]
    pub fn is_confidential(&self) -> bool {
        self.https || self.is_loopback()
    }

    /// Whether this is a host of ArcGIS Online: `arcgis.com` or below it, over `https` on port 443.
    #[must_use]
    pub fn is_arcgis_online(&self) -> bool {
        let Host::Domain(name) = &self.host else {
            return false;
        };
        self.https && self.port == 443 && (name == "arcgis.com" || name.ends_with(".arcgis.com"))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port != if self.https { 443 } else { 80 } {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(url: &str) -> Origin {
        Origin::of(&Url::parse(url).unwrap()).unwrap()
    }

    #[test]
    fn scheme_host_and_port_make_an_origin() {
        assert_eq!(
            origin("https://GIS.example.com/a"),
            origin("https://gis.example.com:443/b?c")
        );
        assert_eq!(
            origin("https://gis.example.com./a"),
            origin("https://gis.example.com")
        );
        assert_ne!(
            origin("https://gis.example.com"),
            origin("http://gis.example.com")
        );
        assert_ne!(
            origin("https://gis.example.com"),
            origin("https://gis.example.com:6443")
        );
        assert_eq!(
            origin("http://gis.example.com:6080/x").to_string(),
            "http://gis.example.com:6080"
        );
    }

    #[test]
    fn arcgis_online_is_a_suffix_of_labels_not_of_letters() {
        assert!(origin("https://services1.arcgis.com/x").is_arcgis_online());
        assert!(origin("https://www.arcgis.com").is_arcgis_online());
        assert!(!origin("http://services1.arcgis.com").is_arcgis_online());
        assert!(!origin("https://evilarcgis.com").is_arcgis_online());
        assert!(!origin("https://arcgis.com.evil.org").is_arcgis_online());
        assert!(!origin("https://services1.arcgis.com:8443").is_arcgis_online());
    }

    #[test]
    fn other_schemes_are_refused() {
        assert!(Origin::of(&Url::parse("ftp://x/y").unwrap()).is_err());
        assert!(Origin::of(&Url::parse("file:///y").unwrap()).is_err());
    }
}
