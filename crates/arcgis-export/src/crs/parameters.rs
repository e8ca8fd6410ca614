//! Reference systems by what they are: a WKT without a code is compared with those of all codes.
//!
//! `data/crs_wkt.bin` holds the WKT of each horizontal and vertical system as Esri writes it (made by
//! `cargo xtask crs-table` beside the table): [`MAGIC`], the length of the text as a little-endian `u32`, and a
//! Zstandard frame of lines `EPSG:2881<tab>PROJCS[…]`. Of systems that are equal the first counts, and so
//! those that are not deprecated, and EPSG's, come first.

use std::collections::BTreeMap;

use super::Authority;
use super::wkt::{Id, Node, nodes, parts, text};

/// How the file begins.
pub(super) const MAGIC: &[u8; 8] = b"ARCWKT\x00\x01";

/// No file says that it is larger.
const LARGEST: u32 = 64 * 1024 * 1024;

const DEGREE: f64 = 0.017_453_292_519_943_295;

/// What a system is, apart from its name.
#[derive(Debug, PartialEq)]
pub(super) struct Definition {
    name: String,
    kind: Kind,
    /// The names of datum, and of projection if there is one.
    names: Vec<String>,
    /// Sizes, units and the parameters of a projection.
    numbers: BTreeMap<String, f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Geographic,
    Projected,
    Vertical,
}

impl Definition {
    /// The horizontal and the vertical system of a WKT, as far as they can be compared.
    pub(super) fn of(wkt: &str) -> Vec<Self> {
        let mut found = Vec::new();
        for root in nodes(wkt) {
            if root.is("COMPD_CS") || root.is("COMPOUNDCRS") {
                found.extend(nodes(root.body).into_iter().filter_map(Self::of_node));
            } else {
                found.extend(Self::of_node(root));
            }
        }
        found
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    fn of_node(node: Node<'_>) -> Option<Self> {
        let mut definition = Self {
            name: plain(node.name()?),
            kind: Kind::Geographic,
            names: Vec::new(),
            numbers: BTreeMap::new(),
        };
        if ["GEOGCS", "GEOGCRS", "GEOGRAPHICCRS"]
            .iter()
            .any(|word| node.is(word))
        {
            definition.geographic(node)?;
        } else if ["PROJCS", "PROJCRS", "PROJECTEDCRS"]
            .iter()
            .any(|word| node.is(word))
        {
            definition.kind = Kind::Projected;
            definition.projected(node)?;
        } else if ["VERTCS", "VERTCRS"].iter().any(|word| node.is(word)) {
            definition.kind = Kind::Vertical;
            let datum = node.child(&["VDATUM", "DATUM"])?;
            definition.names.push(plain(datum.name()?));
            definition.number("unit", unit(node)?);
            definition.parameters(node, 1.0, 1.0)?;
        } else {
            return None;
        }
        Some(definition)
    }

    fn number(&mut self, name: &str, value: f64) {
        self.numbers.insert(name.to_owned(), value);
    }

    /// Gives the size of its unit in radians.
    fn geographic(&mut self, node: Node<'_>) -> Option<f64> {
        let datum = node.child(&["DATUM"])?;
        let ellipsoid = datum.child(&["SPHEROID", "ELLIPSOID"])?;
        let name = plain(datum.name()?);
        self.names.push(name);
        let [axis, flattening] = [1, 2].map(|place| ellipsoid.number(place));
        let metre = ellipsoid
            .child(&["LENGTHUNIT"])
            .map_or(Some(1.0), |unit| unit.number(1))?;
        self.number("axis", axis? * metre);
        self.number("flattening", flattening?);
        let meridian = match node.child(&["PRIMEM", "PRIMEMERIDIAN"]) {
            Some(meridian) => meridian.number(1)?,
            None => 0.0,
        };
        self.number("meridian", meridian);
        let angle = unit(node).unwrap_or(DEGREE);
        self.number("angle", angle);
        Some(angle)
    }

    fn projected(&mut self, node: Node<'_>) -> Option<()> {
        let angle = self.geographic(node.child(&["GEOGCS", "BASEGEOGCRS", "BASEGEODCRS"])?)?;
        let length = unit(node)?;
        self.number("unit", length);
        // WKT 2 has an element around the parameters.
        let around = node.child(&["CONVERSION"]).unwrap_or(node);
        let method = plain(around.child(&["PROJECTION", "METHOD"])?.name()?);
        self.names.push(match method.as_str() {
            // The same under another name.
            "gausskruger" => "transversemercator".to_owned(),
            _ => method,
        });
        self.parameters(around, angle, length)
    }

    fn parameters(&mut self, around: Node<'_>, angle: f64, length: f64) -> Option<()> {
        for node in nodes(around.body) {
            if !node.is("PARAMETER") {
                continue;
            }
            let mut value = node.number(1)?;
            // WKT 2 says the unit of each.
            if let Some(unit) = node.child(&["ANGLEUNIT"]) {
                value *= unit.number(1)? / angle;
            } else if let Some(unit) = node.child(&["LENGTHUNIT"]) {
                value *= unit.number(1)? / length;
            }
            self.number(&format!("of {}", plain(node.name()?)), value);
        }
        Some(())
    }

    /// Whether both give the same coordinates to the same places.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let covers = |one: &Self, other: &Self| {
            one.numbers.iter().all(|(name, value)| {
                let stated = other.numbers.get(name).copied();
                stated
                    .or_else(|| unstated(name))
                    .is_some_and(|other| close(*value, other))
            })
        };
        self.kind == other.kind
            && self.names == other.names
            && covers(self, other)
            && covers(other, self)
    }
}

/// The value of a parameter that is left out.
fn unstated(name: &str) -> Option<f64> {
    match name {
        "of scalefactor" => Some(1.0),
        name => name.starts_with("of ").then_some(0.0),
    }
}

/// Texts have 15 digits, or a few less.
fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-10 * a.abs().max(b.abs()).max(1.0)
}

/// The size of the unit of a system: its own, or that of its first axis.
fn unit(node: Node<'_>) -> Option<f64> {
    const UNITS: [&str; 3] = ["UNIT", "LENGTHUNIT", "ANGLEUNIT"];
    let of_axis = || node.child(&["AXIS"])?.child(&UNITS);
    node.child(&UNITS).or_else(of_axis)?.number(1)
}

/// A name without case and signs; those of datums without Esri's `D_`.
fn plain(name: &str) -> String {
    let name = name.strip_prefix("D_").unwrap_or(name);
    let letters = name.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// The systems that equal parts of a WKT: the horizontal and the vertical one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) horizontal: Option<Id>,
    pub(super) vertical: Option<Id>,
}

/// Looks a WKT up among those of all codes. One of the same name goes before others that are equal.
pub(super) fn find(wkt: &str) -> Found {
    let mut found = Found::default();
    let wanted = Definition::of(wkt);
    if wanted.is_empty() {
        return found;
    }
    let Some(listed) = listed(include_bytes!("../../data/crs_wkt.bin")) else {
        return found;
    };
    let mut named = [false; 2];
    for (id, known) in entries(&listed) {
        let Some(known) = Definition::of(known).pop() else {
            continue;
        };
        for wanted in &wanted {
            if !wanted.is_same(&known) {
                continue;
            }
            let (place, named) = match wanted.kind() {
                Kind::Vertical => (&mut found.vertical, &mut named[1]),
                Kind::Geographic | Kind::Projected => (&mut found.horizontal, &mut named[0]),
            };
            let same_name = wanted.name == known.name;
            if place.is_none() || (same_name && !*named) {
                *place = Some(id);
                *named = same_name;
            }
        }
    }
    found
}

/// The lines of the file; `None` for bytes that are no such file.
pub(super) fn listed(file: &[u8]) -> Option<String> {
    let (length, packed) = file.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length);
    if length > LARGEST {
        return None;
    }
    let lines = zstd::bulk::decompress(packed, usize::try_from(length).ok()?).ok()?;
    String::from_utf8(lines).ok()
}

/// The codes and WKTs of the lines.
pub(super) fn entries(lines: &str) -> impl Iterator<Item = (Id, &str)> {
    lines.lines().filter_map(|line| {
        let (id, wkt) = line.split_once('\t')?;
        let (authority, code) = id.split_once(':')?;
        Some(((Authority::from_name(authority)?, code.parse().ok()?), wkt))
    })
}

impl<'a> Node<'a> {
    /// The first item, which is the name.
    fn name(&self) -> Option<&'a str> {
        text(parts(self.body).next()?)
    }

    fn number(&self, place: usize) -> Option<f64> {
        let number = parts(self.body).nth(place)?;
        number
            .trim()
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
    }

    fn child(&self, words: &[&str]) -> Option<Node<'a>> {
        let mut children = nodes(self.body).into_iter();
        children.find(|node| words.iter().any(|word| node.is(word)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::crs::projjson;

    fn all() -> String {
        listed(include_bytes!("../../data/crs_wkt.bin")).unwrap()
    }

    // The WKT of every code finds that code, or one that PROJ says is equal in all parameters.
    #[test]
    fn every_code_is_found_by_its_parameters() {
        let lines = all();
        let known: Vec<(Id, Definition)> = entries(&lines)
            .map(|(id, wkt)| (id, Definition::of(wkt).pop().unwrap()))
            .collect();
        let mut by_names: BTreeMap<Vec<String>, Vec<usize>> = BTreeMap::new();
        for (place, (_, definition)) in known.iter().enumerate() {
            by_names
                .entry(definition.names.clone())
                .or_default()
                .push(place);
        }
        let (mut itself, mut twin) = (0, 0);
        for (id, definition) in &known {
            let same: Vec<&Id> = by_names[&definition.names]
                .iter()
                .map(|place| &known[*place])
                .filter(|(_, other)| definition.is_same(other))
                .map(|(id, _)| id)
                .collect();
            assert!(same.contains(&id), "{id:?}");
            assert!(projjson(id.0, id.1).is_some(), "{id:?}");
            if same[0] == id {
                itself += 1
            } else {
                twin += 1
            }
        }
        println!("{itself} systems by parameters of their own, {twin} that equal another one");
        assert!(itself + twin > 9_000);
        assert!(itself > 7_000, "{itself}");
    }

    #[test]
    fn definitions_differ_by_any_number() {
        let utm = |meridian: &str, datum: &str, unit: &str| {
            format!(
                r#"PROJCS["Local",GEOGCS["GCS",DATUM["{datum}",SPHEROID["GRS_1980",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",{meridian}],PARAMETER["Scale_Factor",0.9996],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",{unit}]]"#
            )
        };
        let found = |wkt: &str| find(wkt).horizontal;
        // ETRS89 / UTM zone 32N, by EPSG's registry.
        let etrs = utm("9.0", "D_ETRS_1989", "1.0");
        assert_eq!(found(&etrs), Some((Authority::Epsg, 25832)));
        // The same without the parameters that are 0, and under the projection's other name.
        let short = etrs
            .replace(r#"PARAMETER["False_Northing",0.0],"#, "")
            .replace("Transverse_Mercator", "Gauss_Kruger");
        assert_eq!(found(&short), Some((Authority::Epsg, 25832)));
        let nad83 = utm("9.0", "D_North_American_1983", "1.0");
        assert_ne!(found(&nad83), Some((Authority::Epsg, 25832)));
        assert_eq!(found(&utm("9.01", "D_ETRS_1989", "1.0")), None);
        assert_eq!(found(&utm("9.0", "D_ETRS_1989", "0.3048")), None);
        assert_eq!(found(&utm("9.0", "D_Unheard_Of", "1.0")), None);
    }

    #[test]
    fn wkt_2_and_heights_are_compared_too() {
        let wkt2 = r#"PROJCRS["Local",BASEGEOGCRS["GCS_ETRS_1989",DATUM["D_ETRS_1989",ELLIPSOID["GRS_1980",6378137.0,298.257222101,LENGTHUNIT["Meter",1.0]]],PRIMEM["Greenwich",0.0],CS[ellipsoidal,2],AXIS["Latitude (lat)",north],AXIS["Longitude (lon)",east],ANGLEUNIT["Degree",0.0174532925199433]],CONVERSION["UTM",METHOD["Transverse_Mercator"],PARAMETER["False_Easting",500.0,LENGTHUNIT["Kilometer",1000.0]],PARAMETER["False_Northing",0.0,LENGTHUNIT["Meter",1.0]],PARAMETER["Central_Meridian",9.0,ANGLEUNIT["Degree",0.0174532925199433]],PARAMETER["Scale_Factor",0.9996],PARAMETER["Latitude_Of_Origin",0.0]],CS[Cartesian,2],AXIS["Easting (X)",east],AXIS["Northing (Y)",north],LENGTHUNIT["Meter",1.0]]"#;
        assert_eq!(find(wkt2).horizontal, Some((Authority::Epsg, 25832)));
        let heights = r#"GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,298.257223563]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],VERTCS["NAVD_1988",VDATUM["North_American_Vertical_Datum_1988"],PARAMETER["Vertical_Shift",0.0],PARAMETER["Direction",1.0],UNIT["Meter",1.0]]"#;
        let found = find(heights);
        assert_eq!(found.horizontal, Some((Authority::Epsg, 4326)));
        assert_eq!(found.vertical, Some((Authority::Epsg, 5703)));
    }

    #[test]
    fn any_text_has_an_answer() {
        for text in [
            "",
            "PROJCS[",
            r#"PROJCS["a"]"#,
            r#"GEOGCS["a",DATUM["b",SPHEROID["c",nan,inf]]]"#,
            "GEOGCS[GEOGCS[GEOGCS[]]]",
        ] {
            assert_eq!(find(text), Found::default(), "{text}");
        }
        assert!(listed(b"").is_none());
        assert!(listed(b"ARCWKT\x00\x01\xff\xff\xff\xff").is_none());
    }
}
