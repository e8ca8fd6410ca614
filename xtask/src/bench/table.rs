//! The page with the results.

use std::fmt::Write as _;

use super::contestant::{DUCKDB, FETCH_JSON, FETCH_PBF, GDAL, GPIO, OURS_JSON, OURS_PBF, WRITE};
use super::decoding::Way;
use super::growth::Step;
use super::measure::Run;

/// What of a contestant's output is right.
pub(super) struct Verdict {
    pub(super) rows: u64,
    pub(super) right: u64,
    pub(super) notes: Vec<String>,
}

/// A contestant's runs on one layer.
pub(super) struct Series {
    layer: &'static str,
    name: &'static str,
    floor: bool,
    pub(super) runs: Vec<Run>,
    pub(super) verdict: Option<Verdict>,
}

impl Series {
    pub(super) fn new(layer: &'static str, name: &'static str, floor: bool) -> Self {
        Self {
            layer,
            name,
            floor,
            runs: Vec::new(),
            verdict: None,
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failure().is_some()
    }

    fn failure(&self) -> Option<&str> {
        self.runs.iter().find_map(|run| run.failure.as_deref())
    }

    fn median(&self, value: impl Fn(&Run) -> f64) -> Option<f64> {
        if self.has_failed() {
            return None;
        }
        median(self.runs.iter().map(value).collect())
    }

    fn wall(&self) -> Option<f64> {
        self.median(|run| run.wall)
    }

    fn cpu(&self) -> Option<f64> {
        self.median(|run| run.cpu)
    }

    fn peak(&self) -> Option<f64> {
        self.median(|run| run.peak).filter(|peak| peak.is_finite())
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Everything that was measured.
pub(super) struct Results<'a> {
    pub(super) machine: String,
    pub(super) versions: Vec<String>,
    pub(super) series: &'a [Series],
    pub(super) growth: &'a [Step],
    pub(super) decoding: &'a [Way],
    pub(super) rounds: usize,
}

/// The page.
pub(super) fn page(results: &Results<'_>) -> String {
    let mut page = String::from(HEAD);
    let _ = writeln!(page, "Machine: {}.\n", results.machine);
    let versions: Vec<&str> = results
        .versions
        .iter()
        .map(|version| version.trim())
        .collect();
    let _ = writeln!(page, "Versions: {}.\n", versions.join(" · "));
    let _ = writeln!(
        page,
        "Medians of {} interleaved rounds; those that no target is about ran once.",
        results.rounds
    );
    let mut layers: Vec<&str> = results.series.iter().map(|series| series.layer).collect();
    layers.dedup();
    for layer in layers {
        let of_layer: Vec<&Series> = results
            .series
            .iter()
            .filter(|series| series.layer == layer)
            .collect();
        exports(&mut page, layer, &of_layer);
        targets(&mut page, &of_layer);
    }
    if !results.growth.is_empty() {
        growth(&mut page, results.growth);
    }
    if !results.decoding.is_empty() {
        decoding(&mut page, results.decoding);
    }
    page
}

const HEAD: &str = "\
# Benchmarks

Made by `cargo xtask bench`, which builds the data, serves them from pages that are ready before anyone asks, in a
process of its own, and lets everyone get the same layers from there in turn. The data are computed; every value
that was written is compared with the formula. `cargo xtask --help` tells how to run a part.

How to read it: *wall* and *CPU* are seconds of the contestant with all its processes, CPU user and system; *peak* is
the largest resident set of one process in MB; *service* is the CPU that the service took meanwhile, which is in none
of the others. Ratios are to the first line. Answers are not compressed, and come over the loopback interface.
Everyone that writes Parquet uses zstd at level 3 and keeps the order of the pages. Not alike, in favour of the
others: this project also counts the rows, lists their ids before and after, proves that each came once, and
writes the bounding box of each row; DuckDB is told all types, and makes geometry of points only; pyesridump and
esri-dump write GeoJSON, a feature a line.

";

const DASH: &str = "–";

fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or(DASH.to_owned(), |value| format!("{value:.decimals$}"))
}

fn ratio(value: Option<f64>, to: Option<f64>) -> String {
    match (value, to) {
        (Some(value), Some(to)) if to > 0.0 => format!("{:.2}×", value / to),
        _ => DASH.to_owned(),
    }
}

fn exports(page: &mut String, layer: &str, all: &[&Series]) {
    let _ = writeln!(page, "\n## {layer}\n");
    page.push_str(
        "| | wall | CPU | wall, ratio | CPU, ratio | peak | service | rows | right | |\n",
    );
    page.push_str("|---|---:|---:|---:|---:|---:|---:|---:|---:|---|\n");
    let first = all.first();
    let (wall, cpu) = (
        first.and_then(|one| one.wall()),
        first.and_then(|one| one.cpu()),
    );
    for series in all {
        let (rows, right, notes) = match &series.verdict {
            Some(verdict) => (
                verdict.rows.to_string(),
                verdict.right.to_string(),
                verdict.notes.join("; "),
            ),
            None => {
                let dash = DASH.to_owned();
                let failure = series
                    .failure()
                    .map(|reason| format!("failed: {}", reason.replace('|', "/")));
                (dash.clone(), dash, failure.unwrap_or_default())
            }
        };
        let name = if series.floor {
            format!("*{}*", series.name)
        } else {
            series.name.to_owned()
        };
        let _ = writeln!(
            page,
            "| {name} | {} | {} | {} | {} | {} | {} | {rows} | {right} | {notes} |",
            number(series.wall(), 2),
            number(series.cpu(), 2),
            ratio(series.wall(), wall),
            ratio(series.cpu(), cpu),
            number(series.peak(), 0),
            number(series.median(|run| run.service), 2),
        );
    }
}

/// What was aimed at, and what came of it.
fn targets(page: &mut String, all: &[&Series]) {
    let find = |name: &str| all.iter().find(|series| series.name == name);
    let cpu = |name: &str| find(name).and_then(|series| series.cpu());
    let wall = |name: &str| find(name).and_then(|series| series.wall());
    let mut rows = Vec::new();
    let mut hold = |what: String, value: Option<f64>, most: f64| {
        if let Some(value) = value {
            let verdict = if value <= most { "yes" } else { "**no**" };
            rows.push(format!("| {what} | {most:.3} | {value:.3} | {verdict} |"));
        }
    };
    let part = |value: Option<f64>, of: Option<f64>| Some(value? / of?);
    for (ours, limits) in [
        (
            OURS_JSON,
            [(GDAL, 1.0 / 5.0), (DUCKDB, 2.0 / 5.0), (GPIO, 1.0 / 20.0)],
        ),
        (
            OURS_PBF,
            [(GDAL, 1.0 / 8.0), (DUCKDB, 1.0 / 4.0), (GPIO, 1.0 / 30.0)],
        ),
    ] {
        for (other, most) in limits {
            hold(
                format!("CPU, {ours} / {other}"),
                part(cpu(ours), cpu(other)),
                most,
            );
        }
    }
    let floors = [wall(FETCH_PBF), wall(WRITE)].into_iter().flatten();
    let floor = floors
        .max_by(f64::total_cmp)
        .filter(|_| wall(WRITE).is_some());
    hold(
        format!("wall, {OURS_PBF} / larger floor"),
        part(wall(OURS_PBF), floor),
        1.5,
    );
    if all.first().is_some_and(|series| series.layer == "polygons") {
        hold(
            format!("{OURS_JSON}: wall / CPU"),
            part(wall(OURS_JSON), cpu(OURS_JSON)),
            0.65,
        );
    }
    for ours in [OURS_JSON, OURS_PBF] {
        let peak = find(ours).and_then(|series| series.peak());
        hold(format!("{ours}: peak, MB"), peak, 150.0);
    }
    if !rows.is_empty() {
        let _ = writeln!(
            page,
            "\n| target | at most | is | reached |\n|---|---:|---:|---|\n{}",
            rows.join("\n")
        );
    }
    let overhead = part(cpu(OURS_JSON), part_sum(&[cpu(FETCH_JSON), cpu(WRITE)]));
    if let Some(overhead) = overhead {
        let _ = writeln!(
            page,
            "\nCPU of {OURS_JSON} is {overhead:.2} times that of fetching the pages and writing the batches."
        );
    }
}

fn part_sum(parts: &[Option<f64>]) -> Option<f64> {
    parts.iter().copied().sum()
}

fn growth(page: &mut String, steps: &[Step]) {
    page.push_str("\n## What a row costs when there are more\n\nComputed points, exported with the default options.\n\n");
    page.push_str(
        "| rows | format | wall | CPU | CPU a row, µs | peak |\n|---:|---|---:|---:|---:|---:|\n",
    );
    for step in steps {
        let _ = writeln!(
            page,
            "| {} | {} | {:.2} | {:.2} | {:.2} | {:.0} |",
            step.rows,
            step.format,
            step.run.wall,
            step.run.cpu,
            step.run.cpu / step.rows as f64 * 1e6,
            step.run.peak
        );
    }
}

fn decoding(page: &mut String, ways: &[Way]) {
    page.push_str(
        "\n## Decoding alone\n\nOne page in memory, on one thread; the speed is that of the page's own bytes.\n",
    );
    let mut layer = "";
    for way in ways {
        if way.layer != layer {
            layer = way.layer;
            let _ = writeln!(
                page,
                "\n| a page of {layer} | MB | ms | MB/s | |\n|---|---:|---:|---:|---|"
            );
        }
        let seconds = median(way.seconds.clone()).filter(|_| way.failure.is_none());
        let _ = writeln!(
            page,
            "| {} | {:.2} | {} | {} | {} |",
            way.what,
            way.bytes / 1e6,
            number(seconds.map(|seconds| seconds * 1e3), 2),
            number(seconds.map(|seconds| way.bytes / 1e6 / seconds), 0),
            way.failure.as_deref().unwrap_or_default()
        );
    }
}
