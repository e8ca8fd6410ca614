//! Every option of files and columns is seen in the file that it is for, or refused before anything is sent.

use std::process::{Command, Stdio};

use arcgis_testkit::{
    Field, FieldType, Geometry, GeometryType, Layer, RequestKind, Row, Testkit, Vertex,
};
use parquet::basic::LogicalType;
use parquet::file::reader::FileReader;
use serde_json::{Value, json};

use crate::run::{Desk, Ran, columns_in, integers_in, parquet, start};

const GUID: &str = "{0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9}";

/// Two parcels in metres of Web Mercator: the ring of the first crosses itself.
fn parcels() -> Layer {
    let states = json!({"type": "codedValue", "name": "states", "codedValues": [
        {"name": "Open, so far", "code": 0}, {"name": "Closed", "code": 1}]});
    let ring = |corners: [(f64, f64); 5]| corners.map(|(x, y)| Vertex::xy(x * 1e5, y * 1e5));
    let bow = ring([(0., 0.), (0., 4.), (4., 0.), (4., 5.), (0., 0.)]);
    let square = ring([(9., 9.), (9., 10.), (10., 10.), (10., 9.), (9., 9.)]);
    let zone = json!({"dateFieldsTimeReference": {"timeZone": "Pacific Standard Time",
        "timeZoneIANA": "America/Los_Angeles", "respectsDaylightSaving": true}});
    let row = |state: i32, rings: [Vertex; 5]| {
        Row::new()
            .with("STATE", state)
            .with("ID", GUID)
            .with("SEEN", 1_700_000_000_000_i64)
            .at(Geometry::polygon([rings]))
    };
    Layer::new("parcels", GeometryType::Polygon)
        .with_wkid(102_100)
        .with_field(
            Field::new("STATE", FieldType::SmallInteger)
                .with_alias("State of it")
                .with_domain(states),
        )
        .with_field(Field::new("ID", FieldType::Guid))
        .with_field(Field::new("SEEN", FieldType::Date))
        .with_metadata_patch(zone)
        .with_row(row(0, bow))
        .with_row(row(1, square))
}

fn export(out: &str, options: &[&str]) -> (Desk, Ran) {
    let service = start(Testkit::builder().layer(parcels()));
    let desk = Desk::new();
    let url = service.layer_url("parcels");
    let args = [&["export", &url, out, "--order", "id"], options].concat();
    let ran = desk.run(&args).ok();
    (desk, ran)
}

fn text(desk: &Desk, name: &str) -> String {
    std::fs::read_to_string(desk.path(name)).unwrap()
}

/// The `geo` member of the footer.
fn geo(desk: &Desk) -> Value {
    let file = parquet(&desk.path("out.parquet"));
    let footer = file.metadata().file_metadata().key_value_metadata();
    let pair = footer.unwrap().iter().find(|pair| pair.key == "geo");
    serde_json::from_str(pair.unwrap().value.as_deref().unwrap()).unwrap()
}

fn logical_type(desk: &Desk, column: &str) -> Option<LogicalType> {
    let file = parquet(&desk.path("out.parquet"));
    let schema = file.metadata().file_metadata().schema_descr_ptr();
    let leaf = schema.columns().iter().find(|leaf| leaf.name() == column);
    leaf.unwrap().logical_type_ref().cloned()
}

/// The values of a text column.
fn texts_in(desk: &Desk, name: &str) -> Vec<String> {
    parquet(&desk.path("out.parquet"))
        .get_row_iter(None)
        .unwrap()
        .map(|row| {
            let row = row.unwrap();
            let (_, value) = row
                .get_column_iter()
                .find(|(column, _)| *column == name)
                .unwrap();
            value.to_string().trim_matches('"').to_owned()
        })
        .collect()
}

/// What files of each format begin with, by their specifications.
const BEGINNINGS: [(&str, &str, &[u8]); 8] = [
    ("parquet", "geoparquet", b"PAR1"),
    ("arrow", "arrow", b"ARROW1\0\0"),
    ("arrows", "arrows", &[0xff, 0xff, 0xff, 0xff]),
    ("geojson", "geojson", br#"{"type":"FeatureCollection""#),
    ("ndjson", "geojsonl", br#"{"type":"Feature","#),
    ("csv", "csv", b"OBJECTID,STATE,ID,SEEN,WKT\n1,0,"),
    ("fgb", "flatgeobuf", b"fgb\x03fgb"),
    ("gpkg", "geopackage", b"SQLite format 3\0"),
];

#[test]
fn the_format_is_that_of_the_name_or_of_the_option() {
    let service = start(Testkit::builder().layer(parcels()));
    let url = service.layer_url("parcels");
    for (extension, name, beginning) in BEGINNINGS {
        let desk = Desk::new();
        let by_name = format!("out.{extension}");
        desk.run(&["export", &url, &by_name]).ok();
        desk.run(&["export", &url, "out", "--as", name]).ok();
        for file in [by_name.as_str(), "out"] {
            let bytes = std::fs::read(desk.path(file)).unwrap();
            assert!(bytes.starts_with(beginning), "{file} as {name}");
        }
    }
    // Without a name that says anything it is GeoParquet.
    let desk = Desk::new();
    desk.run(&["export", &url, "out"]).ok();
    assert!(
        std::fs::read(desk.path("out"))
            .unwrap()
            .starts_with(b"PAR1")
    );
}

#[test]
fn standard_output_takes_every_format() {
    let service = start(Testkit::builder().layer(parcels()));
    let url = service.layer_url("parcels");
    let desk = Desk::new();
    for (_, name, beginning) in BEGINNINGS {
        let output = piped(desk.command(&["export", &url, "-", "--as", name]));
        assert!(output.starts_with(beginning), "{name}");
    }
    let output = piped(desk.command(&["export", &url, "-"]));
    assert!(output.starts_with(&[0xff; 4]), "an Arrow stream");
}

fn piped(mut command: Command) -> Vec<u8> {
    let output = command.stdout(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

#[test]
fn the_version_of_geoparquet_is_in_schema_and_footer() {
    for options in [&[][..], &["--geoparquet-version", "1.1"]] {
        let (desk, _) = export("out.parquet", options);
        assert_eq!(geo(&desk)["version"], "1.1.0");
        assert_eq!(logical_type(&desk, "geometry"), None);
        assert!(columns_in(&desk.path("out.parquet")).contains(&"bbox.xmin".to_owned()));
    }
    let (desk, _) = export("out.parquet", &["--geoparquet-version", "2.0"]);
    assert_eq!(geo(&desk)["version"], "2.0.0");
    assert!(matches!(
        logical_type(&desk, "geometry"),
        Some(LogicalType::Geometry(_))
    ));
    assert!(!columns_in(&desk.path("out.parquet")).contains(&"bbox.xmin".to_owned()));
}

#[test]
fn the_encoding_of_geometry_is_in_schema_and_footer() {
    for (options, encoding, ending) in [
        (&[][..], "WKB", "geometry"),
        (&["--geometry-encoding", "wkb"], "WKB", "geometry"),
        (&["--geometry-encoding", "native"], "multipolygon", ".x"),
    ] {
        let (desk, _) = export("out.parquet", options);
        assert_eq!(geo(&desk)["columns"]["geometry"]["encoding"], encoding);
        let columns = columns_in(&desk.path("out.parquet"));
        let mut leaves = columns
            .iter()
            .filter(|column| column.starts_with("geometry"));
        assert!(leaves.next().unwrap().ends_with(ending), "{columns:?}");
    }
}

#[test]
fn codes_may_be_labels() {
    let labels = ["Open, so far", "Closed"];
    for options in [&[][..], &["--domains", "code"]] {
        let (desk, _) = export("out.parquet", options);
        assert_eq!(integers_in(&desk.path("out.parquet"), "STATE"), [0, 1]);
    }
    for how in ["label", "dictionary"] {
        let (desk, ran) = export("out.parquet", &["--domains", how, "--json"]);
        assert_eq!(texts_in(&desk, "STATE"), labels);
        let column = &ran.json()["columns"][1];
        let is_dictionary = column["type"] == "Dictionary(Int32, Utf8)";
        assert_eq!(is_dictionary, how == "dictionary", "{column}");
    }
    let (desk, _) = export("out.parquet", &["--domains", "both"]);
    assert_eq!(integers_in(&desk.path("out.parquet"), "STATE"), [0, 1]);
    assert_eq!(texts_in(&desk, "STATE_label"), labels);
    // Text formats have them too.
    let (desk, _) = export("out.csv", &["--domains", "label"]);
    assert!(text(&desk, "out.csv").contains("\n1,\"Open, so far\",{0A1B"));
}

#[test]
fn guids_names_and_zones_are_as_asked_for() {
    let (desk, ran) = export("out.parquet", &["--json"]);
    assert_eq!(texts_in(&desk, "ID"), [GUID, GUID]);
    let seen = |ran: &Ran| ran.json()["columns"][3]["type"].to_string();
    assert!(seen(&ran).contains("America/Los_Angeles"), "{ran:?}");
    assert_eq!(columns_in(&desk.path("out.parquet"))[1], "STATE");

    let options = [
        "--guids", "uuid", "--names", "alias", "--dates", "utc", "--json",
    ];
    let (desk, ran) = export("out.parquet", &options);
    assert_eq!(logical_type(&desk, "ID"), Some(LogicalType::Uuid));
    assert_eq!(columns_in(&desk.path("out.parquet"))[1], "State of it");
    assert!(seen(&ran).contains("UTC"), "{ran:?}");

    let options = ["--guids", "text", "--names", "field", "--dates", "utc"];
    let (desk, _) = export("out.csv", &options);
    let line = format!("\n1,0,{GUID},2023-11-14T22:13:20Z,");
    assert!(text(&desk, "out.csv").contains(&line));
}

#[test]
fn polygons_are_mended_on_request() {
    let (_, ran) = export("out.parquet", &["--json"]);
    assert_eq!(ran.json()["geometry"]["types"], json!(["Polygon"]));
    for out in ["out.parquet", "out.geojson"] {
        let (_, ran) = export(out, &["--repair", "--json"]);
        let said = ran.json();
        assert_eq!(said["geometry"]["mended_rows"], 1);
        assert!(ran.stderr.contains("object id 1"), "{ran:?}");
    }
    let (desk, _) = export("out.csv", &["--repair"]);
    assert!(text(&desk, "out.csv").contains("\"MULTIPOLYGON ((("));
}

#[test]
fn coordinates_are_the_layers_own_or_those_that_were_asked_for() {
    // 9 × 10^5 m east of Greenwich, in degrees: 9e5 × 180 / (π × 6,378,137).
    let degrees = 8.084_837_6;
    let first_x = |text: &str| -> f64 {
        let from = text.rfind("POLYGON ((").map(|at| at + "POLYGON ((".len());
        let rest = &text[from.unwrap()..];
        rest.split(' ').next().unwrap().parse().unwrap()
    };
    for options in [&[][..], &["--out-sr", "native"]] {
        let (desk, _) = export("out.csv", options);
        assert_eq!(first_x(&text(&desk, "out.csv")), 900_000.0);
    }
    let (desk, _) = export("out.csv", &["--out-sr", "4326"]);
    assert!((first_x(&text(&desk, "out.csv")) - degrees).abs() < 1e-6);

    // FlatGeobuf and GeoPackage have a place for its number.
    for (sr, code) in [("native", 3857_u16), ("4326", 4326)] {
        let (desk, ran) = export("out.fgb", &["--out-sr", sr, "--json"]);
        assert_eq!(ran.json()["geometry"]["crs"], format!("EPSG:{code}"));
        let file = std::fs::read(desk.path("out.fgb")).unwrap();
        let wkt = format!("ID[\"EPSG\",{code}]");
        assert!(contains(&file, wkt.as_bytes()), "{sr}");
        let (desk, _) = export("out.gpkg", &["--out-sr", sr]);
        let file = std::fs::read(desk.path("out.gpkg")).unwrap();
        assert!(contains(&file, wkt.as_bytes()), "{sr}");
    }

    // GeoJSON knows degrees alone.
    for options in [&[][..], &["--out-sr", "4326"]] {
        let (desk, ran) = export("out.geojson", options);
        let document: Value = serde_json::from_str(&text(&desk, "out.geojson")).unwrap();
        let corner = &document["features"][1]["geometry"]["coordinates"][0][0][0];
        assert!((corner.as_f64().unwrap() - degrees).abs() < 1e-6);
        let is_told = ran.stderr.contains("in place of EPSG:3857");
        assert_eq!(is_told, options.is_empty(), "{ran:?}");
    }
    let service = start(Testkit::builder().layer(parcels()));
    let desk = Desk::new();
    let url = service.layer_url("parcels");
    desk.run(&["export", &url, "out.geojson", "--out-sr", "native"])
        .fails(2, &["GeoJSON", "EPSG:3857", "leave --out-sr out"]);
    for kind in [RequestKind::Count, RequestKind::Ids, RequestKind::Features] {
        assert!(service.requests_of(kind).is_empty());
    }
    assert!(desk.names().is_empty());
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn what_does_not_go_together_is_refused_before_anything_is_sent() {
    let service = start(Testkit::builder().layer(parcels()));
    let desk = Desk::new();
    let url = service.layer_url("parcels");
    let cases: [(&str, &[&str], &str); 25] = [
        ("out.csv", &["--geoparquet-version", "2.0"], "CSV"),
        ("out.csv", &["--geoparquet-version", "1.1"], "CSV"),
        ("out.arrow", &["--geometry-encoding", "native"], "Arrow"),
        ("out.gpkg", &["--geometry-encoding", "wkb"], "GeoPackage"),
        (
            "out.parquet",
            &[
                "--geoparquet-version",
                "2.0",
                "--geometry-encoding",
                "native",
            ],
            "GeoParquet 2.0 has no encoding native",
        ),
        (
            "out.parquet",
            &["--geoparquet-version", "1.0"],
            "1.1 or 2.0",
        ),
        (
            "out.parquet",
            &["--geometry-encoding", "wkt"],
            "wkb or native",
        ),
        ("out.parquet", &["--as", "shapefile"], "geoparquet, arrow"),
        ("out.parquet", &["--as", "csv"], "CSV"),
        ("out.csv", &["--domains", "dictionary"], "--domains"),
        ("out.geojson", &["--domains", "dictionary"], "GeoJSON"),
        ("out.parquet", &["--domains", "labels"], "dictionary"),
        ("out.fgb", &["--guids", "uuid"], "--guids"),
        ("out.parquet", &["--guids", "binary"], "uuid"),
        ("out.csv", &["--dates", "layer"], "UTC"),
        ("out.parquet", &["--dates", "local"], "layer"),
        ("out.parquet", &["--names", "title"], "alias"),
        ("out.geojson", &["--out-sr", "3857"], "leave --out-sr out"),
        ("out.ndjson", &["--out-sr", "2056"], "2056"),
        ("out.arrows", &["--memory", "1G"], "--memory"),
        ("out.arrows", &["--spill", "."], "--spill"),
        ("-", &["--memory", "1G"], "--memory"),
        ("-", &["--overwrite"], "--overwrite"),
        ("out.fgb", &["--row-group-size", "64M"], "--row-group-size"),
        ("out.gpkg", &["--compression", "none"], "--compression"),
    ];
    for (out, options, said) in cases {
        let args = [&["export", &url, out], options].concat();
        desk.run(&args).fails(2, &[said]);
    }
    assert!(service.requests().is_empty());
    assert!(desk.names().is_empty());
}
