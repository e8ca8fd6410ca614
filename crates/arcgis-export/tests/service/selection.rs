//! Which layers are taken.

use arcgis_export::{Error, LayerSelection, LayerStatus};
use arcgis_testkit::{Field, FieldType, Layer, Relationship, Service, ServiceFailure, Testkit};

use crate::bench::{Bench, notes, server, towns};

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

/// Towns with notes, which have photos and point at towns; beside them people, whom nothing is related to, and
/// another service with the same numbers.
fn related() -> arcgis_testkit::TestkitBuilder {
    let of = |service: &str| {
        Service::new(service)
            .with_layer(Layer::group("all"))
            .with_layer(
                towns("Towns", 5)
                    .with_relationship(Relationship::new(7, "notes", 3, "NAME", "TOWN")),
            )
            .with_layer(notes("People", 2))
            .with_layer(
                notes("Notes", 4)
                    .with_field(Field::new("PHOTO", FieldType::Integer))
                    .with_relationship(
                        Relationship::new(7, "towns", 1, "TOWN", "NAME").as_destination(),
                    )
                    .with_relationship(Relationship::new(8, "photos", 5, "PHOTO", "OBJECTID"))
                    // Not listed: somebody else's.
                    .with_relationship(Relationship::new(9, "gone", 99, "TOWN", "TOWN")),
            )
            .with_layer(towns("Villages", 1))
            .with_layer(notes("Photos", 3))
    };
    Testkit::builder()
        .service(of("First"))
        .service(of("Second"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_related_comes_along() {
    let bench = Bench::start(related()).await;
    for (include, exclude, expected) in [
        // Also of what is related in turn, and in either direction.
        (
            "First/Towns",
            &[][..],
            &[
                ("Towns", None),
                ("Notes", Some("Towns")),
                ("Photos", Some("Notes")),
            ][..],
        ),
        (
            "First/Notes",
            &[],
            &[
                ("Towns", Some("Notes")),
                ("Notes", None),
                ("Photos", Some("Notes")),
            ],
        ),
        ("First/Photos", &[], &[("Photos", None)]),
        // Nothing is reached through what is left out.
        ("First/Towns", &["Notes"], &[("Towns", None)]),
        (
            "First/Towns",
            &["Photos"],
            &[("Towns", None), ("Notes", Some("Towns"))],
        ),
    ] {
        let related = selection(&[include], exclude).with_related(true);
        let plan = bench
            .export()
            .with_selection(related)
            .plan(None)
            .await
            .unwrap();
        let planned: Vec<_> = plan
            .layers
            .iter()
            .filter(|layer| layer.plan.is_some())
            .map(|layer| (&*layer.name, layer.related_to.as_deref()))
            .collect();
        assert_eq!(planned, expected, "{include} {exclude:?}");
        assert!(plan.layers.iter().all(|layer| layer.service == "First"));
    }

    let related = selection(&["Second/Towns"], &[]).with_related(true);
    let export = bench.export().with_selection(related);
    let index = export.to(bench.folder()).await.unwrap().index;
    assert_eq!(
        bench.files(),
        [
            "Second/Notes.parquet",
            "Second/Photos.parquet",
            "Second/Towns.parquet",
            "index.json"
        ]
    );
    let mut done = index.of_status(LayerStatus::Done);
    let notes = done.find(|layer| layer.name == "Notes").unwrap();
    assert_eq!(notes.related_to.as_deref(), Some("Towns"));
    let joined: Vec<_> = notes
        .relationships
        .iter()
        .map(|other| (other.related_id, other.related_file.as_deref()))
        .collect();
    assert_eq!(
        joined,
        [
            (1, Some("Second/Towns.parquet")),
            (5, Some("Second/Photos.parquet")),
            (99, None)
        ]
    );
}
