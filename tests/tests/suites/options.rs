//! Every option does something, and it is seen: in what the server is asked, and in the file.

use std::num::NonZeroUsize;

use arcgis_export::{Compression, WriterOptions, ZstdLevel};
use arcgis_layer::{Query, QueryError};
use arcgis_testkit::{
    Field, FieldType, Geometry, GeometryType, Layer, Request, RequestKind, Row, Testkit,
};
use arcgis_tests::{Bench, ParquetFile, Wkb, paging};
use arrow_array::types::{Int32Type, Int64Type};

/// Lines from (n, n) upwards over many small steps, n from 1 to 30, in pages of seven.
fn layer() -> Layer {
    let line = |n: i32| {
        let n = f64::from(n);
        Geometry::polyline([(0..=20).map(move |step| (n, n + f64::from(step) / 100.0))])
    };
    Layer::new("t", GeometryType::Polyline)
        .with_field(Field::new("OBJECTID", FieldType::Oid))
        .with_field(Field::new("Name", FieldType::String))
        .with_field(Field::new("POP", FieldType::Integer))
        .with_max_record_count(7)
        .with_rows((1..=30).map(|n| {
            Row::new()
                .with("OBJECTID", i64::from(n))
                .with("Name", format!("N'{n}"))
                .with("POP", n * 100)
                .at(line(n))
        }))
}

async fn exported(query: Query) -> (Bench, ParquetFile) {
    let bench = Bench::start(Testkit::builder().layer(layer())).await;
    let export = bench.export("t").await.with_query(query);
    let (_, file) = bench.write(export).await.unwrap();
    (bench, file)
}

fn ids(file: &ParquetFile) -> Vec<i64> {
    file.numbers::<Int64Type>("OBJECTID")
        .into_iter()
        .flatten()
        .collect()
}

/// Asserts that a parameter went with the count, the ids and every page alike.
fn went_with_all(bench: &Bench, name: &str, value: &str) {
    let concerned = |request: &Request| {
        matches!(
            request.kind(),
            RequestKind::Count | RequestKind::Ids | RequestKind::Features
        )
    };
    let requests: Vec<_> = bench
        .service
        .requests()
        .into_iter()
        .filter(concerned)
        .collect();
    assert!(requests.len() >= 3);
    for request in requests {
        let sent = request.parameters().get(name);
        // Ids are asked for once more behind the last of them.
        let behind = request.kind() == RequestKind::Ids
            && name == "where"
            && sent.is_some_and(|sent| sent.starts_with(&format!("({value}) AND (OBJECTID > ")));
        assert!(
            behind || sent == Some(value),
            "{:?}: {sent:?}",
            request.kind()
        );
    }
}

/// Asserts that a parameter went with every page.
fn went_with_pages(bench: &Bench, name: &str, value: Option<&str>) {
    for request in bench.service.requests_of(RequestKind::Features) {
        assert_eq!(request.parameters().get(name), value);
    }
}

#[tokio::test]
async fn t50_a_condition_selects_rows() {
    let (bench, file) = exported(
        Query::new()
            .with_where("POP >= 2500 OR Name = 'N''3'")
            .refine("POP < 2900"),
    )
    .await;
    assert_eq!(ids(&file), [3, 25, 26, 27, 28]);
    went_with_all(
        &bench,
        "where",
        "(POP >= 2500 OR Name = 'N''3') AND (POP < 2900)",
    );
    assert!(file.key("arcgis:query").unwrap().contains("where=%28POP"));
}

#[tokio::test]
async fn t41_a_rectangle_selects_rows() {
    let bbox = Query::parse_bbox("3.5,0,8.5,90").unwrap();
    let (bench, file) = exported(Query::new().with_bbox(bbox)).await;
    assert_eq!(ids(&file), [4, 5, 6, 7, 8]);
    for (name, value) in [
        ("geometryType", "esriGeometryEnvelope"),
        ("inSR", "4326"),
        ("spatialRel", "esriSpatialRelIntersects"),
    ] {
        went_with_all(&bench, name, value);
    }
    let sent = bench.service.requests_of(RequestKind::Features)[0]
        .parameters()
        .get("geometry")
        .unwrap()
        .to_owned();
    went_with_all(&bench, "geometry", &sent);
    let sent: serde_json::Value = serde_json::from_str(&sent).unwrap();
    assert_eq!((&sent["xmin"], &sent["ymax"]), (&3.5.into(), &90.0.into()));
}

#[tokio::test]
async fn t56_fields_are_chosen_and_left_out() {
    let (bench, file) = exported(Query::new().with_fields(["pop, OBJECTID"])).await;
    assert_eq!(file.names(), ["POP", "OBJECTID", "geometry", "bbox"]);
    went_with_pages(&bench, "outFields", Some("POP,OBJECTID"));

    // The object id is fetched all the same, as the proof needs it.
    let (bench, file) = exported(Query::new().with_fields(["NAME"])).await;
    assert_eq!(file.names(), ["Name", "geometry", "bbox"]);
    assert_eq!(file.key("arcgis:proof"), Some("object-ids"));
    went_with_pages(&bench, "outFields", Some("OBJECTID,Name"));

    let (bench, file) = exported(Query::new().with_excluded_fields(["Name"])).await;
    assert_eq!(file.names(), ["OBJECTID", "POP", "geometry", "bbox"]);
    went_with_pages(&bench, "outFields", Some("OBJECTID,POP"));

    let (_, file) = exported(Query::new().with_fields([""; 0])).await;
    assert_eq!(file.names(), ["geometry", "bbox"]);
    assert_eq!(file.rows(), 30);
}

#[tokio::test]
async fn geometry_can_be_left_out() {
    let (bench, file) = exported(Query::new().without_geometry()).await;
    assert_eq!(file.names(), ["OBJECTID", "Name", "POP"]);
    assert_eq!(
        file.numbers::<Int32Type>("POP"),
        (1..=30).map(|n| Some(n * 100)).collect::<Vec<_>>()
    );
    assert!(file.geo().is_null(), "plain Parquet");
    went_with_pages(&bench, "returnGeometry", Some("false"));
}

#[tokio::test]
async fn lines_come_simplified_if_that_is_asked_for() {
    let (_, whole) = exported(Query::new()).await;
    let (bench, file) = exported(Query::new().with_max_allowable_offset(0.001)).await;
    went_with_pages(&bench, "maxAllowableOffset", Some("0.001"));
    let positions = |file: &ParquetFile| -> Vec<_> {
        let geometries = file.geometries();
        geometries
            .iter()
            .map(|wkb| wkb.as_ref().map(Wkb::positions).unwrap_or_default().len())
            .collect()
    };
    assert_eq!(
        (positions(&whole), positions(&file)),
        (vec![21; 30], vec![2; 30])
    );
    assert_eq!(whole.boxes(), file.boxes());
}

#[tokio::test]
async fn any_other_parameter_goes_with_all_requests() {
    let query = Query::new()
        .with_param("collation", "binary")
        .with_param("sqlFormat", "standard");
    let (bench, file) = exported(query).await;
    assert_eq!(file.rows(), 30);
    went_with_all(&bench, "collation", "binary");
    went_with_all(&bench, "sqlFormat", "standard");
    assert!(
        file.key("arcgis:query")
            .unwrap()
            .contains("collation=binary")
    );
}

#[tokio::test]
async fn pages_have_the_size_that_was_asked_for() {
    let bench = Bench::start(Testkit::builder().layer(layer())).await;
    for (asked, got) in [(4, 8), (7, 5), (100, 5)] {
        bench.service.clear_requests();
        let export = bench.export("t").await.with_fetch(paging(asked, 1));
        let (report, _) = bench.write(export).await.unwrap();
        assert_eq!(bench.count(RequestKind::Features), got);
        assert_eq!(report.fetch.unwrap().page_size, asked.min(7));
    }
}

#[tokio::test]
async fn files_are_compressed_and_cut_as_told() {
    use parquet::basic::Compression as Written;
    let zstd = |level| Compression::Zstd(ZstdLevel::new(level).unwrap());
    let bench = Bench::start(Testkit::builder().layer(layer())).await;
    for (compression, rows) in [
        (Compression::default(), 100_000),
        (zstd(9), 8),
        (Compression::Snappy, 30),
        (Compression::None, 1),
    ] {
        let options = WriterOptions::default()
            .with_compression(compression)
            .with_row_group_rows(NonZeroUsize::new(rows).unwrap());
        let export = bench.export("t").await.with_writer(options);
        let (report, file) = bench.write(export).await.unwrap();
        let groups = file.metadata.row_groups();
        assert_eq!(groups.len(), 30_usize.div_ceil(rows));
        assert_eq!(report.row_groups, Some(groups.len() as u64));
        for column in groups[0].columns() {
            let fits = match (compression, column.compression()) {
                (Compression::Zstd(_), Written::ZSTD(_)) => true,
                (Compression::Snappy, written) => written == Written::SNAPPY,
                (Compression::None, written) => written == Written::UNCOMPRESSED,
                _ => false,
            };
            assert!(fits, "{compression} {:?}", column.compression());
        }
        assert_eq!(
            report.file_bytes,
            Some(std::fs::metadata(bench.path()).unwrap().len())
        );
        assert_eq!(ids(&file), (1..=30).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn what_does_not_fit_the_layer_is_an_error_before_any_request_for_rows() {
    let bench = Bench::start(
        Testkit::builder()
            .layer(layer())
            .layer(Layer::table("u").with_row(Row::new())),
    )
    .await;
    let bbox = Query::parse_bbox("0,0,1,1").unwrap();
    for (name, query) in [
        ("t", Query::new().with_fields(["Nmae"])),
        ("t", Query::new().with_excluded_fields(["Ghost"])),
        ("t", Query::new().with_fields([""; 0]).without_geometry()),
        ("t", Query::new().with_where("POP > (1")),
        ("t", Query::new().with_param("token", "x")),
        ("t", Query::new().with_param("outFields", "*")),
        ("t", Query::new().with_max_allowable_offset(-1.0)),
        ("u", Query::new().with_bbox(bbox)),
        ("u", Query::new().with_max_allowable_offset(1.0)),
    ] {
        let export = bench.export(name).await.with_query(query.clone());
        bench.service.clear_requests();
        let error = bench.write(export).await.unwrap_err();
        let arcgis_export::Error::Layer(arcgis_layer::Error::Query(_)) = &error else {
            panic!("{query:?}: {error:?}")
        };
        assert_eq!(bench.service.requests().len(), 0, "{query:?}");
        assert_eq!(bench.files(), [""; 0], "{query:?}");
    }
    for bad in [
        "",
        "1,2,3",
        "a,b,c,d",
        "10,0,5,1",
        "0,0,0,1",
        "0,-91,1,1",
        "NaN,0,1,1",
    ] {
        assert!(
            matches!(Query::parse_bbox(bad), Err(QueryError::Bbox { .. })),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn a_rectangle_across_the_180th_meridian_selects_rows_on_both_sides_once() {
    // Longitude 170.5 and each further degree eastwards, -170.5 the last; and a row on both sides.
    let longitudes: Vec<f64> = (0..20)
        .map(|n| 170.5 + f64::from(n))
        .map(|east| if east > 180.0 { east - 360.0 } else { east })
        .collect();
    let line = |x: f64| vec![(x, 1.0), (x, 2.0)];
    let mut rows: Vec<Row> = longitudes
        .iter()
        .zip(1_i64..)
        .map(|(x, id)| {
            Row::new()
                .with("OBJECTID", id)
                .at(Geometry::polyline([line(*x)]))
        })
        .collect();
    rows.push(
        Row::new()
            .with("OBJECTID", 21_i64)
            .at(Geometry::polyline([line(179.9), line(-179.9)])),
    );
    let layer = Layer::new("t", GeometryType::Polyline)
        .with_field(Field::new("OBJECTID", FieldType::Oid))
        .with_max_record_count(3)
        .with_rows(rows);
    let bench = Bench::start(Testkit::builder().layer(layer)).await;
    for (bbox, wanted) in [
        ("177,0,-178,90", vec![8, 9, 10, 11, 12, 21]),
        ("180,0,-178,90", vec![11, 12, 21]),
        ("177,0,-180,90", vec![8, 9, 10, 21]),
    ] {
        let query = Query::new().with_bbox(Query::parse_bbox(bbox).unwrap());
        let export = bench.export("t").await.with_query(query);
        let (report, file) = bench.write(export).await.unwrap();
        let mut found = ids(&file);
        found.sort_unstable();
        assert_eq!(found, wanted, "{bbox}");
        assert_eq!(report.rows, wanted.len() as u64);
    }
}

#[tokio::test]
async fn what_has_no_rows_says_so() {
    let service = Testkit::builder().service(
        arcgis_testkit::Service::new("s")
            .with_layer(Layer::group("group").with_id(0))
            .with_layer(
                Layer::new("inside", GeometryType::Point)
                    .with_id(1)
                    .with_parent(0),
            )
            .with_layer(Layer::raster("raster").with_id(2))
            .with_layer(
                Layer::new("closed", GeometryType::Point)
                    .with_id(3)
                    .with_capabilities("Create"),
            ),
    );
    let bench = Bench::start(service).await;
    for (name, says) in [
        ("group", "inside"),
        ("raster", "raster"),
        ("closed", "Query"),
    ] {
        let error = bench.open(name).await.unwrap_err();
        assert!(
            matches!(error, arcgis_layer::Error::NotQueryable { .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains(says), "{error}");
    }
    assert!(bench.open("absent").await.is_err());
}
