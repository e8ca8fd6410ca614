//! `preview`: a file or a layer as a map, a picture or a page.

use arcgis_testkit::Testkit;

use crate::run::{Desk, start, towns};

fn service() -> (Testkit, String) {
    let kit = start(Testkit::builder().layer(towns()));
    let layer = kit.layer_url("towns");
    (kit, layer)
}

#[test]
fn a_layer_is_shown_in_the_terminal() {
    let (_kit, layer) = service();
    let desk = Desk::new();
    let ran = desk.run(&["preview", &layer]).ok();
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines[0], "towns");
    assert!(
        lines[1..]
            .iter()
            .any(|line| line.chars().any(|c| ('\u{2801}'..='\u{28ff}').contains(&c))),
        "{ran:?}"
    );
    for said in [
        "  Rows      250",
        "  Geometry  250 points",
        "  Extent    0, 47 to 24.9, 47",
        "  CRS       EPSG:4326 WGS 84",
        "  Columns   OBJECTID int64, NAME text, POP int32",
    ] {
        assert!(lines.contains(&said), "{said:?}: {ran:?}");
    }
    // Not a terminal: no colours.
    assert!(!ran.stdout.contains('\u{1b}'));
    let json = desk
        .run(&[
            "preview",
            &layer,
            "--json",
            "--where",
            "POP >= 1000",
            "--fields",
            "POP",
        ])
        .ok()
        .json();
    assert_eq!(json["rows"], 150);
    // PBF is exact to a part of the extent.
    for (side, expected) in [10.0, 47.0, 24.9, 47.0].into_iter().enumerate() {
        let said = json["geometry"]["extent"][side].as_f64().unwrap();
        assert!((said - expected).abs() < 1e-9, "{json}");
    }
    assert_eq!(
        json["columns"],
        serde_json::json!([{ "name": "POP", "type": "int32" }])
    );
}

#[test]
fn a_layer_and_its_file_give_the_same_picture_and_page() {
    let (_kit, layer) = service();
    let desk = Desk::new();
    desk.run(&["export", &layer, "towns.parquet", "--order", "id"])
        .ok();
    let mut made = Vec::new();
    for (source, name) in [(layer.as_str(), "layer"), ("towns.parquet", "file")] {
        let png = format!("{name}.png");
        let ran = desk
            .run(&[
                "preview", source, "-o", &png, "--title", "Towns", "--width", "500", "--dark",
                "--json",
            ])
            .ok();
        assert_eq!(ran.json()["output"], png);
        let picture = std::fs::read(desk.path(&png)).unwrap();
        assert!(picture.starts_with(b"\x89PNG"));
        // The width, as the header has it.
        assert_eq!(picture[16..20], 500_u32.to_be_bytes());
        assert_eq!(ran.json()["bytes"], picture.len());
        let html = format!("{name}.html");
        let ran = desk
            .run(&["preview", source, "-o", &html, "--title", "Towns"])
            .ok();
        assert!(
            ran.stderr.contains("  Output    ") && ran.stderr.contains(&html),
            "{ran:?}"
        );
        let page = std::fs::read_to_string(desk.path(&html)).unwrap();
        assert!(page.contains("<title>Towns</title>"));
        let (_, data) = page.split_once("id=\"data\">").unwrap();
        made.push((picture, data.split_once('<').unwrap().0.to_owned()));
    }
    assert!(made[0].0 == made[1].0, "the pictures differ");
    assert!(made[0].1 == made[1].1, "the data of the pages differ");
}

#[test]
fn a_part_of_the_rows_is_a_part() {
    let (_kit, layer) = service();
    let desk = Desk::new();
    let ran = desk
        .run(&["preview", &layer, "-o", "a.html", "--rows", "40", "--json"])
        .ok();
    assert_eq!(ran.json()["rows"], 250);
    assert_eq!(ran.json()["shown"], 40);
    let page = std::fs::read_to_string(desk.path("a.html")).unwrap();
    assert!(page.contains("\"note\":\"40 of 250 shown\""));
    let ran = desk
        .run(&["preview", &layer, "-o", "b.html", "--rows", "40"])
        .ok();
    assert!(
        ran.stderr.contains("40 of 250 rows, chosen at random"),
        "{ran:?}"
    );
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_asked() {
    let (kit, layer) = service();
    let desk = Desk::new();
    desk.write("towns.parquet", "no Parquet");
    desk.write("there.png", "earlier");
    desk.write("towns.gpkg", "SQLite format 3");
    for (args, code, said) in [
        (&["towns.parquet"][..], 2, "no whole Parquet file"),
        (&["towns.gpkg"], 2, "name says GeoPackage"),
        (&["none.parquet"], 2, "there is no such file"),
        (&["towns.parquet", "--where", "1=1"], 2, "are for layers"),
        (&["towns.parquet", "--timeout", "9"], 2, "are for layers"),
        (&["towns.parquet", "--no-geometry"], 2, "are for layers"),
        (&[&layer, "-o", "x.gif"], 2, ".png or .html"),
        (&[&layer, "-o", "-"], 2, "- is none"),
        (&[&layer, "-o", "x.html", "--width", "500"], 2, "--width"),
        (&[&layer, "-o", "x.html", "--dark"], 2, "--dark"),
        (&[&layer, "-o", "x.png", "--rows", "5"], 2, "--rows"),
        (&[&layer, "-o", "there.png"], 6, "exists"),
        (&[&layer, "-o", "none/x.png"], 6, "none"),
    ] {
        let args: Vec<&str> = ["preview"].iter().chain(args).copied().collect();
        desk.run(&args).fails(code, &[said]);
    }
    assert!(kit.requests().is_empty());
    desk.run(&["preview", &layer, "--no-geometry", "-o", "x.png"])
        .fails(2, &["no geometry to draw", ".html"]);
    assert_eq!(desk.names(), ["there.png", "towns.gpkg", "towns.parquet"]);
    desk.run(&["preview", &layer, "-o", "there.png", "--overwrite"])
        .ok();
    assert_ne!(std::fs::read(desk.path("there.png")).unwrap(), b"earlier");
}

#[test]
fn a_table_is_a_page_without_a_map() {
    let (_kit, layer) = service();
    let desk = Desk::new();
    let ran = desk.run(&["preview", &layer, "--no-geometry"]).ok();
    assert!(
        ran.stdout.contains("  Rows     250") && !ran.stdout.contains("Extent"),
        "{ran:?}"
    );
    desk.run(&["preview", &layer, "--no-geometry", "-o", "a.html"])
        .ok();
    assert!(
        std::fs::read_to_string(desk.path("a.html"))
            .unwrap()
            .contains("\"map\":null")
    );
}

#[test]
fn what_a_server_lacks_ends_the_preview() {
    let (_kit, layer) = service();
    let desk = Desk::new();
    let missing = layer.replace("FeatureServer/0", "FeatureServer/7");
    desk.run(&["preview", &missing, "-o", "a.png"])
        .fails(2, &["no layer 7"]);
    assert!(desk.names().is_empty());
}
