//! Metadata that are not as documented. In a process of its own: what was told once is not told again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use arcgis_layer::LayerInfo;
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Keeps which member each warning is about, and what came.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<(String, String)>>>);

#[derive(Default)]
struct Said(String, String);

impl Visit for Said {
    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "member" => self.0 = value.to_owned(),
            "came" => self.1 = value.to_owned(),
            _ => {}
        }
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut said = Said::default();
        event.record(&mut said);
        self.0.lock().unwrap().push((said.0, said.1));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn read(document: &Value) -> LayerInfo {
    LayerInfo::from_json(document.to_string().as_bytes()).unwrap()
}

#[test]
fn t54_drift_is_told_once_and_unknown_members_are_kept() {
    let warnings = Warnings::default();
    let _guard = tracing::subscriber::set_default(warnings.clone());
    let said = || std::mem::take(&mut *warnings.0.lock().unwrap());
    let pair = |member: &str, came: &str| (member.to_owned(), came.to_owned());

    // Nothing is wrong with texts in place of numbers and flags, nor with nulls and members of another day.
    let sound = json!({
        "name": "Wells", "type": "Table", "maxRecordCount": "2000", "hasZ": "false", "currentVersion": "11.3",
        "extent": null, "fields": [], "sinceVersion99": {"a": [1, 9_007_199_254_740_993_i64]}
    });
    let info = read(&sound);
    assert_eq!(said(), []);
    assert_eq!(info.document["sinceVersion99"], sound["sinceVersion99"]);
    assert_eq!(Value::Object((*info.document).clone()), sound);

    let mut odd = sound.clone();
    odd["maxRecordCount"] = json!([2000]);
    odd["hasZ"] = json!("perhaps");
    let info = read(&odd);
    assert_eq!((info.max_record_count, info.has_z), (None, false));
    assert_eq!(
        said(),
        [pair("maxRecordCount", "a list"), pair("hasZ", "text")]
    );
    // The same again, be it of another layer, says nothing; another type does.
    odd["name"] = json!("Others");
    read(&odd);
    assert_eq!(said(), []);
    odd["maxRecordCount"] = json!({});
    read(&odd);
    assert_eq!(said(), [pair("maxRecordCount", "an object")]);
}
