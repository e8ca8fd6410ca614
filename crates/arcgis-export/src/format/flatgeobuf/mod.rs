//! FlatGeobuf, version 3: <https://flatgeobuf.org>.

mod feature;
mod header;
mod index;

use std::fs::File;
use std::io::{self, BufWriter, Write};

use arrow_array::RecordBatch;
use flatbuffers::FlatBufferBuilder;

use crate::error::Error;
use crate::geometry_summary::{GeometrySummary, WkbType};
use crate::provenance::Provenance;
use crate::schema::ExportSchema;

use self::feature::{Narrow, promoted};
use self::header::Header;
use self::index::Leaves;
use super::cells::{Attributes, CellKind};
use super::scratch::{Scratch, rewound};
use super::shape::Shape;
use super::{Counted, FileWriter, NewFile, Written};

/// The major version of the specification stands in the fourth byte, its patch in the last.
const MAGIC: [u8; 8] = [0x66, 0x67, 0x62, 3, 0x66, 0x67, 0x62, 0];

/// Features in the order in which they come, with an index of their bounds before them. That is why features
/// wait on disk until the last of them is known.
///
/// Lines and polygons are multi-part in every row. Where a layer has geometry, rows without (or with an empty
/// one) are found by no rectangle. Dates are ISO 8601.
pub(crate) struct FlatGeobufWriter {
    output: Counted,
    schema: ExportSchema,
    attributes: Attributes,
    scratch: Scratch,
    features: BufWriter<File>,
    bytes: u64,
    leaves: Leaves,
    builder: FlatBufferBuilder<'static>,
    shape: Shape,
    properties: Vec<u8>,
    kinds: Kinds,
    rows: u64,
}

/// Which geometries there are.
#[derive(Debug, Default)]
struct Kinds {
    first: Option<WkbType>,
    several: bool,
    has_z: bool,
    has_m: bool,
}

impl Kinds {
    fn add(&mut self, shape: &Shape) {
        let kind = promoted(shape.kind);
        match self.first {
            None => self.first = Some(kind),
            Some(first) => self.several |= first != kind,
        }
        self.has_z |= shape.has_z;
        self.has_m |= shape.has_m;
    }
}

impl FlatGeobufWriter {
    pub(crate) fn begin(new: NewFile<'_>) -> Result<Self, Error> {
        let scratch = Scratch::of(new.options, &new.output);
        let features = scratch.file().map_err(Error::write)?;
        Ok(Self {
            attributes: Attributes::of(new.schema)?,
            schema: new.schema.clone(),
            output: new.output,
            leaves: Leaves::new(&scratch).map_err(Error::write)?,
            features: BufWriter::with_capacity(1024 * 1024, features),
            scratch,
            bytes: 0,
            builder: FlatBufferBuilder::new(),
            shape: Shape::default(),
            properties: Vec::new(),
            kinds: Kinds::default(),
            rows: 0,
        })
    }

    fn header(&self, provenance: &Provenance) -> Vec<u8> {
        let kinds = &self.kinds;
        Header {
            name: provenance.layer.as_deref().unwrap_or("layer"),
            columns: &self.attributes.columns,
            bounds: self.leaves.bounds(),
            geometry_type: match kinds.first {
                Some(kind) if !kinds.several => kind as u8,
                _ => 0,
            },
            has_z: kinds.has_z,
            has_m: kinds.has_m,
            features: self.rows,
            indexed: self.is_indexed(),
            crs: self.schema.crs(),
            metadata: &provenance.json(self.rows),
        }
        .encode()
    }

    fn is_indexed(&self) -> bool {
        self.attributes.geometry.is_some() && self.rows > 0
    }

    fn write_file(self, provenance: &Provenance) -> io::Result<Counted> {
        let (header, indexed) = (self.header(provenance), self.is_indexed());
        let mut output = self.output;
        output.write_all(&MAGIC)?;
        output.write_all(&header)?;
        if indexed {
            let mut buffered = BufWriter::new(&mut output);
            self.leaves.write(&self.scratch, &mut buffered)?;
            buffered.flush()?;
        }
        let features = self
            .features
            .into_inner()
            .map_err(|error| error.into_error())?;
        io::copy(&mut rewound(features)?, &mut output)?;
        Ok(output)
    }
}

impl FileWriter for FlatGeobufWriter {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let cells = self.attributes.cells(batch)?;
        for row in 0..batch.num_rows() {
            self.properties.clear();
            for ((place, column), cell) in
                (0_u16..).zip(&self.attributes.columns).zip(cells.row(row))
            {
                let narrow = match column.kind {
                    CellKind::Int16 => Narrow::Short,
                    CellKind::Int32 => Narrow::Int,
                    _ => Narrow::No,
                };
                feature::push_property(&mut self.properties, place, narrow, cell);
            }
            let mut shape = None;
            if let Some(wkb) = cells.geometry(row) {
                self.shape.read(wkb)?;
                if !self.shape.is_empty() {
                    self.kinds.add(&self.shape);
                }
                shape = Some(&self.shape);
            }
            feature::encode(&mut self.builder, shape, &self.properties);
            let feature = self.builder.finished_data();
            let bounds = shape.and_then(Shape::bounds);
            self.leaves
                .push(bounds, self.bytes)
                .and_then(|()| self.features.write_all(feature))
                .map_err(Error::write)?;
            self.bytes += feature.len() as u64;
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn finish(
        self: Box<Self>,
        _geometry: &GeometrySummary,
        provenance: &Provenance,
    ) -> Result<Written, Error> {
        let output = self.write_file(provenance).map_err(Error::write)?;
        Ok(Written::new(output))
    }
}
