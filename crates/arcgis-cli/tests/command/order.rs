//! In which order rows are written.

use arcgis_testkit::{Geometry, GeometryType, Layer, RequestKind, Row, Testkit};

use crate::run::{Desk, integers_in, start};

/// A row in each corner of a square, and one without a place.
fn corners() -> Layer {
    let corner = |x, y| Row::new().at(Geometry::point((x, y)));
    Layer::new("corners", GeometryType::Point).with_rows([
        Row::new(),
        corner(10.0, 0.0),
        corner(0.0, 0.0),
        corner(10.0, 10.0),
        corner(0.0, 10.0),
    ])
}

#[test]
fn rows_stand_in_the_order_that_was_asked_for() {
    let service = start(Testkit::builder().layer(corners()));
    let url = service.layer_url("corners");
    let along_the_curve = [3, 5, 4, 2, 1];
    let by_id = [1, 2, 3, 4, 5];
    for (options, name, expected) in [
        (&[][..], "hilbert", along_the_curve),
        (
            &["--order", "hilbert", "--memory", "1M"],
            "hilbert",
            along_the_curve,
        ),
        (&["--order", "id"], "id", by_id),
        (&["--order", "none"], "none", by_id),
    ] {
        let desk = Desk::new();
        let said = desk
            .run(&[&["export", &url, "out.parquet", "--json"], options].concat())
            .ok()
            .json();
        let ids = integers_in(&desk.path("out.parquet"), "OBJECTID");
        assert_eq!(ids, expected, "{options:?}");
        assert_eq!(said["order"], name);
    }
    let desk = Desk::new();
    desk.configure("order = \"id\"\n");
    desk.run(&["export", &url, "out.parquet"]).ok();
    assert_eq!(integers_in(&desk.path("out.parquet"), "OBJECTID"), by_id);
}

#[test]
fn sizes_have_units_and_reach_the_writer() {
    let service = start(Testkit::builder().layer(corners()));
    let url = service.layer_url("corners");
    let desk = Desk::new();
    let said = desk
        .run(&[
            "export",
            &url,
            "a.parquet",
            "--json",
            "--row-group-size",
            "64M",
        ])
        .ok()
        .json();
    assert_eq!(said["writer"]["row_group_bytes"], 64 << 20);
    let asked = service.requests_of(RequestKind::Features).len();
    for (options, problem) in [
        (&["--row-group-size", "64"][..], "at least 1M"),
        (&["--memory", "much"], "512M"),
        (&["--order", "zip"], "hilbert"),
        (&["--order", "id", "--memory", "1G"], "--memory"),
    ] {
        let args = [&["export", &url, "b.parquet"], options].concat();
        desk.run(&args).fails(2, &[problem]);
    }
    assert_eq!(service.requests_of(RequestKind::Features).len(), asked);
}
