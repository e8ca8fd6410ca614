//! `arcgis login`: signs in at a portal, and keeps the login.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use arcgis_rest::auth::{Credentials, Portal, SecretString, StoreKey, StoredLogin, Transport, Url};
use arcgis_rest::http::{AuthorizationCode, LoopbackRedirect, StoreChoice};
use serde_json::json;

use crate::args::{BrowserArgs, LoginArgs, OutputArgs};
use crate::browser;
use crate::connection::Connection;
use crate::exit::{Exit, Failure, note, one_line};
use crate::identity::{self, Identity, Origin};
use crate::logins::{Login, Logins};
use crate::profile::{self, listed};
use crate::secret_input::{self, Secret};
use crate::settings::{Settings, key};

/// How long the browser may take.
const PATIENCE: Duration = Duration::from_secs(600);

pub(crate) async fn run(
    args: &LoginArgs,
    output: OutputArgs,
    settings: &mut Settings,
) -> Result<()> {
    let mut logins = Logins::read(settings.folder()?)?;
    let place = Place::of(args, settings, &logins)?;
    if args.password_stdin && args.user.is_none() && !args.app {
        return Err(Failure::usage(
            "--password-stdin: it is for the password of --user and the secret of --app",
        )
        .into());
    }
    let url = place.portal.join("sharing/rest")?;
    let connection = args.connection.ready(&url).await?;
    let wanted = settings.find(&key::STORE, args.store)?;
    // Before anyone signs in: a login that cannot be kept is of no use.
    let wanted = wanted.map(|store| store.value);
    let choice = StoreChoice::make(wanted, logins.store_file()).await?;

    let way = Way {
        args,
        settings,
        place: &place,
        url: &url,
        connection: &connection,
    };
    let kept = way.sign_in().await?;
    let key = StoreKey::new(place.portal.clone(), place.profile.as_str());
    choice.store.save(&key, &kept).await?;
    let login = Login {
        profile: place.profile.clone(),
        portal: place.portal.to_string(),
        store: choice.kind.to_string(),
        kind: kind(&kept).to_owned(),
        user: kept.username().map(str::to_owned),
        client_id: match &kept {
            StoredLogin::User(user) => Some(user.client_id().to_owned()),
            StoredLogin::App(app) => Some(app.client_id().to_owned()),
            _ => None,
        },
    };
    forget_elsewhere(&logins, &login).await;
    logins.enter(login.clone())?;

    let mut out = anstream::stdout().lock();
    if output.json {
        let said = json!({
            "profile": login.profile,
            "portal": login.portal,
            "kind": login.kind,
            "user": login.user,
            "clientId": login.client_id,
            "store": login.store,
            "keptIn": choice.store.describe(),
        });
        writeln!(out, "{said:#}")?;
    } else {
        let who = one_line(&who(&login));
        writeln!(
            out,
            "Signed in to {} {who}, as profile {}",
            login.portal, login.profile
        )?;
        writeln!(out, "Saved in {choice}")?;
    }
    Ok(out.flush()?)
}

/// What a login is, in the list of logins.
fn kind(login: &StoredLogin) -> &'static str {
    match login {
        StoredLogin::User(_) => "user",
        StoredLogin::UserPassword(_) => "password",
        StoredLogin::App(_) => "app",
        _ => "token",
    }
}

fn who(login: &Login) -> String {
    match (&login.user, &login.client_id) {
        (Some(user), _) => format!("as {user}"),
        (None, Some(client)) if login.kind == "app" => format!("as the application {client}"),
        _ => "with a token".to_owned(),
    }
}

/// A login that moves from one store to the other does not stay in both.
async fn forget_elsewhere(logins: &Logins, login: &Login) {
    let Some(before) = logins.of_profile(&login.profile) else {
        return;
    };
    if before.store == login.store {
        return;
    }
    let removed =
        async { Ok::<_, anyhow::Error>(logins.store(before)?.remove(&before.key()?).await?) };
    if let Err(error) = removed.await {
        note(&format!(
            "the earlier login is still in the {}: {error}",
            before.store
        ));
    }
}

/// Where someone signs in, and under which name that is kept.
struct Place {
    portal: Portal,
    profile: String,
    client_id: Option<String>,
}

impl Place {
    fn of(args: &LoginArgs, settings: &mut Settings, logins: &Logins) -> Result<Self> {
        let typed = settings.find(&key::PORTAL, args.portal.clone())?;
        let typed = typed.filter(|portal| !portal.from.is_config());
        let typed = typed
            .map(|portal| identity::parse_portal(&portal.value))
            .transpose()?;
        let profile = match profile::named(settings, args.profile.as_ref())? {
            Some(named) => named.value,
            None => match &typed {
                Some(portal) => name_for(portal, settings, logins)?,
                None => {
                    let preferred = settings.find(&key::PROFILE, None)?;
                    preferred.map_or_else(|| profile::DEFAULT.to_owned(), |found| found.value)
                }
            },
        };
        settings.of_profile(&profile);
        let before = logins.of_profile(&profile);
        let configured = settings.find(&key::PORTAL, None)?;
        let own = configured
            .as_ref()
            .filter(|portal| portal.from.is_of_profile());
        let portal = match (typed, own, before, &configured) {
            (Some(portal), ..) => portal,
            (None, Some(own), ..) => identity::parse_portal(&own.value)?,
            (None, None, Some(login), _) => login.portal()?,
            (None, None, None, Some(configured)) => identity::parse_portal(&configured.value)?,
            (None, None, None, None) => Portal::arcgis_online()?,
        };
        let before = match before {
            Some(login) if login.portal()? != portal => {
                return Err(Failure::usage(format!(
                    "profile {profile} is a login at {}, not at {portal}",
                    login.portal
                ))
                .with_hint(format!(
                    "--profile gives this one a name of its own; arcgis logout --profile {profile} ends the other"
                ))
                .into());
            }
            before => before,
        };
        let client_id = settings.find(&key::CLIENT_ID, args.client_id.clone())?;
        Ok(Self {
            client_id: match client_id {
                Some(found) => Some(found.value),
                None => before.and_then(|login| login.client_id.clone()),
            },
            portal,
            profile,
        })
    }
}

/// The name of the login at `portal` where none was given: the one that it has, else `default`, else the
/// portal's host.
fn name_for(portal: &Portal, settings: &Settings, logins: &Logins) -> Result<String> {
    let text = portal.to_string();
    let of_config = |(name, own): (&str, Option<&str>)| {
        let own = Portal::parse(own?).ok()?;
        (own == *portal).then(|| name.to_owned())
    };
    let configured = settings
        .config()
        .profiles(&key::PORTAL.facts)
        .find_map(of_config);
    if let Some(name) = configured {
        return Ok(name);
    }
    let there: Vec<_> = logins
        .all()
        .iter()
        .filter(|login| login.portal == text)
        .collect();
    match there.as_slice() {
        [only] => return Ok(only.profile.clone()),
        [] => {}
        several => {
            return Err(Failure::usage(format!(
                "several profiles are of {portal}: {}",
                listed(several)
            ))
            .with_hint("--profile says which one to sign in again, or names a new one")
            .into());
        }
    }
    let is_free = |name: &str| {
        let mut configured = settings.config().profiles(&key::PORTAL.facts);
        logins.of_profile(name).is_none()
            && configured.all(|(known, own)| known != name || own.is_none())
    };
    let host = portal
        .origin()
        .host()
        .replace(['[', ']'], "")
        .replace(':', "-");
    [profile::DEFAULT, host.as_str()]
        .into_iter()
        .find(|name| is_free(name))
        .map(str::to_owned)
        .ok_or_else(|| {
            Failure::usage(format!(
                "profiles {} and {host} are of other portals",
                profile::DEFAULT
            ))
            .with_hint("--profile gives this login a name")
            .into()
        })
}

/// The way to sign in.
struct Way<'a> {
    args: &'a LoginArgs,
    settings: &'a Settings,
    place: &'a Place,
    url: &'a Url,
    connection: &'a Connection<'a>,
}

impl Way<'_> {
    async fn sign_in(&self) -> Result<StoredLogin> {
        let portal = self.place.portal.clone();
        if let Some(path) = &self.args.token_file {
            let token = secret_input::read_token(path)?;
            let Credentials::Token { token, .. } = Credentials::token(&portal, token)? else {
                return Err(Failure::usage("--token-file: no token").into());
            };
            return Ok(StoredLogin::Token { portal, token });
        }
        if let Some(user) = &self.args.user {
            let user = identity::checked_user(user)?;
            let from_stdin = self.args.password_stdin;
            let password = identity::password_of(user, &portal, from_stdin).await?;
            let credentials = Credentials::user_password(user, password, portal)?;
            return self.tried(credentials).await;
        }
        let client_id = self.client_id()?;
        if self.args.app {
            let secret = self.app_secret(client_id).await?;
            let credentials = Credentials::app(client_id, secret, portal)?;
            return self.tried(credentials).await;
        }
        self.on_the_page(client_id).await
    }

    fn client_id(&self) -> Result<&str> {
        self.place.client_id.as_deref().ok_or_else(|| {
            let portal = &self.place.portal;
            Failure::usage(format!(
                "signing in at {portal} on its own page needs the client id of an application that is registered there"
            ))
            .with_hint(
                "--client-id gives it once; arcgis login --help says how to register one; --user signs in with a password",
            )
            .into()
        })
    }

    async fn app_secret(&self, client_id: &str) -> Result<SecretString> {
        if self.args.password_stdin {
            return tokio::task::spawn_blocking(secret_input::read_password).await?;
        }
        let prompt = format!(
            "Secret of the application {client_id} at {}: ",
            self.place.portal
        );
        secret_input::ask(prompt, Secret::Application).await
    }

    /// Gets a token, so that nothing is kept that does not work.
    async fn tried(&self, credentials: Credentials) -> Result<StoredLogin> {
        let portal = Some(self.place.portal.clone());
        let identity = Identity::of(credentials.clone(), portal, Origin::Arguments);
        let client = self
            .connection
            .client(self.settings, self.url, &identity, None)?;
        if let Some(provider) = client.provider() {
            provider.token().await?;
        }
        match credentials {
            Credentials::UserPassword(user) => Ok(StoredLogin::UserPassword(user)),
            Credentials::App(app) => Ok(StoredLogin::App(app)),
            _ => Err(Failure::new(Exit::Other, "this credential cannot be kept").into()),
        }
    }

    /// The user signs in on the portal's page.
    async fn on_the_page(&self, client_id: &str) -> Result<StoredLogin> {
        let args = &self.args.browser;
        let anonymous = Identity::anonymous();
        let client = self
            .connection
            .client(self.settings, self.url, &anonymous, None)?;
        let transport: Arc<dyn Transport> = Arc::new(client);
        let mut flow = AuthorizationCode::builder(self.place.portal.clone(), client_id);
        if args.no_pkce {
            flow = flow.without_pkce();
        }
        let signed_in = if pastes(args) {
            let flow = flow.build()?;
            show(&flow, "Sign in on this page, with any browser:");
            prompt("Paste the code that the page shows: ");
            let code = secret_input::read_code().await?;
            flow.complete(&code, transport).await?
        } else {
            let port = self.settings.get(&key::PORT, args.port)?.value;
            let redirect = LoopbackRedirect::listen(&format!("http://127.0.0.1:{port}/")).await?;
            let flow = flow.redirect_uri(redirect.redirect_uri()).build()?;
            show(
                &flow,
                "Sign in on this page, with a browser on this machine:",
            );
            if !args.no_browser {
                browser::open(flow.authorize_url());
            }
            let answer = redirect.wait(&flow, PATIENCE).await?;
            flow.complete(&answer, transport).await?
        };
        Ok(StoredLogin::User(signed_in.login()?.clone()))
    }
}

/// Whether the code is pasted: where that is asked for, and in a shell on another machine than the browser's.
fn pastes(args: &BrowserArgs) -> bool {
    let remote = std::env::var_os("SSH_CONNECTION").is_some();
    args.paste || (remote && !args.no_browser && args.port.is_none())
}

/// Standard output is for results.
fn show(flow: &AuthorizationCode, how: &str) {
    let mut stderr = anstream::stderr().lock();
    // Nobody is left to tell that standard error is closed.
    let _ = writeln!(stderr, "{how}\n\n  {}\n", flow.authorize_url());
}

fn prompt(text: &str) {
    let mut stderr = anstream::stderr().lock();
    let _ = write!(stderr, "{text}").and_then(|()| stderr.flush());
}
