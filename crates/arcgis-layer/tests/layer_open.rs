//! How layers, services and folders are opened over real sockets, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod wells;

use std::sync::Arc;

use arcgis_layer::arcgis_auth_core;
use arcgis_layer::{
    Directory, DirectoryAddress, Error, FieldType, Layer, LayerAddress, LayerInfo, ServiceInfo,
};
use serde_json::{Value, json};
use wells::{PATH, QUERY, answer, asked, at, client, map, metadata, open, server};
use wiremock::{MockServer, ResponseTemplate};

#[tokio::test]
async fn layers_without_rows_are_refused_with_a_reason() {
    for (document, hint) in [
        (
            json!({"type": "Group Layer", "name": "All", "subLayers": [{"id": 1, "name": "Wells"}, {"id": 2, "name": "Pumps"}]}),
            "1 (Wells), 2 (Pumps)",
        ),
        (json!({"type": "Raster Layer", "name": "Height"}), "pixels"),
        (
            json!({"type": "Feature Layer", "name": "Locked", "capabilities": "Create,Update", "fields": [{"name": "A"}]}),
            "Create, Update",
        ),
        (
            json!({"type": "Utility Network Layer", "name": "Net"}),
            "no fields",
        ),
    ] {
        let server = server(&document).await;
        let error = open(&server).await.unwrap_err();
        assert!(matches!(&error, Error::NotQueryable { .. }), "{error:?}");
        assert!(error.to_string().contains(hint), "{error}");
        assert!(asked(&server).await.is_empty());
        // It can still be looked at.
        let address: LayerAddress = format!("{}{PATH}", server.uri()).parse().unwrap();
        assert!(LayerInfo::fetch(&*client(), &address).await.is_ok());
    }
}

#[tokio::test]
async fn an_answer_of_something_else_is_no_layer() {
    for (document, hint) in [
        (
            json!({"layers": [{"id": 0}], "tables": []}),
            "whole service",
        ),
        (json!({"folders": [], "services": []}), "list of services"),
        (json!({"currentVersion": 11}), "describes no layer"),
    ] {
        let server = server(&document).await;
        let error = open(&server).await.unwrap_err();
        assert!(matches!(&error, Error::Address { .. }), "{error:?}");
        assert!(error.to_string().contains(hint), "{error}");
    }
    let server = server(&json!({"error": {"code": 400, "message": "Invalid URL"}})).await;
    assert!(matches!(open(&server).await, Err(Error::Service(_))));
    let nowhere: LayerAddress = format!("{}/rest/services/x/FeatureServer/0", server.uri())
        .parse()
        .unwrap();
    let error = Layer::open(client(), nowhere).await.unwrap_err();
    assert!(
        matches!(error, Error::Service(arcgis_auth_core::Error::Service(_))),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_error_late_in_long_metadata_is_seen() {
    let document = format!(
        r#"{{"id":0,"name":"{}","fields":[],"error":{{"code":500,"message":"half-way"}}}}"#,
        "x".repeat(70_000)
    );
    let server = MockServer::start().await;
    at(PATH)
        .respond_with(ResponseTemplate::new(200).set_body_raw(document, "application/json"))
        .mount(&server)
        .await;
    let error = open(&server).await.unwrap_err();
    assert!(
        matches!(&error, Error::Service(_)) && error.to_string().contains("half-way"),
        "{error:?}"
    );
}

#[tokio::test]
async fn t28_fields_that_the_metadata_lacks_are_taken_from_an_answer() {
    let mut document = metadata();
    document["fields"] = Value::Null;
    document["objectIdField"] = Value::Null;
    let server = server(&document).await;
    at(QUERY)
        .respond_with(answer(&json!({
            "objectIdFieldName": "FID", "features": [],
            "fields": [{"name": "FID", "type": "esriFieldTypeOID"}, {"name": "A", "type": "esriFieldTypeDate"}]
        })))
        .mount(&server)
        .await;
    let layer = open(&server).await.unwrap();
    assert_eq!(layer.info().object_id_field.as_deref(), Some("FID"));
    assert_eq!(layer.info().field("a").unwrap().field_type, FieldType::Date);
    assert_eq!(layer.info().name, "Wells");
    assert_eq!(
        asked(&server).await,
        [map(&[
            ("f", "json"),
            ("where", "1=1"),
            ("outFields", "*"),
            ("returnGeometry", "false"),
            ("resultRecordCount", "1")
        ])]
    );

    // No fields anywhere: refused, rather than a file without columns.
    let silent = self::server(&document).await;
    at(QUERY)
        .respond_with(answer(&json!({"features": []})))
        .mount(&silent)
        .await;
    let error = open(&silent).await.unwrap_err();
    assert!(
        matches!(&error, Error::NotQueryable { problem, .. } if problem.contains("fields")),
        "{error:?}"
    );
}

#[tokio::test]
async fn folders_and_services_list_what_they_have() {
    let server = MockServer::start().await;
    let root = "/arcgis/rest/services";
    at(root)
        .respond_with(answer(&json!({
            "currentVersion": 11.3, "folders": ["Water", "Luft & Lärm"],
            "services": [{"name": "Base", "type": "MapServer"}, {"name": "Tools", "type": "GPServer"}, {"type": "MapServer"}, null]
        })))
        .mount(&server)
        .await;
    at("/arcgis/rest/services/Water")
        .respond_with(answer(&json!({"services": [
            {"name": "Water/Wells", "type": "FeatureServer", "url": "http://internal:6080/x"}, {"name": "Bare", "type": "FeatureServer"}
        ]})))
        .mount(&server)
        .await;
    at("/arcgis/rest/services/Water/Wells/FeatureServer")
        .respond_with(answer(
            &json!({"layers": [{"id": 5, "name": "Wells"}], "tables": null}),
        ))
        .mount(&server)
        .await;
    let client = client();
    let address: DirectoryAddress = format!("{}{root}/", server.uri()).parse().unwrap();
    let all = Directory::fetch(&*client, &address).await.unwrap();
    let shown = |text: &str| text.replace(&server.uri(), "");
    let folders: Vec<String> = all
        .folders
        .iter()
        .map(|folder| shown(folder.url().as_str()))
        .collect();
    assert_eq!(
        folders,
        [
            format!("{root}/Water"),
            format!("{root}/Luft%20&%20L%C3%A4rm")
        ]
    );
    let services: Vec<(&str, String, bool)> = all
        .services
        .iter()
        .map(|service| {
            (
                service.name.as_str(),
                shown(service.url.as_str()),
                service.address.is_some(),
            )
        })
        .collect();
    assert_eq!(
        services,
        [
            ("Base", format!("{root}/Base/MapServer"), true),
            ("Tools", format!("{root}/Tools/GPServer"), false)
        ]
    );

    let water = Directory::fetch(&*client, &all.folders[0]).await.unwrap();
    let urls: Vec<String> = water
        .services
        .iter()
        .map(|service| shown(service.url.as_str()))
        .collect();
    assert_eq!(
        urls,
        [
            format!("{root}/Water/Wells/FeatureServer"),
            format!("{root}/Water/Bare/FeatureServer")
        ]
    );
    let service = ServiceInfo::fetch(&*client, water.services[0].address.as_ref().unwrap())
        .await
        .unwrap();
    assert_eq!(service.layers[0].id, 5);

    // A service is no directory.
    let wrong: DirectoryAddress = format!("{}/arcgis/rest/services/Water", server.uri())
        .parse()
        .unwrap();
    server.reset().await;
    at("/arcgis/rest/services/Water")
        .respond_with(answer(&json!({"layers": []})))
        .mount(&server)
        .await;
    assert!(matches!(
        Directory::fetch(&*client, &wrong).await,
        Err(Error::Answer { .. })
    ));
}

#[tokio::test]
async fn data_is_enough_for_a_map_service_alone() {
    let wells = || {
        arcgis_testkit::Layer::new("t", arcgis_testkit::GeometryType::Point)
            .with_metadata_patch(serde_json::json!({"capabilities": "Map,Data"}))
    };
    let service = arcgis_testkit::Testkit::builder()
        .layer(wells())
        .start()
        .await
        .unwrap();
    let open = async |url: String| {
        let client = arcgis_auth_http::ArcGisClient::builder().build().unwrap();
        Layer::open(Arc::new(client), LayerAddress::parse(&url).unwrap()).await
    };
    assert!(open(service.map_layer_url("t")).await.is_ok());
    let refused = open(service.layer_url("t")).await.err().unwrap();
    assert!(matches!(refused, Error::NotQueryable { .. }), "{refused}");
}

#[tokio::test]
async fn a_reference_that_only_answers_name_is_found() {
    let layer = arcgis_testkit::Layer::new("t", arcgis_testkit::GeometryType::Point)
        .with_wkid(102_100)
        .with_row(arcgis_testkit::Row::new().at(arcgis_testkit::Geometry::point((1.0, 2.0))))
        .with_metadata_patch(serde_json::json!({
            "extent": null, "spatialReference": null, "sourceSpatialReference": null
        }));
    let service = arcgis_testkit::Testkit::builder()
        .layer(layer)
        .start()
        .await
        .unwrap();
    let client = arcgis_auth_http::ArcGisClient::builder().build().unwrap();
    let address = LayerAddress::parse(&service.layer_url("t")).unwrap();
    let layer = Layer::open(Arc::new(client), address).await.unwrap();
    assert_eq!(layer.info().spatial_reference.code(), Some(3857));
}

#[tokio::test]
async fn an_answer_for_another_layer_is_refused_unless_every_layer_is_0() {
    for (answered, right) in [(0, true), (3, true), (7, false)] {
        let mut document = metadata();
        document["id"] = json!(answered);
        let server = MockServer::start().await;
        let place = PATH.replace("/0", "/3");
        at(&place)
            .respond_with(answer(&document))
            .mount(&server)
            .await;
        let address: LayerAddress = format!("{}{place}", server.uri()).parse().unwrap();
        match Layer::open(client(), address).await {
            Ok(_) => assert!(right, "{answered}"),
            Err(error) => {
                assert!(!right, "{answered}: {error}");
                assert!(matches!(error, Error::Address { .. }));
                assert!(error.to_string().contains("answers for layer 7"), "{error}");
            }
        }
    }
}
