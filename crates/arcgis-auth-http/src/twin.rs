//! One server by plain `http` and by `https`.

use arcgis_auth_core::{Origin, Url};

/// The port that answers by `https` for the one that answers by `http`: 80 and 443, ArcGIS Server's
/// 6080 and 6443, Portal's 7080 and 7443.
fn secure_port(plain: u16) -> Option<u16> {
    match plain {
        80 => Some(443),
        6080 => Some(6443),
        7080 => Some(7443),
        _ => None,
    }
}

/// Whether `secure` is the server `plain` by `https`: a secret that was given for the weaker of the
/// two may go to the stronger.
pub(crate) fn is_secure_twin(plain: &Origin, secure: &Origin) -> bool {
    !plain.is_https()
        && secure.is_https()
        && plain.host() == secure.host()
        && secure_port(plain.port()) == Some(secure.port())
}

/// The same address by `https`, for one of plain `http` in the network.
pub(crate) fn secure_twin(mut url: Url) -> Option<Url> {
    let origin = Origin::of(&url).ok()?;
    if origin.is_confidential() {
        return None;
    }
    let port = secure_port(origin.port())?;
    url.set_scheme("https").ok()?;
    url.set_port((port != 443).then_some(port)).ok()?;
    Some(url)
}
