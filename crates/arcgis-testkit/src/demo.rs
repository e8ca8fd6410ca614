//! The demo data: Natural Earth, which is in the public domain.

use std::io::BufReader;

use crate::catalog::Service;
use crate::error::{Error, Result};
use crate::layer::Layer;

/// The layers as compressed lines of JSON, in the order of their ids, and their largest pages: small enough that an export takes several.
const LAYERS: [(&[u8], usize); 3] = [
    (include_bytes!("../data/places.ndjson.zst"), 1000),
    (include_bytes!("../data/rivers.ndjson.zst"), 250),
    (include_bytes!("../data/countries.ndjson.zst"), 50),
];

pub(crate) fn service() -> Result<Service> {
    LAYERS
        .iter()
        .try_fold(Service::new("demo"), |service, (bytes, page)| {
            let reader = zstd::Decoder::new(*bytes).map_err(Error::Unpack)?;
            Ok(service.with_layer(
                Layer::from_lines(BufReader::new(reader))?.with_max_record_count(*page),
            ))
        })
}
