//! Layers by name, item and page, and everything that a server lists.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod scripted;

use std::num::NonZeroUsize;
use std::sync::Arc;

use arcgis_layer::{Crawl, CrawlEntry, Discovery, Error, Layer, ResourceAddress};
use futures_util::StreamExt;
use scripted::{Params, Scripted};
use serde_json::{Value, json};

const ROOT: &str = "https://h/arcgis/rest/services";
const ID: &str = "0123456789abcdef0123456789abcdef";

fn layer(id: i64, name: &str, geometry: Option<&str>) -> Value {
    json!({
        "id": id, "name": name, "type": if geometry.is_some() { "Feature Layer" } else { "Table" }, "geometryType": geometry,
        "objectIdField": "ID", "capabilities": "Query", "extent": {"spatialReference": {"wkid": 102100, "latestWkid": 3857}},
        "fields": [{"name": "ID", "type": "esriFieldTypeOID"}]
    })
}

fn failure(code: i64, message: &str) -> Value {
    json!({"error": {"code": code, "message": message, "details": []}})
}

fn respond(path: &str, params: &Params) -> Value {
    let service = |layers: Value, tables: Value| json!({"layers": layers, "tables": tables, "serviceDescription": "about"});
    match path
        .trim_start_matches("/arcgis/rest/services")
        .trim_start_matches('/')
    {
        "" => json!({
            "folders": ["Water", "Closed"],
            "services": [{"name": "Base", "type": "MapServer"}, {"name": "Tool", "type": "GPServer"}]
        }),
        "Water" => json!({"folders": ["Deeper"], "services": [
            {"name": "Water/Wells", "type": "FeatureServer"}, {"name": "Water/Broken", "type": "FeatureServer"}
        ]}),
        "Closed" => failure(403, "You do not have permissions"),
        "Base/MapServer" => service(
            json!([{"id": 0, "name": "Roads", "type": "Feature Layer", "geometryType": "esriGeometryPolyline"},
                   {"id": 1, "name": "Group", "type": "Group Layer", "subLayerIds": [0]}]),
            json!([]),
        ),
        "Base/MapServer/0" => layer(0, "Roads", Some("esriGeometryPolyline")),
        "Base/MapServer/1" => {
            json!({"id": 1, "name": "Group", "type": "Group Layer", "subLayers": []})
        }
        "Water/Wells/FeatureServer" => service(
            json!([{"id": 0, "name": "Wells"}, {"id": 2, "name": "wells"}, {"id": 5, "name": "Pumps"}]),
            json!([{"id": 7, "name": "Visits"}]),
        ),
        "Water/Wells/FeatureServer/0" => layer(0, "Wells", Some("esriGeometryPoint")),
        "Water/Wells/FeatureServer/2" => failure(500, "This one is broken"),
        "Water/Wells/FeatureServer/5" => layer(5, "Pumps", Some("esriGeometryPoint")),
        "Water/Wells/FeatureServer/7" => layer(7, "Visits", None),
        "Water/Broken/FeatureServer" => failure(404, "Service Water/Broken not found"),
        "Water/Wells/FeatureServer/5/query" => failure(400, "Unable to count"),
        other if other.ends_with("/query") => {
            assert_eq!(params["returnCountOnly"], "true");
            json!({"count": 42})
        }
        other => match other.trim_start_matches("portal/sharing/rest/content/items/") {
            "0123456789abcdef0123456789abcdef" => json!({
                "id": ID, "title": "Wells of the town", "type": "Feature Service", "url": format!("{ROOT}/Water/Wells/FeatureServer")
            }),
            "11111111111111111111111111111111" => {
                json!({"title": "A map", "type": "Web Map", "url": null})
            }
            "11111111111111111111111111111111/data" => json!({
                "operationalLayers": [
                    {"title": "Town", "layerType": "GroupLayer", "layers": [
                        {"title": "Pumps", "url": format!("{ROOT}/Water/Wells/FeatureServer/5")}
                    ]},
                    {"title": "Tiles", "url": "https://h/arcgis/rest/services/T/VectorTileServer"},
                    {"title": "Roads", "url": format!("{ROOT}/Base/MapServer")}
                ],
                "tables": [{"title": "Visits", "url": format!("{ROOT}/Water/Wells/FeatureServer/7")}]
            }),
            "22222222222222222222222222222222" => {
                json!({"title": "Drawn", "type": "Feature Collection"})
            }
            "33333333333333333333333333333333" => {
                json!({"title": "Pictures", "type": "Image Service",
                "url": "https://h/arcgis/rest/services/P/ImageServer"})
            }
            other => panic!("{other}"),
        },
    }
}

fn server() -> Arc<Scripted> {
    Scripted::new(respond)
}

#[tokio::test]
async fn t70_everything_is_listed_and_errors_stay_where_they_are() {
    let asked = server();
    let crawl = Crawl::new(asked.clone())
        .with_counts()
        .with_concurrency(NonZeroUsize::new(3).unwrap());
    let report = crawl.run(ResourceAddress::parse(ROOT).unwrap()).await;
    assert_eq!(report.root, ROOT);
    let kinds: Vec<String> = report
        .entries
        .iter()
        .map(|entry| match entry {
            CrawlEntry::Folder(folder) => format!("folder {:?}", folder.name),
            CrawlEntry::Service(service) => format!("service {} {}", service.name, service.kind),
            CrawlEntry::Layer(layer) => format!(
                "layer {}/{} {} {:?} {:?}",
                layer.service, layer.id, layer.kind, layer.geometry_type, layer.count
            ),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "folder None",
            "service Base MapServer",
            r#"layer Base/0 Feature Layer Some("esriGeometryPolyline") Some(42)"#,
            "layer Base/1 Group Layer None None",
            "service Tool GPServer",
            r#"folder Some("Water")"#,
            "service Water/Wells FeatureServer",
            r#"layer Water/Wells/0 Feature Layer Some("esriGeometryPoint") Some(42)"#,
            "layer Water/Wells/2  None None",
            r#"layer Water/Wells/5 Feature Layer Some("esriGeometryPoint") None"#,
            "layer Water/Wells/7 Table None Some(42)",
            "service Water/Broken FeatureServer",
            r#"folder Some("Closed")"#,
        ]
    );
    let errors: Vec<(&str, bool)> = report
        .errors()
        .map(|(entry, error)| {
            let known = [
                "This one is broken",
                "Unable to count",
                "not found",
                "permissions",
            ];
            (entry.url(), known.iter().any(|known| error.contains(known)))
        })
        .collect();
    assert_eq!(
        errors,
        [
            (
                "https://h/arcgis/rest/services/Water/Wells/FeatureServer/2",
                true
            ),
            (
                "https://h/arcgis/rest/services/Water/Wells/FeatureServer/5",
                true
            ),
            (
                "https://h/arcgis/rest/services/Water/Broken/FeatureServer",
                true
            ),
            ("https://h/arcgis/rest/services/Closed", true),
        ]
    );
    assert!(asked.most_at_once() <= 3, "{}", asked.most_at_once());
    let pumps = report.layers().find(|layer| layer.name == "Pumps").unwrap();
    assert_eq!(
        (pumps.wkid, pumps.fields, pumps.queryable),
        (Some(3857), Some(1), Some(true))
    );

    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(
        json["entries"][0],
        json!({"entry": "folder", "name": null, "url": ROOT, "services": 2})
    );
    assert_eq!(json["entries"][10]["entry"], "layer");
    assert_eq!(json["entries"][10]["geometry_type"], Value::Null);
    assert_eq!(json["entries"][10]["count"], 42);
}

#[tokio::test]
async fn t70_a_failing_base_is_one_error() {
    let asked = Scripted::new(|_, _| failure(500, "Down"));
    let report = Crawl::new(asked)
        .run(ResourceAddress::parse(ROOT).unwrap())
        .await;
    assert_eq!(report.entries.len(), 1);
    assert_eq!(report.errors().count(), 1);
}

#[tokio::test]
async fn a_crawl_may_begin_at_a_folder_service_or_layer_and_does_not_count_unasked() {
    for (root, wanted) in [
        ("https://h/arcgis/rest/services/Water", 1 + 1 + 4 + 1),
        (
            "https://h/arcgis/rest/services/Water/Wells/FeatureServer",
            5,
        ),
        (
            "https://h/arcgis/rest/services/Water/Wells/FeatureServer/7",
            1,
        ),
    ] {
        let asked = server();
        let entries: Vec<CrawlEntry> = Crawl::new(asked.clone())
            .entries(ResourceAddress::parse(root).unwrap())
            .collect()
            .await;
        assert_eq!(entries.len(), wanted, "{root}");
        assert!(asked.asked("/query").is_empty());
    }
}

async fn find(text: &str, wanted: Option<&str>) -> Result<String, Error> {
    let asked = server();
    let portal = "https://h/portal/sharing/rest".parse().unwrap();
    let found = Discovery::find(&*asked, text, Some(&portal)).await?;
    let layer = found.into_layer(&*asked, wanted).await?;
    Ok(layer.to_string().trim_start_matches(ROOT).to_owned())
}

#[tokio::test]
async fn layers_are_found_by_number_name_item_and_page() {
    let wells = format!("{ROOT}/Water/Wells/FeatureServer");
    let page = format!("https://h/portal/home/item.html?id={ID}");
    for (text, wanted, layer) in [
        (format!("{wells}/5"), None, "/Water/Wells/FeatureServer/5"),
        (wells.clone(), Some("5"), "/Water/Wells/FeatureServer/5"),
        (wells.clone(), Some("PUMPS"), "/Water/Wells/FeatureServer/5"),
        (wells.clone(), Some("wells"), "/Water/Wells/FeatureServer/2"),
        (
            wells.clone(),
            Some("visits"),
            "/Water/Wells/FeatureServer/7",
        ),
        (
            format!("{wells}/Pumps"),
            None,
            "/Water/Wells/FeatureServer/5",
        ),
        // The only layer with rows, beside a group.
        (format!("{ROOT}/Base/MapServer"), None, "/Base/MapServer/0"),
        (
            format!("{wells}/5"),
            Some("visits"),
            "/Water/Wells/FeatureServer/7",
        ),
        (format!("{ID}_5"), None, "/Water/Wells/FeatureServer/5"),
        (page.clone(), Some("Pumps"), "/Water/Wells/FeatureServer/5"),
        (
            format!("{page}&sublayer=7"),
            None,
            "/Water/Wells/FeatureServer/7",
        ),
        (
            "1".repeat(32),
            Some("pumps"),
            "/Water/Wells/FeatureServer/5",
        ),
        ("1".repeat(32), Some("Roads"), "/Base/MapServer/0"),
        (
            "1".repeat(32),
            Some("Visits"),
            "/Water/Wells/FeatureServer/7",
        ),
    ] {
        let found = find(&text, wanted).await.unwrap();
        assert_eq!(found, layer, "{text} {wanted:?}");
    }
    for (text, wanted, what) in [
        (
            wells.clone(),
            None,
            "0 (Wells), 2 (wells), 5 (Pumps), 7 (Visits)",
        ),
        (
            wells.clone(),
            Some("WELLS"),
            "several layers are named WELLS",
        ),
        (wells.clone(), Some("9"), "no layer 9"),
        (format!("{wells}/Ghost"), None, "no layer Ghost"),
        (ROOT.to_owned(), None, "list of all services"),
        ("1".repeat(32), None, "Pumps"),
        ("1".repeat(32), Some("Tiles"), "not exactly one"),
        ("2".repeat(32), None, "part of the item itself"),
        ("3".repeat(32), None, "no layers with rows"),
    ] {
        let error = find(&text, wanted).await.unwrap_err();
        assert!(
            matches!(&error, Error::Address { .. }) && error.to_string().contains(what),
            "{text} {wanted:?}: {error}"
        );
    }
    let opened = Layer::find(server(), &wells, None, Some("Visits"))
        .await
        .unwrap();
    assert_eq!(opened.info().name, "Visits");
}
