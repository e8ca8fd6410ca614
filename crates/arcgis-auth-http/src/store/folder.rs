//! Where the configuration of a user lies.

use std::env;
use std::path::PathBuf;

/// The folder for the configuration and the logins of `arcgis`; none where the system names no home.
/// It may not exist yet.
///
/// `ARCGIS_CONFIG_DIR` names it. Without that it is `arcgis` in `$XDG_CONFIG_HOME`; else in
/// `%APPDATA%` on Windows, in `~/Library/Application Support` on macOS, and in `~/.config` elsewhere.
///
/// ```no_run
/// use arcgis_auth_http::{FileStore, config_folder};
///
/// let folder = config_folder().ok_or("no home folder")?;
/// // The logins that `arcgis login --store file` keeps.
/// let store = FileStore::new(folder.join(FileStore::FILE_NAME));
/// # Ok::<(), &str>(())
/// ```
#[must_use]
pub fn config_folder() -> Option<PathBuf> {
    folder(|name| env::var_os(name).map(PathBuf::from))
}

/// What the XDG base directory specification says of relative paths holds for all of them: they
/// count for nothing. `ARCGIS_CONFIG_DIR` alone may be relative, since a user typed it.
fn folder(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|path| !path.as_os_str().is_empty());
    let absolute = |name| set(name).filter(|path| path.is_absolute());
    if let Some(folder) = set("ARCGIS_CONFIG_DIR") {
        return Some(folder);
    }
    let base = absolute("XDG_CONFIG_HOME").or_else(|| {
        if cfg!(windows) {
            absolute("APPDATA")
        } else if cfg!(target_os = "macos") {
            absolute("HOME").map(|home| home.join("Library/Application Support"))
        } else {
            absolute("HOME").map(|home| home.join(".config"))
        }
    })?;
    Some(base.join("arcgis"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Option<PathBuf> {
        folder(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| PathBuf::from(value))
        })
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    #[test]
    fn the_more_special_variable_wins() {
        let is = |path: &str| Some(PathBuf::from(path));
        let home = ("HOME", "/home/me");
        let xdg = ("XDG_CONFIG_HOME", "/x");
        assert_eq!(with(&[home]), is("/home/me/.config/arcgis"));
        assert_eq!(with(&[home, xdg]), is("/x/arcgis"));
        assert_eq!(
            with(&[home, ("XDG_CONFIG_HOME", "relative")]),
            is("/home/me/.config/arcgis")
        );
        assert_eq!(with(&[home, xdg, ("ARCGIS_CONFIG_DIR", "/a")]), is("/a"));
        assert_eq!(
            with(&[xdg, ("ARCGIS_CONFIG_DIR", "")]),
            is("/x/arcgis"),
            "empty is not set"
        );
        assert_eq!(with(&[]), None);
    }
}
