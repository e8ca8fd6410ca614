//! By place.

use arcgis_export::{Partitions, WriterOptions};
use arcgis_layer::Query;
use arcgis_testkit::{Field, FieldType, Generated, Geometry, GeometryType, Layer as Served, Row};

use crate::bench::{Bench, rows, three};

#[tokio::test(flavor = "multi_thread")]
async fn neighbours_share_a_file() {
    // 40 by 25 towns.
    let bench = Bench::of(three(1_000)).await;
    let limit = 100.try_into().unwrap();
    let report = bench
        .cut(Partitions::spatial().with_file_rows(limit))
        .await
        .unwrap();
    let files = bench.files();
    let names: Vec<_> = files.keys().cloned().collect();
    let expected: Vec<_> = (0..10).map(|n| format!("part-{n:05}.parquet")).collect();
    assert_eq!(names, expected);
    let one = bench.one_file().await;
    assert_eq!(rows(&files.values().collect::<Vec<_>>()), rows(&[&one]));
    let index = bench.index();
    assert!(index.columns.is_empty());
    // A tenth of the rows lies in about a tenth of the extent, and boxes overlap little.
    let areas = index.files.iter().map(|file| {
        assert_eq!(file.rows, 100);
        let [xmin, ymin, xmax, ymax] = file.extent.unwrap();
        (xmax - xmin + 1.0) * (ymax - ymin + 1.0)
    });
    let covered: f64 = areas.sum();
    assert!(covered < 2.0 * 40.0 * 25.0, "{covered}");
    let partitions = report.partitions.unwrap();
    assert_eq!((partitions.files, partitions.partitions), (10, 10));
    assert!(partitions.columns.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_end_where_they_have_their_size() {
    // Numbers and places that do not compress.
    let noise = |id: i64, salt: u64| {
        let mixed = (id.cast_unsigned() ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) as f64 / u64::MAX as f64
    };
    let generated = Generated::new(60_000, move |id| {
        Row::new()
            .with("A", noise(id, 1))
            .with("B", noise(id, 2))
            .at(Geometry::point((noise(id, 3) * 10.0, noise(id, 4) * 10.0)))
    });
    let layer = Served::new("towns", GeometryType::Point)
        .with_field(Field::new("A", FieldType::Double))
        .with_field(Field::new("B", FieldType::Double))
        .with_max_record_count(10_000)
        .with_generated_rows(generated.with_extent(0.0, 0.0, 10.0, 10.0));
    let bench = Bench::of(layer).await;
    const TARGET: u64 = 500_000;
    let target = TARGET.try_into().unwrap();
    // What a row group has waits on disk or not: sizes are the same.
    let report = bench
        .export()
        .await
        .with_writer(WriterOptions::default().with_row_group_rows(5_000.try_into().unwrap()))
        .with_partitions(Partitions::spatial().with_file_bytes(target))
        .to(bench.folder())
        .await
        .unwrap();
    let index = bench.index();
    println!("{report:#?}");
    let sizes: Vec<u64> = index.files.iter().map(|file| file.bytes).collect();
    println!("{sizes:?}");
    assert!(sizes.len() >= 5, "{sizes:?}");
    let (_, whole) = sizes.split_last().unwrap();
    for size in whole {
        assert!(
            (TARGET * 7 / 10..TARGET * 12 / 10).contains(size),
            "{sizes:?}"
        );
    }
    assert_eq!(
        index.files.iter().map(|file| file.rows).sum::<u64>(),
        60_000
    );
    bench.files();
}

#[tokio::test(flavor = "multi_thread")]
async fn few_rows_are_one_file() {
    let bench = Bench::of(three(50)).await;
    let export = bench.export().await.with_query(Query::new().with_limit(20));
    let export = export.with_partitions(Partitions::spatial());
    export.to(bench.folder()).await.unwrap();
    assert_eq!(bench.files()["part-00000.parquet"].num_rows(), 20);
}
