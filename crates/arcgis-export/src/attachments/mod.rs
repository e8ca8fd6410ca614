//! The files that belong to a layer's rows, in a folder.

mod file;
mod stored;

use std::io::{BufWriter, Write as _};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use arcgis_layer::{Attachment, IdSet, Layer, Query};
use futures_util::StreamExt as _;
use futures_util::stream;
use serde::Serialize;

use crate::destination::{Destination as _, Output};
use crate::error::Error;
use crate::file_names::FileNames;
use crate::job::blocking;
use crate::service::{Folder, LocalFolder};
use file::{Got, PartFile};
use stored::SentFile;

/// The list of what was got, in the folder.
const LIST: &str = "attachments.jsonl";

/// The attachments of a layer's rows, as files in a folder: one below it for each row, called by its object id, and
/// `attachments.jsonl` with a line for each file.
///
/// A file has its name only when it is whole, by the size that the service says. Files that are there with that size are
/// not asked for again, and those that broke off are gone on with, in a folder on this machine. Names are those of the attachments, made safe: no path,
/// nothing that a system keeps for itself, none twice.
///
/// ```no_run
/// # async fn example(layer: arcgis_layer::Layer) -> Result<(), arcgis_export::Error> {
/// use arcgis_export::AttachmentExport;
///
/// let report = AttachmentExport::new(layer).to("photos").await?;
/// println!("{} files, {} of them new", report.files, report.files - report.kept);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct AttachmentExport {
    layer: Layer,
    query: Query,
    at_once: NonZeroUsize,
}

/// What came of an export of attachments.
#[derive(Debug, Default, Serialize)]
#[non_exhaustive]
pub struct AttachmentReport {
    /// The folder.
    pub folder: String,
    /// Rows that were asked for theirs.
    pub rows: u64,
    /// Files that are there now.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that were there before.
    pub kept: u64,
    /// Attachments that could not be had.
    pub failed: u64,
    /// Why not, of the first [`AttachmentReport::MOST_PROBLEMS`] of them.
    pub problems: Vec<String>,
}

impl AttachmentReport {
    /// How many problems are told at most.
    pub const MOST_PROBLEMS: usize = 100;
}

/// A line of the list.
#[derive(Debug, Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    attachment: &'a Attachment,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
}

impl AttachmentExport {
    /// The attachments of all rows, four at a time.
    pub fn new(layer: Layer) -> Self {
        Self {
            layer,
            query: Query::new(),
            at_once: const { NonZeroUsize::new(4).unwrap() },
        }
    }

    /// Sets whose: of the rows of this query, its limit among what counts.
    pub fn with_query(mut self, query: Query) -> Self {
        self.query = query;
        self
    }

    /// Sets how many files are under way at a time, at most; 4 by default.
    pub fn with_downloads_at_once(mut self, files: NonZeroUsize) -> Self {
        self.at_once = files;
        self
    }

    /// Gets them into a folder on this machine. What fails does not keep others from being got.
    ///
    /// # Errors
    ///
    /// [`Error::Layer`] where the rows have no attachments or cannot be listed; [`Error::Unwritable`] for the folder.
    pub async fn to(self, folder: impl Into<PathBuf>) -> Result<AttachmentReport, Error> {
        self.into_folder(LocalFolder::new(folder)).await
    }

    /// Gets them into any [`Folder`], such as one in a bucket: files of up to 8 MiB in one request each, others while they
    /// come.
    ///
    /// # Errors
    ///
    /// As [`AttachmentExport::to`], and [`Error::Unreadable`] where the folder cannot be looked into.
    pub async fn into_folder(self, folder: impl Folder) -> Result<AttachmentReport, Error> {
        self.below(Arc::new(folder), "").await
    }

    /// Gets them into a folder below this one.
    pub(crate) async fn below(
        self,
        folder: Arc<dyn Folder>,
        path: &str,
    ) -> Result<AttachmentReport, Error> {
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        let rows = self.rows().await?;
        let mut attachments = self.layer.attachments(&rows)?;
        let (made, list) = (Arc::clone(&folder), format!("{prefix}{LIST}"));
        let output = blocking(move || made.file(&list, true)?.open()).await??;
        let mut list = BufWriter::new(Handed(output));
        let mut report = AttachmentReport {
            folder: match path {
                "" => folder.name(),
                path => format!("{}/{path}", folder.name()),
            },
            rows: rows.len(),
            ..AttachmentReport::default()
        };
        while let Some(some) = attachments.next().await? {
            let (this, folder, prefix) = (&self, &folder, &*prefix);
            let downloads = named(some)
                .into_iter()
                .map(|(attachment, path)| async move {
                    let target = format!("{prefix}{path}");
                    let result = this.one(&attachment, folder, target).await;
                    (attachment, path, result)
                });
            let mut downloads = stream::iter(downloads).buffered(self.at_once.get());
            while let Some((attachment, path, result)) = downloads.next().await {
                let problem = match result {
                    Ok(got) => {
                        report.files += 1;
                        report.bytes += got.bytes;
                        report.kept += u64::from(got.is_kept);
                        None
                    }
                    Err(error) if is_of_the_place(&error) => return Err(error),
                    Err(error) => {
                        let problem = crate::service::chain(&error);
                        report.failed += 1;
                        if report.problems.len() < AttachmentReport::MOST_PROBLEMS {
                            report.problems.push(format!("{path}: {problem}"));
                        }
                        Some(problem)
                    }
                };
                let line = Line {
                    attachment: &attachment,
                    file: problem.is_none().then_some(&*path),
                    problem: problem.as_deref(),
                };
                serde_json::to_writer(&mut list, &line).map_err(Error::write)?;
                list.write_all(b"\n").map_err(Error::write)?;
            }
        }
        let Handed(mut output) = list
            .into_inner()
            .map_err(|error| Error::write(error.into_error()))?;
        blocking(move || {
            output.settle()?;
            output.commit()
        })
        .await??;
        Ok(report)
    }

    /// The object ids of the rows.
    async fn rows(&self) -> Result<IdSet, Error> {
        let query = self
            .query
            .resolve(self.layer.info())
            .map_err(arcgis_layer::Error::from)?;
        // Where there are none, no row is asked for.
        self.layer.attachments(&IdSet::new())?;
        let ids = self.layer.object_ids(&query).await?;
        Ok(
            match query.limit().and_then(|most| usize::try_from(most).ok()) {
                Some(most) => ids.iter().take(most).collect(),
                None => ids,
            },
        )
    }

    async fn one(
        &self,
        attachment: &Attachment,
        folder: &Arc<dyn Folder>,
        path: String,
    ) -> Result<Got, Error> {
        let size = attachment.size;
        let Some(target) = folder.local_path(&path) else {
            let folder = Arc::clone(folder);
            return match blocking(move || SentFile::open(folder, path, size)).await?? {
                Ok(kept) => Ok(kept),
                Err(file) => self.sent(attachment, file).await,
            };
        };
        let (file, there) = match blocking(move || PartFile::open(target, size)).await?? {
            Ok(kept) => return Ok(kept),
            Err(opened) => opened,
        };
        let sink = Box::new(file.clone());
        let result = self.layer.download(attachment, sink, there).await;
        let bytes = match result {
            Ok(done) => done.bytes,
            Err(error) => {
                // What is not the file is no part of it either.
                let is_other = matches!(error, arcgis_layer::Error::Answer { .. });
                blocking(move || file.close(!is_other)).await?;
                return Err(error.into());
            }
        };
        blocking(move || file.finish()).await??;
        Ok(Got {
            bytes,
            is_kept: false,
        })
    }

    async fn sent(&self, attachment: &Attachment, file: SentFile) -> Result<Got, Error> {
        let sink = Box::new(file.clone());
        let bytes = self.layer.download(attachment, sink, 0).await?.bytes;
        blocking(move || file.finish()).await??;
        Ok(Got {
            bytes,
            is_kept: false,
        })
    }
}

/// The attachments of some rows with their paths. Those of a row come together.
fn named(attachments: Vec<Attachment>) -> Vec<(Attachment, String)> {
    let mut names = FileNames::default();
    let mut row = None;
    attachments
        .into_iter()
        .map(|attachment| {
            if row != Some(attachment.object_id) {
                names = FileNames::default();
                row = Some(attachment.object_id);
            }
            let id = u32::try_from(attachment.id).unwrap_or_default();
            let name = names.give_whole(&attachment.name, id);
            let path = format!("{}/{name}", attachment.object_id);
            (attachment, path)
        })
        .collect()
}

/// Whether no other file would do better.
fn is_of_the_place(error: &Error) -> bool {
    crate::service::is_of_the_place(error)
}

/// An output as a writer.
struct Handed(Box<dyn Output>);

impl std::io::Write for Handed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}
