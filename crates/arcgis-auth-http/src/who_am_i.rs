//! Who the portal takes one for.

use arcgis_auth_core::{Error, Portal, Request, Transport};
use serde_json::Value;

/// Who a token belongs to, as the portal says. Every member is what the portal sends, or `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Identity {
    /// The name that the user signs in with; none for an application and for anonymous access.
    pub username: Option<String>,
    /// The user's name.
    pub full_name: Option<String>,
    /// The user's e-mail address.
    pub email: Option<String>,
    /// The user's role, such as `org_publisher`.
    pub role: Option<String>,
    /// The user type, such as `creatorUT`.
    pub user_type: Option<String>,
    /// The application (its id) that a token without user belongs to.
    pub app_id: Option<String>,
    /// The organisation's id.
    pub org_id: Option<String>,
    /// The organisation's name.
    pub org_name: Option<String>,
    /// The organisation's part in its host name: `<url_key>.maps.arcgis.com`.
    pub url_key: Option<String>,
}

impl Identity {
    /// Whether the portal knows neither user nor application.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.username.is_none() && self.app_id.is_none()
    }
}

/// Asks `portal` who the tokens of `transport` belong to: `portals/self`, and `community/self` where
/// that does not say it. An [`ArcGisClient`](crate::ArcGisClient) is such a transport.
///
/// ```no_run
/// use arcgis_auth_core::Portal;
/// use arcgis_auth_http::{ArcGisClient, who_am_i};
///
/// # async fn example(client: ArcGisClient) -> Result<(), Box<dyn std::error::Error>> {
/// let me = who_am_i(&Portal::arcgis_online()?, &client).await?;
/// println!("{} of {}", me.username.unwrap_or_default(), me.org_name.unwrap_or_default());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As the transport; [`Error::Service`] where there is no portal, as at a stand-alone server.
pub async fn who_am_i(portal: &Portal, transport: &dyn Transport) -> Result<Identity, Error> {
    let about = get(portal, "sharing/rest/portals/self", transport).await?;
    let app = about.get("appInfo").unwrap_or(&Value::Null);
    let mut identity = Identity {
        org_id: text(&about, "id"),
        org_name: text(&about, "name"),
        url_key: text(&about, "urlKey"),
        app_id: text(app, "appId"),
        ..Identity::default()
    };
    match about.get("user") {
        Some(user @ Value::Object(_)) => fill(&mut identity, user),
        _ if identity.app_id.is_some() => {}
        _ => match get(portal, "sharing/rest/community/self", transport).await {
            Ok(user) => fill(&mut identity, &user),
            // Said of a token that belongs to no user.
            Err(Error::Forbidden(_) | Error::Service(_)) => {}
            Err(error) => return Err(error),
        },
    }
    Ok(identity)
}

/// What a portal says of itself has tens of kilobytes.
const LONGEST: u64 = 8 * 1024 * 1024;

async fn get(portal: &Portal, path: &str, transport: &dyn Transport) -> Result<Value, Error> {
    let request = Request::read(portal.join(path)?)
        .with_param("f", "json")
        .with_max_answer(LONGEST);
    let body = transport.send(request).await?.into_ok()?;
    Ok(serde_json::from_slice(&body).unwrap_or_default())
}

fn fill(identity: &mut Identity, user: &Value) {
    identity.username = text(user, "username");
    identity.full_name = text(user, "fullName");
    identity.email = text(user, "email");
    identity.role = text(user, "role");
    identity.user_type = text(user, "userLicenseTypeId");
}

/// A text that is not empty, without what commands a terminal: it is there to be shown.
pub(crate) fn text(value: &Value, member: &str) -> Option<String> {
    let text = value.get(member)?.as_str()?;
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
