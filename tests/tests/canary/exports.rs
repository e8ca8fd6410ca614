//! Exports of a secured layer: in the file, the report, what is printed, logged and sent.

use std::error::Error as StdError;

use arcgis_auth_http::ArcGisClientBuilder;
use arcgis_auth_http::arcgis_auth_core::{
    Credentials, Portal, Request, TokenPlacement, Transport, Url,
};
use arcgis_testkit::{
    Fault, FaultKind, Field, FieldType, Geometry, GeometryType, Layer, ParameterSource, Placement,
    RefusalStyle, RequestKind, Row, Security, Testkit, TestkitBuilder,
};
use arcgis_tests::{Bench, patient_client};

use crate::haystack::assert_clean;
use crate::log::Log;
use crate::{shown, told};

const PASSWORD: &str = "canary-password-5f1c";
const KEY: &str = "canary-key-90aa";
const HEADER: &str = "canary-header-77e0";

fn layer() -> Layer {
    Layer::new("t", GeometryType::Point)
        .with_field(Field::new("NAME", FieldType::String))
        .with_max_record_count(4)
        .with_rows((0..20).map(|n| {
            Row::new()
                .with("NAME", format!("n{n}"))
                .at(Geometry::point((f64::from(n), 1.0)))
        }))
}

fn service() -> TestkitBuilder {
    Testkit::builder().layer(layer()).security(security())
}

fn security() -> Security {
    Security::token("user", PASSWORD).static_token(KEY)
}

/// The secrets of a service: those that are known, and every token that went over the wire.
fn secrets(bench: &Bench) -> Vec<String> {
    let mut secrets = vec![PASSWORD.to_owned(), KEY.to_owned(), HEADER.to_owned()];
    for request in bench.service.requests() {
        let in_headers = ["x-esri-authorization", "authorization"].map(|name| {
            request
                .header(name)
                .map(|value| value.trim_start_matches("Bearer ").to_owned())
        });
        secrets.extend(in_headers.into_iter().flatten());
        secrets.extend(request.parameters().get("token").map(str::to_owned));
    }
    secrets.sort();
    secrets.dedup();
    assert!(
        secrets.iter().all(|secret| secret.len() > 8),
        "too short to be looked for"
    );
    secrets
}

/// No secret in a URL, nor in any log so far.
fn assert_wire_and_log_clean(bench: &Bench, log: &Log, in_query: bool) {
    let secrets = secrets(bench);
    for request in bench.service.requests() {
        assert_clean("a path", request.path().as_bytes(), &secrets);
        for (name, value, source) in request.parameters().iter() {
            if source == ParameterSource::Query && !in_query {
                assert_clean(name, value.as_bytes(), &secrets);
            }
        }
    }
    let text = log.text();
    assert!(text.contains("the log is watched"));
    assert_clean("the log", text.as_bytes(), &secrets);
}

/// Exports, and looks everywhere.
async fn export_and_look(bench: &Bench, in_query: bool) {
    let log = Log::watch();
    let export = bench.export("t").await;
    let printed = shown(&export) + &shown(&bench.client);
    let (report, file) = bench.write(export).await.unwrap();
    let secrets = secrets(bench);
    assert!(secrets.len() >= 3);
    assert_clean("Debug of export and client", printed.as_bytes(), &secrets);
    assert_clean("the file", &std::fs::read(&file.path).unwrap(), &secrets);
    assert_clean("the footer", shown(&file.metadata).as_bytes(), &secrets);
    assert_clean(
        "the report",
        serde_json::to_string(&report).unwrap().as_bytes(),
        &secrets,
    );
    assert_clean("Debug of the report", shown(&report).as_bytes(), &secrets);
    assert_wire_and_log_clean(bench, &log, in_query);
}

fn by_password(service: &Testkit) -> ArcGisClientBuilder {
    let portal = Portal::parse(&service.root_url()).unwrap();
    let credentials = Credentials::user_password("user", PASSWORD, portal).unwrap();
    let builder = patient_client()
        .header("X-Gateway", HEADER)
        .credentials(credentials);
    assert_clean(
        "Debug of the builder",
        shown(&builder).as_bytes(),
        &[PASSWORD.to_owned(), HEADER.to_owned()],
    );
    builder
}

#[tokio::test]
async fn t13_a_password_and_its_tokens_in_every_placement() {
    for placement in [
        TokenPlacement::EsriHeader,
        TokenPlacement::AuthorizationHeader,
        TokenPlacement::FormBody,
        TokenPlacement::Query,
    ] {
        let bench = Bench::with_client(service(), |service| {
            by_password(service).placement(placement)
        })
        .await;
        export_and_look(&bench, placement == TokenPlacement::Query).await;
        assert_eq!(bench.service.mints(), 1);
    }
}

#[tokio::test]
async fn t13_over_tls_and_http_2() {
    let log = Log::watch();
    for placement in [TokenPlacement::EsriHeader, TokenPlacement::FormBody] {
        let bench = Bench::with_client(service().tls(), |service| {
            by_password(service)
                .placement(placement)
                .cacert_pem(service.ca_pem().unwrap())
        })
        .await;
        export_and_look(&bench, false).await;
        // The finest that there is: frames of HTTP/2 with their headers.
        assert!(
            log.text().contains("h2::"),
            "the log is not that of all crates"
        );
    }
}

#[tokio::test]
async fn t13_a_pasted_token() {
    let bench = Bench::with_client(service(), |service| {
        let pasted: Url = format!("{}?f=json&token={KEY}", service.layer_url("t"))
            .parse()
            .unwrap();
        let (url, credentials) = Credentials::split_from(&pasted).unwrap();
        assert_clean("the address", url.as_str().as_bytes(), &[KEY.to_owned()]);
        assert_clean(
            "Debug of the credential",
            shown(&credentials).as_bytes(),
            &[KEY.to_owned()],
        );
        patient_client().credentials(credentials.unwrap())
    })
    .await;
    export_and_look(&bench, false).await;
}

#[tokio::test]
async fn t13_tokens_that_are_refused_and_renewed() {
    for style in [RefusalStyle::Body, RefusalStyle::Status] {
        for code in [498, 499] {
            let refused = Fault::on_query(2, FaultKind::TokenRefused { code, style }).times(2);
            let bench = Bench::with_client(service().fault(refused), by_password).await;
            export_and_look(&bench, false).await;
        }
    }
    let old_server = Testkit::builder()
        .layer(layer())
        .security(security().accept([Placement::Form]));
    let bench = Bench::with_client(old_server, by_password).await;
    export_and_look(&bench, false).await;
}

/// An answer that repeats what it was sent, as careless servers and proxies do.
fn echo(status: u16) -> FaultKind {
    let body = format!(
        r#"{{"error":{{"code":{status},"message":"bad request: token={KEY}&f=json","details":["https://h/x?token={KEY}"]}}}}"#
    );
    FaultKind::Respond {
        status,
        content_type: "application/json",
        body,
    }
}

#[tokio::test]
async fn t13_no_error_shows_a_secret() {
    let html = || FaultKind::Respond {
        status: 200,
        content_type: "text/html",
        body: "<html><title>Sign In</title></html>".into(),
    };
    let faults = [
        Fault::on_query(1, FaultKind::Status(404)).always(),
        Fault::on_query(1, FaultKind::Status(503)).always(),
        Fault::on_query(1, FaultKind::Reset).always(),
        Fault::on_query(1, FaultKind::CutShort).always(),
        Fault::on_query(1, html()).always(),
        Fault::on_query(1, echo(400)).always(),
        Fault::on_query(
            1,
            FaultKind::TokenRefused {
                code: 498,
                style: RefusalStyle::Body,
            },
        )
        .always(),
        Fault::on_query(1, FaultKind::Redirect("http://localhost:1/x".into())).always(),
        Fault::on_metadata(1, FaultKind::Status(403)).always(),
        Fault::on_metadata(1, html()).always(),
        Fault::on_token(1, html()).always(),
        Fault::on_token(1, FaultKind::Status(500)).always(),
        Fault::on_token(1, FaultKind::Reset).always(),
        Fault::on_token(
            1,
            FaultKind::Respond {
                status: 200,
                content_type: "application/json",
                body: "{}".into(),
            },
        )
        .always(),
    ];
    for fault in faults {
        let name = format!("{fault:?}");
        for placement in [
            TokenPlacement::EsriHeader,
            TokenPlacement::FormBody,
            TokenPlacement::Query,
        ] {
            let log = Log::watch();
            let bench = Bench::with_client(service().fault(fault.clone()), |service| {
                by_password(service).placement(placement).retries(1)
            })
            .await;
            let error: Box<dyn StdError> = match bench.open("t").await {
                Err(error) => Box::new(error),
                Ok(layer) => Box::new(
                    bench
                        .write(arcgis_export::LayerExport::new(layer))
                        .await
                        .unwrap_err(),
                ),
            };
            let secrets = secrets(&bench);
            assert_clean(
                &format!("the error of {name}"),
                told(&*error).as_bytes(),
                &secrets,
            );
            assert_wire_and_log_clean(&bench, &log, placement == TokenPlacement::Query);
        }
    }
}

#[tokio::test]
async fn t15_wrong_credentials_and_dead_servers_show_nothing() {
    let log = Log::watch();
    let bench = Bench::with_client(
        Testkit::builder()
            .layer(layer())
            .security(Security::token("user", "another")),
        by_password,
    )
    .await;
    let error = bench.open("t").await.unwrap_err();
    assert_clean(
        "a refused password",
        told(&error).as_bytes(),
        &secrets(&bench),
    );
    assert_eq!(
        bench.count(RequestKind::Token),
        1,
        "not tried again: accounts get locked"
    );

    // Nobody listens there any more.
    let (url, client) = {
        let service = service().start().await.unwrap();
        let url: Url = format!("{}?token={KEY}", service.layer_url("t"))
            .parse()
            .unwrap();
        let client = by_password(&service).retries(1).build().unwrap();
        service.shutdown().await;
        (url, client)
    };
    let error = client.send(Request::read(url)).await.unwrap_err();
    assert_clean(
        "a dead server",
        told(&error).as_bytes(),
        &[KEY.to_owned(), PASSWORD.to_owned()],
    );
    assert_clean(
        "the log",
        log.text().as_bytes(),
        &[KEY.to_owned(), PASSWORD.to_owned(), HEADER.to_owned()],
    );
}

#[tokio::test]
async fn t13_a_token_does_not_follow_to_another_origin() {
    let log = Log::watch();
    let other = Testkit::builder().layer(layer()).start().await.unwrap();
    let away = Fault::on_query(
        1,
        FaultKind::Redirect(format!("{}/query?f=json", other.layer_url("t"))),
    )
    .always();
    let bench = Bench::with_client(service().fault(away), by_password).await;
    let export = bench.export("t").await;
    let _ = bench.write(export).await;
    for request in other.requests() {
        let headers = format!("{:?}", request.headers());
        assert_clean(
            "a request to another origin",
            headers.as_bytes(),
            &secrets(&bench),
        );
        assert_eq!(request.parameters().get("token"), None);
    }
    assert_wire_and_log_clean(&bench, &log, false);
}
