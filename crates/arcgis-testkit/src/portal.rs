//! What a portal says about itself, its user and its servers.

use serde_json::{Value as Json, json};

use crate::answer::EsriError;
use crate::guard::{Guard, Principal};
use crate::request::Request;

const ORGANISATION: &str = "0123456789ABCDEF";

/// `community/self`: who is asking.
pub(crate) fn community_self(guard: &Guard, request: &Request) -> Result<Json, EsriError> {
    match guard.authenticate(&request.headers, &request.parameters) {
        Ok(Principal::User(name)) => Ok(user(&name)),
        Ok(Principal::App(_) | Principal::Key) => Err(EsriError::new(
            403,
            "You do not have permissions to access this resource or perform this operation.",
        )
        .with_detail("The token is not a user token.")),
        Err(code) => Err(refused(code)),
    }
}

/// `portals/self`: the organisation, seen by whoever asks. Without a token it is the anonymous view.
pub(crate) fn portals_self(guard: &Guard, request: &Request) -> Result<Json, EsriError> {
    let host = guard.addresses.portal_url();
    let host = host.split_once("://").map_or("", |(_, host)| host);
    let mut body = json!({
        "id": ORGANISATION,
        "name": "Test organisation",
        "urlKey": "test",
        "isPortal": true,
        "portalHostname": host,
        "portalMode": "singletenant",
        "supportsOAuth": true,
        "allSSL": guard.addresses.origin.starts_with("https:"),
        "currentVersion": "11.3",
        "authorizedCrossOriginDomains": [],
        "authorizedCrossOriginNoCorsDomains": [],
    });
    let seen_by = match guard.authenticate(&request.headers, &request.parameters) {
        Ok(Principal::User(name)) => Some(("user", user(&name))),
        Ok(Principal::App(id)) => Some(("appInfo", json!({"appId": id}))),
        Ok(Principal::Key) | Err(499) => None,
        Err(code) => return Err(refused(code)),
    };
    if let (Some((member, value)), Some(object)) = (seen_by, body.as_object_mut()) {
        object.insert(member.to_owned(), value);
    }
    Ok(body)
}

/// `portals/self/servers`: the servers that are federated with the portal.
pub(crate) fn servers(guard: &Guard, request: &Request) -> Result<Json, EsriError> {
    guard
        .authenticate(&request.headers, &request.parameters)
        .map_err(refused)?;
    let state = guard.state();
    let servers: Vec<Json> = state
        .servers
        .iter()
        .enumerate()
        .map(|(at, (root, _))| {
            let host = root.split("//").nth(1).unwrap_or_default();
            json!({
                "id": format!("server{at}"),
                "name": host,
                "url": root,
                "adminUrl": root,
                "isHosted": false,
                "serverType": "ARCGIS",
                "serverRole": "FEDERATED_SERVER",
                "serverFunction": "",
            })
        })
        .collect();
    Ok(json!({"servers": servers}))
}

fn user(name: &str) -> Json {
    json!({
        "username": name,
        "fullName": name,
        "email": format!("{name}@example.com"),
        "orgId": ORGANISATION,
        "role": "org_user",
        "privileges": ["portal:user:viewOrgItems"],
        "userType": "arcgisonly",
        "groups": [],
    })
}

fn refused(code: u16) -> EsriError {
    match code {
        499 => EsriError::new(499, "Token Required").with_detail("Token Required"),
        _ => EsriError::new(498, "Invalid token.").with_detail("Invalid token."),
    }
}
