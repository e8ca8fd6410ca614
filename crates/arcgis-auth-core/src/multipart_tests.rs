use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use futures_util::stream::{self, BoxStream, StreamExt};
use http_body::Body as _;

use super::*;
use crate::part::PartSource;
use crate::request::Request;
use crate::request_kind::{Body, TokenPlacement};
use crate::token::Token;

/// Gives `pieces`, says that they are `length` bytes, and counts how often it was opened.
#[derive(Debug)]
struct Pieces {
    pieces: Vec<&'static str>,
    length: Option<u64>,
    opened: AtomicUsize,
}

impl Pieces {
    fn new(pieces: &[&'static str], length: Option<u64>) -> Arc<Self> {
        Arc::new(Self {
            pieces: pieces.to_vec(),
            length,
            opened: AtomicUsize::new(0),
        })
    }
}

impl PartSource for Pieces {
    fn length(&self) -> Option<u64> {
        self.length
    }
    fn open(&self) -> BoxStream<'static, io::Result<Bytes>> {
        self.opened.fetch_add(1, Ordering::SeqCst);
        stream::iter(self.pieces.clone())
            .map(|piece| Ok(Bytes::from(piece)))
            .boxed()
    }
}

fn request(parts: Vec<Part>) -> Request {
    Request::write("https://h/FeatureServer/0/1/addAttachment".parse().unwrap())
        .with_param("f", "json")
        .with_body(Body::Multipart(parts))
}

/// The body in one text, with `BOUNDARY` where the boundary is, and what was announced.
fn sent(request: &Request) -> (String, Option<u64>) {
    let http = request.to_http().unwrap();
    assert_eq!(http.method(), "POST");
    assert_eq!(http.uri().query(), None);
    let content_type = http.headers()["content-type"].to_str().unwrap();
    let boundary = content_type
        .strip_prefix("multipart/form-data; boundary=")
        .unwrap()
        .to_owned();
    let announced = http.body().length();
    assert_eq!(http.body().size_hint().exact(), announced);
    let bytes = read(http.into_body()).unwrap();
    if let Some(announced) = announced {
        assert_eq!(announced, bytes.len() as u64);
    }
    let text = String::from_utf8(bytes).unwrap();
    (text.replace(&boundary, "BOUNDARY"), announced)
}

fn read(mut body: RequestBody) -> io::Result<Vec<u8>> {
    let mut context = Context::from_waker(Waker::noop());
    let mut all = Vec::new();
    loop {
        assert!(!body.is_end_stream() || body.length().is_none_or(|left| left == 0));
        match std::pin::Pin::new(&mut body).poll_frame(&mut context) {
            Poll::Ready(None) => return Ok(all),
            Poll::Ready(Some(frame)) => all.extend_from_slice(&frame?.into_data().unwrap()),
            Poll::Pending => panic!("nothing to wait for"),
        }
    }
}

#[test]
fn fields_come_first_then_the_parts() {
    let part = Part::bytes("attachment", "0123")
        .with_file_name("a.txt")
        .with_content_type("text/plain");
    let request = request(vec![part, Part::bytes("note", "")])
        .with_secret_param("password", "s3 cr&t".into())
        .with_token(Token::new("t1"), TokenPlacement::FormBody);
    let (text, _) = sent(&request);
    let field = |name: &str, value: &str| {
        format!("--BOUNDARY\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let expected = [
        field("f", "json"),
        field("password", "s3 cr&t"),
        field("token", "t1"),
        "--BOUNDARY\r\nContent-Disposition: form-data; name=\"attachment\"; filename=\"a.txt\"\r\n\
         Content-Type: text/plain\r\n\r\n0123\r\n"
            .to_owned(),
        field("note", ""),
        "--BOUNDARY--\r\n".to_owned(),
    ];
    assert_eq!(text, expected.concat());
}

#[test]
fn names_cannot_break_out_of_their_header() {
    let evil = "a\"; name=\"token\r\nX: y\r\n\r\n\0ü 100%";
    let part = Part::bytes(evil, "x").with_file_name(evil);
    let (text, _) = sent(&request(vec![part]));
    let escaped = "a%22; name=%22token%0D%0AX: y%0D%0A%0D%0A%00ü 100%";
    assert!(
        text.contains(&format!("name=\"{escaped}\"; filename=\"{escaped}\"\r\n")),
        "{text}"
    );
    // A file without a type is one of bytes.
    assert!(text.contains("Content-Type: application/octet-stream\r\n\r\nx\r\n"));
    let bad = Part::bytes("a", "x").with_content_type("text/plain\r\nX: y");
    assert!(request(vec![bad]).to_http().is_err());
}

#[test]
fn a_source_is_opened_anew_for_each_attempt() {
    let source = Pieces::new(&["01", "", "234"], Some(5));
    let request = request(vec![Part::source("attachment", source.clone())]);
    let (first, announced) = sent(&request);
    let (second, again) = sent(&request);
    assert!(first.contains("\r\n\r\n01234\r\n--BOUNDARY--"), "{first}");
    assert_eq!(first, second);
    assert!(
        announced.is_some() && announced == again,
        "one length each time"
    );
    assert_eq!(source.opened.load(Ordering::SeqCst), 2);

    let unknown = Pieces::new(&["01"], None);
    let (text, announced) = sent(&self::request(vec![Part::source("a", unknown.clone())]));
    assert!(text.contains("\r\n\r\n01\r\n"));
    assert_eq!(announced, None);
    // Making the request opens nothing.
    let http = self::request(vec![Part::source("a", unknown.clone())])
        .to_http()
        .unwrap();
    assert_eq!(unknown.opened.load(Ordering::SeqCst), 1);
    assert_eq!(http.body().bytes(), None);
}

#[test]
fn a_source_that_lies_about_its_length_breaks_the_request() {
    for length in [1, 3] {
        let source = Pieces::new(&["0", "1"], Some(length));
        let http = request(vec![Part::source("a", source)]).to_http().unwrap();
        assert!(read(http.into_body()).is_err(), "{length}");
    }
}

#[test]
fn no_boundary_is_used_twice() {
    let boundaries: std::collections::HashSet<_> = (0..100).map(|_| boundary()).collect();
    assert_eq!(boundaries.len(), 100);
    assert!(boundaries.iter().all(|boundary| boundary.len() == 39));
}

#[test]
fn a_form_is_one_piece_and_debug_shows_none_of_it() {
    let form = Request::write("https://h/x".parse().unwrap()).with_param("a", "secret 1");
    let http = form.to_http().unwrap();
    assert_eq!(http.body().bytes().unwrap(), "a=secret+1");
    assert!(!format!("{http:?}").contains("secret"));
    let get = Request::read("https://h/x".parse().unwrap())
        .to_http()
        .unwrap();
    assert!(get.body().is_end_stream());
    assert_eq!(get.body().length(), Some(0));
}
