//! A layer as it is served: its definition, and rows that may change meanwhile.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

use crate::changes::{Change, Changes};
use crate::error::{Error, Result};
use crate::field::{Field, FieldType};
use crate::geometry::Envelope;
use crate::layer::{Layer, LayerKind};
use crate::quirk::{Ability, Quirk};
use crate::row::Row;
use crate::store::{Formula, Rows, StoredRow, now_millis};
use crate::unique_id::hash_of;
use crate::value::Value;

#[derive(Debug)]
pub(crate) struct Table {
    /// The definition; its rows have moved to `state`.
    pub(crate) layer: Layer,
    pub(crate) id: u32,
    pub(crate) object_id: Option<usize>,
    /// The fields that tell rows apart instead of the object id.
    pub(crate) unique_fields: Vec<usize>,
    /// Whether rows have true curves.
    pub(crate) has_curves: bool,
    /// Seconds by which the service's clock is ahead.
    clock_skew: i64,
    /// How often each quirk had a say.
    quirks_fired: Vec<AtomicU64>,
    /// Whether the service knows nothing of it now.
    withdrawn: AtomicBool,
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    rows: Rows,
    /// The rows before each edit, with the moment of that edit. Kept for layers with archiving only.
    history: Vec<(u64, Rows)>,
    changes: Changes,
}

/// When each archive began, in milliseconds since 1970.
pub(crate) const ARCHIVE_BEGAN: u64 = 1_500_000_000_000;

/// The fields of editor tracking: when and by whom a row was made and changed.
const TRACKING: [(&str, FieldType); 4] = [
    ("CreationDate", FieldType::Date),
    ("Creator", FieldType::String),
    ("EditDate", FieldType::Date),
    ("Editor", FieldType::String),
];
/// When the rows that a layer starts with were made: September 2020.
const FIRST_EDIT: i64 = 1_600_000_000_000;

impl Table {
    pub(crate) fn new(mut layer: Layer, id: u32, clock_skew: i64) -> Result<Self> {
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
        if layer.options.tracks_edits {
            for (name, kind) in TRACKING {
                layer.fields.push(Field::new(name, kind));
            }
        }
        let given = std::mem::take(&mut layer.rows);
        let generated = layer.options.generated.clone();
        let unique_names = layer
            .options
            .unique_id
            .as_ref()
            .map(|unique| unique.fields.clone());
        let mut table = Self {
            quirks_fired: layer.quirks.iter().map(|_| AtomicU64::new(0)).collect(),
            has_curves: given.iter().any(|row| row.curves.is_some()),
            layer,
            id,
            object_id,
            unique_fields: Vec::new(),
            clock_skew,
            withdrawn: AtomicBool::new(false),
            state: RwLock::default(),
        };
        table.unique_fields = unique_names
            .unwrap_or_default()
            .iter()
            .map(|name| table.field_named(name))
            .collect::<Result<_>>()?;
        let mut rows = match generated {
            Some(generated) => Rows::generated(Formula {
                generated,
                names: table
                    .layer
                    .fields
                    .iter()
                    .map(|field| field.name().to_owned())
                    .collect(),
                object_id,
            }),
            None => table.hold(given)?,
        };
        rows.touch(table.now());
        table.write().rows = rows;
        Ok(table)
    }

    /// Whether the service has it now.
    pub(crate) fn is_published(&self) -> bool {
        !self.withdrawn.load(Ordering::Relaxed)
    }

    pub(crate) fn set_published(&self, published: bool) {
        self.withdrawn.store(!published, Ordering::Relaxed);
    }

    fn hold(&self, given: Vec<Row>) -> Result<Rows> {
        let mut rows = Rows::default();
        let mut held = Vec::with_capacity(given.len());
        let mut ids = HashSet::new();
        for row in given {
            let stored = self.stored(row, &mut rows, FIRST_EDIT)?;
            if let Some(id) = self.object_id_of(&stored) {
                if !ids.insert(id) {
                    return Err(Error::ObjectId {
                        layer: self.layer.name.clone(),
                        value: id.to_string(),
                    });
                }
            }
            held.push(stored);
        }
        if let Some(slot) = rows.held_mut() {
            *slot = held;
        }
        Ok(rows)
    }

    /// Finds each attribute its field, and gives the row an object id if it has none.
    fn stored(&self, row: Row, rows: &mut Rows, moment: i64) -> Result<StoredRow> {
        let mut values = vec![Value::Null; self.layer.fields.len()];
        for (name, value) in row.attributes {
            let at = self.field_named(&name)?;
            if let Some(slot) = values.get_mut(at) {
                *slot = value;
            }
        }
        if self.layer.options.tracks_edits {
            for (name, kind) in TRACKING {
                let at = self.field_named(name)?;
                if let Some(slot) = values.get_mut(at).filter(|slot| slot.is_null()) {
                    *slot = if kind == FieldType::Date {
                        Value::Int(moment)
                    } else {
                        Value::Text("editor".to_owned())
                    };
                }
            }
        }
        let hashed = self.has_hashed_ids().then(|| {
            let unique = self.unique_fields.iter().filter_map(|&at| values.get(at));
            hash_of(unique)
        });
        if let Some(slot) = self.object_id.and_then(|at| values.get_mut(at)) {
            if slot.is_null() {
                *slot = Value::Int(hashed.unwrap_or(rows.next_id));
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
        Ok(StoredRow::new(values, row.geometry, row.curves))
    }

    /// Whether object ids are hashes of the unique fields: neither stable nor ordered, and no field to ask by.
    pub(crate) fn has_hashed_ids(&self) -> bool {
        self.layer
            .options
            .unique_id
            .as_ref()
            .is_some_and(|unique| unique.hashed)
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

    /// The rows as they are now.
    pub(crate) fn read(&self) -> Rows {
        self.state
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .rows
            .clone()
    }

    /// The rows as they were at a moment (milliseconds since 1970); none before the archive began.
    pub(crate) fn read_at(&self, moment: u64) -> Rows {
        if moment < ARCHIVE_BEGAN {
            return Rows::default();
        }
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let past = state.history.iter().find(|(edit, _)| *edit > moment);
        past.map_or_else(|| state.rows.clone(), |(_, rows)| rows.clone())
    }

    /// The generation that the rows are at, and what happened to them.
    pub(crate) fn changes(&self) -> (u64, Changes) {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        (state.rows.last_edit, state.changes.clone())
    }

    pub(crate) fn earliest_generation(&self) -> u64 {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.changes.earliest
    }

    /// Forgets what happened so far.
    pub(crate) fn forget_changes(&self) {
        let mut state = self.write();
        state.changes = Changes::default();
        state.changes.earliest = state.rows.last_edit;
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters an edit: the earlier rows are kept if the layer archives.
    fn commit(&self, state: &mut State, mut rows: Rows, row: Option<i64>, change: Change) {
        rows.touch(self.now());
        let edited = rows.last_edit;
        if let Some(id) = row {
            state.changes.add(edited, id, change);
        }
        let before = std::mem::replace(&mut state.rows, rows);
        if self.layer.options.archives {
            state.history.push((edited, before));
        }
    }

    /// Now by the service's clock, in milliseconds since 1970.
    fn now(&self) -> u64 {
        now_millis().saturating_add_signed(self.clock_skew.saturating_mul(1000))
    }

    /// The same, as a value of a date.
    fn moment(&self) -> i64 {
        i64::try_from(self.now()).unwrap_or(i64::MAX)
    }

    fn generated(&self) -> Error {
        Error::Generated(self.layer.name.clone())
    }

    pub(crate) fn can(&self, ability: Ability) -> bool {
        !self.layer.missing.contains(&ability)
    }

    /// Whether the layer has this quirk, which then has a say.
    pub(crate) fn has_quirk(&self, quirk: Quirk) -> bool {
        self.quirk(|known| (known == quirk).then_some(())).is_some()
    }

    /// The first quirk that `choose` takes: it has a say.
    pub(crate) fn quirk<T>(&self, mut choose: impl FnMut(Quirk) -> Option<T>) -> Option<T> {
        self.layer
            .quirks
            .iter()
            .zip(&self.quirks_fired)
            .find_map(|(quirk, fired)| {
                let chosen = choose(*quirk)?;
                fired.fetch_add(1, Ordering::SeqCst);
                Some(chosen)
            })
    }

    pub(crate) fn quirks_fired(&self) -> Vec<u64> {
        self.quirks_fired
            .iter()
            .map(|fired| fired.load(Ordering::SeqCst))
            .collect()
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
        if let Some(generated) = rows.formula() {
            return matches!(self.layer.kind, LayerKind::Features(_)).then_some(generated.extent);
        }
        rows.iter()
            .filter_map(|row| Envelope::of(row.geometry.as_ref()?.vertices()))
            .reduce(|a, b| a.union(&b))
    }

    pub(crate) fn insert(&self, row: Row) -> Result<Option<i64>> {
        let mut state = self.write();
        let mut rows = state.rows.clone();
        let stored = self.stored(row, &mut rows, self.moment())?;
        let id = self.object_id_of(&stored);
        let held = rows.held_mut().ok_or_else(|| self.generated())?;
        if let Some(id) = id {
            if held.iter().any(|row| self.object_id_of(row) == Some(id)) {
                return Err(Error::ObjectId {
                    layer: self.layer.name.clone(),
                    value: id.to_string(),
                });
            }
        }
        held.push(stored);
        self.commit(&mut state, rows, id, Change::Added);
        Ok(id)
    }

    pub(crate) fn delete(&self, id: i64) -> Result<bool> {
        self.need_object_ids()?;
        let mut state = self.write();
        let mut rows = state.rows.clone();
        let held = rows.held_mut().ok_or_else(|| self.generated())?;
        let before = held.len();
        held.retain(|row| self.object_id_of(row) != Some(id));
        let deleted = held.len() < before;
        if deleted {
            self.commit(&mut state, rows, Some(id), Change::Deleted);
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
        if self.layer.options.tracks_edits {
            let at = self.field_named("EditDate")?;
            changes.push((at, Value::Int(self.moment())));
        }
        let mut state = self.write();
        let mut rows = state.rows.clone();
        let held = rows.held_mut().ok_or_else(|| self.generated())?;
        let Some(row) = held
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
        if let Some(geometry) = change.geometry {
            row.set_geometry(geometry, change.curves);
        }
        self.commit(&mut state, rows, Some(id), Change::Updated);
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
