//! Rows that come and go while they are fetched: what was there all the time is in the file, once.

use std::collections::BTreeSet;

use arcgis_testkit::{Ability, Edit, Fault, FaultKind, Quirk, RequestKind, Row, Testkit};
use arcgis_tests::{Bench, Noise, paging};
use arrow_array::types::Int64Type;

use crate::faults::layer;

/// The ids of a file, which are all different and ascend.
fn ids(file: &arcgis_tests::ParquetFile) -> BTreeSet<i64> {
    let list: Vec<i64> = file
        .numbers::<Int64Type>("OBJECTID")
        .into_iter()
        .flatten()
        .collect();
    assert!(list.windows(2).all(|pair| pair[0] < pair[1]), "{list:?}");
    list.into_iter().collect()
}

#[tokio::test]
async fn whatever_changes_meanwhile_what_stays_is_there() {
    for seed in 0..60 {
        let mut noise = Noise::new(1000 + seed);
        let mut served = layer();
        if noise.below(4) == 0 {
            served = served.without(Ability::Pagination);
        }
        match noise.below(6) {
            0 => served = served.with_quirk(Quirk::ActualCap(6)),
            1 => served = served.with_quirk(Quirk::IgnoresOrder(seed)),
            _ => {}
        }
        let mut builder = Testkit::builder().layer(served);
        let start: BTreeSet<i64> = (1..=47).map(|n| n * 3).collect();
        let mut end = start.clone();
        let mut told = Vec::new();
        for new in 0..=noise.below(12) {
            let page = 1 + noise.below(5);
            let edit = if noise.below(2) == 0 {
                // Between the others, before them and behind them; never an id that there was.
                let id = i64::try_from(noise.below(60) * 3 + 1 + new % 2).unwrap();
                if !end.insert(id) {
                    continue;
                }
                Edit::Insert(Row::new().with("OBJECTID", id).with("NAME", "new"))
            } else {
                let id = i64::try_from((1 + noise.below(47)) * 3).unwrap();
                if !end.remove(&id) {
                    continue;
                }
                Edit::Delete(id)
            };
            told.push(format!("{edit:?} at page {page}"));
            builder = builder.fault(Fault::on_query(
                page,
                FaultKind::Edit {
                    layer: "t".into(),
                    edit,
                },
            ));
        }
        let bench = Bench::start(builder).await;
        let (rows, at_once) = (4 + noise.below(7), 1 + noise.below(4));
        let fetch = paging(
            u32::try_from(rows).unwrap(),
            usize::try_from(at_once).unwrap(),
        );
        let export = bench.export("t").await.with_fetch(fetch);
        let outcome = bench.write(export).await;
        let (report, file) =
            outcome.unwrap_or_else(|error| panic!("seed {seed}, {told:#?}: {error}"));
        let now: BTreeSet<i64> = bench
            .service
            .layer("t")
            .unwrap()
            .object_ids()
            .into_iter()
            .collect();
        let got = ids(&file);
        let stayed: BTreeSet<i64> = start.intersection(&now).copied().collect();
        assert!(
            got.is_superset(&stayed),
            "seed {seed}, {told:#?}: {:?} missing",
            stayed.difference(&got)
        );
        assert!(
            got.is_subset(&start),
            "seed {seed}, {told:#?}: {:?} not there at the start",
            got.difference(&start)
        );
        let proof = report.proof.unwrap();
        let (gone, came) = (
            start.difference(&now).count() as u64,
            now.difference(&start).count() as u64,
        );
        assert_eq!(
            (proof.deleted_rows, proof.inserted_rows),
            (gone, came),
            "seed {seed}, {told:#?}"
        );
    }
}

#[tokio::test]
async fn new_rows_do_not_hide_those_that_are_wanted() {
    // An answer holds two rows, which ones is chance, and most of any range are new.
    for seed in 0..20 {
        let served = layer()
            .with_quirk(Quirk::IgnoresOrder(seed))
            .with_quirk(Quirk::ActualCap(2));
        let insert = |id: i64| {
            let edit = Edit::Insert(Row::new().with("OBJECTID", id));
            Fault::on_query(
                1,
                FaultKind::Edit {
                    layer: "t".into(),
                    edit,
                },
            )
        };
        let new = (1..47).flat_map(|n| [n * 3 + 1, n * 3 + 2]);
        let builder = new.fold(Testkit::builder().layer(served), |builder, id| {
            builder.fault(insert(id))
        });
        let bench = Bench::start(builder).await;
        let (report, file) = bench.exported("t").await;
        assert_eq!(ids(&file), (1..=47).map(|n| n * 3).collect());
        assert_eq!(report.proof.unwrap().inserted_rows, 92);
    }
}

#[tokio::test]
async fn a_row_that_changes_meanwhile_comes_once() {
    let edit = Edit::Update(75, Row::new().with("NAME", "changed"));
    let fault = Fault::on_query(
        2,
        FaultKind::Edit {
            layer: "t".into(),
            edit,
        },
    );
    let bench = Bench::start(Testkit::builder().layer(layer()).fault(fault)).await;
    let export = bench.export("t").await.with_fetch(paging(10, 1));
    let (report, file) = bench.write(export).await.unwrap();
    assert_eq!(ids(&file).len(), 47);
    assert_eq!(file.texts("NAME")[24], Some("changed"));
    let proof = report.proof.unwrap();
    assert_eq!((proof.deleted_rows, proof.inserted_rows), (0, 0));
}

#[tokio::test]
async fn all_rows_can_go() {
    let gone = (1..=47).map(|n| {
        Fault::on(
            RequestKind::Features,
            1,
            FaultKind::Edit {
                layer: "t".into(),
                edit: Edit::Delete(n * 3),
            },
        )
    });
    let bench = Bench::start(
        gone.fold(Testkit::builder().layer(layer()), |builder, fault| {
            builder.fault(fault)
        }),
    )
    .await;
    // One page at a time: another could be read while the rows go.
    let export = bench.export("t").await.with_fetch(paging(10, 1));
    let (report, file) = bench.write(export).await.unwrap();
    assert_eq!(file.rows(), 0);
    assert_eq!(report.proof.unwrap().deleted_rows, 47);
}
