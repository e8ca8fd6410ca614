//! `arcgis preview`: a look at a file or a layer.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use arcgis_preview::{
    Error, GeometryColumn, ParquetFile, PngOptions, Preview, PreviewBuilder, PreviewOptions,
    TerminalOptions,
};
use arcgis_rest::export::{BatchLimits, Destination, FileFormat, LayerExport};
use arcgis_rest::layer::Query;
use futures_util::TryStreamExt;
use serde_json::json;

use crate::args::{ConnectionArgs, LookArgs, OutputArgs, PreviewArgs};
use crate::connection::bare;
use crate::exit::{Exit, Failure, note, one_line};
use crate::facts::{Facts, bytes, coordinate, count, counted};
use crate::output::Guarded;
use crate::pasted::Pasted;
use crate::place::{Place, STANDARD_OUTPUT, Way, extension, shown};
use crate::progress::Progress;
use crate::refusal::Asked;
use crate::settings::Settings;
use crate::target::Target;

/// Characters of a line where there is no terminal.
const COLUMNS: u16 = 80;

/// Lines of a map where there is no terminal.
const LINES: u16 = 24;

/// Lines of a terminal that are not the map's.
const OTHER_LINES: u16 = 10;

const STOPPED: &str = "the preview stopped before its work was done";

/// What is made.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Terminal,
    Picture,
    Page,
}

pub(crate) async fn run(
    args: &PreviewArgs,
    output: OutputArgs,
    settings: &mut Settings,
) -> Result<()> {
    let look = &args.look;
    let form = look.form()?;
    let place = match &look.out {
        Some(out) => {
            let way = Way {
                client: &|url| bare(Some(&args.connection), settings, url),
                folder: None,
            };
            Some(Place::tried(out, look.overwrite, &way).await?)
        }
        None => None,
    };
    let preview = match args.file()? {
        Some(path) => {
            let options = look.options(form, &name_of(&path), &name_of(&path));
            let read = move || {
                ParquetFile::open(&path)
                    .and_then(|file| file.preview(options))
                    .map_err(|error| of_file(error, &path))
            };
            tokio::task::spawn_blocking(read).await.context(STOPPED)??
        }
        None => of_layer(args, form, output, settings).await?,
    };
    match place {
        Some(place) => write(preview, form, look, place, output).await,
        None => show(&preview, output),
    }
}

impl LookArgs {
    fn form(&self) -> Result<Form> {
        let form = match &self.out {
            None => Form::Terminal,
            Some(out) => match extension(out).as_str() {
                "png" => Form::Picture,
                "html" | "htm" => Form::Page,
                _ if out == Path::new(STANDARD_OUTPUT) => {
                    return Err(Failure::usage("--out: it names a file, and - is none").into());
                }
                _ => {
                    return Err(Failure::usage(format!(
                        "--out: {}: the name has to end with .png or .html",
                        shown(out)
                    ))
                    .into());
                }
            },
        };
        let only = |option: &str, of: &str| {
            Err(Failure::usage(format!("{option}: it is for {of}")).into())
        };
        if self.width.is_some() && form != Form::Picture {
            return only("--width", "pictures (--out map.png)");
        }
        if self.dark && form != Form::Picture {
            return only("--dark", "pictures (--out map.png)");
        }
        if self.rows.is_some() && form != Form::Page {
            return only("--rows", "pages (--out map.html)");
        }
        Ok(form)
    }

    fn options(&self, form: Form, name: &str, source: &str) -> PreviewOptions {
        let title = self.title.as_deref().unwrap_or(name);
        let options = PreviewOptions::new(one_line(title)).with_source(one_line(source));
        match form {
            Form::Page => options.with_table(self.rows),
            Form::Terminal | Form::Picture => options,
        }
    }
}

impl PreviewArgs {
    /// The file, if it is one that is meant.
    fn file(&self) -> Result<Option<PathBuf>> {
        let path = Path::new(&self.source);
        if !path.is_file() {
            let extension = path.extension().and_then(|extension| extension.to_str());
            let is_named_so = extension.is_some_and(|extension| {
                ["parquet", "geoparquet"].contains(&extension.to_ascii_lowercase().as_str())
            });
            if is_named_so && !self.source.contains("://") {
                return Err(
                    Failure::usage(format!("{}: there is no such file", self.source)).into(),
                );
            }
            return Ok(None);
        }
        let plain = Query::new();
        let asks = self.filter.query()? != plain
            || self.columns.shape(plain.clone()) != plain
            || self.columns.out_sr.is_some()
            || self.connection != ConnectionArgs::default()
            || self.credentials.any_given()
            || self.requests.show_requests;
        if asks {
            return Err(Failure::usage(format!(
                "{}: a file is shown as it is; options for rows, columns, sign-in and connection are for layers",
                self.source
            ))
            .into());
        }
        Ok(Some(path.to_owned()))
    }
}

/// Fetches all rows of a layer, and looks at them.
async fn of_layer(
    args: &PreviewArgs,
    form: Form,
    output: OutputArgs,
    settings: &mut Settings,
) -> Result<Preview> {
    let (mut filter, mut columns) = (args.filter.clone(), args.columns.clone());
    Pasted::of(&args.source).into_export(&mut filter, &mut columns, output.quiet)?;
    let query = columns.shape(filter.query()?);
    let target = Target::new(
        &args.source,
        &args.connection,
        &args.credentials,
        None,
        settings,
    )
    .await?
    .with_shown_requests(args.requests.show_requests);
    target.check_layer()?;
    let explain = |error: anyhow::Error| {
        let asked = Asked {
            filter: &filter,
            columns: Some(&columns),
        };
        asked.explain(error, false)
    };
    let layer = target.open().await?;
    let name = layer.info().name.clone();
    let source = if target.is_demo() {
        args.source.clone()
    } else {
        layer.address().to_string()
    };
    let options = args.look.options(form, &name, &source);
    let progress = Arc::new(Progress::new(output, &name));
    let watching = Arc::clone(&progress);
    let export = LayerExport::new(layer)
        .with_query(query)
        .with_lenient(true)
        .with_observer(move |event| watching.observe(event));
    let rows = export.into_stream(BatchLimits::default()).await;
    let mut rows = rows.map_err(|error| explain(error.into()))?;
    let schema = rows.schema();
    let mut builder =
        PreviewBuilder::new(schema.clone(), GeometryColumn::of_schema(&schema), options)?;
    loop {
        let batch = progress.over(rows.try_next()).await;
        let Some(batch) = batch.map_err(|error| explain(error.into()))? else {
            break;
        };
        tokio::task::block_in_place(|| builder.push(&batch))?;
    }
    // The bar leaves the screen before anything else is said.
    drop(progress);
    if let Some(report) = rows.report() {
        for told in &report.notes {
            note(&one_line(&told.to_string()));
        }
        for misfit in &report.misfits {
            note(&format!(
                "{} in {} did not fit the column and are shown as null",
                counted(misfit.count, "value"),
                one_line(&misfit.column)
            ));
        }
    }
    Ok(tokio::task::block_in_place(|| builder.finish())?)
}

/// Writes the picture or the page.
async fn write(
    preview: Preview,
    form: Form,
    look: &LookArgs,
    place: Place,
    output: OutputArgs,
) -> Result<()> {
    let png = PngOptions::default().with_dark(look.dark);
    let png = look.width.map_or(png, |width| png.with_width(width));
    let (guarded, hold) = Guarded::new(place);
    let work = move || {
        let mut file = guarded.open()?;
        if form == Form::Page {
            preview.write_html(&mut file).map_err(unwritten)?;
        } else {
            let picture = preview.png(&png).map_err(unwritten)?;
            file.write_all(&picture)?;
        }
        anyhow::Ok((file.commit()?, preview))
    };
    let (committed, preview) = tokio::task::spawn_blocking(work).await.context(STOPPED)??;
    drop(hold);
    let name = committed.name;
    let shown = match form {
        Form::Page => preview.kept_rows(),
        Form::Terminal | Form::Picture => preview.rows(),
    };
    if output.json {
        let mut said = described(&preview);
        if let Some(members) = said.as_object_mut() {
            members.insert("output".to_owned(), json!(name));
            members.insert("bytes".to_owned(), json!(committed.bytes));
            members.insert("shown".to_owned(), json!(shown));
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string_pretty(&said)?)?;
    } else if !output.quiet {
        let mut facts = facts(&preview);
        if shown < preview.rows() {
            facts.add(
                "Shown",
                format!(
                    "{} of {}, chosen at random",
                    count(shown),
                    counted(preview.rows(), "row")
                ),
            );
        }
        facts.add("Output", format!("{name}, {}", bytes(committed.bytes)));
        facts.write(&mut anstream::stderr().lock())?;
    }
    Ok(())
}

/// Draws the map in the terminal, and says what there is.
fn show(preview: &Preview, output: OutputArgs) -> Result<()> {
    if output.json {
        let mut out = std::io::stdout().lock();
        writeln!(
            out,
            "{}",
            serde_json::to_string_pretty(&described(preview))?
        )?;
        return Ok(());
    }
    let stdout = std::io::stdout();
    let is_terminal = stdout.is_terminal();
    let size = terminal_size::terminal_size().filter(|_| is_terminal);
    let (columns, lines) = size.map_or((COLUMNS, LINES), |(width, height)| {
        (width.0, height.0.saturating_sub(OTHER_LINES).max(8))
    });
    let map = preview.terminal(TerminalOptions {
        columns,
        lines,
        colour: anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never,
    });
    let mut out = anstream::stdout().lock();
    let bold = anstyle::Style::new().bold();
    writeln!(out, "{bold}{}{bold:#}", one_line(preview.title()))?;
    if let Some(map) = map {
        out.write_all(map.as_bytes())?;
    }
    facts(preview).write(&mut out)?;
    Ok(out.flush()?)
}

fn facts(preview: &Preview) -> Facts {
    let mut facts = Facts::default();
    facts.add("Rows", count(preview.rows()));
    let kinds = preview.kinds();
    let named = [
        (kinds.points, "point"),
        (kinds.lines, "line"),
        (kinds.polygons, "polygon"),
        (kinds.none, "row"),
    ];
    let mut said: Vec<String> = named
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, name)| counted(number, name))
        .collect();
    if let (true, Some(last)) = (kinds.none > 0, said.last_mut()) {
        last.push_str(" without geometry");
    }
    if preview.crs().is_some() {
        facts.add("Geometry", said.join(", "));
    }
    if let Some(extent) = preview.extent() {
        let [west, south, east, north] =
            [extent.xmin, extent.ymin, extent.xmax, extent.ymax].map(coordinate);
        facts.add("Extent", format!("{west}, {south} to {east}, {north}"));
    }
    facts.add_some("CRS", preview.crs().map(|crs| crs.label()));
    let columns: Vec<String> = preview
        .columns()
        .iter()
        .map(|column| format!("{} {}", column.name, column.type_name))
        .collect();
    facts.add("Columns", columns.join(", "));
    facts
}

fn described(preview: &Preview) -> serde_json::Value {
    let kinds = preview.kinds();
    let extent = preview.extent();
    let columns: Vec<_> = preview
        .columns()
        .iter()
        .map(|column| json!({ "name": column.name, "type": column.type_name }))
        .collect();
    json!({
        "title": preview.title(),
        "rows": preview.rows(),
        "geometry": preview.crs().map(|crs| json!({
            "crs": crs.id(),
            "crs_name": crs.name(),
            "points": kinds.points,
            "lines": kinds.lines,
            "polygons": kinds.polygons,
            "none": kinds.none,
            "extent": extent.map(|extent| [extent.xmin, extent.ymin, extent.xmax, extent.ymax]),
        })),
        "columns": columns,
    })
}

/// The name of a file, without its folder.
fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// What is wrong with a file that was given.
fn of_file(error: Error, path: &Path) -> anyhow::Error {
    let failure = Failure::usage(format!("{}: {error}", path.display()));
    let format = path.to_str().and_then(FileFormat::of_name);
    match format.filter(|format| *format != FileFormat::GeoParquet) {
        Some(format) => failure
            .with_hint(format!("previews of files are of Parquet, and this one's name says {format}; arcgis preview <layer> shows the layer"))
            .into(),
        None => failure.into(),
    }
}

/// Why there is no picture and no page.
fn unwritten(error: Error) -> anyhow::Error {
    match error {
        Error::NoGeometry => Failure::usage("there is no geometry to draw")
            .with_hint("--out table.html shows the rows")
            .into(),
        Error::Write(error) => error.into(),
        error => Failure::new(Exit::Other, error.to_string()).into(),
    }
}
