//! A browser without a screen: it fetches pages, fills in forms and follows redirects.

use std::io::{Read, Write};
use std::net::TcpStream;

use url::{Url, form_urlencoded};

/// An answer.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) body: String,
}

pub(crate) fn get(url: &Url) -> Page {
    ask("GET", url, "")
}

fn ask(method: &str, url: &Url, body: &str) -> Page {
    let at = (url.host_str().unwrap(), url.port().unwrap());
    let mut socket = TcpStream::connect(at).unwrap();
    let query = url
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    write!(
        socket,
        "{method} {}{query} HTTP/1.1\r\nHost: {}:{}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        url.path(),
        at.0,
        at.1,
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let location = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("location")
            .then(|| value.to_owned())
    });
    Page {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        location,
        body: body.to_owned(),
    }
}

/// The attribute of a tag.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    Some(
        value
            .replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}

/// Opens the portal's page, fills in its form with these values, and sends it.
pub(crate) fn fill_in(authorize: &Url, values: &[(&str, &str)]) -> Page {
    let page = get(authorize);
    assert_eq!(page.status, 200, "{page:?}");
    let tags = || page.body.split('<');
    let form = tags().find(|tag| tag.starts_with("form")).unwrap();
    let action = Url::parse(&attribute(form, "action").unwrap()).unwrap();
    let mut body = form_urlencoded::Serializer::new(String::new());
    for tag in tags().filter(|tag| tag.starts_with("input type=\"hidden\"")) {
        body.append_pair(
            &attribute(tag, "name").unwrap(),
            &attribute(tag, "value").unwrap(),
        );
    }
    body.extend_pairs(values);
    ask("POST", &action, &body.finish())
}

/// The code on the page that a portal shows where it redirects nowhere.
pub(crate) fn shown_code(page: &Page) -> String {
    let tag = page
        .body
        .split('<')
        .find(|tag| tag.contains("id=\"code\""))
        .unwrap();
    attribute(tag, "value").unwrap()
}
