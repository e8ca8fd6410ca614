//! What a server says of itself, and of where tokens for it come from.

use serde_json::Value;
use url::Url;

/// The `rest/info` document of a server or a portal (`sharing/rest/info`), which everyone may read.
///
/// It is a server's own word: nothing in it proves anything, and no secret may go anywhere only
/// because it is named here.
///
/// ```
/// use arcgis_auth_core::ServerInfo;
///
/// let base = "https://gis.example.com/server/rest/info".parse()?;
/// let body = br#"{
///     "currentVersion": 11.3,
///     "owningSystemUrl": "https://gis.example.com/portal",
///     "authInfo": {
///         "isTokenBasedSecurity": true,
///         "tokenServicesUrl": "https://gis.example.com/portal/sharing/rest/generateToken"
///     }
/// }"#;
/// let info = ServerInfo::parse(body, &base).ok_or("not an info document")?;
/// assert_eq!(info.owning_system_url(), Some("https://gis.example.com/portal"));
/// assert_eq!(info.is_token_based_security(), Some(true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServerInfo {
    current_version: Option<f64>,
    full_version: Option<String>,
    owning_system_url: Option<String>,
    token_based: Option<bool>,
    token_services_url: Option<Url>,
    short_lived_minutes: Option<u64>,
}

impl ServerInfo {
    /// Such a document is far smaller than this, in bytes. One that is longer is not read: it takes
    /// many times its size in memory, and every server can make one up.
    pub const LONGEST: u64 = 1024 * 1024;

    /// Reads `body`, the answer from `base`. `None` if it is no such document; a member of another
    /// type than it should be counts as absent.
    #[must_use]
    pub fn parse(body: &[u8], base: &Url) -> Option<Self> {
        if u64::try_from(body.len()).is_ok_and(|length| length > Self::LONGEST) {
            return None;
        }
        let value: Value = serde_json::from_slice(body).ok()?;
        let known = [
            "authInfo",
            "owningSystemUrl",
            "currentVersion",
            "fullVersion",
        ];
        if !known.iter().any(|member| value.get(member).is_some()) {
            return None;
        }
        let auth = |member: &str| value.get("authInfo").and_then(|auth| auth.get(member));
        let token_service = auth("tokenServicesUrl").and_then(text);
        Some(Self {
            current_version: value.get("currentVersion").and_then(Value::as_f64),
            full_version: value
                .get("fullVersion")
                .and_then(text)
                .map(ToOwned::to_owned),
            owning_system_url: value
                .get("owningSystemUrl")
                .and_then(text)
                .map(ToOwned::to_owned),
            token_based: auth("isTokenBasedSecurity").and_then(Value::as_bool),
            token_services_url: token_service.and_then(|text| base.join(text).ok()),
            short_lived_minutes: auth("shortLivedTokenValidity")
                .and_then(Value::as_u64)
                .filter(|minutes| *minutes > 0),
        })
    }

    /// The version, such as 11.3.
    #[must_use]
    pub fn current_version(&self) -> Option<f64> {
        self.current_version
    }

    /// The version with its build, such as `11.3.0`.
    #[must_use]
    pub fn full_version(&self) -> Option<&str> {
        self.full_version.as_deref()
    }

    /// The portal that a federated server says it belongs to, as it spells it.
    #[must_use]
    pub fn owning_system_url(&self) -> Option<&str> {
        self.owning_system_url.as_deref()
    }

    /// Whether the server takes tokens, if it says so.
    #[must_use]
    pub fn is_token_based_security(&self) -> Option<bool> {
        self.token_based
    }

    /// Where the server says that tokens are made. A relative address is one below the document's.
    #[must_use]
    pub fn token_services_url(&self) -> Option<&Url> {
        self.token_services_url.as_ref()
    }

    /// The life in minutes that a short-lived token may have, if the server says so.
    #[must_use]
    pub fn short_lived_minutes(&self) -> Option<u64> {
        self.short_lived_minutes
    }
}

/// A text that is not empty.
fn text(value: &Value) -> Option<&str> {
    value
        .as_str()
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Option<ServerInfo> {
        let base = "https://h/arcgis/rest/info".parse().unwrap();
        ServerInfo::parse(body.as_bytes(), &base)
    }

    #[test]
    fn every_member_is_read() {
        let info = parse(
            r#"{"currentVersion":10.91,"fullVersion":"10.9.1","owningSystemUrl":" https://h/portal ",
            "authInfo":{"isTokenBasedSecurity":true,"tokenServicesUrl":"/arcgis/tokens/",
            "shortLivedTokenValidity":60}}"#,
        )
        .unwrap();
        assert_eq!(info.current_version(), Some(10.91));
        assert_eq!(info.full_version(), Some("10.9.1"));
        assert_eq!(info.owning_system_url(), Some("https://h/portal"));
        assert_eq!(info.is_token_based_security(), Some(true));
        let tokens = info.token_services_url().unwrap();
        assert_eq!(tokens.as_str(), "https://h/arcgis/tokens/");
        assert_eq!(info.short_lived_minutes(), Some(60));
    }

    #[test]
    fn a_document_without_end_is_none() {
        let long =
            |zeros: usize| format!(r#"{{"currentVersion":11,"x":[{}0]}}"#, "0,".repeat(zeros));
        assert!(parse(&long(1000)).is_some());
        assert_eq!(parse(&long(600_000)), None);
    }

    #[test]
    fn whatever_comes_is_read_or_refused_whole() {
        for body in [
            "",
            "<html>",
            "[]",
            "null",
            "7",
            "{}",
            r#"{"error":{"code":400}}"#,
        ] {
            assert_eq!(parse(body), None, "{body}");
        }
        for body in [
            r#"{"authInfo":null}"#,
            r#"{"authInfo":[1,2]}"#,
            r#"{"owningSystemUrl":7,"authInfo":{"isTokenBasedSecurity":"yes","tokenServicesUrl":{},"shortLivedTokenValidity":-1}}"#,
            r#"{"currentVersion":"11","authInfo":{"tokenServicesUrl":" ","shortLivedTokenValidity":0}}"#,
            r#"{"fullVersion":null,"authInfo":{"tokenServicesUrl":"https://[::"}}"#,
        ] {
            assert_eq!(parse(body), Some(ServerInfo::default()), "{body}");
        }
    }
}
