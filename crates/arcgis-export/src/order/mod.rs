//! In which order rows stand in a file, and how they get there in bounded memory.

mod blocks;
mod chunk;
mod curve;
mod key;
mod merge;
mod row_order;
mod sort_spool;

use std::path::Path;

use arcgis_layer::Strategy;

use crate::error::Error;
use crate::format::FileFormat;
use crate::options::WriterOptions;
use crate::resume::ResumeError;
use crate::schema::ExportSchema;
use crate::spool::{DirectSpool, DiskSpool, Spool};
use crate::writer_thread::GivenUp;
use key::SortBy;
use sort_spool::{Sort, SortSpool};

pub use row_order::{ParseRowOrderError, RowOrder};

/// What decides in which order the rows of an output stand.
#[derive(Debug)]
pub(crate) struct Ordering<'a> {
    pub(crate) schema: &'a ExportSchema,
    pub(crate) order: RowOrder,
    pub(crate) options: &'a WriterOptions,
    /// How rows are asked for; none for rows that are there already.
    pub(crate) strategy: Option<Strategy>,
    /// The file that is written to, if it is on this machine.
    pub(crate) part: Option<&'a Path>,
    pub(crate) given_up: GivenUp,
}

impl Ordering<'_> {
    /// The spool for rows in that order, around one that keeps pages for another process.
    pub(crate) fn spool(&self, disk: Option<DiskSpool>) -> Box<dyn Spool> {
        let schema = self.schema.file();
        let Some(by) = self.by() else {
            return match disk {
                Some(disk) => Box::new(disk),
                None => DirectSpool::boxed(self.schema),
            };
        };
        // Where the output goes there is room for it, and more than in a system's folder for small things.
        let folder = match (&self.options.sort_folder, self.part.and_then(Path::parent)) {
            (Some(folder), _) => folder.clone(),
            (None, Some(folder)) => folder.to_owned(),
            (None, None) => std::env::temp_dir(),
        };
        let sort = Sort {
            by,
            memory: self.options.sort_memory.get(),
            folder,
            given_up: self.given_up.clone(),
        };
        Box::new(SortSpool::new(sort, schema, disk))
    }

    /// The order that rows get: without geometry there is none by place.
    pub(crate) fn order(&self) -> RowOrder {
        match self.order {
            RowOrder::Hilbert if self.schema.geometry_name().is_none() => RowOrder::Id,
            order => order,
        }
    }

    /// What to sort by; `None` where rows come in that order.
    fn by(&self) -> Option<SortBy> {
        let by_id = || {
            // Other plans ask for their parts in the order of the ids.
            let ascending = self
                .strategy
                .is_some_and(|strategy| strategy != Strategy::Areas);
            SortBy::id(self.schema).filter(|_| !ascending)
        };
        match self.order() {
            RowOrder::Hilbert => SortBy::place(self.schema),
            RowOrder::Id => by_id(),
            RowOrder::None => None,
        }
    }
}

impl WriterOptions {
    /// Makes sure that rows can be put into the folder for sorting, if they may have to.
    ///
    /// # Errors
    ///
    /// [`ResumeError::Unusable`].
    pub(crate) fn check_sort_folder(&self, format: FileFormat) -> Result<(), Error> {
        let Some(folder) = &self.sort_folder else {
            return Ok(());
        };
        if RowOrder::of_file(self, format) == RowOrder::None {
            return Ok(());
        }
        match tempfile::tempfile_in(folder) {
            Ok(_) => Ok(()),
            Err(source) => Err(Error::Resume(ResumeError::Unusable {
                folder: folder.clone(),
                source,
            })),
        }
    }
}

impl RowOrder {
    /// The order of a file, where nothing else is said: rows of a stream go on at once.
    pub(crate) fn of_file(options: &WriterOptions, format: FileFormat) -> Self {
        options.order.unwrap_or(if format.is_stream() {
            Self::Id
        } else {
            Self::Hilbert
        })
    }
}
