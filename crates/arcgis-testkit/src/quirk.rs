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
    /// `resultRecordCount` counts for nothing: pages are as long as the cap.
    IgnoresRecordCount,
    /// Every page but the first begins with the last rows of the one before, so many of them, and is longer by them.
    OverlappingPages(usize),
    /// `returnCountOnly` tells so many rows more than there are, or less.
    WrongCount(i64),
    /// `returnIdsOnly` ends after so many ids, and says nothing about it.
    IdsCap(usize),
    /// No page with the row of this object id can be served: it fails as a server does that cannot make an answer.
    BadRow(i64, BadRow),
    /// Pages of more rows fail.
    TooManyRows(usize, Failure),
    /// Pages of features that are longer than so many bytes fail.
    TooManyBytes(usize, Failure),
    /// True curves are sent whether or not they were asked for.
    SendsCurves,
    /// `havingClause` counts for nothing, although the metadata advertise it: all groups come.
    IgnoresHaving,
    /// `historicMoment` counts for nothing, although the metadata advertise it: the rows are those of now.
    IgnoresHistoricMoment,
    /// `queryAttachments` gives at most this many attachments in one answer. The flag tells the truth.
    AttachmentCap(usize),
    /// `resultOffset` counts for nothing in `queryAttachments`: every page is the first.
    IgnoresAttachmentOffset,
    /// `historicMoment` shows the rows of so many seconds earlier, as where the clock of `Date` is behind that of the history.
    LateHistory(u64),
}

/// When a bad row can be served after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadRow {
    /// Never.
    Never,
    /// Without its geometry (`returnGeometry=false`).
    WithoutGeometry,
    /// With its geometry generalized (`maxAllowableOffset`), or without it.
    Generalized,
}

/// How a page fails that the server cannot make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// This HTTP status (500, 504, 413 …) with an HTML body.
    Status(u16),
    /// Status 200 and the error body `Error performing query operation`, code 500.
    Body,
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
    /// `returnIdsOnly`.
    Ids,
    /// `resultOffset` and `resultRecordCount` of statistics.
    StatisticsPagination,
    /// `havingClause`.
    Having,
    /// `queryAttachments`.
    QueryAttachments,
    /// `returnCountOnly` of `queryAttachments`.
    CountAttachments,
    /// Parts of attachments (`Range`).
    AttachmentRanges,
    /// `SHAPE IS NULL` in `where`: servers before 11.3 know no such field.
    ShapeIsNull,
}
