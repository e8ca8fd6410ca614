//! What happens during an export, for those who watch.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arcgis_layer::{Completion, FetchStats, PageFormat, Strategy};

use crate::geoparquet::RowGroup;
use crate::note::Note;
use crate::report::Report;
use crate::resume::ResumeReport;
use crate::telemetry;

/// Something that happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ExportEvent {
    /// It is decided how to fetch.
    Planned {
        /// Rows to come.
        rows: u64,
        /// Pages to come, if the server does as it says.
        pages: u64,
        /// Rows per page.
        page_size: u32,
        /// How rows are asked for.
        strategy: Strategy,
        /// Why so.
        reason: String,
        /// The format that pages are asked for in.
        format: PageFormat,
    },
    /// The export goes on where an earlier one ended: these rows are there already.
    Resumed(ResumeReport),
    /// A page was judged and taken.
    Page {
        /// Its rows; not those that take the place of earlier ones.
        rows: u64,
        /// The size of the answers that it came in, after decompression.
        bytes: u64,
        /// What the fetch has cost so far.
        stats: FetchStats,
    },
    /// Requests were sent again.
    Retried {
        /// How many since the last such event.
        times: u64,
    },
    /// Something that is worth a word. It is in the report too.
    Noted(Note),
    /// A row group was written.
    RowGroup(RowGroup),
    /// Every row has come once.
    Verified(Completion),
    /// The export ends without an output, and what came is kept for
    /// [`LayerExport::with_resume`](crate::LayerExport::with_resume). Told last of all, also where the
    /// export was given up.
    Kept {
        /// Where.
        folder: PathBuf,
        /// Rows, those of earlier processes among them.
        rows: u64,
    },
    /// The output is in its place.
    Finished(Box<Report>),
}

type Observe = dyn Fn(&ExportEvent) + Send + Sync;

/// Watches an export. It is called from several threads, and should return soon.
#[derive(Clone, Default)]
pub(crate) struct Observer {
    observe: Option<Arc<Observe>>,
    /// What is told through `tracing` belongs to it, on whichever thread that is.
    span: Option<tracing::Span>,
}

impl Observer {
    pub(crate) fn new(observe: impl Fn(&ExportEvent) + Send + Sync + 'static) -> Self {
        Self {
            observe: Some(Arc::new(observe)),
            span: None,
        }
    }

    /// Tells everything within the span that is entered now.
    pub(crate) fn in_current_span(mut self) -> Self {
        self.span = Some(tracing::Span::current());
        self
    }

    pub(crate) fn tell(&self, event: &ExportEvent) {
        match &self.span {
            Some(span) => span.in_scope(|| telemetry::tell(event)),
            None => telemetry::tell(event),
        }
        if let Some(observe) = &self.observe {
            observe(event);
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.observe.is_some() {
            "Some"
        } else {
            "None"
        })
    }
}
