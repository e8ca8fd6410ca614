//! What the commands say of themselves.

use crate::run::Desk;

#[test]
fn every_command_explains_itself() {
    let desk = Desk::new();
    for command in [
        "", "export", "info", "crawl", "count", "ids", "extent", "values", "stats", "head",
        "sample", "related", "convert", "login", "logout", "whoami", "token", "config", "serve",
    ] {
        let args: Vec<&str> = [command, "--help"]
            .into_iter()
            .filter(|arg| !arg.is_empty())
            .collect();
        let ran = desk.run_in(&[("COLUMNS", "100")], &args).ok();
        let name = if command.is_empty() {
            "arcgis"
        } else {
            command
        };
        insta::assert_snapshot!(name, ran.stdout);
    }
}

#[test]
fn the_version_is_said() {
    let ran = Desk::new().run(&["--version"]).ok();
    assert_eq!(
        ran.stdout,
        format!("arcgis {}\n", env!("CARGO_PKG_VERSION"))
    );
    let ran = Desk::new().run(&[]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("Usage: arcgis"), "{ran:?}");
}
