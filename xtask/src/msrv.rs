//! The oldest Rust that a crate builds with is also up to its dependencies: none may ask for a
//! newer one. (The build with the old toolchain itself is a job of the public CI.)

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};

use crate::repository::{Repository, array, text};
use crate::stage::Verdict;

/// Compares each dependency's `rust-version` with that of the crate which pulls it in.
pub(crate) fn run(repository: &Repository) -> Result<Verdict> {
    let metadata = repository.metadata(false)?;
    let mut asked: BTreeMap<String, Option<String>> = BTreeMap::new();
    for package in array(&metadata, "packages") {
        let name = text(package, "name").context("a package has no name")?;
        let version = text(package, "version").context("a package has no version")?;
        asked.insert(format!("{name} v{version}"), text(package, "rust_version"));
    }

    let mut wrong = Vec::new();
    for member in repository.members()? {
        let Some(own) = member.rust_version.as_deref() else {
            continue;
        };
        // Resolved for this crate alone: in the workspace, others' features would join in.
        let mut arguments = vec!["tree", "-p", &member.name, "--all-features"];
        arguments.extend(["-e", "normal,build", "--target", "all"]);
        arguments.extend(["--prefix", "none", "-f", "{p}"]);
        let tree = repository.read(&arguments)?;
        let packages: BTreeSet<String> = tree.lines().map(identity).collect();
        let mut silent = 0;
        for package in &packages {
            match asked.get(package) {
                Some(Some(theirs)) if parse(theirs)? > parse(own)? => wrong.push(format!(
                    "{} promises Rust {own}, but {package} asks for {theirs}",
                    member.name
                )),
                Some(None) => silent += 1,
                _ => {}
            }
        }
        println!(
            "{:<20} Rust {own}: {} packages, of which {silent} name no version",
            member.name,
            packages.len()
        );
    }
    ensure!(
        wrong.is_empty(),
        "{} dependencies are too new (`cargo update -p <package> --precise <older>`):\n  {}",
        wrong.len(),
        wrong.join("\n  ")
    );
    Ok(Verdict::Passed)
}

/// `name vversion` of a line of `cargo tree`, without source and marks.
fn identity(line: &str) -> String {
    line.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

fn parse(version: &str) -> Result<(u32, u32, u32)> {
    let mut parts = version.split('.');
    let mut next = || match parts.next() {
        Some(part) => part
            .parse()
            .with_context(|| format!("`{version}` is no version of Rust")),
        None => Ok(0),
    };
    Ok((next()?, next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() -> Result<()> {
        assert!(parse("1.100")? > parse("1.95.2")?);
        assert_eq!(parse("1.85")?, parse("1.85.0")?);
        assert!(parse("nightly").is_err());
        Ok(())
    }

    #[test]
    fn a_line_of_the_tree_names_its_package() {
        assert_eq!(identity("a-b v1.2.3 (proc-macro) (*)"), "a-b v1.2.3");
    }
}
