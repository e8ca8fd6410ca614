//! Which logins are kept: who, where, in which store. Nothing in this list is secret.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use arcgis_rest::auth::{CredentialStore, Origin, Portal, StoreKey, Url};
use arcgis_rest::http::{FileStore, StoreChoice, StoreKind, is_same_portal};
use serde::{Deserialize, Serialize};

use crate::exit::{Exit, Failure};

/// The file of the list, in the folder of the configuration.
const FILE_NAME: &str = "logins.json";

const VERSION: u64 = 1;

/// A login that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Login {
    pub(crate) profile: String,
    pub(crate) portal: String,
    /// `keyring` or `file`.
    pub(crate) store: String,
    /// What it is, for people: `user`, `password`, `app`, `token`.
    pub(crate) kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<String>,
}

impl Login {
    pub(crate) fn portal(&self) -> Result<Portal> {
        Ok(Portal::parse(&self.portal)?)
    }

    pub(crate) fn key(&self) -> Result<StoreKey> {
        Ok(StoreKey::new(self.portal()?, self.profile.as_str()))
    }

    /// How well the portal's own address fits `url`: by the length of the path below which it lies.
    /// None if it is of another origin.
    fn fit(&self, url: &Url) -> Option<usize> {
        let portal = Url::parse(&self.portal).ok()?;
        let (here, there) = (Origin::of(&portal).ok()?, Origin::of(url).ok()?);
        if here != there && !(here.is_arcgis_online() && there.is_arcgis_online()) {
            return None;
        }
        let path = portal.path().trim_end_matches('/');
        let there = url.path().split_at_checked(path.len());
        let below = there
            .is_some_and(|(start, rest)| start.eq_ignore_ascii_case(path) && rest.starts_with('/'));
        Some(if below { path.len() } else { 0 })
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Content {
    version: u64,
    logins: Vec<Login>,
}

/// The list.
#[derive(Debug)]
pub(crate) struct Logins {
    folder: PathBuf,
    logins: Vec<Login>,
}

impl Logins {
    /// Reads the list in `folder`; one that does not exist is empty.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE_NAME);
        let broken = |problem: &str| {
            Failure::new(Exit::Access, format!("{}: {problem}", path.display()))
                .with_hint("move it away, and sign in again with arcgis login")
        };
        let logins = match fs::read(&path) {
            Ok(bytes) => {
                let content: Content = serde_json::from_slice(&bytes)
                    .map_err(|_| broken("it is no list of logins"))?;
                if content.version != VERSION {
                    return Err(broken("it was written by a newer version").into());
                }
                content.logins
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(broken(&error.to_string()).into()),
        };
        Ok(Self {
            folder: folder.to_owned(),
            logins,
        })
    }

    pub(crate) fn all(&self) -> &[Login] {
        &self.logins
    }

    pub(crate) fn of_profile(&self, profile: &str) -> Option<&Login> {
        self.logins.iter().find(|login| login.profile == profile)
    }

    /// The logins at a portal, however its address is written.
    pub(crate) fn of_portal(&self, portal: &Portal) -> Vec<&Login> {
        let same = |login: &&Login| login.portal().is_ok_and(|own| is_same_portal(&own, portal));
        let all: Vec<_> = self.logins.iter().filter(same).collect();
        // An organisation of ArcGIS Online by its own address is more than ArcGIS Online as such.
        let text = portal.to_string();
        let exact: Vec<_> = all
            .iter()
            .copied()
            .filter(|login| login.portal == text)
            .collect();
        if exact.is_empty() { all } else { exact }
    }

    /// The logins whose portal is where `url` is; those of the longest path alone.
    pub(crate) fn of_url(&self, url: &Url) -> Vec<&Login> {
        let fits = self
            .logins
            .iter()
            .filter_map(|login| Some((login.fit(url)?, login)));
        let fits: Vec<_> = fits.collect();
        let best = fits.iter().map(|(fit, _)| *fit).max();
        let best = fits.into_iter().filter(|(fit, _)| Some(*fit) == best);
        best.map(|(_, login)| login).collect()
    }

    /// The store that a login is in.
    pub(crate) fn store(&self, login: &Login) -> Result<std::sync::Arc<dyn CredentialStore>> {
        let kind: StoreKind = login.store.parse().map_err(|_| {
            Failure::new(
                Exit::Access,
                format!(
                    "the login of profile {} is in a store that is not known: {}",
                    login.profile, login.store
                ),
            )
        })?;
        Ok(StoreChoice::of(kind, self.store_file()).store)
    }

    /// The file for secrets where there is no keyring.
    pub(crate) fn store_file(&self) -> PathBuf {
        self.folder.join(FileStore::FILE_NAME)
    }

    /// Enters a login in place of the profile's earlier one, and writes the list.
    pub(crate) fn enter(&mut self, login: Login) -> Result<()> {
        self.logins.retain(|known| known.profile != login.profile);
        self.logins.push(login);
        self.write()
    }

    /// Takes a profile's login out, and writes the list.
    pub(crate) fn strike(&mut self, profile: &str) -> Result<()> {
        self.logins.retain(|known| known.profile != profile);
        self.write()
    }

    fn write(&self) -> Result<()> {
        let path = self.folder.join(FILE_NAME);
        let put = || -> io::Result<()> {
            fs::create_dir_all(&self.folder)?;
            let content = Content {
                version: VERSION,
                logins: self.logins.clone(),
            };
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            serde_json::to_writer_pretty(&mut file, &content)?;
            writeln!(file)?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok(())
        };
        put().with_context(|| format!("{} cannot be written", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(portals: &[(&str, &str)]) -> Logins {
        let login = |(profile, portal): &(&str, &str)| Login {
            profile: (*profile).to_owned(),
            portal: (*portal).to_owned(),
            store: "file".to_owned(),
            kind: "user".to_owned(),
            user: None,
            client_id: None,
        };
        Logins {
            folder: PathBuf::new(),
            logins: portals.iter().map(login).collect(),
        }
    }

    fn names(logins: Vec<&Login>) -> Vec<&str> {
        logins
            .into_iter()
            .map(|login| login.profile.as_str())
            .collect()
    }

    #[test]
    fn an_address_belongs_to_the_portal_of_its_origin_and_longest_path() {
        let logins = list(&[
            ("portal", "https://gis.example.com/portal"),
            ("server", "https://gis.example.com/arcgis"),
            ("other", "https://other.example.com/portal"),
            ("online", "https://www.arcgis.com"),
        ]);
        for (url, expected) in [
            (
                "https://gis.example.com/arcgis/rest/services/a/FeatureServer/0",
                &["server"][..],
            ),
            ("https://gis.example.com/ARCGIS/rest/services", &["server"]),
            (
                "https://gis.example.com/server/rest/services",
                &["portal", "server"],
            ),
            (
                "https://gis.example.com/arcgis2/rest/services",
                &["portal", "server"],
            ),
            ("https://gis.example.com:6443/arcgis/rest/services", &[]),
            ("http://gis.example.com/arcgis/rest/services", &[]),
            (
                "https://services1.arcgis.com/abc/arcgis/rest/services",
                &["online"],
            ),
            ("https://services1.arcgis.com.evil.example/arcgis", &[]),
            ("https://evilarcgis.com/arcgis", &[]),
        ] {
            assert_eq!(
                names(logins.of_url(&url.parse().unwrap())),
                expected,
                "{url}"
            );
        }
    }

    #[test]
    fn a_portal_is_known_by_any_of_its_addresses() {
        let logins = list(&[
            ("portal", "https://gis.example.com/portal"),
            ("online", "https://www.arcgis.com"),
            ("org", "https://org.maps.arcgis.com"),
        ]);
        let of = |text: &str| names(logins.of_portal(&Portal::parse(text).unwrap()));
        assert_eq!(of("http://GIS.example.com/portal/home"), ["portal"]);
        assert_eq!(of("https://gis.example.com/other"), [""; 0]);
        assert_eq!(of("https://org.maps.arcgis.com"), ["org"]);
        assert_eq!(of("https://new.maps.arcgis.com"), ["online", "org"]);
    }
}
