//! Finding out whether a server is the portal's.

use std::sync::Arc;

use arcgis_auth_core::{
    Error, Origin, Outcome, Portal, Request, Token, TokenCache, TokenPlacement, TransportErrorKind,
    Url,
};
use serde_json::Value;

use super::exchange::{Exchanged, ServerTokens};
use super::near::Vouched;
use super::owner::{is_same_portal, place};
use super::{Found, Hub, Membership};
use crate::discovery::{InfoAnswer, ask_info};

/// A list of thousands of servers is smaller than this, in bytes.
const LONGEST_LIST: u64 = 8 * 1024 * 1024;

impl Hub {
    /// Asks the server at `root`, which is not of the portal's origin, and then the portal.
    pub(super) async fn find_out(self: &Arc<Self>, root: &str) -> Result<Found, Error> {
        let now = self.clock.monotonic();
        let nothing = |membership| Ok(Found::nothing(membership, now));
        let Ok(info_url) = Url::parse(&format!("{root}/rest/info")) else {
            return nothing(Membership::Unknown);
        };
        if !Origin::of(&info_url).is_ok_and(|origin| origin.is_confidential()) {
            return nothing(Membership::Plain);
        }
        let asked = match ask_info(info_url, &self.transport).await {
            // It can be reached and does not answer this: what guards it lets only data through.
            Err(Error::Transport(error))
                if !matches!(
                    error.kind(),
                    TransportErrorKind::Connect | TransportErrorKind::Tls
                ) =>
            {
                return nothing(Membership::Unknown);
            }
            other => other?,
        };
        let info = match asked {
            InfoAnswer::Info(info) => info,
            // Nobody signs in because of a server that does not even say what it is.
            InfoAnswer::Absent | InfoAnswer::Failed(_) => return nothing(Membership::Unknown),
        };
        let Some(owner) = info.owning_system_url() else {
            return nothing(match info.is_token_based_security() {
                Some(true) => Membership::StandAlone,
                _ => Membership::Open,
            });
        };
        let owner = Portal::parse(owner).ok();
        let ours = owner
            .as_ref()
            .is_some_and(|owner| is_same_portal(owner, &self.portal));
        if !ours {
            // A portal has several names: by its list it can know a server that knows it by another.
            let portal = owner.map_or_else(|| "no portal".to_owned(), |owner| owner.to_string());
            return self.listed(root, Membership::Elsewhere { portal }).await;
        }
        match self.exchange_now(root).await? {
            Exchanged::Token(first) if self.is_discerning().await? => self.federated(root, first),
            Exchanged::Token(_) | Exchanged::Stale => {
                self.listed(root, Membership::Denied { reason: None }).await
            }
            Exchanged::Denied(error) => {
                let reason = Some(error);
                self.listed(root, Membership::Denied { reason }).await
            }
        }
    }

    fn federated(self: &Arc<Self>, root: &str, first: Token) -> Result<Found, Error> {
        let tokens = ServerTokens::new(Arc::clone(self), root, first)?;
        let cache = TokenCache::with_clock(tokens, Arc::clone(&self.clock));
        Ok(Found::known(Membership::Federated, Some(Arc::new(cache))))
    }

    /// A server that the portal names among its own, or else `otherwise`.
    async fn listed(self: &Arc<Self>, root: &str, otherwise: Membership) -> Result<Found, Error> {
        let here = place(root);
        let named = self
            .servers()
            .await
            .iter()
            .any(|known| place(known) == here);
        if named && here.is_some() {
            let vouched = Vouched::new(Arc::clone(self), root)?;
            return Ok(Found::known(Membership::Listed, Some(Arc::new(vouched))));
        }
        Ok(Found::nothing(otherwise, self.clock.monotonic()))
    }

    /// The addresses of the portal's servers. Where it does not tell, none: not every portal lets
    /// every user see them, and ArcGIS Online has none outside of its own hosts.
    async fn servers(&self) -> &[String] {
        if self.portal.origin().is_arcgis_online() {
            return &[];
        }
        let asked = self.listed.get_or_try_init(|| async {
            let token = self.portal_token().await?;
            let url = self.portal.join("sharing/rest/portals/self/servers")?;
            if !self.provider.trust().allows(&url) {
                return Ok(Vec::new());
            }
            let request = Request::read(url)
                .with_param("f", "json")
                .with_max_answer(LONGEST_LIST)
                .with_token(token, TokenPlacement::EsriHeader);
            let response = self.transport.send(request).await?;
            match response.outcome() {
                Outcome::Ok => {}
                Outcome::Terminal => return Ok(Vec::new()),
                // Another time perhaps: not remembered.
                _ => return response.into_ok().map(|_| Vec::new()),
            }
            let (_, _, body) = response.into_raw();
            Ok::<_, Error>(addresses(
                &serde_json::from_slice(&body).unwrap_or_default(),
            ))
        });
        match asked.await {
            Ok(servers) => servers,
            Err(error) => {
                tracing::debug!(target: "arcgis::federation", %error, "the portal does not list its servers");
                &[]
            }
        }
    }
}

/// The public and the administrative address of each server in a `portals/self/servers` document.
fn addresses(document: &Value) -> Vec<String> {
    let servers = document.get("servers").and_then(Value::as_array);
    servers
        .into_iter()
        .flatten()
        .flat_map(|server| ["url", "adminUrl"].map(|member| server.get(member)))
        .filter_map(|address| Some(address?.as_str()?.trim().to_owned()))
        .filter(|address| address.starts_with("https://") || address.starts_with("http://"))
        .collect()
}
