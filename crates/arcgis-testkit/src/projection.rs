use crate::geometry::{Envelope, Geometry, Vertex};

/// The radius of the sphere of EPSG:3857, in metres (the semi-major axis of WGS 84).
const RADIUS: f64 = 6_378_137.0;

/// A spatial reference by its well-known id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpatialReference {
    pub(crate) wkid: u32,
}

impl SpatialReference {
    pub(crate) fn latest_wkid(self) -> u32 {
        match self.wkid {
            // Web Mercator's own number at Esri; 102113 and 900913 are older spellings of it.
            102_100 | 102_113 | 900_913 => 3857,
            other => other,
        }
    }

    /// As servers write it: Web Mercator is always answered by Esri's number with the EPSG one beside it.
    pub(crate) fn esri_json(self) -> String {
        match self.latest_wkid() {
            3857 => r#"{"wkid":102100,"latestWkid":3857}"#.to_owned(),
            latest => format!(r#"{{"wkid":{},"latestWkid":{latest}}}"#, self.wkid),
        }
    }

    pub(crate) fn is_geographic(self) -> bool {
        self.latest_wkid() == 4326
    }

    /// Parses `4326`, `{"wkid":102100}` or `{"latestWkid":3857}`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(wkid) = text.parse() {
            return Some(Self { wkid });
        }
        let json: serde_json::Value = serde_json::from_str(text).ok()?;
        Self::from_json(&json)
    }

    pub(crate) fn from_json(json: &serde_json::Value) -> Option<Self> {
        let member = |name: &str| {
            json.get(name)
                .and_then(serde_json::Value::as_u64)
                .and_then(|wkid| u32::try_from(wkid).ok())
        };
        let wkid = member("wkid").or_else(|| member("latestWkid"))?;
        Some(Self { wkid })
    }
}

/// How coordinates get from one spatial reference to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Projection {
    None,
    ToMercator,
    ToDegrees,
}

impl Projection {
    /// None where the service cannot project between the two.
    pub(crate) fn between(from: SpatialReference, to: SpatialReference) -> Option<Self> {
        match (from.latest_wkid(), to.latest_wkid()) {
            (a, b) if a == b => Some(Self::None),
            (4326, 3857) => Some(Self::ToMercator),
            (3857, 4326) => Some(Self::ToDegrees),
            _ => None,
        }
    }

    pub(crate) fn apply(self, x: f64, y: f64) -> (f64, f64) {
        match self {
            Self::None => (x, y),
            // asinh(tan φ) is ln(tan(π/4 + φ/2)), but stays finite at the poles, as PROJ's does.
            Self::ToMercator => (
                RADIUS * x.to_radians(),
                RADIUS * y.to_radians().tan().asinh(),
            ),
            Self::ToDegrees => (
                (x / RADIUS).to_degrees(),
                (y / RADIUS).sinh().atan().to_degrees(),
            ),
        }
    }

    pub(crate) fn apply_to(self, geometry: &mut Geometry) {
        if self != Self::None {
            geometry.map_vertices(|vertex| {
                let (x, y) = self.apply(vertex.x, vertex.y);
                *vertex = Vertex { x, y, ..*vertex };
            });
        }
    }

    /// Both projections keep the axes apart, so that an envelope stays one.
    pub(crate) fn apply_to_envelope(self, envelope: Envelope) -> Envelope {
        let (xmin, ymin) = self.apply(envelope.xmin, envelope.ymin);
        let (xmax, ymax) = self.apply(envelope.xmax, envelope.ymax);
        Envelope {
            xmin,
            ymin,
            xmax,
            ymax,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of the worked example for "Popular Visualisation Pseudo-Mercator" in IOGP guidance note 373-7-2 (method 1024).
    #[test]
    fn web_mercator_agrees_with_the_worked_example_of_iogp() {
        let (longitude, latitude) = (-(100.0 + 20.0 / 60.0), 24.0 + 22.0 / 60.0 + 54.433 / 3600.0);
        let (x, y) = Projection::ToMercator.apply(longitude, latitude);
        assert!((x - -11_169_055.58).abs() < 0.01, "{x}");
        assert!((y - 2_800_000.00).abs() < 0.01, "{y}");
        let (back_x, back_y) = Projection::ToDegrees.apply(x, y);
        assert!((back_x - longitude).abs() < 1e-12 && (back_y - latitude).abs() < 1e-12);
    }

    /// The edge of the square world: π · 6378137 at 85.0511287798066°.
    #[test]
    fn the_square_world_ends_where_web_maps_end() {
        let (x, y) = Projection::ToMercator.apply(180.0, 85.051_128_779_806_6);
        assert!((x - 20_037_508.342_789_244).abs() < 1e-6);
        assert!((y - 20_037_508.342_789_244).abs() < 1e-4);
        assert!(Projection::ToMercator.apply(0.0, -90.0).1.is_finite());
    }

    #[test]
    fn web_mercator_is_answered_by_both_its_numbers() {
        for text in [
            "102100",
            "3857",
            r#"{"wkid":102100,"latestWkid":3857}"#,
            r#"{"latestWkid":3857}"#,
        ] {
            assert_eq!(
                SpatialReference::parse(text).unwrap().esri_json(),
                r#"{"wkid":102100,"latestWkid":3857}"#
            );
        }
        assert_eq!(
            SpatialReference::parse("4326").unwrap().esri_json(),
            r#"{"wkid":4326,"latestWkid":4326}"#
        );
        assert_eq!(SpatialReference::parse("{}"), None);
    }
}
