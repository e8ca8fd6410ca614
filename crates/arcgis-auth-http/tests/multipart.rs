//! Multipart forms on the wire, read by a parser that is not ours.
#![cfg(feature = "hyper")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unreachable_pub, dead_code)]

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arcgis_auth_core::{
    Body, Bytes, Credentials, Error, Part, PartSource, Portal, Request, TokenPlacement, Transport,
    TransportErrorKind,
};
use arcgis_auth_http::ArcGisClient;
use futures_util::stream::{self, BoxStream, StreamExt};

mod sites;
use sites::*;

/// A megabyte in pieces, which counts how often it was opened.
#[derive(Debug)]
struct Survey {
    opened: AtomicUsize,
    known: bool,
    pieces: u32,
}

impl Survey {
    fn new(known: bool, pieces: u32) -> Arc<Self> {
        Arc::new(Self {
            opened: AtomicUsize::new(0),
            known,
            pieces,
        })
    }

    fn content() -> Vec<u8> {
        (0..256_u32)
            .flat_map(|piece| vec![piece as u8; 4096])
            .collect()
    }
}

impl PartSource for Survey {
    fn length(&self) -> Option<u64> {
        self.known.then_some(256 * 4096)
    }

    fn open(&self) -> BoxStream<'static, io::Result<Bytes>> {
        self.opened.fetch_add(1, Ordering::SeqCst);
        stream::iter(0..self.pieces)
            .map(|piece| Ok(Bytes::from(vec![piece as u8; 4096])))
            .boxed()
    }
}

#[derive(Debug, PartialEq)]
struct Field {
    name: String,
    file_name: Option<String>,
    content_type: Option<String>,
    content: Vec<u8>,
}

async fn parsed(seen: &Seen) -> Vec<Field> {
    let content_type = seen.header("content-type").unwrap();
    let boundary = multer::parse_boundary(content_type).unwrap();
    let body = Bytes::from(seen.body.clone());
    let body = stream::once(async move { Ok::<_, Infallible>(body) });
    let mut form = multer::Multipart::new(body, boundary);
    let mut fields = Vec::new();
    while let Some(field) = form.next_field().await.unwrap() {
        fields.push(Field {
            name: field.name().unwrap().to_owned(),
            file_name: field.file_name().map(str::to_owned),
            content_type: field.content_type().map(ToString::to_string),
            content: field.bytes().await.unwrap().to_vec(),
        });
    }
    fields
}

fn text(name: &str, content: &str) -> Field {
    Field {
        name: name.to_owned(),
        file_name: None,
        content_type: None,
        content: content.as_bytes().to_vec(),
    }
}

fn upload(base: &str, survey: Arc<Survey>) -> Request {
    let part = Part::source("attachment", survey)
        .with_file_name("Vermessung \"7\" übrig.bin")
        .with_content_type("application/x-survey");
    let url = format!("{base}/arcgis/rest/services/x/FeatureServer/0/1/addAttachment");
    Request::read(url.parse().unwrap())
        .with_param("f", "json")
        .with_param("note", "zwei\r\nZeilen & mehr")
        .with_body(Body::Multipart(vec![part]))
}

fn expected(token: bool) -> Vec<Field> {
    let mut fields = vec![text("f", "json"), text("note", "zwei\r\nZeilen & mehr")];
    if token {
        fields.push(text("token", "T0KEN"));
    }
    fields.push(Field {
        name: "attachment".to_owned(),
        // Quotes are percent-encoded, as browsers do (RFC 7578, section 4.2).
        file_name: Some("Vermessung %227%22 übrig.bin".to_owned()),
        content_type: Some("application/x-survey".to_owned()),
        content: Survey::content(),
    });
    fields
}

/// Busy, then elsewhere, then well.
async fn moody() -> Site {
    let asked = AtomicUsize::new(0);
    Site::plain(move |seen| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => {
            let mut busy = json(r#"{"error":{"code":503,"message":"busy"}}"#);
            *busy.status_mut() = arcgis_auth_core::http::StatusCode::SERVICE_UNAVAILABLE;
            let now = arcgis_auth_core::http::HeaderValue::from_static("0");
            busy.headers_mut().insert("retry-after", now);
            busy
        }
        1 => leads(307, &format!("{}/moved", seen.url)),
        2 => leads(308, &seen.url.replace("/moved", "/again")),
        _ => json(r#"{"addAttachmentResult":{"objectId":1,"success":true}}"#),
    })
    .await
}

#[tokio::test]
async fn each_attempt_and_each_redirect_sends_the_whole_body_anew() {
    for (known, placement) in [
        (true, TokenPlacement::EsriHeader),
        (false, TokenPlacement::FormBody),
    ] {
        let site = moody().await;
        let base = format!("http://{}", site.address);
        let portal = Portal::parse(&base).unwrap();
        let client = ArcGisClient::builder()
            .credentials(Credentials::token(&portal, "T0KEN").unwrap())
            .placement(placement)
            .build()
            .unwrap();
        let survey = Survey::new(known, 256);
        let answer = client.send(upload(&base, survey.clone())).await.unwrap();
        answer.into_ok().unwrap();

        // The federation may have asked who the server is.
        let seen: Vec<_> = site
            .seen()
            .into_iter()
            .filter(|seen| seen.method == "POST")
            .collect();
        assert_eq!(seen.len(), 4);
        assert_eq!(survey.opened.load(Ordering::SeqCst), 4);
        assert!(
            seen[3].url.ends_with("/addAttachment/again"),
            "{}",
            seen[3].url
        );
        let in_form = placement == TokenPlacement::FormBody;
        for seen in &seen {
            assert_eq!(parsed(seen).await, expected(in_form));
            let header = seen.header("x-esri-authorization");
            assert_eq!(header.is_some(), !in_form);
            let length = seen.header("content-length").map(str::to_owned);
            assert_eq!(
                length,
                known.then(|| seen.body.len().to_string()),
                "announced where every part knows its length, else in chunks"
            );
            if !known {
                assert_eq!(seen.header("transfer-encoding"), Some("chunked"));
            }
        }
        let boundaries: std::collections::HashSet<_> = seen
            .iter()
            .map(|seen| seen.header("content-type").unwrap())
            .collect();
        assert_eq!(boundaries.len(), 4, "no boundary is used twice");
    }
}

#[tokio::test]
async fn a_part_that_ends_early_is_no_whole_body() {
    let site = Site::plain(|_| json("{}")).await;
    let base = format!("http://{}", site.address);
    let client = ArcGisClient::builder().retries(0).build().unwrap();
    let result = client.send(upload(&base, Survey::new(true, 255))).await;
    let Err(Error::Transport(error)) = result else {
        panic!("{result:?}");
    };
    assert_eq!(error.kind(), TransportErrorKind::Interrupted);
    assert!(error.to_string().contains("another length"), "{error}");
}
