//! What a saved answer is, where it is not rows with their fields; and what it has that no field declares.

use std::collections::HashSet;
use std::fmt;

use arcgis_layer::{Field, read_pbf_count, read_pbf_extent, read_pbf_ids};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What was saved instead of rows with their fields. [`fmt::Display`] says what to save.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AnswerKind {
    /// GeoJSON: it has no field types.
    GeoJson,
    /// Rows whose fields the answer does not declare.
    NoFields,
    /// The number of rows.
    Count,
    /// The rows' object ids.
    ObjectIds,
    /// The rows' extent.
    Extent,
    /// The description of a layer or a service.
    Metadata,
}

impl fmt::Display for AnswerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GeoJson => "it is GeoJSON, which does not say the types of its fields; save the answer with f=json",
            Self::NoFields => "the answer has no fields, so the types of its columns are not known; save it with outFields=*",
            Self::Count => "it is a count and has no rows; save the answer without returnCountOnly",
            Self::ObjectIds => "it is a list of object ids and has no rows; save the answer without returnIdsOnly",
            Self::Extent => "it is an extent and has no rows; save the answer without returnExtentOnly",
            Self::Metadata => "it describes a layer or a service and has no rows; save the answer of the layer's /query",
        })
    }
}

/// What an answer in PBF that has no rows is, if that is known.
pub(crate) fn kind_of_pbf(answer: &[u8]) -> Option<AnswerKind> {
    if read_pbf_count(answer).is_ok() {
        Some(AnswerKind::Count)
    } else if read_pbf_ids(answer).is_ok() {
        Some(AnswerKind::ObjectIds)
    } else if read_pbf_extent(answer).is_ok() {
        Some(AnswerKind::Extent)
    } else {
        None
    }
}

/// What is at the top of a JSON text, and which attributes its rows have.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    members: HashSet<String>,
    of_type: Option<String>,
    /// Whether any row has an attribute.
    pub(crate) attributes: bool,
    /// Attributes that no field declares, in the order in which they came.
    pub(crate) undeclared: Vec<String>,
    declared: HashSet<String>,
    known: HashSet<String>,
}

impl Outline {
    /// The outline of a text, as far as it can be read.
    pub(crate) fn of(answer: &[u8], fields: &[Field]) -> Self {
        let mut outline = Self {
            declared: fields
                .iter()
                .map(|field| field.name.to_lowercase())
                .collect(),
            ..Self::default()
        };
        let text = answer.strip_prefix(b"\xef\xbb\xbf").unwrap_or(answer);
        let mut json = serde_json::Deserializer::from_slice(text);
        // Numbers that are none end this early. It decides about nothing that decoding does not see.
        if let Err(error) = Top(&mut outline).deserialize(&mut json) {
            tracing::debug!(%error, "the outline of the answer ends early");
        }
        outline
    }

    /// What the text is, if it is something known that has no rows with fields.
    pub(crate) fn kind(&self) -> Option<AnswerKind> {
        let has = |name: &str| self.members.contains(name);
        let geojson = [
            "Feature",
            "FeatureCollection",
            "GeometryCollection",
            "Point",
            "MultiPoint",
            "LineString",
            "MultiLineString",
            "Polygon",
            "MultiPolygon",
        ];
        if self
            .of_type
            .as_deref()
            .is_some_and(|name| geojson.contains(&name))
            && !has("fields")
        {
            Some(AnswerKind::GeoJson)
        } else if has("features") {
            None
        } else if has("objectIds") {
            Some(AnswerKind::ObjectIds)
        } else if has("extent")
            && self
                .members
                .iter()
                .all(|name| name == "extent" || name == "count")
        {
            Some(AnswerKind::Extent)
        } else if has("count") {
            Some(AnswerKind::Count)
        } else if has("currentVersion") || has("capabilities") || has("fields") {
            Some(AnswerKind::Metadata)
        } else {
            None
        }
    }

    fn attribute(&mut self, name: &str) {
        self.attributes = true;
        if self.known.contains(name) {
            return;
        }
        self.known.insert(name.to_owned());
        if !self.declared.contains(&name.to_lowercase()) {
            self.undeclared.push(name.to_owned());
        }
    }
}

/// The text.
struct Top<'o>(&'o mut Outline);

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "features" => map.next_value_seed(Rows(self.0))?,
                "type" => {
                    let value = map.next_value::<serde_json::Value>()?;
                    self.0.of_type = value.as_str().map(str::to_owned);
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            self.0.members.insert(name);
        }
        Ok(())
    }
}

/// The list of rows.
struct Rows<'o>(&'o mut Outline);

impl<'de> DeserializeSeed<'de> for Rows<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        // Known even where a row ends the reading.
        self.0.members.insert("features".to_owned());
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while rows.next_element_seed(Row(self.0))?.is_some() {}
        Ok(())
    }
}

/// One row.
struct Row<'o>(&'o mut Outline);

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut row: A) -> Result<(), A::Error> {
        while let Some(attributes) = row.next_key_seed(Key(|name: &str| name == "attributes"))? {
            if attributes {
                row.next_value_seed(Attributes(self.0))?;
            } else {
                row.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// The attributes of one row.
struct Attributes<'o>(&'o mut Outline);

impl<'de> DeserializeSeed<'de> for Attributes<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Attributes<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("attributes")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut attributes: A) -> Result<(), A::Error> {
        while attributes
            .next_key_seed(Key(|name: &str| self.0.attribute(name)))?
            .is_some()
        {
            attributes.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// A key, looked at without keeping it.
struct Key<F>(F);

impl<'de, T, F: FnMut(&str) -> T> DeserializeSeed<'de> for Key<F> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<T, D::Error> {
        json.deserialize_str(self)
    }
}

impl<T, F: FnMut(&str) -> T> Visitor<'_> for Key<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(mut self, key: &str) -> Result<T, E> {
        Ok((self.0)(key))
    }
}

#[cfg(test)]
mod tests {
    use arcgis_layer::FieldType;

    use super::*;

    #[test]
    fn attributes_are_compared_without_case_and_told_once() {
        let fields = [Field::new("Name", FieldType::String)];
        let outline = Outline::of(
            br#"{"features": [
                {"attributes": {"NAME": 1, "b": {"c": 1}}},
                {"geometry": {"x": 1}, "attributes": {"b": [2], "a": null}},
                {"attributes": null}]}"#,
            &fields,
        );
        assert!(outline.attributes);
        assert_eq!(outline.undeclared, ["b", "a"]);
        assert_eq!(outline.kind(), None);
    }

    #[test]
    fn an_outline_that_ends_early_keeps_what_it_saw() {
        let outline = Outline::of(
            br#"{"features": [{"attributes": {"a": 1, "b": NaN, "c": 2}}]}"#,
            &[],
        );
        assert_eq!(outline.undeclared, ["a", "b"]);
        assert_eq!(outline.kind(), None);
        assert_eq!(Outline::of(b"[1]", &[]).kind(), None);
        assert_eq!(Outline::of(b"", &[]).kind(), None);
    }
}
