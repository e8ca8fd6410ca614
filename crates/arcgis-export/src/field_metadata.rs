//! What a service says of a field, as metadata of its Arrow field.

use std::collections::HashMap;

use arcgis_layer::{CodedValue, Domain, Field, FieldType};
use serde::Serialize;

pub(crate) fn field_metadata(field: &Field) -> HashMap<String, String> {
    let name = match &field.field_type {
        FieldType::Other(name) => name.clone(),
        known => format!("esriFieldType{}", known.name()),
    };
    let mut metadata = HashMap::from([
        ("esri:type".to_owned(), name),
        ("esri:nullable".to_owned(), field.nullable.to_string()),
    ]);
    if let Some(alias) = &field.alias {
        metadata.insert("esri:alias".to_owned(), alias.clone());
    }
    if let Some(length) = field.length {
        metadata.insert("esri:length".to_owned(), length.to_string());
    }
    if let Some(domain) = field.domain.as_ref().and_then(domain_json) {
        metadata.insert("esri:domain".to_owned(), domain);
    }
    metadata
}

/// A domain as ArcGIS writes it.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum DomainJson<'a> {
    #[serde(rename_all = "camelCase")]
    CodedValue {
        name: &'a str,
        coded_values: Vec<CodedValueJson<'a>>,
    },
    Range {
        name: &'a str,
        range: [&'a serde_json::Value; 2],
    },
    Inherited,
}

#[derive(Serialize)]
struct CodedValueJson<'a> {
    name: &'a str,
    code: &'a serde_json::Value,
}

fn domain_json(domain: &Domain) -> Option<String> {
    let domain = match domain {
        Domain::CodedValue { name, values } => DomainJson::CodedValue {
            name,
            coded_values: values
                .iter()
                .map(|CodedValue { code, name }| CodedValueJson { name, code })
                .collect(),
        },
        Domain::Range { name, min, max } => DomainJson::Range {
            name,
            range: [min, max],
        },
        Domain::Inherited => DomainJson::Inherited,
        _ => return None,
    };
    serde_json::to_string(&domain).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn domains_are_written_as_arcgis_writes_them() {
        assert_eq!(
            domain_json(&Domain::Range {
                name: "R".to_owned(),
                min: json!(0),
                max: json!(1.5)
            })
            .unwrap(),
            r#"{"type":"range","name":"R","range":[0,1.5]}"#
        );
        assert_eq!(
            domain_json(&Domain::Inherited).unwrap(),
            r#"{"type":"inherited"}"#
        );
    }
}
