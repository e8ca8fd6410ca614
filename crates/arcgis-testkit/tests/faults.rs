#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

//! What goes wrong with single requests, and with which.

mod towns;
mod wire;

use std::time::{Duration, Instant};

use arcgis_testkit::{Edit, Fault, FaultKind, RefusalStyle, RequestKind, Row, Testkit};
use serde_json::json;
use towns::{PAGE, five_towns, ids, page};
use wire::{Reply, get};

async fn with(kind: FaultKind) -> Testkit {
    Testkit::builder()
        .layer(five_towns())
        .fault(Fault::on_query(2, kind))
        .start()
        .await
        .unwrap()
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
    let (reply, _) = second(FaultKind::LoseRow(1)).await;
    assert_eq!(ids(&reply.json()), [1, 3, 4, 5]);
    let (reply, _) = second(FaultKind::DoubleRow(1)).await;
    assert_eq!(ids(&reply.json()), [1, 2, 3, 4, 5, 2]);
    let (reply, _) = second(FaultKind::EmptyPage).await;
    assert_eq!(reply.json()["features"], json!([]));
    let service = with(FaultKind::Edit {
        layer: "towns".to_owned(),
        edit: Edit::Delete(2),
    })
    .await;
    assert_eq!(ids(&page(&service).unwrap().json()), [1, 2, 3, 4, 5]);
    assert_eq!(ids(&page(&service).unwrap().json()), [1, 3, 4, 5]);
    let position = service.add_fault(Fault::on_query(
        1,
        FaultKind::Edit {
            layer: "towns".to_owned(),
            edit: Edit::Insert(Row::new()),
        },
    ));
    assert_eq!(ids(&page(&service).unwrap().json()), [1, 3, 4, 5, 6]);
    assert_eq!(service.faults_fired()[position], 1);
}

#[tokio::test]
async fn faults_choose_their_requests() {
    let service = Testkit::builder()
        .layer(five_towns())
        .layer(five_towns().with_name("others"))
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

#[tokio::test]
async fn bodies_stall_break_and_crawl() {
    let service = with(FaultKind::ResetInBody).await;
    page(&service).unwrap();
    let error = page(&service).err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);

    let (slow, _) = {
        let started = Instant::now();
        let found = second(FaultKind::SlowBody(Duration::from_millis(300))).await;
        assert!(started.elapsed() >= Duration::from_millis(290));
        found
    };
    assert_eq!(ids(&slow.json()), [1, 2, 3, 4, 5]);

    let (short, _) = second(FaultKind::ShortLength).await;
    let length: usize = short.header("content-length").unwrap().parse().unwrap();
    assert!(serde_json::from_slice::<serde_json::Value>(&short.body).is_err());
    assert_eq!(short.body.len(), length);

    let service = with(FaultKind::StallInBody).await;
    page(&service).unwrap();
    let mut stream = std::net::TcpStream::connect(service.address()).unwrap();
    let request =
        format!("GET {PAGE}?where=1%3D1&f=json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_millis(400)))
        .unwrap();
    let mut came = Vec::new();
    let error = std::io::Read::read_to_end(&mut stream, &mut came).unwrap_err();
    assert!(matches!(
        error.kind(),
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
    ));
    let text = String::from_utf8(came).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"));
    assert!(body.starts_with("{\"objectIdFieldName\""));
    assert!(serde_json::from_str::<serde_json::Value>(body).is_err());
}

#[tokio::test]
async fn compressed_bodies_are_cut() {
    let service = with(FaultKind::CutCompressed).await;
    let ask = || {
        let headers = [("Accept-Encoding", "gzip")];
        wire::try_get(&service, PAGE, &[("where", "1=1"), ("f", "json")], &headers).unwrap()
    };
    let (whole, cut) = (ask(), ask());
    assert_eq!(cut.header("content-encoding"), Some("gzip"));
    assert!(!cut.broken);
    assert_eq!(cut.body.len(), whole.body.len() / 2);
    assert_eq!(cut.body[..], whole.body[..cut.body.len()]);
}

#[tokio::test]
async fn redirects_lead_back_and_headers_tell_of_quotas() {
    let (reply, service) = second(FaultKind::RedirectSame(307)).await;
    assert_eq!(reply.status, 307);
    assert_eq!(reply.header("location"), Some(service.requests()[1].url()));
    let quota = (
        "x-esri-org-request-units-per-min".to_owned(),
        "usage=97;max=100".to_owned(),
    );
    let (reply, _) = second(FaultKind::Headers(vec![quota])).await;
    assert_eq!(
        reply.header("x-esri-org-request-units-per-min"),
        Some("usage=97;max=100")
    );
    assert_eq!(ids(&reply.json()).len(), 5);
}

#[tokio::test]
async fn pages_counts_and_ids_fall_short() {
    for flag in [true, false] {
        let (reply, _) = second(FaultKind::ShortPage { rows: 2, flag }).await;
        assert_eq!(ids(&reply.json()), [1, 2]);
        assert_eq!(reply.json().get("exceededTransferLimit").is_some(), flag);
    }
    let service = Testkit::builder()
        .layer(five_towns())
        .fault(Fault::on(RequestKind::Count, 1, FaultKind::CountOff(2)))
        .fault(Fault::on(RequestKind::Ids, 1, FaultKind::LoseId(1)))
        .start()
        .await
        .unwrap();
    let ask = |what| {
        get(
            &service,
            PAGE,
            &[("where", "1=1"), (what, "true"), ("f", "json")],
        )
        .json()
    };
    assert_eq!(ask("returnCountOnly"), json!({"count": 7}));
    assert_eq!(ask("returnCountOnly"), json!({"count": 5}));
    assert_eq!(ask("returnIdsOnly")["objectIds"], json!([1, 3, 4, 5]));
    assert_eq!(service.faults_fired(), [1, 1]);
}

#[tokio::test]
async fn faults_recur_and_look_at_formats() {
    let service = Testkit::builder()
        .layer(five_towns())
        .fault(Fault::on_query(2, FaultKind::Status(503)).every(3).times(2))
        .fault(
            Fault::on_any(1, FaultKind::Status(502))
                .for_format("PBF")
                .always(),
        )
        .fault(Fault::on_kinds(
            [RequestKind::Count, RequestKind::Ids],
            2,
            FaultKind::Status(504),
        ))
        .start()
        .await
        .unwrap();
    let pages: Vec<u16> = (0..10).map(|_| page(&service).unwrap().status).collect();
    assert_eq!(pages, [200, 503, 200, 200, 503, 200, 200, 200, 200, 200]);
    let status = |parameters: &[(&str, &str)]| get(&service, PAGE, parameters).status;
    assert_eq!(status(&[("where", "1=1"), ("f", "pbf")]), 502);
    let counts = [("where", "1=1"), ("f", "json"), ("returnCountOnly", "true")];
    assert_eq!(
        (status(&counts), status(&counts), status(&counts)),
        (200, 504, 200)
    );
    assert_eq!(service.faults_fired(), [2, 1, 1]);
}
