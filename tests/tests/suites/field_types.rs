//! For each Esri field type: what the service holds is what the file holds, value for value, through pages.

use arcgis_testkit::{Field, FieldType, Layer, Quirk, RequestKind, Row, Testkit, Value};
use arcgis_tests::{Bench, Noise, ParquetFile};
use arrow_array::types::{
    Date32Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType,
    TimestampMicrosecondType, TimestampMillisecondType,
};
use arrow_schema::{DataType, TimeUnit};
use serde_json::json;

/// A table of one column `V`, in pages of three rows.
pub(crate) fn column(field: Field, values: impl IntoIterator<Item = Value>) -> Layer {
    Layer::table("t")
        .with_field(Field::new("OBJECTID", FieldType::Oid))
        .with_field(field)
        .with_max_record_count(3)
        .with_rows(
            (1_i64..)
                .zip(values)
                .map(|(id, value)| Row::new().with("OBJECTID", id).with("V", value)),
        )
}

async fn exported(layer: Layer) -> ParquetFile {
    let rows = layer.rows().len();
    let bench = Bench::start(Testkit::builder().layer(layer)).await;
    let (report, file) = bench.exported("t").await;
    assert_eq!(file.rows(), rows);
    assert_eq!(
        file.numbers::<Int64Type>("OBJECTID"),
        (1..=rows as i64).map(Some).collect::<Vec<_>>()
    );
    assert_eq!(bench.count(RequestKind::Features), rows.div_ceil(3));
    assert_eq!(report.notes, []);
    file
}

async fn exported_as(kind: FieldType, values: impl IntoIterator<Item = Value>) -> ParquetFile {
    let file = exported(column(Field::new("V", kind), values)).await;
    assert_eq!(file.field("V").metadata()["esri:type"], kind.esri_name());
    file
}

fn some<T>(values: impl IntoIterator<Item = T>) -> Vec<Option<T>> {
    values.into_iter().map(Some).collect()
}

#[tokio::test]
async fn small_integers_to_their_limits() {
    let values = [
        Some(i16::MIN),
        Some(i16::MAX),
        None,
        Some(0),
        Some(-1),
        None,
        Some(7),
    ];
    let file = exported_as(FieldType::SmallInteger, values.map(Value::from)).await;
    assert_eq!(file.numbers::<Int16Type>("V"), values);
}

#[tokio::test]
async fn integers_to_their_limits() {
    let values = [
        Some(i32::MIN),
        Some(i32::MAX),
        Some(0),
        Some(-1),
        None,
        Some(i32::from(i16::MAX) + 1),
    ];
    let file = exported_as(FieldType::Integer, values.map(Value::from)).await;
    assert_eq!(file.numbers::<Int32Type>("V"), values);
}

#[tokio::test]
async fn t52_big_integers_beyond_what_a_float_can_hold() {
    let odd = 9_007_199_254_740_993; // 2^53 + 1
    let values = [
        Some(i64::MIN),
        Some(i64::MAX),
        Some(odd),
        None,
        Some(-odd),
        Some(0),
        Some(i64::MAX - 1),
    ];
    let file = exported_as(FieldType::BigInteger, values.map(Value::from)).await;
    assert_eq!(file.numbers::<Int64Type>("V"), values);
}

#[tokio::test]
async fn t51_object_ids_of_64_bits() {
    let ids = [
        1,
        2_147_483_648,
        2_147_483_649,
        4_294_967_296,
        9_007_199_254_740_993,
        i64::MAX - 1,
    ];
    let layer = Layer::table("t")
        .with_field(Field::new("FID", FieldType::Oid).with_length(8))
        .with_max_record_count(2)
        // Held in another order than that of the ids.
        .with_rows(ids.iter().rev().map(|id| Row::new().with("FID", *id)));
    let bench = Bench::start(Testkit::builder().layer(layer)).await;
    let (report, file) = bench.exported("t").await;
    assert_eq!(file.numbers::<Int64Type>("FID"), some(ids));
    assert!(!file.field("FID").is_nullable());
    assert_eq!(report.proof.unwrap().level, "object-ids");
}

fn singles() -> Vec<f32> {
    let tiny = f32::from_bits(1);
    let around_one = [1.0 - f32::EPSILON / 2.0, 1.0, 1.0 + f32::EPSILON];
    let mut values = vec![
        f32::MAX,
        f32::MIN,
        f32::MIN_POSITIVE,
        tiny,
        -tiny,
        0.0,
        -0.0,
        0.1,
        16_777_217.0,
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
    ];
    values.extend(around_one);
    let mut noise = Noise::new(32);
    values.extend(
        (0..200)
            .map(|_| f32::from_bits(noise.next_u64() as u32))
            .filter(|value| value.is_finite()),
    );
    values
}

#[tokio::test]
async fn singles_bit_for_bit() {
    let values = singles();
    let file = exported_as(
        FieldType::Single,
        values.iter().map(|value| Value::from(*value)),
    )
    .await;
    let bits = |value: f32| {
        if value.is_nan() {
            u32::MAX
        } else {
            value.to_bits()
        }
    };
    let got: Vec<_> = file
        .numbers::<Float32Type>("V")
        .into_iter()
        .map(|value| bits(value.unwrap()))
        .collect();
    assert_eq!(got, values.into_iter().map(bits).collect::<Vec<_>>());
}

fn doubles() -> Vec<f64> {
    let tiny = f64::from_bits(1);
    let mut values = vec![
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        tiny,
        -tiny,
        0.0,
        -0.0,
        0.1,
        0.1 + 0.2,
        1e23,
        9_007_199_254_740_993.0,
        1e300 / 3.0,
        2.225_073_858_507_201e-308,
        123_456_789.123_456_79,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ];
    let mut noise = Noise::new(64);
    values.extend(
        (0..200)
            .map(|_| f64::from_bits(noise.next_u64()))
            .filter(|value| value.is_finite()),
    );
    values
}

#[tokio::test]
async fn doubles_bit_for_bit() {
    let values = doubles();
    let bits = |value: f64| {
        if value.is_nan() {
            u64::MAX
        } else {
            value.to_bits()
        }
    };
    let expected: Vec<_> = values.iter().copied().map(bits).collect();
    for quirk in [None, Some(Quirk::BareNan)] {
        let mut layer = column(
            Field::new("V", FieldType::Double),
            values.iter().map(|value| Value::from(*value)),
        );
        if let Some(quirk) = quirk {
            layer = layer.with_quirk(quirk);
        }
        let file = exported(layer).await;
        let got: Vec<_> = file
            .numbers::<Float64Type>("V")
            .into_iter()
            .map(|value| bits(value.unwrap()))
            .collect();
        assert_eq!(got, expected, "{quirk:?}");
    }
}

#[tokio::test]
async fn a_double_that_is_whole_comes_without_a_point() {
    let file = exported_as(
        FieldType::Double,
        [Value::Int(3), Value::Int(-40_000_000_000)],
    )
    .await;
    assert_eq!(file.numbers::<Float64Type>("V"), [Some(3.0), Some(-4e10)]);
}

#[tokio::test]
async fn text_of_every_kind() {
    let long: String = "aß漢🌍".chars().cycle().take(4000).collect();
    let values = [
        Some(""),
        Some(" "),
        None,
        Some("null"),
        Some("NaN"),
        Some("Zürich"),
        Some("e\u{301} é"),
        Some("👩‍👩‍👧‍👦 🇨🇭"),
        Some("שלום עולם"),
        Some("\"quoted\" \\ / 'single'"),
        Some("tab\tline\nreturn\r"),
        Some("\u{0}\u{1}\u{1f}\u{7f}"),
        Some("\u{2028}\u{feff}\u{fffd}\u{10ffff}"),
        Some("{\"error\":{\"code\":498}}"),
        Some("]}"),
        Some(long.as_str()),
        None,
        Some("123"),
    ];
    let file = exported_as(FieldType::String, values.map(Value::from)).await;
    assert_eq!(file.texts("V"), values);
}

#[tokio::test]
async fn guids_and_xml_stay_as_they_are() {
    let guids = [
        Some("{C9A23AB5-9B1B-4F4B-B7C2-2C9E4C3F7C3F}"),
        Some("{c9a23ab5-9b1b-4f4b-b7c2-2c9e4c3f7c3f}"),
        None,
        Some("c9a23ab5"),
    ];
    for kind in [FieldType::Guid, FieldType::GlobalId] {
        let file = exported_as(kind, guids.map(Value::from)).await;
        assert_eq!(file.texts("V"), guids);
    }
    let xml = [
        Some("<?xml version=\"1.0\"?><a b=\"1 &amp; 2\">x</a>"),
        None,
        Some("<ä/>"),
    ];
    let file = exported_as(FieldType::Xml, xml.map(Value::from)).await;
    assert_eq!(file.texts("V"), xml);
}

#[tokio::test]
async fn blobs_byte_for_byte() {
    let all: Vec<u8> = (0..=255).collect();
    let large: Vec<u8> = all.iter().copied().cycle().take(100_001).collect();
    let values = [
        Some(all.as_slice()),
        Some(&[]),
        None,
        Some(&[0]),
        Some(&[0xff, 0xfe]),
        Some(large.as_slice()),
    ];
    let file = exported_as(
        FieldType::Blob,
        values.map(|value| value.map_or(Value::Null, Value::blob)),
    )
    .await;
    assert_eq!(file.bytes("V"), values);
}

/// Milliseconds by GNU date: `date -u -d … +%s%3N`.
const DATES: [Option<i64>; 9] = [
    Some(0),
    Some(-1),
    None,
    Some(-62_135_596_800_000), // 0001-01-01
    Some(-9_223_372_036_855), // 1677-09-21T00:12:43.145, the first that 64 bits of nanoseconds cannot hold
    Some(9_223_372_036_855),  // 2262-04-11T23:47:16.855, likewise
    Some(253_402_300_799_999), // 9999-12-31T23:59:59.999
    Some(1_705_320_000_000),  // 2024-01-15T12:00:00, see T59
    Some(-86_400_000),
];

#[tokio::test]
async fn t59_dates_to_the_millisecond() {
    let file = exported_as(FieldType::Date, DATES.map(Value::from)).await;
    assert_eq!(file.numbers::<TimestampMillisecondType>("V"), DATES);
    assert_eq!(
        *file.field("V").data_type(),
        DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
    );
}

#[tokio::test]
async fn dates_of_no_known_zone_claim_none() {
    let layer = column(Field::new("V", FieldType::Date), DATES.map(Value::from))
        .with_metadata_patch(json!({"datesInUnknownTimezone": true}));
    let bench = Bench::start(Testkit::builder().layer(layer)).await;
    let (_, file) = bench.exported("t").await;
    assert_eq!(file.numbers::<TimestampMillisecondType>("V"), DATES);
    assert_eq!(
        *file.field("V").data_type(),
        DataType::Timestamp(TimeUnit::Millisecond, None)
    );
    for kind in [RequestKind::Count, RequestKind::Ids, RequestKind::Features] {
        let request = &bench.service.requests_of(kind)[0];
        assert_eq!(
            request.parameters().get("timeReferenceUnknownClient"),
            Some("true"),
            "{kind:?}"
        );
    }
}

#[tokio::test]
async fn days_without_time() {
    // Days between 1970-01-01 and the day, by the proleptic Gregorian calendar of Python's datetime.
    let days = [
        ("1970-01-01", 0),
        ("1969-12-31", -1),
        ("0001-01-01", -719_162),
        ("1677-09-21", -106_752),
        ("2000-02-29", 11_016),
        ("9999-12-31", 2_932_896),
    ];
    let values = days
        .iter()
        .map(|(text, _)| Value::from(*text))
        .chain([Value::Null]);
    let file = exported_as(FieldType::DateOnly, values).await;
    let expected: Vec<_> = days
        .iter()
        .map(|(_, day)| Some(*day))
        .chain([None])
        .collect();
    assert_eq!(file.numbers::<Date32Type>("V"), expected);
}

#[tokio::test]
async fn times_of_day_with_fractions() {
    let times = [
        ("00:00:00", 0),
        ("23:59:59.999", 86_399_999),
        ("12:30:00", 45_000_000),
        ("00:00:00.001", 1),
        ("01:02:03.4", 3_723_400),
        ("07:05:09.120", 25_509_120),
    ];
    let values = times
        .iter()
        .map(|(text, _)| Value::from(*text))
        .chain([Value::Null]);
    let file = exported_as(FieldType::TimeOnly, values).await;
    let expected: Vec<_> = times
        .iter()
        .map(|(_, time)| Some(*time))
        .chain([None])
        .collect();
    assert_eq!(file.numbers::<Time32MillisecondType>("V"), expected);
}

#[tokio::test]
async fn moments_keep_their_offset() {
    // Seconds by GNU date: `date -u -d … +%s`.
    let moments = [
        ("2024-02-29T12:30:00+05:30", 1_709_190_000_000_000, 330),
        ("2024-02-29T12:30:00.123-08:00", 1_709_238_600_123_000, -480),
        ("1969-12-31T23:59:59.999999Z", -1, 0),
        ("0001-01-01T00:00:00.000+00:00", -62_135_596_800_000_000, 0),
        (
            "9999-12-31T23:59:59.999-01:00",
            253_402_304_399_999_000,
            -60,
        ),
        ("2024-02-29 12:30:00 +14:00", 1_709_159_400_000_000, 840),
    ];
    let values = moments
        .iter()
        .map(|(text, _, _)| Value::from(*text))
        .chain([Value::Null]);
    let file = exported_as(FieldType::TimestampOffset, values).await;
    let instants: Vec<_> = moments
        .iter()
        .map(|moment| Some(moment.1))
        .chain([None])
        .collect();
    let offsets: Vec<_> = moments
        .iter()
        .map(|moment| Some(moment.2))
        .chain([None])
        .collect();
    assert_eq!(file.numbers::<TimestampMicrosecondType>("V"), instants);
    assert_eq!(file.numbers::<Int16Type>("V_offset"), offsets);
    assert_eq!(file.field("V_offset").metadata()["esri:offset_of"], "V");
}
