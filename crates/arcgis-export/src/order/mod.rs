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
use crate::partition::{Groups, Scheme};
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
    /// Whether later rows may take the place of earlier ones, so that none can go on before all are there.
    pub(crate) holds: bool,
    /// How rows are cut into files, if they are.
    pub(crate) partitions: Option<&'a Scheme>,
    /// The file that is written to, if it is on this machine.
    pub(crate) part: Option<&'a Path>,
    pub(crate) given_up: GivenUp,
}

impl Ordering<'_> {
    /// The spool for rows in that order, around one that keeps pages for another process.
    pub(crate) fn spool(&self, disk: Option<DiskSpool>) -> Box<dyn Spool> {
        let schema = self.schema.file();
        let mut by = self.order.sorts_by(self.schema, self.strategy, self.holds);
        if self.partitions.is_some() {
            // Those of one file have to come together, in whatever order.
            by = by.or(Some(SortBy::ARRIVAL));
        }
        let Some(by) = by else {
            return match disk {
                Some(disk) => Box::new(disk.without_replaced()),
                None => DirectSpool::boxed(self.schema),
            };
        };
        // Where the output goes there is room for it, and more than in a system's folder for small things.
        let folder = match (&self.options.sort_folder, self.part.and_then(Path::parent)) {
            (Some(folder), _) => folder.clone(),
            (None, Some(folder)) => folder.to_owned(),
            (None, None) => std::env::temp_dir(),
        };
        let by_values = self.partitions.filter(|scheme| !scheme.is_spatial());
        let sort = Sort {
            by,
            memory: self.options.sort_memory.get(),
            folder,
            groups: by_values.map(|scheme| Groups::new(&scheme.columns)),
            given_up: self.given_up.clone(),
        };
        Box::new(SortSpool::new(sort, schema, disk))
    }

    /// The order that rows get.
    pub(crate) fn order(&self) -> RowOrder {
        self.order.within(self.schema)
    }
}

impl WriterOptions {
    /// Makes sure that rows can be put into the folder for sorting, if they may have to.
    ///
    /// # Errors
    ///
    /// [`ResumeError::Unusable`].
    pub(crate) fn check_sort_folder(
        &self,
        format: FileFormat,
        is_partitioned: bool,
    ) -> Result<(), Error> {
        let Some(folder) = &self.sort_folder else {
            return Ok(());
        };
        if RowOrder::of_file(self, format) == RowOrder::None && !is_partitioned {
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
    /// The order of rows with these columns: without geometry there is none by place.
    fn within(self, schema: &ExportSchema) -> Self {
        match self {
            Self::Hilbert if schema.geometry_name().is_none() => Self::Id,
            order => order,
        }
    }

    /// Whether rows go on only when all are there. `holds` says that later ones may take the place of earlier ones.
    pub(crate) fn is_held(
        self,
        schema: &ExportSchema,
        strategy: Option<Strategy>,
        holds: bool,
    ) -> bool {
        self.sorts_by(schema, strategy, holds).is_some()
    }

    /// What to sort by; `None` where rows come in that order and can go on at once.
    fn sorts_by(
        self,
        schema: &ExportSchema,
        strategy: Option<Strategy>,
        holds: bool,
    ) -> Option<SortBy> {
        match self.within(schema) {
            Self::Hilbert => SortBy::place(schema),
            Self::Id => {
                // Other plans ask for their parts in the order of the ids.
                let ascending = strategy.is_some_and(|strategy| strategy != Strategy::Areas);
                match SortBy::id(schema) {
                    by if !ascending => by,
                    by if holds => Some(by.unwrap_or(SortBy::ARRIVAL)),
                    _ => None,
                }
            }
            Self::None => None,
        }
    }

    /// The order of a file, where nothing else is said: rows of a stream go on at once.
    pub(crate) fn of_file(options: &WriterOptions, format: FileFormat) -> Self {
        options.order.unwrap_or(if format.is_stream() {
            Self::Id
        } else {
            Self::Hilbert
        })
    }
}
