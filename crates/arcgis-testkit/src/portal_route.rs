//! The addresses of a portal, and what they answer.

use serde_json::json;

use crate::answer::{Answer, EsriError};
use crate::guard::Guard;
use crate::item::{self, Item};
use crate::request::{Request, RequestKind};
use crate::route::{Wanted, document};
use crate::server::Shared;
use crate::{oauth, portal};

/// What a portal has beside the addresses that a server has too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PortalRoute {
    Root,
    Authorize,
    OAuthToken,
    Revoke,
    CommunitySelf,
    PortalsSelf,
    Servers,
    Item(String),
    ItemData(String),
    Search,
}

impl PortalRoute {
    pub(crate) fn parse(segments: &[&str]) -> Option<Self> {
        Some(match segments {
            [] => Self::Root,
            ["oauth2", "authorize"] => Self::Authorize,
            ["oauth2", "token"] => Self::OAuthToken,
            ["oauth2", "revokeToken"] => Self::Revoke,
            ["community", "self"] => Self::CommunitySelf,
            ["portals", "self"] => Self::PortalsSelf,
            ["portals", _, "servers"] => Self::Servers,
            ["content", "items", id] => Self::Item((*id).to_owned()),
            ["content", "items", id, "data"] => Self::ItemData((*id).to_owned()),
            ["search"] => Self::Search,
            _ => return None,
        })
    }

    pub(crate) fn kind(&self) -> RequestKind {
        match self {
            Self::Authorize => RequestKind::Authorize,
            Self::OAuthToken => RequestKind::Token,
            Self::Revoke => RequestKind::Revoke,
            Self::Item(_) | Self::ItemData(_) | Self::Search => RequestKind::Item,
            Self::Root | Self::CommunitySelf | Self::PortalsSelf | Self::Servers => {
                RequestKind::Portal
            }
        }
    }
}

/// Who issues tokens here: nobody on an open service or a federated server.
pub(crate) fn issuer(shared: &Shared) -> Option<&Guard> {
    shared
        .guard
        .as_deref()
        .filter(|guard| !guard.is_federated())
}

pub(crate) fn answer(
    shared: &Shared,
    route: &PortalRoute,
    request: &Request,
    wanted: Wanted,
) -> Result<Answer, EsriError> {
    // Items are there without any security too.
    if route.kind() == RequestKind::Item {
        return item_answer(shared, route, request, wanted);
    }
    let Some(guard) = issuer(shared) else {
        return Ok(Answer::html(
            404,
            "Not Found",
            "There is no portal at this address.",
        ));
    };
    let (method, parameters) = (&request.method, &request.parameters);
    match route {
        PortalRoute::Root => document(
            wanted,
            "Portal",
            &json!({"currentVersion": "11.3", "enterpriseVersion": "11.3.0"}),
        ),
        PortalRoute::Authorize => Ok(oauth::authorize::answer(guard, method, parameters)),
        PortalRoute::OAuthToken => Ok(oauth::grant::answer(guard, method, parameters)),
        PortalRoute::Revoke => Ok(oauth::revoke::answer(guard, method, parameters)),
        PortalRoute::CommunitySelf => {
            document(wanted, "User", &portal::community_self(guard, request)?)
        }
        PortalRoute::PortalsSelf => {
            document(wanted, "Portal", &portal::portals_self(guard, request)?)
        }
        PortalRoute::Servers => document(wanted, "Servers", &portal::servers(guard, request)?),
        PortalRoute::Item(_) | PortalRoute::ItemData(_) | PortalRoute::Search => {
            Err(item::no_such_item())
        }
    }
}

fn item_answer(
    shared: &Shared,
    route: &PortalRoute,
    request: &Request,
    wanted: Wanted,
) -> Result<Answer, EsriError> {
    let parameters = &request.parameters;
    let may_see_all = match &shared.guard {
        None => true,
        Some(guard) => match guard.authenticate(&request.headers, parameters) {
            Ok(_) => true,
            Err(499) => false,
            Err(code) => return Ok(guard.refuse(code)),
        },
    };
    let find = |id: &str| {
        let item = shared.items.iter().find(|item| item.id == id);
        let item = item.ok_or_else(item::no_such_item)?;
        if item.is_private && !may_see_all {
            return Err(EsriError::new(
                403,
                "You do not have permissions to access this resource or perform this operation.",
            ));
        }
        Ok(item)
    };
    match route {
        PortalRoute::Item(id) => document(wanted, "Item", &find(id)?.describe(&shared.addresses)),
        PortalRoute::ItemData(id) => Ok(Answer::json(find(id)?.data(&shared.addresses))),
        _ => {
            let number = |name: &str, default| match parameters.filled(name) {
                None => Ok(default),
                Some(text) => text.parse().map_err(|_| EsriError::invalid(name)),
            };
            let seen: Vec<&Item> = shared
                .items
                .iter()
                .filter(|item| may_see_all || !item.is_private)
                .collect();
            let query = parameters
                .filled("q")
                .ok_or_else(|| EsriError::invalid("q"))?;
            let (start, length) = (number("start", 1)?, number("num", 10)?);
            let found = item::search(&seen, &shared.addresses, query, start, length);
            document(wanted, "Search", &found)
        }
    }
}
