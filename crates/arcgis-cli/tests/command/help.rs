//! What the commands say of themselves.

use crate::run::Desk;

/// The commands that `arcgis --help` lists in its groups, so that none can be forgotten here.
fn commands(desk: &Desk) -> Vec<String> {
    let help = desk.run_in(&[("COLUMNS", "80")], &["--help"]).ok().stdout;
    let (_, listed) = help.split_once("\n\n").unwrap();
    let (_, listed) = listed.split_once("\n\n").unwrap();
    let (listed, _) = listed.split_once("\nOptions:\n").unwrap();
    listed
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .map(|line| {
            let (name, about) = line.split_once("  ").unwrap();
            assert!(
                !name.is_empty() && !about.trim().is_empty(),
                "{line:?} is broken"
            );
            name.to_owned()
        })
        .collect()
}

#[test]
fn every_command_explains_itself() {
    let desk = Desk::new();
    let overview = desk.run_in(&[("COLUMNS", "100")], &["--help"]).ok();
    insta::assert_snapshot!("arcgis", overview.stdout);
    let commands = commands(&desk);
    assert!(commands.len() > 15, "{commands:?}");
    for command in &commands {
        let ran = desk
            .run_in(&[("COLUMNS", "100")], &[command, "--help"])
            .ok();
        insta::assert_snapshot!(command.as_str(), ran.stdout);
    }
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let desk = Desk::new();
    let listed = desk.run(&["manual", "man/man1"]).ok().stdout;
    let mut expected: Vec<String> = commands(&desk)
        .iter()
        .map(|command| format!("arcgis-{command}.1"))
        .collect();
    expected.push("arcgis.1".to_owned());
    expected.sort();
    let mut pages: Vec<String> = std::fs::read_dir(desk.path("man/man1"))
        .unwrap()
        .map(|page| page.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    assert_eq!(pages, expected);
    assert_eq!(listed.lines().count(), pages.len());
    let page = std::fs::read_to_string(desk.path("man/man1/arcgis-export.1")).unwrap();
    for part in [
        ".TH arcgis-export 1",
        "\\fB\\-\\-where\\fR",
        "arcgis export demo:places places.parquet",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    // A folder that cannot be made.
    desk.write("file", "");
    assert_eq!(desk.run(&["manual", "file/man1"]).code, 6);
}

#[test]
fn shells_complete_every_command() {
    let desk = Desk::new();
    let commands = commands(&desk);
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = desk.run(&["completions", shell]).ok().stdout;
        for command in &commands {
            assert!(script.contains(command.as_str()), "{shell}: {command}");
        }
        assert!(script.contains("row-group-rows"), "{shell}");
    }
    let refused = desk.run(&["completions", "tcsh"]);
    assert_eq!(refused.code, 2, "{refused:?}");
}

/// Bash itself is asked what it would offer.
#[cfg(unix)]
#[test]
fn bash_offers_options_behind_a_command() {
    let desk = Desk::new();
    let script = desk.run(&["completions", "bash"]).ok().stdout;
    let asked = "\nCOMP_WORDS=(arcgis export --row); COMP_CWORD=2; _arcgis arcgis --row export; printf '%s\\n' \"${COMPREPLY[@]}\"\n";
    let path = desk.write("ask.sh", &(script + asked));
    match std::process::Command::new("bash").arg(path).output() {
        Ok(answer) => {
            let offered = String::from_utf8(answer.stdout).unwrap();
            let offered: Vec<&str> = offered.lines().collect();
            assert_eq!(offered, ["--row-group-rows", "--row-group-size"]);
        }
        Err(error) => eprintln!("skipped: no bash here ({error})"),
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
