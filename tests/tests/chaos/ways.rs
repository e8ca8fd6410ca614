//! The ways in which rows can be had: what a server lacks decides which one it is, or the caller does.

use arcgis_layer::Strategy;
use arcgis_testkit::{Ability, Layer};

use crate::layers::Shape;

/// A way to get the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    /// All in one answer.
    Single,
    /// Pages by offset, in order.
    Offset,
    /// Pages by offset on a server that cannot order.
    Unordered,
    /// Pages by offset, of rows whose ids the server lists some at a time.
    CappedIds,
    /// Ranges of ids, since there is no pagination.
    IdRanges,
    /// Ranges of ids on a server that cannot order either.
    IdRangesUnordered,
    /// Lists of ids, as the caller wants it.
    IdLists,
    /// Ranges of ids that are counted, since the server lists none.
    CountedRanges,
    /// The same, on a server that knows no statistics, order or pagination either.
    BareRanges,
    /// Pages behind the last id, as the caller wants it.
    KeySet,
    /// Pages by offset, of rows without ids.
    NoIds,
    /// Pages by offset, of rows whose ids are hashes.
    HashedIds,
    /// Rectangles, since there are no ids and no pagination.
    Areas,
    /// Rectangles of rows with ids, as the caller wants it.
    AreasWithIds,
}

/// What becomes of the object ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Ids {
    Own,
    Hashed,
    None,
}

impl Way {
    pub(crate) const ALL: [Self; 14] = [
        Self::Single,
        Self::Offset,
        Self::Unordered,
        Self::CappedIds,
        Self::IdRanges,
        Self::IdRangesUnordered,
        Self::IdLists,
        Self::CountedRanges,
        Self::BareRanges,
        Self::KeySet,
        Self::NoIds,
        Self::HashedIds,
        Self::Areas,
        Self::AreasWithIds,
    ];

    /// The layer that leaves no other way, or leaves the choice.
    pub(crate) fn force(self, layer: Layer) -> Layer {
        match self {
            Self::Single => layer
                .without(Ability::Pagination)
                .with_max_record_count(1000),
            Self::Offset | Self::IdLists | Self::KeySet | Self::AreasWithIds => layer,
            Self::Unordered => layer.without(Ability::OrderBy),
            Self::CappedIds => layer.with_max_unique_id_count(8),
            Self::IdRanges => layer.without(Ability::Pagination),
            Self::IdRangesUnordered => layer.without(Ability::Pagination).without(Ability::OrderBy),
            Self::CountedRanges => layer.without(Ability::Ids),
            Self::BareRanges => layer
                .without(Ability::Ids)
                .without(Ability::Statistics)
                .without(Ability::OrderBy)
                .without(Ability::Pagination),
            Self::NoIds => layer.without_object_ids(),
            Self::HashedIds => layer.with_hashed_object_ids(["KEY"]),
            Self::Areas => layer.without_object_ids().without(Ability::Pagination),
        }
    }

    /// Whether rows of this shape can be had so: rectangles are for what lies somewhere.
    pub(crate) fn is_for(self, shape: Shape) -> bool {
        shape != Shape::Table || !matches!(self, Self::Areas | Self::AreasWithIds)
    }

    /// What the caller chooses.
    pub(crate) fn choice(self) -> Option<Strategy> {
        match self {
            Self::IdLists => Some(Strategy::IdLists),
            Self::KeySet => Some(Strategy::KeySet),
            Self::AreasWithIds => Some(Strategy::Areas),
            _ => None,
        }
    }

    /// How rows are asked for first.
    pub(crate) fn strategy(self) -> Strategy {
        match self {
            Self::Single => Strategy::Single,
            Self::Offset | Self::Unordered | Self::CappedIds | Self::NoIds | Self::HashedIds => {
                Strategy::Offset
            }
            Self::IdRanges | Self::IdRangesUnordered | Self::CountedRanges | Self::BareRanges => {
                Strategy::IdRanges
            }
            Self::IdLists => Strategy::IdLists,
            Self::KeySet => Strategy::KeySet,
            Self::Areas | Self::AreasWithIds => Strategy::Areas,
        }
    }

    pub(crate) fn ids(self) -> Ids {
        match self {
            Self::NoIds | Self::Areas => Ids::None,
            Self::HashedIds => Ids::Hashed,
            _ => Ids::Own,
        }
    }

    /// Whether all ids are known before the first row.
    pub(crate) fn is_listed(self) -> bool {
        matches!(
            self,
            Self::Single
                | Self::Offset
                | Self::Unordered
                | Self::CappedIds
                | Self::IdRanges
                | Self::IdRangesUnordered
                | Self::IdLists
        )
    }

    /// Whether pages have offsets.
    pub(crate) fn is_by_offset(self) -> bool {
        self.strategy() == Strategy::Offset
    }

    /// Whether rows are asked for by where they are.
    pub(crate) fn is_by_area(self) -> bool {
        self.strategy() == Strategy::Areas
    }

    /// Whether ranges of ids are counted, which nobody has listed.
    pub(crate) fn is_counted(self) -> bool {
        matches!(self, Self::CountedRanges | Self::BareRanges)
    }

    /// Whether it is another one with something missing, or with more to go by: once for each trouble will do, each
    /// with another shape and format.
    pub(crate) fn is_variant(self) -> bool {
        matches!(
            self,
            Self::Unordered
                | Self::CappedIds
                | Self::IdRangesUnordered
                | Self::BareRanges
                | Self::HashedIds
                | Self::AreasWithIds
        )
    }

    /// Whether ids are asked for, though perhaps in vain.
    pub(crate) fn asks_for_ids(self) -> bool {
        self.is_listed() || self.is_counted()
    }

    /// Whether the rows of the file have the order of their ids.
    pub(crate) fn is_in_order(self) -> bool {
        self.is_listed() || self.is_counted() || self == Self::KeySet
    }

    /// Which page something happens to: the second if there is more than one.
    pub(crate) fn page(self) -> u64 {
        if self == Self::Single { 1 } else { 2 }
    }

    /// The column of the matrix.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Offset => "offset",
            Self::Unordered => "no order",
            Self::CappedIds => "ids capped",
            Self::IdRanges => "id ranges",
            Self::IdRangesUnordered => "no order",
            Self::IdLists => "id lists",
            Self::CountedRanges => "counted",
            Self::BareRanges => "no stats",
            Self::KeySet => "key set",
            Self::NoIds => "no ids",
            Self::HashedIds => "hashed",
            Self::Areas => "areas",
            Self::AreasWithIds => "and ids",
        }
    }
}
