//! Rows as objects of their own, with `geo-types` geometry.

use std::sync::Arc;

use geo_types::{
    Coord, Geometry, LineString, MultiLineString, MultiPoint, MultiPolygon, Point, Polygon,
};
use jiff::Timestamp;

use crate::field::Field;
use crate::geometry::{GeometryRef, GeometryType};
use crate::layout::Layout;
use crate::sink::{FeatureSink, PageFacts, PageSink, SinkError, ValueRef};

/// One attribute value. It is what the server sent: an integer field may hold a [`Value::Float`] if the
/// server wrote `1e6`, and a number that came as text stays text.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub enum Value {
    /// Null, or not there.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number; dates too, in milliseconds since 1970 UTC.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text. Objects and arrays are here as JSON.
    Str(String),
}

impl Value {
    /// Whether it is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The whole number, also of a float without fraction that is exact (below 2^53).
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Self::Int(number) => Some(number),
            Self::Float(number)
                if number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0 =>
            {
                Some(number as i64)
            }
            _ => None,
        }
    }

    /// The number as a float; whole numbers beyond 2^53 are rounded.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::Int(number) => Some(number as f64),
            Self::Float(number) => Some(number),
            _ => None,
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match *self {
            Self::Bool(flag) => Some(flag),
            _ => None,
        }
    }

    /// The moment of a value in an `esriFieldTypeDate` field: milliseconds since 1970 UTC, a fraction cut off.
    /// `None` for what is no number, or beyond the years -9999 to 9999.
    ///
    /// ```
    /// use arcgis_layer::Value;
    ///
    /// let date = Value::Int(1_705_320_000_000).to_timestamp().unwrap();
    /// assert_eq!(date.to_string(), "2024-01-15T12:00:00Z");
    /// ```
    #[must_use]
    pub fn to_timestamp(&self) -> Option<Timestamp> {
        let milliseconds = match *self {
            Self::Int(number) => number,
            // The range of timestamps is far within what the cast keeps.
            Self::Float(number) if number.is_finite() && number.abs() < 1e15 => {
                number.trunc() as i64
            }
            _ => return None,
        };
        Timestamp::from_millisecond(milliseconds).ok()
    }
}

impl From<ValueRef<'_>> for Value {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Bool(flag) => Self::Bool(flag),
            ValueRef::Int(number) => Self::Int(number),
            ValueRef::Float(number) => Self::Float(number),
            ValueRef::Str(text) => Self::Str(text.to_owned()),
        }
    }
}

/// One row of a layer.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Feature {
    layout: Arc<Layout>,
    /// The object id, if the layer has one; also where it is no column.
    pub object_id: Option<i64>,
    /// The values, one for each field.
    pub values: Vec<Value>,
    /// The geometry, in x and y, for that is all that `geo-types` knows. `None` for a null geometry and for an empty
    /// point, which `geo-types` cannot express. A geometry of one path or one polygon is a
    /// `LineString` or `Polygon`, others are multi-geometries, also empty ones.
    pub geometry: Option<Geometry<f64>>,
    /// The z of each position, in the order of the geometry's positions (shell and holes of one polygon, then the next);
    /// `None` if the layer has no z. NaN where a position has none.
    pub z: Option<Vec<f64>>,
    /// The m of each position, likewise.
    pub m: Option<Vec<f64>>,
}

impl Feature {
    /// The fields of [`Feature::values`], in the same order.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.layout.fields
    }

    /// The value of the field of that name: the exact one, else the only one that differs in case alone. `None` if there
    /// is no such field; a null value is [`Value::Null`].
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        let fields = self.fields();
        let exact = fields.iter().position(|field| field.name == name);
        let column = exact.or_else(|| {
            let mut alike = (0..fields.len()).filter(|&column| {
                fields
                    .get(column)
                    .is_some_and(|field| field.name.eq_ignore_ascii_case(name))
            });
            let first = alike.next()?;
            alike.next().is_none().then_some(first)
        })?;
        self.values.get(column)
    }

    /// Field and value of each column.
    pub fn iter(&self) -> impl Iterator<Item = (&Field, &Value)> {
        self.fields().iter().zip(&self.values)
    }
}

/// Collects the rows of pages as [`Feature`]s.
#[derive(Debug, Clone)]
pub struct FeatureCollector {
    layout: Arc<Layout>,
}

impl FeatureCollector {
    /// A collector for pages of that layout.
    #[must_use]
    pub fn new(layout: impl Into<Arc<Layout>>) -> Self {
        Self {
            layout: layout.into(),
        }
    }
}

impl PageSink for FeatureCollector {
    type Page = FeaturePage;

    fn page(&self, rows: usize) -> FeaturePage {
        FeaturePage {
            layout: Arc::clone(&self.layout),
            features: Vec::with_capacity(rows.min(10_000)),
            current: empty(&self.layout),
        }
    }

    fn select(
        &self,
        mut pages: Vec<FeaturePage>,
        rows: &[(usize, usize)],
    ) -> Result<FeaturePage, SinkError> {
        let mut selected = self.page(rows.len());
        for &(page, row) in rows {
            let feature = pages
                .get_mut(page)
                .and_then(|page| page.features.get_mut(row))
                .ok_or_else(|| SinkError::Other(format!("page {page} has no row {row}").into()))?;
            selected
                .features
                .push(std::mem::replace(feature, empty(&self.layout)));
        }
        Ok(selected)
    }
}

fn empty(layout: &Arc<Layout>) -> Feature {
    Feature {
        layout: Arc::clone(layout),
        object_id: None,
        values: vec![Value::Null; layout.fields.len()],
        geometry: None,
        z: None,
        m: None,
    }
}

/// The features of one page.
#[derive(Debug)]
pub struct FeaturePage {
    layout: Arc<Layout>,
    features: Vec<Feature>,
    current: Feature,
}

impl FeaturePage {
    /// The features, in the page's order, with the ids that `facts` has.
    #[must_use]
    pub fn into_features(mut self, facts: &PageFacts) -> Vec<Feature> {
        for (feature, &id) in self.features.iter_mut().zip(&facts.ids) {
            feature.object_id = Some(id);
        }
        self.features
    }
}

impl FeatureSink for FeaturePage {
    fn attribute(&mut self, column: usize, value: ValueRef<'_>) -> Result<(), SinkError> {
        if let Some(place) = self.current.values.get_mut(column) {
            *place = value.into();
        }
        Ok(())
    }

    fn geometry(&mut self, geometry: GeometryRef<'_>) -> Result<(), SinkError> {
        let ordinate = |has: bool, at: usize| {
            has.then(|| {
                geometry
                    .coords
                    .chunks_exact(geometry.dims.size())
                    .filter_map(|position| position.get(at).copied())
                    .collect()
            })
        };
        self.current.z = ordinate(geometry.dims.has_z(), 2);
        self.current.m = ordinate(geometry.dims.has_m(), geometry.dims.size() - 1);
        self.current.geometry = to_geo(&geometry);
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), SinkError> {
        let next = empty(&self.layout);
        self.features
            .push(std::mem::replace(&mut self.current, next));
        Ok(())
    }
}

fn to_geo(geometry: &GeometryRef<'_>) -> Option<Geometry<f64>> {
    let size = geometry.dims.size();
    let positions = |from: usize, to: usize| -> Vec<Coord<f64>> {
        geometry
            .coords
            .get(from * size..to * size)
            .unwrap_or_default()
            .chunks_exact(size)
            .filter_map(|position| match *position {
                [x, y, ..] => Some(Coord { x, y }),
                _ => None,
            })
            .collect()
    };
    let mut from = 0;
    let mut lines = geometry.ring_ends.iter().map(move |&end| {
        let line = LineString::new(positions(from, end));
        from = end;
        line
    });
    match geometry.kind {
        GeometryType::Point => match *geometry.coords {
            [x, y, ..] => Some(Point::new(x, y).into()),
            _ => None,
        },
        GeometryType::Multipoint => {
            let points = geometry.coords.chunks_exact(size);
            let points = points.filter_map(|position| match *position {
                [x, y, ..] => Some(Point::new(x, y)),
                _ => None,
            });
            Some(MultiPoint::new(points.collect()).into())
        }
        GeometryType::Polyline => Some(match lines.len() {
            1 => Geometry::LineString(lines.next()?),
            _ => MultiLineString::new(lines.collect()).into(),
        }),
        GeometryType::Polygon => {
            let mut first = 0;
            let mut polygons: Vec<Polygon<f64>> = geometry
                .part_ends
                .iter()
                .filter_map(|&end| {
                    let shell = lines.next()?;
                    let holes = lines.by_ref().take(end - first - 1).collect();
                    first = end;
                    Some(Polygon::new(shell, holes))
                })
                .collect();
            Some(match polygons.len() {
                1 => Geometry::Polygon(polygons.pop()?),
                _ => MultiPolygon::new(polygons).into(),
            })
        }
        GeometryType::Envelope | GeometryType::Multipatch => None,
    }
}
