//! Domains and subtypes: which codes a field has in which rows, and what they mean.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use arcgis_layer::{Domain, LayerInfo};
use serde_json::{Value, json};

fn domain(codes: &[(Value, &str)]) -> Value {
    let values: Vec<Value> = codes
        .iter()
        .map(|(code, name)| json!({"code": code, "name": name}))
        .collect();
    json!({"type": "codedValue", "name": "d", "codedValues": values})
}

fn fields() -> Value {
    json!([
        {"name": "KIND", "type": "esriFieldTypeInteger"},
        {"name": "STATE", "type": "esriFieldTypeInteger", "domain": domain(&[(json!(1), "Active"), (json!(2), "Closed")])},
        {"name": "DEPTH", "type": "esriFieldTypeDouble", "domain": {"type": "range", "name": "r", "range": [0, 100.5]}},
        {"name": "OWNER", "type": "esriFieldTypeString"}
    ])
}

fn info(more: Value) -> LayerInfo {
    let mut document = json!({"fields": fields()});
    for (name, value) in more.as_object().unwrap() {
        document[name] = value.clone();
    }
    LayerInfo::from_json(document.to_string().as_bytes()).unwrap()
}

#[test]
fn t60_codes_have_names_and_names_codes() {
    let info = info(json!({}));
    let state = info.domain("state", None).unwrap();
    assert_eq!(state.label(&json!(1)), Some("Active"));
    assert_eq!(state.label(&json!(1.0)), Some("Active"));
    assert_eq!(state.label(&json!("2")), Some("Closed"));
    assert_eq!(state.label(&json!(99)), None);
    assert_eq!(state.label(&Value::Null), None);
    assert_eq!(state.code("Closed"), Some(&json!(2)));
    assert_eq!(state.code("closed"), None);
    assert_eq!(
        (state.allows(&json!(2)), state.allows(&json!(3))),
        (Some(true), Some(false))
    );
    let depth = info.domain("DEPTH", None).unwrap();
    assert_eq!(depth.label(&json!(5)), None);
    assert_eq!(depth.allows(&json!(100.5)), Some(true));
    assert_eq!(depth.allows(&json!(100.6)), Some(false));
    assert_eq!(depth.allows(&json!("deep")), None);
    assert!(info.domain("OWNER", None).is_none());
    assert!(info.domain("Ghost", None).is_none());
    assert_eq!(info.label("STATE", &json!(1), None), Some("Active"));
    assert_eq!(info.label("STATE", &json!(99), None), None);
    // Big codes are not confused by way of floats.
    let big = domain(&[
        (json!(9_007_199_254_740_993_i64), "odd"),
        (json!(9_007_199_254_740_992_i64), "even"),
    ]);
    let big = Domain::from_json(&big).unwrap();
    assert_eq!(big.label(&json!(9_007_199_254_740_992_i64)), Some("even"));
}

/// The same subtypes, in the newer and the older form.
fn both_forms() -> [LayerInfo; 2] {
    let wells = json!({"STATE": domain(&[(json!(1), "Flowing")]), "owner": {"type": "inherited"}});
    let pumps = json!({"state": {"type": "inherited"}, "OWNER": domain(&[(json!("t"), "Town")])});
    [
        info(json!({
            "subtypeField": "kind", "defaultSubtypeCode": 10,
            "subtypes": [
                {"code": 10, "name": "Well", "domains": wells, "defaultValues": {"STATE": 1}},
                {"code": 20, "name": "Pump", "domains": pumps},
                {"name": "no code"}
            ],
            // Drawing types beside subtypes are something else.
            "typeIdField": "OWNER", "types": [{"id": "x", "name": "Drawn so", "domains": {}}]
        })),
        info(json!({
            "typeIdField": "kind",
            "types": [
                {"id": 10, "name": "Well", "domains": wells,
                 "templates": [{"prototype": {"attributes": {"STATE": 1}}}]},
                {"id": "20", "name": "Pump", "domains": pumps}
            ]
        })),
    ]
}

#[test]
fn t60_subtypes_have_domains_of_their_own() {
    for info in both_forms() {
        let subtypes = info.subtypes.as_ref().unwrap();
        assert_eq!((subtypes.field.as_str(), subtypes.types.len()), ("KIND", 2));
        assert_eq!(subtypes.get(&json!(20)).unwrap().name, "Pump");
        assert_eq!(subtypes.types[0].default_values["STATE"], json!(1));
        let label = |field: &str, value: Value, subtype: Value| {
            info.label(field, &value, Some(&subtype)).map(str::to_owned)
        };
        assert_eq!(
            label("STATE", json!(1), json!(10)).as_deref(),
            Some("Flowing")
        );
        // The subtype's list takes the place of the field's.
        assert_eq!(label("STATE", json!(2), json!(10)), None);
        assert_eq!(
            label("STATE", json!(1), json!(20)).as_deref(),
            Some("Active")
        );
        assert_eq!(
            label("STATE", json!(1), json!(30)).as_deref(),
            Some("Active")
        );
        assert_eq!(
            label("OWNER", json!("t"), json!(20)).as_deref(),
            Some("Town")
        );
        assert_eq!(label("OWNER", json!("t"), json!(10)), None);
        assert_eq!(label("KIND", json!(10), json!(10)).as_deref(), Some("Well"));
        assert_eq!(label("KIND", Value::Null, Value::Null), None);
    }
    let [newer, _] = both_forms();
    assert_eq!(newer.subtypes.unwrap().default_code, Some(json!(10)));
    assert!(
        info(json!({"typeIdField": "", "types": []}))
            .subtypes
            .is_none()
    );
    assert!(
        info(json!({"typeIdField": "KIND", "types": null}))
            .subtypes
            .is_none()
    );
}
