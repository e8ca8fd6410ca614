//! What decoding may allocate: a small multiple of the input.

use arcgis_auth_core::http::{HeaderMap, StatusCode};
use arcgis_auth_core::{Request, Verdict};
use arcgis_layer::{
    DecodeContext, FeatureSink, GeometryRef, Layout, SinkError, ValueRef, decode_json, decode_pbf,
    read_header, read_pbf_header,
};

use crate::replay::cases;

/// For each byte of the input (a field of six bytes in PBF becomes a description of 500), and beside it.
const PER_BYTE: u64 = 128;
const FIXED: u64 = 64 * 1024;

/// Takes everything, and keeps nothing.
pub(crate) struct Nothing;

impl FeatureSink for Nothing {
    fn attribute(&mut self, _: usize, _: ValueRef<'_>) -> Result<(), SinkError> {
        Ok(())
    }

    fn geometry(&mut self, _: GeometryRef<'_>) -> Result<(), SinkError> {
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Runs something, whose memory at no time may be more than a small multiple of `bytes`. No single allocation can be
/// larger than what is held at once.
pub(crate) fn bounded<T>(what: &str, bytes: usize, run: impl FnOnce() -> T) -> T {
    let mut result = None;
    counted(what, bytes, || result = Some(run()));
    result.unwrap()
}

/// The same; how many allocations it takes, in all.
pub(crate) fn counted(what: &str, bytes: usize, run: impl FnOnce()) -> u64 {
    let counted = allocation_counter::measure(run);
    let most = FIXED + PER_BYTE * bytes as u64;
    assert!(
        counted.bytes_max <= most,
        "{what}: {} bytes were held for an input of {bytes}",
        counted.bytes_max
    );
    counted.count_total
}

fn decode(what: &str, body: &[u8], layout: &Layout) {
    let context = DecodeContext::new(layout);
    bounded(what, body.len(), || {
        decode_json(body, &context, &mut Nothing).is_ok()
    });
    bounded(what, body.len(), || {
        decode_pbf(body, &context, &mut Nothing).is_ok()
    });
}

#[test]
fn no_kept_case_takes_much_memory() {
    let mut cases_seen = 0;
    for target in ["json", "pbf"] {
        for (path, case) in cases(target) {
            let (choice, body) = case.split_first().unwrap_or((&0, &[]));
            let what = path.display().to_string();
            decode(&what, body, &crate::targets::layout(*choice));
            let json = bounded(&what, body.len(), || read_header(body).ok());
            let pbf = bounded(&what, body.len(), || read_pbf_header(body).ok());
            for header in json.iter().chain(&pbf) {
                decode(&what, body, &header.layout());
            }
            cases_seen += 1;
        }
    }
    for (path, case) in cases("envelope") {
        let request = Request::read("https://host.example/x".parse().unwrap());
        let headers = HeaderMap::new();
        bounded(&path.display().to_string(), case.len(), || {
            Verdict::of(&request, StatusCode::OK, &headers, &case)
        });
        cases_seen += 1;
    }
    println!("{cases_seen} cases");
}
