//! The files of a folder as a STAC catalog.
//!
//! STAC 1.1.0, with members of the extensions *table* 1.2.0 and *projection* 2.0.0. These are not declared: a validator
//! would fetch their schemas, and call what it cannot fetch invalid.

use arcgis_layer::{Layer, LayerInfo, Query, SpatialReference};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::index::{IndexedLayer, ServiceIndex};
use crate::error::Error;
use crate::format::FileFormat;
use crate::report::Report;

const VERSION: &str = "1.1.0";
/// The name of the catalog.
pub(super) const CATALOG: &str = "catalog.json";
/// Reference systems whose coordinates are longitude and latitude in WGS 84.
const DEGREES: [&str; 3] = ["EPSG:4326", "EPSG:4979", "OGC:CRS84"];

/// The radius of the sphere of web Mercator, in metres.
const RADIUS: f64 = 6_378_137.0;

/// Least longitude and latitude, greatest longitude and latitude of the rows; `None` where there are none, or nobody
/// can tell.
pub(super) async fn extent(layer: &Layer, query: &Query, report: &Report) -> Option<[f64; 4]> {
    let geometry = report.geometry.as_ref()?;
    let own = geometry.extent?;
    let extent = match geometry.crs.as_deref() {
        Some(crs) if DEGREES.contains(&crs) => own,
        Some("EPSG:3857") => mercator(own),
        _ => {
            let degrees = SpatialReference::from_wkid(4326);
            let query = query.clone().with_out_sr(degrees);
            let query = query.resolve(layer.info()).ok()?;
            match layer.extent(&query).await {
                Ok(extent) => {
                    let sides = extent?.bbox;
                    [sides.xmin, sides.ymin, sides.xmax, sides.ymax]
                }
                Err(error) => {
                    tracing::warn!(layer = %layer.address(), %error, "the extent in WGS 84 is not known");
                    return None;
                }
            }
        }
    };
    let [west, south, east, north] = extent;
    let fits = west <= east && south <= north && (-90.0..=90.0).contains(&south) && north <= 90.0;
    (fits && extent.iter().all(|side| side.is_finite())).then_some(extent)
}

/// Web Mercator in longitude and latitude.
fn mercator([west, south, east, north]: [f64; 4]) -> [f64; 4] {
    let longitude = |x: f64| (x / RADIUS).to_degrees();
    let latitude = |y: f64| (y / RADIUS).sinh().atan().to_degrees();
    [
        longitude(west),
        latitude(south),
        longitude(east),
        latitude(north),
    ]
}

/// Where the item of a file stands: beside it.
pub(super) fn item_path(file: &str) -> String {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    format!("{stem}.json")
}

/// The item of a layer that was exported. `extent` is in WGS 84.
pub(super) fn item(
    layer: &IndexedLayer,
    info: &LayerInfo,
    report: &Report,
    geometry: Option<&str>,
    extent: Option<[f64; 4]>,
) -> Result<Vec<u8>, Error> {
    let file = layer.file.as_deref().unwrap_or_default();
    let name = file.rsplit('/').next().unwrap_or_default();
    let up = "../".repeat(file.matches('/').count());
    let catalog = format!("{}catalog.json", if up.is_empty() { "./" } else { &up });
    let mut properties = json!({
        "datetime": moment(report.started),
        "title": layer.name,
        "updated": moment(report.finished),
        "table:columns": columns(info, report),
        "table:row_count": report.rows,
    });
    let mut set = |name: &str, value: Value| {
        if let Some(members) = properties.as_object_mut() {
            members.insert(name.to_owned(), value);
        }
    };
    let description = info.description.as_deref().map(str::trim);
    if let Some(description) = description.filter(|text| !text.is_empty()) {
        set("description", json!(description));
    }
    if let Some(geometry) = geometry {
        set("table:primary_geometry", json!(geometry));
    }
    if let Some(crs) = &layer.crs {
        set("proj:code", json!(crs));
        if let Some(sides) = layer.extent {
            set("proj:bbox", json!(sides));
        }
    }
    let mut item = Map::new();
    for (name, value) in [
        ("type", json!("Feature")),
        ("stac_version", json!(VERSION)),
        ("stac_extensions", json!([])),
        ("id", json!(id(file))),
        ("geometry", extent.map_or(Value::Null, rectangle)),
    ] {
        item.insert(name.to_owned(), value);
    }
    if let Some(extent) = extent {
        item.insert("bbox".to_owned(), json!(extent));
    }
    let format = layer.format.as_deref().and_then(|name| name.parse().ok());
    for (name, value) in [
        ("properties", properties),
        (
            "links",
            json!([
                {"rel": "root", "href": catalog, "type": "application/json"},
                {"rel": "parent", "href": catalog, "type": "application/json"},
                {"rel": "via", "href": layer.url, "title": "The layer"},
            ]),
        ),
        (
            "assets",
            json!({"data": {
                "href": format!("./{}", encoded(name)),
                "type": media_type(format.unwrap_or_default()),
                "title": layer.name,
                "roles": ["data"],
            }}),
        ),
    ] {
        item.insert(name.to_owned(), value);
    }
    lines(&Value::Object(item))
}

/// The catalog, with the path where it stands.
pub(super) fn catalog(index: &ServiceIndex) -> Result<(String, Vec<u8>), Error> {
    let mut links = vec![
        json!({"rel": "root", "href": "./catalog.json", "type": "application/json"}),
        json!({"rel": "via", "href": index.source, "title": "The service"}),
    ];
    for layer in index.layers.iter().filter(|layer| layer.has_file()) {
        let item = item_path(layer.file.as_deref().unwrap_or_default());
        let path: Vec<String> = item.split('/').map(encoded).collect();
        links.push(json!({
            "rel": "item",
            "href": format!("./{}", path.join("/")),
            "type": "application/geo+json",
            "title": layer.name,
        }));
    }
    let path = index
        .source
        .split_once("/rest/services/")
        .map(|(_, path)| path);
    let name = path.map_or("services".to_owned(), |path| path.replace('/', "-"));
    let catalog = json!({
        "type": "Catalog",
        "stac_version": VERSION,
        "id": name,
        "description": format!("Layers and tables of {}, each row once.", index.source),
        "links": links,
    });
    Ok((CATALOG.to_owned(), lines(&catalog)?))
}

/// The columns with their Arrow types, and what the service calls them.
fn columns(info: &LayerInfo, report: &Report) -> Vec<Value> {
    let columns = report.columns.iter();
    columns
        .map(|column| {
            let mut said = json!({"name": column.name, "type": column.arrow_type});
            let field = column.field.as_deref().unwrap_or(&column.name);
            let alias = info.field(field).and_then(|field| field.alias.as_deref());
            let alias = alias.filter(|alias| !alias.is_empty() && *alias != column.name);
            if let (Some(alias), Some(members)) = (alias, said.as_object_mut()) {
                members.insert("description".to_owned(), json!(alias));
            }
            said
        })
        .collect()
}

/// To the millisecond: readers do not take nine digits all.
fn moment(exact: Timestamp) -> String {
    Timestamp::from_millisecond(exact.as_millisecond())
        .unwrap_or(exact)
        .to_string()
}

fn id(file: &str) -> String {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    stem.replace('/', "--")
}

fn rectangle([west, south, east, north]: [f64; 4]) -> Value {
    let ring = [
        [west, south],
        [east, south],
        [east, north],
        [west, north],
        [west, south],
    ];
    json!({"type": "Polygon", "coordinates": [ring]})
}

fn media_type(format: FileFormat) -> &'static str {
    match format {
        FileFormat::ArrowFile => "application/vnd.apache.arrow.file",
        FileFormat::ArrowStream => "application/vnd.apache.arrow.stream",
        FileFormat::GeoJson => "application/geo+json",
        FileFormat::GeoJsonLines => "application/x-ndjson",
        FileFormat::Csv => "text/csv",
        FileFormat::FlatGeobuf => "application/vnd.flatgeobuf",
        #[cfg(feature = "geopackage")]
        FileFormat::GeoPackage => "application/geopackage+sqlite3",
        _ => "application/vnd.apache.parquet",
    }
}

/// A part of a path as it stands in an address.
fn encoded(part: &str) -> String {
    let mut encoded = String::with_capacity(part.len());
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn lines(document: &Value) -> Result<Vec<u8>, Error> {
    let mut json = serde_json::to_vec_pretty(document).map_err(Error::write)?;
    json.push(b'\n');
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_mercator_is_turned_into_degrees() {
        // The corners of the tiles of web maps, by definition at 180 degrees.
        let edge = 20_037_508.342_789_244;
        let degrees = mercator([-edge, -edge, edge, edge]);
        let latitude = 85.051_128_779_806_59;
        for (side, expected) in degrees
            .into_iter()
            .zip([-180.0, -latitude, 180.0, latitude])
        {
            assert!((side - expected).abs() < 1e-9, "{side} is not {expected}");
        }
        assert_eq!(mercator([0.0; 4]), [0.0; 4]);
    }

    #[test]
    fn items_stand_beside_their_files() {
        assert_eq!(
            item_path("Water/Deep.wells.parquet"),
            "Water/Deep.wells.json"
        );
        assert_eq!(encoded("Größe_1.json"), "Gr%C3%B6%C3%9Fe_1.json");
        assert_eq!(id("Water/Wells/Deep.parquet"), "Water--Wells--Deep");
    }
}
