//! Addresses as people paste them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use arcgis_layer::{
    DirectoryAddress, Error, LayerAddress, ResourceAddress, ServiceAddress, ServiceKind,
};

const LAYER: &str = "https://host.example/arcgis/rest/services/Water/Wells/FeatureServer/3";

fn problem(text: &str) -> String {
    match text.parse::<LayerAddress>() {
        Err(error @ Error::Address { .. }) => error.to_string(),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn t24_whatever_is_pasted_is_the_same_layer() {
    for pasted in [
        LAYER.to_owned(),
        format!("{LAYER}/"),
        format!("{LAYER}//"),
        format!("  {LAYER}\n"),
        format!("<{LAYER}>"),
        format!("\"{LAYER}\""),
        format!("{LAYER}?f=json"),
        format!("{LAYER}/?f=pjson&x=1"),
        format!("{LAYER}/query"),
        format!("{LAYER}/query?where=1%3D1&outFields=*&f=html"),
        format!("{LAYER}/Query/"),
        format!("{LAYER}#layer"),
        LAYER.replace("/Water/", "//Water//"),
        LAYER.replace("FeatureServer", "featureserver"),
        LAYER.replace("https://host.example", "HTTPS://Host.Example:443"),
        LAYER.replace("https://", ""),
    ] {
        let address: LayerAddress = pasted.parse().unwrap();
        assert_eq!(address.to_string(), LAYER, "{pasted}");
        assert_eq!(address.id(), 3);
        assert_eq!(address.query_url().as_str(), format!("{LAYER}/query"));
        assert_eq!(address.service().kind(), ServiceKind::FeatureServer);
        assert_eq!(address.service().name(), "Water/Wells");
    }
}

#[test]
fn servers_that_are_not_esris_are_understood() {
    for (url, name, kind) in [
        (
            "http://127.0.0.1:8080/file-geojson/rest/services/x/FeatureServer/0",
            "x",
            ServiceKind::FeatureServer,
        ),
        (
            "https://gis.example/server/rest/services/R%C3%A9seau%20eau/MapServer/0",
            "R%C3%A9seau%20eau",
            ServiceKind::MapServer,
        ),
        (
            "https://services1.arcgis.com/AbC123/ArcGIS/rest/services/Wells/FeatureServer/0",
            "Wells",
            ServiceKind::FeatureServer,
        ),
        (
            "https://gis.example/provider/x/FeatureServer/0",
            "x",
            ServiceKind::FeatureServer,
        ),
        // A service may have the name of a kind.
        (
            "https://gis.example/rest/services/MyFeatureServerData/MapServer/0",
            "MyFeatureServerData",
            ServiceKind::MapServer,
        ),
    ] {
        let address: LayerAddress = url.parse().unwrap();
        assert_eq!(address.to_string(), url);
        assert_eq!(address.service().name(), name);
        assert_eq!(address.service().kind(), kind);
    }
}

#[test]
fn what_is_no_layer_says_what_to_give() {
    let root = "https://host.example/arcgis/rest/services";
    for (text, hint) in [
        (format!("{root}/Wells/FeatureServer"), "FeatureServer/0"),
        (
            format!("{root}/Wells/FeatureServer?f=json"),
            "FeatureServer/0",
        ),
        (
            format!("{root}/Wells/FeatureServer/layers"),
            "FeatureServer/0",
        ),
        (
            format!("{root}/Wells/FeatureServer/0/17"),
            "17 is something below",
        ),
        (
            format!("{root}/Wells/FeatureServer/abc"),
            "abc is no layer number",
        ),
        (
            format!("{root}/Wells/FeatureServer/99999999999"),
            "no layer number",
        ),
        (
            format!("{root}/Wells/ImageServer"),
            "ImageServer has no rows",
        ),
        (format!("{root}/Water/Wells"), "/FeatureServer/0"),
        (format!("{root}/Water"), "folder"),
        (root.to_owned(), "all services"),
        (
            "https://www.arcgis.com/home/item.html?id=0123".to_owned(),
            "FeatureServer/0",
        ),
        ("https://host.example".to_owned(), "FeatureServer/0"),
        (
            "ftp://host.example/rest/services/x/FeatureServer/0".to_owned(),
            "http",
        ),
        ("places.parquet".to_owned(), "FeatureServer/0"),
        ("nonsense".to_owned(), "no URL"),
        ("https://".to_owned(), "no URL"),
        (String::new(), "empty"),
    ] {
        let error = problem(&text);
        assert!(error.contains(hint), "{text}: {error}");
    }
}

#[test]
fn t13_secrets_in_an_address_are_refused_and_not_shown() {
    for text in [
        format!("{LAYER}?token=SECRET"),
        format!("{LAYER}/query?f=json&Access_Token=SECRET"),
        LAYER.replace("https://", "https://me:SECRET@"),
        "me:SECRET@host".to_owned(),
        "https://me:SECRET@[host/x".to_owned(),
        // Where the question mark was lost, or is encoded.
        format!("{LAYER}&token=SECRET"),
        format!("{LAYER}/layers\"&Token=SECRET"),
        format!("{LAYER}%3Ff=json%26token%3DSECRET"),
        format!("{LAYER}>token=SECRET"),
        "host&token=SECRET".to_owned(),
        // Where another word, or another address, stands before it.
        "layer:https://me:SECRET@host/arcgis/rest/services/A/FeatureServer/0".to_owned(),
        "https://proxy.example/https://me:SECRET@host/rest/services/A/FeatureServer/0".to_owned(),
    ] {
        let error = problem(&text);
        assert!(!error.contains("SECRET"), "{error}");
        assert!(!format!("{:?}", text.parse::<LayerAddress>()).contains("SECRET"));
    }
}

#[test]
fn info_takes_layers_services_and_folders() {
    let parse = |text: &str| ResourceAddress::parse(text).unwrap();
    let ResourceAddress::Service(service) =
        parse("https://h.example/arcgis/rest/services/A/B/MapServer/?f=json")
    else {
        panic!("a service");
    };
    assert_eq!(
        service.to_string(),
        "https://h.example/arcgis/rest/services/A/B/MapServer"
    );
    assert_eq!(service.layer(7).to_string(), format!("{service}/7"));

    for root in [
        "https://h.example/arcgis/rest/services",
        "https://h.example/arcgis/rest/services/?f=pjson",
        "https://h.example/arcgis/rest",
    ] {
        let ResourceAddress::Directory(directory) = parse(root) else {
            panic!("{root}");
        };
        assert_eq!(
            directory.to_string(),
            "https://h.example/arcgis/rest/services"
        );
        assert_eq!(directory.folder(), None);
    }
    let folder: DirectoryAddress = "https://h.example/arcgis/rest/services/Water"
        .parse()
        .unwrap();
    assert_eq!(folder.folder(), Some("Water"));
    assert_eq!(
        folder.root().to_string(),
        "https://h.example/arcgis/rest/services"
    );
    // Names inside a folder hold the folder already.
    assert_eq!(
        folder
            .service("Water/My wells", ServiceKind::FeatureServer)
            .to_string(),
        "https://h.example/arcgis/rest/services/Water/My%20wells/FeatureServer"
    );
    assert_eq!(
        folder.in_folder("Luft 100%").to_string(),
        "https://h.example/arcgis/rest/services/Luft%20100%25"
    );
    let of_layer: ServiceAddress = LAYER.parse().unwrap();
    assert!(LAYER.starts_with(of_layer.to_string().as_str()));
}
