//! The page with the results.

use std::fmt::Write as _;

use super::contestant::{DUCKDB, FETCH_JSON, FETCH_PBF, GDAL, GPIO, OURS_JSON, OURS_PBF, WRITE};
use super::decoding::{IGNORED_ANY, OWN_JSON, OWN_PBF, PROST, Way};
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

    /// The median, and how far the others are from it.
    fn wall_and_spread(&self) -> String {
        let median = number(self.wall(), 2);
        if self.has_failed() || self.runs.len() < 2 {
            return median;
        }
        let walls = self.runs.iter().map(|run| run.wall);
        let least = walls.clone().min_by(f64::total_cmp);
        let greatest = walls.max_by(f64::total_cmp);
        format!("{median} ({}–{})", number(least, 2), number(greatest, 2))
    }

    fn cpu(&self) -> Option<f64> {
        self.median(|run| run.cpu)
    }

    /// The largest of all runs.
    fn peak(&self) -> Option<f64> {
        if self.has_failed() {
            return None;
        }
        let peaks = self.runs.iter().filter_map(|run| run.peak);
        peaks.max_by(f64::total_cmp)
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
process of its own, and lets everyone get the same layers from there in turn. The data are computed, and what was
written is compared with the formula, value by value; where a contestant writes no geometry that can be compared, the
last column says so, and its attributes count alone. `cargo xtask --help` tells how to run a part.

How to read it: *wall* and *CPU* are seconds of the contestant with all its processes, from its start to its end (of
Python programs their imports too), CPU user and system, with the least and the greatest wall behind where there were
several runs; *peak* is the largest resident set of one process in MB, in whichever run it was largest; *service* is the CPU that the service took
meanwhile, which is in none of the others. Ratios are to the first line. Everyone that writes Parquet uses zstd at
level 3 and keeps the order of the pages.

What is not alike, against this project: it also counts the rows, lists their ids before and after, proves that each
came once, and writes the bounding box of each row; DuckDB is told all types, and makes geometry of points only;
pyesridump and esri-dump write GeoJSON, a feature a line. In its favour: answers are not compressed and come over
the loopback interface, while real servers pack them, and unpacking costs everyone about the same, more than
decoding costs here; it and gpio ask for four pages at once, GDAL and pyesridump for one after the other;
gpio runs on the DuckDB named below, which is older than the one it asks for, archibald on an older Python.

Why some lack rows: archibald steps by the page size of the service where the layer's is smaller. esri-dump refuses
tables without geometry. restgdf takes `exceededTransferLimit`, which servers set on every page but the last, for a
loss, or reads row by row.

The floors are one thread each. That of writing has the settings that the `parquet` crate begins with, dictionaries for
all columns, so an export that encodes columns side by side, and without dictionaries where they do not help, can be
below it.

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
            series.wall_and_spread(),
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
            "| {} | {} | {:.2} | {:.2} | {:.2} | {} |",
            step.rows,
            step.format,
            step.run.wall,
            step.run.cpu,
            step.run.cpu / step.rows as f64 * 1e6,
            number(step.run.peak, 0)
        );
    }
    for format in ["json", "pbf"] {
        let of_format: Vec<&Step> = steps.iter().filter(|step| step.format == format).collect();
        if let Some(sentence) = flatness(&of_format) {
            let _ = writeln!(page, "\n{format}: {sentence}");
        }
    }
}

/// What the steps say of a row's cost, and of what does not depend on rows.
fn flatness(steps: &[&Step]) -> Option<String> {
    let (first, later) = steps.split_first()?;
    let last = later.last()?;
    let of_row = |step: &Step| step.run.cpu / step.rows as f64;
    let least = later
        .iter()
        .map(|step| of_row(step))
        .min_by(f64::total_cmp)?;
    let greatest = later
        .iter()
        .map(|step| of_row(step))
        .max_by(f64::total_cmp)?;
    let fixed = first.run.cpu - of_row(last) * first.rows as f64;
    Some(format!(
        "from {} rows on, {:.2} times as much where a row costs most as where it costs least. Of {} rows some {:.0} ms are what an export costs whatever its rows.",
        later.first()?.rows,
        greatest / least,
        first.rows,
        fixed.max(0.0) * 1e3,
    ))
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
    let mut rows = Vec::new();
    for (layer, ours, floor, least) in [
        ("points", OWN_JSON, IGNORED_ANY, 0.5),
        ("points", OWN_PBF, PROST, 4.0),
        ("polygons", OWN_JSON, IGNORED_ANY, 0.5),
        ("polygons", OWN_PBF, PROST, 4.0),
    ] {
        let seconds = |what: &str| {
            let mut found = ways.iter().filter(|way| way.layer == layer);
            median(found.find(|way| way.what == what)?.seconds.clone())
        };
        if let (Some(own), Some(floor_seconds)) = (seconds(ours), seconds(floor)) {
            let speed = floor_seconds / own;
            let verdict = if speed >= least { "yes" } else { "**no**" };
            rows.push(format!(
                "| {layer}: speed, {ours} / {floor} | {least:.1} | {speed:.2} | {verdict} |"
            ));
        }
    }
    if !rows.is_empty() {
        let _ = writeln!(
            page,
            "\n| target | at least | is | reached |\n|---|---:|---:|---|\n{}",
            rows.join("\n")
        );
    }
}
