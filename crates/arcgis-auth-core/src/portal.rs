//! The place that a user names to sign in at.

use std::fmt;

use url::Url;

use crate::error::{ConfigError, Error};
use crate::origin::Origin;

/// ArcGIS Online, the default portal.
pub const ARCGIS_ONLINE: &str = "https://www.arcgis.com";

/// A portal (ArcGIS Online, ArcGIS Enterprise) or a stand-alone ArcGIS Server, by any of the
/// addresses that people copy for it.
///
/// `…/home`, `…/home/index.html`, `…/sharing`, `…/sharing/rest` and a trailing slash are dropped; for
/// a server also all from `/rest/` on. The path keeps its case: organisation ids have one.
///
/// ```
/// use arcgis_auth_core::Portal;
///
/// for typed in [
///     "https://gis.example.com/portal",
///     "https://gis.example.com/portal/",
///     "https://gis.example.com/portal/home",
///     "https://gis.example.com/portal/sharing/rest",
/// ] {
///     assert_eq!(Portal::parse(typed)?.to_string(), "https://gis.example.com/portal");
/// }
/// assert_eq!(
///     Portal::parse("https://host/arcgis/rest/services")?.to_string(),
///     "https://host/arcgis"
/// );
/// # Ok::<(), arcgis_auth_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Portal {
    base: Url,
    origin: Origin,
}

impl Portal {
    /// Reads a portal's address. `https` is assumed where no scheme is given.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if it is no `http` or `https` URL with a host.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let with_scheme = if text.contains("://") {
            text.to_owned()
        } else {
            format!("https://{text}")
        };
        let url =
            Url::parse(&with_scheme).map_err(|error| ConfigError::InvalidUrl(error.to_string()))?;
        Self::from_url(url)
    }

    /// As [`Portal::parse`], of a URL.
    ///
    /// # Errors
    ///
    /// As [`Portal::parse`].
    pub fn from_url(mut base: Url) -> Result<Self, Error> {
        let origin = Origin::of(&base)?;
        base.set_query(None);
        base.set_fragment(None);
        let _ = base.set_username("");
        let _ = base.set_password(None);
        let path = base.path().trim_end_matches('/').to_owned();
        let lower = path.to_ascii_lowercase();
        let end = ["/sharing", "/home", "/rest", "/apps", "/admin", "/tokens"]
            .iter()
            .filter_map(|marker| find_segment(&lower, marker))
            .min()
            .unwrap_or(path.len());
        base.set_path(path.get(..end).unwrap_or(&path));
        Ok(Self { base, origin })
    }

    /// ArcGIS Online.
    ///
    /// # Errors
    ///
    /// None in practice: [`ARCGIS_ONLINE`] is a valid address.
    pub fn arcgis_online() -> Result<Self, Error> {
        Self::parse(ARCGIS_ONLINE)
    }

    /// The origin that credentials of this portal are bound to.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The address of a resource below the portal, such as `sharing/rest/info`.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if `path` makes no URL.
    pub fn join(&self, path: &str) -> Result<Url, Error> {
        let base = self.to_string();
        Url::parse(&format!("{base}/{path}"))
            .map_err(|error| ConfigError::InvalidUrl(error.to_string()).into())
    }
}

/// Where a path segment such as `/home` begins.
pub(crate) fn find_segment(path: &str, segment: &str) -> Option<usize> {
    path.match_indices(segment).map(|(at, _)| at).find(|at| {
        let behind = path.get(at + segment.len()..).unwrap_or_default();
        behind.is_empty() || behind.starts_with('/')
    })
}

impl fmt::Display for Portal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for Portal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Portal({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_keeps_its_case_and_the_host_does_not() {
        let portal = Portal::parse("HTTPS://GIS.Example.com/OrgId7/home/index.html?x#y").unwrap();
        assert_eq!(portal.to_string(), "https://gis.example.com/OrgId7");
        assert_eq!(
            portal.join("sharing/rest/info").unwrap().as_str(),
            "https://gis.example.com/OrgId7/sharing/rest/info"
        );
        assert_eq!(
            Portal::parse("www.arcgis.com/").unwrap().to_string(),
            "https://www.arcgis.com"
        );
        assert_eq!(
            Portal::parse("https://h/homestead").unwrap().to_string(),
            "https://h/homestead"
        );
        assert!(Portal::parse("ftp://h").is_err());
        assert!(Portal::parse("").is_err());
    }
}
