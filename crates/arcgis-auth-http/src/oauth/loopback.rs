//! Where the browser comes back to.

use std::fmt;
use std::io;
use std::time::Duration;

use arcgis_auth_core::{ConfigError, Error, SecretString, Url};
use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::authorization_code::AuthorizationCode;
use super::error::OAuthError;

/// A request's line and headers are read up to this size; browsers send far less.
const LONGEST_HEAD: usize = 32 * 1024;

/// A connection on which nothing is asked is given up. Browsers open some ahead of need.
const PATIENCE: Duration = Duration::from_secs(10);

/// So many connections are looked at together; later ones wait.
const MOST_CONNECTIONS: usize = 16;

/// Listens on this machine for the browser that comes back from the portal's page with the code.
///
/// It serves a single small page and takes the first answer that belongs to the sign-in: requests for
/// other paths (a browser asks for `/favicon.ico`), of other hosts and with another `state`, as any
/// page in the browser could send them, change nothing. The code is never logged.
///
/// The address has to be registered with the application; so it is best a fixed one.
///
/// ```no_run
/// use std::sync::Arc;
/// use std::time::Duration;
/// use arcgis_auth_core::{Error, Portal, Transport};
/// use arcgis_auth_http::{AuthorizationCode, LoopbackRedirect, SignedIn};
///
/// async fn sign_in(portal: Portal, transport: Arc<dyn Transport>) -> Result<SignedIn, Error> {
///     let redirect = LoopbackRedirect::listen("http://127.0.0.1:8765/").await?;
///     let flow = AuthorizationCode::builder(portal, "client-id")
///         .redirect_uri(redirect.redirect_uri())
///         .build()?;
///     println!("Sign in at {}", flow.authorize_url());
///     let answer = redirect.wait(&flow, Duration::from_secs(300)).await?;
///     flow.complete(&answer, transport).await
/// }
/// ```
pub struct LoopbackRedirect {
    listener: TcpListener,
    address: Url,
    redirect_uri: String,
}

impl LoopbackRedirect {
    /// Listens at `redirect_uri`, which must be plain `http` on `127.0.0.1`, `[::1]` or `localhost`
    /// (which is taken as `127.0.0.1`). Port 0 takes any that is free.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for another address, and [`Error::Mint`] with [`OAuthError::Listen`] if it
    /// cannot be listened on: most often because another program does.
    pub async fn listen(redirect_uri: &str) -> Result<Self, Error> {
        let invalid = |problem: &str| {
            Error::from(ConfigError::InvalidOption {
                option: "redirect_uri",
                problem: problem.to_owned(),
            })
        };
        let mut address = Url::parse(redirect_uri).map_err(|_| invalid("is no URL"))?;
        let host = match address.host_str() {
            Some("127.0.0.1" | "localhost") => "127.0.0.1",
            Some("[::1]") => "::1",
            _ => return Err(invalid("must be on this machine: 127.0.0.1 or localhost")),
        };
        if address.scheme() != "http" {
            return Err(invalid("must be plain http: nobody else sees it"));
        }
        if address.query().is_some() || address.fragment().is_some() {
            return Err(invalid("must have neither query nor fragment"));
        }
        let failed = |error: io::Error| {
            let origin = arcgis_auth_core::Origin::of(&address)?;
            let listen = OAuthError::Listen {
                address: redirect_uri.to_owned(),
                reason: error.to_string(),
            };
            Ok::<_, Error>(Error::mint(origin, listen))
        };
        let bound = TcpListener::bind((host, address.port_or_known_default().unwrap_or(80))).await;
        let listener = match bound {
            Ok(listener) => listener,
            Err(error) => return Err(failed(error)?),
        };
        let port = match listener.local_addr() {
            Ok(local) => local.port(),
            Err(error) => return Err(failed(error)?),
        };
        // What was typed is what is registered: only a port that was not named is put in.
        let redirect_uri = if address.port() == Some(0) {
            let _ = address.set_port(Some(port));
            address.to_string()
        } else {
            redirect_uri.to_owned()
        };
        Ok(Self {
            listener,
            address,
            redirect_uri,
        })
    }

    /// The address, for [`AuthorizationCodeBuilder::redirect_uri`](crate::AuthorizationCodeBuilder::redirect_uri).
    #[must_use]
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Waits for the browser to come back from `flow`, for up to `limit`: the address that it was sent
    /// to, for [`AuthorizationCode::complete`]. It holds the code.
    ///
    /// # Errors
    ///
    /// [`Error::Mint`] with [`OAuthError::TimedOut`], or [`OAuthError::Listen`] if the system takes
    /// the address away.
    pub async fn wait(
        &self,
        flow: &AuthorizationCode,
        limit: Duration,
    ) -> Result<SecretString, Error> {
        let at = arcgis_auth_core::Origin::of(flow.authorize_url())?;
        match tokio::time::timeout(limit, self.answer(flow)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Error::mint(
                at,
                OAuthError::Listen {
                    address: self.redirect_uri.clone(),
                    reason: error.to_string(),
                },
            )),
            Err(_) => Err(Error::mint(at, OAuthError::TimedOut(limit))),
        }
    }

    async fn answer(&self, flow: &AuthorizationCode) -> io::Result<SecretString> {
        // Together, because a browser keeps connections open on which it asks nothing.
        let mut serving = FuturesUnordered::new();
        let mut failures = 0;
        loop {
            if serving.is_empty() {
                serving.push(self.serve(self.accept(&mut failures).await?, flow));
                continue;
            }
            if serving.len() >= MOST_CONNECTIONS {
                if let Some(Some(answer)) = serving.next().await {
                    return Ok(answer);
                }
                continue;
            }
            let accepted = {
                let accepting = Box::pin(self.accept(&mut failures));
                match select(accepting, serving.next()).await {
                    Either::Left((stream, _)) => Some(stream?),
                    Either::Right((Some(Some(answer)), _)) => return Ok(answer),
                    Either::Right(_) => None,
                }
            };
            if let Some(stream) = accepted {
                serving.push(self.serve(stream, flow));
            }
        }
    }

    /// The next connection. One that broke before it was taken is nothing; a listener that is gone is.
    async fn accept(&self, failures: &mut u32) -> io::Result<TcpStream> {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => return Ok(stream),
                Err(error) => {
                    *failures += 1;
                    if *failures > 100 {
                        return Err(error);
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    /// Reads one request, answers it, and gives the address if it is the one that is waited for.
    async fn serve(&self, mut stream: TcpStream, flow: &AuthorizationCode) -> Option<SecretString> {
        let exchange = async {
            let head = read_head(&mut stream).await?;
            let (page, answer) = self.judge(&head, flow);
            // The answer counts even if the browser does not stay for the page.
            let _ = stream.write_all(page.to_http().as_bytes()).await;
            let _ = stream.shutdown().await;
            answer
        };
        tokio::time::timeout(PATIENCE, exchange)
            .await
            .ok()
            .flatten()
    }

    fn judge(&self, head: &str, flow: &AuthorizationCode) -> (Page, Option<SecretString>) {
        let mut lines = head.lines();
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (method, target) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        if method != "GET" || !target.starts_with('/') {
            return (Page::NOT_ALLOWED, None);
        }
        let ours = self.address.port_or_known_default().unwrap_or(80);
        let host = lines
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("host"))
            .map_or("", |(_, value)| value.trim());
        // A page elsewhere can have its own host name lead to this machine.
        let known = ["127.0.0.1", "localhost", "[::1]"]
            .iter()
            .any(|name| host == format!("{name}:{ours}") || (ours == 80 && host == *name));
        let Ok(url) = self.address.join(target) else {
            return (Page::NOT_FOUND, None);
        };
        if !known || url.path() != self.address.path() {
            return (Page::NOT_FOUND, None);
        }
        if !flow.is_answer(&url) {
            return (Page::NOT_OURS, None);
        }
        let parameter = |name: &str| {
            let pair = url.query_pairs().find(|(known, _)| known == name)?;
            Some(pair.1.into_owned())
        };
        let page = match parameter("error") {
            Some(error) => Page {
                status: "200 OK",
                title: "Not signed in",
                text: parameter("error_description").unwrap_or(error),
            },
            None if parameter("code").is_some() => Page {
                status: "200 OK",
                title: "Almost done",
                text: "You can close this page and go back to the program.".to_owned(),
            },
            None => return (Page::NOT_OURS, None),
        };
        tracing::debug!(target: "arcgis::mint", redirect_uri = %self.redirect_uri, "the browser came back");
        (page, Some(String::from(url).into()))
    }
}

/// Reads up to the blank line behind the headers.
async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::with_capacity(2048);
    loop {
        let mut chunk = [0_u8; 2048];
        let read = stream.read(&mut chunk).await.ok()?;
        if read == 0 || head.len() > LONGEST_HEAD {
            return None;
        }
        // The blank line may begin in the chunk before.
        let from = head.len().saturating_sub(3);
        head.extend_from_slice(chunk.get(..read)?);
        if head.get(from..)?.windows(4).any(|four| four == b"\r\n\r\n") {
            return String::from_utf8(head).ok();
        }
    }
}

struct Page {
    status: &'static str,
    title: &'static str,
    text: String,
}

impl Page {
    const NOT_FOUND: Self = Self::plain("404 Not Found", "There is nothing here");
    const NOT_ALLOWED: Self = Self::plain("405 Method Not Allowed", "Only GET is answered here");
    const NOT_OURS: Self = Self::plain("400 Bad Request", "This does not belong to the sign-in");

    const fn plain(status: &'static str, title: &'static str) -> Self {
        Self {
            status,
            title,
            text: String::new(),
        }
    }

    fn to_http(&self) -> String {
        let (title, text) = (self.title, escaped(&self.text));
        let body = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title><h1>{title}</h1><p>{text}</p></html>\n"
        );
        format!(
            "HTTP/1.1 {}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nContent-Security-Policy: default-src 'none'\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n{body}",
            self.status,
            body.len()
        )
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

impl fmt::Debug for LoopbackRedirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoopbackRedirect({})", self.redirect_uri)
    }
}
