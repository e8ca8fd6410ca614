//! How rows are fetched, what the server was caught at, and what the summary says of both.

use arcgis_testkit::{
    Ability, BadRow, Edit, Fault, FaultKind, Layer, Quirk, RequestKind, Row, Testkit,
};

use crate::run::{Desk, Ran, integers_in, start, towns};

fn export(layer: Layer, options: &[&str]) -> (Testkit, Desk, Ran) {
    let service = start(Testkit::builder().layer(layer));
    let desk = Desk::new();
    let url = service.layer_url("towns");
    let ran = desk.run(&[&["export", &url, "out.parquet"], options].concat());
    (service, desk, ran)
}

fn all() -> Vec<i64> {
    (1..=250).collect()
}

fn ids(desk: &Desk) -> Vec<i64> {
    integers_in(&desk.path("out.parquet"), "OBJECTID")
}

#[test]
fn a_strategy_can_be_chosen() {
    for (strategy, said) in [
        ("id-ranges", "Strategy  ranges of object ids"),
        ("id-lists", "Strategy  lists of object ids"),
        ("key-set", "Strategy  pages behind the last object id"),
        ("areas", "Strategy  rectangles"),
    ] {
        let (service, desk, ran) = export(towns(), &["--strategy", strategy, "--json"]);
        let ran = ran.ok();
        assert!(ran.stderr.contains(said), "{said:?} is not in {ran:?}");
        let fetch = &ran.json()["fetch"];
        assert_eq!(fetch["strategy"], strategy);
        let delivered = fetch["delivered"][strategy].as_u64();
        // These towns lie on the border of two rectangles, and come with both.
        let expected = if strategy == "areas" { 500 } else { 250 };
        assert_eq!(delivered, Some(expected), "{strategy}");
        assert_eq!(ids(&desk), all());
        for page in service.requests_of(RequestKind::Features) {
            assert!(
                matches!(page.parameters().get("resultOffset"), None | Some("0")),
                "{strategy}: {page:?}"
            );
        }
    }
    let (service, _, ran) = export(
        towns().without(Ability::Pagination),
        &["--strategy", "offset"],
    );
    ran.fails(2, &["--strategy: the layer has no pagination"]);
    assert!(service.requests_of(RequestKind::Features).is_empty());
    let (service, _, ran) = export(towns(), &["--strategy", "best"]);
    ran.fails(
        2,
        &["single, offset, id-ranges, id-lists, key-set and areas"],
    );
    assert!(service.requests().is_empty());
}

#[test]
fn what_a_server_was_caught_at_is_in_the_summary() {
    let (_, desk, ran) = export(towns().with_quirk(Quirk::IgnoresOffset), &["--json"]);
    let ran = ran.ok();
    assert_eq!(ids(&desk), all());
    assert!(ran.stderr.contains("the offset was ignored"), "{ran:?}");
    assert!(ran.stderr.contains("; made up for"), "{ran:?}");
    let fetch = &ran.json()["fetch"];
    assert!(
        fetch["doubts"]["ignored-offset"].as_u64() >= Some(1),
        "{fetch}"
    );
    let delivered = fetch["delivered"].as_object().unwrap();
    let rows: u64 = delivered.values().filter_map(|rows| rows.as_u64()).sum();
    assert_eq!(rows, 250);
    assert!(delivered.len() > 1, "{delivered:?}");
    for rows in delivered.values() {
        let listed = format!("({rows} row");
        assert!(ran.stderr.contains(&listed), "{listed:?} is not in {ran:?}");
    }
}

#[test]
fn rows_that_cannot_be_served_are_left_out_where_that_is_allowed() {
    let broken = || towns().with_quirk(Quirk::BadRow(17, BadRow::Never));
    let options = ["--retries", "0"];
    let (_, desk, ran) = export(broken(), &options);
    ran.fails(5, &["missing: object ids 17", "--allow-skips"]);
    assert!(desk.names().is_empty());

    let (_, desk, ran) = export(broken(), &["--retries", "0", "--allow-skips", "--json"]);
    let ran = ran.ok();
    let expected: Vec<i64> = all().into_iter().filter(|id| *id != 17).collect();
    assert_eq!(ids(&desk), expected);
    assert!(ran.stderr.contains("1 row: object id 17: "), "{ran:?}");
    let report = ran.json();
    assert_eq!(report["proof"]["skipped_rows"], 1);
    assert_eq!(report["proof"]["skipped"][0]["object_id"], 17);
}

#[test]
fn edits_meanwhile_are_in_the_summary() {
    let edit = FaultKind::Edit {
        layer: "towns".to_owned(),
        edit: Edit::Update(5, Row::new().with("POP", 7)),
    };
    let service = start(
        Testkit::builder()
            .layer(towns().with_edit_tracking())
            .fault(Fault::on_query(2, edit)),
    );
    let desk = Desk::new();
    let url = service.layer_url("towns");
    let ran = desk
        .run(&[
            "export",
            &url,
            "out.parquet",
            "--json",
            "--concurrency",
            "1",
        ])
        .ok();
    assert!(
        ran.stderr
            .contains("Refetched  1 row edited on the server meanwhile"),
        "{ran:?}"
    );
    let proof = &ran.json()["proof"];
    assert_eq!(proof["refetched_rows"], 1, "{proof}");
    assert_eq!(proof["updated_rows"], 0, "{proof}");
}

#[test]
fn rows_are_of_one_moment_where_the_layer_keeps_its_history() {
    let moments = |service: &Testkit| {
        let pages = service.requests_of(RequestKind::Features);
        let moment = |n: usize| {
            pages[n]
                .parameters()
                .get("historicMoment")
                .map(str::to_owned)
        };
        let first = moment(0);
        assert!((0..pages.len()).all(|n| moment(n) == first));
        first
    };
    let (service, _, ran) = export(towns().with_archiving(), &["--json"]);
    let ran = ran.ok();
    assert!(moments(&service).is_some());
    let said = ran.json()["fetch"]["historic_moment"]
        .as_str()
        .unwrap()
        .to_owned();
    let line = ran
        .stderr
        .lines()
        .find(|line| line.contains("As of"))
        .unwrap();
    assert!(line.contains(&said), "{line}");

    let (service, _, ran) = export(towns().with_archiving(), &["--no-snapshot"]);
    assert!(!ran.ok().stderr.contains("As of"));
    assert_eq!(moments(&service), None);
}

#[test]
fn an_export_ends_when_its_time_is_over() {
    let service = start(
        Testkit::builder()
            .layer(towns())
            .fault(Fault::on_query(2, FaultKind::Stall).always()),
    );
    let desk = Desk::new();
    let url = service.layer_url("towns");
    let started = std::time::Instant::now();
    desk.run(&["export", &url, "out.parquet", "--time-budget", "1s"])
        .fails(4, &["the time budget", "--time-budget", "--resume"]);
    let took = started.elapsed().as_secs_f64();
    assert!((1.0..20.0).contains(&took), "{took}");
    assert!(desk.names().is_empty());
}
