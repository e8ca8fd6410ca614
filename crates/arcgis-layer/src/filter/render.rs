//! Conditions as SQL.

use std::borrow::Cow;
use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use super::{Comparison, Condition, ESCAPE, LONGEST_LIST, Node};
use crate::error::QueryError;
use crate::field::{Field, FieldType};
use crate::literal::{Literal, guid};
use crate::metadata::LayerInfo;
use crate::query::{checked, field as find};

/// A condition that no row meets.
const NONE: &str = "1=0";

/// A name as SQL has it: plain where it is one, else between quotes.
pub(crate) fn identifier(name: &str) -> Cow<'_, str> {
    let plain = |part: &str| {
        let mut letters = part.chars();
        letters
            .next()
            .is_some_and(|first| first.is_alphabetic() || first == '_')
            && letters.all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '$' | '#'))
    };
    // Names of joined tables have dots, and are written without quotes.
    if name.split('.').all(plain) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(format!("\"{}\"", name.replace('"', "\"\"")))
}

impl Comparison {
    fn operator(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// Writes conditions for one layer.
pub(super) struct Renderer<'a> {
    info: &'a LayerInfo,
}

impl<'a> Renderer<'a> {
    pub(super) fn new(info: &'a LayerInfo) -> Self {
        Self { info }
    }

    pub(super) fn condition(&self, condition: &Condition) -> Result<String, QueryError> {
        Ok(match &condition.0 {
            Node::Sql(text) => checked(text)?,
            Node::Compare(field, comparison, value) => {
                let field = self.field(field)?;
                if matches!(value, Literal::Null) {
                    return match comparison {
                        Comparison::Equal => Ok(format!("{} IS NULL", identifier(&field.name))),
                        Comparison::NotEqual => {
                            Ok(format!("{} IS NOT NULL", identifier(&field.name)))
                        }
                        _ => refuse(field, "nothing is less or greater than null"),
                    };
                }
                format!(
                    "{} {} {}",
                    identifier(&field.name),
                    comparison.operator(),
                    self.value(field, value)?
                )
            }
            Node::Between(field, first, last) => {
                let field = self.field(field)?;
                format!(
                    "{} BETWEEN {} AND {}",
                    identifier(&field.name),
                    self.value(field, first)?,
                    self.value(field, last)?
                )
            }
            Node::In(field, values) => self.list(self.field(field)?, values)?,
            Node::Like(field, pattern) => {
                let field = self.field(field)?;
                if !is_text(&field.field_type) {
                    return refuse(
                        field,
                        "it holds no text, of which a part could be looked for",
                    );
                }
                let mut sql = format!(
                    "{} LIKE {}",
                    identifier(&field.name),
                    Literal::from(pattern.as_str())
                );
                if pattern.contains(ESCAPE) {
                    let _ = write!(sql, " ESCAPE '{ESCAPE}'");
                }
                sql
            }
            Node::IsNull(field) => format!("{} IS NULL", identifier(&self.field(field)?.name)),
            Node::All(conditions) => self.joined(conditions, " AND ", "1=1")?,
            Node::Any(conditions) => self.joined(conditions, " OR ", NONE)?,
            Node::Not(condition) => format!("NOT ({})", self.condition(condition)?),
        })
    }

    fn joined(
        &self,
        conditions: &[Condition],
        word: &str,
        none: &str,
    ) -> Result<String, QueryError> {
        match conditions {
            [] => Ok(none.to_owned()),
            [one] => self.condition(one),
            _ => {
                let parts: Result<Vec<String>, QueryError> = conditions
                    .iter()
                    .map(|condition| Ok(format!("({})", self.condition(condition)?)))
                    .collect();
                Ok(parts?.join(word))
            }
        }
    }

    fn list(&self, field: &Field, values: &[Literal<'_>]) -> Result<String, QueryError> {
        let name = identifier(&field.name);
        let mut parts = Vec::new();
        let given: Vec<&Literal<'_>> = values
            .iter()
            .filter(|value| !matches!(value, Literal::Null))
            .collect();
        for chunk in given.chunks(LONGEST_LIST) {
            let values: Result<Vec<String>, QueryError> =
                chunk.iter().map(|value| self.value(field, value)).collect();
            parts.push(format!("{name} IN ({})", values?.join(",")));
        }
        if given.len() < values.len() {
            parts.push(format!("{name} IS NULL"));
        }
        Ok(if parts.is_empty() {
            NONE.to_owned()
        } else {
            parts.join(" OR ")
        })
    }

    fn field(&self, name: &str) -> Result<&'a Field, QueryError> {
        find(self.info, name)
    }

    /// A value in the words that the field's type is compared with.
    fn value(&self, field: &Field, value: &Literal<'_>) -> Result<String, QueryError> {
        use FieldType::{
            BigInteger, Date, DateOnly, Double, GlobalId, Guid, Integer, Oid, Single, SmallInteger,
            TimeOnly, TimestampOffset,
        };
        match (&field.field_type, value) {
            (_, Literal::Float(number)) if !number.is_finite() => {
                refuse(field, format!("{number} has no literal"))
            }
            (_, Literal::Null) => refuse(field, "null is compared with IS NULL alone"),
            (
                SmallInteger | Integer | BigInteger | Single | Double | Oid,
                Literal::Integer(_) | Literal::Float(_),
            )
            | (DateOnly | Date, Literal::Date(_))
            | (TimeOnly, Literal::Time(_))
            | (TimestampOffset, Literal::OffsetTimestamp(..)) => Ok(value.to_string()),
            (Date, Literal::Timestamp(local)) => {
                self.check_local(field, *local)?;
                Ok(value.to_string())
            }
            (Date, Literal::Moment(moment)) | (Date, Literal::OffsetTimestamp(moment, _)) => {
                Ok(Literal::Timestamp(self.local(field, *moment)?).to_string())
            }
            (TimestampOffset, Literal::Moment(moment)) => {
                Ok(Literal::OffsetTimestamp(*moment, Offset::UTC).to_string())
            }
            (Guid | GlobalId, Literal::Text(text)) => match guid(text) {
                Some(text) => Ok(Literal::Text(text.into()).to_string()),
                None => refuse(field, format!("{} is no GUID", shown(text))),
            },
            (kind, Literal::Text(text)) if is_text(kind) => {
                if text.contains('\0') {
                    return refuse(field, "no text of a database has a zero byte in it");
                }
                Ok(value.to_string())
            }
            (FieldType::Other(_), _) => Ok(value.to_string()),
            (kind, value) => refuse(
                field,
                format!("it is of the type {kind}, which {value} does not suit"),
            ),
        }
    }

    fn zone(&self, field: &Field) -> Result<Option<TimeZone>, QueryError> {
        if self.info.dates_in_unknown_time_zone {
            return Ok(None);
        }
        // Who edited a row, and when, is in UTC whatever the layer's zone.
        let name = Some(&field.name);
        let tracked = self.info.creation_date_field.as_ref() == name
            || self.info.edit_date_field.as_ref() == name;
        if tracked {
            return Ok(Some(TimeZone::UTC));
        }
        match self.info.time_zone() {
            Some(zone) => Ok(Some(zone)),
            None => refuse(
                field,
                format!(
                    "the layer's time zone, {}, is not known here; give a date and time of that zone as SQL",
                    self.info.date_time_zone.as_deref().unwrap_or_default()
                ),
            ),
        }
    }

    /// What clocks in the layer's zone show at a moment, unless they show it twice.
    fn local(&self, field: &Field, moment: Timestamp) -> Result<DateTime, QueryError> {
        let Some(zone) = self.zone(field)? else {
            return refuse(
                field,
                "the layer's dates are in no known time zone; give a date and time without zone",
            );
        };
        let local = zone.to_datetime(moment);
        match zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { .. } => Ok(local),
            _ => refuse(field, twice(local, &zone)),
        }
    }

    /// A time that clocks in the layer's zone never show, or show twice, means nothing certain.
    fn check_local(&self, field: &Field, local: DateTime) -> Result<(), QueryError> {
        if self.info.dates_in_unknown_time_zone {
            return Ok(());
        }
        let Some(zone) = self.info.time_zone() else {
            return Ok(());
        };
        match zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { .. } => Ok(()),
            AmbiguousOffset::Gap { .. } => refuse(
                field,
                format!(
                    "clocks in the layer's time zone, {}, never show {local}",
                    name_of(&zone)
                ),
            ),
            AmbiguousOffset::Fold { .. } => refuse(field, twice(local, &zone)),
        }
    }
}

fn twice(local: DateTime, zone: &TimeZone) -> String {
    format!(
        "clocks in the layer's time zone, {}, show {local} twice, and servers do not say which they mean; take a time outside that hour",
        name_of(zone)
    )
}

fn name_of(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("of a fixed offset")
}

fn is_text(kind: &FieldType) -> bool {
    matches!(
        kind,
        FieldType::String | FieldType::Xml | FieldType::Other(_)
    )
}

fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

fn refuse<T>(field: &Field, problem: impl Into<String>) -> Result<T, QueryError> {
    Err(QueryError::Unsupported {
        option: "where",
        problem: format!("field {}: {}", field.name, problem.into()),
    })
}
