//! Row groups, whose columns are encoded side by side.

use std::io::Write;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::thread;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, RowGroupMetaData};
use parquet::file::writer::SerializedFileWriter;

use crate::error::Error;

/// With fewer rows than these a thread costs more than it gives.
const FEW_ROWS: usize = 1_024;

/// Writes batches to a Parquet file, a row group in memory at a time.
///
/// Each column is encoded and compressed by whichever thread is free, and one that is not large keeps nobody waiting:
/// threads live for one batch, and there are no more of them than cores. What comes out does not depend on them.
pub(super) struct RowGroups<W: Write + Send> {
    file: SerializedFileWriter<W>,
    factory: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    most_rows: usize,
    most_bytes: usize,
    threads: usize,
    columns: Vec<ArrowColumnWriter>,
    /// Those in the row group that is under way.
    rows: usize,
}

impl<W: Write + Send> RowGroups<W> {
    /// Goes on with a file that was begun. It has the limits of row groups among its properties.
    pub(super) fn new(writer: ArrowWriter<W>, schema: SchemaRef) -> Result<Self, ParquetError> {
        let (file, factory) = writer.into_serialized_writer()?;
        let properties = file.properties();
        Ok(Self {
            most_rows: properties
                .max_row_group_row_count()
                .unwrap_or(usize::MAX)
                .max(1),
            most_bytes: properties
                .max_row_group_bytes()
                .unwrap_or(usize::MAX)
                .max(1),
            threads: thread::available_parallelism().map_or(1, NonZeroUsize::get),
            file,
            factory,
            schema,
            columns: Vec::new(),
            rows: 0,
        })
    }

    /// Writes rows.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let mut start = 0;
        while start < batch.num_rows() {
            let fitting = self.fitting();
            if fitting == 0 {
                self.end()?;
                continue;
            }
            let taken = fitting.min(batch.num_rows() - start);
            self.encode(&batch.slice(start, taken))?;
            start += taken;
            if self.rows >= self.most_rows || self.bytes() >= self.most_bytes {
                self.end()?;
            }
        }
        Ok(())
    }

    /// How many rows the row group that is under way still takes, if they are like those that it has.
    fn fitting(&self) -> usize {
        let rows = self.most_rows.saturating_sub(self.rows);
        let bytes = self.bytes();
        match bytes.checked_div(self.rows) {
            Some(of_row) if of_row > 0 => {
                let left = self.most_bytes.saturating_sub(bytes);
                rows.min(left / of_row)
            }
            _ => rows,
        }
    }

    /// About how large the row group that is under way is.
    fn bytes(&self) -> usize {
        let columns = self.columns.iter();
        columns
            .map(ArrowColumnWriter::get_estimated_total_bytes)
            .sum()
    }

    /// About how large all of them are.
    pub(super) fn size(&self) -> u64 {
        let written = self.written().iter().map(RowGroupMetaData::compressed_size);
        let written = written.map(|bytes| u64::try_from(bytes).unwrap_or(0));
        written.sum::<u64>() + self.bytes() as u64
    }

    fn encode(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        if self.columns.is_empty() {
            let groups = self.file.flushed_row_groups().len();
            self.columns = self
                .factory
                .create_column_writers(groups)
                .map_err(Error::write)?;
        }
        let mut leaves = Vec::with_capacity(self.columns.len());
        for (field, column) in self.schema.fields().iter().zip(batch.columns()) {
            leaves.extend(compute_leaves(field, column).map_err(Error::write)?);
        }
        let mut work: Vec<_> = self.columns.iter_mut().zip(leaves).collect();
        // What takes longest is begun first: it is last here.
        work.sort_by_key(|(column, _)| column.get_estimated_total_bytes());
        let threads = if batch.num_rows() < FEW_ROWS {
            1
        } else {
            self.threads
        };
        side_by_side(threads, work, |(column, leaf)| column.write(&leaf))?;
        self.rows += batch.num_rows();
        Ok(())
    }

    /// Ends the row group that is under way, if there is one.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        if self.columns.is_empty() {
            return Ok(());
        }
        let columns = std::mem::take(&mut self.columns);
        let threads = if self.rows < FEW_ROWS {
            1
        } else {
            self.threads
        };
        self.rows = 0;
        let done = Mutex::new(Vec::with_capacity(columns.len()));
        let work = columns.into_iter().enumerate().collect();
        side_by_side(threads, work, |(place, column): (usize, _)| {
            let chunk = column.close()?;
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.push((place, chunk));
            Ok(())
        })?;
        let mut done: Vec<(usize, ArrowColumnChunk)> =
            done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(place, _)| *place);
        let mut group = self.file.next_row_group().map_err(Error::write)?;
        for (_, chunk) in done {
            chunk
                .append_to_row_group(&mut group)
                .map_err(Error::write)?;
        }
        group.close().map_err(Error::write)?;
        Ok(())
    }

    /// Those that are written.
    pub(super) fn written(&self) -> &[RowGroupMetaData] {
        self.file.flushed_row_groups()
    }

    pub(super) fn add_to_footer(&mut self, entry: KeyValue) {
        self.file.append_key_value_metadata(entry);
    }

    /// Writes what is left and the footer.
    pub(super) fn finish(mut self) -> Result<W, Error> {
        self.end()?;
        self.file.into_inner().map_err(Error::write)
    }
}

/// Does pieces of work, the last first, on several threads, of which this is one. Where the system has no more
/// threads to give, fewer do.
fn side_by_side<T: Send>(
    threads: usize,
    work: Vec<T>,
    each: impl Fn(T) -> Result<(), ParquetError> + Sync,
) -> Result<(), Error> {
    let others = threads.min(work.len()).saturating_sub(1);
    let work = Mutex::new(work);
    let do_some = || -> Result<(), ParquetError> {
        loop {
            // A statement of its own: nobody else can take a piece while it is held.
            let piece = work.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match piece {
                Some(piece) => each(piece)?,
                None => return Ok(()),
            }
        }
    };
    thread::scope(|scope| {
        let started: Vec<_> = (0..others)
            .map_while(|_| {
                thread::Builder::new()
                    .name("arcgis-columns".to_owned())
                    .spawn_scoped(scope, do_some)
                    .ok()
            })
            .collect();
        let mut result = do_some().map_err(Error::write);
        for other in started {
            let ended = match other.join() {
                Ok(ended) => ended.map_err(Error::write),
                Err(panic) => Err(Error::of_panic(panic)),
            };
            result = result.and(ended);
        }
        result
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, RecordBatch, StringArray};
    use arrow_schema::{DataType, Field, Schema};
    use parquet::file::properties::WriterProperties;

    use super::*;

    fn rows(count: i64) -> RecordBatch {
        let texts = (0..count).map(|n| format!("{}", n * n % 1_001));
        RecordBatch::try_new(
            Arc::new(Schema::new(vec![
                Field::new("n", DataType::Int64, false),
                Field::new("text", DataType::Utf8, true),
                Field::new("again", DataType::Utf8, true),
            ])),
            vec![
                Arc::new(Int64Array::from_iter_values(0..count)),
                Arc::new(StringArray::from_iter_values(texts.clone())),
                Arc::new(StringArray::from_iter_values(texts)),
            ],
        )
        .unwrap()
    }

    fn begun(rows: &RecordBatch, most_rows: usize, most_bytes: usize) -> ArrowWriter<Vec<u8>> {
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(most_rows))
            .set_max_row_group_bytes(Some(most_bytes))
            .build();
        ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties)).unwrap()
    }

    /// The same bytes as the writer of the `parquet` crate, one column after the other, makes of the same batches.
    #[test]
    fn threads_change_nothing() {
        let rows = rows(50_000);
        let batches: Vec<RecordBatch> = (0..10).map(|n| rows.slice(n * 5_000, 5_000)).collect();
        for (most_rows, most_bytes) in [
            (100_000, usize::MAX),
            (12_345, usize::MAX),
            (5_000, usize::MAX),
            (100_000, 100_000),
            (20_000, 60_000),
        ] {
            let mut one_by_one = begun(&rows, most_rows, most_bytes);
            for batch in &batches {
                one_by_one.write(batch).unwrap();
            }
            let expected = one_by_one.into_inner().unwrap();
            for threads in [1, 2, 8] {
                let writer = begun(&rows, most_rows, most_bytes);
                let mut groups = RowGroups::new(writer, rows.schema()).unwrap();
                groups.threads = threads;
                for batch in &batches {
                    groups.write(batch).unwrap();
                }
                groups.end().unwrap();
                assert!(most_bytes == usize::MAX || groups.written().len() > 3);
                let written = groups.finish().unwrap();
                assert!(written == expected, "{most_rows} {most_bytes} {threads}");
            }
        }
    }

    #[test]
    fn what_fails_in_a_thread_fails_here() {
        let broken = |piece: u32| {
            if piece == 3 {
                return Err(ParquetError::General("broken".to_owned()));
            }
            Ok(())
        };
        for threads in [1, 2, 8] {
            let error = side_by_side(threads, (0..100).collect(), broken).unwrap_err();
            assert!(matches!(error, Error::Write(_)), "{error}");
        }
        let panics = |piece: u32| panic!("piece {piece}");
        let work = || side_by_side(2, (0..100).collect(), panics);
        let ended = std::panic::catch_unwind(work);
        assert!(ended.is_err() || ended.is_ok_and(|result| result.is_err()));
    }
}
