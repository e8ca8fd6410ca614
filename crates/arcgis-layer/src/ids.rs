//! Sets of object ids, small enough for layers of any size.

use std::fmt;

use roaring::RoaringTreemap;

/// A set of object ids in ascending order, compressed: a million consecutive ids take a few kilobytes.
///
/// ```
/// use arcgis_layer::IdSet;
///
/// let ids: IdSet = [3, -1, 7, 3].into_iter().collect();
/// assert_eq!(ids.len(), 3);
/// assert_eq!(ids.iter().collect::<Vec<_>>(), [-1, 3, 7]);
/// assert_eq!(ids.nth(1), Some(3));
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct IdSet(RoaringTreemap);

/// Keeps the order of signed ids in the unsigned keys of the bitmap.
fn key(id: i64) -> u64 {
    (id as u64) ^ (1 << 63)
}

fn id(key: u64) -> i64 {
    (key ^ (1 << 63)) as i64
}

impl IdSet {
    /// A set of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an id; false if it was there.
    pub fn insert(&mut self, object_id: i64) -> bool {
        self.0.insert(key(object_id))
    }

    /// Takes an id out; false if it was not there.
    pub fn remove(&mut self, object_id: i64) -> bool {
        self.0.remove(key(object_id))
    }

    /// Whether the id is in the set.
    #[must_use]
    pub fn contains(&self, object_id: i64) -> bool {
        self.0.contains(key(object_id))
    }

    /// How many ids there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The least id.
    #[must_use]
    pub fn min(&self) -> Option<i64> {
        self.0.min().map(id)
    }

    /// The greatest id.
    #[must_use]
    pub fn max(&self) -> Option<i64> {
        self.0.max().map(id)
    }

    /// The id at a place in ascending order, from 0.
    #[must_use]
    pub fn nth(&self, place: u64) -> Option<i64> {
        self.0.select(place).map(id)
    }

    /// How many ids lie from `first` to `last`, both included.
    #[must_use]
    pub fn count_between(&self, first: i64, last: i64) -> u64 {
        if first > last {
            return 0;
        }
        let before = if first == i64::MIN {
            0
        } else {
            self.0.rank(key(first - 1))
        };
        self.0.rank(key(last)) - before
    }

    /// All ids, ascending.
    pub fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        self.0.iter().map(id)
    }

    /// The ids from `first` to `last`, both included, ascending.
    pub fn between(&self, first: i64, last: i64) -> impl Iterator<Item = i64> + '_ {
        let mut keys = self.0.iter();
        keys.advance_to(key(first));
        keys.map(id).take_while(move |&id| id <= last)
    }

    /// The first `count` ids.
    #[must_use]
    pub fn first(&self, count: u64) -> Self {
        Self(
            self.0
                .iter()
                .take(usize::try_from(count).unwrap_or(usize::MAX))
                .collect(),
        )
    }

    /// The ids that are here and not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self(&self.0 - &other.0)
    }

    /// The ids that are in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(&self.0 & &other.0)
    }
}

impl IdSet {
    /// The set as bytes, in roaring's portable format
    /// (<https://github.com/RoaringBitmap/RoaringFormatSpec>) of the ids with their sign bit turned over.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.serialized_size());
        // Writing into memory does not fail.
        let written = self.0.serialize_into(&mut bytes);
        debug_assert!(written.is_ok(), "{written:?}");
        bytes
    }

    /// Reads what [`IdSet::to_bytes`] gave; `None` if these bytes are no such set.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let set = RoaringTreemap::deserialize_from(&mut rest).ok()?;
        rest.is_empty().then_some(Self(set))
    }
}

impl FromIterator<i64> for IdSet {
    fn from_iter<I: IntoIterator<Item = i64>>(ids: I) -> Self {
        Self(ids.into_iter().map(key).collect())
    }
}

impl Extend<i64> for IdSet {
    fn extend<I: IntoIterator<Item = i64>>(&mut self, ids: I) {
        self.0.extend(ids.into_iter().map(key));
    }
}

impl fmt::Debug for IdSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdSet({} ids", self.len())?;
        if let (Some(min), Some(max)) = (self.min(), self.max()) {
            write!(f, ", {min} to {max}")?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_survives_the_sign_and_64_bits() {
        let all = [
            i64::MIN,
            -5,
            -1,
            0,
            1,
            2_147_483_649,
            9_007_199_254_740_993,
            i64::MAX,
        ];
        let ids: IdSet = all.into_iter().rev().collect();
        assert_eq!(ids.iter().collect::<Vec<_>>(), all);
        assert_eq!(ids.min(), Some(i64::MIN));
        assert_eq!(ids.max(), Some(i64::MAX));
        for (place, id) in all.into_iter().enumerate() {
            assert_eq!(ids.nth(place as u64), Some(id));
        }
        assert_eq!(ids.nth(8), None);
        assert_eq!(ids.count_between(i64::MIN, i64::MAX), 8);
        assert_eq!(ids.count_between(-1, 1), 3);
        assert_eq!(ids.count_between(1, -1), 0);
        assert_eq!(
            ids.between(-4, 2_147_483_649).collect::<Vec<_>>(),
            [-1, 0, 1, 2_147_483_649]
        );
    }

    #[test]
    fn bytes_and_back() {
        let sparse: IdSet = [i64::MIN, -1, 5, 1 << 40, i64::MAX].into_iter().collect();
        let dense: IdSet = (0..100_000).collect();
        for set in [IdSet::new(), sparse, dense] {
            let bytes = set.to_bytes();
            assert_eq!(IdSet::from_bytes(&bytes), Some(set));
            assert_eq!(IdSet::from_bytes(&bytes[..bytes.len() - 1]), None);
            assert_eq!(IdSet::from_bytes(&[&bytes[..], &[0]].concat()), None);
        }
    }

    #[test]
    fn sets_are_compared() {
        let a: IdSet = (1..=10).collect();
        let b: IdSet = (6..=15).collect();
        assert_eq!(a.difference(&b), (1..=5).collect());
        assert_eq!(a.intersection(&b), (6..=10).collect());
        assert_eq!(a.first(3), (1..=3).collect());
    }
}
