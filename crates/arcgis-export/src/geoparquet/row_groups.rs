//! Row groups, whose columns are encoded side by side.

use std::io::Write;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
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

use crate::batches::RowSizes;
use crate::error::Error;

use super::crew::side_by_side;
use super::packed_column::PackedColumn;
use super::pages::Pages;

/// With fewer rows than these, and fewer bytes, a thread costs more than it gives.
const FEW_ROWS: usize = 1_024;
const FEW_BYTES: usize = 128 * 1024;

/// Writes batches to a Parquet file, a row group in memory at a time.
///
/// Each column is encoded by whichever thread is free, the largest first, and so is each page of the columns without a
/// dictionary compressed: threads live for one batch, and there are no more of them than cores. What comes out does
/// not depend on them.
pub(super) struct RowGroups<W: Write + Send> {
    file: SerializedFileWriter<W>,
    factory: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    most_rows: usize,
    most_bytes: usize,
    threads: usize,
    pages: Arc<Pages>,
    columns: Vec<Column>,
    /// Those in the row group that is under way.
    rows: usize,
}

/// One column of the row group that is under way.
struct Column {
    writer: ArrowColumnWriter,
    /// Set where pages are not compressed by the writer itself.
    packed: Option<Arc<PackedColumn>>,
}

impl Column {
    /// About how large it is, if no page of it waits.
    fn bytes(&self) -> usize {
        let said = self.writer.get_estimated_total_bytes();
        self.packed
            .as_ref()
            .map_or(said, |packed| packed.bytes(said))
    }

    fn close(self) -> Result<Closed, ParquetError> {
        Ok(Closed {
            chunk: self.writer.close()?,
            packed: self.packed,
        })
    }
}

/// A column that is encoded. Its last pages may still wait.
struct Closed {
    chunk: ArrowColumnChunk,
    packed: Option<Arc<PackedColumn>>,
}

impl<W: Write + Send> RowGroups<W> {
    /// Goes on with a file that was begun with these pages. It has the limits of row groups among its properties.
    pub(super) fn new(
        writer: ArrowWriter<W>,
        schema: SchemaRef,
        pages: Arc<Pages>,
    ) -> Result<Self, ParquetError> {
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
            pages,
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
        self.columns.iter().map(Column::bytes).sum()
    }

    /// About how large all of them are.
    pub(super) fn size(&self) -> u64 {
        let written = self.written().iter().map(RowGroupMetaData::compressed_size);
        let written = written.map(|bytes| u64::try_from(bytes).unwrap_or(0));
        written.sum::<u64>() + self.bytes() as u64
    }

    fn begin(&mut self) -> Result<(), ParquetError> {
        let groups = self.file.flushed_row_groups().len();
        let writers = self.factory.create_column_writers(groups)?;
        let columns = writers.into_iter().map(|writer| Column {
            writer,
            packed: None,
        });
        self.columns = columns.collect();
        for (leaf, packed) in self.pages.begun() {
            if let Some(column) = self.columns.get_mut(leaf) {
                column.packed = Some(packed);
            }
        }
        Ok(())
    }

    fn encode(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        if self.columns.is_empty() {
            self.begin().map_err(Error::write)?;
        }
        let mut leaves = Vec::with_capacity(self.columns.len());
        for (field, column) in self.schema.fields().iter().zip(batch.columns()) {
            leaves.extend(compute_leaves(field, column).map_err(Error::write)?);
        }
        let mut work: Vec<_> = self.columns.iter_mut().zip(leaves).collect();
        // What takes longest is begun first: it is last here.
        work.sort_by_key(|(column, _)| column.writer.get_estimated_total_bytes());
        let few = batch.num_rows() < FEW_ROWS && RowSizes::whole(batch) < FEW_BYTES;
        let threads = if few { 1 } else { self.threads };
        side_by_side(threads, &self.pages, work, |(column, leaf)| {
            column.writer.write(&leaf)
        })?;
        self.rows += batch.num_rows();
        Ok(())
    }

    /// Ends the row group that is under way, if there is one.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        if self.columns.is_empty() {
            return Ok(());
        }
        let few = self.rows < FEW_ROWS && self.bytes() < FEW_BYTES;
        let threads = if few { 1 } else { self.threads };
        let columns = std::mem::take(&mut self.columns);
        self.rows = 0;
        let done = Mutex::new(Vec::with_capacity(columns.len()));
        let work = columns.into_iter().enumerate().collect();
        side_by_side(
            threads,
            &self.pages,
            work,
            |(place, column): (usize, Column)| {
                let closed = column.close()?;
                let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                done.push((place, closed));
                Ok(())
            },
        )?;
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(place, _)| *place);
        self.append(done.into_iter().map(|(_, closed)| closed))
            .map_err(Error::write)
    }

    fn append(&mut self, columns: impl Iterator<Item = Closed>) -> Result<(), ParquetError> {
        let mut group = self.file.next_row_group()?;
        for Closed { mut chunk, packed } in columns {
            if let Some(packed) = packed {
                packed.correct(chunk.close_mut())?;
            }
            chunk.append_to_row_group(&mut group)?;
        }
        group.close()?;
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::types::Float64Type;
    use arrow_array::{BinaryArray, Int64Array, ListArray, RecordBatch, StringArray};
    use arrow_schema::{DataType, Field, Schema};
    use parquet::arrow::arrow_writer::ArrowWriterOptions;
    use parquet::basic::{Compression, ZstdLevel};
    use parquet::file::properties::WriterProperties;
    use xxhash_rust::xxh3::xxh3_128_with_seed;

    use super::super::packer::Packer;
    use super::*;

    /// The leaves that have no dictionary.
    const UNREPEATED: [&str; 3] = ["n", "blob", "list.list.item"];

    fn rows(count: i64) -> RecordBatch {
        let texts = (0..count).map(|n| format!("{}", n * n % 1_001));
        // Half of it can be compressed.
        let blobs = (0..count).map(|n| {
            let noise = xxh3_128_with_seed(b"blob", n.unsigned_abs()).to_le_bytes();
            (n % 7 > 0).then(|| [noise, [7; 16], noise, [0; 16]].concat())
        });
        let lists =
            (0..count).map(|n| (n % 5 > 0).then(|| vec![Some(n as f64 / 3.0); n as usize % 4]));
        let list = Field::new("item", DataType::Float64, true);
        RecordBatch::try_new(
            Arc::new(Schema::new(vec![
                Field::new("n", DataType::Int64, false),
                Field::new("text", DataType::Utf8, true),
                Field::new("again", DataType::Utf8, true),
                Field::new("blob", DataType::Binary, true),
                Field::new("list", DataType::List(Arc::new(list)), true),
            ])),
            vec![
                Arc::new(Int64Array::from_iter_values(0..count)),
                Arc::new(StringArray::from_iter_values(texts.clone())),
                Arc::new(StringArray::from_iter_values(texts)),
                Arc::new(BinaryArray::from_iter(blobs)),
                Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(lists)),
            ],
        )
        .unwrap()
    }

    /// A file, and its pages, which are compressed by its own columns or beside them.
    fn begun(
        rows: &RecordBatch,
        most_rows: usize,
        most_bytes: usize,
        packed: bool,
    ) -> (ArrowWriter<Vec<u8>>, Arc<Pages>) {
        let level = ZstdLevel::try_new(3).unwrap();
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_max_row_group_row_count(Some(most_rows))
            .set_max_row_group_bytes(Some(most_bytes));
        for column in UNREPEATED {
            let path: Vec<String> = column.split('.').map(str::to_owned).collect();
            properties = properties.set_column_dictionary_enabled(path.clone().into(), false);
            if packed {
                properties =
                    properties.set_column_compression(path.into(), Compression::UNCOMPRESSED);
            }
        }
        let leaves = if packed { vec![0, 3, 4] } else { Vec::new() };
        let pages = Pages::new(Box::new(tempfile::tempfile), Packer::new(level), leaves);
        let pages = Arc::new(pages);
        let options = ArrowWriterOptions::new()
            .with_properties(properties.build())
            .with_page_store_factory(Arc::clone(&pages) as _);
        let writer = ArrowWriter::try_new_with_options(Vec::new(), rows.schema(), options);
        (writer.unwrap(), pages)
    }

    /// The same bytes as the writer of the `parquet` crate, one column after the other, makes of the same batches.
    #[test]
    fn threads_change_nothing() {
        // A page has at most 20,000.
        let rows = rows(25_000);
        let batches: Vec<RecordBatch> = (0..5).map(|n| rows.slice(n * 5_000, 5_000)).collect();
        for (most_rows, most_bytes) in [
            (100_000, usize::MAX),
            (12_345, usize::MAX),
            (5_000, usize::MAX),
            (100_000, 300_000),
            (20_000, 200_000),
        ] {
            let (mut one_by_one, _) = begun(&rows, most_rows, most_bytes, false);
            for batch in &batches {
                one_by_one.write(batch).unwrap();
            }
            let expected = one_by_one.into_inner().unwrap();
            for (threads, packed) in [(2, false), (1, true), (2, true), (8, true)] {
                let (writer, pages) = begun(&rows, most_rows, most_bytes, packed);
                let mut groups = RowGroups::new(writer, rows.schema(), Arc::clone(&pages)).unwrap();
                groups.threads = threads;
                for batch in &batches {
                    groups.write(batch).unwrap();
                }
                groups.end().unwrap();
                assert!(most_bytes == usize::MAX || groups.written().len() > 3);
                for column in groups.written().iter().flat_map(RowGroupMetaData::columns) {
                    assert!(matches!(column.compression(), Compression::ZSTD(_)));
                }
                let written = groups.finish().unwrap();
                // The pages that the `parquet` crate makes have the form that is known.
                assert!(!pages.packer().has_unknown());
                assert!(written == expected, "{most_rows} {most_bytes} {threads}");
            }
        }
    }
}
