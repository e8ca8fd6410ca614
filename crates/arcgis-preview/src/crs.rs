//! What a map has to know of a reference system: its name, its unit, and whether it goes round the world.

use serde_json::Value;

/// Once around the world in Web Mercator, in metres.
const WEB_MERCATOR: f64 = 40_075_016.685_578_49;

/// Codes whose definition everybody knows, for files that give no more than the code.
const DEGREES: [&str; 9] = [
    "OGC:CRS84",
    "OGC:CRS83",
    "OGC:CRS27",
    "EPSG:4326",
    "EPSG:4269",
    "EPSG:4258",
    "EPSG:4283",
    "EPSG:4979",
    "EPSG:7844",
];
const MERCATORS: [&str; 3] = ["EPSG:3857", "ESRI:102100", "ESRI:102113"];

/// The reference system of a geometry column, as far as a map needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Crs {
    name: Option<String>,
    id: Option<String>,
    unit: Unit,
}

/// What one step along an axis is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Unit {
    Degrees,
    /// A length, in metres.
    Length(f64),
    Unknown,
}

impl Crs {
    /// Longitude and latitude on WGS 84: what GeoParquet means where it says nothing.
    pub(crate) fn crs84() -> Self {
        Self {
            name: Some("WGS 84 (CRS84)".to_owned()),
            id: Some("OGC:CRS84".to_owned()),
            unit: Unit::Degrees,
        }
    }

    /// Nothing is known.
    pub(crate) fn unknown() -> Self {
        Self {
            name: None,
            id: None,
            unit: Unit::Unknown,
        }
    }

    /// Reads PROJJSON, an authority's code, or well-known text.
    pub(crate) fn read(value: &Value) -> Self {
        match value {
            Value::Object(_) => Self::of_projjson(value),
            Value::String(text) => Self::of_text(text),
            _ => Self::unknown(),
        }
    }

    /// The name, such as `WGS 84 / UTM zone 32N`, where there is one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The authority and its code, such as `EPSG:32632`, where there is one.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether coordinates are longitude and latitude in degrees.
    #[must_use]
    pub fn is_degrees(&self) -> bool {
        self.unit == Unit::Degrees
    }

    /// What is shown of it in one line.
    #[must_use]
    pub fn label(&self) -> String {
        match (&self.id, &self.name) {
            (Some(id), Some(name)) if !name.contains(id.as_str()) => format!("{id} {name}"),
            (_, Some(name)) => name.clone(),
            (Some(id), None) => id.clone(),
            (None, None) => "unknown".to_owned(),
        }
    }

    pub(crate) fn unit(&self) -> Unit {
        self.unit
    }

    pub(crate) fn is_web_mercator(&self) -> bool {
        let id = self.id.as_deref().unwrap_or_default();
        MERCATORS.iter().any(|code| code.eq_ignore_ascii_case(id))
    }

    /// How far it is once around the world, where coordinates start again.
    pub(crate) fn period(&self) -> Option<f64> {
        match self.unit {
            Unit::Degrees => Some(360.0),
            Unit::Length(_) if self.is_web_mercator() => Some(WEB_MERCATOR),
            _ => None,
        }
    }

    fn of_projjson(crs: &Value) -> Self {
        let text = |name: &str| crs.get(name).and_then(Value::as_str);
        let inner = match text("type") {
            Some("CompoundCRS") => crs.get("components").and_then(|all| all.get(0)),
            Some("BoundCRS") => crs.get("source_crs"),
            _ => None,
        };
        let inner = inner.map(Self::of_projjson);
        let id = crs.get("id").and_then(|id| {
            let authority = id.get("authority")?.as_str()?;
            let code = match id.get("code")? {
                Value::String(code) => code.clone(),
                code => code.to_string(),
            };
            Some(format!("{authority}:{code}"))
        });
        let unit = match (text("type"), &inner) {
            (_, Some(inner)) => inner.unit,
            (Some(kind), None) if kind.ends_with("GeographicCRS") => Unit::Degrees,
            _ => length(crs).map_or(Unit::Unknown, Unit::Length),
        };
        Self {
            name: text("name").map(str::to_owned),
            id: id.or_else(|| inner.and_then(|inner| inner.id)),
            unit,
        }
    }

    fn of_text(text: &str) -> Self {
        let text = text.trim();
        if text.starts_with('{') {
            return serde_json::from_str(text)
                .map_or_else(|_| Self::unknown(), |crs| Self::of_projjson(&crs));
        }
        // Well-known text: KEYWORD["name", …
        if let Some((keyword, rest)) = text.split_once('[') {
            let name = rest.split('"').nth(1).map(str::to_owned);
            let unit = match keyword.trim().to_ascii_uppercase().as_str() {
                "GEOGCS" | "GEOGCRS" | "GEOGRAPHICCRS" => Unit::Degrees,
                _ => Unit::Unknown,
            };
            return Self {
                name,
                id: None,
                unit,
            };
        }
        let id = match text.split_once(':') {
            Some((authority, code)) if authority.eq_ignore_ascii_case("srid") => {
                if code == "0" {
                    return Self::unknown();
                }
                format!("EPSG:{code}")
            }
            Some((authority, code)) => format!("{}:{code}", authority.to_ascii_uppercase()),
            None if text.is_empty() => return Self::unknown(),
            None => text.to_owned(),
        };
        let unit = if DEGREES.contains(&id.as_str()) {
            Unit::Degrees
        } else if MERCATORS.contains(&id.as_str()) {
            Unit::Length(1.0)
        } else {
            Unit::Unknown
        };
        Self {
            name: None,
            id: Some(id),
            unit,
        }
    }
}

/// The unit of the first axis in metres.
fn length(crs: &Value) -> Option<f64> {
    match crs
        .get("coordinate_system")?
        .get("axis")?
        .get(0)?
        .get("unit")?
    {
        Value::String(unit) if unit == "metre" => Some(1.0),
        Value::Object(unit) if unit.get("type")?.as_str()? == "LinearUnit" => {
            let factor = unit.get("conversion_factor")?.as_f64()?;
            (factor > 0.0 && factor.is_finite()).then_some(factor)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn projjson_says_name_code_and_unit() {
        let crs = Crs::read(&json!({
            "type": "ProjectedCRS", "name": "NAD83 / Texas Central (ftUS)",
            "coordinate_system": {"subtype": "Cartesian", "axis": [
                {"name": "Easting", "unit": {"type": "LinearUnit", "name": "US survey foot",
                 "conversion_factor": 0.304800609601219}}]},
            "id": {"authority": "EPSG", "code": 2277}
        }));
        assert_eq!(crs.label(), "EPSG:2277 NAD83 / Texas Central (ftUS)");
        assert_eq!(crs.unit(), Unit::Length(0.304800609601219));
        assert_eq!(crs.period(), None);
    }

    #[test]
    fn a_compound_is_what_its_horizontal_part_is() {
        let crs = Crs::read(&json!({
            "type": "CompoundCRS", "name": "WGS 84 + EGM96 height",
            "components": [
                {"type": "GeographicCRS", "name": "WGS 84", "id": {"authority": "EPSG", "code": 4326}},
                {"type": "VerticalCRS", "name": "EGM96 height"}]
        }));
        assert_eq!(crs.unit(), Unit::Degrees);
        assert_eq!(crs.id(), Some("EPSG:4326"));
        assert_eq!(crs.period(), Some(360.0));
    }

    #[test]
    fn codes_and_text_are_read_as_far_as_they_are_known() {
        for (text, label, unit) in [
            ("EPSG:4326", "EPSG:4326", Unit::Degrees),
            ("srid:4326", "EPSG:4326", Unit::Degrees),
            ("epsg:3857", "EPSG:3857", Unit::Length(1.0)),
            ("EPSG:25832", "EPSG:25832", Unit::Unknown),
            (
                "GEOGCS[\"NTF (Paris)\",DATUM[]]",
                "NTF (Paris)",
                Unit::Degrees,
            ),
            ("", "unknown", Unit::Unknown),
            ("{broken", "unknown", Unit::Unknown),
        ] {
            let crs = Crs::read(&json!(text));
            assert_eq!((crs.label().as_str(), crs.unit()), (label, unit), "{text}");
        }
        assert_eq!(Crs::read(&json!(null)), Crs::unknown());
    }
}
