//! Where a credential may be used.

use std::fmt;

use url::Url;

use crate::error::Error;
use crate::origin::Origin;

/// The origins that a credential's tokens may be sent to: the one it is bound to, and those that
/// the user added.
///
/// A credential of ArcGIS Online is good for every `https` host below `arcgis.com`, because ArcGIS
/// Online spreads one organisation over `www`, `services1`, `tiles` and others.
///
/// ```
/// use arcgis_auth_core::{Origin, TrustPolicy};
///
/// let portal = Origin::of(&"https://gis.example.com/portal".parse()?)?;
/// let trust = TrustPolicy::bound_to(portal);
/// assert!(trust.allows(&"https://gis.example.com/server/rest/services".parse()?));
/// assert!(!trust.allows(&"http://gis.example.com/server/rest/services".parse()?));
/// assert!(!trust.allows(&"https://gis.example.com.evil.org/".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct TrustPolicy {
    bound_to: Origin,
    added: Vec<Origin>,
}

impl TrustPolicy {
    /// Trusts one origin, and all of ArcGIS Online if it is one of its hosts.
    #[must_use]
    pub fn bound_to(origin: Origin) -> Self {
        Self {
            bound_to: origin,
            added: Vec::new(),
        }
    }

    /// Trusts another origin too.
    #[must_use]
    pub fn with_origin(mut self, origin: Origin) -> Self {
        self.added.push(origin);
        self
    }

    /// The origin that the credential is bound to.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.bound_to
    }

    /// Whether a token may be sent to `url`.
    #[must_use]
    pub fn allows(&self, url: &Url) -> bool {
        let Ok(origin) = Origin::of(url) else {
            return false;
        };
        origin == self.bound_to
            || (self.bound_to.is_arcgis_online() && origin.is_arcgis_online())
            || self.added.contains(&origin)
    }

    /// Checks an endpoint that a server pointed to, before a password, key or token goes there.
    ///
    /// # Errors
    ///
    /// [`Error::Untrusted`] unless the endpoint is one that [`TrustPolicy::allows`], and `https` or loopback.
    pub fn check_discovered(
        &self,
        what: &'static str,
        from: &Url,
        found: &Url,
    ) -> Result<(), Error> {
        let confidential = Origin::of(found).is_ok_and(|origin| origin.is_confidential());
        if confidential && self.allows(found) {
            return Ok(());
        }
        Err(Error::Untrusted {
            what,
            wanted_by: Origin::of(from)?,
            found: crate::redact::redact_url(found),
            bound_to: self.bound_to.clone(),
        })
    }
}

impl fmt::Debug for TrustPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entry(&self.bound_to)
            .entries(&self.added)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(url: &str) -> TrustPolicy {
        TrustPolicy::bound_to(Origin::of(&url.parse().unwrap()).unwrap())
    }

    #[test]
    fn arcgis_online_is_one_family_and_nobody_else_is() {
        let online = trust("https://www.arcgis.com");
        assert!(online.allows(&"https://services1.arcgis.com/x".parse().unwrap()));
        assert!(!online.allows(&"http://services1.arcgis.com/x".parse().unwrap()));
        assert!(!online.allows(&"https://notarcgis.com/x".parse().unwrap()));
        assert!(!trust("https://a.example.com").allows(&"https://b.example.com".parse().unwrap()));
    }

    #[test]
    fn a_discovered_endpoint_must_be_owned_and_confidential() {
        let plain = trust("http://gis.example.com");
        let from: Url = "http://gis.example.com/arcgis/rest/info".parse().unwrap();
        let check = |found: &str| {
            plain.check_discovered("the token endpoint", &from, &found.parse().unwrap())
        };
        assert!(matches!(
            check("http://gis.example.com/tokens"),
            Err(Error::Untrusted { .. })
        ));
        assert!(matches!(
            check("https://evil.example.com/tokens"),
            Err(Error::Untrusted { .. })
        ));
        let loopback = trust("http://127.0.0.1:8080");
        assert!(
            loopback
                .check_discovered("x", &from, &"http://127.0.0.1:8080/tokens".parse().unwrap())
                .is_ok()
        );
    }
}
