//! The part of `cargo xtask interop` that keeps logins in a real keyring: a daemon of GNOME Keyring on a
//! session bus of its own, with a throw-away password, so that nobody's own keyring is touched.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::debian;

/// The name of the suite.
pub(crate) const NAME: &str = "keyring";

/// The programs that it needs, and the Debian packages that they are in.
const PROGRAMS: [(&str, &str); 3] = [
    ("dbus-run-session", "dbus"),
    ("dbus-send", "dbus"),
    ("gnome-keyring-daemon", "gnome-keyring"),
];

/// Why the suite cannot run here. What is missing is installed where that troubles nobody: by root, as in a container.
pub(crate) fn lacks() -> Option<String> {
    if !cfg!(target_os = "linux") {
        return Some("the keyring's daemon is one of Linux".to_owned());
    }
    let missing = || {
        PROGRAMS
            .into_iter()
            .find(|(program, _)| debian::find(program).is_none())
    };
    let (program, package) = missing()?;
    if !debian::install(NAME, &["dbus", "gnome-keyring"]) {
        return Some(format!("`{program}` is not installed (package {package})"));
    }
    let (program, _) = missing()?;
    Some(format!("`{program}` could not be installed"))
}

/// Runs the suite, which counts its checks in `tally`.
pub(crate) fn run(arcgis: &Path, scripts: &Path, work: &Path, tally: &Path) -> Result<()> {
    // Under `work` the path of the daemon's socket may be longer than the system takes.
    let home = std::env::temp_dir().join(format!("arcgis-keyring-{}", std::process::id()));
    fs::create_dir_all(home.join("runtime"))?;
    let done = in_home(arcgis, scripts, &home, work, tally);
    fs::remove_dir_all(&home)?;
    done
}

fn in_home(arcgis: &Path, scripts: &Path, home: &Path, work: &Path, tally: &Path) -> Result<()> {
    let service = Service::start(arcgis)?;
    let password = home.join("runtime/password");
    fs::write(&password, &service.password)?;
    let input = File::open(&password)?;
    // It must not be found on the disk.
    fs::remove_file(&password)?;
    let mut command = Command::new("dbus-run-session");
    for (name, _) in std::env::vars_os() {
        let ours = name.to_string_lossy();
        if ours.starts_with("ARCGIS_") || ours.starts_with("XDG_") || ours.starts_with("DBUS_") {
            command.env_remove(&name);
        }
    }
    let status = command
        .args(["--", "sh"])
        .arg(scripts.join("keyring.sh"))
        .arg(arcgis)
        .args([&service.layer, &service.portal, &service.user])
        .arg(tally)
        .current_dir(work)
        .env("HOME", home)
        .env("XDG_RUNTIME_DIR", home.join("runtime"))
        .env("ARCGIS_CONFIG_DIR", home.join("arcgis"))
        .stdin(input)
        .status()
        .context("dbus-run-session could not be started")?;
    ensure!(status.success(), "{status}");
    Ok(())
}

/// The demo service, which stops when this is dropped.
struct Service {
    child: Child,
    portal: String,
    layer: String,
    user: String,
    password: String,
}

impl Service {
    fn start(arcgis: &Path) -> Result<Self> {
        let mut child = Command::new(arcgis)
            .args(["serve", "--port", "0", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .context("the demo service could not be started")?;
        let output = child
            .stdout
            .take()
            .context("the demo service says nothing")?;
        let mut line = String::new();
        BufReader::new(output.take(64 * 1024)).read_line(&mut line)?;
        let said: Value = serde_json::from_str(&line)?;
        let text = |path: &str| -> Result<String> {
            let value = said.pointer(path).and_then(Value::as_str);
            Ok(value
                .with_context(|| format!("the demo service says no {path}"))?
                .to_owned())
        };
        Ok(Self {
            portal: text("/portal")?,
            layer: text("/layers/places")?,
            user: text("/user")?,
            password: text("/password")?,
            child,
        })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
