use serde_json::Value as Json;

use crate::value::write_f64;

/// What kind of geometry a layer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GeometryType {
    /// `esriGeometryPoint`.
    Point,
    /// `esriGeometryMultipoint`.
    Multipoint,
    /// `esriGeometryPolyline`.
    Polyline,
    /// `esriGeometryPolygon`.
    Polygon,
}

impl GeometryType {
    /// The name that the protocol uses, for example `esriGeometryPoint`.
    #[must_use]
    pub fn esri_name(self) -> &'static str {
        match self {
            Self::Point => "esriGeometryPoint",
            Self::Multipoint => "esriGeometryMultipoint",
            Self::Polyline => "esriGeometryPolyline",
            Self::Polygon => "esriGeometryPolygon",
        }
    }

    pub(crate) fn from_esri_name(name: &str) -> Option<Self> {
        [Self::Point, Self::Multipoint, Self::Polyline, Self::Polygon]
            .into_iter()
            .find(|kind| kind.esri_name() == name)
    }
}

/// One vertex. Z and M are not-a-number where there is none; so are X and Y of an empty point.
#[derive(Debug, Clone, Copy)]
pub struct Vertex {
    /// Easting or longitude.
    pub x: f64,
    /// Northing or latitude.
    pub y: f64,
    /// Height.
    pub z: f64,
    /// Measure.
    pub m: f64,
}

impl Vertex {
    /// A vertex without Z and M.
    #[must_use]
    pub fn xy(x: f64, y: f64) -> Self {
        Self {
            x,
            y,
            z: f64::NAN,
            m: f64::NAN,
        }
    }

    /// A vertex with Z.
    #[must_use]
    pub fn xyz(x: f64, y: f64, z: f64) -> Self {
        Self {
            x,
            y,
            z,
            m: f64::NAN,
        }
    }

    /// A vertex with M.
    #[must_use]
    pub fn xym(x: f64, y: f64, m: f64) -> Self {
        Self {
            x,
            y,
            z: f64::NAN,
            m,
        }
    }

    /// A vertex with Z and M.
    #[must_use]
    pub fn xyzm(x: f64, y: f64, z: f64, m: f64) -> Self {
        Self { x, y, z, m }
    }
}

/// What is missing on both sides is equal.
impl PartialEq for Vertex {
    fn eq(&self, other: &Self) -> bool {
        let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
        same(self.x, other.x)
            && same(self.y, other.y)
            && same(self.z, other.z)
            && same(self.m, other.m)
    }
}

impl From<(f64, f64)> for Vertex {
    fn from((x, y): (f64, f64)) -> Self {
        Self::xy(x, y)
    }
}

impl From<(f64, f64, f64)> for Vertex {
    fn from((x, y, z): (f64, f64, f64)) -> Self {
        Self::xyz(x, y, z)
    }
}

/// A geometry as Esri JSON holds it: rings of a polygon in any order, outer rings clockwise.
///
/// The service changes nothing about rings: orientation and closure are served as given, so that a test can serve crooked ones too.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Geometry {
    /// One point; empty where `x` is not a number.
    Point(Vertex),
    /// Any number of points.
    Multipoint(Vec<Vertex>),
    /// Paths.
    Polyline(Vec<Vec<Vertex>>),
    /// Rings.
    Polygon(Vec<Vec<Vertex>>),
}

impl Geometry {
    /// A point.
    #[must_use]
    pub fn point(vertex: impl Into<Vertex>) -> Self {
        Self::Point(vertex.into())
    }

    /// The point that servers send as `{"x":"NaN","y":"NaN"}`.
    #[must_use]
    pub fn empty_point() -> Self {
        Self::Point(Vertex::xy(f64::NAN, f64::NAN))
    }

    /// A multipoint.
    #[must_use]
    pub fn multipoint<V: Into<Vertex>>(points: impl IntoIterator<Item = V>) -> Self {
        Self::Multipoint(points.into_iter().map(Into::into).collect())
    }

    /// A polyline of these paths.
    #[must_use]
    pub fn polyline<V: Into<Vertex>, P: IntoIterator<Item = V>>(
        paths: impl IntoIterator<Item = P>,
    ) -> Self {
        Self::Polyline(collect(paths))
    }

    /// A polygon of these rings, which should be closed: outer ones clockwise, holes counter-clockwise.
    #[must_use]
    pub fn polygon<V: Into<Vertex>, P: IntoIterator<Item = V>>(
        rings: impl IntoIterator<Item = P>,
    ) -> Self {
        Self::Polygon(collect(rings))
    }

    /// Reads an Esri JSON geometry. Rows of three numbers are x, y, m where the layer has M and no Z.
    ///
    /// None for null, `{}`, and anything that is no geometry of these kinds.
    #[must_use]
    pub fn from_esri_json(json: &Json, has_z: bool, has_m: bool) -> Option<Self> {
        let object = json.as_object()?;
        let flag =
            |name: &str, default| object.get(name).and_then(Json::as_bool).unwrap_or(default);
        let (has_z, has_m) = (flag("hasZ", has_z), flag("hasM", has_m));
        if object.contains_key("x") {
            let number = |name: &str| object.get(name).and_then(Json::as_f64).unwrap_or(f64::NAN);
            return Some(Self::Point(Vertex {
                x: number("x"),
                y: number("y"),
                z: number("z"),
                m: number("m"),
            }));
        }
        let vertices = |list: &Json| {
            list.as_array().map(|rows| {
                rows.iter()
                    .filter_map(|row| vertex(row, has_z, has_m))
                    .collect::<Vec<_>>()
            })
        };
        let parts = |list: &Json| {
            list.as_array()
                .map(|parts| parts.iter().filter_map(vertices).collect::<Vec<_>>())
        };
        if let Some(points) = object.get("points") {
            return vertices(points).map(Self::Multipoint);
        }
        if let Some(paths) = object.get("paths") {
            return parts(paths).map(Self::Polyline);
        }
        parts(object.get("rings")?).map(Self::Polygon)
    }

    pub(crate) fn parts(&self) -> Parts<'_> {
        match self {
            Self::Point(vertex) => Parts::One(Some(std::slice::from_ref(vertex))),
            Self::Multipoint(points) => Parts::One(Some(points)),
            Self::Polyline(parts) | Self::Polygon(parts) => Parts::Many(parts.iter()),
        }
    }

    /// The vertices that have a place; those of an empty point have none.
    pub(crate) fn vertices(&self) -> impl Iterator<Item = &Vertex> {
        self.parts()
            .flatten()
            .filter(|vertex| !vertex.x.is_nan() && !vertex.y.is_nan())
    }

    pub(crate) fn map_vertices(&mut self, mut change: impl FnMut(&mut Vertex)) {
        match self {
            Self::Point(vertex) => change(vertex),
            Self::Multipoint(points) => points.iter_mut().for_each(change),
            Self::Polyline(parts) | Self::Polygon(parts) => {
                parts.iter_mut().flatten().for_each(change)
            }
        }
    }

    pub(crate) fn write_esri_json(
        &self,
        has_z: bool,
        has_m: bool,
        bare_nan: bool,
        out: &mut Vec<u8>,
    ) {
        let (member, parts) = match self {
            Self::Point(vertex) => {
                out.extend_from_slice(b"{\"x\":");
                write_f64(vertex.x, bare_nan, out);
                out.extend_from_slice(b",\"y\":");
                write_f64(vertex.y, bare_nan, out);
                for (wanted, name, value) in [
                    (has_z, &b",\"z\":"[..], vertex.z),
                    (has_m, &b",\"m\":"[..], vertex.m),
                ] {
                    if wanted {
                        out.extend_from_slice(name);
                        write_ordinate(value, out);
                    }
                }
                out.push(b'}');
                return;
            }
            Self::Multipoint(_) => (&b"\"points\":"[..], None),
            Self::Polyline(paths) => (&b"\"paths\":"[..], Some(paths)),
            Self::Polygon(rings) => (&b"\"rings\":"[..], Some(rings)),
        };
        out.push(b'{');
        if has_z {
            out.extend_from_slice(b"\"hasZ\":true,");
        }
        if has_m {
            out.extend_from_slice(b"\"hasM\":true,");
        }
        out.extend_from_slice(member);
        match (self, parts) {
            (_, Some(parts)) => {
                out.push(b'[');
                for (at, part) in parts.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    write_vertices(part, has_z, has_m, bare_nan, out);
                }
                out.push(b']');
            }
            (Self::Multipoint(points), None) => write_vertices(points, has_z, has_m, bare_nan, out),
            _ => out.extend_from_slice(b"[]"),
        }
        out.push(b'}');
    }
}

fn collect<V: Into<Vertex>, P: IntoIterator<Item = V>>(
    parts: impl IntoIterator<Item = P>,
) -> Vec<Vec<Vertex>> {
    parts
        .into_iter()
        .map(|part| part.into_iter().map(Into::into).collect())
        .collect()
}

fn vertex(row: &Json, has_z: bool, has_m: bool) -> Option<Vertex> {
    let row = row.as_array()?;
    let number = |at: usize| row.get(at).and_then(Json::as_f64).unwrap_or(f64::NAN);
    let (z, m) = match (has_z, has_m) {
        (false, true) => (f64::NAN, number(2)),
        _ => (number(2), number(3)),
    };
    Some(Vertex {
        x: number(0),
        y: number(1),
        z,
        m,
    })
}

/// Z and M that are missing are sent as null inside a row, where X and Y would be `"NaN"`.
fn write_ordinate(value: f64, out: &mut Vec<u8>) {
    if value.is_finite() {
        write_f64(value, false, out);
    } else {
        out.extend_from_slice(b"null");
    }
}

pub(crate) fn write_vertices(
    vertices: &[Vertex],
    has_z: bool,
    has_m: bool,
    bare_nan: bool,
    out: &mut Vec<u8>,
) {
    out.push(b'[');
    for (at, vertex) in vertices.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_vertex(vertex, has_z, has_m, bare_nan, out);
    }
    out.push(b']');
}

pub(crate) fn write_vertex(
    vertex: &Vertex,
    has_z: bool,
    has_m: bool,
    bare_nan: bool,
    out: &mut Vec<u8>,
) {
    out.push(b'[');
    write_f64(vertex.x, bare_nan, out);
    out.push(b',');
    write_f64(vertex.y, bare_nan, out);
    for (wanted, value) in [(has_z, vertex.z), (has_m, vertex.m)] {
        if wanted {
            out.push(b',');
            write_ordinate(value, out);
        }
    }
    out.push(b']');
}

/// The parts of a geometry, one after the other.
pub(crate) enum Parts<'a> {
    One(Option<&'a [Vertex]>),
    Many(std::slice::Iter<'a, Vec<Vertex>>),
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a [Vertex];

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::One(part) => part.take(),
            Self::Many(parts) => parts.next().map(Vec::as_slice),
        }
    }
}

/// A rectangle with sides along the axes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Envelope {
    pub(crate) xmin: f64,
    pub(crate) ymin: f64,
    pub(crate) xmax: f64,
    pub(crate) ymax: f64,
}

impl Envelope {
    pub(crate) fn of<'a>(vertices: impl Iterator<Item = &'a Vertex>) -> Option<Self> {
        vertices.fold(None, |so_far: Option<Self>, vertex| {
            let here = Self {
                xmin: vertex.x,
                ymin: vertex.y,
                xmax: vertex.x,
                ymax: vertex.y,
            };
            Some(so_far.map_or(here, |so_far| so_far.union(&here)))
        })
    }

    pub(crate) fn union(&self, other: &Self) -> Self {
        Self {
            xmin: self.xmin.min(other.xmin),
            ymin: self.ymin.min(other.ymin),
            xmax: self.xmax.max(other.xmax),
            ymax: self.ymax.max(other.ymax),
        }
    }

    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.xmin <= other.xmax
            && other.xmin <= self.xmax
            && self.ymin <= other.ymax
            && other.ymin <= self.ymax
    }

    pub(crate) fn contains(&self, x: f64, y: f64) -> bool {
        (self.xmin..=self.xmax).contains(&x) && (self.ymin..=self.ymax).contains(&y)
    }
}
