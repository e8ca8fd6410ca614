//! The programs of others, installed with the clients of their registries.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::options::Options;
use super::programs::Programs;
use crate::node;
use crate::python;
use crate::repository::Repository;

pub(super) struct Environment {
    pub(super) python: PathBuf,
    /// The home folder of those who run: DuckDB's extension `spatial` is in it.
    pub(super) home: PathBuf,
    /// The folder with `node_modules`; `None` where there is no Node.
    pub(super) node: Option<PathBuf>,
}

impl Environment {
    pub(super) fn install(work: &Path, scripts: &Path, options: &Options) -> Result<Self> {
        let venv = work.join("venv");
        let files = [
            "requirements.txt",
            "requirements-duckdb.txt",
            "requirements-archibald.txt",
        ]
        .map(|name| scripts.join(name));
        let mut wanted = String::new();
        for file in &files {
            wanted += &fs::read_to_string(file)?;
        }
        let [most, duckdb, archibald] = files.map(|file| file.display().to_string());
        let home = work.join("home");
        python::once(&venv, &wanted, || {
            python::environment(&venv, &["--requirement", &most])?;
            let alone = ["--no-deps", "--no-warn-conflicts", "--requirement", &duckdb];
            python::environment(&venv, &alone)?;
            let anyway = ["--ignore-requires-python", "--requirement", &archibald];
            let interpreter = python::environment(&venv, &anyway)?;
            fs::create_dir_all(&home)?;
            let mut install = Command::new(interpreter);
            python::run(install.args(["-c", INSTALL]).env("HOME", &home))
        })?;
        let node = if options.has_contestant("esri-dump") {
            install_node(work, scripts)?
        } else {
            None
        };
        Ok(Self {
            python: venv.join("bin/python"),
            home,
            node,
        })
    }

    /// Names and versions of all that take part.
    pub(super) fn versions(
        &self,
        repository: &Repository,
        programs: &Programs,
    ) -> Result<Vec<String>> {
        let own = Command::new(&programs.arcgis).arg("--version").output()?;
        let commit = Command::new("git")
            .args(["describe", "--always", "--dirty"])
            .current_dir(repository.root())
            .output()?;
        let rustc = Command::new("rustc").arg("--version").output()?;
        let mut versions = [own, commit, rustc]
            .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
            .to_vec();
        let listed = Command::new(&self.python)
            .args(["-c", VERSIONS])
            .output()
            .context("the environment could not be asked for versions")?;
        versions.extend(
            String::from_utf8_lossy(&listed.stdout)
                .lines()
                .map(str::to_owned),
        );
        if self.node.is_some() {
            let node = Command::new("node").arg("--version").output()?;
            let node = String::from_utf8_lossy(&node.stdout);
            versions.push(format!("esri-dump 5.3.0 (Node {})", node.trim()));
        }
        Ok(versions)
    }
}

const VERSIONS: &str = "\
import importlib.metadata as m, platform, pyogrio
for name in ('duckdb', 'pyogrio', 'pyarrow', 'geoparquet-io', 'restgdf', 'archibald', 'esridump'):
    try:
        print(name, m.version(name), '(GDAL ' + pyogrio.__gdal_version_string__ + ')' if name == 'pyogrio' else '')
    except m.PackageNotFoundError:
        pass
print('Python', platform.python_version())
";

/// gpio looks for the extension where every program that uses DuckDB does.
const INSTALL: &str = "\
import duckdb, duckdb_extension_spatial, pathlib
[file] = pathlib.Path(duckdb_extension_spatial.__file__).parent.rglob('*.duckdb_extension')
duckdb.execute(f\"INSTALL '{file}'\")
";

fn install_node(work: &Path, scripts: &Path) -> Result<Option<PathBuf>> {
    if Command::new("npm").arg("--version").output().is_err() {
        return Ok(None);
    }
    let folder = work.join("node");
    node::install(&folder, scripts)?;
    Ok(Some(folder))
}
