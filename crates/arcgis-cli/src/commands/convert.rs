//! `arcgis convert`: a saved answer into a file.

use anyhow::{Context, Result};
use arcgis_rest::export::{Conversion, WriterOptions};

use crate::args::{ConvertArgs, OutputArgs};
use crate::exit::Failure;
use crate::output::{Guarded, Outputs, Said};
use crate::summary;

pub(crate) async fn run(args: &ConvertArgs, output: OutputArgs) -> Result<()> {
    let outputs = Outputs::check(&args.out, &args.file)?;
    let path = args.response.clone();
    let writer = WriterOptions::default()
        .with_compression(args.file.compression)
        .with_row_group_rows(args.file.row_group_rows);
    let lenient = args.file.lenient;
    let (file, hold) = Guarded::new(outputs.file.clone());
    let report = tokio::task::spawn_blocking(move || -> Result<_> {
        let source = path.display().to_string();
        let answer =
            std::fs::read(&path).map_err(|error| Failure::usage(format!("{source}: {error}")))?;
        Ok(Conversion::new(&answer)
            .with_source(source)
            .with_writer(writer)
            .with_lenient(lenient)
            .to(&file)?)
    })
    .await
    .context("the conversion stopped before its work was done")??;
    drop(hold);

    let said = Said {
        report: &report,
        client: None,
    };
    if !output.quiet {
        summary::print(&report, &args.file, None);
    }
    outputs.write_report(&said)?;
    if output.json {
        said.print()?;
    }
    Ok(())
}
