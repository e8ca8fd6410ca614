//! Where to sign in for a server that wants a token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, Shared};
use url::Url;

use crate::outcome::Outcome;
use crate::portal::Portal;
use crate::request::Request;
use crate::server_info::ServerInfo;
use crate::session::server_root;
use crate::transport::Transport;

/// A refusal waits no longer than this for the advice that goes with it.
const PATIENCE: Duration = Duration::from_secs(10);

type Place = Shared<BoxFuture<'static, Option<String>>>;

/// What servers say of where their tokens come from, by server root. Each is asked once, without a
/// token; one that does not answer is not asked again.
#[derive(Clone, Default)]
pub(crate) struct SignInPlaces(Arc<Mutex<HashMap<String, Place>>>);

impl SignInPlaces {
    /// The portal to sign in at for `url`, as the server says itself: the portal that owns it, or the
    /// home of its token service.
    pub(crate) async fn of(&self, url: &Url, transport: &Arc<dyn Transport>) -> Option<String> {
        let root = server_root(url);
        if url.path().to_ascii_lowercase().contains("/sharing/rest") {
            return Portal::parse(&root).ok().map(|portal| portal.to_string());
        }
        let place = {
            let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let ask = || ask(root.clone(), Arc::clone(transport)).boxed().shared();
            places.entry(root.clone()).or_insert_with(ask).clone()
        };
        place.await
    }
}

async fn ask(root: String, transport: Arc<dyn Transport>) -> Option<String> {
    let url: Url = format!("{root}/rest/info").parse().ok()?;
    let request = Request::read(url.clone())
        .with_param("f", "json")
        .with_timeout(PATIENCE)
        .with_max_answer(ServerInfo::LONGEST);
    let response = transport.send(request).await.ok()?;
    if response.outcome() != Outcome::Ok {
        return None;
    }
    let (_, _, body) = response.into_raw();
    let info = ServerInfo::parse(&body, &url)?;
    let owner = info
        .owning_system_url()
        .and_then(|owner| Portal::parse(owner).ok());
    let tokens = || Portal::from_url(info.token_services_url()?.clone()).ok();
    owner.or_else(tokens).map(|portal| portal.to_string())
}
