//! The addresses `demo:…`: a service in this process, then the same way as to any other.

use anyhow::{Context, Result};
use arcgis_rest::auth::{Credentials, Portal};
use arcgis_testkit::{Security, Testkit};

use crate::exit::Failure;

const SCHEME: &str = "demo:";
pub(crate) const SERVICE: &str = "demo";
pub(crate) const LAYERS: [&str; 3] = ["places", "rivers", "countries"];

/// What stands behind `demo:` in an address, if it is one.
pub(crate) fn name_of(address: &str) -> Option<&str> {
    let address = address.trim();
    let scheme = address.get(..SCHEME.len())?;
    scheme
        .eq_ignore_ascii_case(SCHEME)
        .then(|| address.get(SCHEME.len()..).unwrap_or_default())
}

/// The running demo service, and how to reach one of its layers. It stops when this is dropped.
#[derive(Debug)]
pub(crate) struct Demo {
    _service: Testkit,
    pub(crate) address: String,
    pub(crate) credentials: Credentials,
}

/// Starts the service with token security, and a user that exists for this run alone.
/// No name stands for the whole service.
pub(crate) async fn start(name: &str) -> Result<Demo> {
    let name = name.trim().to_ascii_lowercase();
    if !name.is_empty() && !LAYERS.contains(&name.as_str()) {
        return Err(Failure::usage(format!("there is no demo layer {name:?}"))
            .with_hint(format!("the demo layers are {}", listed()))
            .into());
    }
    let (user, password) = (SERVICE, one_time_password());
    let service = Testkit::builder()
        .demo_layers()
        .security(Security::token(user, password.as_str()))
        .start()
        .await
        .context("the demo service could not be started")?;
    let address = if name.is_empty() {
        service.service_url(SERVICE)
    } else {
        service.layer_url(&name)
    };
    let portal = Portal::parse(&service.root_url())?;
    Ok(Demo {
        address,
        credentials: Credentials::user_password(user, password, portal)?,
        _service: service,
    })
}

/// The layers as people type them.
fn listed() -> String {
    LAYERS.map(|name| format!("{SCHEME}{name}")).join(", ")
}

/// Sixteen letters and digits that cannot be guessed: the standard library's hash keys come from the
/// system's randomness.
pub(crate) fn one_time_password() -> String {
    use std::hash::{BuildHasher, RandomState};
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demo_addresses_have_their_scheme() {
        assert_eq!(name_of("demo:places"), Some("places"));
        assert_eq!(name_of(" DEMO:rivers "), Some("rivers"));
        assert_eq!(name_of("demo:"), Some(""));
        assert_eq!(name_of("https://demo:1/places"), None);
        assert_eq!(name_of("demo"), None);
        assert_eq!(name_of("démo:x"), None);
    }

    #[test]
    fn passwords_differ() {
        assert_ne!(one_time_password(), one_time_password());
        assert_eq!(one_time_password().len(), 16);
    }
}
