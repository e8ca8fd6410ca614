//! What the crates may depend on: the table of the design, proven with `cargo tree`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};

use crate::repository::{Repository, array, text};
use crate::stage::Verdict;

const TESTKIT: &str = "arcgis-testkit";

/// The arrows between the crates; they point down only, and tests are free to point elsewhere.
const ARROWS: [(&str, &[&str]); 8] = [
    ("arcgis-auth-core", &[]),
    ("arcgis-auth-http", &["arcgis-auth-core"]),
    ("arcgis-layer", &["arcgis-auth-core"]),
    ("arcgis-export", &["arcgis-auth-core", "arcgis-layer"]),
    (
        "arcgis-rest",
        &[
            "arcgis-auth-core",
            "arcgis-auth-http",
            "arcgis-export",
            "arcgis-layer",
        ],
    ),
    ("arcgis-preview", &[]),
    ("arcgis-cli", &["arcgis-preview", "arcgis-rest", TESTKIT]),
    (TESTKIT, &[]),
];

/// An HTTP client, or what only one needs. `name/feature` is a feature of a package.
const SOCKETS: &[&str] = &[
    "hyper",
    "hyper-*",
    "reqwest",
    "ureq",
    "rustls",
    "rustls-*",
    "native-tls",
    "openssl",
    "ring",
    "aws-lc-*",
    "mio",
    "socket2",
    "tokio-rustls",
    "tokio/net",
];

const ARROW: &[&str] = &["arrow", "arrow-*", "parquet", "geoarrow", "geoarrow-*"];

const TABLES: &[&str] = &["arcgis-layer", "arcgis-export", "geo-types"];

/// Packages that cannot be in one tree twice without their types not fitting together.
const ONCE: &[&str] = &[
    "arrow",
    "arrow-*",
    "parquet",
    "geoarrow*",
    "geoparquet",
    "object_store",
    "bytes",
    "geo-types",
    "http",
    "http-body",
    "hyper",
    "jiff",
    "rustls",
    "tokio",
    "url",
];

/// What the tree of one package with some features must not hold.
struct Rule {
    package: &'static str,
    arguments: &'static [&'static str],
    never: &'static [&'static [&'static str]],
}

const RULES: [Rule; 15] = [
    Rule {
        package: "arcgis-auth-core",
        arguments: &[],
        never: &[SOCKETS, ARROW, TABLES],
    },
    Rule {
        package: "arcgis-auth-core",
        arguments: &["--all-features"],
        never: &[SOCKETS, ARROW, TABLES],
    },
    Rule {
        package: "arcgis-auth-core",
        arguments: &["--target", "wasm32-unknown-unknown"],
        never: &[SOCKETS, ARROW, TABLES],
    },
    Rule {
        package: "arcgis-auth-http",
        arguments: &["--all-features"],
        never: &[ARROW, TABLES],
    },
    Rule {
        package: "arcgis-auth-http",
        arguments: &["--no-default-features"],
        never: &[SOCKETS],
    },
    // An HTTP client of its own would stand beside hyper: it must be asked for.
    Rule {
        package: "arcgis-auth-http",
        arguments: &[],
        never: &[&["reqwest", "native-tls", "openssl", "aws-lc-*"]],
    },
    Rule {
        package: "arcgis-layer",
        arguments: &[],
        never: &[SOCKETS, ARROW],
    },
    Rule {
        package: "arcgis-layer",
        arguments: &["--all-features"],
        never: &[SOCKETS, ARROW],
    },
    Rule {
        package: "arcgis-export",
        arguments: &[],
        never: &[SOCKETS],
    },
    Rule {
        package: "arcgis-preview",
        arguments: &[],
        never: &[SOCKETS, &["arcgis-layer", "arcgis-export", "tokio"]],
    },
    Rule {
        package: "arcgis-export",
        arguments: &["--features", "object-store"],
        never: &[SOCKETS],
    },
    Rule {
        package: "arcgis-export",
        arguments: &["--features", "cloud"],
        never: &[&["native-tls", "openssl", "aws-lc-*"]],
    },
    Rule {
        package: "arcgis-rest",
        arguments: &["--no-default-features"],
        never: &[ARROW],
    },
    Rule {
        package: "arcgis-rest",
        arguments: &["--all-features"],
        never: &[&[TESTKIT]],
    },
    Rule {
        package: "arcgis-cli",
        arguments: &["--no-default-features"],
        never: &[&[TESTKIT]],
    },
];

/// Checks every rule and names all that is wrong.
pub(crate) fn run(repository: &Repository) -> Result<Verdict> {
    let mut wrong = arrows(repository)?;
    for rule in &RULES {
        let tree = tree(repository, rule.package, rule.arguments)?;
        let shown = format!("{} {}", rule.package, rule.arguments.join(" "));
        println!("{:<55} {:>4} packages", shown.trim_end(), tree.len());
        let forbidden = |package: &&Resolved| {
            let mut patterns = rule.never.iter().copied().flatten();
            patterns.any(|pattern| package.is(pattern))
        };
        for package in tree.iter().filter(forbidden) {
            let features = match package.features.as_str() {
                "" => String::new(),
                features => format!(" (with {features})"),
            };
            wrong.push(format!(
                "{0}: has {1}{features} in its tree; `cargo tree -p {0} -e normal -i {1}` says why",
                shown.trim_end(),
                package.name
            ));
        }
    }
    let demo = tree(repository, "arcgis-cli", &[])?;
    if !demo.iter().any(|package| package.is(TESTKIT)) {
        wrong.push("arcgis-cli: its default features lack the demo service".to_owned());
    }
    wrong.extend(twice(repository)?);
    ensure!(
        wrong.is_empty(),
        "{} dependencies are against the design:\n  {}",
        wrong.len(),
        wrong.join("\n  ")
    );
    Ok(Verdict::Passed)
}

/// A package in a tree with the features that it was given there.
struct Resolved {
    name: String,
    features: String,
}

impl Resolved {
    fn is(&self, pattern: &str) -> bool {
        if let Some((name, feature)) = pattern.split_once('/') {
            return self.name == name && self.features.split(',').any(|given| given == feature);
        }
        matches(&self.name, pattern)
    }
}

fn matches(name: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

fn tree(repository: &Repository, package: &str, arguments: &[&str]) -> Result<Vec<Resolved>> {
    let mut all = vec!["tree", "-p", package, "-e", "normal", "--prefix", "none"];
    all.extend(["-f", "{p}|{f}"]);
    all.extend(arguments);
    let mut packages: BTreeMap<String, Resolved> = BTreeMap::new();
    for line in repository.read(&all)?.lines() {
        // A package that was shown before ends in a mark, and is the same.
        let line = line.trim_end_matches(" (*)");
        let (package, features) = line
            .split_once('|')
            .context("cargo tree has another form")?;
        let name = package.split(' ').next().unwrap_or(package);
        packages.insert(
            package.to_owned(),
            Resolved {
                name: name.to_owned(),
                features: features.to_owned(),
            },
        );
    }
    Ok(packages.into_values().collect())
}

/// The arrows that the manifests draw, against those of the design.
fn arrows(repository: &Repository) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for member in repository.members()?.iter().filter(|one| one.published) {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == member.name) else {
            wrong.push(format!(
                "{}: the design has no such crate; add it to ARROWS",
                member.name
            ));
            continue;
        };
        for dependency in &member.dependencies {
            if !ARROWS.iter().any(|(name, _)| *name == dependency.name) {
                continue;
            }
            let name = &dependency.name;
            if dependency.development && member.name != TESTKIT {
                continue;
            }
            if !allowed.contains(&name.as_str()) {
                wrong.push(format!("{}: must not depend on {name}", member.name));
            } else if name == TESTKIT && !dependency.optional {
                wrong.push(format!(
                    "{}: {TESTKIT} must be behind its feature `demo`",
                    member.name
                ));
            }
        }
    }
    Ok(wrong)
}

/// Packages of which the lock file holds two versions where only one can work.
fn twice(repository: &Repository) -> Result<Vec<String>> {
    let metadata = repository.metadata(false)?;
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in array(&metadata, "packages") {
        let (Some(name), Some(version)) = (text(package, "name"), text(package, "version")) else {
            continue;
        };
        if ONCE.iter().any(|pattern| matches(&name, pattern)) {
            versions.entry(name).or_default().insert(version);
        }
    }
    Ok(versions
        .into_iter()
        .filter(|(_, versions)| versions.len() > 1)
        .map(|(name, versions)| {
            let list: Vec<String> = versions.into_iter().collect();
            format!("{name}: the tree has versions {}", list.join(" and "))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_name_a_start_or_a_feature() {
        let tokio = Resolved {
            name: "tokio".to_owned(),
            features: "net,time".to_owned(),
        };
        assert!(tokio.is("tokio"));
        assert!(tokio.is("tokio/net"));
        assert!(tokio.is("tok*"));
        assert!(!tokio.is("tokio/rt"));
        assert!(!tokio.is("tokio-rustls"));
    }
}
