//! What came of it, at the end.

use std::io::Write;
use std::time::Duration;

use arcgis_rest::export::{PartitionReport, ProofReport, Report};
use arcgis_rest::http::Stats;

use crate::exit::one_line;
use crate::facts::{Facts, bytes, coordinate, count, counted, time};
use crate::progress::rate;

/// Writes the summary of an export or a conversion to standard error.
pub(crate) fn print(report: &Report, client: Option<Stats>) {
    let mut out = anstream::stderr().lock();
    // Nobody is left to tell that standard error is closed.
    let _ = write(&mut out, report, client);
}

fn write(out: &mut impl Write, report: &Report, client: Option<Stats>) -> std::io::Result<()> {
    let bold = anstyle::Style::new().bold();
    let green = anstyle::AnsiColor::Green.on_default().bold();
    let yellow = anstyle::AnsiColor::Yellow.on_default();
    let from = report.layer.as_deref().or(report.source.as_deref());
    writeln!(
        out,
        "{green}✓{green:#} {bold}{}{bold:#} → {bold}{}{bold:#}",
        one_line(from.unwrap_or("rows")),
        report.output.as_deref().unwrap_or("memory"),
    )?;
    facts(report, client).write(out)?;
    for note in &report.notes {
        writeln!(
            out,
            "{yellow}note{yellow:#}: {}",
            one_line(&note.to_string())
        )?;
    }
    Ok(())
}

fn facts(report: &Report, client: Option<Stats>) -> Facts {
    let mut facts = Facts::default();
    facts.add("Rows", count(report.rows));
    facts.add("Columns", columns(report));
    if let Some(geometry) = &report.geometry {
        let mut types = geometry.types.join(", ");
        if types.is_empty() {
            types = "none in any row".to_owned();
        }
        for (rows, what) in [
            (geometry.null_rows, "without"),
            (geometry.empty_rows, "empty"),
        ] {
            if rows > 0 {
                types.push_str(&format!(" ({} {what})", count(rows)));
            }
        }
        facts.add("Geometry", types);
        facts.add(
            "CRS",
            match (&geometry.crs, &geometry.crs_name) {
                (Some(id), Some(name)) => format!("{id}  {name}"),
                (Some(id), None) => id.clone(),
                (None, _) => format!("unknown (the service says {})", geometry.spatial_reference),
            },
        );
        facts.add_some(
            "Extent",
            geometry
                .extent
                .map(|sides| sides.map(coordinate).join(", ")),
        );
        facts.add_some(
            "Heights",
            geometry
                .z_range
                .map(|[least, most]| format!("{} to {}", coordinate(least), coordinate(most))),
        );
    } else {
        facts.add("Geometry", "none");
    }
    if let Some(proof) = &report.proof {
        facts.add("Proof", &proof.meaning);
        let mut drift = Vec::new();
        if proof.inserted_rows > 0 {
            drift.push(format!("{} added", counted(proof.inserted_rows, "row")));
        }
        if proof.deleted_rows > 0 {
            drift.push(format!("{} deleted", counted(proof.deleted_rows, "row")));
        }
        if proof.updated_rows > 0 {
            drift.push(format!("{} edited", counted(proof.updated_rows, "row")));
        }
        if proof.edited {
            drift.push("edited, and it does not say where".to_owned());
        }
        if proof.count_change != 0 {
            drift.push(format!("{:+} rows by count", proof.count_change));
        }
        if proof.edits_unknown {
            drift.push("perhaps edited, which could not be asked for".to_owned());
        }
        if !drift.is_empty() {
            facts.add(
                "Drift",
                format!("{} on the server meanwhile", drift.join(", ")),
            );
        }
    }
    if let Some(proof) = report
        .proof
        .as_ref()
        .filter(|proof| proof.refetched_rows > 0)
    {
        let rows = counted(proof.refetched_rows, "row");
        facts.add(
            "Refetched",
            format!("{rows} edited on the server meanwhile"),
        );
    }
    if let Some(proof) = report.proof.as_ref().filter(|proof| proof.skipped_rows > 0) {
        facts.add("Skipped", skipped(proof));
    }
    if let Some(earlier) = &report.resumed {
        let runs = match earlier.earlier_runs {
            1 => "1 earlier run".to_owned(),
            many => format!("{many} earlier runs"),
        };
        let rows = counted(earlier.rows, "row");
        facts.add(
            "Resumed",
            format!("behind {rows} of {runs}, begun {}", earlier.started),
        );
    }
    if !report.misfits.is_empty() {
        let listed: Vec<String> = report
            .misfits
            .iter()
            .map(|misfit| format!("{} in {}", count(misfit.count), misfit.column))
            .collect();
        facts.add("Nulls for misfits", listed.join(", "));
    }
    if let Some(fetch) = &report.fetch {
        facts.add_some(
            "As of",
            fetch.historic_moment.map(|moment| moment.to_string()),
        );
        let delivered: Vec<_> = fetch.delivered.iter().collect();
        match delivered.as_slice() {
            [] => {}
            [(strategy, _)] => facts.add("Strategy", strategy.to_string()),
            several => {
                let listed: Vec<String> = several
                    .iter()
                    .map(|(strategy, rows)| format!("{strategy} ({})", counted(*rows, "row")))
                    .collect();
                facts.add("Strategy", listed.join(", "));
            }
        }
        if !fetch.doubts.is_empty() {
            let listed: Vec<String> = fetch
                .doubts
                .iter()
                .map(|(doubt, times)| match times {
                    1 => doubt.to_string(),
                    many => format!("{doubt} ({} times)", count(many)),
                })
                .collect();
            facts.add("Server", format!("{}; made up for", listed.join(", ")));
        }
        let mut format = fetch.format.to_uppercase();
        if fetch.fell_back > 0 {
            let pages = counted(fetch.fell_back, "page");
            format.push_str(&format!(", {pages} of it as JSON instead"));
        }
        facts.add("Format", format);
    }
    if let Some(stats) = client {
        let tokens = match stats.mints {
            0 => String::new(),
            some => format!(", {}", counted(some, "token")),
        };
        let retries = match stats.retries {
            1 => "1 retry".to_owned(),
            many => format!("{} retries", count(many)),
        };
        facts.add(
            "Requests",
            format!("{}, {retries}{tokens}", count(stats.requests)),
        );
        let mut received = bytes(stats.bytes);
        if let Some(fetch) = report.fetch.as_ref().filter(|fetch| fetch.bytes > 0) {
            received.push_str(&format!(" ({} of rows, decoded)", bytes(fetch.bytes)));
        }
        facts.add("Received", received);
    }
    if let Some(size) = report.file_bytes {
        let groups = match report.row_groups {
            Some(groups) => format!(", {}", counted(groups, "row group")),
            None => String::new(),
        };
        let compression = report
            .writer
            .as_ref()
            .and_then(|writer| writer.compression.as_deref())
            .map(|compression| format!(", {compression}"))
            .unwrap_or_default();
        facts.add("File", format!("{}{compression}{groups}", bytes(size)));
    }
    if let Some(partitions) = &report.partitions {
        facts.add("Files", files(partitions));
    }
    facts.add("Time", elapsed(report));
    facts
}

/// How many files there are, and how large they are.
fn files(partitions: &PartitionReport) -> String {
    let by = if partitions.columns.is_empty() {
        ", by place".to_owned()
    } else {
        format!(", by {}", one_line(&partitions.columns.join(" and ")))
    };
    let range = |least: String, most: String| {
        if least == most {
            most
        } else {
            format!("{least} to {most}")
        }
    };
    format!(
        "{}{by}; {} rows, {}",
        counted(partitions.files, "file"),
        range(count(partitions.least_rows), count(partitions.most_rows)),
        range(bytes(partitions.least_bytes), bytes(partitions.most_bytes)),
    )
}

/// The rows that the server cannot serve, and what it said of the first.
fn skipped(proof: &ProofReport) -> String {
    const SHOWN: usize = 3;
    let mut text = counted(proof.skipped_rows, "row");
    for (place, row) in proof.skipped.iter().take(SHOWN).enumerate() {
        text.push_str(if place == 0 { ": " } else { "; " });
        text.push_str(&one_line(&row.to_string()));
    }
    match proof.skipped_rows.saturating_sub(SHOWN as u64) {
        0 => {}
        more => text.push_str(&format!("; {} more in the report", count(more))),
    }
    text
}

/// The time, and the rows that it took a second for where that says something.
fn elapsed(report: &Report) -> String {
    let taken = time(report.elapsed);
    if report.rows < 2 || report.elapsed < Duration::from_millis(100) {
        return taken;
    }
    format!(
        "{taken} ({} rows/s)",
        count(rate(report.rows, report.elapsed))
    )
}

/// How many columns, and the names of the first.
fn columns(report: &Report) -> String {
    const SHOWN: usize = 6;
    let names: Vec<&str> = report
        .columns
        .iter()
        .take(SHOWN)
        .map(|column| column.name.as_str())
        .collect();
    let more = if report.columns.len() > SHOWN {
        ", …"
    } else {
        ""
    };
    format!(
        "{}: {}{more}",
        count(report.columns.len() as u64),
        names.join(", ")
    )
}
