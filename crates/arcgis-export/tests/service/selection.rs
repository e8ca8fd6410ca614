//! Which layers are taken.

use arcgis_export::{Error, LayerSelection, LayerStatus};
use arcgis_testkit::{Service, ServiceFailure};

use crate::bench::{Bench, server};

fn selection(include: &[&str], exclude: &[&str]) -> LayerSelection {
    let all = include.iter().fold(LayerSelection::new(), |all, pattern| {
        all.with_include(pattern.parse().unwrap())
    });
    exclude.iter().fold(all, |all, pattern| {
        all.with_exclude(pattern.parse().unwrap())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn patterns_stand_for_names_numbers_services_and_addresses() {
    let bench = Bench::start(server()).await;
    for (include, exclude, expected) in [
        (&["Land/Towns"][..], &[][..], vec![1, 2, 5]),
        (&["towns"], &["2"], vec![1]),
        (&["5"], &[], vec![5]),
        (&["Land/Towns/FeatureServer/1"], &[], vec![1]),
        (&["Land/Towns/Notes*"], &[], vec![5]),
        (&["land/*"], &["*/FeatureServer*", "2"], vec![1, 5]),
        (&["*"], &["notes*", "bare"], vec![1, 2]),
        (&["nothing", "T?WNS"], &["Land/Towns"], vec![0]),
    ] {
        let plan = bench
            .export()
            .with_selection(selection(include, exclude))
            .plan(None)
            .await
            .unwrap();
        let planned = plan.layers.iter().filter(|layer| layer.plan.is_some());
        let ids: Vec<u32> = planned.map(|layer| layer.id).collect();
        assert_eq!(ids, expected, "{include:?} {exclude:?}");
        assert!(plan.idle.is_empty(), "{:?}", plan.idle);
    }
    // Where feature services are left out, map services are taken.
    let maps = selection(&["*/MapServer/*"], &[]);
    let report = bench
        .export()
        .with_selection(maps)
        .to(bench.folder())
        .await
        .unwrap();
    let done: Vec<_> = report.index.of_status(LayerStatus::Done).collect();
    assert_eq!(done.len(), 4);
    assert!(done.iter().all(|layer| layer.url.contains("/MapServer/")));
}

#[tokio::test(flavor = "multi_thread")]
async fn patterns_that_stand_for_nothing_are_told() {
    let bench = Bench::start(server()).await;
    let typo = selection(&["Towns", "Twons"], &["x*"]);
    let plan = bench
        .export()
        .with_selection(typo)
        .plan(None)
        .await
        .unwrap();
    let idle: Vec<_> = plan.idle.iter().map(ToString::to_string).collect();
    assert_eq!(idle, ["Twons", "x*"]);
    let nothing = bench.export().with_selection(selection(&["Twons"], &[]));
    let error = nothing.to(bench.folder()).await.unwrap_err();
    assert!(matches!(error, Error::NoLayers { .. }), "{error}");
    assert!(
        error.to_string().ends_with("none is meant by Twons"),
        "{error}"
    );
    assert!(bench.files().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_down_matters_where_it_may_hold_what_is_wanted() {
    let asleep = Service::new("Water/asleep").failing(ServiceFailure::NotStarted);
    let bench = Bench::start(server().service(asleep)).await;
    for (include, exclude, matters) in [
        (&[][..], &[][..], true),
        (&["Towns"], &[], true),
        (&["*/FeatureServer/1"], &[], true),
        (&["Land/*"], &[], false),
        (&["Land/*", "Water/a*/3"], &[], true),
        (&[], &["Water/*"], false),
        (&[], &["water/ASLEEP"], false),
    ] {
        let plan = bench
            .export()
            .with_selection(selection(include, exclude))
            .plan(None)
            .await
            .unwrap();
        assert_eq!(!plan.unread.is_empty(), matters, "{include:?} {exclude:?}");
    }
}
