#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod wire;

use std::time::{Duration, Instant};

use arcgis_testkit::{
    Edit, Fault, FaultKind, Field, FieldType, Geometry, GeometryType, Layer, Placement,
    RefusalStyle, RequestKind, Row, Security, Service, Testkit,
};
use serde_json::json;
use wire::{Reply, get, post, query, try_get};

const PAGE: &str = "/arcgis/rest/services/towns/FeatureServer/0/query";

fn towns() -> Layer {
    Layer::new("towns", GeometryType::Point)
        .with_field(Field::new("NAME", FieldType::String))
        .with_rows((1..=5).map(|n| {
            Row::new()
                .with("NAME", format!("Town {n}"))
                .at(Geometry::point((f64::from(n), 47.0)))
        }))
}

async fn with(kind: FaultKind) -> Testkit {
    Testkit::builder()
        .layer(towns())
        .fault(Fault::on_query(2, kind))
        .start()
        .await
        .unwrap()
}

fn page(service: &Testkit) -> std::io::Result<Reply> {
    try_get(service, PAGE, &[("where", "1=1"), ("f", "json")], &[])
}

/// The second of three pages meets the fault; the first and the third are right.
async fn second(kind: FaultKind) -> (Reply, Testkit) {
    let service = with(kind).await;
    let right = page(&service).unwrap().body;
    let reply = page(&service).unwrap();
    assert_eq!(page(&service).unwrap().body, right);
    assert_eq!(service.faults_fired(), [1]);
    assert_eq!(service.requests()[1].answered().unwrap().faults, [0]);
    (reply, service)
}

#[tokio::test]
async fn statuses_carry_headers_and_html() {
    let (reply, _) = second(FaultKind::Status(503)).await;
    assert_eq!(reply.status, 503);
    assert!(reply.text().starts_with("<html>"));
    let (reply, _) = second(FaultKind::StatusWith {
        status: 429,
        headers: vec![("Retry-After".to_owned(), "7".to_owned())],
    })
    .await;
    assert_eq!(
        (reply.status, reply.header("retry-after")),
        (429, Some("7"))
    );
    let (reply, _) = second(FaultKind::Redirect(
        "http://127.0.0.1:9/elsewhere".to_owned(),
    ))
    .await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (302, Some("http://127.0.0.1:9/elsewhere"))
    );
}

#[tokio::test]
async fn errors_hide_in_a_200() {
    let (reply, service) = second(FaultKind::ErrorBody {
        code: 500,
        message: "Error performing query operation".to_owned(),
        details: vec![],
    })
    .await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.json(),
        json!({"error": {"code": 500, "message": "Error performing query operation", "details": []}})
    );
    assert_eq!(service.requests()[1].answered().unwrap().error, Some(500));
    let (reply, _) = second(FaultKind::Html).await;
    assert_eq!(reply.status, 200);
    assert!(reply.text().contains("<title>Sign In</title>"));
    let (reply, _) = second(FaultKind::QuotaBody { retry_after: 60 }).await;
    assert_eq!(
        (reply.status, reply.json()["error"]["code"].as_i64()),
        (200, Some(429))
    );
    assert!(reply.text().contains("Retry after 60 sec."));
    let (reply, _) = second(FaultKind::LateError {
        code: 500,
        message: "x".to_owned(),
    })
    .await;
    assert_eq!(reply.json()["features"].as_array().unwrap().len(), 5);
    assert!(
        reply
            .text()
            .ends_with(r#","error":{"code":500,"details":[],"message":"x"}}"#)
    );
    let (reply, _) = second(FaultKind::TokenRefused {
        code: 498,
        style: RefusalStyle::Body,
    })
    .await;
    assert_eq!(
        (reply.status, reply.json()["error"]["code"].as_i64()),
        (200, Some(498))
    );
    let (reply, _) = second(FaultKind::TokenRefused {
        code: 499,
        style: RefusalStyle::Status,
    })
    .await;
    assert_eq!(
        (reply.status, reply.json()["error"]["code"].as_i64()),
        (499, Some(499))
    );
    let (reply, _) = second(FaultKind::TokenRefused {
        code: 498,
        style: RefusalStyle::AdminBody,
    })
    .await;
    assert_eq!(
        reply.json(),
        json!({"status": "error", "messages": ["Token Expired."], "code": 498})
    );
    let (reply, _) = second(FaultKind::EmptyBody).await;
    assert_eq!((reply.status, reply.body.len()), (200, 0));
    let (reply, _) = second(FaultKind::Respond {
        status: 418,
        content_type: "text/plain",
        body: "tea".to_owned(),
    })
    .await;
    assert_eq!(
        (
            reply.status,
            reply.header("content-type"),
            reply.text().as_str()
        ),
        (418, Some("text/plain"), "tea")
    );
}

#[tokio::test]
async fn connections_break() {
    let (reply, _) = second(FaultKind::Truncate).await;
    assert!(reply.broken && reply.status == 200 && !reply.body.is_empty());
    let (reply, _) = second(FaultKind::CutShort).await;
    assert!(!reply.broken && reply.status == 200);
    assert!(serde_json::from_slice::<serde_json::Value>(&reply.body).is_err());

    let service = with(FaultKind::Reset).await;
    page(&service).unwrap();
    let Err(error) = page(&service) else {
        panic!("no reset")
    };
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(service.requests()[1].answered().unwrap().status, 0);
    page(&service).unwrap();
    assert_eq!(service.faults_fired(), [1]);
}

#[tokio::test]
async fn answers_come_late_or_never() {
    let service = with(FaultKind::Delay(Duration::from_millis(300))).await;
    let right = page(&service).unwrap().body;
    let begun = Instant::now();
    assert_eq!(page(&service).unwrap().body, right);
    assert!(begun.elapsed() >= Duration::from_millis(300));

    let service = with(FaultKind::Stall).await;
    page(&service).unwrap();
    let stalled = std::thread::spawn({
        let address = service.address();
        move || {
            use std::io::{Read, Write};
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            write!(
                stream,
                "GET {PAGE}?where=1%3D1&f=json HTTP/1.1\r\nHost: x\r\n\r\n"
            )
            .unwrap();
            stream
                .set_read_timeout(Some(Duration::from_millis(400)))
                .unwrap();
            stream.read(&mut [0; 16]).map(|bytes| bytes > 0)
        }
    });
    // A timeout of the client's own, not an answer and not the end of the connection.
    let error = stalled.join().unwrap().unwrap_err();
    assert!(
        matches!(
            error.kind(),
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
        ),
        "{error}"
    );
    assert_eq!(service.faults_fired(), [1]);
    // The stalled request ends with its connection; the service goes on.
    page(&service).unwrap();
    let begun = Instant::now();
    while service.in_flight() > 0 {
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "the stalled request lives on"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test]
async fn rows_are_lost_doubled_or_edited_in_between() {
    let ids = |reply: &Reply| -> Vec<i64> {
        reply.json()["features"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["attributes"]["OBJECTID"].as_i64().unwrap())
            .collect()
    };
    let (reply, _) = second(FaultKind::LoseRow(1)).await;
    assert_eq!(ids(&reply), [1, 3, 4, 5]);
    let (reply, _) = second(FaultKind::DoubleRow(1)).await;
    assert_eq!(ids(&reply), [1, 2, 3, 4, 5, 2]);
    let (reply, _) = second(FaultKind::EmptyPage).await;
    assert_eq!(reply.json()["features"], json!([]));
    let service = with(FaultKind::Edit {
        layer: "towns".to_owned(),
        edit: Edit::Delete(2),
    })
    .await;
    assert_eq!(ids(&page(&service).unwrap()), [1, 2, 3, 4, 5]);
    assert_eq!(ids(&page(&service).unwrap()), [1, 3, 4, 5]);
    let position = service.add_fault(Fault::on_query(
        1,
        FaultKind::Edit {
            layer: "towns".to_owned(),
            edit: Edit::Insert(Row::new()),
        },
    ));
    assert_eq!(ids(&page(&service).unwrap()), [1, 3, 4, 5, 6]);
    assert_eq!(service.faults_fired()[position], 1);
}

#[tokio::test]
async fn faults_choose_their_requests() {
    let service = Testkit::builder()
        .layer(towns())
        .layer(towns().with_name("others"))
        .fault(Fault::on_metadata(1, FaultKind::Status(500)).times(2))
        .fault(
            Fault::on_query(1, FaultKind::Status(501))
                .for_layer("others")
                .always(),
        )
        .fault(
            Fault::on_any(1, FaultKind::Status(502))
                .when(|request| request.parameters().get("where") == Some("OBJECTID = 3")),
        )
        .fault(Fault::on(RequestKind::Count, 2, FaultKind::Status(503)))
        .start()
        .await
        .unwrap();
    let metadata = || {
        get(
            &service,
            "/arcgis/rest/services/towns/FeatureServer/0",
            &[("f", "json")],
        )
        .status
    };
    assert_eq!([metadata(), metadata(), metadata()], [500, 500, 200]);
    let ask = |layer: &str, what: &str, more: (&str, &str)| {
        get(
            &service,
            &format!("/arcgis/rest/services/{layer}/FeatureServer/0/query"),
            &[("f", "json"), ("where", what), more],
        )
        .status
    };
    let rows = ("outFields", "*");
    assert_eq!(
        [
            ask("towns", "1=1", rows),
            ask("others", "1=1", rows),
            ask("others", "1=1", rows)
        ],
        [200, 501, 501]
    );
    assert_eq!(
        [
            ask("towns", "OBJECTID = 3", rows),
            ask("towns", "OBJECTID = 3", rows)
        ],
        [502, 200]
    );
    let count = ("returnCountOnly", "true");
    assert_eq!(
        [
            ask("others", "1=1", count),
            ask("towns", "1=1", count),
            ask("towns", "1=1", count)
        ],
        [200, 503, 200]
    );
    assert_eq!(service.faults_fired(), [2, 2, 1, 1]);
}

fn secured(security: Security) -> arcgis_testkit::TestkitBuilder {
    Testkit::builder().layer(towns()).security(security)
}

fn mint(service: &Testkit, more: &[(&str, &str)], referer: &str) -> serde_json::Value {
    let mut form = vec![
        ("username", "user"),
        ("password", "pass word"),
        ("client", "referer"),
        ("referer", referer),
        ("f", "json"),
    ];
    form.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    form.extend_from_slice(more);
    post(service, "/arcgis/tokens/generateToken", &form, &[]).json()
}

fn count(
    service: &Testkit,
    parameters: &[(&str, &str)],
    headers: &[(&str, &str)],
) -> serde_json::Value {
    let mut all = vec![("f", "json"), ("where", "1=1"), ("returnCountOnly", "true")];
    all.extend_from_slice(parameters);
    let reply = try_get(service, PAGE, &all, headers).unwrap();
    assert_eq!(reply.status, 200);
    reply.json()
}

#[tokio::test]
async fn a_secured_service_tells_where_tokens_are_and_asks_for_them() {
    let service = secured(Security::token("user", "pass word"))
        .start()
        .await
        .unwrap();
    let info = get(&service, "/arcgis/rest/info", &[("f", "json")]).json();
    assert_eq!(
        info["authInfo"],
        json!({"isTokenBasedSecurity": true, "tokenServicesUrl": service.token_url(), "shortLivedTokenValidity": 60})
    );
    assert!(info.get("owningSystemUrl").is_none());
    let portal = get(&service, "/portal/sharing/rest/info", &[("f", "json")]).json();
    assert_eq!(
        portal["authInfo"]["tokenServicesUrl"],
        format!("{}/sharing/rest/generateToken", service.portal_url())
    );
    assert_eq!(
        count(&service, &[], &[]),
        json!({"error": {"code": 499, "message": "Token Required", "details": ["Token Required"]}})
    );
    assert_eq!(
        count(&service, &[("token", "x")], &[])["error"]["code"],
        498
    );
    assert_eq!(
        get(&service, "/arcgis/rest/services", &[("f", "json")]).json()["error"]["code"],
        499
    );

    assert_eq!(
        get(
            &service,
            "/arcgis/tokens/generateToken",
            &[
                ("username", "user"),
                ("password", "pass word"),
                ("f", "json")
            ]
        )
        .status,
        405
    );
    let wrong = mint(&service, &[("password", "wrong")], "https://x");
    assert_eq!(
        wrong,
        json!({"error": {"code": 400, "message": "Unable to generate token.", "details": ["Invalid username or password."]}})
    );
    assert_eq!(
        mint(&service, &[("expiration", "0")], "https://x")["error"]["code"],
        400
    );
    assert_eq!(service.mints(), 0);

    let minted = mint(&service, &[("expiration", "525600")], "https://x.test");
    let life = minted["expires"].as_u64().unwrap()
        - u64::try_from(
            std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap()
                .as_millis(),
        )
        .unwrap();
    // Cut down to the hour that tokens live here.
    assert!((3_590_000..=3_600_000).contains(&life), "{life}");
    let token = minted["token"].as_str().unwrap();
    let referer = ("Referer", "https://x.test/");
    for (parameters, header) in [
        (
            vec![],
            Some(("X-Esri-Authorization", format!("Bearer {token}"))),
        ),
        (vec![], Some(("Authorization", format!("Bearer {token}")))),
        (vec![("token", token)], None),
    ] {
        let mut headers = vec![referer];
        headers.extend(header.iter().map(|(name, value)| (*name, value.as_str())));
        assert_eq!(count(&service, &parameters, &headers), json!({"count": 5}));
        headers.remove(0);
        assert_eq!(count(&service, &parameters, &headers)["error"]["code"], 498);
    }
    assert_eq!(service.mints(), 1);
    service.revoke_tokens();
    assert_eq!(
        count(&service, &[("token", token)], &[referer])["error"]["code"],
        498
    );
    let issued = service.issue_token().unwrap();
    assert_eq!(
        count(&service, &[("token", &issued)], &[]),
        json!({"count": 5})
    );
    assert_eq!(service.mints(), 1);
    let log = format!("{:?}", service.requests());
    assert!(!log.contains(token) && !log.contains("pass word"));
}

#[tokio::test]
async fn tokens_end_with_their_life() {
    let security = Security::token("user", "pass word")
        .token_life(Duration::from_millis(300))
        .refusal(RefusalStyle::Status);
    let service = secured(security).start().await.unwrap();
    let minted = mint(&service, &[("client", "requestip")], "");
    let ask = || {
        try_get(
            &service,
            PAGE,
            &[
                ("f", "json"),
                ("where", "1=1"),
                ("token", minted["token"].as_str().unwrap()),
            ],
            &[],
        )
        .unwrap()
        .status
    };
    assert_eq!(ask(), 200);
    std::thread::sleep(Duration::from_millis(350));
    assert_eq!(ask(), 498);
}

#[tokio::test]
async fn servers_differ_in_what_they_accept() {
    let old = Security::token("user", "pass word")
        .accept([Placement::Form, Placement::Query])
        .static_token("AAPKx")
        .refuse_requestip();
    let service = secured(
        old.owning_system_url("{origin}/portal")
            .token_services_url("https://evil.test/token"),
    )
    .start()
    .await
    .unwrap();
    assert_eq!(
        count(&service, &[], &[("X-Esri-Authorization", "Bearer AAPKx")])["error"]["code"],
        499
    );
    assert_eq!(
        count(&service, &[("token", "AAPKx")], &[]),
        json!({"count": 5})
    );
    let form = post(
        &service,
        PAGE,
        &[
            ("f", "json"),
            ("where", "1=1"),
            ("returnCountOnly", "true"),
            ("token", "AAPKx"),
        ],
        &[],
    );
    assert_eq!(form.json(), json!({"count": 5}));
    let minted = mint(&service, &[("client", "requestip")], "");
    assert_eq!(
        count(
            &service,
            &[("token", minted["token"].as_str().unwrap())],
            &[]
        )["error"]["code"],
        498
    );
    let info = get(&service, "/arcgis/rest/info", &[("f", "json")]).json();
    assert_eq!(info["owningSystemUrl"], service.portal_url());
    assert_eq!(
        info["authInfo"]["tokenServicesUrl"],
        "https://evil.test/token"
    );
}

#[tokio::test]
async fn requests_are_remembered() {
    let service = Testkit::builder()
        .layer(towns())
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
    let service = Testkit::builder().layer(towns()).start().await.unwrap();
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
    let service = Testkit::builder().layer(towns()).start().await.unwrap();
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
        error(Testkit::builder().layer(towns()).layer(towns())).await,
        arcgis_testkit::Error::DuplicateService(_)
    ));
    let odd = towns().with_row(Row::new().with("NOSUCH", 1));
    assert!(matches!(
        error(Testkit::builder().layer(odd)).await,
        arcgis_testkit::Error::UnknownField { .. }
    ));
    let twice = towns().with_row(Row::new().with("OBJECTID", 1));
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
        .with_layer(towns().with_id(1))
        .with_layer(towns().with_id(1));
    assert!(matches!(
        error(Testkit::builder().service(clash)).await,
        arcgis_testkit::Error::DuplicateLayer { id: 1, .. }
    ));
    let service = Testkit::builder().layer(towns()).start().await.unwrap();
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
        .layer(towns())
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
