//! How rows of a layer are related to those of another, and when they are.

use super::document::Members;

/// One relationship, as a layer lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relationship {
    /// The number by which related rows are asked for.
    pub id: u32,
    /// The name.
    pub name: String,
    /// The number of the other layer or table in the same service.
    pub related_table_id: u32,
    /// How many rows belong to how many.
    pub cardinality: Cardinality,
    /// Whether this layer is the one that the relationship starts from; `None` where the server does not say.
    pub is_origin: Option<bool>,
    /// The field of this layer that the relationship goes by.
    pub key_field: Option<String>,
    /// Whether rows of the other layer go when the row they belong to goes.
    pub composite: bool,
    /// The number of the table between the two, for relationships of many to many or with attributes.
    pub relationship_table_id: Option<u32>,
    /// The field of that table that holds this layer's key.
    pub key_field_in_relationship_table: Option<String>,
}

/// How many rows belong to how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cardinality {
    /// One to one.
    OneToOne,
    /// One to many.
    OneToMany,
    /// Many to many.
    ManyToMany,
    /// The server does not say.
    Unknown,
}

impl Relationship {
    pub(super) fn read(entry: Members<'_>) -> Option<Self> {
        let number = |name: &str| {
            entry
                .integer(name)
                .and_then(|number| u32::try_from(number).ok())
        };
        let ends_with = |name: &str, end: &str| {
            entry
                .text(name)
                .map(|text| text.to_ascii_lowercase().ends_with(end))
        };
        let cardinality = match entry.text("cardinality") {
            Some(text) if text.eq_ignore_ascii_case("esriRelCardinalityOneToOne") => {
                Cardinality::OneToOne
            }
            Some(text) if text.eq_ignore_ascii_case("esriRelCardinalityOneToMany") => {
                Cardinality::OneToMany
            }
            Some(text) if text.eq_ignore_ascii_case("esriRelCardinalityManyToMany") => {
                Cardinality::ManyToMany
            }
            _ => Cardinality::Unknown,
        };
        Some(Self {
            id: number("id")?,
            name: entry.string("name").unwrap_or_default(),
            related_table_id: number("relatedTableId")?,
            cardinality,
            is_origin: ends_with("role", "origin"),
            key_field: entry.string("keyField"),
            composite: entry.flag("composite").unwrap_or(false),
            relationship_table_id: number("relationshipTableId"),
            key_field_in_relationship_table: entry.string("keyFieldInRelationshipTable"),
        })
    }
}

/// `timeInfo`: the fields that say when a row is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimeInfo {
    /// When it begins, or is.
    pub start_field: Option<String>,
    /// When it ends.
    pub end_field: Option<String>,
}

impl TimeInfo {
    pub(super) fn read(top: Members<'_>) -> Option<Self> {
        let info = top.object("timeInfo")?;
        let known = Self {
            start_field: info.string("startTimeField"),
            end_field: info.string("endTimeField"),
        };
        (known.start_field.is_some() || known.end_field.is_some()).then_some(known)
    }
}
