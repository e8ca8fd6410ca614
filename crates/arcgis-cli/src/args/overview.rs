//! `arcgis --help`: the commands in groups, by what they are for.

use std::fmt::Write as _;

use clap::Command;

const GROUPS: [(&str, &[&str]); 4] = [
    ("Rows to files", &["export", "sync", "convert", "preview"]),
    (
        "Look at services and layers",
        &[
            "info", "crawl", "count", "ids", "extent", "values", "stats", "head", "sample",
            "related",
        ],
    ),
    ("Sign in", &["login", "logout", "whoami", "token"]),
    (
        "This program",
        &["config", "completions", "manual", "serve"],
    ),
];

/// The command line with its commands listed in groups, which clap has none for.
pub(super) fn grouped(cli: Command) -> Command {
    let styles = cli.get_styles().clone();
    let (header, literal) = (styles.get_header(), styles.get_literal());
    let longest = cli
        .get_subcommands()
        .map(|command| command.get_name().len());
    let width = longest.max().unwrap_or_default();
    let mut listed = String::new();
    for (heading, names) in GROUPS {
        let _ = writeln!(listed, "{header}{heading}:{header:#}");
        for name in names {
            // Without its feature the demo service is no command.
            let Some(command) = cli.find_subcommand(name) else {
                continue;
            };
            let about = command.get_about().map(ToString::to_string);
            let about = about.unwrap_or_default();
            let _ = writeln!(
                listed,
                "  {literal}{name}{literal:#}{:1$}  {about}",
                "",
                width.saturating_sub(name.len())
            );
        }
        listed.push('\n');
    }
    cli.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{listed}{header}Options:{header:#}\n{{options}}{{after-help}}"
    ))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::super::Cli;
    use super::*;

    #[test]
    fn every_command_stands_in_one_group_and_on_one_line() {
        let cli = Cli::command();
        let mut grouped: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        let mut commands: Vec<&str> = cli.get_subcommands().map(Command::get_name).collect();
        if cfg!(not(feature = "demo")) {
            commands.push("serve");
        }
        grouped.sort_unstable();
        commands.sort_unstable();
        assert_eq!(grouped, commands);
        for command in cli.get_subcommands() {
            let about = command.get_about().unwrap().to_string();
            assert!(about.len() <= 65, "{about} is too long for 80 columns");
        }
    }

    /// A user who has learnt an option of one command knows it of all.
    #[test]
    fn options_take_the_same_thing_in_every_command() {
        let cli = Cli::command();
        let mut seen = std::collections::BTreeMap::new();
        for command in cli.get_subcommands() {
            for option in command.get_arguments() {
                let help = option
                    .get_help()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                let what = format!("{} {}", command.get_name(), option.get_id());
                // An open span of time ends in `..`.
                let ends_well = !help.ends_with('.') || help.ends_with("..");
                assert!(!help.is_empty() && ends_well, "{what}: {help}");
                let Some(long) = option.get_long() else {
                    continue;
                };
                let takes: Vec<String> = option
                    .get_value_names()
                    .unwrap_or_default()
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                let before = seen.insert(long.to_owned(), takes.clone());
                assert!(
                    before.is_none_or(|before| before == takes),
                    "{what}: {takes:?}"
                );
            }
        }
    }
}
