//! Names that lead to an address of the caller's choice.

use std::collections::HashMap;
use std::net::SocketAddr;

use arcgis_auth_core::Error;
use arcgis_auth_core::http::uri::{Scheme, Uri};
use arcgis_auth_core::url::Host;

use crate::tls::invalid;

/// What to connect to in place of what the system's resolver says. TLS still checks the name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides(HashMap<(String, Option<u16>), SocketAddr>);

impl Overrides {
    /// Reads `host` or `host:port`.
    pub(crate) fn insert(&mut self, name: &str, address: SocketAddr) -> Result<(), Error> {
        let wrong = || invalid("resolve", format!("{name:?} is no host or host:port"));
        let (host, port) = match name.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                let port: u16 = port.parse().map_err(|_| wrong())?;
                (host, Some(port))
            }
            _ => (name, None),
        };
        let host = Host::parse(host.trim_end_matches('.')).map_err(|_| wrong())?;
        self.0.insert((host.to_string(), port), address);
        Ok(())
    }

    /// The address for `destination`; one for its port wins over one for all ports.
    pub(crate) fn address(&self, destination: &Uri) -> Option<SocketAddr> {
        if self.0.is_empty() {
            return None;
        }
        let host = destination
            .host()?
            .trim_end_matches('.')
            .to_ascii_lowercase();
        let port = destination.port_u16().unwrap_or({
            if destination.scheme() == Some(&Scheme::HTTPS) {
                443
            } else {
                80
            }
        });
        let mut wanted = (host, Some(port));
        let mut address = match self.0.get(&wanted) {
            Some(address) => *address,
            None => {
                wanted.1 = None;
                *self.0.get(&wanted)?
            }
        };
        if address.port() == 0 {
            address.set_port(port);
        }
        Some(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_s_own_address_wins_and_port_0_keeps_the_port() {
        let mut overrides = Overrides::default();
        for (name, address) in [
            ("GIS.example.com", "10.0.0.1:0"),
            ("gis.example.com:80", "10.0.0.2:8080"),
            ("[::1]:443", "10.0.0.3:1"),
        ] {
            overrides.insert(name, address.parse().unwrap()).unwrap();
        }
        for (uri, address) in [
            ("https://gis.example.com/x", Some("10.0.0.1:443")),
            ("https://gis.example.com.:6443/x", Some("10.0.0.1:6443")),
            ("http://gis.example.com/x", Some("10.0.0.2:8080")),
            ("https://[::1]/x", Some("10.0.0.3:1")),
            ("https://gis.example.com.evil.example/x", None),
            ("https://example.com/x", None),
        ] {
            let found = overrides.address(&uri.parse().unwrap());
            assert_eq!(
                found.map(|found| found.to_string()).as_deref(),
                address,
                "{uri}"
            );
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for name in [
            "",
            "a b",
            "gis.example.com:x",
            "gis.example.com:70000",
            "a/b",
        ] {
            let address = "127.0.0.1:1".parse().unwrap();
            assert!(
                Overrides::default().insert(name, address).is_err(),
                "{name}"
            );
        }
    }
}
