//! Errors of the libraries in the words of the command line: `out_sr` is `--out-sr` here.

use arcgis_rest::{auth, layer};

use crate::exit::{Library, in_library};

/// Options of the libraries that have no option of the same name here.
const OTHERS: [&str; 10] = [
    "login",
    "redirect_uri",
    "expiration",
    "extent",
    "geometry",
    "object ids",
    "statistics",
    "credentials",
    "max_body",
    "connect_timeout",
];

/// What an error says, with the causes that it does not name itself.
pub(crate) fn message(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let said = cause.to_string();
        if text.is_empty() {
            text = said;
        } else if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
    }
    let option = match in_library(error) {
        Some(Library::Query(layer::QueryError::Unsupported { option, .. })) => *option,
        Some(Library::Auth(auth::Error::Config(auth::ConfigError::InvalidOption {
            option,
            ..
        }))) => *option,
        _ => return text,
    };
    match text.strip_prefix(option) {
        Some(rest) if OTHERS.contains(&option) => format!("{option}{}", spelled(rest)),
        Some(rest) => format!("{}{}", flag(option), spelled(rest)),
        None => text,
    }
}

fn flag(option: &str) -> String {
    match option {
        "spatial_filter" => "--clip".to_owned(),
        // What has no option of its own.
        "full_text" | "cache_hint" | "range" | "parameter_values" => "--param".to_owned(),
        "geometry_form" => "--centroid, --envelope and --quantize".to_owned(),
        "order" => "--order-by and --offset".to_owned(),
        option => format!("--{}", option.replace('_', "-")),
    }
}

/// `text` with `the option out_sr` as `--out-sr`, and so on.
fn spelled(text: &str) -> String {
    let text = text
        .replace("the option for no geometry", "--no-geometry")
        .replace("leave geometry out", "--no-geometry leaves it out");
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(start) = rest.find("the option") {
        let (before, found) = rest.split_at(start);
        out.push_str(before);
        let after = found.strip_prefix("the option").unwrap_or_default();
        let several = after.strip_prefix("s ");
        let Some(names) = several.or_else(|| after.strip_prefix(' ')) else {
            out.push_str("the option");
            rest = after;
            continue;
        };
        let (first, after) = name(names);
        out.push_str(&flag(first));
        rest = after;
        if let Some(second) = after.strip_prefix(" and ").filter(|_| several.is_some()) {
            let (second, after) = name(second);
            out.push_str(" and ");
            out.push_str(&flag(second));
            rest = after;
        }
    }
    out + rest
}

/// The name at the start of a text, and what follows it.
fn name(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !(c.is_ascii_lowercase() || c == '_'))
        .unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(option: &'static str, problem: &str) -> String {
        let problem = problem.to_owned();
        let error = layer::QueryError::Unsupported { option, problem };
        message(&layer::Error::Query(error).into())
    }

    #[test]
    fn causes_are_said_once() {
        let full = || std::io::Error::other("the disk is full");
        let error = anyhow::Error::from(full()).context("cannot write a");
        assert_eq!(message(&error), "cannot write a: the disk is full");
        let error = anyhow::Error::from(full()).context("cannot write a: the disk is full");
        assert_eq!(message(&error), "cannot write a: the disk is full");
    }

    #[test]
    fn options_are_named_as_they_are_typed() {
        assert_eq!(
            said("out_sr", "the layer has no geometry"),
            "--out-sr: the layer has no geometry"
        );
        assert_eq!(
            said("param", "outSR cannot be set: use the option out_sr"),
            "--param: outSR cannot be set: use --out-sr"
        );
        assert_eq!(
            said(
                "param",
                "x cannot be set: use the options limit and page_size; or not"
            ),
            "--param: x cannot be set: use --limit and --page-size; or not"
        );
        assert_eq!(
            said("param", "y cannot be set: use the option for no geometry"),
            "--param: y cannot be set: use --no-geometry"
        );
        assert_eq!(
            said(
                "geometry",
                "multipatches are not decoded; leave geometry out"
            ),
            "geometry: multipatches are not decoded; --no-geometry leaves it out"
        );
        let error = auth::Error::Config(auth::ConfigError::InvalidOption {
            option: "user_agent",
            problem: "cannot stand in an HTTP header".to_owned(),
        });
        assert_eq!(
            message(&error.into()),
            "--user-agent: cannot stand in an HTTP header"
        );
        assert_eq!(message(&anyhow::anyhow!("the option x")), "the option x");
    }
}
