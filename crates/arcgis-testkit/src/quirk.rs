/// What a layer's server does that it should not, or need not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Quirk {
    /// Pages hold at most this many rows, although the metadata advertises more. The flag tells the truth.
    ActualCap(usize),
    /// Pages end once the features are this many bytes long (but hold one row at least). The flag tells the truth.
    PageBytes(usize),
    /// Every request sees the rows in another order, made from this seed, unless `orderByFields` is given.
    UnorderedPages(u64),
    /// Every request sees the rows in another order, made from this seed, whatever `orderByFields` says.
    IgnoresOrder(u64),
    /// `resultOffset` counts for nothing: every page is the first.
    IgnoresOffset,
    /// `exceededTransferLimit` is never sent.
    NeverExceeded,
    /// `exceededTransferLimit` is always true.
    AlwaysExceeded,
    /// `features` come before `fields` and all else in a page of JSON or PBF, and `geometry` before `attributes` in a feature.
    FeaturesFirst,
    /// Not-a-number and infinities are written bare, which is no JSON but does occur.
    BareNan,
    /// Coordinates in PBF answers count upwards from the lower left instead of downwards from the upper left.
    LowerLeftOrigin,
    /// PBF answers lack their `transform`, so that nobody can tell what the coordinates mean.
    NoTransform,
}

/// Queries that an older server may not offer. Its metadata says so, and the parameters are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ability {
    /// `resultOffset` and `resultRecordCount`.
    Pagination,
    /// `orderByFields`.
    OrderBy,
    /// `outStatistics`.
    Statistics,
    /// `returnDistinctValues`.
    Distinct,
    /// `returnExtentOnly`.
    Extent,
    /// `f=pbf`.
    Pbf,
}
