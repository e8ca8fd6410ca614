//! By the values of fields.

use arcgis_export::{
    ColumnNames, ColumnOptions, DomainValues, GeoParquetVersion, GeometryEncoding, Partitions,
    RowOrder, WriterOptions,
};
use arcgis_layer::Query;
use arcgis_testkit::{Field, FieldType, Geometry, GeometryType, Layer as Served, Row};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int16Type, Int64Type};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::bench::{Bench, files, rows, three, towns};
use crate::pages;

const NULL: &str = "STATE=__HIVE_DEFAULT_PARTITION__/part-00000.parquet";

#[tokio::test(flavor = "multi_thread")]
async fn each_value_has_a_file_and_all_together_are_the_rows() {
    let bench = Bench::of(three(250)).await;
    let report = bench.cut(Partitions::by_field("state")).await.unwrap();
    assert_eq!(bench.names(), ["cities"]);
    let files = bench.files();
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    let baden = "STATE=Baden%20%26%20W%C3%BCrttemberg/part-00000.parquet";
    assert_eq!(names, ["STATE=06/part-00000.parquet", baden, NULL]);
    for (name, value) in [
        (names[0], Some("06")),
        (baden, Some("Baden & Württemberg")),
        (NULL, None),
    ] {
        let states = files[name].column_by_name("STATE").unwrap();
        assert!(states.as_string::<i32>().iter().all(|state| state == value));
        let file = bench.file(name);
        let partition = pages::footer(&file, "arcgis:partition").unwrap();
        assert_eq!(partition, json!({ "STATE": value }).to_string());
        let number = files[name].num_rows().to_string();
        assert_eq!(pages::footer(&file, "arcgis:rows").unwrap(), number);
        assert_eq!(pages::footer(&file, "arcgis:proof").unwrap(), "object-ids");
        let options = pages::footer(&file, "arcgis:options").unwrap();
        let options: serde_json::Value = serde_json::from_str(&options).unwrap();
        assert_eq!(options["partitions"], json!({"by": {"fields": ["state"]}}));
    }
    let one = bench.one_file().await;
    let all: Vec<_> = files.values().collect();
    assert!(
        all.iter()
            .all(|file| file.schema().fields() == one.schema().fields())
    );
    assert_eq!(rows(&all), rows(&[&one]));

    let index = bench.index();
    assert_eq!(
        (index.rows, index.columns.as_slice()),
        (250, ["STATE".to_owned()].as_slice())
    );
    assert_eq!(index.proof.as_deref(), Some("object-ids"));
    assert_eq!(index.crs.as_deref(), Some("EPSG:4326"));
    assert_eq!(index.extent, Some([0., 0., 39., 6.]));
    let partitions = report.partitions.unwrap();
    assert_eq!((partitions.files, partitions.partitions), (3, 3));
    assert_eq!((partitions.least_rows, partitions.most_rows), (83, 84));
    assert_eq!(report.rows, 250);
    let index_bytes = bench.file("_index.json").len() as u64;
    assert_eq!(report.file_bytes, Some(index.bytes + index_bytes));
    assert_eq!(report.output, Some(bench.path().display().to_string()));
}

/// What a file says of its geometry is about its own rows.
#[tokio::test(flavor = "multi_thread")]
async fn each_file_is_whole_for_itself() {
    // KIND is null, -5 and 5 by turns of three; x is n modulo 40.
    let bench = Bench::of(three(30)).await;
    let writer = WriterOptions::default().with_order(RowOrder::Id);
    bench
        .export()
        .await
        .with_writer(writer)
        .with_partitions(Partitions::by_fields(["KIND"]))
        .to(bench.folder())
        .await
        .unwrap();
    for (name, first, values) in [
        ("KIND=-5/part-00000.parquet", 1.0, vec![Some(-5); 10]),
        ("KIND=5/part-00000.parquet", 2.0, vec![Some(5); 10]),
        (
            "KIND=__HIVE_DEFAULT_PARTITION__/part-00000.parquet",
            0.0,
            vec![None; 10],
        ),
    ] {
        let file = bench.file(name);
        let geo_text = pages::footer(&file, "geo").unwrap();
        let geo: serde_json::Value = serde_json::from_str(&geo_text).unwrap();
        // Where Arrow's C++ library looks for it.
        let schema = pages::footer(&file, "ARROW:schema").unwrap();
        let schema = BASE64.decode(schema).unwrap();
        let has_it = |part: &[u8]| part == geo_text.as_bytes();
        assert!(schema.windows(geo_text.len()).any(has_it));
        let column = &geo["columns"]["geometry"];
        assert_eq!(column["bbox"], json!([first, 0.0, first + 27.0, 0.0]));
        assert_eq!(column["geometry_types"], json!(["Point"]));
        let all = pages::read(&file);
        let kinds = all.column_by_name("KIND").unwrap();
        let kinds: Vec<_> = kinds.as_primitive::<Int16Type>().iter().collect();
        assert_eq!(kinds, values);
        let ids = all.column_by_name("OBJECTID").unwrap();
        assert!(ids.as_primitive::<Int64Type>().values().is_sorted());
    }
    let index = bench.index();
    assert_eq!(index.files[0].extent, Some([1., 0., 28., 0.]));
    assert_eq!(index.files[0].values["KIND"], json!(-5));
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_all_kinds_find_their_folder() {
    let texts = [
        "06", "6", "null", "a", "A", "a/b", "c=d", "50%", "ü", "dot.", "..", " ", "日本", "",
    ];
    let rows_of = texts.iter().copied().map(Some).cycle();
    let bench = Bench::of(towns(rows_of.take(140).chain([None]))).await;
    bench
        .cut(Partitions::by_fields(["STATE", "DAY"]))
        .await
        .unwrap();
    let index = bench.index();
    // Each text comes with one of the two days alone: there are as many texts as rows in a turn.
    assert_eq!(index.files.len(), 15);
    let mut seen = Vec::new();
    for file in &index.files {
        let rows = pages::read(&bench.file(&file.file));
        let states = rows.column_by_name("STATE").unwrap();
        let states: Vec<_> = states.as_string::<i32>().iter().collect();
        assert!(states.iter().all(|state| *state == states[0]));
        let [state, day, _] = file.file.split('/').collect::<Vec<_>>()[..] else {
            panic!("{}", file.file);
        };
        assert!(matches!(day, "DAY=1999-02-01" | "DAY=2000-02-01"), "{day}");
        let encoded = state.strip_prefix("STATE=").unwrap();
        let decoded = percent_encoding::percent_decode_str(encoded);
        let decoded = decoded.decode_utf8().unwrap().into_owned();
        match states[0] {
            None => assert_eq!(encoded, "__HIVE_DEFAULT_PARTITION__"),
            Some(text) => assert_eq!(decoded, text),
        }
        assert_eq!(file.values["STATE"], json!(states[0]));
        seen.push(state.to_lowercase());
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 15, "two are the same to some file system");
    let all = bench.files();
    assert_eq!(
        rows(&all.values().collect::<Vec<_>>()),
        rows(&[&bench.one_file().await])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_values_are_written_one_by_one() {
    const VALUES: usize = 5_000;
    let texts: Vec<String> = (0..2 * VALUES)
        .map(|n| format!("v{}", n % VALUES))
        .collect();
    let layer = towns(texts.iter().map(|text| Some(text.as_str()))).with_max_record_count(2_000);
    let bench = Bench::of(layer).await;
    // Rows are sorted on disk, since a third of them fits into memory.
    let export = bench
        .export()
        .await
        .with_writer(WriterOptions::default().with_sort_memory(300_000.try_into().unwrap()))
        .with_partitions(Partitions::by_field("STATE"));
    let done = Arc::new(AtomicBool::new(false));
    let (is_done, place) = (Arc::clone(&done), bench.place().to_owned());
    let watcher = std::thread::spawn(move || {
        let mut most = 0;
        while !is_done.load(Ordering::SeqCst) {
            most = most.max(open_files(&place));
            std::thread::sleep(Duration::from_millis(1));
        }
        most
    });
    let began = Instant::now();
    let report = export.to(bench.folder()).await.unwrap();
    done.store(true, Ordering::SeqCst);
    assert_eq!(report.partitions.unwrap().files, VALUES as u64);
    assert_eq!(report.row_groups, Some(VALUES as u64));
    let index = bench.index();
    assert_eq!(index.files.len(), VALUES);
    assert!(index.files.iter().all(|file| file.rows == 2));
    assert_eq!(files(&bench.path()).len(), VALUES + 1);
    let most = watcher.join().unwrap();
    println!("{most} files were open at once; {:?}", began.elapsed());
    assert!(most > 0 || cfg!(not(target_os = "linux")));
    // The one that is written and those without a name that rows are sorted in; then eight that are brought to disk.
    assert!(most <= 12, "{most} files were open at once");
}

/// How many files of a folder this process has open.
#[cfg(target_os = "linux")]
fn open_files(folder: &std::path::Path) -> usize {
    let links = std::fs::read_dir("/proc/self/fd").unwrap();
    let links = links.filter_map(|link| std::fs::read_link(link.unwrap().path()).ok());
    links.filter(|path| path.starts_with(folder)).count()
}

#[cfg(not(target_os = "linux"))]
fn open_files(_: &std::path::Path) -> usize {
    0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_without_rows_has_a_file_without_rows() {
    let bench = Bench::of(three(0)).await;
    let report = bench.cut(Partitions::by_field("STATE")).await.unwrap();
    let files = bench.files();
    assert_eq!(files.keys().collect::<Vec<_>>(), ["part-00000.parquet"]);
    let rows = &files["part-00000.parquet"];
    assert_eq!(rows.num_rows(), 0);
    assert_eq!(
        rows.schema().fields(),
        bench.one_file().await.schema().fields()
    );
    let partitions = report.partitions.unwrap();
    assert_eq!((partitions.files, partitions.partitions), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_one_value_have_limits_too() {
    let bench = Bench::of(three(250)).await;
    let rows = 30.try_into().unwrap();
    bench
        .cut(Partitions::by_field("STATE").with_file_rows(rows))
        .await
        .unwrap();
    let sizes: Vec<(String, u64)> = bench
        .index()
        .files
        .into_iter()
        .map(|file| (file.file, file.rows))
        .collect();
    assert_eq!(sizes.len(), 9);
    for (place, size) in [(0, 30), (1, 30), (2, 24)] {
        let name = format!("STATE=06/part-0000{place}.parquet");
        assert_eq!(sizes[place], (name, size));
    }
    assert_eq!(bench.files().len(), 9);
}

/// Roads of two kinds, one of which no domain lists.
fn roads() -> Served {
    Served::new("towns", GeometryType::Point)
        .with_field(
            Field::new("CLASS", FieldType::Integer)
                .with_alias("Class of road")
                .with_domain(json!({"type": "codedValue", "name": "classes", "codedValues": [{"name": "Motor/way", "code": 1}, {"name": "Path", "code": 2}]})),
        )
        .with_rows((0..30).map(|n| {
            Row::new()
                .with("CLASS", n % 3 + 1)
                .at(Geometry::point((f64::from(n), 1.0)))
        }))
}

#[tokio::test(flavor = "multi_thread")]
async fn coded_values_are_partitioned_as_they_are_shown() {
    for (domains, field, folders) in [
        (
            DomainValues::Code,
            "CLASS",
            ["CLASS=1", "CLASS=2", "CLASS=3"],
        ),
        (
            DomainValues::Label,
            "CLASS",
            ["CLASS=3", "CLASS=Motor%2Fway", "CLASS=Path"],
        ),
        (
            DomainValues::Dictionary,
            "CLASS",
            ["CLASS=3", "CLASS=Motor%2Fway", "CLASS=Path"],
        ),
        (
            DomainValues::Both,
            "CLASS",
            ["CLASS=1", "CLASS=2", "CLASS=3"],
        ),
        (
            DomainValues::Both,
            "CLASS_label",
            [
                "CLASS_label=Motor%2Fway",
                "CLASS_label=Path",
                "CLASS_label=__HIVE_DEFAULT_PARTITION__",
            ],
        ),
    ] {
        let bench = Bench::of(roads()).await;
        bench
            .export()
            .await
            .with_columns(ColumnOptions::default().with_domains(domains))
            .with_partitions(Partitions::by_field(field))
            .to(bench.folder())
            .await
            .unwrap();
        let expected = folders.map(|folder| format!("{folder}/part-00000.parquet"));
        assert_eq!(bench.files().keys().cloned().collect::<Vec<_>>(), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_called_as_columns_are() {
    for field in ["STATE", "The state", "the STATE"] {
        let bench = Bench::of(three(9)).await;
        bench
            .export()
            .await
            .with_columns(ColumnOptions::default().with_names(ColumnNames::Alias))
            .with_partitions(Partitions::by_field(field))
            .to(bench.folder())
            .await
            .unwrap();
        let files = bench.files();
        assert!(
            files.contains_key("The state=06/part-00000.parquet"),
            "{files:?}"
        );
        assert!(
            files
                .values()
                .all(|rows| rows.column_by_name("The state").is_some())
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_files_have_otherwise_they_have_here() {
    for (version, encoding) in [
        (GeoParquetVersion::V2_0, GeometryEncoding::Wkb),
        (GeoParquetVersion::V1_1, GeometryEncoding::Native),
    ] {
        let bench = Bench::of(three(99)).await;
        let writer = WriterOptions::default()
            .with_geoparquet_version(version)
            .with_geometry_encoding(encoding);
        bench
            .export()
            .await
            .with_writer(writer)
            .with_query(Query::new().with_limit(50).with_where("OBJECTID > 10"))
            .with_partitions(Partitions::by_field("STATE"))
            .to(bench.folder())
            .await
            .unwrap();
        let files = bench.files();
        assert_eq!(
            files.values().map(|rows| rows.num_rows()).sum::<usize>(),
            50
        );
        for name in files.keys() {
            let file = bench.file(name);
            let geo = pages::footer(&file, "geo").unwrap();
            let geo: serde_json::Value = serde_json::from_str(&geo).unwrap();
            let is_native = encoding == GeometryEncoding::Native;
            let expected = if is_native {
                ("1.1.0", "point")
            } else {
                ("2.0.0", "WKB")
            };
            assert_eq!(geo["version"], expected.0);
            assert_eq!(geo["columns"]["geometry"]["encoding"], expected.1);
            assert_eq!(pages::footer(&file, "arcgis:limit").unwrap(), "50");
        }
    }
}
