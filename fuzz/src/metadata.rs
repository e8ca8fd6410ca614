//! A layer's metadata, as any server may write it.
//!
//! A case is the document. What `serde_json` reads as an object without an error is metadata, whatever its members are;
//! its fields are those that have a name there, and queries and columns can be made of them.

use arcgis_export::{ColumnOptions, ExportSchema};
use arcgis_layer::{Error, LayerInfo, Query};
use serde_json::Value;

/// Reads any bytes.
pub fn metadata(data: &[u8]) {
    let read = LayerInfo::from_json(data);
    let value: Option<Value> = serde_json::from_slice(data).ok();
    let info = match (read, value) {
        (Ok(info), Some(Value::Object(members))) => {
            assert_eq!(
                info.name.as_str(),
                members
                    .get("name")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            );
            let fields = members.get("fields").and_then(Value::as_array);
            let named = fields.into_iter().flatten().filter(|field| {
                let name = field.get("name").and_then(Value::as_str);
                name.is_some_and(|name| !name.is_empty())
            });
            assert!(info.fields.len() <= named.count());
            info
        }
        (Ok(_), Some(other)) => panic!("{other:?} is no metadata"),
        // As servers write it: with a bare NaN.
        (Ok(info), None) => info,
        (Err(Error::Service(_)), Some(Value::Object(members))) => {
            assert!(members.contains_key("error") || members.contains_key("status"));
            return;
        }
        (Err(_), Some(Value::Object(members))) => {
            panic!("an object is refused: {members:?}")
        }
        (Err(_), _) => return,
    };
    let Ok(query) = Query::new().resolve(&info) else {
        return;
    };
    let layout = query.layout();
    let schema = ExportSchema::of_layer(layout, &info, &ColumnOptions::default());
    assert!(schema.table().fields().len() >= layout.fields.len());
    let names: std::collections::HashSet<_> = schema
        .file()
        .fields()
        .iter()
        .map(|field| field.name())
        .collect();
    assert_eq!(
        names.len(),
        schema.file().fields().len(),
        "names come twice"
    );
}
