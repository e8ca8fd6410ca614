//! Requests as commands that a person can try.

use arcgis_auth_core::http::Method;
use arcgis_auth_core::{Accept, Access, Request};

/// The request as a `curl` command for a POSIX shell, secrets left out: a name in capitals stands where one has to be put in.
///
/// ```
/// use arcgis_layer::{arcgis_auth_core::Request, to_curl};
///
/// let request = Request::read("https://host/arcgis/rest/services/W/FeatureServer/0/query".parse().unwrap())
///     .with_param("where", "NAME = 'O''Brien'")
///     .with_param("token", "abc");
/// assert_eq!(
///     to_curl(&request),
///     r#"curl -X POST 'https://host/arcgis/rest/services/W/FeatureServer/0/query' \
///   --data-urlencode 'where=NAME = '\''O'\'''\''Brien'\''' \
///   --data-urlencode "token=$TOKEN""#
/// );
/// ```
#[must_use]
pub fn to_curl(request: &Request) -> String {
    // As it would travel, but for what is secret: a request that cannot travel is shown as a form.
    let post = request.access() == Access::Write
        || request
            .to_http()
            .map_or(true, |http| http.method() == Method::POST);
    let mut command = String::from("curl ");
    command.push_str(if post { "-X POST " } else { "-G " });
    command.push_str(&quoted(&request.redacted_url()));
    for (name, value) in request.shown_params() {
        command.push_str(" \\\n  --data-urlencode ");
        match value {
            Some(value) => command.push_str(&quoted(&format!("{name}={value}"))),
            None => {
                let plain: String = name
                    .chars()
                    .filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
                    .collect();
                command.push_str(&format!("\"{plain}=${}\"", plain.to_ascii_uppercase()));
            }
        }
    }
    if request.token().is_some() {
        command.push_str(" \\\n  -H \"X-Esri-Authorization: Bearer $TOKEN\"");
    }
    if request.accept() == Accept::Pbf {
        command.push_str(" \\\n  --output answer.pbf");
    }
    command
}

/// A text as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
