//! Files that are written: checked before anything is sent, and never half there.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use arcgis_rest::export::{
    self, AttachmentReport, Canceller, Committed, Destination, FileFormat, LocalFile, Output,
    Report, RowOrder, WriterOptions,
};
use arcgis_rest::http::Stats;
use serde::Serialize;
use serde_json::json;

use crate::args::{FileArgs, OutputArgs};
use crate::exit::{Ending, Exit, Failure};
use crate::place::{self, Place, STANDARD_OUTPUT, Way};
use crate::settings::{Settings, Source, key};
use crate::spelling;

/// Names that promise a format that nothing is written as.
const OTHER_FORMATS: [&str; 12] = [
    "db", "gdb", "gml", "json", "kml", "kmz", "orc", "shp", "sqlite", "tsv", "txt", "xlsx",
];

/// The file for the rows, and the one for the report.
#[derive(Debug)]
pub(crate) struct Outputs {
    pub(crate) place: Place,
    pub(crate) format: FileFormat,
    report: Option<PendingReport>,
}

/// The report's file, which is there already under another name.
pub(crate) struct PendingReport {
    file: LocalFile,
    output: Box<dyn Output>,
}

impl std::fmt::Debug for PendingReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.file.fmt(f)
    }
}

impl FileArgs {
    /// How the file is written. What is set for all files counts where the format has it; an argument that the
    /// format does not have is refused.
    pub(crate) fn writer(
        &self,
        settings: &Settings,
        format: FileFormat,
        out: Option<&Path>,
    ) -> Result<WriterOptions> {
        let refused = self.geoparquet.refused(format);
        if let Some((option, why)) = refused.or_else(|| self.types.refused(format)) {
            return Err(Failure::usage(format!("{option}: {why}")).into());
        }
        let memory = settings.get(&key::MEMORY, self.order.memory)?;
        let options = WriterOptions::default().with_sort_memory(memory.value);
        let mut options = self.geoparquet.apply(options);
        if format.has_row_groups() {
            let rows = settings.get(&key::ROW_GROUP_ROWS, self.row_group_rows)?;
            let bytes = settings.get(&key::ROW_GROUP_SIZE, self.row_group_size)?;
            options = options
                .with_row_group_rows(rows.value)
                .with_row_group_bytes(bytes.value);
        } else if self.row_group_rows.is_some() {
            return Err(not_in_format("--row-group-rows", format, "row groups"));
        } else if self.row_group_size.is_some() {
            return Err(not_in_format("--row-group-size", format, "row groups"));
        }
        // What goes to a pipe, or is read as it comes, goes on at once.
        let order = settings.find(&key::ORDER, self.order.order)?;
        let order = order.map(|order| order.value);
        let at_once = out == Some(Path::new(STANDARD_OUTPUT)) || format.is_stream();
        let usual = at_once.then_some(RowOrder::Id);
        if let Some(order) = order.or(usual) {
            if self.order.memory.is_some() && order != RowOrder::Hilbert {
                return Err(Failure::usage(format!(
                    "--memory: it is for sorting, and the order is {order}"
                ))
                .into());
            }
            options = options.with_order(order);
        }
        if let Some(compression) = settings.find(&key::COMPRESSION, self.compression)? {
            if format.has_compression(compression.value) {
                options = options.with_compression(compression.value);
            } else if compression.from == Source::Argument {
                let what = format!("compression with {}", compression.value);
                return Err(not_in_format("--compression", format, &what));
            }
        }
        Ok(options)
    }

    /// What the file is written as.
    pub(crate) fn format(&self, out: &Path) -> Result<FileFormat> {
        let stream = out == Path::new(STANDARD_OUTPUT);
        let promised = out.to_str().and_then(FileFormat::of_name);
        match (self.format.written_as, promised) {
            (Some(asked), Some(promised)) if asked != promised => Err(Failure::usage(format!(
                "{}: the name says {promised}, and --as says {asked}",
                place::shown(out)
            ))
            .into()),
            (Some(format), _) | (None, Some(format)) => Ok(format),
            (None, None) if stream => Ok(FileFormat::ArrowStream),
            (None, None) => {
                let extension = place::extension(out);
                if OTHER_FORMATS.contains(&extension.as_str()) {
                    return Err(Failure::usage(format!(
                        "{}: nothing here is written as .{extension}",
                        place::shown(out)
                    ))
                    .with_hint(format!(
                        "give a name with one of {}, or --as and a format for any name",
                        extensions().join(", ")
                    ))
                    .into());
                }
                Ok(FileFormat::default())
            }
        }
    }
}

impl Outputs {
    /// Makes sure that the names are ones to write to. Nothing is looked at yet.
    pub(crate) fn check_names(
        out: &Path,
        args: &FileArgs,
        output: OutputArgs,
    ) -> Result<FileFormat> {
        let format = args.format(out)?;
        if out == Path::new(STANDARD_OUTPUT) {
            if output.json {
                return Err(Failure::usage(
                    "--json prints the report on standard output, where the rows go",
                )
                .with_hint("--report writes it to a file")
                .into());
            }
            if args.overwrite {
                return Err(Failure::usage("--overwrite: standard output is no file").into());
            }
            if io::stdout().is_terminal() {
                return Err(Failure::usage(
                    "- is for a pipe or a file, and standard output is a terminal",
                )
                .with_hint("arcgis export <layer> - | …, or name a file")
                .into());
            }
        }
        if args.report.as_deref() == Some(out) {
            return Err(
                Failure::usage("--report: the report and the rows cannot share a file").into(),
            );
        }
        if args.report.as_deref() == Some(Path::new("-")) {
            return Err(Failure::usage(
                "--report: it names a file, and - is none; --json prints the report on standard output",
            )
            .with_hint("./- is a file of that name")
            .into());
        }
        if args
            .report
            .as_deref()
            .is_some_and(|report| place::address(report).is_some())
        {
            return Err(Failure::usage(
                "--report: it names a file on this machine, and this is an address",
            )
            .into());
        }
        Ok(format)
    }

    /// Makes sure that both files can be written. Nothing is left behind if not.
    pub(crate) async fn check(out: &Path, args: &FileArgs, way: Way<'_>) -> Result<Self> {
        let place = Place::tried(out, args.overwrite, &way).await?;
        Ok(Self {
            place,
            format: args.format(out)?,
            report: PendingReport::of(args)?,
        })
    }

    /// The same for the folder of a dataset in several files.
    pub(crate) async fn check_folder(out: &Path, args: &FileArgs) -> Result<Self> {
        Ok(Self {
            place: Place::tried_folder(out, args.overwrite).await?,
            format: args.format(out)?,
            report: PendingReport::of(args)?,
        })
    }

    /// Writes the report where it was asked for. The rows are in their place by then, and an error says so.
    pub(crate) fn write_report(self, said: &Said<'_>) -> Result<()> {
        let Some(report) = self.report else {
            return Ok(());
        };
        report
            .write(said)
            .map_err(|error| in_place(&spelling::message(&error), &self.place.name()))
    }

    /// Writes why there is no output where the report was asked for. If that fails too, the error itself
    /// is worth more.
    pub(crate) fn write_failure(
        self,
        error: &anyhow::Error,
        source: &str,
        client: Option<Sent>,
        kept: Option<&Kept>,
    ) {
        if let Some(report) = self.report {
            report.write_failure(error, source, client, kept);
        }
    }
}

impl PendingReport {
    /// Makes sure that the report can be written, if one is wanted.
    pub(crate) fn of(args: &FileArgs) -> Result<Option<Self>> {
        let Some(path) = &args.report else {
            return Ok(None);
        };
        let file = LocalFile::new(path).with_overwrite(args.overwrite);
        let output = file.open()?;
        Ok(Some(Self { file, output }))
    }

    /// Writes why there is no output.
    pub(crate) fn write_failure(
        self,
        error: &anyhow::Error,
        source: &str,
        client: Option<Sent>,
        kept: Option<&Kept>,
    ) {
        let ending = Ending::of(error);
        let mut said = json!({ "source": source, "error": ending });
        if let (Some(client), Some(members)) = (client, said.as_object_mut()) {
            members.insert("client".to_owned(), json!(client));
        }
        if let (Some(kept), Some(members)) = (kept, said.as_object_mut()) {
            members.insert("kept".to_owned(), json!(kept));
        }
        if let Err(error) = self.write(&said) {
            tracing::warn!(
                error = spelling::message(&error),
                "the report was not written"
            );
        }
    }

    pub(crate) fn write(self, said: &impl Serialize) -> Result<()> {
        let Self { file, mut output } = self;
        let unwritable = |source| export::Error::Unwritable {
            path: file.path().to_owned(),
            source,
        };
        writeln!(output, "{}", serde_json::to_string_pretty(said)?).map_err(unwritable)?;
        output.commit()?;
        Ok(())
    }
}

/// An option that the format of the file has not.
fn not_in_format(option: &str, format: FileFormat, what: &str) -> anyhow::Error {
    Failure::usage(format!("{option}: {format} has no {what}")).into()
}

/// The usual extension of each format.
fn extensions() -> Vec<String> {
    FileFormat::all()
        .filter_map(|format| Some(format!(".{}", format.extensions().first()?)))
        .collect()
}

/// What came after the rows were written failed.
fn in_place(problem: &str, output: &dyn std::fmt::Display) -> anyhow::Error {
    Failure::new(
        Exit::Output,
        format!("{problem}; the rows are whole and in their place: {output}"),
    )
    .into()
}

/// What is said of an export or a conversion as JSON: the report, and what the client sent in all
/// beside what the rows took.
#[derive(Debug, Serialize)]
pub(crate) struct Said<'a> {
    #[serde(flatten)]
    pub(crate) report: &'a Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attachments: Option<&'a AttachmentReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client: Option<Sent>,
}

/// What `--resume` will go on behind.
#[derive(Debug, Serialize)]
pub(crate) struct Kept {
    pub(crate) folder: String,
    pub(crate) rows: u64,
}

/// What a client sent and received.
#[derive(Debug, Serialize)]
pub(crate) struct Sent {
    requests: u64,
    retries: u64,
    /// Bytes of answers as they came over the wire; `bytes` of the fetch are those after decompression.
    wire_bytes: u64,
    tokens: u64,
    /// How the requests ended.
    outcomes: Ended,
    /// How long requests stood in line, all together.
    queued_seconds: f64,
    /// How long they waited to be sent again, all together.
    backoff_seconds: f64,
}

#[derive(Debug, Serialize)]
struct Ended {
    ok: u64,
    token_refused: u64,
    busy: u64,
    too_big: u64,
    transient: u64,
    terminal: u64,
    unanswered: u64,
}

impl From<Stats> for Sent {
    fn from(stats: Stats) -> Self {
        Self {
            requests: stats.requests,
            retries: stats.retries,
            wire_bytes: stats.bytes,
            tokens: stats.mints,
            outcomes: Ended {
                ok: stats.outcomes.ok,
                token_refused: stats.outcomes.token_refused,
                busy: stats.outcomes.busy,
                too_big: stats.outcomes.too_big,
                transient: stats.outcomes.transient,
                terminal: stats.outcomes.terminal,
                unanswered: stats.outcomes.unanswered,
            },
            queued_seconds: stats.queued.as_secs_f64(),
            backoff_seconds: stats.backed_off.as_secs_f64(),
        }
    }
}

impl Said<'_> {
    /// Prints it on standard output.
    pub(crate) fn print(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        let mut out = io::stdout().lock();
        match writeln!(out, "{text}").and_then(|()| out.flush()) {
            Ok(()) => Ok(()),
            // A reader that went away wants nothing more.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(error.into()),
            Err(error) => Err(in_place(
                &format!("standard output could not be written: {error}"),
                &self.report.output.as_deref().unwrap_or("the output"),
            )),
        }
    }
}

/// A file that no longer appears once its command has given up, though a thread still writes to it: a
/// conversion blocks its thread and cannot be dropped.
#[derive(Debug, Clone)]
pub(crate) struct Guarded {
    place: Place,
    end: Arc<End>,
}

/// How a file is given up.
#[derive(Debug, Default)]
struct End {
    given_up: AtomicBool,
    canceller: Mutex<Option<Canceller>>,
}

impl End {
    fn canceller(&self) -> std::sync::MutexGuard<'_, Option<Canceller>> {
        self.canceller
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives the file up when it is dropped.
#[derive(Debug)]
pub(crate) struct Hold(Arc<End>);

impl Guarded {
    /// The file, and what the command holds while it wants it.
    pub(crate) fn new(place: Place) -> (Self, Hold) {
        let end = Arc::<End>::default();
        let hold = Hold(Arc::clone(&end));
        (Self { place, end }, hold)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.given_up.store(true, Ordering::SeqCst);
        if let Some(canceller) = self.0.canceller().take() {
            canceller.cancel();
        }
    }
}

impl Destination for Guarded {
    fn name(&self) -> String {
        self.place.name()
    }

    fn open(&self) -> Result<Box<dyn Output>, export::Error> {
        let mut output = self.place.open()?;
        *self.end.canceller() = output.canceller();
        Ok(Box::new(GuardedOutput {
            output,
            destination: self.clone(),
        }))
    }
}

struct GuardedOutput {
    output: Box<dyn Output>,
    destination: Guarded,
}

impl GuardedOutput {
    fn check(&self) -> io::Result<()> {
        if self.destination.end.given_up.load(Ordering::SeqCst) {
            return Err(io::Error::other("interrupted"));
        }
        Ok(())
    }
}

impl Write for GuardedOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check()?;
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

impl Output for GuardedOutput {
    fn settle(&mut self) -> Result<(), export::Error> {
        self.output.settle()
    }

    fn temporary(&self) -> Option<&Path> {
        self.output.temporary()
    }

    fn commit(self: Box<Self>) -> Result<Committed, export::Error> {
        self.check().map_err(|source| export::Error::Unwritable {
            path: self.destination.name().into(),
            source,
        })?;
        self.output.commit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_given_up_does_not_appear() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let (guarded, hold) = Guarded::new(Place::File(LocalFile::new(&path)));
        let mut output = guarded.open().unwrap();
        output.write_all(b"x").unwrap();
        drop(hold);
        assert!(output.write_all(b"y").is_err());
        assert!(output.commit().is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
