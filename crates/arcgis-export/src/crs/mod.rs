//! Reference systems: from the numbers that ArcGIS sends to the PROJJSON that GeoParquet holds.

mod parameters;
mod resolve;
mod table;
mod wkt;

use std::sync::LazyLock;

use table::Table;

pub use resolve::{CrsKind, ResolvedCrs, SpatialReferenceCodes, UnknownCrs, resolve_crs};
pub use table::Authority;

static TABLE: LazyLock<Option<Table<'static>>> =
    LazyLock::new(|| Table::parse(include_bytes!("../../data/crs.bin")));

/// The PROJJSON of a reference system, letter for letter as PROJ writes it.
///
/// The table holds every EPSG and ESRI code of PROJ's database, deprecated ones too: geographic,
/// geocentric, projected, vertical and compound. `None` for any other code.
///
/// Each call unpacks about half a megabyte: keep the answer.
///
/// ```
/// use arcgis_export::{Authority, projjson};
///
/// let mollweide = projjson(Authority::Esri, 54009).unwrap();
/// assert!(mollweide.contains(r#""name":"World_Mollweide""#));
/// assert_eq!(projjson(Authority::Epsg, 54009), None);
/// ```
pub fn projjson(authority: Authority, code: u32) -> Option<String> {
    TABLE.as_ref()?.find(authority, code)
}

/// The versions of PROJ, of EPSG's and of Esri's database behind [`projjson`], as a JSON object
/// with the members `proj`, `epsg` and `esri`.
pub fn crs_table_versions() -> &'static str {
    TABLE.as_ref().map_or("{}", |table| table.versions())
}

/// What a wkid that was replaced means today: Esri's 102100 is EPSG:3857.
fn alias(wkid: u32) -> Option<(Authority, u32)> {
    TABLE.as_ref()?.alias(wkid)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;

    fn name(authority: Authority, code: u32) -> String {
        let value: Value = serde_json::from_str(&projjson(authority, code).unwrap()).unwrap();
        value["name"].as_str().unwrap().to_owned()
    }

    // The names are those of epsg.io and of Esri's own lists of reference systems.
    #[test]
    fn well_known_codes_have_their_names() {
        use Authority::{Epsg, Esri};
        for (authority, code, expected) in [
            (Epsg, 4326, "WGS 84"),
            (Epsg, 3857, "WGS 84 / Pseudo-Mercator"),
            (Epsg, 2881, "NAD83(HARN) / Florida East (ftUS)"),
            (Epsg, 27700, "OSGB36 / British National Grid"),
            (Epsg, 28992, "Amersfoort / RD New"),
            (Epsg, 25832, "ETRS89 / UTM zone 32N"),
            (Epsg, 5703, "NAVD88 height"),
            (Epsg, 4979, "WGS 84"),
            (Esri, 54009, "World_Mollweide"),
            (Esri, 54030, "World_Robinson"),
            (Esri, 102003, "USA_Contiguous_Albers_Equal_Area_Conic"),
            (Esri, 102100, "WGS_1984_Web_Mercator_Auxiliary_Sphere"),
        ] {
            assert_eq!(name(authority, code), expected, "{authority}:{code}");
        }
    }

    // Ellipsoid and projection parameters from EPSG's registry.
    #[test]
    fn definitions_are_whole() {
        let grid: Value = serde_json::from_str(&projjson(Authority::Epsg, 27700).unwrap()).unwrap();
        let ellipsoid = &grid["base_crs"]["datum"]["ellipsoid"];
        assert_eq!(ellipsoid["name"], "Airy 1830");
        assert_eq!(ellipsoid["semi_major_axis"], 6_377_563.396);
        // PROJ refuses a projected CRS whose base has no axes.
        assert!(grid["base_crs"]["coordinate_system"]["axis"].is_array());
        let easting = grid["conversion"]["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .find(|parameter| parameter["name"] == "False easting")
            .unwrap();
        assert_eq!(easting["value"], 400_000);
    }

    #[test]
    fn every_entry_is_json_with_its_own_id() {
        let table = TABLE.as_ref().unwrap();
        let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
        let mut count = 0;
        table
            .for_each(|authority, code, text| {
                let value: Value = serde_json::from_slice(text).unwrap();
                assert_eq!(value["id"]["authority"], authority.as_str());
                assert_eq!(value["id"]["code"], code);
                assert!(value["name"].is_string());
                *kinds
                    .entry(value["type"].as_str().unwrap().to_owned())
                    .or_default() += 1;
                count += 1;
            })
            .unwrap();
        println!(
            "{count} reference systems: {kinds:?}; {}",
            crs_table_versions()
        );
        assert!(count >= 10_000);
    }

    #[test]
    fn any_code_has_an_answer() {
        for authority in [Authority::Epsg, Authority::Esri] {
            for code in [
                0,
                1,
                2_000,
                32_768,
                100_000,
                1 << 24,
                (1 << 24) + 4326,
                u32::MAX,
            ] {
                let found = projjson(authority, code).is_some();
                assert_eq!(found, authority == Authority::Epsg && code == 2_000);
            }
        }
    }

    #[test]
    fn broken_tables_are_refused() {
        let whole: &[u8] = include_bytes!("../../data/crs.bin");
        for length in (0..whole.len()).step_by(977).chain(0..64) {
            assert!(Table::parse(&whole[..length]).is_none(), "{length}");
        }
        // Damage inside a chunk is found when that chunk is unpacked.
        let mut damaged = whole.to_vec();
        for byte in damaged.iter_mut().rev().take(4_000) {
            *byte = !*byte;
        }
        let table = Table::parse(&damaged).unwrap();
        assert!(table.find(Authority::Epsg, 4326).is_some());
        assert!(table.for_each(|_, _, _| ()).is_none());
    }
}
