//! A layer as it is served: its definition, and rows that may change meanwhile.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result};
use crate::field::{Field, FieldType};
use crate::geometry::{Envelope, Geometry};
use crate::layer::{Layer, LayerKind};
use crate::quirk::{Ability, Quirk};
use crate::row::Row;
use crate::value::Value;

#[derive(Debug)]
pub(crate) struct Table {
    /// The definition; its rows have moved to `rows`.
    pub(crate) layer: Layer,
    pub(crate) id: u32,
    pub(crate) object_id: Option<usize>,
    rows: RwLock<Rows>,
}

#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) rows: Vec<StoredRow>,
    /// Whether the rows lie in the order of their object ids, so that no page needs to sort them.
    pub(crate) in_id_order: bool,
    /// Milliseconds since 1970.
    pub(crate) last_edit: u64,
    next_id: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct StoredRow {
    pub(crate) values: Box<[Value]>,
    pub(crate) geometry: Option<Geometry>,
}

impl Table {
    pub(crate) fn new(mut layer: Layer, id: u32) -> Result<Self> {
        let holds_rows = matches!(layer.kind, LayerKind::Features(_) | LayerKind::Table);
        let mut object_id = layer
            .fields
            .iter()
            .position(|field| field.kind() == FieldType::Oid);
        if holds_rows && layer.object_ids && object_id.is_none() {
            layer
                .fields
                .insert(0, Field::new("OBJECTID", FieldType::Oid));
            object_id = Some(0);
        }
        let given = std::mem::take(&mut layer.rows);
        let table = Self {
            layer,
            id,
            object_id,
            rows: RwLock::default(),
        };
        let mut rows = Rows {
            rows: Vec::with_capacity(given.len()),
            in_id_order: true,
            last_edit: now_millis(),
            next_id: 1,
        };
        let mut ids = HashSet::new();
        for row in given {
            let stored = table.stored(row, &mut rows)?;
            if let Some(Value::Int(id)) = object_id.and_then(|at| stored.values.get(at)) {
                if !ids.insert(*id) {
                    return Err(Error::ObjectId {
                        layer: table.layer.name,
                        value: id.to_string(),
                    });
                }
            }
            rows.rows.push(stored);
        }
        *table.write() = rows;
        Ok(table)
    }

    /// Finds each attribute its field, and gives the row an object id if it has none.
    fn stored(&self, row: Row, rows: &mut Rows) -> Result<StoredRow> {
        let mut values = vec![Value::Null; self.layer.fields.len()];
        for (name, value) in row.attributes {
            let at = self.field_named(&name)?;
            if let Some(slot) = values.get_mut(at) {
                *slot = value;
            }
        }
        if let Some(slot) = self.object_id.and_then(|at| values.get_mut(at)) {
            if slot.is_null() {
                *slot = Value::Int(rows.next_id);
            }
            let Value::Int(id) = *slot else {
                return Err(Error::ObjectId {
                    layer: self.layer.name.clone(),
                    value: format!("{slot:?}"),
                });
            };
            rows.in_id_order &= id >= rows.next_id;
            rows.next_id = rows.next_id.max(id.saturating_add(1));
        }
        Ok(StoredRow {
            values: values.into_boxed_slice(),
            geometry: row.geometry,
        })
    }

    fn field_named(&self, name: &str) -> Result<usize> {
        let unknown = || Error::UnknownField {
            layer: self.layer.name.clone(),
            field: name.to_owned(),
        };
        self.layer
            .fields
            .iter()
            .position(|field| field.name() == name)
            .ok_or_else(unknown)
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Rows> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Rows> {
        self.rows.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn can(&self, ability: Ability) -> bool {
        !self.layer.missing.contains(&ability)
    }

    pub(crate) fn has_quirk(&self, quirk: Quirk) -> bool {
        self.layer.quirks.contains(&quirk)
    }

    /// Whether the layer answers queries at all.
    pub(crate) fn is_queryable(&self) -> bool {
        matches!(self.layer.kind, LayerKind::Features(_) | LayerKind::Table)
            && self
                .layer
                .capabilities
                .split(',')
                .any(|capability| capability.trim().eq_ignore_ascii_case("Query"))
    }

    pub(crate) fn extent(&self) -> Option<Envelope> {
        let rows = self.read();
        Envelope::of(
            rows.rows
                .iter()
                .filter_map(|row| row.geometry.as_ref())
                .flat_map(Geometry::vertices),
        )
    }

    pub(crate) fn insert(&self, row: Row) -> Result<Option<i64>> {
        let mut rows = self.write();
        let stored = self.stored(row, &mut rows)?;
        let id = self.object_id_of(&stored);
        if let Some(id) = id {
            if rows
                .rows
                .iter()
                .any(|row| self.object_id_of(row) == Some(id))
            {
                return Err(Error::ObjectId {
                    layer: self.layer.name.clone(),
                    value: id.to_string(),
                });
            }
        }
        rows.rows.push(stored);
        rows.touch();
        Ok(id)
    }

    pub(crate) fn delete(&self, id: i64) -> Result<bool> {
        self.need_object_ids()?;
        let mut rows = self.write();
        let before = rows.rows.len();
        rows.rows.retain(|row| self.object_id_of(row) != Some(id));
        let deleted = rows.rows.len() < before;
        if deleted {
            rows.touch();
        }
        Ok(deleted)
    }

    /// Sets what `change` names: its attributes, and its geometry if it has one.
    pub(crate) fn update(&self, id: i64, change: Row) -> Result<bool> {
        self.need_object_ids()?;
        let mut changes = Vec::new();
        for (name, value) in change.attributes {
            let at = self.field_named(&name)?;
            if Some(at) == self.object_id {
                return Err(Error::ObjectId {
                    layer: self.layer.name.clone(),
                    value: format!("{value:?}"),
                });
            }
            changes.push((at, value));
        }
        let mut rows = self.write();
        let Some(row) = rows
            .rows
            .iter_mut()
            .find(|row| self.object_id_of(row) == Some(id))
        else {
            return Ok(false);
        };
        for (at, value) in changes {
            if let Some(slot) = row.values.get_mut(at) {
                *slot = value;
            }
        }
        if change.geometry.is_some() {
            row.geometry = change.geometry;
        }
        rows.touch();
        Ok(true)
    }

    fn need_object_ids(&self) -> Result<()> {
        if self.object_id.is_some() {
            Ok(())
        } else {
            Err(Error::NoObjectIds(self.layer.name.clone()))
        }
    }

    pub(crate) fn object_id_of(&self, row: &StoredRow) -> Option<i64> {
        match row.values.get(self.object_id?) {
            Some(Value::Int(id)) => Some(*id),
            _ => None,
        }
    }
}

impl Rows {
    fn touch(&mut self) {
        // An edit always shows, even within one millisecond of the last.
        self.last_edit = now_millis().max(self.last_edit + 1);
    }
}

pub(crate) fn now_millis() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
}
