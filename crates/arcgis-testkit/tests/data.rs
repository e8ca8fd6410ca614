#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

//! What real servers answered, and the demo data: the service says the same.

mod wire;

use arcgis_testkit::{Layer, Testkit};
use serde_json::Value as Json;
use wire::{get, query};

/// JSON does not tell 5 from 5.0.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, value)| b.get(name).is_some_and(|other| same(value, other)))
        }
        _ => a == b,
    }
}

#[tokio::test]
async fn captured_answers_are_served_again_as_they_were() {
    let Some(folder) = std::env::var_os("ARCGIS_CAPTURES") else {
        println!("skipped: ARCGIS_CAPTURES does not name a folder of captured answers");
        return;
    };
    let mut seen = 0;
    for entry in std::fs::read_dir(std::path::Path::new(&folder).join("json")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let captured: Json = serde_json::from_str(&text).unwrap();
        let layer = Layer::from_esri_json("captured", &text).unwrap();
        let service = Testkit::builder().layer(layer).start().await.unwrap();
        let parameters = [
            ("where", "1=1"),
            ("outFields", "*"),
            ("returnZ", "true"),
            ("returnM", "true"),
        ];
        let served = query(&service, "captured", &parameters);
        // Which fields hold lengths and areas is no part of a test layer.
        for (member, value) in captured.as_object().unwrap() {
            if member != "geometryProperties" && member != "exceededTransferLimit" {
                assert!(
                    same(value, &served[member]),
                    "{}: {member}\n{value}\n{}",
                    path.display(),
                    served[member]
                );
            }
        }
        seen += served["features"].as_array().unwrap().len();

        // Through the other spatial reference and back by projecting twice: within the rounding of a double at this magnitude.
        let degrees = query(
            &service,
            "captured",
            &[parameters.as_slice(), &[("outSR", "4326"), ("f", "json")]].concat(),
        );
        assert_eq!(degrees["spatialReference"]["wkid"], 4326);
        let mut again = captured.clone();
        again["spatialReference"] = degrees["spatialReference"].clone();
        again["features"] = degrees["features"].clone();
        let service = Testkit::builder()
            .layer(Layer::from_esri_json("again", &again.to_string()).unwrap())
            .start()
            .await
            .unwrap();
        let metres = query(
            &service,
            "again",
            &[parameters.as_slice(), &[("outSR", "102100")]].concat(),
        );
        let (mut wanted, mut got) = (Vec::new(), Vec::new());
        numbers(&captured["features"], &mut wanted);
        numbers(&metres["features"], &mut got);
        assert_eq!(wanted.len(), got.len());
        for (wanted, got) in wanted.iter().zip(&got) {
            assert!((wanted - got).abs() < 1e-6, "{wanted} became {got}");
        }
    }
    assert!(seen > 10, "no captured rows in {folder:?}");
}

fn numbers(json: &Json, out: &mut Vec<f64>) {
    match json {
        Json::Number(number) => out.push(number.as_f64().unwrap()),
        Json::Array(items) => items.iter().for_each(|item| numbers(item, out)),
        Json::Object(members) => members.values().for_each(|member| numbers(member, out)),
        _ => {}
    }
}

#[tokio::test]
async fn the_demo_data_are_served_page_by_page() {
    let service = Testkit::builder().demo_layers().start().await.unwrap();
    let root = get(
        &service,
        "/arcgis/rest/services/demo/FeatureServer",
        &[("f", "json")],
    )
    .json();
    let layers: Vec<_> = root["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| {
            (
                layer["id"].as_u64().unwrap(),
                layer["name"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(layers, [(0, "places"), (1, "rivers"), (2, "countries")]);
    for name in ["places", "rivers", "countries"] {
        let count = query(
            &service,
            name,
            &[("where", "1=1"), ("returnCountOnly", "true")],
        )["count"]
            .as_u64()
            .unwrap();
        let mut ids = Vec::new();
        let mut pages = 0;
        loop {
            let offset = ids.len().to_string();
            let page = query(
                &service,
                name,
                &[
                    ("where", "1=1"),
                    ("orderByFields", "OBJECTID"),
                    ("resultOffset", &offset),
                    ("outFields", "*"),
                ],
            );
            ids.extend(
                page["features"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|row| row["attributes"]["OBJECTID"].as_i64().unwrap()),
            );
            pages += 1;
            if page["exceededTransferLimit"] != true {
                break;
            }
        }
        assert!(
            pages > 2 && ids.len() as u64 == count,
            "{name}: {pages} pages, {} of {count}",
            ids.len()
        );
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }
    let town = query(
        &service,
        "places",
        &[("where", "name = 'Bern'"), ("outFields", "name")],
    );
    let place = &town["features"][0]["geometry"];
    assert!(
        (place["x"].as_f64().unwrap() - 7.467).abs() < 0.1
            && (place["y"].as_f64().unwrap() - 46.917).abs() < 0.1,
        "{town}"
    );
}
