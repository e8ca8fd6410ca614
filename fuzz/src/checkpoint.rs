//! The plan of an export that was broken off, as it lies on a disk.
//!
//! A case is a byte that chooses, and bytes: those of a checkpoint as they are, or what stands in one, which is then put
//! into its frame with a length and a checksum that fit, as chance would hardly make them. What is read comes back from
//! what it is written as.

use arcgis_layer::{Checkpoint, IdSet};
use xxhash_rust::xxh3::xxh3_64;

const MAGIC: &[u8] = b"arcgis plan v01\n";

/// Reads any bytes.
pub fn checkpoint(data: &[u8]) {
    let Some((&choice, bytes)) = data.split_first() else {
        return;
    };
    match choice % 4 {
        0 => comes_back(bytes),
        // All of it is JSON.
        1 => comes_back(&framed(bytes, &[])),
        // The ids of a set stand behind the JSON's last bracket.
        2 => {
            let end = bytes.iter().rposition(|&byte| byte == b'}');
            let (json, ids) = bytes.split_at(end.map_or(0, |end| end + 1));
            comes_back(&framed(json, ids));
        }
        _ => {
            if let Some(ids) = IdSet::from_bytes(bytes) {
                let written = ids.to_bytes();
                assert_eq!(IdSet::from_bytes(&written).as_ref(), Some(&ids));
                assert!(ids.first(100).iter().is_sorted());
            }
        }
    }
}

fn framed(json: &[u8], ids: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend((json.len() as u64).to_le_bytes());
    bytes.extend(json);
    bytes.extend(ids);
    bytes.extend(xxh3_64(&bytes).to_le_bytes());
    bytes
}

fn comes_back(bytes: &[u8]) {
    let Ok(read) = Checkpoint::from_bytes(bytes) else {
        return;
    };
    let written = read.to_bytes();
    let again = Checkpoint::from_bytes(&written).unwrap();
    assert_eq!(again, read);
    assert_eq!(again.fingerprint(), read.fingerprint());
    // A byte less, or another one, is none.
    assert!(Checkpoint::from_bytes(&written[..written.len() - 1]).is_err());
    let mut other = written;
    let middle = other.len() / 2;
    other[middle] ^= 1;
    assert!(Checkpoint::from_bytes(&other).is_err());
}
