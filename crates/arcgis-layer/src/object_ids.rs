//! Answers to `returnIdsOnly`, read without a value per id: there may be tens of millions.

use std::borrow::Cow;
use std::fmt;

use arcgis_auth_core::ServiceError;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::decode::DecodeError;
use crate::ids::IdSet;
use crate::metadata::document::{Document, malformed};

/// The ids of one answer.
#[derive(Debug, Default)]
pub(crate) struct ObjectIds {
    pub(crate) ids: IdSet,
    /// Whether the server said that there are more.
    pub(crate) exceeded: bool,
    ascending: bool,
}

impl ObjectIds {
    /// Reads the answer of `url`. `"objectIds": null` is how servers say that there are none.
    pub(crate) fn read(url: &str, body: &[u8]) -> Result<Self, DecodeError> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        let mut top = Top::default();
        let read = deserializer
            .deserialize_map(TopVisitor(&mut top))
            .and_then(|()| deserializer.end());
        if top.error {
            // An answer of some length may hold its error behind the ids.
            return match Document::parse(url, body) {
                Err(error) => Err(error),
                Ok(_) => Err(DecodeError::Service(ServiceError::new(
                    200,
                    -1,
                    "Unknown error",
                    url,
                ))),
            };
        }
        read.map_err(|error| malformed(body, &error))?;
        top.ids.map_or_else(
            || {
                Err(DecodeError::Malformed {
                    offset: 0,
                    problem: "there is no objectIds in it".to_owned(),
                })
            },
            |ids| {
                Ok(Self {
                    ids,
                    exceeded: top.exceeded,
                    ascending: top.ascending,
                })
            },
        )
    }

    /// The greatest id, if the ids came in ascending order: only then is nothing missing before it.
    pub(crate) fn last_if_ascending(&self) -> Option<i64> {
        self.ids.max().filter(|_| self.ascending)
    }
}

#[derive(Default)]
struct Top {
    ids: Option<IdSet>,
    exceeded: bool,
    ascending: bool,
    error: bool,
}

struct TopVisitor<'a>(&'a mut Top);

impl<'de> Visitor<'de> for TopVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with objectIds")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match key.as_ref() {
                "objectIds" => {
                    let list = map.next_value_seed(List)?;
                    self.0.ascending = list.ascending;
                    self.0.ids = Some(list.ids);
                }
                "exceededTransferLimit" => {
                    self.0.exceeded = match map.next_value::<Value>()? {
                        Value::Bool(flag) => flag,
                        Value::String(text) => text.eq_ignore_ascii_case("true"),
                        _ => false,
                    };
                }
                "error" => {
                    self.0.error = !map.next_value::<Value>()?.is_null();
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// The list, or null.
pub(crate) struct List;

pub(crate) struct Listed {
    pub(crate) ids: IdSet,
    ascending: bool,
}

impl<'de> DeserializeSeed<'de> for List {
    type Value = Listed;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Listed, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for List {
    type Value = Listed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of object ids, or null")
    }

    fn visit_unit<E>(self) -> Result<Listed, E> {
        Ok(Listed {
            ids: IdSet::new(),
            ascending: true,
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Listed, A::Error> {
        let mut ids = IdSet::new();
        let mut ascending = true;
        let mut last = None;
        while let Some(id) = seq.next_element_seed(Id)? {
            ascending &= last.is_none_or(|last| last < id);
            last = Some(id);
            ids.insert(id);
        }
        Ok(Listed { ids, ascending })
    }
}

/// One id: a whole number, also as text or with a fraction of zero.
struct Id;

impl<'de> DeserializeSeed<'de> for Id {
    type Value = i64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<i64, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Id {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object id")
    }

    fn visit_i64<E>(self, id: i64) -> Result<i64, E> {
        Ok(id)
    }

    fn visit_u64<E: serde::de::Error>(self, id: u64) -> Result<i64, E> {
        i64::try_from(id).map_err(|_| E::custom(format_args!("{id} is too large for an object id")))
    }

    fn visit_f64<E: serde::de::Error>(self, id: f64) -> Result<i64, E> {
        // Up to 2^53, beyond which a float does not tell whole numbers apart.
        if id.fract() == 0.0 && id.abs() <= 9_007_199_254_740_992.0 {
            Ok(id as i64)
        } else {
            Err(E::custom(format_args!("{id} is no object id")))
        }
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<i64, E> {
        text.trim()
            .parse()
            .map_err(|_| E::custom("a text that is no object id"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<ObjectIds, DecodeError> {
        ObjectIds::read("u", body.as_bytes())
    }

    fn ids(body: &str) -> Vec<i64> {
        read(body).unwrap().ids.iter().collect()
    }

    #[test]
    fn t51_null_is_none_and_large_ids_are_exact() {
        assert!(ids(r#"{"objectIdFieldName":"OBJECTID","objectIds":null}"#).is_empty());
        assert_eq!(
            ids(
                r#"{"objectIds":[2147483649,9007199254740993,-1,"17",3.0],"objectIdFieldName":"x"}"#
            ),
            [-1, 3, 17, 2_147_483_649, 9_007_199_254_740_993]
        );
    }

    #[test]
    fn order_and_the_flag_are_seen() {
        let all = read(r#"{"objectIds":[1,2,5],"exceededTransferLimit":true}"#).unwrap();
        assert!(all.exceeded);
        assert_eq!(all.last_if_ascending(), Some(5));
        assert_eq!(
            read(r#"{"objectIds":[5,1,2]}"#)
                .unwrap()
                .last_if_ascending(),
            None
        );
    }

    #[test]
    fn what_holds_no_ids_is_an_error() {
        for body in [
            "{}",
            "[1,2]",
            r#"{"objectIds":{}}"#,
            r#"{"objectIds":[1,null]}"#,
            r#"{"objectIds":[1.5]}"#,
            r#"{"objectIds":["x"]}"#,
            r#"{"objectIds":[18446744073709551615]}"#,
            r#"{"objectIds":[1,2"#,
            r#"{"objectIds":[1,2]}x"#,
        ] {
            assert!(
                matches!(read(body), Err(DecodeError::Malformed { .. })),
                "{body}"
            );
        }
        let late = read(r#"{"objectIds":[1,2],"error":{"code":500,"message":"late"}}"#);
        assert!(matches!(late, Err(DecodeError::Service(error)) if error.code() == 500));
    }
}
