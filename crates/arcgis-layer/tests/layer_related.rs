//! Related records, whole whatever the server gives at once; and filters whose geometry takes several requests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod scripted;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arcgis_layer::{
    Cardinality, Error, Layer, LayerAddress, LayerInfo, Query, QueryError, SpatialFilter,
};
use futures_util::TryStreamExt;
use geo_types::{MultiPoint, Point};
use scripted::{Params, Scripted};
use serde_json::{Value, json};

#[derive(Clone, Copy, Default)]
struct Server {
    /// The limit, as declared.
    cap: usize,
    /// The limit in fact, where it is another.
    gives: Option<usize>,
    pages: bool,
    claims_pages: bool,
    counts: bool,
    /// Never says that there are more.
    silent: bool,
    /// Each answer is in another order, whatever it was asked for.
    shuffles: bool,
    /// `definitionExpression` selects rows.
    filters: bool,
}

fn wells(server: Server) -> Value {
    json!({
        "id": 0, "type": "Feature Layer", "name": "Wells", "geometryType": "esriGeometryPoint", "objectIdField": "ID",
        "capabilities": "Query", "maxRecordCount": server.cap, "extent": {"spatialReference": {"wkid": 2056}},
        "fields": [{"name": "ID", "type": "esriFieldTypeOID"}],
        "relationships": [
            {"id": 3, "name": "Inspections", "relatedTableId": 1, "cardinality": "esriRelCardinalityOneToMany",
             "role": "esriRelRoleOrigin", "keyField": "GUID", "composite": true},
            {"id": 4, "name": "Owners", "relatedTableId": 2, "cardinality": "esriRelCardinalityManyToMany",
             "role": "esriRelRoleDestination", "relationshipTableId": 9, "keyFieldInRelationshipTable": "WELL"},
            {"name": "no number"}
        ],
        "advancedQueryCapabilities": {"supportsQueryRelatedPagination": server.claims_pages}
    })
}

fn inspections() -> Value {
    json!({
        "id": 1, "type": "Table", "name": "Inspections", "objectIdField": "NO", "capabilities": "Query", "maxRecordCount": 1000,
        "fields": [{"name": "NO", "type": "esriFieldTypeOID"}, {"name": "BIG", "type": "esriFieldTypeBigInteger"}]
    })
}

/// Well n has as many inspections as `rows_of` says, numbered n*100 + i.
fn respond(server: Server, path: &str, params: &Params) -> Value {
    if path.ends_with("/FeatureServer/1") {
        return inspections();
    }
    assert!(path.ends_with("/0/queryRelatedRecords"), "{path}");
    static REQUESTS: AtomicU64 = AtomicU64::new(1);
    let request = REQUESTS.fetch_add(1, Ordering::Relaxed);
    let mut all: Vec<(i64, i64)> = Vec::new();
    for id in params["objectIds"].split(',') {
        let id: i64 = id.parse().unwrap();
        all.extend((0..rows_of(id)).map(|i| (id, id * 100 + i)));
    }
    if let Some(condition) = params
        .get("definitionExpression")
        .filter(|_| server.filters)
    {
        for part in condition.replace(['(', ')'], "").split(" AND ") {
            let (operator, bound) = part.strip_prefix("NO ").unwrap().split_once(' ').unwrap();
            let bound: i64 = bound.parse().unwrap();
            all.retain(|(_, number)| match operator {
                ">" => *number > bound,
                "<=" => *number <= bound,
                other => panic!("{other}"),
            });
        }
    }
    if server.counts && params.contains_key("returnCountOnly") {
        let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
        all.iter()
            .for_each(|(id, _)| *counts.entry(*id).or_default() += 1);
        let groups: Vec<Value> = counts
            .iter()
            .map(|(id, count)| json!({"objectId": id, "count": count}))
            .collect();
        return json!({"relatedRecordGroups": groups});
    }
    if server.shuffles {
        let key = |number: i64| (number as u64 * 2_654_435_761).wrapping_mul(request * 2 + 1) >> 7;
        all.sort_by_key(|(_, number)| key(*number) % 1009);
    }
    let offset: usize = params
        .get("resultOffset")
        .filter(|_| server.pages)
        .map_or(0, |offset| offset.parse().unwrap());
    let most = server.gives.unwrap_or(server.cap);
    let page: Vec<(i64, i64)> = all.iter().copied().skip(offset).take(most).collect();
    let mut groups: Vec<Value> = Vec::new();
    for (id, number) in &page {
        let record = json!({"attributes": {"no": number, "BIG": 9_007_199_254_740_993_i64}});
        match groups.last_mut() {
            Some(group) if group["objectId"] == json!(id) => {
                group["relatedRecords"].as_array_mut().unwrap().push(record);
            }
            _ => groups.push(json!({"objectId": id, "relatedRecords": [record]})),
        }
    }
    let mut answer = json!({"fields": [], "relatedRecordGroups": groups});
    if offset + page.len() < all.len() && !server.silent {
        answer["exceededTransferLimit"] = json!(true);
    }
    answer
}

/// Well 1000 has many.
fn rows_of(id: i64) -> i64 {
    if id == 1000 { 25 } else { id % 5 }
}

fn open(server: Server) -> (Arc<Scripted>, Layer) {
    let scripted = Scripted::new(move |path, params| respond(server, path, params));
    let address: LayerAddress = "https://h/arcgis/rest/services/W/FeatureServer/0"
        .parse()
        .unwrap();
    let info = LayerInfo::from_json(wells(server).to_string().as_bytes()).unwrap();
    let layer = Layer::from_info(scripted.clone(), address, info).unwrap();
    (scripted, layer)
}

/// Asks for all inspections of wells up to this one, and of well 1000, and checks them.
async fn whole(server: Server, last: i64, name: &str) -> Vec<Params> {
    let (asked, layer) = open(server);
    let related = layer.related_layer(3).await.unwrap();
    let ids: Vec<i64> = (1..=last).rev().chain([5, 6, 1000]).collect();
    let found = layer
        .related_records(3, &ids, &related, &Query::new())
        .await
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let numbers: Vec<(i64, Vec<i64>)> = found
        .iter()
        .map(|group| {
            let numbers = group
                .records
                .iter()
                .map(|row| row.object_id.unwrap())
                .collect();
            (group.object_id, numbers)
        })
        .collect();
    let wanted: Vec<(i64, Vec<i64>)> = (1..=last.max(1000))
        .filter(|id| rows_of(*id) > 0 && (*id <= last || *id == 1000))
        .map(|id| (id, (0..rows_of(id)).map(|i| id * 100 + i).collect()))
        .collect();
    assert_eq!(numbers, wanted, "{name}");
    let row = &found[0].records[0];
    assert_eq!(
        row.get("big").unwrap().as_i64(),
        Some(9_007_199_254_740_993)
    );
    let requests = asked.asked("queryRelatedRecords");
    let rows = |params: &&Params| !params.contains_key("returnCountOnly");
    let sent = requests.iter().find(rows).unwrap();
    assert_eq!(sent["relationshipId"], "3");
    assert_eq!(sent["outFields"], "NO,BIG");
    assert_eq!(sent["returnGeometry"], "false");
    let at_once = 500.min(last as usize + 1);
    assert_eq!(sent["objectIds"].split(',').count(), at_once);
    assert_eq!(sent.get("orderByFields").is_some(), server.claims_pages);
    assert!(!sent.contains_key("definitionExpression"));
    requests
}

#[tokio::test]
async fn all_related_records_come_whatever_the_server_gives_at_once() {
    let plain = Server {
        cap: 5000,
        counts: true,
        filters: true,
        ..Server::default()
    };
    let paged = Server {
        pages: true,
        claims_pages: true,
        ..plain
    };
    // A count and the rows of each five hundred.
    assert_eq!(whole(plain, 1100, "at once").await.len(), 6);
    assert_eq!(whole(paged, 1100, "one page").await.len(), 6);
    for (server, name) in [
        (Server { cap: 7, ..paged }, "pages"),
        (Server { cap: 7, ..plain }, "fewer ids"),
        (
            Server {
                cap: 7,
                claims_pages: true,
                ..plain
            },
            "an ignored offset",
        ),
    ] {
        whole(server, 1100, name).await;
        let uncounted = Server {
            counts: false,
            ..server
        };
        whole(uncounted, 1100, &format!("{name}, not counted")).await;
    }
}

/// As in the wild: pages shorter than declared that look like the last one, and pages in no order.
#[tokio::test]
async fn related_records_of_a_server_that_misleads_are_all_there() {
    let counting = Server {
        cap: 1000,
        gives: Some(6),
        counts: true,
        silent: true,
        filters: true,
        ..Server::default()
    };
    let paged = Server {
        pages: true,
        claims_pages: true,
        ..counting
    };
    for (server, name) in [
        (counting, "short answers without a word"),
        (
            Server {
                counts: false,
                ..counting
            },
            "short answers without a word, not counted",
        ),
        (paged, "short pages without a word"),
        (
            Server {
                counts: false,
                ..paged
            },
            "short pages without a word, not counted",
        ),
        (
            Server {
                shuffles: true,
                ..paged
            },
            "short pages in no order, without a word",
        ),
        (
            Server {
                shuffles: true,
                silent: false,
                ..paged
            },
            "short pages in no order",
        ),
    ] {
        whole(server, 160, name).await;
    }
}

#[tokio::test]
async fn related_records_that_do_not_add_up_are_an_error_that_says_so() {
    // 25 rows are counted, one is given, and neither pages nor conditions bring others.
    let (_, layer) = open(Server {
        cap: 1000,
        gives: Some(1),
        counts: true,
        silent: true,
        ..Server::default()
    });
    let related = layer.related_layer(3).await.unwrap();
    let error = layer
        .related_records(3, &[1000], &related, &Query::new())
        .await
        .unwrap_err();
    let Error::Incomplete(incomplete) = &error else {
        panic!("{error}");
    };
    assert_eq!((incomplete.expected, incomplete.received), (25, 1));
    let said = error.to_string();
    assert!(said.contains("object id 1000"), "{said}");
}

#[tokio::test]
async fn one_row_with_too_many_related_ones_is_an_error() {
    for claims_pages in [false, true] {
        let (_, layer) = open(Server {
            cap: 2,
            claims_pages,
            ..Server::default()
        });
        let related = layer.related_layer(3).await.unwrap();
        let error = layer
            .related_records(3, &[4], &related, &Query::new())
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::Query(QueryError::Unsupported { .. })),
            "{error}"
        );
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_before_anything_is_sent() {
    let (asked, layer) = open(Server {
        cap: 10,
        pages: true,
        claims_pages: true,
        ..Server::default()
    });
    let related = layer.related_layer(3).await.unwrap();
    let before = asked.asked("").len();
    for (relationship, query, what) in [
        (7, Query::new(), "3 (Inspections), 4 (Owners)"),
        (4, Query::new(), "leads to layer 2"),
        (3, Query::new().with_fields(["Ghost"]), "Ghost"),
        (3, Query::new().with_limit(3), "condition alone"),
    ] {
        let error = layer
            .related_records(relationship, &[1], &related, &query)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(what), "{error}");
    }
    assert_eq!(asked.asked("").len(), before);
    let query = Query::new().with_where("BIG > 1").with_fields(["BIG"]);
    layer
        .related_records(3, &[1], &related, &query)
        .await
        .unwrap();
    let sent = asked.asked("queryRelatedRecords").pop().unwrap();
    assert_eq!(sent["definitionExpression"], "BIG > 1");
    assert_eq!(sent["outFields"], "NO,BIG");
}

#[test]
fn relationships_are_read() {
    let info = wells(Server {
        cap: 1,
        pages: true,
        claims_pages: true,
        ..Server::default()
    });
    let info = LayerInfo::from_json(info.to_string().as_bytes()).unwrap();
    assert_eq!(info.relationships.len(), 2);
    let first = info.relationship(3).unwrap();
    assert_eq!(first.cardinality, Cardinality::OneToMany);
    assert_eq!(
        (first.is_origin, first.composite, first.related_table_id),
        (Some(true), true, 1)
    );
    assert_eq!(first.key_field.as_deref(), Some("GUID"));
    let second = info.relationship(4).unwrap();
    assert_eq!(second.cardinality, Cardinality::ManyToMany);
    assert_eq!(
        (second.is_origin, second.relationship_table_id),
        (Some(false), Some(9))
    );
    assert_eq!(
        second.key_field_in_relationship_table.as_deref(),
        Some("WELL")
    );
}

/// A server of points (n, 0), which selects those that a multipoint holds.
fn of_points() -> (Arc<Scripted>, Layer) {
    let scripted = Scripted::new(|_, params| {
        let condition = params["where"].replace(['(', ')'], "");
        let mut ids: Vec<i64> = (1..=500).collect();
        if let Some(geometry) = params.get("geometry") {
            let geometry: Value = serde_json::from_str(geometry).unwrap();
            let points: Vec<i64> = match &geometry["points"] {
                Value::Array(points) => points
                    .iter()
                    .map(|at| at[0].as_f64().unwrap() as i64)
                    .collect(),
                _ => vec![geometry["x"].as_f64().unwrap() as i64],
            };
            ids.retain(|id| points.contains(id));
        }
        for part in condition.split(" AND ") {
            let bound = |operator: &str| -> Option<i64> {
                part.strip_prefix(&format!("ID {operator} "))?.parse().ok()
            };
            let list: Option<Vec<i64>> = part.strip_prefix("ID IN ").map(|list| {
                list.split(',')
                    .map(|id| id.trim().parse().unwrap())
                    .collect()
            });
            ids.retain(|&id| {
                bound(">=").is_none_or(|least| id >= least)
                    && bound("<=").is_none_or(|most| id <= most)
                    && bound(">").is_none_or(|least| id > least)
                    && list.as_ref().is_none_or(|list| list.contains(&id))
            });
        }
        if let Some(list) = params.get("objectIds") {
            let list: Vec<i64> = list.split(',').map(|id| id.parse().unwrap()).collect();
            ids.retain(|id| list.contains(id));
        }
        if params.contains_key("returnCountOnly") {
            return json!({"count": ids.len()});
        }
        if params.contains_key("returnIdsOnly") {
            return json!({"objectIdFieldName": "ID", "objectIds": ids});
        }
        if params.contains_key("returnExtentOnly") {
            let (least, most) = (ids.first().unwrap(), ids.last().unwrap());
            return json!({"extent": {"xmin": least, "ymin": 0, "xmax": most, "ymax": 0, "spatialReference": {"wkid": 2056}}});
        }
        if params.contains_key("outStatistics") {
            return json!({"features": [{"attributes": {"stat_0": ids.first(), "stat_1": ids.last()}}]});
        }
        let number = |name: &str| params.get(name).map(|text| text.parse::<usize>().unwrap());
        let features: Vec<Value> = ids
            .iter()
            .skip(number("resultOffset").unwrap_or(0))
            .take(number("resultRecordCount").unwrap_or(100).min(100))
            .map(|id| json!({"attributes": {"ID": id}, "geometry": {"x": id, "y": 0}}))
            .collect();
        json!({"spatialReference": {"wkid": 2056}, "features": features})
    });
    let address: LayerAddress = "https://h/arcgis/rest/services/W/FeatureServer/0"
        .parse()
        .unwrap();
    let mut info = wells(Server {
        cap: 100,
        pages: true,
        claims_pages: true,
        ..Server::default()
    });
    info["advancedQueryCapabilities"] =
        json!({"supportsPagination": true, "supportsStatistics": true, "supportsOrderBy": true});
    let info = LayerInfo::from_json(info.to_string().as_bytes()).unwrap();
    let layer = Layer::from_info(scripted.clone(), address, info).unwrap();
    (scripted, layer)
}

#[tokio::test]
async fn rows_that_several_parts_of_a_geometry_select_come_once() {
    let (asked, layer) = of_points();
    // Every other point twice, so that two parts select the same rows.
    let points: Vec<Point<f64>> = (0..400)
        .map(|i| Point::new(f64::from(i % 200 * 2 + 1), 0.0))
        .collect();
    let filter = SpatialFilter::new(MultiPoint::new(points))
        .unwrap()
        .with_most_positions(64);
    assert_eq!(filter.parts(), 7);
    let query = Query::new().with_spatial_filter(filter);
    let resolved = query.resolve(layer.info()).unwrap();
    let ids = layer.object_ids(&resolved).await.unwrap();
    assert_eq!(ids, (0..200).map(|i| i * 2 + 1).collect());
    assert_eq!(layer.count(&resolved).await.unwrap(), 200);
    let extent = layer.extent(&resolved).await.unwrap().unwrap();
    assert_eq!((extent.bbox.xmin, extent.bbox.xmax), (1.0, 399.0));
    let error = layer.unique_values(&resolved, "ID").await.unwrap_err();
    assert!(error.to_string().contains("7 requests"), "{error}");

    let rows: Vec<_> = layer.features(query).try_collect().await.unwrap();
    let found: Vec<i64> = rows.iter().filter_map(|row| row.object_id).collect();
    assert_eq!(found, (0..200).map(|i| i * 2 + 1).collect::<Vec<_>>());
    // No request for rows had only a part of the geometry.
    assert!(
        asked
            .asked("/query")
            .iter()
            .filter(|params| params.contains_key("outFields"))
            .all(|params| !params.contains_key("geometry"))
    );
}
