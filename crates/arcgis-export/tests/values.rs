//! Values of every type, into a file and out of it again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod pages;

use arcgis_export::{ArrowSink, DateZone, ExportSchema, WriterOptions};
use arcgis_layer::{FeatureSink, Field, FieldType, Layout, PageSink, SinkError, ValueRef};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType,
    TimestampMicrosecondType, TimestampMillisecondType,
};
use arrow_array::{Array, ArrowPrimitiveType};
use arrow_schema::{DataType, TimeUnit};

use ValueRef::{Bool, Float, Int, Null, Str};

/// Writes values of a type and reads them back; the schema must survive too.
fn through(
    field_type: FieldType,
    zone: DateZone,
    values: &[ValueRef<'_>],
) -> arrow_array::RecordBatch {
    let schema = pages::column(field_type, zone);
    let page = pages::values(&schema, values, false).unwrap();
    let batch = pages::read(&pages::write(&schema, &[page], &WriterOptions::default()));
    assert_eq!(batch.schema().fields(), schema.file().fields());
    batch
}

fn numbers<T: ArrowPrimitiveType>(
    field_type: FieldType,
    values: &[ValueRef<'_>],
) -> Vec<Option<T::Native>> {
    let batch = through(field_type, DateZone::Utc, values);
    batch.column(0).as_primitive::<T>().iter().collect()
}

fn misfit(field_type: FieldType, value: ValueRef<'_>) {
    let schema = pages::column(field_type.clone(), DateZone::Utc);
    match pages::values(&schema, &[Null, value], false) {
        Err(SinkError::Misfit { column, .. }) => assert_eq!(column, "value"),
        other => panic!("{field_type}: {value:?} became {other:?}"),
    }
    let page = pages::values(&schema, &[Null, value], true).unwrap();
    assert_eq!(
        page.batch.column(0).null_count(),
        2,
        "{field_type}: {value:?}"
    );
    assert_eq!(page.misfits.iter().collect::<Vec<_>>(), [("value", 1)]);
}

#[test]
fn whole_numbers_keep_every_bit() {
    assert_eq!(
        numbers::<Int16Type>(
            FieldType::SmallInteger,
            &[
                Int(-32_768),
                Int(32_767),
                Null,
                Str(" 12 "),
                Float(-1.0),
                Bool(true)
            ]
        ),
        [
            Some(-32_768),
            Some(32_767),
            None,
            Some(12),
            Some(-1),
            Some(1)
        ]
    );
    assert_eq!(
        numbers::<Int32Type>(
            FieldType::Integer,
            &[Int(-2_147_483_648), Int(2_147_483_647), Null, Str("1e3")]
        ),
        [Some(i32::MIN), Some(i32::MAX), None, Some(1000)]
    );
    for field_type in [FieldType::BigInteger, FieldType::Oid] {
        assert_eq!(
            numbers::<Int64Type>(
                field_type,
                &[
                    Int(i64::MIN),
                    Int(i64::MAX),
                    Int(9_007_199_254_740_993),
                    Str("9007199254740993"),
                    Float(9_007_199_254_740_992.0),
                    Null,
                ]
            ),
            [
                Some(i64::MIN),
                Some(i64::MAX),
                Some(9_007_199_254_740_993),
                Some(9_007_199_254_740_993),
                Some(9_007_199_254_740_992),
                None,
            ]
        );
    }
    for (field_type, value) in [
        (FieldType::SmallInteger, Int(32_768)),
        (FieldType::SmallInteger, Int(-32_769)),
        (FieldType::Integer, Int(2_147_483_648)),
        (FieldType::Integer, Float(0.5)),
        (FieldType::Integer, Float(f64::NAN)),
        (FieldType::Integer, Float(f64::INFINITY)),
        (FieldType::Integer, Str("")),
        (FieldType::Integer, Str("twelve")),
        (FieldType::Integer, Str("NaN")),
        // A float of this size may stand for any of several whole numbers.
        (FieldType::BigInteger, Float(9_007_199_254_740_994.0)),
        (FieldType::BigInteger, Str("9223372036854775808")),
    ] {
        misfit(field_type, value);
    }
}

#[test]
fn floats_keep_every_bit() {
    let values = [
        Float(f64::MIN_POSITIVE),
        Float(f64::MAX),
        Float(-0.0),
        Float(0.1),
        Int(7),
        Str("-2.5"),
        Float(f64::NEG_INFINITY),
        Str("Infinity"),
        Float(5e-324),
    ];
    let expected = [
        f64::MIN_POSITIVE,
        f64::MAX,
        -0.0,
        0.1,
        7.0,
        -2.5,
        f64::NEG_INFINITY,
        f64::INFINITY,
        5e-324,
    ];
    let read = numbers::<Float64Type>(FieldType::Double, &values);
    let bits: Vec<u64> = read
        .into_iter()
        .map(|value| value.unwrap().to_bits())
        .collect();
    assert_eq!(bits, expected.map(f64::to_bits));
    let nan = numbers::<Float64Type>(FieldType::Double, &[Float(f64::NAN), Str("NaN"), Null]);
    assert!(nan[0].unwrap().is_nan() && nan[1].unwrap().is_nan() && nan[2].is_none());

    assert_eq!(
        numbers::<Float32Type>(
            FieldType::Single,
            &[
                Float(0.1),
                Float(0.100_000_001_490_116_12),
                Float(3.402_823_466_385_288_6e38)
            ]
        ),
        [Some(0.1), Some(0.1), Some(f32::MAX)]
    );
    assert!(
        numbers::<Float32Type>(FieldType::Single, &[Float(f64::NAN)])[0]
            .unwrap()
            .is_nan()
    );
    misfit(FieldType::Single, Float(1e39));
    misfit(FieldType::Double, Str("1,5"));
    misfit(FieldType::Double, Str(""));
}

#[test]
fn text_is_text() {
    let long = "ä🦀".repeat(2_000);
    for field_type in [
        FieldType::String,
        FieldType::Xml,
        FieldType::Guid,
        FieldType::GlobalId,
        FieldType::Other("esriFieldTypeColour".to_owned()),
    ] {
        let batch = through(
            field_type,
            DateZone::Utc,
            &[
                Str(&long),
                Str(""),
                Null,
                Str("a\u{0}b\n\"'\u{10ffff}"),
                Int(-5),
                Float(1.5),
                Bool(false),
                Str("{6B29FC40-CA47-1067-B31D-00DD010662DA}"),
            ],
        );
        assert_eq!(
            batch
                .column(0)
                .as_string::<i32>()
                .iter()
                .collect::<Vec<_>>(),
            [
                Some(long.as_str()),
                Some(""),
                None,
                Some("a\u{0}b\n\"'\u{10ffff}"),
                Some("-5"),
                Some("1.5"),
                Some("false"),
                Some("{6B29FC40-CA47-1067-B31D-00DD010662DA}"),
            ]
        );
    }
}

#[test]
fn bytes_come_from_base64() {
    // RFC 4648, section 10.
    let batch = through(
        FieldType::Blob,
        DateZone::Utc,
        &[Str("Zm9vYmFy"), Str("Zm8="), Str(""), Null],
    );
    assert_eq!(
        batch
            .column(0)
            .as_binary::<i32>()
            .iter()
            .collect::<Vec<_>>(),
        [Some(&b"foobar"[..]), Some(b"fo"), Some(b""), None]
    );
    misfit(FieldType::Blob, Str("Zm8"));
    misfit(FieldType::Blob, Int(1));
}

#[test]
fn dates_are_milliseconds() {
    let values = [
        Int(-1),
        Int(0),
        // 9999-12-31T23:59:59Z and 1677-01-01, beyond what nanoseconds hold.
        Int(253_402_300_799_000),
        Int(-9_246_096_000_000),
        Float(-0.5),
        Float(1.9),
        Str("1700000000000"),
        Str("2023-11-14T22:13:20Z"),
        Null,
    ];
    let expected = [
        Some(-1),
        Some(0),
        Some(253_402_300_799_000),
        Some(-9_246_096_000_000),
        Some(-1),
        Some(1),
        Some(1_700_000_000_000),
        Some(1_700_000_000_000),
        None,
    ];
    for (zone, name) in [(DateZone::Utc, Some("UTC")), (DateZone::Unknown, None)] {
        let batch = through(FieldType::Date, zone, &values);
        assert_eq!(
            batch.column(0).data_type(),
            &DataType::Timestamp(TimeUnit::Millisecond, name.map(Into::into))
        );
        let read = batch.column(0).as_primitive::<TimestampMillisecondType>();
        assert_eq!(read.iter().collect::<Vec<_>>(), expected);
    }
    for value in [
        Float(f64::NAN),
        Str("soon"),
        Str("20240131"),
        Bool(true),
        Float(1e300),
    ] {
        misfit(FieldType::Date, value);
    }
}

#[test]
fn days_times_and_offsets() {
    assert_eq!(
        numbers::<Date32Type>(
            FieldType::DateOnly,
            &[Str("1969-12-31"), Str("9999-12-31"), Null, Int(86_400_000)]
        ),
        [Some(-1), Some(2_932_896), None, Some(1)]
    );
    assert_eq!(
        numbers::<Time32MillisecondType>(
            FieldType::TimeOnly,
            &[Str("00:00:00"), Str("23:59:59.999"), Null]
        ),
        [Some(0), Some(86_399_999), None]
    );
    let batch = through(
        FieldType::TimestampOffset,
        DateZone::Utc,
        &[Str("2023-02-02T13:34:18.123-08:00"), Null, Int(1_000)],
    );
    let instants = batch.column(0).as_primitive::<TimestampMicrosecondType>();
    assert_eq!(
        instants.iter().collect::<Vec<_>>(),
        [Some(1_675_373_658_123_000), None, Some(1_000_000)]
    );
    assert_eq!(batch.schema().field(1).name(), "value_offset");
    let offsets = batch.column(1).as_primitive::<Int16Type>();
    assert_eq!(offsets.iter().collect::<Vec<_>>(), [Some(-480), None, None]);

    for (field_type, value) in [
        (FieldType::DateOnly, Int(1)),
        (FieldType::DateOnly, Str("2024-13-01")),
        (FieldType::TimeOnly, Str("25:00:00")),
        (FieldType::TimeOnly, Int(0)),
        (FieldType::TimestampOffset, Str("2023-02-02T13:34:18")),
    ] {
        misfit(field_type, value);
    }
}

#[test]
fn the_object_id_is_never_null() {
    let layout = Layout::new(vec![Field::new("FID", FieldType::Oid)]).with_object_id("FID");
    let schema = ExportSchema::new(&layout, DateZone::Utc);
    assert!(!schema.file().field(0).is_nullable());
    for lenient in [false, true] {
        for value in [Null, Str("x")] {
            let mut page = ArrowSink::new(schema.clone()).with_lenient(lenient).page(1);
            assert!(page.attribute(0, value).is_err());
        }
        let mut page = ArrowSink::new(schema.clone()).with_lenient(lenient).page(1);
        page.attribute(0, Str("7")).unwrap();
        page.end_row().unwrap();
        assert_eq!(page.rows(), 1);
    }
}

#[test]
fn a_misfit_is_named_with_its_column() {
    let schema = pages::column(FieldType::Integer, DateZone::Utc);
    let error = pages::values(&schema, &[Str("twelve")], false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column value: 'twelve' is no whole number between -2147483648 and 2147483647"
    );
}

#[test]
fn rows_are_chosen_with_their_misfits() {
    let schema = pages::column(FieldType::Integer, DateZone::Utc);
    let sink = ArrowSink::new(schema).with_lenient(true);
    let page = |values: &[ValueRef<'_>]| {
        let mut page = sink.page(values.len());
        for value in values {
            page.attribute(0, *value).unwrap();
            page.end_row().unwrap();
        }
        page
    };
    let pages = vec![page(&[Int(1), Str("x"), Int(3)]), page(&[Str("y"), Int(5)])];
    let chosen = sink.select(pages, &[(1, 1), (0, 0), (1, 0)]).unwrap();
    assert_eq!(chosen.rows(), 3);
    let page = chosen.into_batch().unwrap();
    let values = page.batch.column(0).as_primitive::<Int32Type>();
    assert_eq!(values.iter().collect::<Vec<_>>(), [Some(5), Some(1), None]);
    assert_eq!(page.misfits.total(), 1);
    let page = sink.page(0);
    assert!(sink.select(vec![page], &[(0, 0)]).is_err());
}

#[test]
fn rows_without_a_value_for_each_column_are_refused() {
    let schema = pages::column(FieldType::Integer, DateZone::Utc);
    let sink = ArrowSink::new(schema);
    let mut page = sink.page(1);
    page.end_row().unwrap();
    assert!(page.into_batch().is_err());
    let mut page = sink.page(1);
    assert!(page.attribute(1, Int(1)).is_err());
}

#[test]
fn tables_are_plain_parquet_and_empty_ones_keep_their_columns() {
    let schema = pages::column(FieldType::Double, DateZone::Utc);
    let file = pages::write(&schema, &[], &WriterOptions::default());
    let batch = pages::read(&file);
    assert_eq!(batch.num_rows(), 0);
    assert_eq!(batch.schema().fields(), schema.file().fields());
    assert_eq!(pages::footer(&file, "geo"), None);
    assert_eq!(pages::footer(&file, "arcgis:rows").unwrap(), "0");
}
