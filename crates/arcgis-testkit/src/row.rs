use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::geometry::Geometry;
use crate::value::Value;

/// One row of a layer: attributes by field name, and a geometry or none.
///
/// Fields that are not named are null; an object id that is not named is given by the service.
///
/// ```
/// use arcgis_testkit::{Geometry, Row};
///
/// let row = Row::new().with("NAME", "Bern").with("POPULATION", 134_591).at(Geometry::point((7.4474, 46.948)));
/// assert!(row.geometry().is_some());
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    pub(crate) attributes: Vec<(Cow<'static, str>, Value)>,
    pub(crate) geometry: Option<Geometry>,
    pub(crate) curves: Option<Arc<str>>,
}

impl Row {
    /// A row of nulls.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets an attribute.
    #[must_use]
    pub fn with(mut self, field: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        self.attributes.push((field.into(), value.into()));
        self
    }

    /// Sets the geometry.
    #[must_use]
    pub fn at(mut self, geometry: Geometry) -> Self {
        self.geometry = Some(geometry);
        self
    }

    /// Sets what is served instead of the geometry where true curves are asked for (`returnTrueCurves=true`): an Esri JSON geometry with `curveRings` or
    /// `curvePaths`, in the layer's spatial reference. The [geometry](Row::at) is what the server makes of it otherwise.
    #[must_use]
    pub fn with_curves(mut self, geometry: &Json) -> Self {
        self.curves = Some(geometry.to_string().into());
        self
    }

    /// The geometry.
    #[must_use]
    pub fn geometry(&self) -> Option<&Geometry> {
        self.geometry.as_ref()
    }

    /// An attribute; `None` where it is not named.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&Value> {
        let found = self.attributes.iter().find(|(name, _)| name == field);
        found.map(|(_, value)| value)
    }

    /// Reads an Esri JSON feature, `{"attributes":{…},"geometry":{…}}`.
    #[must_use]
    pub fn from_esri_json(feature: &Json, has_z: bool, has_m: bool) -> Self {
        let attributes = feature.get("attributes").and_then(Json::as_object);
        Self {
            attributes: attributes
                .into_iter()
                .flatten()
                .map(|(name, value)| (Cow::Owned(name.clone()), Value::from_json(value)))
                .collect(),
            geometry: feature
                .get("geometry")
                .and_then(|geometry| Geometry::from_esri_json(geometry, has_z, has_m)),
            curves: None,
        }
    }
}
