//! `arcgis manual`: a page for each command.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::args::{Cli, ManualArgs, OutputArgs};
use crate::exit::{Exit, Failure};

pub(crate) fn run(args: &ManualArgs, output: OutputArgs) -> Result<()> {
    let mut cli = Cli::command();
    // Names the pages after all that is typed, `arcgis-export`.
    cli.build();
    let mut pages = Vec::new();
    collect(&cli, &mut pages)?;
    let written = write(&args.folder, &pages).map_err(|(path, error)| {
        Failure::new(
            Exit::Output,
            format!("{} could not be written: {error}", path.display()),
        )
    })?;
    let mut out = anstream::stdout().lock();
    if output.json {
        writeln!(out, "{:#}", serde_json::json!({ "pages": written }))?;
    } else if !output.quiet {
        for path in &written {
            writeln!(out, "{}", path.display())?;
        }
    }
    Ok(())
}

/// A page and its file's name.
struct Page {
    file: String,
    text: Vec<u8>,
}

fn collect(command: &Command, pages: &mut Vec<Page>) -> io::Result<()> {
    let man = Man::new(command.clone());
    let mut text = Vec::new();
    man.render(&mut text)?;
    pages.push(Page {
        file: man.get_filename(),
        text,
    });
    command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .try_for_each(|command| collect(command, pages))
}

fn write(folder: &Path, pages: &[Page]) -> Result<Vec<PathBuf>, (PathBuf, io::Error)> {
    fs::create_dir_all(folder).map_err(|error| (folder.to_owned(), error))?;
    pages
        .iter()
        .map(|page| {
            let path = folder.join(&page.file);
            fs::write(&path, &page.text).map_err(|error| (path.clone(), error))?;
            Ok(path)
        })
        .collect()
}
