#![allow(dead_code)] // Each suite uses a part of it.

//! A client of the barest kind, so that the tests see what is on the wire and nothing that a client made of it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use arcgis_testkit::Testkit;
use serde_json::Value;
use url::form_urlencoded::Serializer;

/// An answer as it came.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The connection ended before the announced length.
    pub(crate) broken: bool,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

pub(crate) fn encoded(parameters: &[(&str, &str)]) -> String {
    Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish()
}

/// `GET`; an error is one of the connection.
pub(crate) fn try_get(
    service: &Testkit,
    path: &str,
    parameters: &[(&str, &str)],
    headers: &[(&str, &str)],
) -> std::io::Result<Reply> {
    let query = encoded(parameters);
    exchange(service, &format!("GET {path}?{query}"), headers, "")
}

pub(crate) fn get(service: &Testkit, path: &str, parameters: &[(&str, &str)]) -> Reply {
    try_get(service, path, parameters, &[]).unwrap()
}

pub(crate) fn post(
    service: &Testkit,
    path: &str,
    parameters: &[(&str, &str)],
    headers: &[(&str, &str)],
) -> Reply {
    exchange(
        service,
        &format!("POST {path}"),
        headers,
        &encoded(parameters),
    )
    .unwrap()
}

/// A query of a layer by its name, as JSON.
pub(crate) fn query(service: &Testkit, layer: &str, parameters: &[(&str, &str)]) -> Value {
    let mut all = vec![("f", "json")];
    all.extend_from_slice(parameters);
    let path = service.layer_url(layer).replace(service.origin(), "");
    post(service, &format!("{path}/query"), &all, &[]).json()
}

fn exchange(
    service: &Testkit,
    line: &str,
    headers: &[(&str, &str)],
    form: &str,
) -> std::io::Result<Reply> {
    let mut stream = TcpStream::connect(service.address())?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut head = format!(
        "{line} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
        service.address()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if line.starts_with("POST") {
        head.push_str(&format!(
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            form.len()
        ));
    }
    stream.write_all(format!("{head}\r\n{form}").as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let body = bytes.split_off(end + 4);
    let head = String::from_utf8(bytes).unwrap();
    let mut lines = head.lines();
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let announced = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map(|(_, value)| value.parse::<usize>().unwrap());
    let broken = announced.is_some_and(|announced| announced != body.len());
    Ok(Reply {
        status,
        headers,
        body,
        broken,
    })
}
