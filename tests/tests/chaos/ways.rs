//! The ways in which rows can be had: what a server lacks decides which one it is.

use arcgis_testkit::{Ability, Layer};

/// A way to get the rows, forced by what the layer cannot do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Pages by offset, in order.
    Offset,
    /// Pages by offset on a server that cannot order.
    Unordered,
    /// Ranges of ids, since there is no pagination.
    IdRanges,
    /// Ranges of ids on a server that cannot order either.
    IdRangesUnordered,
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [
        Self::Offset,
        Self::Unordered,
        Self::IdRanges,
        Self::IdRangesUnordered,
    ];

    /// The layer that leaves no other way.
    pub(crate) fn force(self, layer: Layer) -> Layer {
        match self {
            Self::Offset => layer,
            Self::Unordered => layer.without(Ability::OrderBy),
            Self::IdRanges => layer.without(Ability::Pagination),
            Self::IdRangesUnordered => layer.without(Ability::Pagination).without(Ability::OrderBy),
        }
    }

    /// What the report calls it.
    pub(crate) fn reported(self) -> &'static str {
        match self {
            Self::Offset | Self::Unordered => "offset",
            Self::IdRanges | Self::IdRangesUnordered => "id-ranges",
        }
    }

    /// The column of the matrix.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Offset => "offset",
            Self::Unordered => "offset, no order",
            Self::IdRanges => "id ranges",
            Self::IdRangesUnordered => "id ranges, no order",
        }
    }
}
