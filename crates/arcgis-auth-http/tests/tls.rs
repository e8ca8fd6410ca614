//! TLS on this machine: who is believed, and HTTP/2.
#![cfg(feature = "hyper")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use arcgis_auth_core::http::{Request as HttpRequest, Response as HttpResponse};
use arcgis_auth_core::{Bytes, Error, Request, Transport, TransportErrorKind};
use arcgis_auth_http::ArcGisClient;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A server for `names` that says which version of HTTP it was asked in, and its authority as PEM.
async fn server(names: &[&str], protocols: &[&[u8]]) -> (SocketAddr, String) {
    let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let certificate = CertificateParams::new(names)
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let service = service_fn(|request: HttpRequest<Incoming>| async move {
                    let body = format!("{{\"version\":\"{:?}\"}}", request.version());
                    Ok::<_, Infallible>(HttpResponse::new(Full::new(Bytes::from(body))))
                });
                let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ = builder
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    (address, authority.pem())
}

fn request(host: &str, address: SocketAddr) -> Request {
    Request::read(
        format!("https://{host}:{}/x", address.port())
            .parse()
            .unwrap(),
    )
}

fn refused(result: Result<arcgis_auth_core::Response, Error>) -> String {
    let error = result.unwrap_err();
    let Error::Transport(cause) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(cause.kind(), TransportErrorKind::Tls, "{error}");
    assert_eq!(cause.attempts(), 1, "a certificate does not get better");
    error.to_string()
}

#[tokio::test]
async fn an_unknown_issuer_is_refused_an_added_one_accepted() {
    let (address, pem) = server(&["localhost", "127.0.0.1"], &[b"http/1.1"]).await;
    let stranger = ArcGisClient::builder().build().unwrap();
    // A machine without any authorities says that instead.
    let why = refused(stranger.send(request("localhost", address)).await);
    assert!(
        why.contains("UnknownIssuer") || why.contains("No CA certificates"),
        "{why}"
    );

    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(pem.as_bytes()).unwrap();
    for client in [
        ArcGisClient::builder().cacert(file.path()),
        ArcGisClient::builder().cacert_pem(pem.clone()),
    ] {
        let client = client.build().unwrap();
        for host in ["localhost", "127.0.0.1"] {
            let answer = client.send(request(host, address)).await.unwrap();
            assert_eq!(
                answer.into_ok().unwrap(),
                r#"{"version":"HTTP/1.1"}"#.as_bytes()
            );
        }
    }
}

#[tokio::test]
async fn insecure_believes_everybody_and_nothing_else_does() {
    let (address, pem) = server(&["elsewhere.example"], &[b"http/1.1"]).await;
    let strict = ArcGisClient::builder().cacert_pem(pem).build().unwrap();
    let why = refused(strict.send(request("localhost", address)).await);
    assert!(
        why.contains("not valid for name") || why.contains("NotValidForName"),
        "{why}"
    );
    let lax = ArcGisClient::builder().insecure(true).build().unwrap();
    assert!(
        lax.send(request("localhost", address))
            .await
            .unwrap()
            .into_ok()
            .is_ok()
    );
}

#[tokio::test]
async fn http2_is_spoken_where_the_server_does() {
    let (address, pem) = server(&["localhost"], &[b"h2", b"http/1.1"]).await;
    let client = ArcGisClient::builder().cacert_pem(pem).build().unwrap();
    for _ in 0..2 {
        let answer = client.send(request("localhost", address)).await.unwrap();
        assert_eq!(
            answer.into_ok().unwrap(),
            r#"{"version":"HTTP/2.0"}"#.as_bytes()
        );
    }
}

#[tokio::test]
async fn https_goes_through_a_proxy_by_connect_and_stays_end_to_end() {
    let (address, pem) = server(&["gis.invalid"], &[b"h2", b"http/1.1"]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap();
    let asked = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await.unwrap());
        }
        let mut server = TcpStream::connect(address).await.unwrap();
        client
            .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            .await
            .unwrap();
        tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        String::from_utf8(head).unwrap()
    });
    let client = ArcGisClient::builder()
        .cacert_pem(pem)
        .proxy(format!("http://me:pw@{proxy}"))
        .build()
        .unwrap();
    let request = Request::read("https://gis.invalid/x?token=S3CRET".parse().unwrap());
    let answer = client.send(request).await.unwrap();
    assert_eq!(
        answer.into_ok().unwrap(),
        r#"{"version":"HTTP/2.0"}"#.as_bytes()
    );
    let head = asked.await.unwrap();
    assert!(
        head.starts_with("CONNECT gis.invalid:443 HTTP/1.1\r\n"),
        "{head}"
    );
    // base64 of "me:pw"
    assert!(
        head.contains("Proxy-Authorization: Basic bWU6cHc=\r\n"),
        "{head}"
    );
    assert!(!head.contains("S3CRET"), "{head}");
}
