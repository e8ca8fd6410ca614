//! The JSON decoder, against what `serde_json` reads.
//!
//! A case is a byte that chooses the layout, and a body. Where the body is strict JSON, what the decoder's
//! documentation says is worked out once more, in plain steps over the whole tree, and has to be the same, rows
//! and refusals. Other bodies only have to end well.

use arcgis_layer::{DecodeError, Layout, PageFacts, read_header};

use super::layouts::{Names, layout};
use super::recorder::{Cell, Row, decode_bytes};
use super::shape::Read;
use super::tree::Tree;

mod geometry;

use geometry::{Flags, flag, geometry};

/// Decodes any bytes.
pub fn json(data: &[u8]) {
    let Some((&choice, body)) = data.split_first() else {
        return;
    };
    let layout = layout(choice);
    let found = decode_bytes(body, &layout);
    if let Ok((rows, facts)) = &found {
        facts_fit(rows, facts, &layout);
    }
    if let Ok(header) = read_header(body) {
        if let Ok((rows, facts)) = &found {
            assert_eq!(header.rows, rows.len());
            assert_eq!(header.exceeded, facts.exceeded);
        }
        let own = header.layout();
        if let Ok((rows, facts)) = decode_bytes(body, &own) {
            assert_eq!(header.rows, rows.len());
            facts_fit(&rows, &facts, &own);
        }
    }
    let Some(tree) = Tree::parse(body) else {
        return;
    };
    let escapes = body.contains(&b'\\');
    match (answer(&tree, &layout, escapes), found) {
        (Expected::Rows(wanted), Ok((rows, facts))) => {
            assert_eq!(wanted.len(), rows.len());
            for (wanted, row) in wanted.iter().zip(&rows) {
                wanted.check(row);
            }
            if layout.object_id.is_some() {
                let ids: Vec<Option<i64>> = wanted.iter().map(|row| row.id).collect();
                let found: Vec<Option<i64>> = facts.ids.iter().copied().map(Some).collect();
                assert_eq!(ids, found);
            }
            let count = |of: fn(&Wanted) -> bool| wanted.iter().filter(|row| of(row)).count();
            if layout.geometry.is_some() {
                assert_eq!(facts.without_geometry, count(|row| row.read.is_empty()));
                if wanted.iter().all(|row| row.read.repaired().is_some()) {
                    assert_eq!(
                        facts.repaired,
                        count(|row| row.read.repaired() == Some(true))
                    );
                }
            }
            for column in 0..layout.fields.len() {
                let absent = wanted.iter().filter(|row| row.absent[column]).count();
                assert_eq!(facts.absent.get(&column).copied().unwrap_or(0), absent);
            }
        }
        (Expected::Refused, Err(_)) | (Expected::Unknown, _) => {}
        (Expected::Service, Err(DecodeError::Service(_))) => {}
        // Rings that lie across each other in thousands of ways.
        (Expected::Rows(_), Err(DecodeError::Geometry { problem, .. }))
            if problem.contains("overlap so much") => {}
        (wanted, found) => panic!("{wanted:?} was expected, not {found:?}"),
    }
}

/// What holds for any page that is decoded.
pub(crate) fn facts_fit(rows: &[Row], facts: &PageFacts, layout: &Layout) {
    assert_eq!(facts.rows, rows.len());
    let ids = if layout.object_id.is_some() {
        rows.len()
    } else {
        0
    };
    assert_eq!(facts.ids.len(), ids);
    let fingerprints = if layout.fingerprint { rows.len() } else { 0 };
    assert_eq!(facts.fingerprints.len(), fingerprints);
    let mut without = 0;
    for row in rows {
        let Some(shape) = &row.geometry else {
            without += 1;
            continue;
        };
        without += usize::from(shape.coords.is_empty());
        let size = shape.dims.size();
        for position in shape.coords.chunks(size) {
            assert!(position[0].is_finite() && position[1].is_finite());
            assert!(facts.bbox.xmin <= position[0] && position[0] <= facts.bbox.xmax);
            assert!(facts.bbox.ymin <= position[1] && position[1] <= facts.bbox.ymax);
        }
    }
    if layout.geometry.is_some() {
        assert_eq!(facts.without_geometry, without);
    } else {
        assert!(rows.iter().all(|row| row.geometry.is_none()));
    }
}

#[derive(Debug)]
enum Expected {
    Rows(Vec<Wanted>),
    Refused,
    Service,
    /// The documentation leaves it open, or it would take the decoder itself to tell.
    Unknown,
}

/// One row as it has to be.
#[derive(Debug)]
struct Wanted {
    cells: Vec<Tree>,
    absent: Vec<bool>,
    id: Option<i64>,
    id_column: Option<usize>,
    read: Read,
}

impl Wanted {
    fn check(&self, row: &Row) {
        for (column, value) in self.cells.iter().enumerate() {
            let found = row.cell(column);
            if Some(column) == self.id_column {
                assert_eq!(Some(found), self.id.map(Cell::Int).as_ref());
                continue;
            }
            match value {
                Tree::List(_) | Tree::Object(_) => {
                    let Cell::Str(text) = found else {
                        panic!("{found:?} for {value:?}");
                    };
                    assert_eq!(Tree::parse(text.as_bytes()).as_ref(), Some(value));
                }
                value => assert!(same(found, &cell(value)), "{found:?} for {value:?}"),
            }
        }
        self.read.check(row.geometry.as_ref());
    }
}

fn same(found: &Cell, wanted: &Cell) -> bool {
    match (found, wanted) {
        (Cell::Float(found), Cell::Float(wanted)) => found.to_bits() == wanted.to_bits(),
        (found, wanted) => found == wanted,
    }
}

fn cell(value: &Tree) -> Cell {
    match value {
        Tree::Null | Tree::List(_) | Tree::Object(_) => Cell::Null,
        Tree::Bool(flag) => Cell::Bool(*flag),
        Tree::Number(number) => match number.as_i64() {
            Some(number) => Cell::Int(number),
            None => Cell::Float(number.as_f64().unwrap()),
        },
        Tree::Text(text) => Cell::Str(text.clone()),
    }
}

fn answer(tree: &Tree, layout: &Layout, escapes: bool) -> Expected {
    let Some(members) = tree.members() else {
        return Expected::Refused;
    };
    let mut flags = Flags::default();
    let mut rows = None;
    let mut unsure = false;
    for (name, value) in members {
        match name.as_str() {
            "features" => {
                let Tree::List(features) = value else {
                    return refused(unsure);
                };
                if rows.is_some() {
                    return refused(unsure);
                }
                match features_of(features, layout, flags, escapes) {
                    Expected::Rows(found) => rows = Some(found),
                    other => return if unsure { Expected::Unknown } else { other },
                }
            }
            // A flag in text is compared as it is written.
            "hasZ" | "hasM" | "exceededTransferLimit"
                if escapes && matches!(value, Tree::Text(_)) =>
            {
                unsure = true;
            }
            "hasZ" => flags.z = Some(flag(value)),
            "hasM" => flags.m = Some(flag(value)),
            "transform" if *value != Tree::Null && layout.geometry.is_some() => {
                return refused(unsure);
            }
            "error" if !matches!(value, Tree::Null | Tree::Bool(false)) => {
                return if unsure {
                    Expected::Unknown
                } else {
                    Expected::Service
                };
            }
            _ => {}
        }
    }
    match rows {
        _ if unsure => Expected::Unknown,
        Some(rows) => Expected::Rows(rows),
        None => Expected::Refused,
    }
}

fn refused(unsure: bool) -> Expected {
    if unsure {
        Expected::Unknown
    } else {
        Expected::Refused
    }
}

fn features_of(features: &[Tree], layout: &Layout, flags: Flags, escapes: bool) -> Expected {
    let first = features
        .iter()
        .flat_map(|feature| feature.all("attributes"))
        .find_map(|attributes| attributes.members().filter(|members| !members.is_empty()));
    let first = first.unwrap_or_default().iter();
    let names = Names::new(layout, first.map(|(name, _)| name.as_str()));
    let mut rows = Vec::new();
    let mut unknown = false;
    for feature in features {
        let Some(members) = feature.members() else {
            return refused(unknown);
        };
        let Some(mut row) = attributes(feature, &names) else {
            return refused(unknown);
        };
        if layout.object_id.is_some() && row.id.is_none() {
            return refused(unknown);
        }
        let own = members.iter().find(|(name, _)| name == "geometry");
        if let (Some(layout), Some((_, value))) = (&layout.geometry, own) {
            match geometry(value, layout, flags, escapes) {
                Ok(Read::Unknown) => unknown = true,
                Ok(read) => row.read = read,
                Err(()) => return refused(unknown),
            }
        }
        rows.push(row);
    }
    if unknown {
        return Expected::Unknown;
    }
    Expected::Rows(rows)
}

/// The values of a row; `None` if it cannot be decoded.
fn attributes(feature: &Tree, names: &Names<'_>) -> Option<Wanted> {
    let columns = names.layout.fields.len();
    let id = names.layout.object_id.as_ref();
    let id_column = id.and_then(|id| id.column);
    let id_place = id.map(|id| id.column.unwrap_or(columns));
    let mut values: Vec<Option<&Tree>> = vec![None; columns + 1];
    for attributes in feature.all("attributes") {
        if *attributes == Tree::Null {
            continue;
        }
        for (name, value) in attributes.members()? {
            if let Some(place) = names.place(name) {
                values[place].get_or_insert(value);
            }
        }
    }
    if values.contains(&Some(&Tree::Text("refuse me".to_owned()))) {
        let refused = |place: usize, value: &Option<&Tree>| {
            place < columns && *value == Some(&Tree::Text("refuse me".to_owned()))
        };
        if values
            .iter()
            .enumerate()
            .any(|(place, value)| refused(place, value))
        {
            return None;
        }
    }
    let id = match id_place.and_then(|place| values[place]) {
        Some(value) => Some(object_id(value)?),
        None => None,
    };
    values.truncate(columns);
    Some(Wanted {
        absent: values.iter().map(Option::is_none).collect(),
        cells: values
            .into_iter()
            .map(|value| value.cloned().unwrap_or(Tree::Null))
            .collect(),
        id,
        id_column,
        read: Read::None,
    })
}

fn object_id(value: &Tree) -> Option<i64> {
    match value {
        Tree::Number(number) => number.as_i64().or_else(|| {
            let number = number.as_f64()?;
            (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0)
                .then_some(number as i64)
        }),
        Tree::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}
