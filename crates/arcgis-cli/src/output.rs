//! Files that are written: checked before anything is sent, and never half there.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use arcgis_rest::export::{
    self, Committed, Destination, LocalFile, Output, Report, RowOrder, WriterOptions,
};
use arcgis_rest::http::Stats;
use serde::Serialize;
use serde_json::json;

use crate::args::FileArgs;
use crate::exit::{Ending, Exit, Failure};
use crate::settings::{Settings, key};
use crate::spelling;

/// Names that promise another format than the one that is written.
const OTHER_FORMATS: [&str; 12] = [
    "arrow", "csv", "feather", "fgb", "geojson", "gpkg", "json", "kml", "ndjson", "shp", "txt",
    "xlsx",
];

/// The file for the rows, and the one for the report.
#[derive(Debug)]
pub(crate) struct Outputs {
    pub(crate) file: LocalFile,
    report: Option<PendingReport>,
}

/// The report's file, which is there already under another name.
struct PendingReport {
    file: LocalFile,
    output: Box<dyn Output>,
}

impl std::fmt::Debug for PendingReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.file.fmt(f)
    }
}

impl FileArgs {
    /// How the file is written.
    pub(crate) fn writer(&self, settings: &Settings) -> Result<WriterOptions> {
        let rows = settings.get(&key::ROW_GROUP_ROWS, self.row_group_rows)?;
        let bytes = settings.get(&key::ROW_GROUP_SIZE, self.row_group_size)?;
        let memory = settings.get(&key::MEMORY, self.order.memory)?;
        let mut options = WriterOptions::default()
            .with_row_group_rows(rows.value)
            .with_row_group_bytes(bytes.value)
            .with_sort_memory(memory.value);
        if let Some(order) = settings.find(&key::ORDER, self.order.order)? {
            if self.order.memory.is_some() && order.value != RowOrder::Hilbert {
                return Err(Failure::usage(format!(
                    "--memory: it is for sorting, and the order is {}",
                    order.value
                ))
                .into());
            }
            options = options.with_order(order.value);
        }
        if let Some(compression) = settings.find(&key::COMPRESSION, self.compression)? {
            options = options.with_compression(compression.value);
        }
        Ok(options)
    }
}

impl Outputs {
    /// Makes sure that the names are ones to write to. Nothing is looked at yet.
    pub(crate) fn check_names(out: &Path, args: &FileArgs) -> Result<()> {
        let extension = out
            .extension()
            .and_then(OsStr::to_str)
            .unwrap_or_default()
            .to_ascii_lowercase();
        if OTHER_FORMATS.contains(&extension.as_str()) {
            return Err(Failure::usage(format!(
                "{}: the output is GeoParquet, which a name with .{extension} would deny",
                out.display()
            ))
            .with_hint("name it with .parquet")
            .into());
        }
        if out == Path::new("-") {
            return Err(
                Failure::usage("the output cannot go to standard output; name a file").into(),
            );
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
        Ok(())
    }

    /// Makes sure that both files can be written. Nothing is left behind if not.
    pub(crate) fn check(out: &Path, args: &FileArgs) -> Result<Self> {
        let file = LocalFile::new(out).with_overwrite(args.overwrite);
        // Opening makes a file of another name in the folder; dropping it takes it away again.
        drop(file.open()?);
        let report = match &args.report {
            Some(path) => {
                let file = LocalFile::new(path).with_overwrite(args.overwrite);
                let output = file.open()?;
                Some(PendingReport { file, output })
            }
            None => None,
        };
        Ok(Self { file, report })
    }

    /// Writes the report where it was asked for. The rows are in their place by then, and an error says so.
    pub(crate) fn write_report(self, said: &Said<'_>) -> Result<()> {
        let Some(report) = self.report else {
            return Ok(());
        };
        report
            .write(said)
            .map_err(|error| in_place(&spelling::message(&error), &self.file.path().display()))
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
        let Some(report) = self.report else {
            return;
        };
        let ending = Ending::of(error);
        let mut said = json!({ "source": source, "error": ending });
        if let (Some(client), Some(members)) = (client, said.as_object_mut()) {
            members.insert("client".to_owned(), json!(client));
        }
        if let (Some(kept), Some(members)) = (kept, said.as_object_mut()) {
            members.insert("kept".to_owned(), json!(kept));
        }
        if let Err(error) = report.write(&said) {
            tracing::warn!(
                error = spelling::message(&error),
                "the report was not written"
            );
        }
    }
}

impl PendingReport {
    fn write(self, said: &impl Serialize) -> Result<()> {
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
}

impl From<Stats> for Sent {
    fn from(stats: Stats) -> Self {
        Self {
            requests: stats.requests,
            retries: stats.retries,
            wire_bytes: stats.bytes,
            tokens: stats.mints,
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
    file: LocalFile,
    given_up: Arc<AtomicBool>,
}

/// Gives the file up when it is dropped.
#[derive(Debug)]
pub(crate) struct Hold(Arc<AtomicBool>);

impl Guarded {
    /// The file, and what the command holds while it wants it.
    pub(crate) fn new(file: LocalFile) -> (Self, Hold) {
        let given_up = Arc::<AtomicBool>::default();
        let hold = Hold(Arc::clone(&given_up));
        (Self { file, given_up }, hold)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Destination for Guarded {
    fn name(&self) -> String {
        self.file.name()
    }

    fn open(&self) -> Result<Box<dyn Output>, export::Error> {
        Ok(Box::new(GuardedOutput {
            output: self.file.open()?,
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
        if self.destination.given_up.load(Ordering::SeqCst) {
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
    fn commit(self: Box<Self>) -> Result<Committed, export::Error> {
        self.check().map_err(|source| export::Error::Unwritable {
            path: self.destination.file.path().to_owned(),
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
        let (guarded, hold) = Guarded::new(LocalFile::new(&path));
        let mut output = guarded.open().unwrap();
        output.write_all(b"x").unwrap();
        drop(hold);
        assert!(output.write_all(b"y").is_err());
        assert!(output.commit().is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
