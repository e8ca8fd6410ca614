//! What servers are like, all the time or for one answer that claims to be right.

use arcgis_layer::Strategy;
use arcgis_testkit::{Ability, BadRow, Failure, Fault, FaultKind, Quirk, RequestKind};

use crate::cell::Form;
use crate::layers::Shape;
use crate::trouble::{Expected, Trouble};
use crate::ways::{Ids, Way};

/// Rows that only their bytes tell apart came twice, or did not come: no other way is left then.
const AGAIN: Expected = Expected::Count("came again on another page");

pub(super) fn all(shape: Shape, form: Form, way: Way) -> Vec<Trouble> {
    let mut all = pages(way);
    all.extend(paging(shape, way));
    all.extend(order(shape, way));
    all.extend(forms(shape, form));
    all.extend(counts(way));
    all.extend(too_much(way));
    for trouble in &mut all {
        // So that it is known how many rows came before anything was seen.
        trouble.one_by_one = true;
    }
    all.extend(bad_rows(shape, way));
    all.extend(older(shape, way));
    all
}

/// One page that is not right and does not say so.
fn pages(way: Way) -> Vec<Trouble> {
    let on = |name: &str, kind| Trouble::new(name).fault(Fault::on_query(way.page(), kind));
    let short = |flag| FaultKind::ShortPage { rows: 4, flag };
    let by_offset = way.is_listed() && way.is_by_offset();
    let turned = |trouble: Trouble| trouble.turns_if(by_offset, Strategy::IdRanges);
    let single = |trouble: Trouble| trouble.turns_if(way == Way::Single, Strategy::IdRanges);
    let by_bytes = matches!(way, Way::NoIds | Way::HashedIds);
    vec![
        turned(on("a row lost", FaultKind::LoseRow(3))).expect_if(by_bytes, AGAIN),
        turned(on("the first row lost", FaultKind::LoseRow(0))).expect_if(by_bytes, AGAIN),
        // Nothing tells one row that came twice from two equal ones.
        turned(on("a row twice", FaultKind::DoubleRow(6))).expect_if(
            way == Way::Areas,
            Expected::Count("more rows came of a place than the server counts there"),
        ),
        single(on("an empty page", FaultKind::EmptyPage)),
        single(on("a short page, flagged", short(true))),
        single(on("a short page, no flag", short(false))),
    ]
}

/// Where pages begin and end.
fn paging(shape: Shape, way: Way) -> Vec<Trouble> {
    let on = |name: &str, quirk| Trouble::new(name).quirk(quirk);
    // Rows without geometry are in no smaller rectangle.
    let indivisible = Expected::Count("rows that were counted do not come");
    let single = way == Way::Single;
    let by_bytes = matches!(way, Way::NoIds | Way::HashedIds);
    vec![
        // Nine polygons lie over every place.
        on("cap 7 of 10", Quirk::ActualCap(7))
            .turns_if(single, Strategy::IdRanges)
            .expect_if(
                way.is_by_area() && shape == Shape::Polygons,
                indivisible.clone(),
            ),
        on("cap 1 of 10", Quirk::ActualCap(1))
            .turns_if(single, Strategy::IdRanges)
            .expect_if(way.is_by_area(), indivisible.clone()),
        // Seven points fit, and not as many with their ids.
        on("cap in bytes", Quirk::PageBytes(700))
            .turns_if(single, Strategy::IdRanges)
            .expect_if(
                way.is_by_area() && !(way == Way::Areas && shape == Shape::Points),
                indivisible,
            ),
        on("offset ignored", Quirk::IgnoresOffset)
            .silent_if(!way.is_by_offset())
            .turns_if(way.is_listed() && way.is_by_offset(), Strategy::IdRanges)
            .expect_if(by_bytes, AGAIN),
        on("page size ignored", Quirk::IgnoresRecordCount).silent_if(!way.is_by_offset()),
        on("overlapping pages", Quirk::OverlappingPages(2))
            .silent_if(!way.is_by_offset())
            .turns_if(way.is_listed() && way.is_by_offset(), Strategy::IdRanges)
            .expect_if(by_bytes, AGAIN),
        on("never says exceeded", Quirk::NeverExceeded)
            .silent_if(!way.is_by_offset() && way != Way::KeySet),
        on("always says exceeded", Quirk::AlwaysExceeded),
    ]
}

/// In which order rows come.
fn order(shape: Shape, way: Way) -> Vec<Trouble> {
    let by_bytes = matches!(way, Way::NoIds | Way::HashedIds);
    let listed_by_offset = way.is_listed() && way.is_by_offset();
    let turned = listed_by_offset || way == Way::Single;
    vec![
        Trouble::new("random order")
            .quirk(Quirk::IgnoresOrder(11))
            .turns_if(listed_by_offset, Strategy::IdRanges)
            .expect_if(by_bytes, AGAIN),
        Trouble::new("random unless ordered")
            .quirk(Quirk::UnorderedPages(11))
            .silent_if(matches!(
                way,
                Way::CountedRanges | Way::KeySet | Way::HashedIds | Way::AreasWithIds
            ))
            .turns_if(way == Way::Unordered, Strategy::IdRanges)
            .expect_if(way == Way::NoIds, AGAIN),
        Trouble::new("order and cap wrong")
            .quirk(Quirk::IgnoresOrder(5))
            .quirk(Quirk::ActualCap(7))
            .turns_if(turned, Strategy::IdRanges)
            .expect_if(by_bytes, AGAIN)
            .expect_if(
                way.is_by_area() && shape == Shape::Polygons,
                Expected::EqualOrCount("rows that were counted do not come"),
            ),
    ]
}

/// What answers look like.
fn forms(shape: Shape, form: Form) -> Vec<Trouble> {
    let no_places = form == Form::Json || shape == Shape::Table;
    let mut lower_left = Trouble::new("PBF from the lower left")
        .quirk(Quirk::LowerLeftOrigin)
        .silent_if(no_places);
    lower_left.other_grid = true;
    let mut bare = Trouble::new("PBF without transform")
        .quirk(Quirk::NoTransform)
        .silent_if(no_places);
    // Who insists on PBF gets no other format.
    bare = bare.expect_if(!no_places, Expected::Service("no transform"));
    vec![
        Trouble::new("features first").quirk(Quirk::FeaturesFirst),
        lower_left,
        bare,
    ]
}

/// Counts and lists that are wrong.
fn counts(way: Way) -> Vec<Trouble> {
    let once = |name: &str, by| {
        let fault = Fault::on(RequestKind::Count, 1, FaultKind::CountOff(by));
        Trouble::new(name).fault(fault)
    };
    // An empty page behind the last row tells that it is the last; or an empty range, in which rows are counted.
    let proven = way.is_listed();
    vec![
        Trouble::new("count too high")
            .quirk(Quirk::WrongCount(3))
            .expect_if(!proven, Expected::Count("of 50 rows")),
        Trouble::new("count too low")
            .quirk(Quirk::WrongCount(-3))
            .expect_if(
                way.is_by_area() || way.is_counted(),
                Expected::Count("of 44 rows"),
            ),
        Trouble::new("nothing is counted")
            .quirk(Quirk::WrongCount(-100))
            .expect_if(!proven, Expected::Count("counts no rows and has some")),
        once("one count too high", 2),
        once("one count too low", -2),
        Trouble::new("ids end early")
            .quirk(Quirk::IdsCap(20))
            .silent_if(!way.is_listed()),
        Trouble::new("one list lacks an id")
            .fault(Fault::on(RequestKind::Ids, 1, FaultKind::LoseId(5)))
            .silent_if(!way.asks_for_ids()),
    ]
}

/// Pages that are more than the server can make.
fn too_much(way: Way) -> Vec<Trouble> {
    // Rows without geometry are in no smaller rectangle.
    let limit = |name: &str, quirk, says| {
        Trouble::new(name)
            .quirk(quirk)
            .turns_if(way == Way::Single, Strategy::IdRanges)
            .expect_if(way.is_by_area(), Expected::Service(says))
    };
    vec![
        limit(
            "500 above 4 rows",
            Quirk::TooManyRows(4, Failure::Status(500)),
            "500",
        ),
        limit(
            "504 above 1 row",
            Quirk::TooManyRows(1, Failure::Status(504)),
            "504",
        ),
        limit(
            "413 above 4 rows",
            Quirk::TooManyRows(4, Failure::Status(413)),
            "413",
        ),
        limit(
            "error above 4 rows",
            Quirk::TooManyRows(4, Failure::Body),
            "Error performing query operation",
        ),
    ]
}

/// A row that breaks the server.
fn bad_rows(shape: Shape, way: Way) -> Vec<Trouble> {
    let row = shape.id(23);
    [
        ("a row never served", BadRow::Never),
        ("a row served without geometry", BadRow::WithoutGeometry),
        ("a row served simplified", BadRow::Generalized),
    ]
    .into_iter()
    .map(|(name, bad)| {
        let trouble = Trouble::new(name).quirk(Quirk::BadRow(row, bad));
        match way.ids() {
            // The service knows no such row.
            Ids::None => trouble.silent_if(true),
            // A table has no geometry to break down over.
            _ if shape == Shape::Table && bad != BadRow::Never => trouble.silent_if(true),
            // Where it is does not say which it is, nor does its place.
            Ids::Own if way.is_by_area() => trouble.expect(Expected::Service("500")),
            Ids::Own => trouble.expect(Expected::Rows(vec![row])),
            Ids::Hashed => trouble.expect(Expected::Service("500")),
        }
    })
    .collect()
}

/// What an older or a smaller server lacks.
fn older(shape: Shape, way: Way) -> Vec<Trouble> {
    let mut long = Trouble::new("414 for long addresses");
    long.longest_url = Some(150);
    vec![
        long,
        Trouble::new("no statistics").lacks(Ability::Statistics),
        Trouble::new("no extents").lacks(Ability::Extent),
        Trouble::new("no IS NULL for shapes")
            .lacks(Ability::ShapeIsNull)
            .expect_if(
                way.is_by_area() && shape != Shape::Table,
                Expected::Count("40 of 47 rows"),
            ),
    ]
}
