//! Attachments beside the rows.

use arcgis_testkit::{Attachment, Fault, FaultKind, Layer, RequestKind, Row, Service, Testkit};

use crate::run::{Desk, rows_in, start, towns};

fn photos() -> Layer {
    let photo = |name: &str| Attachment::new(name, "image/jpeg", vec![7_u8; 1_000]);
    Layer::table("photos")
        .with_rows((0..3).map(|_| Row::new()))
        .with_attachment(1, photo("a.jpg"))
        .with_attachment(3, photo("b.jpg"))
        .with_attachment(3, photo("c.jpg"))
}

#[test]
fn files_of_a_layer_lie_by_row() {
    let broken = Fault::on(RequestKind::Attachment, 2, FaultKind::Status(500));
    let service = start(Testkit::builder().layer(photos()).fault(broken));
    let desk = Desk::new();
    let url = service.layer_url("photos");
    let args = [
        "export",
        &url,
        "out.parquet",
        "--attachments",
        "files",
        "--retries",
        "0",
    ];
    let ran = desk.run(&args).fails(
        4,
        &[
            "1 attachment could not be had; the rows are whole and in their place",
            "Attachments  2 files, ",
            "note: ",
        ],
    );
    assert!(ran.stderr.contains("→ files"), "{ran:?}");
    assert_eq!(rows_in(&desk.path("out.parquet")), 3);
    let ran = desk
        .run(&[&args[..], &["--overwrite", "--json"]].concat())
        .ok();
    let got = &ran.json()["attachments"];
    assert_eq!((&got["files"], &got["kept"]), (&3.into(), &2.into()));
    for file in ["1/a.jpg", "3/b.jpg", "3/c.jpg"] {
        let size = std::fs::metadata(desk.path("files").join(file))
            .unwrap()
            .len();
        assert_eq!(size, 1_000, "{file}");
    }
    assert_eq!(desk.names(), ["files", "out.parquet"]);
}

#[test]
fn files_of_a_service_lie_by_layer_and_row() {
    let service = Service::new("s").with_layer(photos()).with_layer(towns());
    let service = start(Testkit::builder().service(service));
    let desk = Desk::new();
    let url = service.service_url("s");
    let ran = desk
        .run(&["export", &url, "out/", "--attachments", "files"])
        .ok();
    assert!(ran.stderr.contains("Attachments  3\n"), "{ran:?}");
    assert!(desk.path("files/photos/3/c.jpg").exists());
    assert!(!desk.path("files/towns").exists());
}

#[test]
fn a_layer_without_any_is_refused_before_its_rows_are_asked_for() {
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let url = service.layer_url("towns");
    desk.run(&["export", &url, "out.parquet", "--attachments", "files"])
        .fails(2, &["--attachments: the layer's rows have none"]);
    desk.run(&["export", &url, "--plan", "--attachments", "files"])
        .fails(2, &["--attachments"]);
    assert!(service.requests_of(RequestKind::Features).is_empty());
    assert!(desk.names().is_empty());
}
