//! How far an export of several layers is: a line for each layer that is through, and a bar on a terminal.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arcgis_rest::export::{ExportEvent, IndexedLayer, LayerOutcome, LayerStatus, ServiceEvent};
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::OutputArgs;
use crate::exit::{note, one_line};
use crate::facts::{bytes, count, counted};
use crate::progress::{above, take_screen};

/// Shows how far an export of several layers is. The bar leaves the screen when it is dropped.
#[derive(Debug)]
pub(crate) struct ServiceProgress {
    quiet: bool,
    /// What is done with layers.
    verb: &'static str,
    bar: ProgressBar,
    rows: AtomicU64,
}

impl ServiceProgress {
    /// With a bar where standard error is a terminal. `verb` is what is done with layers.
    pub(crate) fn new(output: OutputArgs, verb: &'static str) -> Self {
        let bar = if output.quiet {
            ProgressBar::hidden()
        } else {
            ProgressBar::new_spinner()
        };
        bar.set_message("looking for layers");
        bar.enable_steady_tick(Duration::from_millis(100));
        take_screen(Some(bar.clone()));
        Self {
            quiet: output.quiet,
            verb,
            bar,
            rows: AtomicU64::new(0),
        }
    }

    /// Takes in what happened.
    pub(crate) fn observe(&self, event: &ServiceEvent<'_>) {
        match event {
            ServiceEvent::Listed(layers) => {
                let left_out = |layer: &&IndexedLayer| layer.status == LayerStatus::Skipped;
                let wanted = layers.len() - layers.iter().filter(left_out).count();
                self.bar.set_style(layers_bar());
                self.bar.set_length(wanted as u64);
                let layers = counted(wanted as u64, "layer");
                self.say(&format!("{layers} to {}", self.verb));
            }
            ServiceEvent::Layer { event, .. } => match event {
                ExportEvent::Page { rows, .. } => {
                    let rows = self.rows.fetch_add(*rows, Ordering::Relaxed) + rows;
                    self.bar.set_message(format!("{} rows", count(rows)));
                }
                ExportEvent::Kept { folder, rows } => above(|| {
                    note(&format!(
                        "{} are kept in {}: the same command goes on behind them",
                        counted(*rows, "row"),
                        folder.display()
                    ));
                }),
                _ => {}
            },
            ServiceEvent::Ended { layer, outcome, .. } => self.ended(layer, outcome),
            _ => {}
        }
    }

    fn ended(&self, layer: &IndexedLayer, outcome: &LayerOutcome) {
        let name = format!("{}/{}", layer.service, layer.name);
        let file = layer.file.as_deref().unwrap_or_default();
        let rows = counted(layer.rows.unwrap_or_default(), "row");
        let (green, red) = (anstyle::AnsiColor::Green, anstyle::AnsiColor::Red);
        let (color, sign, rest) = match outcome {
            LayerOutcome::Exported(_) => {
                let size = bytes(layer.bytes.unwrap_or_default());
                (green, '✓', format!("{rows}, {size} → {file}"))
            }
            LayerOutcome::Kept => (green, '=', format!("{rows}, unchanged → {file}")),
            LayerOutcome::Synced(report) if !report.written => {
                (green, '=', format!("{rows}, unchanged → {file}"))
            }
            LayerOutcome::Synced(report) => {
                let rest = format!(
                    "{} added, {} changed, {} deleted, by {} → {file}",
                    count(report.added_rows),
                    count(report.changed_rows),
                    count(report.deleted_rows),
                    report.way
                );
                (green, '✓', rest)
            }
            LayerOutcome::Failed(_) => {
                let problem = layer.problem.as_deref().unwrap_or_default();
                (red, '✗', problem.to_owned())
            }
            _ => return,
        };
        self.bar.inc(1);
        if self.quiet && !matches!(outcome, LayerOutcome::Failed(_)) {
            return;
        }
        let style = color.on_default().bold();
        let line = format!(
            "{style}{sign}{style:#} {}: {}",
            one_line(&name),
            one_line(&rest)
        );
        above(|| {
            // Nobody is left to tell that standard error is closed.
            let _ = writeln!(anstream::stderr().lock(), "{line}");
        });
    }

    fn say(&self, line: &str) {
        if !self.quiet && self.bar.is_hidden() {
            let _ = writeln!(anstream::stderr().lock(), "{line}");
        }
    }
}

impl Drop for ServiceProgress {
    fn drop(&mut self) {
        take_screen(None);
        self.bar.finish_and_clear();
    }
}

fn layers_bar() -> ProgressStyle {
    ProgressStyle::with_template("{spinner:.cyan} {wide_bar:.cyan/dim} {pos}/{len} layers  {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_valid() {
        assert!(
            ProgressStyle::with_template(
                "{spinner:.cyan} {wide_bar:.cyan/dim} {pos}/{len} layers  {msg}"
            )
            .is_ok()
        );
        let _ = layers_bar();
    }
}
