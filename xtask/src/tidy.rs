//! The rules of this repository that no lint knows.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::repository::{Member, Repository};
use crate::source;
use crate::stage::Verdict;

/// How long a hand-written source file may be, in lines.
const LONGEST: usize = 600;

/// Source files that may be longer, and why.
const LONGER: &[(&str, &str)] = &[];

/// The crates that promise an older Rust than the one this is built with.
const OLDER_RUST: &str = "1.85";

/// Let-chains came with this minor version of Rust 1.
const LET_CHAINS: u32 = 88;

/// Names that say nothing about what is inside.
const VAGUE: [&str; 8] = [
    "util", "utils", "common", "helper", "helpers", "misc", "shared", "stuff",
];

/// What must not be in code. Split, so that this file does not hold it itself.
const MACROS: [&str; 3] = [
    concat!("to", "do"),
    concat!("unimple", "mented"),
    concat!("d", "bg"),
];

/// The attribute of a test that nobody runs, with a reason or without.
const IGNORED: &str = concat!("ign", "ore");

/// What must not be anywhere, in code or text.
const TEXTS: [(&str, &str); 5] = [
    (concat!("FIX", "ME"), "an open end"),
    (concat!("XX", "X"), "an open end"),
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("/tm", "p/"), "a path of one machine"),
];

/// Files that must be there.
const NEEDED: [&str; 13] = [
    ".ci/run",
    ".github/workflows/audit.yml",
    ".github/workflows/ci.yml",
    "CHANGELOG.md",
    "Cargo.lock",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "crates/arcgis-export/data/README.md",
    "crates/arcgis-testkit/data/README.md",
    "deny.toml",
    "docs/architecture.md",
    "docs/development.md",
];

/// Checks every rule and names all that is wrong.
pub(crate) fn run(repository: &Repository) -> Result<Verdict> {
    let files = repository.files()?;
    let members = repository.members()?;
    let mut wrong = Vec::new();

    for needed in NEEDED {
        if !files.iter().any(|file| file == needed) {
            wrong.push(format!("{needed}: is missing"));
        }
    }
    for member in members.iter().filter(|member| member.published) {
        described(member, &mut wrong);
    }
    let older: Vec<String> = members
        .iter()
        .filter(|member| {
            member
                .rust_version
                .as_deref()
                .is_some_and(before_let_chains)
        })
        .filter_map(|member| member.folder.strip_prefix(repository.root()).ok())
        .map(|folder| format!("{}/", folder.to_string_lossy().replace('\\', "/")))
        .collect();
    if older.is_empty() {
        wrong.push(format!("no crate promises Rust {OLDER_RUST} any more"));
    }

    let mut sources = 0;
    for file in &files {
        named(file, &mut wrong);
        let bytes = fs::read(repository.root().join(file)).with_context(|| file.clone())?;
        // Generated, or not text.
        // What fuzzing keeps are bytes, whatever they look like.
        let made = file == "Cargo.lock" || file.starts_with("fuzz/corpus/");
        if made || file.ends_with(".svg") || file.ends_with(".snap") {
            continue;
        }
        let Ok(text) = String::from_utf8(bytes) else {
            continue;
        };
        if text.contains('\0') {
            continue;
        }
        written(file, &text, &mut wrong);
        if file.ends_with(".rs") {
            sources += 1;
            let older = older.iter().any(|folder| file.starts_with(folder));
            coded(file, &text, older, &mut wrong);
        }
        if file == "CHANGELOG.md"
            && !text.contains("## [Unreleased]")
            && !text.contains("## Unreleased")
        {
            wrong.push(format!("{file}: has no section `Unreleased`"));
        }
    }

    println!("{} files, {sources} of them Rust", files.len());
    if !wrong.is_empty() {
        bail!(
            "{} against the rules:\n  {}",
            wrong.len(),
            wrong.join("\n  ")
        );
    }
    Ok(Verdict::Passed)
}

fn described(member: &Member, wrong: &mut Vec<String>) {
    for (field, value) in [
        ("description", &member.description),
        ("license", &member.license),
        ("readme", &member.readme),
        ("rust-version", &member.rust_version),
    ] {
        if value.is_none() {
            wrong.push(format!("{}: its manifest has no `{field}`", member.name));
        }
    }
    if let Some(readme) = &member.readme {
        let lines = fs::read_to_string(member.folder.join(readme)).unwrap_or_default();
        if lines.lines().count() < 10 {
            wrong.push(format!("{}: its README says next to nothing", member.name));
        }
    }
}

fn before_let_chains(version: &str) -> bool {
    let minor = version
        .split('.')
        .nth(1)
        .and_then(|part| part.parse::<u32>().ok());
    version.starts_with("1.") && minor.is_some_and(|minor| minor < LET_CHAINS)
}

/// The name of a file: one noun.
fn named(file: &str, wrong: &mut Vec<String>) {
    let parts = file.strip_suffix(".rs").unwrap_or(file).split('/');
    if file.ends_with(".rs") && parts.into_iter().any(|part| VAGUE.contains(&part)) {
        wrong.push(format!("{file}: its name does not say what is inside"));
    }
}

/// The text of a file.
fn written(file: &str, text: &str, wrong: &mut Vec<String>) {
    let mut at = |line: usize, what: String| wrong.push(format!("{file}:{line}: {what}"));
    for (number, line) in (1..).zip(text.split('\n')) {
        if line.ends_with('\r') {
            at(number, "a Windows line end".to_owned());
            break;
        }
        // Two spaces at the end of a line of Markdown are a line break.
        if line.ends_with([' ', '\t']) && !(file.ends_with(".md") && line.ends_with("  ")) {
            at(number, "white space at the end of the line".to_owned());
        }
        for (forbidden, why) in TEXTS {
            if line.contains(forbidden) {
                at(number, format!("`{forbidden}`: {why}"));
            }
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        at(text.lines().count(), "no line end at the end".to_owned());
    }
}

/// The code of a file.
fn coded(file: &str, text: &str, older: bool, wrong: &mut Vec<String>) {
    let lines = text.lines().count();
    let excused = LONGER.iter().any(|(name, _)| *name == file);
    let generated = text
        .lines()
        .take(3)
        .any(|line| line.starts_with("//") && line.contains("@generated"));
    if lines > LONGEST && !excused && !generated {
        wrong.push(format!(
            "{file}: {lines} lines, {LONGEST} at most: split it"
        ));
    }

    let tokens = source::tokens(text);
    for pair in tokens.windows(2) {
        let [first, second] = pair else { continue };
        if second.text == "!" && MACROS.contains(&first.text) {
            wrong.push(format!("{file}:{}: `{}!`", first.line, first.text));
        }
        if first.text == "mod" && VAGUE.contains(&second.text) {
            wrong.push(format!(
                "{file}:{}: `mod {}` does not say what is inside",
                first.line, second.text
            ));
        }
    }
    for group in tokens.windows(3) {
        let words: Vec<&str> = group.iter().map(|token| token.text).collect();
        if words == ["#", "[", IGNORED] {
            let line = group.first().map_or(1, |token| token.line);
            wrong.push(format!("{file}:{line}: a test that is never run"));
        }
    }
    if older {
        for line in source::let_chains(text)
            .into_iter()
            .collect::<BTreeSet<_>>()
        {
            wrong.push(format!(
                "{file}:{line}: a let-chain, which Rust {OLDER_RUST} cannot read"
            ));
        }
    }
}
