//! `cargo xtask picture`: `docs/export.svg`, a real export as the terminal showed it.

use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::repository::Repository;
use crate::screen::{Cell, Screen};
use crate::svg::{self, Frame};

/// The width of the terminal, in characters.
const COLUMNS: usize = 100;

/// How long the end stays before the picture starts anew, in milliseconds.
const REST: u64 = 8_000;

/// At most this many states are kept of what happened on the way.
const FRAMES: usize = 24;

/// The command of the README. It runs in a folder of its own.
const EXPORT: [&str; 3] = ["export", "demo:places", "places.parquet"];

/// Runs the export, or `command` to try the picture with another program, and draws it.
pub(crate) fn run(repository: &Repository, command: &[&str]) -> Result<()> {
    let folder = repository.target()?.join("picture");
    // A file of an earlier run would make this export an error.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;

    let (shown, line) = if command.is_empty() {
        repository.run(&["build", "--release", "-p", "arcgis-cli"])?;
        let binary = repository.target()?.join("release/arcgis");
        let mut line = quote(&binary.display().to_string());
        for argument in EXPORT {
            line.push(' ');
            line.push_str(&quote(argument));
        }
        (format!("arcgis {}", EXPORT.join(" ")), line)
    } else {
        let quoted: Vec<String> = command.iter().map(|part| quote(part)).collect();
        (command.join(" "), quoted.join(" "))
    };
    let frames = record(&folder, &shown, &line)?;
    let picture = svg::draw(&shown, COLUMNS, &frames);
    let path = repository.root().join("docs/export.svg");
    fs::create_dir_all(repository.root().join("docs"))?;
    fs::write(&path, &picture)?;
    println!(
        "{}: {} frames, {} bytes",
        path.display(),
        frames.len(),
        picture.len()
    );
    Ok(())
}

/// Runs a command line under a pseudo-terminal, which util-linux' `script` makes, and keeps what the
/// screen showed.
fn record(folder: &std::path::Path, shown: &str, line: &str) -> Result<Vec<Frame>> {
    let inner = format!("stty cols {COLUMNS} rows 40; exec {line}");
    let mut child = Command::new("script")
        .args(["--quiet", "--return", "--flush", "--command", &inner])
        .arg("/dev/null")
        .current_dir(folder)
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("`script` could not be started: it is part of util-linux")?;
    let mut output = child.stdout.take().context("no standard output")?;

    let mut screen = Screen::new(COLUMNS);
    screen.write(b"\x1b[1;32m$\x1b[0m \x1b[1m");
    screen.write(shown.as_bytes());
    screen.write(b"\x1b[0m\r\n");
    let begin = Instant::now();
    let mut states: Vec<(Duration, Vec<Vec<Cell>>)> = vec![(Duration::ZERO, screen.rows())];
    let mut buffer = [0; 4096];
    loop {
        let length = output.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        screen.write(buffer.get(..length).unwrap_or_default());
        let rows = screen.rows();
        if states.last().is_none_or(|(_, last)| *last != rows) {
            states.push((begin.elapsed(), rows));
        }
    }
    let status = child.wait()?;
    ensure!(status.success(), "`{shown}` failed: {status}");
    Ok(thin(states, begin.elapsed()))
}

/// Keeps an even choice of the states, each with the time until the next one.
fn thin(mut states: Vec<(Duration, Vec<Vec<Cell>>)>, end: Duration) -> Vec<Frame> {
    let step = end / u32::try_from(FRAMES).unwrap_or(u32::MAX);
    let Some(last) = states.pop() else {
        return Vec::new();
    };
    let mut kept: Vec<(Duration, Vec<Vec<Cell>>)> = Vec::new();
    for state in states {
        if kept
            .last()
            .is_none_or(|(since, _)| state.0 >= *since + step)
        {
            kept.push(state);
        }
    }
    kept.push(last);
    let ends: Vec<Duration> = kept.iter().skip(1).map(|(since, _)| *since).collect();
    kept.into_iter()
        .enumerate()
        .map(|(index, (since, rows))| Frame {
            rows,
            lasts: match ends.get(index) {
                // No eye sees less than a tenth of a second.
                Some(until) => u64::try_from((*until - since).as_millis())
                    .unwrap_or(REST)
                    .clamp(100, REST),
                None => REST,
            },
        })
        .collect()
}

fn quote(argument: &str) -> String {
    format!("'{}'", argument.replace('\'', "'\\''"))
}
