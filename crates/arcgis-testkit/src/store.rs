//! Rows as they are served, now and at an earlier moment.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::generated::Generated;
use crate::geometry::Geometry;
use crate::row::Row;
use crate::value::Value;

/// The rows of a layer at one time. A copy is cheap: it shares what it holds.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    store: Store,
    /// Whether the rows lie in the order of their object ids, so that no page needs to sort them.
    pub(crate) in_id_order: bool,
    /// Milliseconds since 1970.
    pub(crate) last_edit: u64,
    pub(crate) next_id: i64,
}

#[derive(Debug, Clone)]
enum Store {
    Held(Arc<Vec<StoredRow>>),
    Generated(Arc<Formula>),
}

/// How the rows of a layer are made, with the names of its fields.
#[derive(Debug)]
pub(crate) struct Formula {
    pub(crate) generated: Generated,
    pub(crate) names: Vec<String>,
    pub(crate) object_id: Option<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct StoredRow {
    /// The attributes in the order of the fields, and behind them whether there is a geometry: null says that there is none.
    pub(crate) values: Box<[Value]>,
    pub(crate) geometry: Option<Geometry>,
    /// The geometry with its true curves, as Esri JSON.
    pub(crate) curves: Option<Arc<str>>,
}

impl StoredRow {
    pub(crate) fn new(
        mut values: Vec<Value>,
        geometry: Option<Geometry>,
        curves: Option<Arc<str>>,
    ) -> Self {
        values.push(geometry.as_ref().map_or(Value::Null, |_| Value::Int(1)));
        Self {
            values: values.into_boxed_slice(),
            geometry,
            curves,
        }
    }

    pub(crate) fn set_geometry(&mut self, geometry: Geometry, curves: Option<Arc<str>>) {
        self.geometry = Some(geometry);
        self.curves = curves;
        if let Some(mark) = self.values.last_mut() {
            *mark = Value::Int(1);
        }
    }
}

impl Default for Rows {
    fn default() -> Self {
        Self::held(Vec::new())
    }
}

impl Rows {
    pub(crate) fn held(rows: Vec<StoredRow>) -> Self {
        Self::of(Store::Held(Arc::new(rows)))
    }

    pub(crate) fn generated(formula: Formula) -> Self {
        Self::of(Store::Generated(Arc::new(formula)))
    }

    fn of(store: Store) -> Self {
        Self {
            store,
            in_id_order: true,
            last_edit: 0,
            next_id: 1,
        }
    }

    pub(crate) fn len(&self) -> usize {
        match &self.store {
            Store::Held(rows) => rows.len(),
            Store::Generated(formula) => formula.generated.count,
        }
    }

    pub(crate) fn get(&self, at: usize) -> Option<Cow<'_, StoredRow>> {
        match &self.store {
            Store::Held(rows) => rows.get(at).map(Cow::Borrowed),
            Store::Generated(formula) => {
                (at < formula.generated.count).then(|| Cow::Owned(formula.stored(at)))
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Cow<'_, StoredRow>> {
        (0..self.len()).filter_map(|at| self.get(at))
    }

    /// The object id of a row, without making the row.
    pub(crate) fn id(&self, at: usize, object_id: usize) -> Option<i64> {
        match &self.store {
            Store::Held(rows) => match rows.get(at)?.values.get(object_id) {
                Some(Value::Int(id)) => Some(*id),
                _ => None,
            },
            Store::Generated(formula) => Some(formula.generated.id(at)),
        }
    }

    /// Where the ids between these two are, both included. None where only a look at the rows tells.
    pub(crate) fn between(&self, low: i64, high: i64) -> Option<Range<usize>> {
        match &self.store {
            Store::Held(_) => None,
            Store::Generated(formula) => Some(formula.generated.between(low, high)),
        }
    }

    pub(crate) fn formula(&self) -> Option<&Generated> {
        match &self.store {
            Store::Held(_) => None,
            Store::Generated(formula) => Some(&formula.generated),
        }
    }

    /// The rows, to be changed; None where they are computed. Copies of the rows keep theirs.
    pub(crate) fn held_mut(&mut self) -> Option<&mut Vec<StoredRow>> {
        match &mut self.store {
            Store::Held(rows) => Some(Arc::make_mut(rows)),
            Store::Generated(_) => None,
        }
    }

    /// Enters an edit of this moment: it always shows, even within one millisecond of the last.
    pub(crate) fn touch(&mut self, now: u64) {
        self.last_edit = now.max(self.last_edit + 1);
    }
}

impl Formula {
    fn stored(&self, at: usize) -> StoredRow {
        let (id, row) = self.generated.row(at);
        let Row {
            attributes,
            geometry,
            curves,
        } = row;
        let mut values = vec![Value::Null; self.names.len()];
        for (name, value) in attributes {
            let at = self.names.iter().position(|known| *known == name);
            if let Some(slot) = at.and_then(|at| values.get_mut(at)) {
                *slot = value;
            }
        }
        if let Some(slot) = self.object_id.and_then(|at| values.get_mut(at)) {
            *slot = Value::Int(id);
        }
        StoredRow::new(values, geometry, curves)
    }
}

pub(crate) fn now_millis() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
}
