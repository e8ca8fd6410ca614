//! The query of an address that was copied out of a browser.

use arcgis_testkit::{RequestKind, Testkit};

use crate::run::{Desk, columns_in, rows_in, start, towns};

#[test]
fn condition_and_fields_are_taken_over_and_said() {
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let url = service.layer_url("towns");
    let pasted = format!(
        "{url}/query?where=POP+%3E%3D+2000&objectIds=&outFields=NAME&returnGeometry=true&resultOffset=&f=html"
    );
    let ran = desk.run(&["export", &pasted, "out.parquet"]).ok();
    assert_eq!(rows_in(&desk.path("out.parquet")), 50);
    let columns = columns_in(&desk.path("out.parquet"));
    assert_eq!(columns[..2], ["NAME", "geometry"]);
    for said in [
        "note: --where \"POP >= 2000\" taken from the address",
        "note: --fields \"NAME\" taken from the address",
    ] {
        assert!(ran.stderr.contains(said), "{said:?} is not in {ran:?}");
    }
    let ran = desk.run(&["count", &pasted]).ok();
    assert_eq!(ran.stdout, "50\n");
    assert!(ran.stderr.contains("taken from the address"), "{ran:?}");
    let ran = desk.run(&["count", &pasted, "-q"]).ok();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("50\n", ""));

    // Options go first.
    let options = ["--where", "POP < 100", "--fields", "POP", "--overwrite"];
    let args = [&["export", &pasted, "out.parquet"], &options[..]].concat();
    let ran = desk.run(&args).ok();
    assert_eq!(rows_in(&desk.path("out.parquet")), 10);
    assert!(ran.stderr.contains("--where counts"), "{ran:?}");
    assert!(ran.stderr.contains("--fields counts"), "{ran:?}");
}

#[test]
fn what_asks_for_everything_says_nothing() {
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let url = service.layer_url("towns");
    for query in [
        "f=json",
        "where=1%3D1&outFields=*&returnGeometry=true&f=pjson",
    ] {
        let ran = desk.run(&["count", &format!("{url}/query?{query}")]).ok();
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("250\n", ""));
    }
}

#[test]
fn anything_else_is_refused_with_the_option_for_it() {
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let url = service.layer_url("towns");
    for (query, option) in [
        ("objectIds=1,2,3", "--object-ids"),
        (
            "geometry=1,2,3,4&geometryType=esriGeometryEnvelope",
            "--bbox",
        ),
        ("returnGeometry=false", "--no-geometry"),
        ("outSR=3857", "--out-sr"),
        ("resultRecordCount=10", "--limit"),
        ("orderByFields=POP", "order"),
        ("returnCountOnly=true", "arcgis count"),
        ("time=0,1000", "--time"),
        ("gdbVersion=v1", "--gdb-version"),
    ] {
        let pasted = format!("{url}/query?where=1=1&{query}");
        let name = query.split('=').next().unwrap();
        desk.run(&["export", &pasted, "out.parquet"])
            .fails(2, &[&format!("{name} in the address"), option]);
    }
    // What leaves the number of rows as it is does not matter to a count.
    for query in ["outSR=3857", "returnGeometry=false", "returnCountOnly=true"] {
        let ran = desk.run(&["count", &format!("{url}?{query}")]).ok();
        assert_eq!(ran.stdout, "250\n");
    }
    desk.run(&["count", &format!("{url}?geometry=1,2,3,4")])
        .fails(2, &["--bbox"]);
    let ran = desk.run(&["info", &format!("{url}?where=POP=1")]).ok();
    assert!(ran.stderr.contains("the whole layer is shown"), "{ran:?}");
    assert!(service.requests_of(RequestKind::Features).is_empty());
    assert!(desk.names().is_empty());
}
