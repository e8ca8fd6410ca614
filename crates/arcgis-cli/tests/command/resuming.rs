//! Exports that go on where an earlier one ended.

use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use arcgis_testkit::{Fault, FaultKind, GeometryType, Layer, RequestKind, Testkit};
use parquet::file::reader::FileReader;

use crate::run::{Desk, finish, parquet, rows_in, start, towns};

/// Every row in all its columns, in order, and the rows of each row group.
fn content(path: &Path) -> (Vec<String>, Vec<i64>) {
    let reader = parquet(path);
    let rows = reader
        .get_row_iter(None)
        .unwrap()
        .map(|row| row.unwrap().to_string())
        .collect();
    let groups = reader
        .metadata()
        .row_groups()
        .iter()
        .map(|group| group.num_rows())
        .collect();
    (rows, groups)
}

/// Refuses the third page, once.
fn refusing() -> Testkit {
    let refused = FaultKind::Status(403);
    start(
        Testkit::builder()
            .layer(towns())
            .fault(Fault::on_query(3, refused)),
    )
}

#[test]
fn what_came_before_an_error_is_kept_and_gone_on_behind() {
    let service = refusing();
    let desk = Desk::new();
    let url = service.layer_url("towns");
    let args = [
        "export",
        &url,
        "out.parquet",
        "--resume",
        "--concurrency",
        "1",
        "--report",
        "report.json",
        "--overwrite",
    ];
    desk.run(&args).fails(
        3,
        &["note: 200 rows are kept in ", "out.parquet.arcgis-spool"],
    );
    assert!(!desk.path("out.parquet").exists());
    let report = std::fs::read_to_string(desk.path("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["kept"]["rows"], 200);
    assert_eq!(desk.names(), [".out.parquet.arcgis-spool", "report.json"]);

    // Another query is no end of this one.
    desk.run(&[&args[..], &["--where", "POP > 100"]].concat())
        .fails(2, &["asked for something else"]);
    service.clear_requests();
    let ran = desk.run(&[&args[..], &["--json"]].concat()).ok();
    for said in [
        "200 rows of it are there already, from 20",
        "250 of 250 rows (100 %)",
        "Resumed   behind 200 rows of 1 earlier run, begun 20",
    ] {
        assert!(ran.stderr.contains(said), "{said:?} is not in {ran:?}");
    }
    let resumed = &ran.json()["resumed"];
    assert_eq!(
        (&resumed["rows"], &resumed["earlier_runs"]),
        (&200.into(), &1.into())
    );
    let pages = service.requests_of(RequestKind::Features);
    let rows: usize = pages.iter().filter_map(|page| page.answered()?.rows).sum();
    assert_eq!(rows, 50);
    assert_eq!(rows_in(&desk.path("out.parquet")), 250);
    assert_eq!(desk.names(), ["out.parquet", "report.json"]);
}

#[test]
fn without_the_option_nothing_is_kept() {
    let service = refusing();
    let desk = Desk::new();
    let url = service.layer_url("towns");
    let ran = desk
        .run(&["export", &url, "out.parquet"])
        .fails(3, &["error: "]);
    assert!(!ran.stderr.contains("kept"), "{ran:?}");
    assert!(desk.names().is_empty());
}

#[test]
fn pages_are_kept_in_another_folder_where_one_is_named() {
    for by_setting in [false, true] {
        let service = refusing();
        let desk = Desk::new();
        let url = service.layer_url("towns");
        std::fs::create_dir(desk.path("spill")).unwrap();
        let mut args = vec![
            "export",
            &url,
            "out.parquet",
            "--resume",
            "--concurrency",
            "1",
        ];
        if by_setting {
            desk.configure("spill = \"spill\"\n");
        } else {
            args.extend(["--spill", "spill"]);
        }
        desk.run(&args).fails(3, &["kept in spill"]);
        let kept = || std::fs::read_dir(desk.path("spill")).unwrap().count();
        assert_eq!((kept(), desk.names()), (1, vec!["spill".to_owned()]));
        desk.run(&args).ok();
        assert_eq!(kept(), 0);
        assert_eq!(desk.names(), ["out.parquet", "spill"]);
    }
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let url = service.layer_url("towns");
    desk.run(&["export", &url, "out.parquet", "--spill", "spill"])
        .fails(6, &["spill"]);
    let not_sorted = ["--order", "id", "--spill", "spill"];
    desk.run(&[&["export", &url, "out.parquet"], &not_sorted[..]].concat())
        .fails(2, &["--resume"]);
    desk.run(&[
        "export",
        &url,
        "out.parquet",
        "--resume",
        "--spill",
        "nowhere",
    ])
    .fails(6, &["nowhere", "--spill names another folder"]);
    assert!(service.requests_of(RequestKind::Features).is_empty());
    assert!(desk.names().is_empty());
}

/// Waits until the service has been asked for so many pages more.
fn after_pages(service: &Testkit, pages: usize, child: &mut Child) {
    let asked = || service.requests_of(RequestKind::Features).len();
    let (before, started) = (asked(), Instant::now());
    while asked() < before + pages {
        assert!(started.elapsed() < Duration::from_secs(60), "nothing comes");
        assert!(child.try_wait().unwrap().is_none(), "it has ended already");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A slow service with 6,000 polygons, a hundred a page.
fn slow() -> Testkit {
    let delay = FaultKind::Delay(Duration::from_millis(30));
    start(
        Testkit::builder()
            .layer(
                Layer::generated("fields", GeometryType::Polygon, 6_000).with_max_record_count(100),
            )
            .fault(Fault::on_query(1, delay).always()),
    )
}

#[test]
fn killed_at_any_moment_it_goes_on() {
    let service = slow();
    let desk = Desk::new();
    let url = service.layer_url("fields");
    let options = ["--row-group-rows", "1024", "--concurrency", "3"];
    desk.run(&[&["export", &url, "whole.parquet"][..], &options].concat())
        .ok();
    let args = [&["export", &url, "out.parquet", "--resume"][..], &options].concat();
    // Random enough, and told when it fails.
    let seed = std::process::id() as usize;
    for round in 0..3 {
        let mut child = desk.command(&args).spawn().unwrap();
        after_pages(&service, 3 + (seed >> (2 * round)) % 8, &mut child);
        std::thread::sleep(Duration::from_millis((seed as u64 >> round) % 30));
        child.kill().unwrap();
        let ran = finish(child);
        assert!(ran.code != 0, "seed {seed}: {ran:?}");
        assert!(!desk.path("out.parquet").exists(), "seed {seed}");
    }
    service.clear_requests();
    let ran = desk.run(&[&args[..], &["--json"]].concat()).ok();
    let resumed = &ran.json()["resumed"];
    assert_eq!(resumed["earlier_runs"], 3, "seed {seed}: {resumed}");
    let pages = service.requests_of(RequestKind::Features).len();
    assert!(pages < 60, "seed {seed}: {pages}");
    assert_eq!(
        content(&desk.path("out.parquet")),
        content(&desk.path("whole.parquet")),
        "seed {seed}"
    );
    assert_eq!(desk.names(), ["out.parquet", "whole.parquet"]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_came() {
    let service = slow();
    let desk = Desk::new();
    let url = service.layer_url("fields");
    let args = ["export", &url, "out.parquet", "--resume"];
    let mut child = desk.command(&args).spawn().unwrap();
    after_pages(&service, 12, &mut child);
    let status = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
    let ran = finish(child).fails(1, &["rows are kept in", "error: interrupted"]);
    assert!(!ran.stderr.contains("nothing was left"), "{ran:?}");
    assert_eq!(desk.names(), [".out.parquet.arcgis-spool"]);
    desk.run(&args).ok();
    assert_eq!(rows_in(&desk.path("out.parquet")), 6_000);
    assert_eq!(desk.names(), ["out.parquet"]);
}
