//! What is broken is an error, and never more than that.

use std::panic::catch_unwind;
use std::sync::Arc;

use arcgis_preview::arrow_array::{ArrayRef, BinaryArray, RecordBatch};
use arcgis_preview::{Error, GeometryColumn, ParquetFile, PreviewBuilder, PreviewOptions};
use tempfile::tempdir;

use crate::bench::{batch, frame, point, wkb_of, write};

/// A batch whose geometry is these bytes.
fn raw(wkb: &[u8]) -> RecordBatch {
    let rows = batch(&[Some(point(0.0, 0.0)), Some(point(1.0, 1.0))], "null");
    let good = wkb_of(&point(0.0, 0.0));
    let columns: Vec<ArrayRef> = vec![
        Arc::clone(rows.column(0)),
        Arc::new(BinaryArray::from_vec(vec![&good, wkb])),
    ];
    RecordBatch::try_new(rows.schema(), columns).unwrap()
}

fn push(batch: &RecordBatch) -> Result<(), Error> {
    let geometry = GeometryColumn::of_schema(&batch.schema());
    PreviewBuilder::new(batch.schema(), geometry, PreviewOptions::new("x"))?.push(batch)
}

#[test]
fn a_broken_geometry_is_named() {
    let whole = wkb_of(&frame().into());
    assert!(push(&raw(&whole)).is_ok());
    for end in 0..whole.len() {
        let error = push(&raw(&whole[..end])).unwrap_err();
        assert!(matches!(error, Error::Geometry { row: 2, .. }), "{error}");
    }
}

#[test]
fn any_byte_may_be_wrong() {
    let whole = wkb_of(&frame().into());
    let mut refused = 0;
    for at in 0..whole.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut wkb = whole.clone();
            wkb[at] = value;
            match push(&raw(&wkb)) {
                Ok(()) => {}
                Err(Error::Geometry { row: 2, .. }) => refused += 1,
                Err(error) => panic!("{error}"),
            }
        }
    }
    assert!(refused > 50, "{refused}");
}

#[test]
fn a_damaged_file_is_an_error() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let rows: Vec<_> = (0..60)
        .map(|n| Some(point(f64::from(n), f64::from(n % 9))))
        .collect();
    write(&path, &batch(&rows, "\"EPSG:4326\""), None);
    let whole = std::fs::read(&path).unwrap();
    let look = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let path = path.clone();
        catch_unwind(move || {
            let preview =
                ParquetFile::open(&path)?.preview(PreviewOptions::new("x").with_table(None))?;
            preview.write_html(&mut Vec::new())
        })
    };
    assert!(look(&whole).unwrap().is_ok());
    let (mut refused, mut panicked) = (0, 0);
    for at in (0..whole.len()).step_by(13) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        match look(&bytes) {
            Ok(Ok(())) => {}
            Ok(Err(_)) => refused += 1,
            Err(_) => panicked += 1,
        }
    }
    for end in (0..whole.len()).step_by(101) {
        assert!(look(&whole[..end]).unwrap().is_err(), "{end}");
    }
    assert!(refused > 10, "{refused}");
    assert_eq!(panicked, 0);
}

#[test]
fn coordinates_far_out_are_drawn_somewhere() {
    let places = [
        0.0,
        1e300,
        f64::MAX,
        f64::MIN,
        5e-324,
        f64::NAN,
        f64::INFINITY,
    ];
    for crs in ["null", "\"EPSG:4326\"", "\"EPSG:3857\""] {
        for a in places {
            for b in places {
                let rows = batch(&[Some(point(a, b)), Some(point(b, a))], crs);
                let preview = crate::bench::preview_of(&rows);
                preview
                    .png(&arcgis_preview::PngOptions::default().with_width(200))
                    .unwrap();
                preview.write_html(&mut Vec::new()).unwrap();
                let _ = preview.terminal(arcgis_preview::TerminalOptions {
                    columns: 20,
                    lines: 5,
                    colour: true,
                });
            }
        }
    }
}
