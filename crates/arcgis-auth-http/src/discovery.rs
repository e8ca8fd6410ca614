//! Finding out where a portal makes tokens.

use std::sync::Arc;
use std::time::Duration;

use arcgis_auth_core::{
    Error, Origin, Outcome, Portal, Request, ServerInfo, ServiceError, Transport, TrustPolicy, Url,
};

use crate::twin::secure_twin;

/// Where ArcGIS Online makes tokens, whichever of its hosts was named.
const ARCGIS_ONLINE: &str = "https://www.arcgis.com/sharing/rest/generateToken";

/// The address of a portal's or server's `generateToken`.
///
/// A portal (ArcGIS Enterprise) has it below `sharing/rest`, a stand-alone ArcGIS Server below
/// `tokens`; both name it in the `authInfo` of their `info` resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenEndpoint {
    url: Url,
    short_lived_minutes: Option<u64>,
}

/// Neither resource that could name a token endpoint does.
#[derive(Debug, thiserror::Error)]
#[error("neither {0}/rest/info nor {0}/sharing/rest/info names a token service")]
struct NoTokenService(Portal);

impl TokenEndpoint {
    /// Asks `portal`, without any credential: `rest/info` first, then `sharing/rest/info`. ArcGIS Online is not asked.
    ///
    /// The endpoint that is found must be one that `trust` allows, and `https` unless it is on this
    /// machine. Where it differs from a plain-http portal in the scheme only, the safe one of both is
    /// taken: `https` in the network; on this machine what the user typed.
    ///
    /// # Errors
    ///
    /// [`Error::Untrusted`] for an endpoint that nobody vouched for, [`Error::Mint`] if the portal
    /// cannot be asked or knows no token endpoint.
    pub async fn discover(
        portal: &Portal,
        trust: &TrustPolicy,
        transport: &Arc<dyn Transport>,
    ) -> Result<Self, Error> {
        if portal.origin().is_arcgis_online() {
            let url = Url::parse(ARCGIS_ONLINE).map_err(|_| {
                Error::mint(portal.origin().clone(), NoTokenService(portal.clone()))
            })?;
            return Ok(Self {
                url,
                short_lived_minutes: None,
            });
        }
        let mut failed = None;
        for path in ["rest/info", "sharing/rest/info"] {
            let info_url = portal.join(path)?;
            let asked = ask_info(info_url.clone(), transport).await;
            let info = match asked {
                Ok(InfoAnswer::Info(info)) => info,
                Ok(InfoAnswer::Absent) => continue,
                Ok(InfoAnswer::Failed(error)) => {
                    failed = failed.or(Some(error));
                    continue;
                }
                Err(error @ Error::Transport(_)) => {
                    return Err(Error::mint(portal.origin().clone(), error));
                }
                Err(error) => return Err(error),
            };
            let found = match info.token_services_url() {
                Some(url) => url.clone(),
                // A portal that speaks but does not say: the address that all of them have.
                None if path.starts_with("sharing") => portal.join("sharing/rest/generateToken")?,
                None => continue,
            };
            let url = made_safe(normalized(found), portal.origin());
            trust.check_discovered("the token endpoint", &info_url, &url)?;
            return Ok(Self {
                url,
                short_lived_minutes: info.short_lived_minutes(),
            });
        }
        Err(match failed {
            Some(error) => Error::mint(portal.origin().clone(), error),
            None => Error::mint(portal.origin().clone(), NoTokenService(portal.clone())),
        })
    }

    /// The address that takes user name and password.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The life in minutes that a short-lived token may have, if the server says so.
    #[must_use]
    pub fn short_lived_minutes(&self) -> Option<u64> {
        self.short_lived_minutes
    }
}

/// The origins that belong to a portal: its own and, for one that was named by plain `http`, the
/// same host by `https`.
pub(crate) fn trust_of(portal: &Portal) -> TrustPolicy {
    let trust = TrustPolicy::bound_to(portal.origin().clone());
    let twin = portal.join("").ok().and_then(secure_twin);
    match twin.and_then(|url| Origin::of(&url).ok()) {
        Some(twin) => trust.with_origin(twin),
        None => trust,
    }
}

/// The address of a resource that every portal has below its own: by `https`, unless the portal is on
/// this machine.
pub(crate) fn own_address(portal: &Portal, path: &str, what: &'static str) -> Result<Url, Error> {
    let base = portal.join("")?;
    let url = made_safe(portal.join(path)?, portal.origin());
    trust_of(portal).check_discovered(what, &base, &url)?;
    Ok(url)
}

fn made_safe(found: Url, named: &Origin) -> Url {
    let Ok(origin) = Origin::of(&found) else {
        return found;
    };
    if origin.is_loopback() && origin.is_https() && !named.is_https() {
        // A server on this machine that believes itself behind https, as Koop always does.
        let same_port =
            origin.port() == named.port() || (origin.port() == 443 && named.port() == 80);
        let mut plain = found.clone();
        if origin.host() == named.host() && same_port && plain.set_scheme("http").is_ok() {
            return plain;
        }
        return found;
    }
    if origin == *named {
        return secure_twin(found.clone()).unwrap_or(found);
    }
    found
}

/// `…/tokens/` is how a server names its token service, `…/tokens/generateToken` what takes the form.
fn normalized(mut url: Url) -> Url {
    url.set_query(None);
    url.set_fragment(None);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let path = url.path().trim_end_matches('/').to_owned();
    let last = path
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let path = match last.as_str() {
        "tokens" | "rest" | "sharing" => format!("{path}/generateToken"),
        _ => path,
    };
    url.set_path(&path);
    url
}

/// An `info` document is small and made of nothing: one that takes longer does not come.
const LONGEST_INFO: Duration = Duration::from_secs(20);

/// What came of asking for an `info` document, without any credential.
pub(crate) enum InfoAnswer {
    Info(ServerInfo),
    /// There is none, or not for everybody.
    Absent,
    /// The server cannot answer now.
    Failed(ServiceError),
}

/// Asks for the `info` document at `url`. The error is the transport's.
pub(crate) async fn ask_info(
    url: Url,
    transport: &Arc<dyn Transport>,
) -> Result<InfoAnswer, Error> {
    let request = Request::read(url.clone())
        .with_param("f", "json")
        .with_timeout(LONGEST_INFO)
        .with_max_answer(ServerInfo::LONGEST);
    let response = match transport.send(request).await {
        Ok(response) => response,
        Err(Error::Unauthorized(_)) => return Ok(InfoAnswer::Absent),
        Err(error) => return Err(error),
    };
    if response.outcome() != Outcome::Ok {
        let passing = !matches!(
            response.outcome(),
            Outcome::Terminal | Outcome::TokenRefused(_)
        );
        let error = response.verdict().error().cloned();
        return Ok(error
            .filter(|_| passing)
            .map_or(InfoAnswer::Absent, InfoAnswer::Failed));
    }
    let (_, _, body) = response.into_raw();
    Ok(ServerInfo::parse(&body, &url).map_or(InfoAnswer::Absent, InfoAnswer::Info))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    fn safe(found: &str, named: &str) -> String {
        made_safe(url(found), &Origin::of(&url(named)).unwrap()).to_string()
    }

    #[test]
    fn every_way_to_name_the_token_service_is_understood() {
        for (named, meant) in [
            (
                "https://h/arcgis/tokens/",
                "https://h/arcgis/tokens/generateToken",
            ),
            (
                "https://h/arcgis/tokens",
                "https://h/arcgis/tokens/generateToken",
            ),
            (
                "https://h/arcgis/tokens/generateToken",
                "https://h/arcgis/tokens/generateToken",
            ),
            (
                "https://h/portal/sharing/rest/generateToken?x=1#y",
                "https://h/portal/sharing/rest/generateToken",
            ),
            (
                "https://h/portal/sharing/rest",
                "https://h/portal/sharing/rest/generateToken",
            ),
            ("https://u:p@h/custom/mint", "https://h/custom/mint"),
        ] {
            assert_eq!(normalized(url(named)).as_str(), meant);
        }
    }

    #[test]
    fn the_scheme_is_never_lowered_but_on_this_machine() {
        assert_eq!(
            safe("https://127.0.0.1:8080/t", "http://127.0.0.1:8080"),
            "http://127.0.0.1:8080/t"
        );
        assert_eq!(
            safe("https://localhost/t", "http://localhost"),
            "http://localhost/t"
        );
        assert_eq!(
            safe("https://127.0.0.1:9090/t", "http://127.0.0.1:8080"),
            "https://127.0.0.1:9090/t"
        );
        assert_eq!(
            safe("http://127.0.0.1:8080/t", "https://127.0.0.1:8080"),
            "http://127.0.0.1:8080/t"
        );
        assert_eq!(
            safe("https://h:8080/t", "http://h:8080"),
            "https://h:8080/t"
        );
        assert_eq!(safe("http://h/t", "http://h"), "https://h/t");
        assert_eq!(safe("http://h:6080/t", "http://h:6080"), "https://h:6443/t");
        assert_eq!(safe("http://h:8080/t", "http://h:8080"), "http://h:8080/t");
    }

    #[test]
    fn a_plain_portal_vouches_for_its_secure_twin_and_for_nobody_else() {
        let trust = trust_of(&Portal::parse("http://gis.example.com/arcgis").unwrap());
        assert!(trust.allows(&url("https://gis.example.com/arcgis/tokens")));
        assert!(!trust.allows(&url("https://gis.example.com:8443/arcgis/tokens")));
        assert!(!trust.allows(&url("https://other.example.com/arcgis/tokens")));
        let trust = trust_of(&Portal::parse("https://gis.example.com/arcgis").unwrap());
        assert!(!trust.allows(&url("http://gis.example.com/arcgis/tokens")));
    }
}
