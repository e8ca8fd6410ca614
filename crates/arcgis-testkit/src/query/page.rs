use std::collections::HashSet;

use crate::answer::EsriError;
use crate::field::Field;
use crate::generalize::generalize;
use crate::geometry::{Geometry, GeometryType};
use crate::layer::LayerKind;
use crate::parameters::Parameters;
use crate::projection::{Projection, SpatialReference};
use crate::quirk::Quirk;
use crate::table::{Rows, StoredRow, Table};
use crate::value::Value;

use super::filter::Filter;
use super::{
    Format, Outcome, PageDamage, compare_by, field_index, flag, order_terms, whole_number,
};

/// The rows that answer a query, and what of them is wanted.
pub(crate) struct Page<'a> {
    pub(crate) table: &'a Table,
    pub(crate) rows: Vec<&'a StoredRow>,
    pub(super) fields: Vec<usize>,
    pub(crate) geometries: Option<Geometries>,
    pub(super) more_follow: bool,
    /// The features end once they are this long.
    pub(crate) most_bytes: usize,
}

/// How geometries are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Geometries {
    pub(super) kind: GeometryType,
    pub(crate) spatial_reference: SpatialReference,
    pub(super) projection: Projection,
    pub(crate) has_z: bool,
    pub(crate) has_m: bool,
    offset: Option<f64>,
    precision: Option<i32>,
}

impl<'a> Page<'a> {
    pub(super) fn select(
        table: &'a Table,
        rows: &'a Rows,
        filter: &Filter,
        parameters: &Parameters,
        format: Format,
        request: u64,
        damage: PageDamage,
    ) -> Outcome<Self> {
        let fields = out_fields(table, parameters)?;
        let distinct = flag(parameters, "returnDistinctValues", false)?;
        let geometries = if flag(parameters, "returnGeometry", true)? {
            Geometries::parse(table, parameters, format)?
        } else {
            None
        };
        if distinct && geometries.is_some() {
            return Err(EsriError::parameter(
                "'returnGeometry' must be false with 'returnDistinctValues'",
            ));
        }
        let mut found = filter.find(&rows.rows);
        if distinct {
            keep_distinct(&rows.rows, &mut found, &fields);
        }
        order(table, rows, &mut found, parameters, request)?;

        let mut offset = whole_number(parameters, "resultOffset")?.unwrap_or(0);
        let mut cap = table.layer.max_record_count;
        let mut most_bytes = usize::MAX;
        for quirk in &table.layer.quirks {
            match *quirk {
                Quirk::ActualCap(rows) => cap = cap.min(rows),
                Quirk::PageBytes(bytes) => most_bytes = bytes,
                Quirk::IgnoresOffset => offset = 0,
                _ => {}
            }
        }
        let wanted = whole_number(parameters, "resultRecordCount")?.filter(|rows| *rows > 0);
        let length = wanted.map_or(cap, |wanted| wanted.min(cap));
        let after = found.get(offset.min(found.len())..).unwrap_or_default();
        let more_follow = after.len() > length;
        let mut page: Vec<_> = after
            .iter()
            .take(length)
            .filter_map(|&at| rows.rows.get(at))
            .collect();
        if let Some(row) = damage.double.and_then(|at| page.get(at)).copied() {
            page.push(row);
        }
        if let Some(at) = damage.lose.filter(|at| *at < page.len()) {
            page.remove(at);
        }
        if damage.empty {
            page.clear();
        }
        Ok(Self {
            table,
            rows: page,
            fields,
            geometries,
            more_follow,
            most_bytes,
        })
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = (usize, &'a Field)> {
        let table = self.table;
        self.fields
            .iter()
            .filter_map(move |&at| Some((at, table.layer.fields.get(at)?)))
    }

    /// What `exceededTransferLimit` says; None leaves it out.
    pub(crate) fn exceeded(&self, cut: bool) -> Option<bool> {
        if self.table.has_quirk(Quirk::AlwaysExceeded) {
            return Some(true);
        }
        ((self.more_follow || cut) && !self.table.has_quirk(Quirk::NeverExceeded)).then_some(true)
    }

    /// Writes features with `write` until all are there or the page is long enough. Gives how many there are, and whether it ended early.
    pub(super) fn write_features(
        &self,
        out: &mut Vec<u8>,
        mut write: impl FnMut(&StoredRow, &mut Vec<u8>),
    ) -> (usize, bool) {
        let start = out.len();
        for (at, row) in self.rows.iter().enumerate() {
            if at > 0 {
                if out.len() - start >= self.most_bytes {
                    return (at, true);
                }
                out.push(b',');
            }
            write(row, out);
        }
        (self.rows.len(), false)
    }
}

impl Geometries {
    /// None for a table.
    pub(super) fn parse(
        table: &Table,
        parameters: &Parameters,
        format: Format,
    ) -> Outcome<Option<Self>> {
        let LayerKind::Features(kind) = table.layer.kind else {
            return Ok(None);
        };
        let native = table.layer.spatial_reference;
        let spatial_reference = match parameters.filled("outSR") {
            Some(text) => {
                SpatialReference::parse(text).ok_or_else(|| EsriError::invalid("outSR"))?
            }
            None if format == Format::GeoJson => SpatialReference { wkid: 4326 },
            None => native,
        };
        let projection = Projection::between(native, spatial_reference)
            .ok_or_else(|| EsriError::invalid("outSR"))?;
        let wants_m = flag(parameters, "returnM", false)?;
        if wants_m && format == Format::GeoJson {
            return Err(EsriError::parameter(
                "'returnM' is not supported with the format geojson",
            ));
        }
        let offset = match parameters.filled("maxAllowableOffset") {
            None => None,
            Some(text) => Some(
                text.parse()
                    .ok()
                    .filter(|offset: &f64| *offset >= 0.0)
                    .ok_or_else(|| EsriError::invalid("maxAllowableOffset"))?,
            ),
        };
        let precision = whole_number(parameters, "geometryPrecision")?
            .and_then(|digits| i32::try_from(digits).ok())
            .filter(|digits| *digits <= 17);
        Ok(Some(Self {
            kind,
            spatial_reference,
            projection,
            has_z: table.layer.has_z && flag(parameters, "returnZ", false)?,
            has_m: table.layer.has_m && wants_m,
            offset: offset.filter(|offset| *offset > 0.0),
            precision,
        }))
    }

    /// The geometry as it is sent; borrowed where nothing changes.
    pub(crate) fn prepare<'g>(&self, geometry: &'g Geometry) -> std::borrow::Cow<'g, Geometry> {
        if self.projection == Projection::None && self.offset.is_none() && self.precision.is_none()
        {
            return std::borrow::Cow::Borrowed(geometry);
        }
        let mut geometry = geometry.clone();
        self.projection.apply_to(&mut geometry);
        if let Some(offset) = self.offset {
            generalize(&mut geometry, offset);
        }
        if let Some(digits) = self.precision {
            let scale = 10_f64.powi(digits);
            let round = |value: f64| {
                if (value * scale).is_finite() {
                    (value * scale).round() / scale
                } else {
                    value
                }
            };
            geometry.map_vertices(|vertex| {
                vertex.x = round(vertex.x);
                vertex.y = round(vertex.y);
            });
        }
        std::borrow::Cow::Owned(geometry)
    }
}

/// The fields that `outFields` names, in its order; without it the object id alone.
pub(super) fn out_fields(table: &Table, parameters: &Parameters) -> Outcome<Vec<usize>> {
    let Some(text) = parameters.filled("outFields") else {
        return Ok(table.object_id.into_iter().collect());
    };
    let mut fields = Vec::new();
    for name in text.split(',').map(str::trim) {
        if name == "*" {
            fields.extend(0..table.layer.fields.len());
        } else {
            fields.push(field_index(table, name, "outFields")?);
        }
    }
    let mut seen = HashSet::new();
    fields.retain(|at| seen.insert(*at));
    Ok(fields)
}

/// Keeps the first row of those that agree in these fields.
pub(super) fn keep_distinct(rows: &[StoredRow], found: &mut Vec<usize>, fields: &[usize]) {
    let mut seen = HashSet::new();
    found.retain(|&at| {
        let mut key = Vec::new();
        if let Some(row) = rows.get(at) {
            for value in fields.iter().filter_map(|&field| row.values.get(field)) {
                value.write_json(false, &mut key);
                key.push(b',');
            }
        }
        seen.insert(key)
    });
}

pub(super) fn order(
    table: &Table,
    rows: &Rows,
    found: &mut [usize],
    parameters: &Parameters,
    request: u64,
) -> Outcome<()> {
    let terms = match parameters.filled("orderByFields") {
        None => Vec::new(),
        Some(text) => order_terms(text, |name| field_index(table, name, "orderByFields"))?,
    };
    for quirk in &table.layer.quirks {
        match *quirk {
            Quirk::IgnoresOrder(seed) => {
                shuffle(found, seed ^ request);
                return Ok(());
            }
            Quirk::UnorderedPages(seed) if terms.is_empty() => shuffle(found, seed ^ request),
            _ => {}
        }
    }
    let by_id = matches!(terms.as_slice(), [(at, false), ..] if Some(*at) == table.object_id);
    if terms.is_empty() || (by_id && rows.in_id_order) {
        return Ok(());
    }
    let values = |at: usize| -> &[Value] { rows.rows.get(at).map_or(&[], |row| &row.values) };
    found.sort_by(|&a, &b| compare_by(&terms, values(a), values(b)));
    Ok(())
}

/// A permutation that depends on the seed alone (Fisher–Yates over splitmix64).
fn shuffle(items: &mut [usize], seed: u64) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for left in (1..items.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let other = usize::try_from(mixed % (left as u64 + 1)).unwrap_or(0);
        items.swap(left, other);
    }
}
