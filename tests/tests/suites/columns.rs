//! Columns as wholes: nulls, what the service says of a field, and values that do not fit.

use arcgis_export::{Error, Note};
use arcgis_layer::SinkError;
use arcgis_testkit::{Field, FieldType, Layer, Row, Testkit, Value};
use arcgis_tests::Bench;
use arrow_array::types::Int16Type;
use serde_json::json;

use crate::field_types::column;

/// A value of each type, by number.
fn sample(kind: FieldType, number: i64) -> Value {
    match kind {
        FieldType::Single => Value::Single(number as f32 / 8.0),
        FieldType::Double => Value::Double(number as f64 / 8.0),
        FieldType::DateOnly => format!("2024-01-{:02}", number % 28 + 1).into(),
        FieldType::TimeOnly => format!("00:00:{:02}", number % 60).into(),
        FieldType::TimestampOffset => format!("1970-01-01T00:00:{:02}+00:00", number % 60).into(),
        FieldType::Blob => Value::blob(&number.to_le_bytes()),
        FieldType::SmallInteger | FieldType::Integer | FieldType::BigInteger | FieldType::Date => {
            Value::Int(number)
        }
        _ => format!("value {number}").into(),
    }
}

const KINDS: [FieldType; 14] = [
    FieldType::SmallInteger,
    FieldType::Integer,
    FieldType::BigInteger,
    FieldType::Single,
    FieldType::Double,
    FieldType::String,
    FieldType::Date,
    FieldType::DateOnly,
    FieldType::TimeOnly,
    FieldType::TimestampOffset,
    FieldType::Guid,
    FieldType::GlobalId,
    FieldType::Xml,
    FieldType::Blob,
];

fn name(kind: FieldType) -> String {
    kind.esri_name().to_owned()
}

#[tokio::test]
async fn nulls_come_through_in_every_type() {
    // A whole page and more of nulls, then values, then nulls again; and a column that never has any.
    let rows = |id: i64| {
        let null = id <= 11 || id > 20;
        KINDS
            .iter()
            .fold(Row::new().with("OBJECTID", id), |row, &kind| {
                let value = if null { Value::Null } else { sample(kind, id) };
                row.with(name(kind), value)
                    .with(format!("no_{}", name(kind)), Value::Null)
            })
    };
    let layer = KINDS.iter().fold(
        Layer::table("t").with_field(Field::new("OBJECTID", FieldType::Oid)),
        |layer, &kind| {
            layer
                .with_field(Field::new(name(kind), kind))
                .with_field(Field::new(format!("no_{}", name(kind)), kind))
        },
    );
    let bench = Bench::start(
        Testkit::builder().layer(layer.with_max_record_count(7).with_rows((1..=30).map(rows))),
    )
    .await;
    let (_, file) = bench.exported("t").await;
    for kind in KINDS {
        let column = file.column(&name(kind));
        let valid: Vec<_> = (0..30).map(|row| column.is_valid(row)).collect();
        let expected: Vec<_> = (1..=30).map(|id| (12..=20).contains(&id)).collect();
        assert_eq!(valid, expected, "{kind:?}");
        let without = file.column(&format!("no_{}", name(kind)));
        assert_eq!(without.null_count(), 30, "{kind:?}");
        assert_eq!(without.data_type(), column.data_type(), "{kind:?}");
    }
    assert_eq!(
        file.numbers::<Int16Type>("esriFieldTypeSmallInteger")[10..13],
        [None, Some(12), Some(13)]
    );
    assert_eq!(
        file.texts("esriFieldTypeXML")[19..21],
        [Some("value 20"), None]
    );
}

#[tokio::test]
async fn fields_bring_alias_length_and_domain() {
    let domain = json!({"type": "codedValue", "name": "Status", "codedValues": [{"name": "open", "code": 1}, {"name": "Größe", "code": 2}]});
    let range = json!({"type": "range", "name": "Percent", "range": [0, 100]});
    let layer = Layer::table("t")
        .with_field(
            Field::new("S", FieldType::SmallInteger)
                .with_alias("Status of the case")
                .with_domain(domain.clone())
                .with_nullable(false),
        )
        .with_field(Field::new("P", FieldType::Double).with_domain(range.clone()))
        .with_field(Field::new("T", FieldType::String).with_length(40))
        .with_row(Row::new().with("S", 1).with("P", 99.5).with("T", "x"));
    let bench = Bench::start(Testkit::builder().layer(layer)).await;
    let (report, file) = bench.exported("t").await;
    let metadata = |name: &str| file.field(name).metadata().clone();
    assert_eq!(metadata("S")["esri:alias"], "Status of the case");
    assert_eq!(metadata("S")["esri:nullable"], "false");
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&metadata("S")["esri:domain"]).unwrap(),
        domain
    );
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&metadata("P")["esri:domain"]).unwrap(),
        range
    );
    assert_eq!(metadata("T")["esri:length"], "40");
    // Codes stay codes: T60's labels are for readers to look up.
    assert_eq!(file.numbers::<Int16Type>("S"), [Some(1)]);
    let column = report
        .columns
        .iter()
        .find(|column| column.name == "S")
        .unwrap();
    assert_eq!(
        (column.arrow_type.as_str(), column.esri_type.as_deref()),
        ("Int16", Some("esriFieldTypeSmallInteger"))
    );
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_an_error_or_a_counted_null() {
    for (kind, value, shown) in [
        (FieldType::SmallInteger, Value::Int(32_768), "32768"),
        (
            FieldType::Integer,
            Value::Int(-2_147_483_649),
            "-2147483649",
        ),
        (FieldType::Integer, Value::Double(1.5), "1.5"),
        (
            FieldType::BigInteger,
            "9223372036854775808".into(),
            "9223372036854775808",
        ),
        (FieldType::Integer, "seven".into(), "seven"),
        (FieldType::Single, Value::Double(1e39), "1e39"),
        (FieldType::DateOnly, "2023-02-29".into(), "2023-02-29"),
        (FieldType::TimeOnly, "24:00:00".into(), "24:00:00"),
        (
            FieldType::TimestampOffset,
            "2024-01-01T00:00:00".into(),
            "2024-01-01T00:00:00",
        ),
        (FieldType::Blob, "no base64!".into(), "no base64!"),
    ] {
        let good = || sample(kind, 1);
        let layer = column(
            Field::new("V", kind),
            [good(), good(), good(), good(), value.clone(), Value::Null],
        );
        let bench = Bench::start(Testkit::builder().layer(layer)).await;
        let export = bench.export("t").await;
        let error = bench.write(export.clone()).await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains('V') && text.contains(shown),
            "{kind:?}: {text}"
        );
        let mut causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| {
            error.source()
        });
        assert!(
            matches!(error, Error::Layer(arcgis_layer::Error::Answer { .. })),
            "{error:?}"
        );
        assert!(
            causes.any(|cause| matches!(cause.downcast_ref(), Some(SinkError::Misfit { .. }))),
            "{error:?}"
        );
        assert_eq!(bench.files(), [""; 0], "{kind:?}");

        let (report, file) = bench.write(export.with_lenient(true)).await.unwrap();
        let nulls: Vec<_> = (0..6).map(|row| file.column("V").is_null(row)).collect();
        assert_eq!(nulls, [false, false, false, false, true, true], "{kind:?}");
        let misfits: Vec<_> = report
            .misfits
            .iter()
            .map(|misfit| (misfit.column.as_str(), misfit.count))
            .collect();
        assert_eq!(misfits, [("V", 1)], "{kind:?}");
        assert_eq!(
            report.notes,
            [Note::Misfits {
                column: "V".into(),
                count: 1
            }]
        );
    }
}
