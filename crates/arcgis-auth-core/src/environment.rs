//! Credentials from the environment and from `.env` files.

use std::path::Path;

use secrecy::ExposeSecret;
use secrecy::zeroize::Zeroizing;

use crate::credentials::Credentials;
use crate::dotenv::Dotenv;
use crate::error::{ConfigError, Error};
use crate::portal::Portal;

const TOKEN: &str = "ARCGIS_TOKEN";
const API_KEY: &str = "ARCGIS_API_KEY";
const USER: &str = "ARCGIS_USER";
const PASSWORD: &str = "ARCGIS_PASSWORD";
const CLIENT_ID: &str = "ARCGIS_CLIENT_ID";
const CLIENT_SECRET: &str = "ARCGIS_CLIENT_SECRET";
const PORTAL: &str = "ARCGIS_PORTAL";
const REFERER: &str = "ARCGIS_REFERER";

impl Credentials {
    /// The credential in the environment: `ARCGIS_TOKEN`, `ARCGIS_API_KEY`, `ARCGIS_USER` with
    /// `ARCGIS_PASSWORD`, or `ARCGIS_CLIENT_ID` with `ARCGIS_CLIENT_SECRET`, bound to `ARCGIS_PORTAL`
    /// (ArcGIS Online if that is not set). `None` if none of them is set. `ARCGIS_REFERER` is the
    /// `Referer` of a key, a token or a password's tokens ([`Credentials::with_referer`]).
    ///
    /// `ARCGIS_CLIENT_ID` alone is no credential: it names the application that users sign in through.
    ///
    /// ```no_run
    /// use arcgis_auth_core::Credentials;
    ///
    /// let credentials = Credentials::from_env()?.unwrap_or(Credentials::Anonymous);
    /// # Ok::<(), arcgis_auth_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for half a credential, for two of them, and for a portal that is no URL.
    pub fn from_env() -> Result<Option<Self>, Error> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// As [`Credentials::from_env`], of a `.env` file. Only `ARCGIS_*` names are looked at, and
    /// nothing is put into the environment: portal and secret come from this one file, never half
    /// from here and half from elsewhere. Values stand for themselves: nothing is put in for a `$`.
    /// A value with white space needs single or double quotes. Lines of other programs may
    /// be in whatever form.
    ///
    /// # Errors
    ///
    /// As [`Credentials::from_env`], and [`Error::Config`] if the file or one of its `ARCGIS_*` lines
    /// cannot be read: it names the line and the variable, never the value.
    pub fn from_dotenv(path: impl AsRef<Path>) -> Result<Option<Self>, Error> {
        let dotenv = Dotenv::read(path)?;
        Self::from_variables(|name| Some(dotenv.get(name)?.expose_secret().to_owned()))
    }

    /// As [`Credentials::from_env`], of any source of variables. An empty value counts as not set.
    ///
    /// # Errors
    ///
    /// As [`Credentials::from_env`].
    pub fn from_variables(lookup: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, Error> {
        // What is looked up may be a secret, and is wiped when it has been taken over.
        let get = |name: &str| {
            let value = lookup(name).map(Zeroizing::new);
            value.filter(|value| !value.trim().is_empty())
        };
        let portal = || match get(PORTAL) {
            Some(portal) => Portal::parse(&portal),
            None => Portal::arcgis_online(),
        };
        let given: Vec<&'static str> = [TOKEN, API_KEY, USER, PASSWORD, CLIENT_SECRET]
            .into_iter()
            .filter(|name| get(name).is_some())
            // A password is told by its user.
            .filter(|name| *name != PASSWORD || get(USER).is_none())
            .collect();
        if let [one, other, ..] = given.as_slice() {
            return Err(ConfigError::Ambiguous(one, other).into());
        }
        let given = given.first().copied();
        let with = |present: &'static str, missing: &'static str| match (get(present), get(missing))
        {
            (Some(present), Some(missing)) => Ok((present, missing)),
            _ => Err(Error::from(ConfigError::Incomplete { present, missing })),
        };
        let credentials = match (given, given.and_then(get)) {
            (Some(TOKEN), Some(token)) => Self::token(&portal()?, token.as_str())?,
            (Some(API_KEY), Some(key)) => Self::api_key(&portal()?, key.as_str())?,
            (Some(USER), _) => {
                let (user, password) = with(USER, PASSWORD)?;
                Self::user_password(user.as_str(), password.as_str(), portal()?)?
            }
            (Some(PASSWORD), _) => {
                let (password, user) = with(PASSWORD, USER)?;
                Self::user_password(user.as_str(), password.as_str(), portal()?)?
            }
            (Some(CLIENT_SECRET), _) => {
                let (secret, id) = with(CLIENT_SECRET, CLIENT_ID)?;
                Self::app(id.as_str(), secret.as_str(), portal()?)?
            }
            _ => return Ok(None),
        };
        match get(REFERER) {
            Some(referer) => credentials.with_referer(referer.as_str()).map(Some),
            None => Ok(Some(credentials)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Credentials>, Error> {
        Credentials::from_variables(|name| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn each_credential_is_read_and_bound() {
        assert!(read(&[]).unwrap().is_none());
        assert!(
            read(&[(TOKEN, ""), (PORTAL, "https://h")])
                .unwrap()
                .is_none()
        );
        let origin =
            |credentials: Option<Credentials>| credentials.unwrap().origin().unwrap().to_string();
        assert_eq!(
            origin(read(&[(TOKEN, "t")]).unwrap()),
            "https://www.arcgis.com"
        );
        assert_eq!(
            origin(read(&[(API_KEY, "k"), (PORTAL, "https://h/portal")]).unwrap()),
            "https://h"
        );
        let user = read(&[(USER, "u"), (PASSWORD, "p"), (PORTAL, "h/portal")]).unwrap();
        assert!(matches!(user, Some(Credentials::UserPassword(user)) if user.username() == "u"));
    }

    #[test]
    fn an_application_is_read_and_its_id_alone_is_no_credential() {
        let app = read(&[
            (CLIENT_ID, "id"),
            (CLIENT_SECRET, "s"),
            (PORTAL, "https://h/portal"),
        ]);
        let Some(Credentials::App(app)) = app.unwrap() else {
            panic!("no application");
        };
        use secrecy::ExposeSecret;
        assert_eq!(app.client_id(), "id");
        assert_eq!(app.client_secret().expose_secret(), "s");
        assert_eq!(app.portal().to_string(), "https://h/portal");
        assert!(read(&[(CLIENT_ID, "id")]).unwrap().is_none());
        let user = read(&[(CLIENT_ID, "id"), (USER, "u"), (PASSWORD, "p")]);
        assert!(matches!(user, Ok(Some(Credentials::UserPassword(_)))));
    }

    #[test]
    fn a_referer_goes_with_what_can_be_bound_to_one() {
        let referer = |variables: &[(&str, &str)]| match read(variables)? {
            Some(Credentials::ApiKey { key, .. }) => Ok(key.referer().map(str::to_owned)),
            Some(Credentials::Token { token, .. }) => Ok(token.referer().map(str::to_owned)),
            Some(Credentials::UserPassword(user)) => Ok(user.referer()),
            _ => Ok(None),
        };
        let site = Some("https://site.example.com".to_owned());
        let with = (REFERER, "https://site.example.com");
        assert_eq!(referer(&[(API_KEY, "k"), with]).unwrap(), site);
        assert_eq!(referer(&[(TOKEN, "t"), with]).unwrap(), site);
        assert_eq!(
            referer(&[(USER, "u"), (PASSWORD, "p"), with]).unwrap(),
            site
        );
        assert_eq!(referer(&[(API_KEY, "k")]).unwrap(), None);
        assert_eq!(referer(&[with]).unwrap(), None);
        let app = [(CLIENT_ID, "i"), (CLIENT_SECRET, "s"), with];
        let refused: Result<_, Error> = referer(&app);
        assert!(refused.is_err());
        assert!(referer(&[(API_KEY, "k"), (REFERER, "a\nb")]).is_err());
    }

    #[test]
    fn halves_and_doubles_are_refused_by_name() {
        let message = |variables: &[(&str, &str)]| read(variables).unwrap_err().to_string();
        assert_eq!(
            message(&[(USER, "u")]),
            "ARCGIS_USER is set but ARCGIS_PASSWORD is not"
        );
        assert_eq!(
            message(&[(PASSWORD, "hunter2")]),
            "ARCGIS_PASSWORD is set but ARCGIS_USER is not"
        );
        assert_eq!(
            message(&[(CLIENT_SECRET, "hunter2")]),
            "ARCGIS_CLIENT_SECRET is set but ARCGIS_CLIENT_ID is not"
        );
        for doubled in [
            [(TOKEN, "t"), (API_KEY, "k")],
            [(TOKEN, "t"), (PASSWORD, "p")],
            [(API_KEY, "k"), (USER, "u")],
            [(USER, "u"), (CLIENT_SECRET, "s")],
        ] {
            assert!(
                message(&doubled).contains("give one of them"),
                "{doubled:?}"
            );
        }
    }

    #[test]
    fn a_dotenv_file_counts_for_its_own_names_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        std::fs::write(
            &path,
            "# comment\nexport ARCGIS_USER='me'\nARCGIS_PASSWORD=\"p=w $HOME d#1\"\nOTHER=x\nARCGIS_PORTAL=https://gis.example.com/portal # here\n",
        )
        .unwrap();
        let Some(Credentials::UserPassword(user)) = Credentials::from_dotenv(&path).unwrap() else {
            panic!("no user");
        };
        assert_eq!(user.username(), "me");
        assert_eq!(user.password().expose_secret(), "p=w $HOME d#1");
        assert_eq!(user.portal().to_string(), "https://gis.example.com/portal");
        assert!(std::env::var("OTHER").is_err());

        std::fs::write(&path, "ARCGIS_PASSWORD='unterminated hunter2\n").unwrap();
        let error = Credentials::from_dotenv(&path).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        assert!(
            error.to_string().contains("line 1: ARCGIS_PASSWORD"),
            "{error}"
        );
        assert!(Credentials::from_dotenv(folder.path().join("none")).is_err());
    }

    #[test]
    fn lines_of_other_programs_stop_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        let foreign: &[u8] = b"\xef\xbb\xbf{ not a variable }\nKEY=\"-----BEGIN\nMIIEvQ==\n-----END\"\nA B=c\nNAME=\xff\xfe\n# ARCGIS_USER is below\nHOST=$OTHER\n";
        let read = |ours: &[u8]| {
            std::fs::write(&path, [foreign, ours].concat()).unwrap();
            Credentials::from_dotenv(&path)
        };
        let ours = b"ARCGIS_TOKEN='t#1'\r\nexport ARCGIS_PORTAL=https://gis.example.com/portal\r\n";
        let Some(token @ Credentials::Token { .. }) = read(ours).unwrap() else {
            panic!("no token");
        };
        assert_eq!(
            token.origin().unwrap().to_string(),
            "https://gis.example.com"
        );
        assert!(read(b"").unwrap().is_none());
        for bad in [
            &b"ARCGIS_TOKEN hunter2\n"[..],
            b"ARCGIS_TOKEN=\"hunter2\n",
            b"export ARCGIS_TOKEN=hunter2 two\n",
            b"ARCGIS_TOKEN=hunter2\xff\n",
        ] {
            let error = format!("{:?}", read(bad).unwrap_err());
            assert!(error.contains("line 9: ARCGIS_TOKEN"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
