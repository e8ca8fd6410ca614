//! Rows that come, go and change while they are fetched.

use arcgis_layer::Strategy;
use arcgis_testkit::{Edit, Fault, FaultKind, Row};

use crate::layers::{self, ROWS, Shape};
use crate::trouble::{Expected, Trouble};
use crate::ways::{Ids, Way};

/// What rows have for a value after an edit; before, row 2 has a quarter, and row 40 has 5.
const EDITED: f64 = -77.5;

pub(super) fn all(shape: Shape, way: Way) -> Vec<Trouble> {
    let edit = |edit| {
        let layer = "t".to_owned();
        Fault::on_query(way.page(), FaultKind::Edit { layer, edit })
    };
    let drift = |deleted: &[i64], inserted: &[i64]| Expected::Drift {
        deleted: deleted.to_vec(),
        inserted: inserted.to_vec(),
    };
    let delete = |key| edit(Edit::Delete(shape.id(key)));
    let insert = |key| {
        edit(Edit::Insert(layers::row(
            shape,
            key,
            way.ids() != Ids::None,
        )))
    };
    let by_offset = way.is_listed() && way.is_by_offset();
    let mut all = Vec::new();
    let shifted = Expected::Count("");
    let by_bytes = matches!(way, Way::NoIds | Way::HashedIds);
    all.push(
        Trouble::new("a row inserted at the end")
            .fault(insert(ROWS + 5))
            .expect(drift(&[], &[ROWS + 5])),
    );
    all.push(
        Trouble::new("a row inserted at the start")
            .fault(insert(-1))
            .expect(drift(&[], &[-1]))
            // Without an order it comes last.
            .turns_if(by_offset && way != Way::Unordered, Strategy::IdRanges)
            // All rows behind it have moved by one place, so that one comes twice.
            .expect_if(way == Way::HashedIds, shifted.clone()),
    );
    if way.ids() != Ids::None {
        all.push(
            Trouble::new("a late row deleted meanwhile")
                .fault(delete(40))
                .expect(drift(&[40], &[])),
        );
        all.push(
            Trouble::new("an early row deleted meanwhile")
                .fault(delete(2))
                .expect(drift(&[2], &[]))
                .turns_if(by_offset, Strategy::IdRanges)
                // All rows behind it have moved by one place, so that one does not come.
                .expect_if(by_bytes, shifted.clone()),
        );
        // Where there are no ids to tell, the count is as it was, but other rows come at the borders of pages.
        all.push(
            Trouble::new("one deleted, one inserted")
                .fault(delete(2))
                .fault(insert(ROWS + 5))
                .expect(drift(&[2], &[ROWS + 5]))
                .turns_if(by_offset, Strategy::IdRanges)
                .expect_if(by_bytes || way == Way::AreasWithIds, shifted),
        );
        all.push(
            Trouble::new("a row edited meanwhile")
                .fault(edit(Edit::Update(
                    shape.id(40),
                    Row::new().with("VALUE", EDITED),
                )))
                .expect(Expected::Edited(40, EDITED)),
        );
    }
    if way.is_listed() {
        let save = |key| {
            let row = Row::new().with("VALUE", EDITED);
            edit(Edit::Update(shape.id(key), row))
        };
        // One that has come by then, and one that has not.
        all.push(
            Trouble::new("rows edited, on a layer that says when")
                .tracked()
                .fault(save(2))
                .fault(save(40))
                .expect(Expected::Refetched(vec![2, 40], EDITED)),
        );
    }
    for trouble in &mut all {
        trouble.one_by_one = true;
    }
    all
}
