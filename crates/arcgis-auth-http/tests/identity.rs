//! Client certificates: shown where they are asked for, and usable or refused with what to do.
#![cfg(feature = "hyper")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unreachable_pub, dead_code)]

use std::fs;
use std::net::SocketAddr;

use arcgis_auth_core::{Credentials, Error, Portal, Request, Transport, TransportErrorKind};
use arcgis_auth_http::{ArcGisClient, ArcGisClientBuilder, ClientIdentity};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

mod sites;
use sites::*;

const HOST: &str = "gis.example.com";

struct Keys {
    certificate: String,
    pkcs8: String,
    sec1: String,
}

fn keys(authority: &Authority) -> Keys {
    let (certificate, key) = authority.signs(&["me"]);
    // PKCS#8 of a P-256 key holds the SEC1 form in its last member, an octet string (0x04) of 0x6d bytes.
    let der = key.serialize_der();
    let at = der.windows(2).position(|pair| pair == [0x04, 0x6d]);
    let sec1 = STANDARD.encode(&der[at.unwrap() + 2..][..0x6d]);
    Keys {
        certificate: certificate.pem(),
        pkcs8: key.serialize_pem(),
        sec1: format!("-----BEGIN EC PRIVATE KEY-----\n{sec1}\n-----END EC PRIVATE KEY-----\n"),
    }
}

async fn site(servers: &Authority, clients: &Authority) -> Site {
    Site::secure(servers, &[HOST], Some(clients), |_| json(r#"{"count":42}"#)).await
}

fn client(servers: &Authority, address: SocketAddr) -> ArcGisClientBuilder {
    ArcGisClient::builder()
        .cacert_pem(servers.pem())
        .resolve(HOST, address)
        .retries(1)
}

fn layer() -> Request {
    let url = format!("https://{HOST}/arcgis/rest/services/x/FeatureServer/0?f=json");
    Request::read(url.parse().unwrap())
}

#[tokio::test]
async fn a_certificate_opens_the_web_tier_and_the_token_goes_along() {
    let (servers, clients) = (Authority::new(), Authority::new());
    let site = site(&servers, &clients).await;
    let keys = keys(&clients);
    let folder = tempfile::tempdir().unwrap();
    let (both, certificate, key) = (
        folder.path().join("both.pem"),
        folder.path().join("certificate.pem"),
        folder.path().join("key.pem"),
    );
    // The key first, as some tools write it.
    fs::write(&both, format!("{}{}", keys.pkcs8, keys.certificate)).unwrap();
    fs::write(&certificate, &keys.certificate).unwrap();
    fs::write(&key, &keys.pkcs8).unwrap();
    for identity in [
        ClientIdentity::from_pem_file(&both),
        ClientIdentity::from_pem_files(&certificate, &key),
        ClientIdentity::from_pem(format!("{}{}", keys.certificate, keys.pkcs8).as_bytes()),
        ClientIdentity::from_pem(format!("{}{}", keys.certificate, keys.sec1).as_bytes()),
    ] {
        let identity = identity.unwrap();
        assert_eq!(
            format!("{identity:?}"),
            "ClientIdentity { certificates: 1, .. }"
        );
        let portal = Portal::parse(&format!("https://{HOST}/portal")).unwrap();
        let client = client(&servers, site.address)
            .client_identity(identity)
            .credentials(Credentials::token(&portal, "T0KEN").unwrap())
            .build()
            .unwrap();
        let answer = client.send(layer()).await.unwrap();
        assert_eq!(answer.into_ok().unwrap(), r#"{"count":42}"#.as_bytes());
    }
    let seen = site.seen();
    assert_eq!(seen.len(), 4);
    for request in &seen {
        assert!(request.certified);
        assert_eq!(request.header("x-esri-authorization"), Some("Bearer T0KEN"));
    }
}

#[tokio::test]
async fn without_a_certificate_or_with_a_strangers_the_error_is_about_tls() {
    let (servers, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let site = site(&servers, &clients).await;
    let stranger = keys(&strangers);
    let stranger = format!("{}{}", stranger.certificate, stranger.pkcs8);
    let identity = ClientIdentity::from_pem(stranger.as_bytes()).unwrap();
    for (builder, said) in [
        (client(&servers, site.address), "client certificate"),
        (
            client(&servers, site.address).client_identity(identity),
            "alert",
        ),
    ] {
        let error = builder.build().unwrap().send(layer()).await.unwrap_err();
        let Error::Transport(cause) = &error else {
            panic!("{error:?}");
        };
        assert_eq!(cause.kind(), TransportErrorKind::Tls, "{error}");
        assert_eq!(cause.attempts(), 1, "no retry helps");
        assert!(error.to_string().contains(said), "{error}");
    }
    assert!(site.seen().is_empty());
}

#[test]
fn a_key_as_openssl_rsa_traditional_writes_it_is_read() {
    // PKCS#1: a certificate for "nobody (test)" and its key, made with openssl for this test.
    let pem = include_bytes!("identity_files/pkcs1.pem");
    assert!(String::from_utf8_lossy(pem).contains("BEGIN RSA PRIVATE KEY"));
    ClientIdentity::from_pem(pem).unwrap();
}

fn problem(result: Result<ClientIdentity, Error>) -> String {
    match result.unwrap_err() {
        Error::Config(error) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_cannot_be_used_says_what_to_do() {
    let authority = Authority::new();
    let keys = keys(&authority);
    let (other, _) = authority.signs(&["other"]);
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    for (pem, said) in [
        (
            format!("{}{encrypted}", keys.certificate),
            "openssl pkey -in",
        ),
        (format!("{}{legacy}", keys.certificate), "openssl pkey -in"),
        ("\x30\x02".to_owned(), "openssl pkcs12 -in"),
        (keys.pkcs8.clone(), "no certificate"),
        (keys.certificate.clone(), "no private key"),
        (
            format!("{}{}", other.pem(), keys.pkcs8),
            "does not belong to the first certificate",
        ),
    ] {
        let told = problem(ClientIdentity::from_pem(pem.as_bytes()));
        assert!(told.contains(said), "{told}");
        assert!(!told.contains("AAAA"), "no part of a key is shown: {told}");
    }
    let missing = problem(ClientIdentity::from_pem_file("/no/such/file.pem"));
    assert!(missing.contains("/no/such/file.pem"), "{missing}");
}
