//! Writes rows to one file after the other.

use std::collections::BTreeMap;
use std::io::Write as _;

use arrow_array::RecordBatch;

use super::groups::Groups;
use super::index::{NAME, PartitionFile, PartitionIndex};
use super::names::{FolderNames, marked};
use super::report::PartitionReport;
use super::scheme::Scheme;
use crate::batches::RowSizes;
use crate::error::Error;
use crate::format::{Counted, FileWriter, NewFile, Scratch, Written};
use crate::geometry_summary::GeometrySummary;
use crate::geoparquet::{GeoParquetWriter, RowGroup};
use crate::options::WriterOptions;
use crate::provenance::Provenance;
use crate::schema::ExportSchema;
use crate::writer_thread::GivenUp;

/// With fewer rows than these at a time, encoding them costs more than a file that is not too large is worth.
const FEW_ROWS: usize = 256;

/// Writes rows to one file after the other: a group's rows come together, so that never more than one is open.
pub(crate) struct PartitionedWriter {
    folder: Counted,
    /// What the names of files have in them.
    mark: Option<String>,
    scheme: Scheme,
    groups: Groups,
    names: FolderNames,
    schema: ExportSchema,
    options: WriterOptions,
    provenance: Provenance,
    open: Option<OpenFile>,
    files: Vec<PartitionFile>,
    /// The group of the last file, and how many files it has.
    last: Option<(u32, usize)>,
    row_groups: Vec<RowGroup>,
    rows: u64,
    given_up: GivenUp,
}

/// The file that rows go to.
struct OpenFile {
    /// None for rows that are partitioned spatially.
    group: Option<u32>,
    path: String,
    writer: GeoParquetWriter<Counted>,
    geometry: GeometrySummary,
}

impl PartitionedWriter {
    pub(crate) fn begin(new: NewFile<'_>, scheme: Scheme) -> Self {
        Self {
            mark: new.output.output.mark().map(str::to_owned),
            folder: new.output,
            groups: Groups::new(&scheme.columns),
            names: FolderNames::default(),
            scheme,
            schema: new.schema.clone(),
            options: new.options.clone(),
            provenance: new.provenance.clone(),
            open: None,
            files: Vec::new(),
            last: None,
            row_groups: Vec::new(),
            rows: 0,
            given_up: new.given_up,
        }
    }

    /// Writes rows of one group.
    fn write_group(&mut self, group: Option<u32>, rows: &RecordBatch) -> Result<(), Error> {
        let sizes = RowSizes::of(rows);
        let mut at = 0;
        while at < rows.num_rows() {
            let goes_on = match &self.open {
                Some(open) => open.group == group && !open.is_full(&self.scheme),
                None => false,
            };
            if !goes_on {
                self.close()?;
            }
            let open = match &mut self.open {
                Some(open) => open,
                None => self.open.insert(begin(
                    &mut self.folder,
                    file_path(
                        &mut self.names,
                        &self.groups,
                        group,
                        &mut self.last,
                        self.mark.as_deref(),
                    ),
                    group,
                    &self.schema,
                    &self.options,
                )?),
            };
            let left = rows.num_rows() - at;
            let taken = open
                .fitting(&self.scheme, sizes.rows(at, at + left) / left)
                .min(left);
            let piece = rows.slice(at, taken);
            open.geometry
                .merge(&GeometrySummary::of_file(&piece, &self.schema)?);
            open.writer.write(&piece)?;
            self.rows += taken as u64;
            at += taken;
        }
        Ok(())
    }

    /// Ends the file that is under way, if there is one.
    fn close(&mut self) -> Result<(), Error> {
        let Some(OpenFile {
            group,
            path,
            writer,
            geometry,
        }) = self.open.take()
        else {
            return Ok(());
        };
        self.given_up.check()?;
        let values: BTreeMap<String, _> = group
            .into_iter()
            .flat_map(|group| self.groups.values(group))
            .map(|(column, value)| (column.to_owned(), value.json()))
            .collect();
        let mut provenance = self.provenance.clone();
        if !values.is_empty() {
            let json = serde_json::to_string(&values);
            provenance.partition = Some(json.map_err(Error::write)?);
        }
        let rows = writer.rows();
        let (Counted { mut output, .. }, row_groups) = writer.finish(&geometry, &provenance)?;
        output.settle()?;
        let bytes = output.commit()?.bytes;
        self.folder.bytes += bytes;
        self.row_groups.extend(row_groups);
        self.files.push(PartitionFile {
            file: path,
            rows,
            bytes,
            extent: extent(&geometry),
            values,
        });
        Ok(())
    }

    fn index(&self, geometry: &GeometrySummary, provenance: &Provenance) -> PartitionIndex {
        let columns = self.scheme.columns.iter();
        PartitionIndex {
            source: provenance.source.clone(),
            layer: provenance.layer.clone(),
            query: provenance.query.clone(),
            columns: columns.map(|column| column.name.clone()).collect(),
            crs: self.schema.crs().map(|crs| crs.id()),
            extent: extent(geometry),
            proof: provenance.proof.clone(),
            schema_hash: provenance.schema_hash.clone(),
            last_edit: provenance.last_edit,
            server_generation: provenance.server_generation,
            started: provenance.retrieved,
            ..PartitionIndex::new(self.scheme.partitions.clone(), self.files.clone())
        }
    }
}

impl FileWriter for PartitionedWriter {
    fn proven(&mut self, provenance: &Provenance) {
        self.provenance = provenance.clone();
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        if self.scheme.is_spatial() {
            return self.write_group(None, batch);
        }
        let mut groups = Vec::with_capacity(batch.num_rows());
        self.groups.enter(batch, &mut groups)?;
        let mut start = 0;
        for run in groups.chunk_by(|one, other| one == other) {
            self.write_group(run.first().copied(), &batch.slice(start, run.len()))?;
            start += run.len();
        }
        Ok(())
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn row_groups(&self, known: usize) -> Vec<RowGroup> {
        let written = self.row_groups.iter().skip(known);
        written.copied().collect()
    }

    fn finish(
        self: Box<Self>,
        geometry: &GeometrySummary,
        provenance: &Provenance,
    ) -> Result<Written, Error> {
        let mut all = *self;
        all.close()?;
        if all.files.is_empty() {
            // A file without rows: so readers find the columns, and not that there is nothing.
            let mark = all.mark.as_deref();
            let path = file_path(&mut all.names, &all.groups, None, &mut all.last, mark);
            all.open = Some(begin(
                &mut all.folder,
                path,
                None,
                &all.schema,
                &all.options,
            )?);
            all.close()?;
        }
        let json = all.index(geometry, provenance).to_json();
        let mut index = all.folder.output.file(NAME)?;
        index
            .write_all(&json.map_err(Error::write)?)
            .map_err(Error::write)?;
        index.settle()?;
        all.folder.bytes += index.commit()?.bytes;
        let partitions = PartitionReport::of(&all.scheme, all.groups.len(), &all.files);
        Ok(Written {
            row_groups: Some(all.row_groups),
            partitions: Some(partitions),
            ..Written::new(all.folder)
        })
    }
}

impl OpenFile {
    fn is_full(&self, scheme: &Scheme) -> bool {
        let is_full = |limit: Option<std::num::NonZeroU64>, has: u64| {
            limit.is_some_and(|limit| has >= limit.get())
        };
        is_full(scheme.partitions.file_rows, self.writer.rows())
            || is_full(scheme.partitions.file_bytes, self.writer.size())
    }

    /// How many rows the file still takes, if they are like those that it has; before there are any, if each takes as many
    /// bytes there as in memory.
    fn fitting(&self, scheme: &Scheme, in_memory: usize) -> usize {
        let rows = self.writer.rows();
        let by_rows = scheme
            .partitions
            .file_rows
            .map(|most| most.get().saturating_sub(rows).max(1));
        let by_bytes = scheme.partitions.file_bytes.map(|most| {
            let size = self.writer.size();
            let of_row = size.checked_div(rows).unwrap_or(in_memory as u64).max(1);
            (most.get().saturating_sub(size) / of_row).max(FEW_ROWS as u64)
        });
        let fitting = by_rows.into_iter().chain(by_bytes).min();
        fitting.map_or(usize::MAX, |rows| {
            usize::try_from(rows).unwrap_or(usize::MAX)
        })
    }
}

fn begin(
    folder: &mut Counted,
    path: String,
    group: Option<u32>,
    schema: &ExportSchema,
    options: &WriterOptions,
) -> Result<OpenFile, Error> {
    let output = Counted::new(folder.output.file(&path)?);
    let scratch = Scratch::of(options, folder);
    let make = Box::new(move || scratch.file());
    Ok(OpenFile {
        group,
        path,
        writer: GeoParquetWriter::with_pages_in(make, output, schema, options)?,
        geometry: GeometrySummary::default(),
    })
}

/// The path of the next file of a group.
fn file_path(
    names: &mut FolderNames,
    groups: &Groups,
    group: Option<u32>,
    last: &mut Option<(u32, usize)>,
    mark: Option<&str>,
) -> String {
    let number = match (*last, group.unwrap_or(0)) {
        (Some((before, files)), group) if before == group => files,
        _ => 0,
    };
    *last = Some((group.unwrap_or(0), number + 1));
    let mut path = String::new();
    for (column, value) in group.into_iter().flat_map(|group| groups.values(group)) {
        path.push_str(&names.give(column, value));
        path.push('/');
    }
    path.push_str(&format!("part-{number:05}.parquet"));
    match mark {
        Some(mark) => marked(&path, mark),
        None => path,
    }
}

/// JSON has no infinities.
fn extent(geometry: &GeometrySummary) -> Option<[f64; 4]> {
    let bbox = geometry.bbox()?;
    let sides = [bbox.xmin, bbox.ymin, bbox.xmax, bbox.ymax];
    sides.iter().all(|side| side.is_finite()).then_some(sides)
}
