//! `arcgis convert`: a saved answer into a file.

use std::io::{IsTerminal, Read};
use std::path::Path;

use anyhow::{Context, Result};
use arcgis_rest::export::{Conversion, Report, WriterOptions};

use crate::args::{ConvertArgs, OutputArgs};
use crate::connection::bare;
use crate::exit::Failure;
use crate::output::{Guarded, Outputs, Said};
use crate::place::Way;
use crate::settings::Settings;
use crate::summary;

pub(crate) async fn run(args: &ConvertArgs, output: OutputArgs, settings: &Settings) -> Result<()> {
    let format = Outputs::check_names(&args.out, &args.file, output)?;
    let writer = args.file.writer(settings, format, Some(&args.out))?;
    let path = args.response.clone();
    let (source, answer) = tokio::task::spawn_blocking(move || read(&path))
        .await
        .context("the answer was not read")??;
    let way = Way {
        client: &|url| bare(None, settings, url),
        folder: None,
    };
    let outputs = Outputs::check(&args.out, &args.file, way).await?;
    let report = match convert(args, writer, &source, answer, &outputs).await {
        Ok(report) => report,
        Err(error) => {
            outputs.write_failure(&error, &source, None, None);
            return Err(error);
        }
    };

    let said = Said {
        report: &report,
        attachments: None,
        client: None,
    };
    if !output.quiet {
        summary::print(&report, None);
    }
    outputs.write_report(&said)?;
    if output.json {
        said.print()?;
    }
    Ok(())
}

/// The answer, and what to call it.
fn read(path: &Path) -> Result<(String, Vec<u8>)> {
    if path == Path::new("-") {
        let stdin = std::io::stdin();
        if stdin.is_terminal() {
            return Err(Failure::usage(
                "- reads a pipe or a file, and standard input is a terminal",
            )
            .with_hint("curl '…/query?where=1=1&outFields=*&f=json' | arcgis convert - out.parquet")
            .into());
        }
        let mut answer = Vec::new();
        stdin
            .lock()
            .read_to_end(&mut answer)
            .map_err(|error| Failure::usage(format!("standard input: {error}")))?;
        return Ok(("standard input".to_owned(), answer));
    }
    let source = path.display().to_string();
    let answer =
        std::fs::read(path).map_err(|error| Failure::usage(format!("{source}: {error}")))?;
    Ok((source, answer))
}

async fn convert(
    args: &ConvertArgs,
    writer: WriterOptions,
    source: &str,
    answer: Vec<u8>,
    outputs: &Outputs,
) -> Result<Report> {
    let (lenient, columns) = (args.file.lenient, args.file.types.options());
    let (file, hold) = Guarded::new(outputs.place.clone());
    let format = outputs.format;
    let source = source.to_owned();
    let report = tokio::task::spawn_blocking(move || -> Result<_> {
        Ok(Conversion::new(&answer)
            .with_source(source)
            .with_writer(writer)
            .with_columns(columns)
            .with_format(format)
            .with_lenient(lenient)
            .to(&file)?)
    })
    .await
    .context("the conversion stopped before its work was done")??;
    drop(hold);
    Ok(report)
}
