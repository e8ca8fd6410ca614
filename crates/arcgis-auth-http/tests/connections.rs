//! The transport over hyper against connections that misbehave, and through proxies.
#![cfg(feature = "hyper")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arcgis_auth_core::{ConfigError, Error, Request, Response, Transport, TransportErrorKind};
use arcgis_auth_http::{ArcGisClient, HyperTransport, HyperTransportBuilder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const COUNT: &str = "{\"count\":42}";

/// A server of one's own: each connection gets `answer` for each request head, then is closed where
/// `close` says so. What came is kept.
struct Raw {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Raw {
    async fn new(answers: Vec<Vec<u8>>, close: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (kept, answers) = (Arc::clone(&kept), answers.clone());
                tokio::spawn(async move {
                    while let Some(head) = read_head(&mut stream).await {
                        let at = {
                            let mut kept = kept.lock().unwrap();
                            kept.push(head);
                            (kept.len() - 1).min(answers.len() - 1)
                        };
                        if stream.write_all(&answers[at]).await.is_err() || close {
                            break;
                        }
                    }
                });
            }
        });
        Self { address, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    fn request(&self) -> Request {
        Request::read(format!("http://{}/x?f=json", self.address).parse().unwrap())
    }
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

fn plain(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn gzipped(packed: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        packed.len()
    );
    [head.as_bytes(), packed].concat()
}

fn pack(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn transport() -> HyperTransportBuilder {
    HyperTransport::builder()
}

async fn send(builder: HyperTransportBuilder, request: Request) -> Result<Response, Error> {
    builder.build().unwrap().send(request).await
}

fn kind(result: Result<Response, Error>) -> TransportErrorKind {
    match result.unwrap_err() {
        Error::Transport(error) => {
            assert!(!error.to_string().contains("f=json"), "no query: {error}");
            error.kind()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn t25_json_is_json_whatever_its_type_is_called() {
    let raw = Raw::new(vec![plain(COUNT)], false).await;
    let transport = transport().build().unwrap();
    for _ in 0..2 {
        let answer = transport.send(raw.request()).await.unwrap();
        assert_eq!(answer.into_ok().unwrap(), COUNT.as_bytes());
    }
    let head = raw.heads()[0].to_ascii_lowercase();
    assert!(head.starts_with("get /x?f=json http/1.1\r\n"), "{head}");
    assert!(head.contains("accept-encoding: gzip\r\n"), "{head}");
    assert!(
        head.contains(concat!("user-agent: arcgis-rs/", env!("CARGO_PKG_VERSION"))),
        "{head}"
    );
}

#[tokio::test]
async fn t25_html_is_an_error_that_says_so() {
    let raw = Raw::new(vec![plain("<html><title>Down for repairs</title>")], false).await;
    let error = send(transport(), raw.request())
        .await
        .unwrap()
        .into_ok()
        .unwrap_err();
    assert!(error.to_string().contains("Down for repairs"), "{error}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_never_a_short_success() {
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"count\":42}".to_vec();
    let chunk =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n{\"count\":42}\r\n".to_vec();
    let packed = pack(COUNT.as_bytes());
    let whole_http_half_gzip = gzipped(&packed[..packed.len() - 6]);
    let headless = b"HTTP/1.1 200 OK\r\nContent-Le".to_vec();
    for broken in [half, chunk, whole_http_half_gzip, headless, Vec::new()] {
        let shown = String::from_utf8_lossy(&broken).into_owned();
        let raw = Raw::new(vec![broken], true).await;
        let result = send(transport(), raw.request()).await;
        assert_eq!(kind(result), TransportErrorKind::Interrupted, "{shown}");
    }
}

#[tokio::test]
async fn a_broken_answer_is_asked_for_again() {
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".to_vec();
    let raw = Raw::new(vec![half.clone(), half, plain(COUNT)], true).await;
    let policy = arcgis_auth_http::RetryPolicy::default()
        .with_backoff(Duration::from_millis(1), Duration::from_millis(1));
    let client = ArcGisClient::builder()
        .retry_policy(policy)
        .build()
        .unwrap();
    let answer = client.send(raw.request()).await.unwrap();
    assert_eq!(answer.attempts(), 3);
    assert_eq!(answer.into_ok().unwrap(), COUNT.as_bytes());
    let stats = client.stats();
    assert_eq!((stats.requests, stats.retries), (3, 2));
}

#[tokio::test]
async fn what_is_not_http_is_a_protocol_error() {
    for nonsense in [
        b"220 mail.example.com ESMTP\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}".to_vec(),
        gzipped(b"this is not gzip at all"),
    ] {
        let raw = Raw::new(vec![nonsense], true).await;
        assert_eq!(
            kind(send(transport(), raw.request()).await),
            TransportErrorKind::Protocol
        );
    }
}

#[tokio::test]
async fn gzip_is_unpacked_and_counted_packed() {
    let body = format!(
        "{{\"features\":[{}]}}",
        vec![r#"{"a":1}"#; 10_000].join(",")
    );
    let packed = pack(body.as_bytes());
    // Two members in one stream are one text.
    let halves = body.as_bytes().split_at(1000);
    let twice = [pack(halves.0), pack(halves.1)].concat();
    let empty = b"HTTP/1.1 304 Not Modified\r\nContent-Encoding: gzip\r\n\r\n".to_vec();
    let raw = Raw::new(vec![gzipped(&packed), gzipped(&twice), empty], false).await;
    let client = ArcGisClient::builder().build().unwrap();
    let answer = client.send(raw.request()).await.unwrap();
    assert!(!answer.headers().contains_key("content-encoding"));
    assert_eq!(answer.into_ok().unwrap(), body.as_bytes());
    assert_eq!(client.stats().bytes, packed.len() as u64);
    let answer = client.send(raw.request()).await.unwrap();
    assert_eq!(answer.into_ok().unwrap(), body.as_bytes());
    assert_eq!(client.send(raw.request()).await.unwrap().len(), 0);
}

#[tokio::test]
async fn no_answer_grows_beyond_the_limit() {
    let bomb = pack(&vec![b' '; 20_000_000]);
    assert!(bomb.len() < 50_000);
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2000\r\n".to_vec();
    let endless = [chunked, vec![b' '; 0x2000]].concat();
    let announced = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{".to_vec();
    for (answer, limit) in [
        (gzipped(&bomb), 100_000),
        (endless, 1000),
        (announced, 1000),
    ] {
        let raw = Raw::new(vec![answer], false).await;
        let result = send(transport().max_body(limit), raw.request()).await;
        assert_eq!(kind(result), TransportErrorKind::TooLarge);
    }
    let raw = Raw::new(vec![plain(COUNT)], false).await;
    let exact = COUNT.len() as u64;
    assert!(
        send(transport().max_body(exact), raw.request())
            .await
            .is_ok()
    );
    assert_eq!(
        kind(send(transport().max_body(exact - 1), raw.request()).await),
        TransportErrorKind::TooLarge
    );
    // A request's own limit, which cannot raise the transport's.
    let own = |most| raw.request().with_max_answer(most);
    assert!(send(transport(), own(exact)).await.is_ok());
    for (transport, request) in [
        (transport(), own(exact - 1)),
        (transport().max_body(exact - 1), own(exact)),
    ] {
        let result = send(transport, request).await;
        assert_eq!(kind(result), TransportErrorKind::TooLarge);
    }
}

#[tokio::test]
async fn a_stall_ends_in_time_wherever_it_is() {
    let silent = Vec::new();
    let in_the_body = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".to_vec();
    for answer in [silent, in_the_body] {
        let raw = Raw::new(vec![answer], false).await;
        let start = Instant::now();
        let result = send(
            transport().timeout(Duration::from_millis(100)),
            raw.request(),
        )
        .await;
        assert_eq!(kind(result), TransportErrorKind::Timeout);
        // A limit of the request's own wins.
        let own = raw.request().with_timeout(Duration::from_millis(50));
        assert_eq!(
            kind(send(transport(), own).await),
            TransportErrorKind::Timeout
        );
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn a_handshake_that_stalls_is_no_connection() {
    let raw = Raw::new(vec![Vec::new()], false).await;
    let url = format!("https://{}/", raw.address).parse().unwrap();
    let result = send(
        transport().connect_timeout(Duration::from_millis(100)),
        Request::read(url),
    )
    .await;
    assert_eq!(kind(result), TransportErrorKind::Connect);
}

#[tokio::test]
async fn nobody_there_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let result = send(
        transport(),
        Request::read(format!("http://{address}/").parse().unwrap()),
    )
    .await;
    let error = result.unwrap_err();
    assert!(
        error.to_string().to_lowercase().contains("refused"),
        "{error}"
    );
    assert!(
        matches!(&error, Error::Transport(error) if error.kind() == TransportErrorKind::Connect)
    );
    let unknown = Request::read("http://no-such-host.invalid/".parse().unwrap());
    assert_eq!(
        kind(send(transport(), unknown).await),
        TransportErrorKind::Connect
    );
}

#[tokio::test]
async fn dropping_the_future_ends_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let transport = transport().build().unwrap();
    let asking = tokio::spawn(async move { transport.send(Request::read(url)).await });
    let (mut stream, _) = listener.accept().await.unwrap();
    read_head(&mut stream).await.unwrap();
    asking.abort();
    let ended = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut [0; 1])).await;
    assert!(matches!(ended, Ok(Ok(0) | Err(_))), "{ended:?}");
}

#[tokio::test]
async fn plain_http_goes_through_the_proxy_with_its_whole_address() {
    let proxy = Raw::new(vec![plain(COUNT)], false).await;
    let through = format!("http://me:pr%40xy@{}", proxy.address);
    let builder = transport().proxy(through.clone());
    assert!(!format!("{builder:?}").contains("pr%40xy"));
    let request = Request::read("http://gis.invalid:6080/arcgis?f=json".parse().unwrap());
    let answer = send(builder, request).await.unwrap();
    assert_eq!(answer.into_ok().unwrap(), COUNT.as_bytes());
    let head = proxy.heads()[0].clone();
    assert!(
        head.starts_with("GET http://gis.invalid:6080/arcgis?f=json HTTP/1.1\r\n"),
        "{head}"
    );
    // base64 of "me:pr@xy"
    assert!(
        head.to_ascii_lowercase()
            .contains(&"proxy-authorization: Basic bWU6cHJAeHk=\r\n".to_ascii_lowercase()),
        "{head}"
    );
    assert!(head.contains("bWU6cHJAeHk="), "{head}");
}

#[tokio::test]
async fn a_proxy_that_refuses_is_no_connection() {
    for refusal in ["407 Proxy Authentication Required", "403 Forbidden"] {
        let answer = format!("HTTP/1.1 {refusal}\r\nContent-Length: 0\r\n\r\n").into_bytes();
        let proxy = Raw::new(vec![answer], true).await;
        let builder = transport().proxy(format!("http://me:S3CRET@{}", proxy.address));
        let request = Request::read("https://gis.invalid/arcgis".parse().unwrap());
        let error = send(builder, request).await.unwrap_err();
        assert!(
            matches!(&error, Error::Transport(error) if error.kind() == TransportErrorKind::Connect)
        );
        assert!(
            !format!("{error} {error:?}").contains("S3CRET"),
            "{error:?}"
        );
        let head = proxy.heads()[0].clone();
        assert!(
            head.starts_with("CONNECT gis.invalid:443 HTTP/1.1\r\n"),
            "{head}"
        );
        assert!(head.contains("Proxy-Authorization: Basic"), "{head}");
    }
}

#[tokio::test]
async fn the_environment_names_the_proxy_but_not_for_this_machine() {
    // The environment belongs to the process: ask a child for it.
    if std::env::var_os("CONNECTIONS_CHILD").is_some() {
        let direct = Raw::new(vec![plain(COUNT)], false).await;
        send(transport(), direct.request())
            .await
            .unwrap()
            .into_ok()
            .unwrap();
        let outside = |host: &str| Request::read(format!("http://{host}/x").parse().unwrap());
        let answer = send(transport(), outside("gis.invalid")).await.unwrap();
        assert_eq!(answer.into_ok().unwrap(), COUNT.as_bytes());
        let excepted = send(transport(), outside("direct.invalid")).await;
        assert_eq!(kind(excepted), TransportErrorKind::Connect);
        return;
    }
    let proxy = Raw::new(vec![plain(COUNT)], false).await;
    let name = "the_environment_names_the_proxy_but_not_for_this_machine";
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child
        .args([name, "--exact", "--nocapture"])
        .env("CONNECTIONS_CHILD", "1")
        .env_remove("ALL_PROXY")
        .env("HTTP_PROXY", format!("http://{}", proxy.address))
        .env("NO_PROXY", "direct.invalid");
    let output = tokio::task::spawn_blocking(move || child.output())
        .await
        .unwrap()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    let heads = proxy.heads();
    assert_eq!(heads.len(), 1, "{heads:?}");
    assert!(
        heads[0].starts_with("GET http://gis.invalid/x "),
        "{heads:?}"
    );
}

#[test]
fn options_that_cannot_be_used_are_refused_at_once() {
    let option = |result: Result<ArcGisClient, Error>| match result.unwrap_err() {
        Error::Config(ConfigError::InvalidOption { option, problem }) => {
            assert!(!problem.contains("S3CRET"), "{problem}");
            option
        }
        other => panic!("{other:?}"),
    };
    let new = ArcGisClient::builder;
    assert_eq!(option(new().timeout(Duration::ZERO).build()), "timeout");
    assert_eq!(
        option(new().connect_timeout(Duration::ZERO).build()),
        "connect_timeout"
    );
    assert_eq!(option(new().max_body(0).build()), "max_body");
    assert_eq!(option(new().concurrency(0).build()), "concurrency");
    assert_eq!(option(new().user_agent("a\nb").build()), "user_agent");
    assert_eq!(option(new().user_agent(" ").build()), "user_agent");
    for proxy in ["socks5://me:S3CRET@h:1", "ftp://h", "", "http://"] {
        assert_eq!(option(new().proxy(proxy).build()), "proxy", "{proxy}");
    }
    assert_eq!(option(new().header("bad name", "x").build()), "header");
    assert_eq!(
        option(
            new()
                .header("x-key", "S3CRET\n")
                .header("x", "a\0b")
                .build()
        ),
        "header"
    );
    assert_eq!(option(new().header("Host", "x").build()), "header");
    assert_eq!(
        option(new().cacert_pem("not a certificate").build()),
        "cacert"
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    assert_eq!(option(new().cacert(file.path()).build()), "cacert");
    let missing = new().cacert("/no/such/file.pem").build().unwrap_err();
    assert!(
        matches!(&missing, Error::Config(ConfigError::Unreadable { path, .. }) if path.contains("file.pem"))
    );
    let portal = arcgis_auth_core::Portal::parse("https://h").unwrap();
    let token = || arcgis_auth_core::Credentials::token(&portal, "t").unwrap();
    let clash = new()
        .credentials(token())
        .header("X-Esri-Authorization", "Bearer S3CRET");
    assert_eq!(option(clash.build()), "header");
    let web_tier = new()
        .credentials(token())
        .header("Authorization", "Basic S3CRET");
    assert!(web_tier.build().is_ok());
    let own: Arc<dyn Transport> = Arc::new(transport().build().unwrap());
    assert_eq!(
        option(new().transport(Arc::clone(&own)).insecure(true).build()),
        "insecure"
    );
    assert!(new().transport(own).build().is_ok());
}

#[tokio::test]
async fn the_users_agent_and_headers_go_with_every_request() {
    let raw = Raw::new(vec![plain(COUNT)], false).await;
    let client = ArcGisClient::builder()
        .user_agent("me/1")
        .header("X-Gateway", "key")
        .header("Referer", "https://allowed.example")
        .build()
        .unwrap();
    client.send(raw.request()).await.unwrap();
    let head = raw.heads()[0].to_ascii_lowercase();
    for line in [
        "user-agent: me/1\r\n",
        "x-gateway: key\r\n",
        "referer: https://allowed.example\r\n",
    ] {
        assert!(head.contains(line), "{line} {head}");
    }
}
