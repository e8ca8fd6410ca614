//! How far an export is: a bar on a terminal, a line every few seconds elsewhere.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use arcgis_rest::export::{ExportEvent, ResumeReport};
use arcgis_rest::layer::{PageFormat, Strategy};
use indicatif::{FormattedDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::args::OutputArgs;
use crate::exit::one_line;
use crate::facts::{bytes, count, counted};

/// Between two lines where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(3);

/// The bar on the screen, so that other lines can go above it.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Prints something while the bar, if there is one, steps aside.
pub(crate) fn above<T>(print: impl FnOnce() -> T) -> T {
    let bar = BAR.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match bar {
        Some(bar) => bar.suspend(print),
        None => print(),
    }
}

/// Says which bar is on the screen.
pub(crate) fn take_screen(bar: Option<ProgressBar>) {
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

/// Shows how far an export is. It leaves the screen when it is dropped.
#[derive(Debug)]
pub(crate) struct Progress(Shown);

#[derive(Debug)]
enum Shown {
    Nothing,
    Bar(ProgressBar, Mutex<u64>),
    Lines(Mutex<Lines>),
}

#[derive(Debug)]
struct Lines {
    started: Instant,
    said: Instant,
    planned: Option<u64>,
    /// Rows that were there already.
    earlier: u64,
    rows: u64,
    bytes: u64,
}

impl Progress {
    /// Chooses by what standard error is. `label` names the layer.
    pub(crate) fn new(output: OutputArgs, label: &str) -> Self {
        if output.quiet {
            return Self(Shown::Nothing);
        }
        let target = ProgressDrawTarget::stderr();
        if target.is_hidden() {
            let now = Instant::now();
            return Self(Shown::Lines(Mutex::new(Lines {
                started: now,
                said: now,
                planned: None,
                earlier: 0,
                rows: 0,
                bytes: 0,
            })));
        }
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(spinner());
        bar.set_prefix(one_line(label));
        bar.set_message("counting rows");
        bar.enable_steady_tick(Duration::from_millis(100));
        take_screen(Some(bar.clone()));
        Self(Shown::Bar(bar, Mutex::new(0)))
    }

    /// Takes in what happened.
    pub(crate) fn observe(&self, event: &ExportEvent) {
        match &self.0 {
            Shown::Nothing => {}
            Shown::Bar(bar, received) => match event {
                ExportEvent::Planned { rows, .. } => {
                    bar.set_style(rows_bar());
                    bar.set_length(*rows);
                    bar.set_message("waiting for the first page");
                    bar.reset_elapsed();
                }
                ExportEvent::Resumed(earlier) => {
                    bar.println(resumed(earlier));
                    // Not counted in the rate, which is about what comes now.
                    bar.set_length(bar.length().unwrap_or(0).saturating_sub(earlier.rows));
                }
                ExportEvent::Page {
                    rows, bytes: size, ..
                } => {
                    let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
                    *received += size;
                    bar.inc(*rows);
                    bar.set_message(format!("{} decoded", bytes(*received)));
                }
                ExportEvent::Verified(_) => {
                    bar.set_style(spinner());
                    bar.set_message("every row is there; putting them in order and writing them");
                }
                _ => {}
            },
            Shown::Lines(lines) => {
                let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                match event {
                    ExportEvent::Planned {
                        rows,
                        pages,
                        page_size,
                        strategy,
                        format,
                        ..
                    } => {
                        lines.planned = Some(*rows);
                        lines.started = Instant::now();
                        say(&planned(*rows, *pages, *page_size, *strategy, *format));
                    }
                    ExportEvent::Resumed(earlier) => {
                        lines.earlier = earlier.rows;
                        say(&resumed(earlier));
                    }
                    ExportEvent::Page {
                        rows, bytes: size, ..
                    } => {
                        lines.rows += rows;
                        lines.bytes += size;
                        if lines.said.elapsed() >= BETWEEN_LINES {
                            lines.say();
                        }
                    }
                    ExportEvent::Verified(_) if lines.rows > 0 => lines.say(),
                    _ => {}
                }
            }
        }
    }

    /// Waits for what is watched, and shows meanwhile that it is still going, even if nothing happens.
    pub(crate) async fn over<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let mut ticks = tokio::time::interval(BETWEEN_LINES);
        loop {
            tokio::select! {
                result = &mut work => return result,
                _ = ticks.tick() => self.tick(),
            }
        }
    }

    /// Shows that it is still going, even if nothing happened.
    pub(crate) fn tick(&self) {
        if let Shown::Lines(lines) = &self.0 {
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.planned.is_some() && lines.said.elapsed() >= BETWEEN_LINES {
                lines.say();
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar(bar, _) = &self.0 {
            take_screen(None);
            bar.finish_and_clear();
        }
    }
}

impl Lines {
    fn say(&mut self) {
        self.said = Instant::now();
        say(&self.text(self.started.elapsed()));
    }

    fn text(&self, elapsed: Duration) -> String {
        let there = self.earlier + self.rows;
        let planned = self.planned.unwrap_or(there);
        if there == 0 && planned > 0 {
            return format!("waiting for the first of {}", counted(planned, "row"));
        }
        let mut text = format!("{} of {}", count(there), counted(planned, "row"));
        if let Some(percent) = (there * 100).checked_div(planned) {
            // A row that came twice may make it more for a moment.
            let _ = write!(text, " ({} %)", percent.min(100));
        }
        if self.rows > 0 {
            let rate = rate(self.rows, elapsed);
            let _ = write!(text, ", {} rows/s", count(rate));
            let left = planned.saturating_sub(there);
            if left > 0
                && let Some(seconds) = left.checked_div(rate)
            {
                let left = FormattedDuration(Duration::from_secs(seconds));
                let _ = write!(text, ", {left} to go");
            }
        }
        if self.bytes > 0 {
            let _ = write!(text, ", {} decoded", bytes(self.bytes));
        }
        text
    }
}

/// What was there already.
fn resumed(earlier: &ResumeReport) -> String {
    format!(
        "{} of it are there already, from {}",
        counted(earlier.rows, "row"),
        earlier.started
    )
}

/// What is about to be fetched.
fn planned(
    rows: u64,
    pages: u64,
    page_size: u32,
    strategy: Strategy,
    format: PageFormat,
) -> String {
    if rows == 0 {
        return "no rows to fetch".to_owned();
    }
    let rows = counted(rows, "row");
    let pages = match pages {
        0 | 1 => "1 page".to_owned(),
        many => format!("{} pages of {}", count(many), count(u64::from(page_size))),
    };
    format!("{rows} to fetch: {strategy}, {pages} as {format}")
}

fn say(line: &str) {
    // Nobody is left to tell that standard error is closed.
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{spinner:.cyan} {prefix:.bold}  {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn rows_bar() -> ProgressStyle {
    ProgressStyle::with_template(
        "{spinner:.cyan} {prefix:.bold} {wide_bar:.cyan/dim} {human_pos}/{human_len} rows{rate}  {msg}{left}",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar())
    .progress_chars("━╸─")
    // Pages come in lumps: over the whole time the rate is steadier than the bar's own.
    // Before the first page there is nothing to go by.
    .with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
        if state.pos() > 0 {
            // The bar is drawn without it if this fails, which it does not.
            let _ = write!(out, "  {} rows/s", count(rate(state.pos(), state.elapsed())));
        }
    })
    .with_key("left", |state: &ProgressState, out: &mut dyn fmt::Write| {
        let left = state.len().unwrap_or(0).saturating_sub(state.pos());
        if let Some(seconds) = left.checked_div(rate(state.pos(), state.elapsed())) {
            let left = FormattedDuration(Duration::from_secs(seconds));
            let _ = write!(out, "  ETA {left}");
        }
    })
}

/// Rows a second.
pub(crate) fn rate(rows: u64, time: Duration) -> u64 {
    let micros = time.as_micros().max(1);
    u64::try_from(u128::from(rows) * 1_000_000 / micros).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_and_how_fast() {
        let lines = Lines {
            started: Instant::now(),
            said: Instant::now(),
            planned: Some(10_000),
            earlier: 0,
            rows: 2_500,
            bytes: 1_250_000,
        };
        assert_eq!(
            lines.text(Duration::from_secs(5)),
            "2,500 of 10,000 rows (25 %), 500 rows/s, 00:00:15 to go, 1.25 MB decoded"
        );
        let resumed = Lines {
            earlier: 5_000,
            ..lines
        };
        assert_eq!(
            resumed.text(Duration::from_secs(5)),
            "7,500 of 10,000 rows (75 %), 500 rows/s, 00:00:05 to go, 1.25 MB decoded"
        );
        let empty = Lines {
            planned: Some(0),
            earlier: 0,
            rows: 0,
            bytes: 0,
            ..resumed
        };
        assert_eq!(empty.text(Duration::ZERO), "0 of 0 rows");
        let waiting = Lines {
            planned: Some(1),
            ..empty
        };
        assert_eq!(
            waiting.text(Duration::from_secs(3)),
            "waiting for the first of 1 row"
        );
    }

    #[test]
    fn plans_are_said_in_plain_words() {
        let said = |rows, pages| planned(rows, pages, 1_000, Strategy::Offset, PageFormat::Pbf);
        assert_eq!(said(1, 1), "1 row to fetch: pages by offset, 1 page as PBF");
        assert_eq!(
            said(2_500, 3),
            "2,500 rows to fetch: pages by offset, 3 pages of 1,000 as PBF"
        );
        assert_eq!(said(0, 0), "no rows to fetch");
    }

    #[test]
    fn the_templates_are_valid() {
        assert!(ProgressStyle::with_template("{spinner:.cyan} {prefix:.bold}  {msg}").is_ok());
        let _ = rows_bar();
    }
}
