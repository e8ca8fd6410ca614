//! From an Esri spatial reference to one reference system.

use std::cell::LazyCell;
use std::fmt;

use serde_json::Value;

use super::{Authority, alias, parameters, projjson, wkt};

/// What an Esri `spatialReference` says, member by member.
///
/// ```
/// use arcgis_export::{SpatialReferenceCodes, resolve_crs};
///
/// let crs = resolve_crs(&SpatialReferenceCodes {
///     wkid: Some(102100),
///     latest_wkid: Some(3857),
///     ..Default::default()
/// })
/// .unwrap();
/// assert_eq!(crs.id(), "EPSG:3857");
/// assert_eq!(crs.name(), "WGS 84 / Pseudo-Mercator");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpatialReferenceCodes<'a> {
    /// `wkid`: the number under which the reference system was stored.
    pub wkid: Option<i64>,
    /// `latestWkid`: the number that it has today. Goes before `wkid`.
    pub latest_wkid: Option<i64>,
    /// `vcsWkid`: the number of the height system.
    pub vcs_wkid: Option<i64>,
    /// `latestVcsWkid`: the number of the height system today. Goes before `vcsWkid`.
    pub latest_vcs_wkid: Option<i64>,
    /// `wkt`: sent instead of numbers for a reference system that has none.
    pub wkt: Option<&'a str>,
    /// `wkt2`: the same in WKT 2, beside it or instead of it.
    pub wkt2: Option<&'a str>,
}

/// The kind of a reference system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CrsKind {
    /// Longitude and latitude, mostly in degrees; with an ellipsoidal height where it has three axes.
    Geographic,
    /// Plane coordinates.
    Projected,
    /// X, Y and Z from the centre of the earth.
    Geocentric,
    /// A horizontal system and a height system.
    Compound,
}

/// A reference system with the PROJJSON that GeoParquet and GeoArrow take.
///
/// Coordinates in files are always written x before y (longitude before latitude), whatever the
/// order of the axes in the PROJJSON: so GeoParquet and GeoArrow define it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedCrs {
    authority: Authority,
    code: u32,
    vertical: Option<(Authority, u32)>,
    unknown_vertical: Option<i64>,
    kind: CrsKind,
    name: String,
    projjson: String,
}

impl ResolvedCrs {
    /// Who gave the code of the (horizontal) system.
    pub fn authority(&self) -> Authority {
        self.authority
    }

    /// The code of the (horizontal) system.
    pub fn code(&self) -> u32 {
        self.code
    }

    /// Authority and code: `EPSG:3857`; with a height system `EPSG:27700+EPSG:5701`.
    pub fn id(&self) -> String {
        let (authority, code) = (self.authority, self.code);
        match self.vertical {
            Some((vertical, height)) => format!("{authority}:{code}+{vertical}:{height}"),
            None => format!("{authority}:{code}"),
        }
    }

    /// The name: `WGS 84 / Pseudo-Mercator`; with a height system both, joined by ` + `.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kind.
    pub fn kind(&self) -> CrsKind {
        self.kind
    }

    /// The PROJJSON as text.
    pub fn projjson(&self) -> &str {
        &self.projjson
    }

    /// Authority and code of the height system that was sent beside the horizontal one.
    pub fn vertical(&self) -> Option<(Authority, u32)> {
        self.vertical
    }

    /// The number of a height system that could not be taken over: no table has it, or the
    /// horizontal system says already what its heights are. Worth a word in a report.
    pub fn unknown_vertical(&self) -> Option<i64> {
        self.unknown_vertical
    }

    /// Whether coordinates are longitude and latitude on WGS 84, without a height system: what
    /// `OGC:CRS84` means, and what GeoParquet assumes for a file without `crs`.
    pub fn is_crs84(&self) -> bool {
        (self.authority, self.code, self.vertical) == (Authority::Epsg, 4326, None)
    }

    /// Whether x is a longitude and y a latitude, on whatever datum.
    pub fn is_geographic(&self) -> bool {
        self.kind == CrsKind::Geographic
    }
}

/// Why a spatial reference gave no reference system. A file then holds `crs: null` ("unknown").
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnknownCrs {
    /// Neither a number nor a text was sent.
    Missing,
    /// No table has the number, or it is not that of a horizontal system.
    Code(i64),
    /// Only a text was sent, without a code that a table has, and equal to none of its systems. Keep the text.
    Wkt,
}

impl fmt::Display for UnknownCrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the service names no spatial reference"),
            Self::Code(wkid) => write!(
                f,
                "wkid {wkid} is no horizontal reference system of EPSG or Esri"
            ),
            Self::Wkt => f.write_str(
                "the spatial reference is a WKT without a code, and equals none of EPSG or Esri",
            ),
        }
    }
}

impl std::error::Error for UnknownCrs {}

/// Finds the reference system of an Esri spatial reference.
///
/// `latestWkid` goes before `wkid`, both before a code inside the WKT, and that before a system whose datum,
/// projection, parameters and units are those that the WKT names. Whose code it is tells the
/// table: EPSG's is taken where both have one. A number that Esri has replaced (102100) means its
/// replacement (EPSG:3857) where both give the same coordinates. With a height system the PROJJSON
/// is a `CompoundCRS`; one that is unknown does not spoil the rest
/// ([`ResolvedCrs::unknown_vertical`]).
///
/// # Errors
///
/// [`UnknownCrs`] says why there is none.
pub fn resolve_crs(sent: &SpatialReferenceCodes<'_>) -> Result<ResolvedCrs, UnknownCrs> {
    let texts = [sent.wkt2, sent.wkt].map(|text| text.filter(|text| !text.trim().is_empty()));
    // Services send 0 (and -1) for "none".
    let numbers = || {
        [sent.latest_wkid, sent.wkid]
            .into_iter()
            .flatten()
            .filter(|&wkid| wkid > 0)
    };
    let mut named = wkt::Ids::default();
    for ids in texts.into_iter().flatten().map(wkt::ids) {
        named.horizontal = named.horizontal.or(ids.horizontal);
        named.vertical = named.vertical.or(ids.vertical);
    }
    // Only looked for where nothing else says it: that takes a while.
    let equal = LazyCell::new(|| {
        let mut equal = parameters::Found::default();
        for found in texts.into_iter().flatten().map(parameters::find) {
            equal.horizontal = equal.horizontal.or(found.horizontal);
            equal.vertical = equal.vertical.or(found.vertical);
        }
        equal
    });

    let horizontal = numbers()
        .find_map(|wkid| by_number(wkid, Definition::is_horizontal))
        .or_else(|| by_id(named.horizontal?, Definition::is_horizontal))
        .or_else(|| {
            let (authority, code) = equal.horizontal?;
            Definition::find(authority, code).filter(Definition::is_horizontal)
        });
    let Some(horizontal) = horizontal else {
        let text = texts.into_iter().flatten().next();
        return Err(match (text, numbers().next()) {
            (Some(_), _) => UnknownCrs::Wkt,
            (None, Some(wkid)) => UnknownCrs::Code(wkid),
            (None, None) => UnknownCrs::Missing,
        });
    };

    let heights = || {
        [sent.latest_vcs_wkid, sent.vcs_wkid]
            .into_iter()
            .flatten()
            .filter(|&wkid| wkid > 0)
    };
    let vertical = heights()
        .find_map(|wkid| by_number(wkid, Definition::is_vertical))
        .or_else(|| by_id(named.vertical?, Definition::is_vertical))
        .or_else(|| {
            // A text alone may name heights; beside numbers it says again what they say.
            if numbers().next().is_some() {
                return None;
            }
            let (authority, code) = equal.vertical?;
            Definition::find(authority, code).filter(Definition::is_vertical)
        });
    let asked = heights()
        .next()
        .or(named.vertical.map(|(_, code)| i64::from(code)));
    Ok(match vertical {
        Some(vertical) if horizontal.takes_heights() => horizontal.with(vertical),
        _ => horizontal.alone(asked),
    })
}

/// One entry of the table, with what is to be known about it.
struct Definition {
    authority: Authority,
    code: u32,
    class: String,
    axes: usize,
    name: String,
    text: String,
}

impl Definition {
    fn find(authority: Authority, code: u32) -> Option<Self> {
        let text = projjson(authority, code)?;
        let value: Value = serde_json::from_str(&text).ok()?;
        Some(Self {
            authority,
            code,
            class: value.get("type")?.as_str()?.to_owned(),
            axes: value
                .pointer("/coordinate_system/axis")
                .and_then(Value::as_array)
                .map_or(0, Vec::len),
            name: value.get("name")?.as_str()?.to_owned(),
            text,
        })
    }

    fn kind(&self) -> Option<CrsKind> {
        match self.class.as_str() {
            "GeographicCRS" => Some(CrsKind::Geographic),
            "ProjectedCRS" => Some(CrsKind::Projected),
            "GeodeticCRS" => Some(CrsKind::Geocentric),
            "CompoundCRS" => Some(CrsKind::Compound),
            _ => None,
        }
    }

    fn is_horizontal(&self) -> bool {
        self.kind().is_some()
    }

    fn is_vertical(&self) -> bool {
        self.class == "VerticalCRS"
    }

    /// Whether a height system can be put beside: not where there are heights already.
    fn takes_heights(&self) -> bool {
        self.axes == 2
    }

    /// The members of the PROJJSON object without `$schema`, which belongs to the outermost alone.
    fn members(&self) -> &str {
        let inside = self.text.strip_prefix('{').unwrap_or(&self.text);
        match inside
            .strip_prefix(r#""$schema":"#)
            .and_then(|rest| rest.split_once(','))
        {
            Some((_, members)) => members,
            None => inside,
        }
    }

    fn alone(self, unknown_vertical: Option<i64>) -> ResolvedCrs {
        ResolvedCrs {
            kind: self.kind().unwrap_or(CrsKind::Projected),
            authority: self.authority,
            code: self.code,
            vertical: None,
            unknown_vertical,
            name: self.name,
            projjson: self.text,
        }
    }

    fn with(self, vertical: Self) -> ResolvedCrs {
        let name = format!("{} + {}", self.name, vertical.name);
        let head = self.text.strip_suffix(self.members()).unwrap_or("{");
        // Both parts keep PROJ's own text: parsed and written again, numbers could change.
        let projjson = format!(
            r#"{head}"type":"CompoundCRS","name":{},"components":[{{{},{{{}]}}"#,
            Value::from(name.as_str()),
            self.members(),
            vertical.members(),
        );
        ResolvedCrs {
            authority: self.authority,
            code: self.code,
            vertical: Some((vertical.authority, vertical.code)),
            unknown_vertical: None,
            kind: CrsKind::Compound,
            name,
            projjson,
        }
    }
}

fn by_number(wkid: i64, wanted: fn(&Definition) -> bool) -> Option<Definition> {
    let wkid = u32::try_from(wkid).ok()?;
    alias(wkid)
        .into_iter()
        .chain([(Authority::Epsg, wkid), (Authority::Esri, wkid)])
        .find_map(|(authority, code)| Definition::find(authority, code).filter(wanted))
}

fn by_id(
    (authority, code): (Authority, u32),
    wanted: fn(&Definition) -> bool,
) -> Option<Definition> {
    // Esri's replacements are keyed by its own numbers; old files also call Esri's codes EPSG's.
    Definition::find(authority, code)
        .filter(wanted)
        .filter(|_| alias(code).is_none())
        .or_else(|| by_number(i64::from(code), wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wkid(wkid: i64) -> Result<ResolvedCrs, UnknownCrs> {
        resolve_crs(&SpatialReferenceCodes {
            wkid: Some(wkid),
            ..Default::default()
        })
    }

    #[test]
    fn t31_table_tells_whose_code_it_is() {
        for (number, id) in [
            (4326, "EPSG:4326"),
            (2881, "EPSG:2881"),
            (27700, "EPSG:27700"),
            (32632, "EPSG:32632"),
            (37003, "ESRI:37003"),
            (53009, "ESRI:53009"),
            (54009, "ESRI:54009"),
            (54030, "ESRI:54030"),
            (102003, "ESRI:102003"),
        ] {
            assert_eq!(wkid(number).unwrap().id(), id);
        }
    }

    // Esri's own pairs of wkid and latestWkid.
    #[test]
    fn t31_replaced_numbers_mean_their_replacement() {
        for (number, id) in [
            (102_100, "EPSG:3857"),
            (102_113, "EPSG:3857"),
            (900_913, "EPSG:3857"),
            (3785, "EPSG:3857"),
            (102_067, "EPSG:5514"),
            (102_718, "EPSG:2263"),
        ] {
            assert_eq!(wkid(number).unwrap().id(), id);
        }
    }

    #[test]
    fn latest_number_goes_first_and_the_older_one_helps_out() {
        let both = |wkid, latest| {
            resolve_crs(&SpatialReferenceCodes {
                wkid: Some(wkid),
                latest_wkid: Some(latest),
                ..Default::default()
            })
            .unwrap()
            .id()
        };
        assert_eq!(both(102_100, 3857), "EPSG:3857");
        assert_eq!(both(102_718, 2263), "EPSG:2263");
        assert_eq!(both(4326, 0), "EPSG:4326");
        assert_eq!(both(4326, 99_999_999), "EPSG:4326");
    }

    #[test]
    fn longitude_and_latitude_are_recognised() {
        let wgs84 = wkid(4326).unwrap();
        assert!(wgs84.is_crs84() && wgs84.is_geographic());
        let nad83 = wkid(4269).unwrap();
        assert!(!nad83.is_crs84() && nad83.is_geographic());
        let mercator = wkid(3857).unwrap();
        assert!(!mercator.is_crs84() && !mercator.is_geographic());
        assert_eq!(mercator.kind(), CrsKind::Projected);
    }

    #[test]
    fn what_is_unknown_says_so() {
        assert_eq!(
            resolve_crs(&SpatialReferenceCodes::default()),
            Err(UnknownCrs::Missing)
        );
        assert_eq!(wkid(0), Err(UnknownCrs::Missing));
        assert_eq!(wkid(-1), Err(UnknownCrs::Missing));
        assert_eq!(wkid(1), Err(UnknownCrs::Code(1)));
        assert_eq!(wkid(i64::MAX), Err(UnknownCrs::Code(i64::MAX)));
        // A height system is no place for a geometry.
        assert_eq!(wkid(5703), Err(UnknownCrs::Code(5703)));
        let text = |wkt| {
            resolve_crs(&SpatialReferenceCodes {
                wkt: Some(wkt),
                ..Default::default()
            })
        };
        assert_eq!(text(""), Err(UnknownCrs::Missing));
        assert_eq!(text(r#"PROJCS["Site grid"]"#), Err(UnknownCrs::Wkt));
    }

    #[test]
    fn text_with_a_code_is_as_good_as_the_code() {
        for (wkt, id) in [
            (r#"GEOGCS["WGS 84",AUTHORITY["EPSG","4326"]]"#, "EPSG:4326"),
            (r#"PROJCS["M",AUTHORITY["Esri",54009]]"#, "ESRI:54009"),
            (r#"PROJCS["M",AUTHORITY["EPSG",102100]]"#, "EPSG:3857"),
            (
                r#"PROJCS["A",AUTHORITY["EPSG",27700]],VERTCS["B",AUTHORITY["EPSG",5701]]"#,
                "EPSG:27700+EPSG:5701",
            ),
        ] {
            let crs = resolve_crs(&SpatialReferenceCodes {
                wkt: Some(wkt),
                ..Default::default()
            });
            assert_eq!(crs.unwrap().id(), id);
        }
    }

    #[test]
    fn height_system_makes_a_compound() {
        let crs = resolve_crs(&SpatialReferenceCodes {
            wkid: Some(27700),
            vcs_wkid: Some(5701),
            ..Default::default()
        })
        .unwrap();
        assert_eq!(crs.kind(), CrsKind::Compound);
        assert_eq!(crs.id(), "EPSG:27700+EPSG:5701");
        assert_eq!(crs.vertical(), Some((Authority::Epsg, 5701)));
        let value: Value = serde_json::from_str(crs.projjson()).unwrap();
        assert_eq!(value["type"], "CompoundCRS");
        assert_eq!(value["name"], "OSGB36 / British National Grid + ODN height");
        assert!(value["$schema"].is_string());
        let parts = value["components"].as_array().unwrap();
        assert_eq!(parts.len(), 2);
        for (part, code) in parts.iter().zip([27700, 5701]) {
            let mut alone: Value =
                serde_json::from_str(&projjson(Authority::Epsg, code).unwrap()).unwrap();
            alone.as_object_mut().unwrap().remove("$schema");
            assert_eq!(*part, alone);
        }
    }

    #[test]
    fn height_system_that_cannot_be_taken_over_is_told() {
        let with = |wkid, vcs_wkid| {
            resolve_crs(&SpatialReferenceCodes {
                wkid: Some(wkid),
                vcs_wkid: Some(vcs_wkid),
                ..Default::default()
            })
            .unwrap()
        };
        // No such number; not a height system; a system with heights of its own.
        for (horizontal, vertical) in [(4326, 99_999_999), (4326, 3857), (4979, 5703)] {
            let crs = with(horizontal, vertical);
            assert_eq!(crs.id(), format!("EPSG:{horizontal}"));
            assert_eq!(crs.unknown_vertical(), Some(vertical));
        }
        // Heights above the ellipsoid, as Esri numbers them.
        assert_eq!(with(4326, 115_700).id(), "EPSG:4326+ESRI:115700");
    }
}
