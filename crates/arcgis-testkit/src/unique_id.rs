use crate::value::Value;

/// The fields that tell the rows of a layer apart where its object ids do not.
#[derive(Debug, Clone)]
pub(crate) struct UniqueId {
    pub(crate) fields: Vec<String>,
    /// Object ids are hashes of those fields.
    pub(crate) hashed: bool,
}

/// A whole number of at most 53 bits that looks like chance (FNV-1a over the values as JSON).
pub(crate) fn hash_of<'a>(values: impl Iterator<Item = &'a Value>) -> i64 {
    let mut text = Vec::new();
    for value in values {
        value.write_json(false, &mut text);
        text.push(b',');
    }
    let hash = text.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    i64::try_from(hash >> 11).unwrap_or(i64::MAX)
}
