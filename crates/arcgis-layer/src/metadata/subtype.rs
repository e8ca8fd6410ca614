//! Subtypes, and which domain a field has in each.

use std::collections::BTreeMap;

use serde_json::Value;

use super::LayerInfo;
use super::document::{Members, integer};
use crate::field::{CodedValue, Domain};

/// The subtypes of a layer: rows are of the one whose code stands in a field.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Subtypes {
    /// The field of the codes, in the case that the fields have.
    pub field: String,
    /// The code of new rows.
    pub default_code: Option<Value>,
    /// The subtypes, in the server's order.
    pub types: Vec<Subtype>,
}

/// One subtype.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Subtype {
    /// The value in the rows: a number, or text in the older `types`.
    pub code: Value,
    /// Its name for people.
    pub name: String,
    /// The domains that take the place of those of the fields, by field. [`Domain::Inherited`] is that of the field.
    pub domains: BTreeMap<String, Domain>,
    /// The values of fields in new rows.
    pub default_values: BTreeMap<String, Value>,
}

impl Subtypes {
    pub(super) fn read(top: Members<'_>, field: impl Fn(&str) -> String) -> Option<Self> {
        let (name, list, code) = match top.text("subtypeField") {
            Some(name) if !top.list("subtypes").is_empty() => (name, "subtypes", "code"),
            _ => (top.text("typeIdField")?, "types", "id"),
        };
        let types: Vec<Subtype> = top
            .list(list)
            .iter()
            .filter_map(|entry| Subtype::read(Members::of(entry)?, code, &field))
            .collect();
        (!types.is_empty()).then(|| Self {
            field: field(name),
            default_code: top.get("defaultSubtypeCode").cloned(),
            types,
        })
    }

    /// The subtype with that code; numbers count by value, also as text.
    #[must_use]
    pub fn get(&self, code: &Value) -> Option<&Subtype> {
        self.types
            .iter()
            .find(|subtype| same_code(&subtype.code, code))
    }
}

impl Subtype {
    fn read(entry: Members<'_>, code: &str, field: impl Fn(&str) -> String) -> Option<Self> {
        let code = entry
            .get(code)
            .filter(|code| code.is_number() || code.is_string())?
            .clone();
        let domains = entry.object("domains").map(|domains| {
            domains
                .iter()
                .filter_map(|(name, domain)| Some((field(name), Domain::from_json(domain)?)))
                .collect()
        });
        let default_values = entry
            .object("defaultValues")
            .or_else(|| {
                // The older form has them in the templates of the type.
                let template = entry.list("templates").first().and_then(Members::of)?;
                template.object("prototype")?.object("attributes")
            })
            .map(|values| {
                values
                    .iter()
                    .map(|(name, value)| (field(name), value.clone()))
                    .collect()
            });
        Some(Self {
            code,
            name: entry.string("name").unwrap_or_default(),
            domains: domains.unwrap_or_default(),
            default_values: default_values.unwrap_or_default(),
        })
    }
}

/// Whether two codes are the same: numbers by value, a number and its text too.
pub(crate) fn same_code(a: &Value, b: &Value) -> bool {
    if a == b {
        return true;
    }
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a == b,
            _ => a.as_f64().is_some() && a.as_f64() == b.as_f64(),
        },
        (Value::Number(_), Value::String(_)) | (Value::String(_), Value::Number(_)) => {
            integer(a).is_some() && integer(a) == integer(b)
        }
        _ => false,
    }
}

impl LayerInfo {
    /// The domain of a field in the rows of a subtype: that which the subtype has for it, else that of the field. `None` as
    /// the code, or one that is no subtype's, gives that of the field.
    ///
    /// ```
    /// use arcgis_layer::{LayerInfo, serde_json::json};
    ///
    /// let info = LayerInfo::from_json(br#"{
    ///     "fields": [{"name": "KIND", "type": "esriFieldTypeInteger"}, {"name": "STATE", "type": "esriFieldTypeInteger"}],
    ///     "typeIdField": "kind",
    ///     "types": [{"id": 2, "name": "Well", "domains": {"STATE": {
    ///         "type": "codedValue", "name": "s", "codedValues": [{"code": 1, "name": "Active"}]}}}]
    /// }"#)?;
    /// let domain = info.domain("state", Some(&json!(2))).unwrap();
    /// assert_eq!(domain.label(&json!(1)), Some("Active"));
    /// assert!(info.domain("state", None).is_none());
    /// # Ok::<(), arcgis_layer::Error>(())
    /// ```
    #[must_use]
    pub fn domain(&self, field: &str, subtype: Option<&Value>) -> Option<&Domain> {
        let field = self.field(field)?;
        let of_subtype = subtype
            .zip(self.subtypes.as_ref())
            .and_then(|(code, subtypes)| subtypes.get(code)?.domains.get(&field.name))
            .filter(|domain| **domain != Domain::Inherited);
        of_subtype.or_else(|| {
            field
                .domain
                .as_ref()
                .filter(|domain| **domain != Domain::Inherited)
        })
    }

    /// The name for people that a value of a field has: of the subtype, where the field holds its code, else of the domain.
    /// `None` where it has none: then the value stands for itself.
    #[must_use]
    pub fn label(&self, field: &str, value: &Value, subtype: Option<&Value>) -> Option<&str> {
        if value.is_null() {
            return None;
        }
        let field = self.field(field)?;
        if let Some(subtypes) = &self.subtypes {
            if subtypes.field == field.name {
                if let Some(subtype) = subtypes.get(value) {
                    return Some(&subtype.name);
                }
            }
        }
        self.domain(&field.name, subtype)?.label(value)
    }
}

impl Domain {
    /// The codes and their names; empty for a range.
    #[must_use]
    pub fn coded_values(&self) -> &[CodedValue] {
        match self {
            Self::CodedValue { values, .. } => values,
            _ => &[],
        }
    }

    /// The name of a code; `None` for nulls, codes that the domain does not have, and ranges. Numbers count by value.
    #[must_use]
    pub fn label(&self, code: &Value) -> Option<&str> {
        self.coded_values()
            .iter()
            .find(|known| same_code(&known.code, code))
            .map(|known| known.name.as_str())
    }

    /// The code of a name; `None` for a name that the domain does not have. Where two codes have one name, the first.
    #[must_use]
    pub fn code(&self, name: &str) -> Option<&Value> {
        self.coded_values()
            .iter()
            .find(|known| known.name == name)
            .map(|known| &known.code)
    }

    /// Whether the domain allows a value: one of the codes, or within the range, bounds included. Null is for the field to
    /// allow. `None` where that cannot be told, as with the bounds of other types.
    #[must_use]
    pub fn allows(&self, value: &Value) -> Option<bool> {
        match self {
            Self::CodedValue { values, .. } => {
                Some(values.iter().any(|known| same_code(&known.code, value)))
            }
            Self::Range { min, max, .. } => {
                if let (Some(value), Some(min), Some(max)) =
                    (integer(value), integer(min), integer(max))
                {
                    return Some((min..=max).contains(&value));
                }
                Some(value.as_f64()? >= min.as_f64()? && value.as_f64()? <= max.as_f64()?)
            }
            Self::Inherited => None,
        }
    }
}
