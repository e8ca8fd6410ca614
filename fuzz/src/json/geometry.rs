//! A geometry as the decoder's documentation reads it, over the tree of it.

use arcgis_layer::{Dimensions, GeometryLayout, GeometryType};

use super::super::shape::{Position, Read};
use super::super::tree::Tree;

/// `hasZ` and `hasM`, as far as they are said.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) z: Option<bool>,
    pub(super) m: Option<bool>,
}

impl Flags {
    fn said(self) -> bool {
        self.z.is_some() || self.m.is_some()
    }

    fn third_is_m(self) -> Option<bool> {
        match (self.z == Some(true), self.m == Some(true)) {
            (true, _) => Some(false),
            (false, true) => Some(true),
            (false, false) => None,
        }
    }
}

pub(super) fn flag(value: &Tree) -> bool {
    match value {
        Tree::Bool(flag) => *flag,
        Tree::Text(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// Reads a geometry; an error if the page is to be refused for it.
pub(super) fn geometry(
    value: &Tree,
    layout: &GeometryLayout,
    page: Flags,
    escapes: bool,
) -> Result<Read, ()> {
    if *value == Tree::Null {
        return Ok(Read::None);
    }
    let members = value.members().ok_or(())?;
    let mut own = Flags::default();
    let mut list = None;
    let mut point = [None; 4];
    let mut corners = [None; 4];
    for (name, value) in members {
        let place = |names: [&str; 4]| names.iter().position(|known| known == name);
        if let Some(place) = place(["x", "y", "z", "m"]) {
            point[place] = Some(ordinate(value)?);
        } else if let Some(place) = place(["xmin", "ymin", "xmax", "ymax"]) {
            corners[place] = Some(ordinate(value)?);
        }
        match name.as_str() {
            "rings" | "curveRings" | "paths" | "curvePaths" | "points"
                if *value != Tree::Null && list.is_none() =>
            {
                let lists = lists(value, name == "points")?;
                list = Some((name.as_str(), lists));
            }
            "hasZ" | "hasM" if escapes && matches!(value, Tree::Text(_)) => {
                return Ok(Read::Unknown);
            }
            "hasZ" => own.z = Some(flag(value)),
            "hasM" => own.m = Some(flag(value)),
            // It may contradict another.
            "spatialReference" => return Ok(Read::Unknown),
            _ => {}
        }
    }
    let read = if let Some((name, lists)) = list {
        let Some(lists) = lists else {
            return Ok(Read::Unknown);
        };
        let page = if own.said() { None } else { page.third_is_m() };
        let third_is_m = own
            .third_is_m()
            .or(page)
            .unwrap_or(layout.dims == Dimensions::Xym);
        listed(name, &lists, third_is_m, layout.dims)
    } else if let [Some(x), Some(y), z, m] = point {
        let position = [x, y, z.unwrap_or(f64::NAN), m.unwrap_or(f64::NAN)];
        let finite = x.is_finite() && y.is_finite();
        Read::Exactly {
            kind: GeometryType::Point,
            dims: layout.dims,
            positions: finite.then_some(position).into_iter().collect(),
            ends: Vec::new(),
            repaired: false,
        }
    } else if let [Some(x0), Some(y0), Some(x1), Some(y1)] = corners {
        let (xmin, xmax, ymin, ymax) = (x0.min(x1), x0.max(x1), y0.min(y1), y0.max(y1));
        let around = [
            (xmin, ymin),
            (xmax, ymin),
            (xmax, ymax),
            (xmin, ymax),
            (xmin, ymin),
        ];
        let finite = [x0, y0, x1, y1].iter().all(|side| side.is_finite());
        let positions = around.map(|(x, y)| [x, y, f64::NAN, f64::NAN]);
        Read::Exactly {
            kind: GeometryType::Polygon,
            dims: layout.dims,
            positions: if finite {
                positions.to_vec()
            } else {
                Vec::new()
            },
            ends: if finite { vec![5] } else { Vec::new() },
            repaired: false,
        }
    } else if point.iter().chain(&corners).any(Option::is_some) {
        return Err(());
    } else {
        return Ok(Read::None);
    };
    if layout.kind == GeometryType::Multipatch {
        return Err(());
    }
    Ok(read)
}

/// The numbers of a list of positions, or of lists of them; `None` if there are curves.
fn lists(value: &Tree, plain: bool) -> Result<Option<Vec<Vec<Vec<f64>>>>, ()> {
    let one = std::slice::from_ref(value);
    let parts = match value {
        _ if plain => one,
        Tree::List(parts) => parts,
        _ => return Err(()),
    };
    let mut lists = Vec::new();
    let mut curves = false;
    for part in parts {
        let Tree::List(positions) = part else {
            return if curves { Ok(None) } else { Err(()) };
        };
        let mut list = Vec::new();
        for position in positions {
            match position {
                Tree::List(numbers) if numbers.len() >= 2 || curves => {
                    let numbers: Result<Vec<f64>, ()> = numbers.iter().map(ordinate).collect();
                    match numbers {
                        Err(()) if curves => return Ok(None),
                        numbers => list.push(numbers?),
                    }
                }
                Tree::Object(_) => curves = true,
                _ if curves => return Ok(None),
                _ => return Err(()),
            }
        }
        lists.push(list);
    }
    Ok((!curves).then_some(lists))
}

fn ordinate(value: &Tree) -> Result<f64, ()> {
    match value {
        Tree::Null => Ok(f64::NAN),
        Tree::Number(number) => number.as_f64().ok_or(()),
        Tree::Text(text) => {
            let text = text.trim();
            if text.is_empty() || text.eq_ignore_ascii_case("null") {
                return Ok(f64::NAN);
            }
            text.parse().map_err(|_| ())
        }
        _ => Err(()),
    }
}

fn listed(name: &str, lists: &[Vec<Vec<f64>>], third_is_m: bool, dims: Dimensions) -> Read {
    let mut repaired = false;
    let mut parts: Vec<Vec<Position>> = Vec::new();
    for list in lists {
        let mut part = Vec::new();
        for numbers in list {
            let at = |place: usize| numbers.get(place).copied().unwrap_or(f64::NAN);
            let position = match (numbers.len(), third_is_m) {
                (3, true) => [at(0), at(1), f64::NAN, at(2)],
                _ => [at(0), at(1), at(2), at(3)],
            };
            if position[0].is_finite() && position[1].is_finite() {
                part.push(position);
            } else {
                repaired = true;
            }
        }
        parts.push(part);
    }
    let kind = match name {
        "points" => GeometryType::Multipoint,
        "paths" | "curvePaths" => GeometryType::Polyline,
        _ => GeometryType::Polygon,
    };
    Read::of_parts(kind, parts, dims, repaired)
}
