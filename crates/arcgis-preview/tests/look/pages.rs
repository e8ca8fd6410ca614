//! What is in a page. That it works, and that nothing in it runs that should not, a browser shows: `cargo xtask interop`.

use std::io::Read as _;
use std::num::NonZeroUsize;
use std::sync::Arc;

use arcgis_preview::arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arcgis_preview::{GeometryColumn, PreviewBuilder, PreviewOptions};
use base64::Engine as _;
use serde_json::Value;

use crate::bench::{batch, frame, point, preview_of};

struct Page {
    text: String,
    about: Value,
    data: Vec<u8>,
}

fn page(preview: &arcgis_preview::Preview) -> Page {
    let mut out = Vec::new();
    preview.write_html(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let element = |start: &str| {
        let (_, rest) = text.split_once(start).unwrap();
        rest.split_once("</script>").unwrap().0.to_owned()
    };
    let about = serde_json::from_str(&element("id=\"about\">")).unwrap();
    let packed = base64::prelude::BASE64_STANDARD
        .decode(element("id=\"data\">"))
        .unwrap();
    let mut data = Vec::new();
    flate2::read::ZlibDecoder::new(packed.as_slice())
        .read_to_end(&mut data)
        .unwrap();
    Page { text, about, data }
}

impl Page {
    fn bytes(&self, array: &Value, size: usize) -> &[u8] {
        let at = array["at"].as_u64().unwrap() as usize;
        let length = array["length"].as_u64().unwrap() as usize * size;
        &self.data[at..at + length]
    }
}

#[test]
fn a_page_holds_every_value() {
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![Some(i64::MAX), None, Some(-7)]));
    let names: ArrayRef = Arc::new(StringArray::from(vec!["b", "", "b"]));
    let made = preview_of(&RecordBatch::try_from_iter([("id", ids), ("name", names)]).unwrap());
    let page = page(&made);
    assert_eq!(page.about["rows"], 3);
    assert_eq!(page.about["note"], Value::Null);
    let ids = &page.about["columns"][0];
    assert_eq!(ids["cells"]["values"]["type"], "BigInt64Array");
    let values: Vec<i64> = page
        .bytes(&ids["cells"]["values"], 8)
        .chunks_exact(8)
        .map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    assert_eq!((values[0], values[2]), (i64::MAX, -7));
    assert_eq!(page.bytes(&ids["cells"]["nulls"], 1), [0b010]);
    assert_eq!(ids["summary"]["limits"][1], i64::MAX.to_string());
    let names = &page.about["columns"][1]["cells"];
    assert_eq!(page.bytes(&names["codes"], 1), [0, 1, 0]);
    assert_eq!(page.bytes(&names["bytes"], 1), b"b");
}

#[test]
fn positions_are_exact_to_the_grid() {
    let rows = [Some(point(5.25, 50.5)), None, Some(frame().into())];
    let made = preview_of(&batch(&rows, "null"));
    let page = page(&made);
    let map = &page.about["map"];
    assert_eq!(
        (&map["features"], &map["parts"], &map["positions"]),
        (&3.into(), &3.into(), &11.into())
    );
    let steps = page.bytes(&map["steps"], 1);
    let mut at = 0;
    let mut next = || {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let byte = steps[at];
            at += 1;
            value |= u64::from(byte & 127) << shift;
            shift += 7;
            if byte < 128 {
                return value;
            }
        }
    };
    // One part, a point.
    assert_eq!((next(), next()), (1, 1 << 2));
    let mut grid = || {
        let value = next();
        (value >> 1) as i64 ^ -((value & 1) as i64)
    };
    let (x, y) = (grid() as f64, grid() as f64);
    let number = |name: &str| map[name].as_f64().unwrap();
    assert!((number("x") + x * number("cell") - 5.25).abs() < 1e-6);
    assert!((number("y") + y * number("cell") - 50.5).abs() < 1e-6);
}

#[test]
fn a_part_of_the_rows_says_so() {
    let rows: Vec<_> = (0..1000).map(|n| Some(point(f64::from(n), 0.0))).collect();
    let rows = batch(&rows, "null");
    let schema = rows.schema();
    let options = PreviewOptions::new("x").with_table(NonZeroUsize::new(100));
    let mut builder =
        PreviewBuilder::new(schema.clone(), GeometryColumn::of_schema(&schema), options).unwrap();
    builder.push(&rows).unwrap();
    let made = builder.finish().unwrap();
    assert_eq!((made.rows(), made.kept_rows()), (1000, 100));
    let page = page(&made);
    assert_eq!(page.about["note"], "100 of 1,000 shown");
    assert_eq!(page.about["map"]["features"], 100);
    // The columns are summed up over all rows.
    assert_eq!(page.about["columns"][0]["summary"]["distinct"], 1000);
}

#[test]
fn what_rows_hold_cannot_leave_its_place() {
    let evil = "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>";
    let names: ArrayRef = Arc::new(StringArray::from(vec![evil]));
    let rows = RecordBatch::try_from_iter([(evil, names)]).unwrap();
    let schema = rows.schema();
    let options = PreviewOptions::new(evil).with_source(evil).with_table(None);
    let mut builder = PreviewBuilder::new(schema, None, options).unwrap();
    builder.push(&rows).unwrap();
    let page = page(&builder.finish().unwrap());
    assert_eq!(page.about["title"], evil);
    assert_eq!(page.about["columns"][0]["name"], evil);
    assert_eq!(page.text.matches("<script").count(), 3);
    assert_eq!(page.text.matches("</script>").count(), 3);
    assert!(!page.text.contains("<img") && !page.text.contains("<!--"));
    // Whatever would get out: only the script of that hash runs, and nothing is loaded.
    assert!(page.text.contains("default-src 'none'"));
    assert!(!page.text.contains("http://") && !page.text.contains("https://"));
}
