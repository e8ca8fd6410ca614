//! GeoParquet, as one of several formats.

use arrow_array::RecordBatch;

use crate::error::Error;
use crate::geometry_summary::GeometrySummary;
use crate::geoparquet::{GeoParquetWriter, RowGroup};
use crate::provenance::Provenance;

use super::{Counted, FileWriter, Written};

impl FileWriter for GeoParquetWriter<Counted> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        Self::write(self, batch)
    }

    fn rows(&self) -> u64 {
        Self::rows(self)
    }

    fn row_groups(&self, known: usize) -> Vec<RowGroup> {
        Self::row_groups(self).skip(known).collect()
    }

    fn finish(
        self: Box<Self>,
        geometry: &GeometrySummary,
        provenance: &Provenance,
    ) -> Result<Written, Error> {
        let (output, groups) = Self::finish(*self, geometry, provenance)?;
        Ok(Written {
            row_groups: Some(groups),
            ..Written::new(output)
        })
    }
}
