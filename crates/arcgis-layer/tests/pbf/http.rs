//! A client of the barest kind.

use std::io::{Read, Write};
use std::net::TcpStream;

use arcgis_testkit::Testkit;

/// The body of an answer to a query of the layer `layer`.
pub(crate) fn query(service: &Testkit, parameters: &[(&str, &str)]) -> Vec<u8> {
    let path = service.layer_url("layer").replace(service.origin(), "");
    let query: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mut stream = TcpStream::connect(service.address()).unwrap();
    write!(
        stream,
        "GET {path}/query?{} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        query.join("&")
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    let head = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    answer.split_off(head + 4)
}
