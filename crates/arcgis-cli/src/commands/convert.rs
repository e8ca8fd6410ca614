//! `arcgis convert`: a saved answer into a file.

use std::io::Write;

use anyhow::{Context, Result};
use arcgis_rest::export::{Conversion, WriterOptions};

use crate::args::{ConvertArgs, OutputArgs};
use crate::exit::Failure;
use crate::output::{Outputs, report_json};
use crate::summary;

pub(crate) async fn run(args: &ConvertArgs, output: OutputArgs) -> Result<()> {
    let outputs = Outputs::check(&args.out, &args.file)?;
    let answer = std::fs::read(&args.response)
        .map_err(|error| Failure::usage(format!("{}: {error}", args.response.display())))?;
    let source = args.response.display().to_string();
    let writer = WriterOptions::default()
        .with_compression(args.file.compression)
        .with_row_group_rows(args.file.row_group_rows);
    let (lenient, file) = (args.file.lenient, outputs.file.clone());
    let hold = outputs.file.hold();
    let report = tokio::task::spawn_blocking(move || {
        Conversion::new(&answer)
            .with_source(source)
            .with_writer(writer)
            .with_lenient(lenient)
            .to(&file)
    })
    .await
    .context("the conversion stopped before its work was done")??;
    drop(hold);

    let said = report_json(&report, None)?;
    if !output.quiet {
        summary::print(&report, &args.file, None);
    }
    outputs.write_report(&said)?;
    if output.json {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{said:#}")?;
        out.flush()?;
    }
    Ok(())
}
