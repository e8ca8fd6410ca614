#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

//! Related records.

mod towns;
mod wire;

use arcgis_testkit::{
    Field, FieldType, Geometry, GeometryType, Layer, Relationship, RequestKind, Row, Service,
    Testkit,
};
use serde_json::{Value, json};
use wire::get;

async fn service() -> Testkit {
    let parcels = Layer::new("parcels", GeometryType::Point)
        .with_field(Field::new("APN", FieldType::String))
        .with_rows(
            ["A", "B", "C"].map(|apn| Row::new().with("APN", apn).at(Geometry::point((1.0, 2.0)))),
        )
        .with_row(Row::new())
        .with_relationship(Relationship::new(3, "owners", 1, "APN", "PARCEL"));
    let owners = Layer::table("owners")
        .with_field(Field::new("PARCEL", FieldType::String))
        .with_field(Field::new("NAME", FieldType::String))
        .with_max_record_count(4)
        .with_rows(
            [
                ("B", "Zoe"),
                ("A", "Ann"),
                ("B", "Bob"),
                ("C", "Cid"),
                ("B", "Eve"),
                ("X", "Nil"),
            ]
            .map(|(parcel, name)| Row::new().with("PARCEL", parcel).with("NAME", name)),
        )
        .with_row(Row::new().with("NAME", "homeless"))
        .with_relationship(Relationship::new(3, "parcels", 0, "PARCEL", "APN").as_destination());
    Testkit::builder()
        .service(
            Service::new("cadastre")
                .with_layer(parcels)
                .with_layer(owners),
        )
        .start()
        .await
        .unwrap()
}

fn related(service: &Testkit, layer: u32, parameters: &[(&str, &str)]) -> Value {
    let mut all = vec![("f", "json"), ("relationshipId", "3")];
    all.extend_from_slice(parameters);
    get(
        service,
        &format!("/arcgis/rest/services/cadastre/FeatureServer/{layer}/queryRelatedRecords"),
        &all,
    )
    .json()
}

/// Object ids with the names of their records.
fn names(answer: &Value) -> Vec<(i64, Vec<&str>)> {
    let groups = answer["relatedRecordGroups"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer}"));
    groups
        .iter()
        .map(|group| {
            let records = group["relatedRecords"].as_array().unwrap();
            (
                group["objectId"].as_i64().unwrap(),
                records
                    .iter()
                    .map(|record| record["attributes"]["NAME"].as_str().unwrap())
                    .collect(),
            )
        })
        .collect()
}

#[tokio::test]
async fn records_are_grouped_by_the_rows_they_belong_to() {
    let service = service().await;
    let metadata = get(
        &service,
        "/arcgis/rest/services/cadastre/FeatureServer/0",
        &[("f", "json")],
    )
    .json();
    assert_eq!(
        metadata["relationships"],
        json!([{"id": 3, "name": "owners", "relatedTableId": 1, "cardinality": "esriRelCardinalityOneToMany", "role": "esriRelRoleOrigin", "keyField": "APN", "composite": false}])
    );
    let all = related(
        &service,
        0,
        &[
            ("objectIds", "1,2,4"),
            ("outFields", "*"),
            ("orderByFields", "NAME"),
        ],
    );
    assert_eq!(
        names(&all),
        [(1, vec!["Ann"]), (2, vec!["Bob", "Eve", "Zoe"])]
    );
    assert_eq!(all["fields"].as_array().unwrap().len(), 3);
    assert!(all.get("exceededTransferLimit").is_none() && all.get("geometryType").is_none());
    let some = related(
        &service,
        0,
        &[
            ("objectIds", "2"),
            ("outFields", "NAME"),
            ("definitionExpression", "NAME > 'C'"),
        ],
    );
    assert_eq!(names(&some), [(2, vec!["Zoe", "Eve"])]);
    assert_eq!(
        related(
            &service,
            0,
            &[("objectIds", "1,2,3"), ("returnCountOnly", "true")]
        ),
        json!({"relatedRecordGroups": [{"objectId": 1, "count": 1}, {"objectId": 2, "count": 3}, {"objectId": 3, "count": 1}]})
    );
    // Five records do not fit into one answer.
    let first = related(
        &service,
        0,
        &[
            ("objectIds", "1,2,3"),
            ("outFields", "NAME"),
            ("resultOffset", "0"),
        ],
    );
    assert_eq!(
        names(&first),
        [(1, vec!["Ann"]), (2, vec!["Zoe", "Bob", "Eve"])]
    );
    assert_eq!(first["exceededTransferLimit"], true);
    let rest = related(
        &service,
        0,
        &[
            ("objectIds", "1,2,3"),
            ("outFields", "NAME"),
            ("resultOffset", "3"),
            ("resultRecordCount", "2"),
        ],
    );
    assert_eq!(names(&rest), [(2, vec!["Eve"]), (3, vec!["Cid"])]);

    let back = related(&service, 1, &[("objectIds", "3,7"), ("outFields", "APN")]);
    assert_eq!(back["geometryType"], "esriGeometryPoint");
    assert_eq!(
        back["relatedRecordGroups"][0]["relatedRecords"],
        json!([{"attributes": {"APN": "B"}, "geometry": {"x": 1, "y": 2}}])
    );
    assert_eq!(back["relatedRecordGroups"].as_array().unwrap().len(), 1);
    for wrong in [
        [("objectIds", "1"), ("relationshipId", "9")],
        [("objectIds", "x"), ("relationshipId", "3")],
    ] {
        assert_eq!(related(&service, 0, &wrong)["error"]["code"], 400);
    }
    assert_eq!(service.requests_of(RequestKind::Related).len(), 8);
}
