//! The checkout: its files, its crates and its Cargo.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// The checkout that the tasks work on.
pub(crate) struct Repository {
    root: PathBuf,
}

/// A crate of this workspace, as its manifest describes it.
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) folder: PathBuf,
    pub(crate) published: bool,
    pub(crate) rust_version: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) readme: Option<String>,
    pub(crate) features: Vec<String>,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A dependency that a crate of this workspace names.
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) development: bool,
    pub(crate) optional: bool,
    /// Named with a version, so that the registry must have it before the crate is published.
    pub(crate) versioned: bool,
}

impl Repository {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo at the root of the checkout, without what `cargo run` told this program about itself:
    /// build scripts that look at such variables would run again.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        command.current_dir(&self.root).args(arguments);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command
    }

    /// Prints and runs Cargo; fails when it fails.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<()> {
        self.run_with(arguments, &[])
    }

    /// Prints and runs Cargo with some variables set; fails when it fails.
    pub(crate) fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<()> {
        announce(arguments, variables);
        let status = self
            .cargo(arguments)
            .envs(variables.iter().copied())
            .status()
            .context("cargo could not be started")?;
        ensure!(
            status.success(),
            "`cargo {}` failed ({status})",
            arguments.join(" ")
        );
        Ok(())
    }

    /// What Cargo prints; its messages come along when it fails.
    pub(crate) fn read(&self, arguments: &[&str]) -> Result<String> {
        let output = self
            .cargo(arguments)
            .output()
            .context("cargo could not be started")?;
        if !output.status.success() {
            bail!(
                "`cargo {}` failed ({}):\n{}",
                arguments.join(" "),
                output.status,
                String::from_utf8_lossy(&output.stderr).trim_end()
            );
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The files that are, or would be, committed; paths are relative to the root and use `/`.
    pub(crate) fn files(&self) -> Result<Vec<String>> {
        let output = Command::new("git")
            .current_dir(&self.root)
            .args(["ls-files", "-z", "--cached", "--others"])
            .arg("--exclude-standard")
            .output()
            .context("`git` could not be started: is it installed?")?;
        ensure!(
            output.status.success(),
            "`git ls-files` failed: {}",
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
        let mut files: Vec<String> = String::from_utf8(output.stdout)?
            .split('\0')
            // A file that was deleted without a commit is still listed.
            .filter(|path| !path.is_empty() && self.root.join(path).is_file())
            .map(str::to_owned)
            .collect();
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// What `cargo metadata` says about all packages, for every platform.
    pub(crate) fn metadata(&self, members_only: bool) -> Result<Value> {
        let mut arguments = vec!["metadata", "--format-version", "1"];
        if members_only {
            arguments.push("--no-deps");
        }
        serde_json::from_str(&self.read(&arguments)?).context("cargo metadata wrote no JSON")
    }

    /// The folder that Cargo builds into.
    pub(crate) fn target(&self) -> Result<PathBuf> {
        let metadata = self.metadata(true)?;
        let folder = metadata
            .get("target_directory")
            .and_then(Value::as_str)
            .context("cargo metadata names no target directory")?;
        Ok(PathBuf::from(folder))
    }

    /// The crates of this workspace by name.
    pub(crate) fn members(&self) -> Result<Vec<Member>> {
        let metadata = self.metadata(true)?;
        let mut members = array(&metadata, "packages")
            .map(member)
            .collect::<Result<Vec<_>>>()?;
        members.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(members)
    }
}

/// Prints a command before it runs, so that a log says what to repeat by hand.
pub(crate) fn announce(arguments: &[&str], variables: &[(&str, &str)]) {
    let mut line = String::from("$ ");
    for (name, value) in variables {
        line.push_str(&format!("{name}={value:?} "));
    }
    println!("{line}cargo {}", arguments.join(" "));
}

/// The elements of a member that is an array; none when it is missing.
pub(crate) fn array<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// A member that is a text.
pub(crate) fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn member(package: &Value) -> Result<Member> {
    let required = |name| text(package, name).with_context(|| format!("a package has no {name}"));
    let manifest = PathBuf::from(required("manifest_path")?);
    let features = package.get("features").and_then(Value::as_object);
    Ok(Member {
        name: required("name")?,
        version: required("version")?,
        folder: manifest
            .parent()
            .context("a manifest lies in no folder")?
            .to_owned(),
        // `publish = false` is an empty list of registries.
        published: package.get("publish").and_then(Value::as_array).is_none(),
        rust_version: text(package, "rust_version"),
        description: text(package, "description"),
        license: text(package, "license"),
        readme: text(package, "readme"),
        features: features
            .into_iter()
            .flat_map(|all| all.keys().cloned())
            .collect(),
        dependencies: array(package, "dependencies")
            .map(|dependency| Dependency {
                name: text(dependency, "name").unwrap_or_default(),
                development: dependency.get("kind").and_then(Value::as_str) == Some("dev"),
                optional: dependency.get("optional") == Some(&Value::Bool(true)),
                versioned: text(dependency, "req").is_some_and(|version| version != "*"),
            })
            .collect(),
    })
}
