//! Answers of `extractChanges`, read without a value per id.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::extract::Changes;
use crate::decode::DecodeError;
use crate::ids::IdSet;
use crate::metadata::document::{Document, integer, malformed};
use crate::object_ids::List;

/// What an answer comes to.
#[derive(Debug, PartialEq)]
pub(super) enum Told {
    Changes(Changes),
    /// There is more to know at this address.
    At(String),
    NotYet,
}

/// One answer: the changes themselves, or how far the job is that gathers them.
#[derive(Debug, Default)]
pub(super) struct Answer {
    generation: Option<i64>,
    edits: Option<Edits>,
    status: Option<String>,
    status_url: Option<String>,
    result_url: Option<String>,
    error: bool,
}

/// The ids of one layer.
#[derive(Debug, Default)]
struct Edits {
    added: IdSet,
    updated: IdSet,
    deleted: Deleted,
}

/// Deleted rows. Some services may know them by their global ids alone.
#[derive(Debug)]
struct Deleted {
    rows: u64,
    ids: Option<IdSet>,
}

impl Default for Deleted {
    fn default() -> Self {
        Self {
            rows: 0,
            ids: Some(IdSet::new()),
        }
    }
}

impl Deleted {
    fn of(value: &Value) -> Self {
        let list = value.as_array().map_or(&[][..], Vec::as_slice);
        Self {
            rows: list.len() as u64,
            ids: list.iter().map(integer).collect(),
        }
    }
}

impl Answer {
    /// Reads the answer of `url` as far as it is about layer `id`.
    pub(super) fn read(url: &str, body: &[u8], id: i64) -> Result<Told, DecodeError> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        let mut answer = Self::default();
        let read = deserializer
            .deserialize_map(Top {
                answer: &mut answer,
                id,
            })
            .and_then(|()| deserializer.end());
        if answer.error {
            // An error document; or one that has both, which is none to go by.
            Document::parse(url, body)?;
            return Err(problem("there is an error in it"));
        }
        read.map_err(|error| malformed(body, &error))?;
        answer.told()
    }

    fn told(self) -> Result<Told, DecodeError> {
        if let Some(edits) = self.edits {
            return Ok(Told::Changes(Changes {
                added: edits.added,
                updated: edits.updated,
                deleted: edits.deleted.ids,
                deleted_rows: edits.deleted.rows,
                generation: self.generation,
            }));
        }
        if let Some(url) = self.result_url {
            return Ok(Told::At(url));
        }
        if let Some(url) = self.status_url {
            return Ok(Told::At(url));
        }
        match self.status.as_deref().map(str::to_ascii_lowercase) {
            Some(status) if status.contains("fail") || status.contains("error") => {
                Err(problem("the job that gathers the changes has failed"))
            }
            Some(status) if status.contains("completed") => {
                Err(problem("the job has ended and says nothing of its result"))
            }
            Some(_) => Ok(Told::NotYet),
            None => Err(problem("it tells no ids of the layer's changes")),
        }
    }
}

fn problem(problem: &str) -> DecodeError {
    DecodeError::Malformed {
        offset: 0,
        problem: problem.to_owned(),
    }
}

struct Top<'a> {
    answer: &'a mut Answer,
    id: i64,
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with edits")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let answer = self.answer;
        let text = |value: Value| match value {
            Value::String(text) if !text.trim().is_empty() => Some(text),
            _ => None,
        };
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match key.as_ref() {
                "edits" => {
                    if let Some(edits) = map.next_value_seed(Layers(self.id))? {
                        answer.edits = Some(edits);
                    }
                }
                "layerServerGens" => {
                    let generations = map.next_value::<Value>()?;
                    let of_layer = generations.as_array().into_iter().flatten().find(|layer| {
                        layer
                            .get("id")
                            .and_then(integer)
                            .is_none_or(|id| id == self.id)
                    });
                    let generation = of_layer.and_then(|layer| integer(layer.get("serverGen")?));
                    answer.generation = generation;
                }
                "status" => answer.status = text(map.next_value()?),
                "statusUrl" => answer.status_url = text(map.next_value()?),
                "resultUrl" | "URL" => answer.result_url = text(map.next_value()?),
                "error" => answer.error = !map.next_value::<Value>()?.is_null(),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// The list of layers, of which one is wanted.
struct Layers(i64);

impl<'de> DeserializeSeed<'de> for Layers {
    type Value = Option<Edits>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Layers {
    type Value = Option<Edits>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of layers")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut wanted = None;
        while let Some((id, edits)) = seq.next_element_seed(Layer)? {
            if id.is_none_or(|id| id == self.0) && edits.is_some() {
                wanted = edits;
            }
        }
        Ok(wanted)
    }
}

/// One layer: its number, and its ids if it has them.
struct Layer;

impl<'de> DeserializeSeed<'de> for Layer {
    type Value = (Option<i64>, Option<Edits>);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Layer {
    type Value = (Option<i64>, Option<Edits>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a layer with objectIds")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok((None, None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut id, mut edits) = (None, None);
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match key.as_ref() {
                "id" => id = integer(&map.next_value()?),
                "objectIds" => edits = Some(map.next_value_seed(Ids)?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok((id, edits))
    }
}

/// The three lists of ids.
struct Ids;

impl<'de> DeserializeSeed<'de> for Ids {
    type Value = Edits;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Edits, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Ids {
    type Value = Edits;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("lists of adds, updates and deletes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Edits, A::Error> {
        let mut edits = Edits::default();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            let ids = match key.as_ref() {
                "adds" => &mut edits.added,
                "updates" => &mut edits.updated,
                "deletes" => {
                    edits.deleted = Deleted::of(&map.next_value()?);
                    continue;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *ids = map.next_value_seed(List)?.ids;
        }
        Ok(edits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Told, DecodeError> {
        Answer::read("u", body.as_bytes(), 3)
    }

    fn ids(set: &IdSet) -> Vec<i64> {
        set.iter().collect()
    }

    #[test]
    fn ids_of_the_layer_are_taken_and_no_others() {
        // The shape of the documentation's example for returnIdsOnly.
        let told = read(
            r#"{"layerServerGens":[{"id":0,"serverGen":7},{"id":3,"serverGen":"153025"}],
                "transportType":"esriTransportTypeUrl","responseType":"esriDataChangesResponseTypeEdits",
                "edits":[null,{"id":0,"objectIds":{"adds":[1],"updates":[],"deletes":[]}},
                {"id":3,"objectIds":{"adds":[27,29],"updates":[5],"deletes":null,"more":{}}}]}"#,
        )
        .unwrap();
        let Told::Changes(changes) = told else {
            panic!("{told:?}");
        };
        assert_eq!(changes.generation, Some(153_025));
        assert_eq!(ids(&changes.added), [27, 29]);
        assert_eq!(ids(&changes.updated), [5]);
        assert_eq!(changes.deleted, Some(IdSet::new()));
        assert!(changes.deleted_rows == 0 && !changes.is_empty());
        assert_eq!(ids(&changes.all()), [5, 27, 29]);
    }

    #[test]
    fn deleted_rows_may_have_other_ids() {
        let told = |deletes: &str| {
            let body = format!(r#"{{"edits":[{{"id":3,"objectIds":{{"deletes":[{deletes}]}}}}]}}"#);
            match read(&body).unwrap() {
                Told::Changes(changes) => (changes.deleted_rows, changes.deleted),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(told("4,5"), (2, Some([4, 5].into_iter().collect())));
        assert_eq!(
            told(r#""{8E2B3F3A-0000-4000-8000-000000000000}""#),
            (1, None)
        );
    }

    #[test]
    fn jobs_are_followed() {
        for (body, expected) in [
            (r#"{"statusUrl":"s"}"#, Told::At("s".to_owned())),
            (r#"{"status":"Pending","resultUrl":null}"#, Told::NotYet),
            (r#"{"status":"InProgress"}"#, Told::NotYet),
            (
                r#"{"status":"Completed","resultUrl":"r","statusUrl":"s"}"#,
                Told::At("r".to_owned()),
            ),
        ] {
            assert_eq!(read(body).unwrap(), expected, "{body}");
        }
    }

    #[test]
    fn what_tells_nothing_of_the_layer_is_no_lack_of_changes() {
        for body in [
            "{}",
            "[]",
            r#"{"edits":null,"layerServerGens":null}"#,
            r#"{"edits":[]}"#,
            r#"{"edits":[{"id":0,"objectIds":{"adds":[],"updates":[],"deletes":[]}}]}"#,
            r#"{"edits":[{"id":3,"features":{"adds":[],"updates":[],"deleteIds":[]}}]}"#,
            r#"{"edits":[{"id":3,"objectIds":{"adds":["x"]}}]}"#,
            r#"{"edits":[{"id":3,"objectIds":{"adds":[1"#,
            r#"{"status":"Completed"}"#,
            r#"{"status":"Failed"}"#,
            r#"{"edits":[{"id":3,"objectIds":{}}],"error":{"code":500,"message":"late"}}"#,
        ] {
            assert!(read(body).is_err(), "{body}");
        }
    }
}
