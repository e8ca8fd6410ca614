#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

//! The service as a whole: its start and end, its log, compression and TLS.

mod towns;
mod wire;

use std::time::{Duration, Instant};

use arcgis_testkit::{Field, FieldType, Layer, RequestKind, Row, Service, Testkit};
use serde_json::json;
use towns::{PAGE, five_towns, page, start};
use wire::{get, post, query, try_get};

#[tokio::test]
async fn requests_are_remembered() {
    let service = Testkit::builder()
        .layer(five_towns())
        .longest_url(500)
        .log_capacity(2)
        .start()
        .await
        .unwrap();
    assert_eq!(
        get(
            &service,
            PAGE,
            &[("f", "json"), ("where", &"x".repeat(600))]
        )
        .status,
        414
    );
    get(&service, "/arcgis/rest/info", &[("f", "json")]);
    get(&service, "/arcgis/rest/services", &[("f", "json")]);
    let path = format!("{PAGE}?token=in-url");
    post(
        &service,
        &path,
        &[("f", "json"), ("where", "1=1"), ("odd", "1")],
        &[("X-Test", "yes")],
    );
    let requests = service.requests();
    assert_eq!(requests.len(), 2);
    let last = &requests[1];
    assert_eq!(
        (
            last.method().as_str(),
            last.path(),
            last.kind(),
            last.layer()
        ),
        ("POST", PAGE, RequestKind::Features, Some("towns"))
    );
    assert_eq!(
        last.parameters().source("where"),
        Some(arcgis_testkit::ParameterSource::Form)
    );
    assert_eq!(
        last.parameters().source("token"),
        Some(arcgis_testkit::ParameterSource::Query)
    );
    assert_eq!(
        (last.header("x-test"), last.unknown_parameters()),
        (Some("yes"), &["odd".to_owned()][..])
    );
    let answered = last.answered().unwrap();
    assert_eq!(
        (answered.status, answered.rows, answered.error),
        (200, Some(5), None)
    );
    assert_eq!((service.most_in_flight(), service.connections()), (1, 4));
}

#[tokio::test]
async fn answers_are_compressed_when_asked_for() {
    use std::io::Read;
    let service = start(five_towns()).await;
    let plain = page(&service).unwrap();
    assert_eq!(plain.header("content-encoding"), None);
    let reply = try_get(
        &service,
        PAGE,
        &[("where", "1=1"), ("f", "json")],
        &[("Accept-Encoding", "br, gzip;q=0.8")],
    )
    .unwrap();
    assert_eq!(reply.header("content-encoding"), Some("gzip"));
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&reply.body[..])
        .read_to_end(&mut unpacked)
        .unwrap();
    assert_eq!(unpacked, plain.body);
    let refused = try_get(
        &service,
        PAGE,
        &[("where", "1=1"), ("f", "json")],
        &[("Accept-Encoding", "gzip;q=0")],
    )
    .unwrap();
    assert_eq!(refused.header("content-encoding"), None);
    let pretty = get(&service, PAGE, &[("where", "1=1"), ("f", "pjson")]);
    assert!(pretty.text().contains("\n "));
    assert_eq!(pretty.json(), plain.json());
}

#[tokio::test]
async fn a_service_stops_when_told_or_dropped() {
    let service = start(five_towns()).await;
    let address = service.address();
    let taken = Testkit::builder().port(address.port()).start().await;
    assert!(
        matches!(taken, Err(arcgis_testkit::Error::Bind { .. })),
        "{taken:?}"
    );
    service.shutdown().await;
    assert!(std::net::TcpStream::connect(address).is_err());
    let again = Testkit::builder()
        .port(address.port())
        .start()
        .await
        .unwrap();
    assert_eq!(again.address(), address);
    drop(again);
    let begun = Instant::now();
    while std::net::TcpStream::connect(address).is_ok() {
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "the service lives on"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test]
async fn what_does_not_fit_together_does_not_start() {
    let error =
        |builder: arcgis_testkit::TestkitBuilder| async { builder.start().await.unwrap_err() };
    assert!(matches!(
        error(Testkit::builder().layer(five_towns()).layer(five_towns())).await,
        arcgis_testkit::Error::DuplicateService(_)
    ));
    let odd = five_towns().with_row(Row::new().with("NOSUCH", 1));
    assert!(matches!(
        error(Testkit::builder().layer(odd)).await,
        arcgis_testkit::Error::UnknownField { .. }
    ));
    let twice = five_towns().with_row(Row::new().with("OBJECTID", 1));
    assert!(matches!(
        error(Testkit::builder().layer(twice)).await,
        arcgis_testkit::Error::ObjectId { .. }
    ));
    let twice = Layer::table("t")
        .with_field(Field::new("FID", FieldType::Oid))
        .with_rows([1, 1].map(|id| Row::new().with("FID", id)));
    assert!(matches!(
        error(Testkit::builder().layer(twice)).await,
        arcgis_testkit::Error::ObjectId { .. }
    ));
    let clash = Service::new("s")
        .with_layer(five_towns().with_id(1))
        .with_layer(five_towns().with_id(1));
    assert!(matches!(
        error(Testkit::builder().service(clash)).await,
        arcgis_testkit::Error::DuplicateLayer { id: 1, .. }
    ));
    let service = start(five_towns()).await;
    assert!(matches!(
        service.layer("nosuch"),
        Err(arcgis_testkit::Error::UnknownLayer(_))
    ));
    assert_eq!(
        query(
            &service,
            "towns",
            &[("where", "1=1"), ("returnCountOnly", "true")]
        ),
        json!({"count": 5})
    );
}

#[tokio::test]
async fn https_is_vouched_for_by_the_ca_alone() {
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_rustls::rustls::pki_types::pem::PemObject as _;
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

    let connect = async |service: &Testkit, ca: Option<&str>, protocol: &[u8]| {
        let mut roots = RootCertStore::empty();
        if let Some(pem) = ca {
            roots
                .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
                .unwrap();
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let stream = tokio::net::TcpStream::connect(service.address())
            .await
            .unwrap();
        tokio_rustls::TlsConnector::from(Arc::new(config))
            .connect(ServerName::try_from("127.0.0.1").unwrap(), stream)
            .await
    };
    let service = Testkit::builder()
        .layer(five_towns())
        .tls()
        .start()
        .await
        .unwrap();
    assert!(service.layer_url("towns").starts_with("https://127.0.0.1:"));
    let mut stream = connect(&service, service.ca_pem(), b"http/1.1")
        .await
        .unwrap();
    let request = format!(
        "GET {PAGE}?where=1%3D1&returnCountOnly=true&f=json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with(r#"{"count":5}"#), "{answer}");
    let stream = connect(&service, service.ca_pem(), b"h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    assert!(connect(&service, None, b"h2").await.is_err());
    let other = Testkit::builder()
        .tls_for(["elsewhere.test"])
        .start()
        .await
        .unwrap();
    assert!(connect(&other, other.ca_pem(), b"h2").await.is_err());
}
