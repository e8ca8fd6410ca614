//! Rows with geometry, written by the crate `wkb`, and files of them.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arcgis_preview::arrow_array::{ArrayRef, BinaryArray, RecordBatch, StringArray};
use arcgis_preview::arrow_schema::{DataType, Field, Schema};
use arcgis_preview::{GeometryColumn, PngOptions, Preview, PreviewBuilder, PreviewOptions};
use geo_types::{Coord, Geometry, LineString, Point, Polygon};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;
use wkb::writer::{WriteOptions, write_geometry};

pub(crate) fn wkb_of(geometry: &Geometry) -> Vec<u8> {
    let mut out = Vec::new();
    write_geometry(&mut out, geometry, &WriteOptions::default()).unwrap();
    out
}

pub(crate) fn point(x: f64, y: f64) -> Geometry {
    Point::new(x, y).into()
}

pub(crate) fn ring(xmin: f64, ymin: f64, xmax: f64, ymax: f64) -> LineString {
    let corners = [
        (xmin, ymin),
        (xmax, ymin),
        (xmax, ymax),
        (xmin, ymax),
        (xmin, ymin),
    ];
    corners.into_iter().map(Coord::from).collect()
}

pub(crate) fn frame() -> Polygon {
    Polygon::new(
        ring(0.0, 0.0, 90.0, 90.0),
        vec![ring(30.0, 30.0, 60.0, 60.0)],
    )
}

/// A batch of a column `name` and WKB with this reference system, as GeoArrow tells it.
pub(crate) fn batch(geometries: &[Option<Geometry>], crs: &str) -> RecordBatch {
    let extension = HashMap::from([
        ("ARROW:extension:name".to_owned(), "geoarrow.wkb".to_owned()),
        (
            "ARROW:extension:metadata".to_owned(),
            format!("{{\"crs\": {crs}}}"),
        ),
    ]);
    let schema = Schema::new(vec![
        Field::new("name", DataType::Utf8, true),
        Field::new("geometry", DataType::Binary, true).with_metadata(extension),
    ]);
    let names: StringArray = (0..geometries.len())
        .map(|n| Some(format!("row {n}")))
        .collect();
    let wkb: BinaryArray = geometries
        .iter()
        .map(|geometry| geometry.as_ref().map(wkb_of))
        .collect();
    let columns: Vec<ArrayRef> = vec![Arc::new(names), Arc::new(wkb)];
    RecordBatch::try_new(Arc::new(schema), columns).unwrap()
}

pub(crate) fn preview_of(batch: &RecordBatch) -> Preview {
    let schema = batch.schema();
    let geometry = GeometryColumn::of_schema(&schema);
    let options = PreviewOptions::new("A title").with_table(None);
    let mut builder = PreviewBuilder::new(schema, geometry, options).unwrap();
    builder.push(batch).unwrap();
    builder.finish().unwrap()
}

/// Geometries in metres of an unknown system, or in degrees with `"EPSG:4326"`.
pub(crate) fn preview(geometries: &[Geometry], crs: &str) -> Preview {
    let geometries: Vec<_> = geometries.iter().cloned().map(Some).collect();
    preview_of(&batch(&geometries, crs))
}

/// Writes a batch, with a footer `geo` if there is one.
pub(crate) fn write(path: &Path, batch: &RecordBatch, geo: Option<&str>) {
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    if let Some(geo) = geo {
        writer.append_key_value_metadata(KeyValue::new("geo".to_owned(), geo.to_owned()));
    }
    writer.close().unwrap();
}

/// A picture, decoded by another crate than the one that drew it.
pub(crate) struct Picture {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pixels: Vec<u8>,
}

impl Picture {
    pub(crate) fn of(preview: &Preview, options: &PngOptions) -> Self {
        let bytes = preview.png(options).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(info.color_type, png::ColorType::Rgba);
        Self {
            width: info.width as usize,
            height: info.height as usize,
            pixels,
        }
    }

    pub(crate) fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let start = (y * self.width + x) * 4;
        [
            self.pixels[start],
            self.pixels[start + 1],
            self.pixels[start + 2],
        ]
    }

    /// The pixels that `is` holds for: the least and greatest column and row, and how many there are.
    pub(crate) fn region(&self, is: impl Fn([u8; 3]) -> bool) -> Option<Region> {
        let mut region: Option<Region> = None;
        for y in 0..self.height {
            for x in 0..self.width {
                if !is(self.at(x, y)) {
                    continue;
                }
                let one = region.get_or_insert(Region {
                    left: x,
                    right: x,
                    top: y,
                    bottom: y,
                    count: 0,
                });
                one.left = one.left.min(x);
                one.right = one.right.max(x);
                one.bottom = y;
                one.count += 1;
            }
        }
        region
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Region {
    pub(crate) left: usize,
    pub(crate) right: usize,
    pub(crate) top: usize,
    pub(crate) bottom: usize,
    pub(crate) count: usize,
}
