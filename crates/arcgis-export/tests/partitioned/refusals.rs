//! What is refused before anything is asked for.

use arcgis_export::{
    BatchLimits, Error, FileFormat, LocalFile, PartitionError, PartitionFolder, Partitions,
    RowOrder, Spool, SpoolPlan, WriterOptions,
};
use arcgis_layer::Query;
use arcgis_testkit::{Field, FieldType, Layer as Served, RequestKind, Row};

use crate::bench::{Bench, three, towns};

/// What an export says, which must not have asked for rows, their number or their ids.
async fn refused(bench: &Bench, partitions: Partitions, query: Query) -> Error {
    let export = bench.export().await.with_query(query);
    bench.server.clear_requests();
    let error = export
        .with_partitions(partitions)
        .to(bench.folder())
        .await
        .unwrap_err();
    assert!(bench.server.requests().is_empty(), "{error}");
    assert!(bench.names().is_empty(), "{error}");
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_are_not_fit_for_it() {
    let bench = Bench::of(three(10)).await;
    for (field, reason) in [
        ("SHARE", "numbers with fractions"),
        ("SEEN", "moments"),
        ("OBJECTID", "it is the object id"),
        ("geometry", "it is the geometry"),
    ] {
        let error = refused(&bench, Partitions::by_field(field), Query::new()).await;
        assert!(
            matches!(&error, Error::Partition(PartitionError::Unsuited { .. })),
            "{error:?}"
        );
        assert!(error.to_string().contains(reason), "{error}");
    }
    for field in ["STATES", "bbox", ""] {
        let error = refused(&bench, Partitions::by_field(field), Query::new()).await;
        assert_eq!(
            error.to_string(),
            format!("the file has no column {field} to partition rows by; it has STATE, KIND, DAY")
        );
    }
    let twice = Partitions::by_fields(["STATE", "state"]);
    let error = refused(&bench, twice, Query::new()).await;
    assert!(error.to_string().contains("named twice"), "{error}");
    let none = Partitions::by_fields([""; 0]);
    refused(&bench, none, Query::new()).await;
    let others = Query::new().with_fields(["KIND"]);
    let error = refused(&bench, Partitions::by_field("STATE"), others).await;
    assert!(error.to_string().ends_with("it has KIND"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_without_a_place_or_in_another_order() {
    let bench = Bench::of(three(10)).await;
    let without = Query::new().without_geometry();
    let error = refused(&bench, Partitions::spatial(), without).await;
    assert_eq!(
        error.to_string(),
        "rows cannot be partitioned spatially: they have no geometry"
    );
    let table = Served::table("towns")
        .with_field(Field::new("A", FieldType::Integer))
        .with_row(Row::new().with("A", 1));
    let error = refused(&Bench::of(table).await, Partitions::spatial(), Query::new()).await;
    assert!(matches!(
        error,
        Error::Partition(PartitionError::NotSpatial { .. })
    ));
    for order in [RowOrder::Id, RowOrder::None] {
        let error = bench
            .export()
            .await
            .with_writer(WriterOptions::default().with_order(order))
            .with_partitions(Partitions::spatial())
            .to(bench.folder())
            .await
            .unwrap_err();
        assert!(error.to_string().contains("order"), "{error}");
    }
    assert!(bench.names().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn places_and_formats_that_do_not_go_with_it() {
    let bench = Bench::of(three(10)).await;
    let by_state = || Partitions::by_field("STATE");
    bench.server.clear_requests();
    let export = bench.export().await.with_partitions(by_state());
    let one_file = LocalFile::new(bench.place().join("a.parquet"));
    let error = export.clone().to(one_file).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("a dataset in several files is not for"),
        "{error}"
    );
    let error = export.clone().into_table().await.unwrap_err();
    assert!(error.to_string().contains("a table in memory"), "{error}");
    let error = export
        .clone()
        .into_stream(BatchLimits::default())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("a stream of batches"), "{error}");
    let as_csv = export.clone().with_format(FileFormat::Csv);
    let error = as_csv.to(bench.folder()).await.unwrap_err();
    assert!(error.to_string().ends_with("is not for CSV"), "{error}");
    let no_spool = |_: &SpoolPlan| -> Result<Box<dyn Spool>, Error> { Err(Error::WriterStopped) };
    let spooled = export.with_spool(no_spool);
    let error = spooled.to(bench.folder()).await.unwrap_err();
    assert!(
        error.to_string().contains("a spool of one's own"),
        "{error}"
    );
    let error = bench.export().await.to(bench.folder()).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("a dataset in one file is not for the folder"),
        "{error}"
    );
    let counted = bench.server.requests_of(RequestKind::Features);
    assert!(counted.is_empty());
    assert!(bench.names().is_empty());
    // A name that promises another format is only a name here.
    let csv = PartitionFolder::new(bench.place().join("a.csv"));
    let export = bench.export().await.with_partitions(by_state());
    export.to(csv).await.unwrap();
}

/// These show when the rows come, and leave nothing either.
#[tokio::test(flavor = "multi_thread")]
async fn too_many_values_and_too_long_ones() {
    let texts: Vec<String> = (0..12_000).map(|n| format!("v{n}")).collect();
    let layer = towns(texts.iter().map(|text| Some(text.as_str()))).with_max_record_count(1_000);
    let bench = Bench::of(layer).await;
    let error = bench.cut(Partitions::by_field("STATE")).await.unwrap_err();
    assert!(
        matches!(&error, Error::Partition(PartitionError::TooMany { fields }) if fields == &["STATE"]),
        "{error}"
    );
    assert!(bench.names().is_empty());
    let long = "long ".repeat(40);
    let bench = Bench::of(towns([Some("a"), Some(long.as_str())])).await;
    let error = bench.cut(Partitions::by_field("STATE")).await.unwrap_err();
    assert!(error.to_string().contains("long long long"), "{error}");
    assert!(bench.names().is_empty());
}
