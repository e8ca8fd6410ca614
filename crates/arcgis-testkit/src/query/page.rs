use std::borrow::Cow;
use std::collections::HashSet;

use crate::answer::EsriError;
use crate::field::Field;
use crate::generalize::generalize;
use crate::geometry::{Geometry, GeometryType};
use crate::layer::LayerKind;
use crate::parameters::Parameters;
use crate::projection::{Projection, SpatialReference};
use crate::quirk::{BadRow, Failure, Quirk};
use crate::store::{Rows, StoredRow};
use crate::table::Table;

use super::filter::Filter;
use super::found::Found;
use super::quantized::Grid;
use super::stand_in::StandIns;
use super::{
    Format, Outcome, PageDamage, compare_by, field_index, flag, order_terms, whole_number,
};

/// The rows that answer a query, and what of them is wanted.
pub(crate) struct Page<'a> {
    pub(crate) table: &'a Table,
    pub(crate) rows: Vec<Cow<'a, StoredRow>>,
    pub(super) fields: Vec<usize>,
    pub(crate) geometries: Option<Geometries>,
    pub(super) more_follow: bool,
    /// Whether geometries are sent with their true curves.
    pub(super) curves: bool,
    /// What comes beside geometries, or in place of them.
    pub(super) stand_ins: Option<StandIns>,
    /// The grid on which JSON has positions.
    pub(super) grid: Option<Grid>,
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
        let mut found = filter.find(rows);
        if distinct {
            keep_distinct(rows, &mut found, &fields);
        }
        order(table, rows, &mut found, parameters, request)?;

        let window = Window::of(table, parameters, geometries.is_some())?;
        let most_bytes = table.quirk(|quirk| match quirk {
            Quirk::PageBytes(bytes) => Some(bytes),
            _ => None,
        });
        let mut more_follow = found.len() > window.end();
        let mut page: Vec<_> = found
            .page(window.offset, window.length)
            .into_iter()
            .filter_map(|at| rows.get(at))
            .collect();
        if let Some(row) = damage.double.and_then(|at| page.get(at)).cloned() {
            page.push(row);
        }
        if let Some(at) = damage.lose.filter(|at| *at < page.len()) {
            page.remove(at);
        }
        if damage.empty {
            page.clear();
        }
        let mut hidden = false;
        if let Some((rows, flag)) = damage.short.filter(|(rows, _)| *rows < page.len()) {
            page.truncate(rows);
            more_follow |= flag;
            hidden = !flag;
        }
        let curves = geometries
            .as_ref()
            .is_some_and(|geometries| geometries.projection == Projection::None)
            && (flag(parameters, "returnTrueCurves", false)?
                || table.has_quirk(Quirk::SendsCurves));
        Ok(Self {
            table,
            rows: page,
            fields,
            geometries,
            more_follow: more_follow && !hidden,
            curves,
            stand_ins: StandIns::parse(table, parameters, format)?,
            grid: Grid::parse(parameters)?,
            most_bytes: most_bytes.unwrap_or(usize::MAX),
        })
    }

    /// A page of rows that were found otherwise.
    pub(super) fn of(
        table: &'a Table,
        rows: Vec<Cow<'a, StoredRow>>,
        fields: Vec<usize>,
        geometries: Option<Geometries>,
    ) -> Self {
        Self {
            table,
            rows,
            fields,
            geometries,
            more_follow: false,
            curves: false,
            stand_ins: None,
            grid: None,
            most_bytes: usize::MAX,
        }
    }

    /// The failure of a server that cannot make this page.
    pub(super) fn failure(&self, parameters: &Parameters) -> Option<Failure> {
        let generalized = parameters.filled("maxAllowableOffset").is_some();
        let with_geometry = self.geometries.is_some();
        self.table.quirk(|quirk| match quirk {
            Quirk::TooManyRows(most, failure) if self.rows.len() > most => Some(failure),
            Quirk::BadRow(id, bad) => {
                let is_here = self
                    .rows
                    .iter()
                    .any(|row| self.table.object_id_of(row) == Some(id));
                let fails = match bad {
                    BadRow::Never => true,
                    BadRow::WithoutGeometry => with_geometry,
                    BadRow::Generalized => with_geometry && !generalized,
                };
                (is_here && fails).then_some(Failure::Status(500))
            }
            _ => None,
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

/// Which rows of those found make the page.
struct Window {
    offset: usize,
    length: usize,
}

impl Window {
    fn of(table: &Table, parameters: &Parameters, with_geometry: bool) -> Outcome<Self> {
        let mut offset = whole_number(parameters, "resultOffset")?.unwrap_or(0);
        let wanted = whole_number(parameters, "resultRecordCount")?.filter(|rows| *rows > 0);
        let cap = cap(table, parameters, with_geometry)?;
        let mut length = wanted.map_or(cap, |wanted| wanted.min(cap));
        if length < cap && table.has_quirk(Quirk::IgnoresRecordCount) {
            length = cap;
        }
        let actual = table.quirk(|quirk| match quirk {
            Quirk::ActualCap(rows) if rows < length => Some(rows),
            _ => None,
        });
        length = actual.unwrap_or(length);
        if offset > 0 {
            if table.has_quirk(Quirk::IgnoresOffset) {
                offset = 0;
            }
            let overlap = table.quirk(|quirk| match quirk {
                Quirk::OverlappingPages(rows) => Some(rows.min(offset)),
                _ => None,
            });
            let overlap = overlap.unwrap_or(0);
            offset -= overlap;
            length += overlap;
        }
        Ok(Self { offset, length })
    }

    fn end(&self) -> usize {
        self.offset.saturating_add(self.length)
    }
}

/// The most rows of a page, by what is asked for.
fn cap(table: &Table, parameters: &Parameters, with_geometry: bool) -> Outcome<usize> {
    let (layer, options) = (&table.layer, &table.layer.options);
    let standard = match options.standard_cap_without_geometry {
        Some(cap) if !with_geometry => Some(cap),
        _ => options.standard_cap,
    };
    let cap = match parameters.filled("resultType").unwrap_or("none") {
        "none" => None,
        "standard" => standard,
        "tile" => options.tile_cap,
        _ => return Err(EsriError::invalid("resultType")),
    };
    let factor = match options.cap_factor {
        None => 1,
        Some(greatest) => whole_number(parameters, "maxRecordCountFactor")?
            .map_or(Some(1), |factor| {
                (1..=greatest).contains(&factor).then_some(factor)
            })
            .ok_or_else(|| EsriError::invalid("maxRecordCountFactor"))?,
    };
    Ok(cap.unwrap_or(layer.max_record_count).saturating_mul(factor))
}

/// Keeps the first row of those that agree in these fields.
pub(super) fn keep_distinct(rows: &Rows, found: &mut Found, fields: &[usize]) {
    let mut seen = HashSet::new();
    found.arrange(|found| {
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
    });
}

pub(super) fn order(
    table: &Table,
    rows: &Rows,
    found: &mut Found,
    parameters: &Parameters,
    request: u64,
) -> Outcome<()> {
    let terms = match parameters.filled("orderByFields") {
        None => Vec::new(),
        Some(text) => order_terms(text, |name| field_index(table, name, "orderByFields"))?,
    };
    let asks_hashes = terms
        .iter()
        .any(|(at, _)| table.has_hashed_ids() && Some(*at) == table.object_id);
    if asks_hashes {
        return Err(EsriError::invalid("orderByFields"));
    }
    let seed = table.quirk(|quirk| match quirk {
        Quirk::IgnoresOrder(seed) => Some(seed),
        Quirk::UnorderedPages(seed) if terms.is_empty() => Some(seed),
        _ => None,
    });
    if let Some(seed) = seed {
        found.arrange(|found| shuffle(found, seed ^ request));
        return Ok(());
    }
    match terms.as_slice() {
        [] => {}
        [(at, descending), ..] if rows.in_id_order && Some(*at) == table.object_id => {
            if *descending {
                found.reverse();
            }
        }
        terms => found.arrange(|found| {
            // Computed rows are made once, not at every comparison.
            let mut keyed: Vec<_> = found.iter().map(|&at| (at, rows.get(at))).collect();
            keyed.sort_by(|(_, a), (_, b)| match (a, b) {
                (Some(a), Some(b)) => compare_by(terms, &a.values, &b.values),
                _ => std::cmp::Ordering::Equal,
            });
            *found = keyed.into_iter().map(|(at, _)| at).collect();
        }),
    }
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
