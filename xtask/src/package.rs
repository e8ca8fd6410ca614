//! Packages as the registry would get them.

use std::fs;

use anyhow::{Context as _, Result, bail, ensure};

use crate::repository::{Member, Repository};

/// What the registry takes at most, in bytes.
const LIMIT: u64 = 10_000_000;

/// Packages every published crate, dependencies first; with `verify` builds each out of its package.
///
/// Cargo resolves the crates of one call against each other, so that nothing need be published yet.
pub(crate) fn run(repository: &Repository, verify: bool) -> Result<()> {
    let members = repository.members()?;
    let order = order(&members)?;
    let names: Vec<&str> = order.iter().map(|member| member.name.as_str()).collect();
    println!("publish order: {}", names.join(", "));

    let mut arguments = vec!["package", "--allow-dirty"];
    if !verify {
        arguments.push("--no-verify");
    }
    for name in &names {
        arguments.extend(["-p", name]);
    }
    let packages = repository.target()?.join("package");
    for member in &order {
        // Of an earlier run: it must not be taken for today's.
        let _ = fs::remove_file(packages.join(archive(member)));
    }
    repository.run(&arguments)?;

    let mut wrong = Vec::new();
    for member in &order {
        let path = packages.join(archive(member));
        let size = fs::metadata(&path)
            .with_context(|| format!("{} was not made", path.display()))?
            .len();
        let list = repository.read(&["package", "--list", "--allow-dirty", "-p", &member.name])?;
        let files: Vec<&str> = list.lines().collect();
        println!(
            "{:<20} {:>4} files, {:>5} kB",
            member.name,
            files.len(),
            size.div_ceil(1000)
        );
        if size > LIMIT {
            wrong.push(format!("{}: {size} bytes", member.name));
        }
        for needed in ["Cargo.toml", "README.md"] {
            if !files.contains(&needed) {
                wrong.push(format!("{}: lacks {needed}", member.name));
            }
        }
        for file in files.iter().filter(|file| !expected(file)) {
            wrong.push(format!("{}: holds {file}", member.name));
        }
    }
    ensure!(
        wrong.is_empty(),
        "the packages are not fit to publish:\n  {}",
        wrong.join("\n  ")
    );
    Ok(())
}

fn archive(member: &Member) -> String {
    format!("{}-{}.crate", member.name, member.version)
}

/// What belongs into a package: a build product, an output or a secret does not.
fn expected(file: &str) -> bool {
    let hidden =
        file.split('/').any(|part| part.starts_with('.')) && file != ".cargo_vcs_info.json";
    let product =
        file.starts_with("target/") || file.ends_with(".parquet") || file.ends_with(".log");
    !hidden && !product
}

/// The published crates, each after all of the workspace that its package names: also those which
/// only its tests need, since the registry looks for them too.
fn order(members: &[Member]) -> Result<Vec<&Member>> {
    let mut left: Vec<&Member> = members.iter().filter(|member| member.published).collect();
    let mut order: Vec<&Member> = Vec::new();
    while !left.is_empty() {
        let waits = |member: &Member| {
            member
                .dependencies
                .iter()
                .any(|needed| needed.versioned && left.iter().any(|one| one.name == needed.name))
        };
        let Some(next) = left.iter().position(|member| !waits(member)) else {
            bail!(
                "no publish order: {} need each other (a dev-dependency may be named by path only)",
                circle(left).join(", ")
            );
        };
        order.push(left.remove(next));
    }
    for member in &order {
        let private = member.dependencies.iter().find(|needed| {
            needed.versioned
                && members
                    .iter()
                    .any(|one| !one.published && one.name == needed.name)
        });
        if let Some(needed) = private {
            bail!(
                "{} needs {}, which is not published",
                member.name,
                needed.name
            );
        }
    }
    Ok(order)
}

/// Those of the crates that cannot be ordered which some other of them waits for.
fn circle(mut left: Vec<&Member>) -> Vec<&str> {
    loop {
        let needed = |name: &str| {
            left.iter()
                .flat_map(|member| &member.dependencies)
                .any(|one| one.versioned && one.name == name)
        };
        match left.iter().position(|member| !needed(&member.name)) {
            Some(outside) => left.remove(outside),
            None => return left.iter().map(|member| member.name.as_str()).collect(),
        };
    }
}
