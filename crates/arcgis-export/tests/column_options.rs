//! What columns hold, where there is a choice: read back from files and tables.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod pages;

use arcgis_export::{
    ArrowSink, ColumnNames, ColumnOptions, Conversion, DateDisplay, DateZone, DomainValues,
    ExportSchema, GuidType, PageBatch, WriterOptions,
};
use arcgis_layer::{FeatureSink, LayerInfo, Layout, PageSink, ValueRef};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int16Type, Int32Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use parquet::basic::LogicalType;

/// A layer whose metadata is that of Esri's samples of subtypes: KIND 1 is a main, with diameters of its own.
fn layer() -> LayerInfo {
    LayerInfo::from_json(
        br#"{
            "fields": [
                {"name": "OBJECTID", "type": "esriFieldTypeOID"},
                {"name": "STATE", "type": "esriFieldTypeSmallInteger", "alias": "State of it", "domain": {
                    "type": "codedValue", "name": "states", "codedValues": [
                        {"name": "Active", "code": 1}, {"name": "Abandoned", "code": 0}]}},
                {"name": "KIND", "type": "esriFieldTypeInteger", "alias": "state OF it"},
                {"name": "SIZE", "type": "esriFieldTypeString", "domain": {
                    "type": "codedValue", "name": "sizes", "codedValues": [
                        {"name": "Small", "code": "S"}, {"name": "Large", "code": "L"}]}},
                {"name": "ID", "type": "esriFieldTypeGlobalID", "alias": "  "},
                {"name": "SEEN", "type": "esriFieldTypeDate"},
                {"name": "EDITED", "type": "esriFieldTypeDate"},
                {"name": "ODD", "type": "esriFieldTypeQuaternion"}
            ],
            "objectIdField": "OBJECTID",
            "subtypeField": "KIND",
            "subtypes": [
                {"code": 1, "name": "Main", "domains": {"SIZE": {
                    "type": "codedValue", "name": "mains", "codedValues": [{"name": "Main of 300", "code": "L"}]}}},
                {"code": 2, "name": "Branch", "domains": {"SIZE": {"type": "inherited"}}}
            ],
            "editFieldsInfo": {"editDateField": "EDITED"},
            "dateFieldsTimeReference": {"timeZone": "Pacific Standard Time", "timeZoneIANA": "America/Los_Angeles",
                "respectsDaylightSaving": true}
        }"#,
    )
    .unwrap()
}

const GUID: &str = "{0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9}";

fn page(options: ColumnOptions) -> (ExportSchema, PageBatch) {
    let info = layer();
    let layout = Layout::new(info.fields.to_vec()).with_object_id("OBJECTID");
    let schema = ExportSchema::of_layer(&layout, &info, &options);
    let mut page = ArrowSink::new(schema.clone()).page(3);
    let rows = [
        [
            ValueRef::Int(1),
            ValueRef::Int(0),
            ValueRef::Int(1),
            ValueRef::Str("L"),
            ValueRef::Str(GUID),
        ],
        [
            ValueRef::Int(2),
            ValueRef::Int(7),
            ValueRef::Int(2),
            ValueRef::Str("L"),
            ValueRef::Null,
        ],
        [
            ValueRef::Int(3),
            ValueRef::Null,
            ValueRef::Int(9),
            ValueRef::Str("S"),
            ValueRef::Null,
        ],
    ];
    for row in rows {
        for (column, value) in row.into_iter().enumerate() {
            page.attribute(column, value).unwrap();
        }
        page.attribute(5, ValueRef::Int(0)).unwrap();
        page.attribute(6, ValueRef::Int(0)).unwrap();
        page.attribute(7, ValueRef::Str("1+i")).unwrap();
        page.end_row().unwrap();
    }
    (schema, page.into_batch().unwrap())
}

fn file(options: ColumnOptions) -> (RecordBatch, bytes::Bytes, PageBatch) {
    let (schema, page) = page(options);
    let file = pages::write(
        &schema,
        std::slice::from_ref(&page),
        &WriterOptions::default(),
    );
    (pages::read(&file), file, page)
}

fn texts(batch: &RecordBatch, name: &str) -> Vec<Option<String>> {
    let column = batch.column_by_name(name).unwrap().as_string::<i32>();
    column.iter().map(|text| text.map(str::to_owned)).collect()
}

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| Some((*text).to_owned())).collect()
}

fn names(batch: &RecordBatch) -> Vec<String> {
    let schema = batch.schema();
    let fields = schema.fields().iter();
    fields.map(|field| field.name().clone()).collect()
}

#[test]
fn codes_are_what_comes_by_default() {
    let (rows, _, page) = file(ColumnOptions::default());
    let states = rows.column_by_name("STATE").unwrap();
    let states: Vec<_> = states.as_primitive::<Int16Type>().iter().collect();
    assert_eq!(states, [Some(0), Some(7), None]);
    assert_eq!(page.unlisted.total(), 0);
}

#[test]
fn labels_take_the_place_of_codes_and_what_has_none_stays() {
    let (rows, _, page) = file(ColumnOptions::default().with_domains(DomainValues::Label));
    assert_eq!(
        texts(&rows, "STATE"),
        [Some("Abandoned".to_owned()), Some("7".to_owned()), None]
    );
    // The subtype says what an L is; without a domain of its own, and for no subtype, the field does.
    assert_eq!(
        texts(&rows, "SIZE"),
        some(&["Main of 300", "Large", "Small"])
    );
    assert_eq!(texts(&rows, "KIND"), some(&["Main", "Branch", "9"]));
    let unlisted: Vec<_> = page.unlisted.iter().collect();
    assert_eq!(unlisted, [("STATE", 1), ("KIND", 1)]);
}

#[test]
fn labels_may_stand_beside_codes() {
    let (rows, _, page) = file(ColumnOptions::default().with_domains(DomainValues::Both));
    assert_eq!(
        names(&rows)[..7],
        [
            "OBJECTID",
            "STATE",
            "STATE_label",
            "KIND",
            "KIND_label",
            "SIZE",
            "SIZE_label"
        ]
    );
    let kinds = rows.column_by_name("KIND").unwrap();
    let kinds: Vec<_> = kinds.as_primitive::<Int32Type>().iter().collect();
    assert_eq!(kinds, [Some(1), Some(2), Some(9)]);
    let labels = [Some("Main".to_owned()), Some("Branch".to_owned()), None];
    assert_eq!(texts(&rows, "KIND_label"), labels);
    assert_eq!(page.unlisted.total(), 2);
}

#[test]
fn labels_may_be_a_dictionary_in_the_order_of_the_domain() {
    let (rows, ..) = file(ColumnOptions::default().with_domains(DomainValues::Dictionary));
    let states = rows.column_by_name("STATE").unwrap();
    let expected = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    assert_eq!(states.data_type(), &expected);
    let states = states.as_dictionary::<Int32Type>();
    let label = |row: usize| {
        let key = usize::try_from(states.keys().value(row)).unwrap();
        states.values().as_string::<i32>().value(key).to_owned()
    };
    assert_eq!(
        (label(0), label(1)),
        ("Abandoned".to_owned(), "7".to_owned())
    );
    assert!(states.is_null(2));

    // In memory, where nothing encodes it again.
    let answer = br#"{"fields": [{"name": "S", "type": "esriFieldTypeInteger", "domain": {"type": "codedValue",
        "name": "s", "codedValues": [{"name": "b", "code": 2}, {"name": "a", "code": 1}]}}],
        "features": [{"attributes": {"S": 1}}, {"attributes": {"S": 5}}, {"attributes": {"S": null}}]}"#;
    let table = Conversion::new(answer)
        .with_columns(ColumnOptions::default().with_domains(DomainValues::Dictionary))
        .into_table()
        .unwrap();
    let column = table.batch.column(0).as_dictionary::<Int32Type>();
    let values: Vec<_> = column
        .values()
        .as_string::<i32>()
        .iter()
        .flatten()
        .collect();
    assert_eq!(values, ["b", "a", "5"]);
    let keys: Vec<_> = column.keys().iter().collect();
    assert_eq!(keys, [Some(1), Some(2), None]);
    assert_eq!(table.report.unlisted[0].count, 1);
    assert_eq!(table.report.notes[0].kind(), "unlisted-codes");
    assert_eq!(
        table.report.columns[0].arrow_type,
        "Dictionary(Int32, Utf8)"
    );
}

#[test]
fn guids_may_be_uuids() {
    let (rows, file, _) = file(ColumnOptions::default().with_guids(GuidType::Uuid));
    let ids = rows.column_by_name("ID").unwrap().as_fixed_size_binary();
    // The digits of the text, byte by byte.
    let expected = [
        0x0a, 0x1b, 0x2c, 0x3d, 0x4e, 0x5f, 0x60, 0x71, 0x82, 0x93, 0xa4, 0xb5, 0xc6, 0xd7, 0xe8,
        0xf9,
    ];
    assert_eq!(ids.value(0), expected);
    assert!(ids.is_null(1));
    let schema = rows.schema();
    let field = schema.field_with_name("ID").unwrap();
    assert_eq!(field.metadata()["ARROW:extension:name"], "arrow.uuid");
    let metadata = pages::metadata(&file);
    let descriptor = metadata.file_metadata().schema_descr();
    let leaf = descriptor.columns().iter().find(|leaf| leaf.name() == "ID");
    assert_eq!(leaf.unwrap().logical_type_ref(), Some(&LogicalType::Uuid));
    // As text they are letter for letter what came.
    let (rows, ..) = self::file(ColumnOptions::default());
    assert_eq!(texts(&rows, "ID")[0].as_deref(), Some(GUID));
}

#[test]
fn what_is_no_guid_does_not_fit() {
    let info = layer();
    let layout = Layout::new(vec![info.field("ID").unwrap().clone()]);
    let options = ColumnOptions::default().with_guids(GuidType::Uuid);
    let schema = ExportSchema::with_options(&layout, DateZone::Utc, &options);
    for text in [
        "",
        "{0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9",
        "0A1B2C3D4E5F60718293A4B5C6D7E8F",
        "0A1B2C3D-4E5F-6071-8293A-4B5C6D7E8F9",
        "0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8FG",
        "0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F90",
    ] {
        let mut page = ArrowSink::new(schema.clone()).page(1);
        let error = page.attribute(0, ValueRef::Str(text)).unwrap_err();
        assert!(error.to_string().contains("GUID"), "{text}: {error}");
    }
    for text in [
        "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
        " {0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9} ",
    ] {
        let mut page = ArrowSink::new(schema.clone()).page(1);
        page.attribute(0, ValueRef::Str(text)).unwrap();
    }
}

#[test]
fn aliases_may_be_names_and_each_is_there_once() {
    let (rows, ..) = file(ColumnOptions::default().with_names(ColumnNames::Alias));
    assert_eq!(
        names(&rows),
        [
            "OBJECTID",
            "State of it",
            "state OF it_1",
            "SIZE",
            "ID",
            "SEEN",
            "EDITED",
            "ODD"
        ]
    );
    let schema = rows.schema();
    assert_eq!(schema.field(1).metadata()["esri:name"], "STATE");
    assert_eq!(schema.field(2).metadata()["esri:name"], "KIND");
    assert_eq!(schema.field(3).metadata().get("esri:name"), None);
}

#[test]
fn moments_are_shown_in_the_zone_of_the_layer() {
    let zone = |batch: &RecordBatch, name: &str| {
        let column = batch.column_by_name(name).unwrap();
        let DataType::Timestamp(_, zone) = column.data_type().clone() else {
            panic!("{}", column.data_type());
        };
        zone.unwrap().to_string()
    };
    let (rows, ..) = file(ColumnOptions::default());
    assert_eq!(zone(&rows, "SEEN"), "America/Los_Angeles");
    // Who edited when is always in UTC.
    assert_eq!(zone(&rows, "EDITED"), "UTC");
    let (rows, ..) = file(ColumnOptions::default().with_dates(DateDisplay::Utc));
    assert_eq!(zone(&rows, "SEEN"), "UTC");
}

#[test]
fn unknown_types_are_text() {
    let (rows, ..) = file(ColumnOptions::default());
    assert_eq!(texts(&rows, "ODD"), some(&["1+i", "1+i", "1+i"]));
    let answer = br#"{"fields": [{"name": "Q", "type": "esriFieldTypeQuaternion"}],
        "features": [{"attributes": {"Q": 1.5}}]}"#;
    let table = Conversion::new(answer).into_table().unwrap();
    assert_eq!(texts(&table.batch, "Q"), some(&["1.5"]));
    let note = &table.report.notes[0];
    assert_eq!(note.kind(), "unknown-type");
    assert!(
        note.to_string().contains("esriFieldTypeQuaternion"),
        "{note}"
    );
}
