//! Statistics, groups, distinct values, counts, the first rows and samples: whole also beyond one answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod scripted;

use std::collections::BTreeMap;
use std::sync::Arc;

use arcgis_layer::{
    Aggregation, Error, Layer, LayerAddress, LayerInfo, Order, Query, Statistic, StatisticType,
};
use futures_util::TryStreamExt;
use scripted::{Params, Scripted};
use serde_json::{Value, json};

/// Values in the order in which the server has them.
type Key = Vec<(bool, i64, String)>;

/// What the server does with groups.
#[derive(Clone, Copy, PartialEq)]
struct Server {
    cap: usize,
    says_exceeded: bool,
    pages: bool,
    /// What the metadata say of pages.
    claims_pages: bool,
    orders: bool,
    statistics: bool,
}

const HONEST: Server = Server {
    cap: 10,
    says_exceeded: true,
    pages: true,
    claims_pages: true,
    orders: true,
    statistics: true,
};

/// Rows of an id, a kind (null in each 19th row) and an owner.
fn rows(count: i64) -> Vec<(i64, Option<i64>, String)> {
    (1..=count)
        .map(|id| {
            let kind = (id % 19 != 0).then_some(id * 7 % 37);
            (id, kind, format!("o'{}", id % 3))
        })
        .collect()
}

fn metadata(server: Server) -> LayerInfo {
    let document = json!({
        "type": "Table", "name": "T", "objectIdField": "ID", "capabilities": "Query", "maxRecordCount": server.cap,
        "fields": [
            {"name": "ID", "type": "esriFieldTypeOID"},
            {"name": "KIND", "type": "esriFieldTypeInteger"},
            {"name": "OWNER", "type": "esriFieldTypeString", "nullable": false}
        ],
        "advancedQueryCapabilities": {
            "supportsPagination": true, "supportsPaginationOnAggregatedQueries": server.claims_pages,
            "supportsStatistics": server.statistics, "supportsOrderBy": true, "supportsDistinct": true,
            "supportsHavingClause": true
        }
    });
    LayerInfo::from_json(document.to_string().as_bytes()).unwrap()
}

/// Whether a row meets a condition as this library writes it: comparisons joined by AND.
fn meets(row: &(i64, Option<i64>, String), condition: &str) -> bool {
    let value = |name: &str| match name {
        "ID" => json!(row.0),
        "KIND" => json!(row.1),
        "OWNER" => json!(row.2),
        other => panic!("{other}"),
    };
    let flat = condition.replace(['(', ')'], "");
    flat.split(" AND ").all(|part| {
        if part == "1=1" {
            return true;
        }
        let (name, rest) = part.split_once(' ').unwrap();
        let value = value(name);
        if rest == "IS NULL" {
            return value.is_null();
        }
        if rest == "IS NOT NULL" {
            return !value.is_null();
        }
        let (operator, literal) = rest.split_once(' ').unwrap();
        let order = match &value {
            Value::Null => return false,
            Value::Number(number) => number.as_i64().unwrap().cmp(&literal.parse().unwrap()),
            Value::String(text) => {
                let inner = literal
                    .strip_prefix('\'')
                    .unwrap()
                    .strip_suffix('\'')
                    .unwrap();
                text.cmp(&inner.replace("''", "'"))
            }
            other => panic!("{other}"),
        };
        match operator {
            "=" => order.is_eq(),
            ">" => order.is_gt(),
            "<=" => order.is_le(),
            "IN" => unreachable!(),
            other => panic!("{other}"),
        }
    })
}

fn key(row: &(i64, Option<i64>, String), fields: &[&str]) -> Vec<Value> {
    fields
        .iter()
        .map(|name| match *name {
            "KIND" => json!(row.1),
            "OWNER" => json!(row.2),
            other => panic!("{other}"),
        })
        .collect()
}

fn sort_key(values: &[Value]) -> Key {
    values
        .iter()
        .map(|value| {
            (
                !value.is_null(),
                value.as_i64().unwrap_or_default(),
                value.as_str().unwrap_or_default().to_owned(),
            )
        })
        .collect()
}

fn respond(server: Server, rows: &[(i64, Option<i64>, String)], params: &Params) -> Value {
    let condition = &params["where"];
    let found: Vec<_> = rows.iter().filter(|row| meets(row, condition)).collect();
    if params.contains_key("returnCountOnly") {
        return json!({"count": found.len()});
    }
    if params.contains_key("returnIdsOnly") {
        let ids: Vec<i64> = found.iter().map(|row| row.0).collect();
        return json!({"objectIdFieldName": "ID", "objectIds": ids});
    }
    let by = params
        .get("groupByFieldsForStatistics")
        .or_else(|| params.get("outFields"))
        .unwrap();
    let by: Vec<&str> = by.split(',').collect();
    let mut groups: BTreeMap<Key, (Vec<Value>, usize)> = BTreeMap::new();
    for row in found {
        let values = key(row, &by);
        let entry = groups.entry(sort_key(&values)).or_insert((values, 0));
        entry.1 += 1;
    }
    let mut groups: Vec<(Vec<Value>, usize)> = groups.into_values().collect();
    if let Some(having) = params.get("havingClause") {
        let having = having.replace("COUNT(ID)", "COUNT").replace(['(', ')'], "");
        for part in having.split(" AND ") {
            let words: Vec<&str> = part.split(' ').collect();
            let bound: i64 = words[2].parse().unwrap();
            groups.retain(|(_, count)| match words[1] {
                ">" => *count as i64 > bound,
                "<" => (*count as i64) < bound,
                other => panic!("{other}"),
            });
        }
    }
    if !server.orders || !params.contains_key("orderByFields") {
        groups.reverse();
    }
    let offset: usize = params
        .get("resultOffset")
        .filter(|_| server.pages)
        .map_or(0, |offset| offset.parse().unwrap());
    let total = groups.len();
    let statistics: Vec<Value> = params
        .get("outStatistics")
        .map(|text| serde_json::from_str(text).unwrap())
        .unwrap_or_default();
    let features: Vec<Value> = groups
        .into_iter()
        .skip(offset)
        .take(server.cap)
        .map(|(values, count)| {
            let mut attributes = serde_json::Map::new();
            for (name, value) in by.iter().zip(values) {
                attributes.insert(name.to_lowercase(), value);
            }
            for statistic in &statistics {
                assert_eq!(statistic["statisticType"], "count");
                let name = statistic["outStatisticFieldName"].as_str().unwrap();
                attributes.insert(name.to_uppercase(), json!(count));
            }
            json!({"attributes": attributes})
        })
        .collect();
    let more = offset + features.len() < total;
    let mut answer = json!({"features": features});
    if more && server.says_exceeded {
        answer["exceededTransferLimit"] = json!(true);
    }
    answer
}

fn layer(server: Server, count: i64) -> (Arc<Scripted>, Layer) {
    let rows = rows(count);
    let scripted = Scripted::new(move |_, params| respond(server, &rows, params));
    let address: LayerAddress = "https://h/arcgis/rest/services/T/FeatureServer/0"
        .parse()
        .unwrap();
    let layer = Layer::from_info(scripted.clone(), address, metadata(server)).unwrap();
    (scripted, layer)
}

/// The groups of all rows, computed here.
fn truth(count: i64, by: &[&str]) -> BTreeMap<Key, u64> {
    let mut groups = BTreeMap::new();
    for row in rows(count) {
        *groups.entry(sort_key(&key(&row, by))).or_insert(0) += 1;
    }
    groups
}

#[tokio::test]
async fn t42_groups_are_whole_whatever_the_server_does() {
    let servers = [
        HONEST,
        Server {
            cap: 1000,
            ..HONEST
        },
        // No pages of groups.
        Server {
            pages: false,
            claims_pages: false,
            ..HONEST
        },
        // Nor a word about it: the cap says it.
        Server {
            pages: false,
            claims_pages: false,
            says_exceeded: false,
            ..HONEST
        },
        // Pages promised, and the offset ignored.
        Server {
            pages: false,
            ..HONEST
        },
        Server {
            pages: false,
            says_exceeded: false,
            ..HONEST
        },
        Server { cap: 1, ..HONEST },
        Server {
            cap: 1,
            pages: false,
            claims_pages: false,
            ..HONEST
        },
        Server {
            cap: 2,
            pages: false,
            claims_pages: false,
            ..HONEST
        },
        Server {
            statistics: false,
            ..HONEST
        },
        Server {
            statistics: false,
            pages: false,
            claims_pages: false,
            ..HONEST
        },
    ];
    for (at, server) in servers.into_iter().enumerate() {
        let (_, layer) = layer(server, 200);
        let query = Query::new().resolve(layer.info()).unwrap();
        for by in [&["KIND"] as &[&str], &["OWNER", "KIND"], &["KIND", "OWNER"]] {
            let truth = truth(200, by);
            let found = layer.distinct(&query, by.iter().copied()).await.unwrap();
            let mut keys: Vec<_> = found.iter().map(|values| sort_key(values)).collect();
            keys.sort();
            assert_eq!(
                keys,
                truth.keys().cloned().collect::<Vec<_>>(),
                "{at} {by:?}"
            );
        }
        if !server.statistics {
            continue;
        }
        let counts = layer.value_counts(&query, "kind").await.unwrap();
        let found: BTreeMap<_, _> = counts
            .iter()
            .map(|count| (sort_key(&count.values), count.rows))
            .collect();
        assert_eq!(found, truth(200, &["KIND"]), "{at}");
        assert!(counts.windows(2).all(|pair| pair[0].rows >= pair[1].rows));
        let nested = layer.nested_counts(&query, "OWNER", "KIND").await.unwrap();
        assert_eq!(nested.iter().map(|count| count.rows).sum::<u64>(), 200);
        for pair in nested.windows(2) {
            let (a, b) = (&pair[0], &pair[1]);
            let (first, second) = (a.values[0].as_str(), b.values[0].as_str());
            assert!(first < second || (first == second && a.rows >= b.rows));
        }
    }
}

#[tokio::test]
async fn t42_a_cap_below_the_advertised_one_is_seen_by_adding_up() {
    // 10 groups come where 1000 are promised, without a word.
    let server = Server {
        says_exceeded: false,
        pages: false,
        claims_pages: false,
        ..HONEST
    };
    let rows = rows(200);
    let scripted = Scripted::new(move |_, params| respond(server, &rows, params));
    let address: LayerAddress = "https://h/arcgis/rest/services/T/FeatureServer/0"
        .parse()
        .unwrap();
    let info = metadata(Server {
        cap: 1000,
        ..server
    });
    let layer = Layer::from_info(scripted, address, info).unwrap();
    let query = Query::new().resolve(layer.info()).unwrap();
    let error = layer.unique_values(&query, "KIND").await.unwrap_err();
    assert!(
        matches!(&error, Error::Answer { .. }) && error.to_string().contains("of"),
        "{error}"
    );
    assert!(error.to_string().contains("200"), "{error}");
}

#[tokio::test]
async fn groups_out_of_order_are_an_error_and_never_fewer() {
    let server = Server {
        pages: false,
        claims_pages: false,
        orders: false,
        ..HONEST
    };
    let (_, layer) = layer(server, 200);
    let query = Query::new().resolve(layer.info()).unwrap();
    match layer.unique_values(&query, "KIND").await {
        Ok(values) => assert_eq!(values.len(), truth(200, &["KIND"]).len()),
        Err(Error::Answer { .. }) => {}
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn t58_groups_on_the_wire() {
    let (asked, layer) = layer(HONEST, 20);
    let query = Query::new()
        .with_where("KIND = 7")
        .resolve(layer.info())
        .unwrap();
    let aggregation = Aggregation::by(["owner"])
        .with_statistics([Statistic::new(StatisticType::Count, "kind")])
        .with_having("COUNT(ID) > 0");
    let groups = layer.aggregate(&query, &aggregation).await.unwrap();
    assert_eq!(groups.len(), 1);
    assert_eq!(
        (&groups[0].values, &groups[0].statistics),
        (&vec![json!("o'1")], &vec![json!(1)])
    );
    // Whether the server reads the condition at all: of groups that cannot be, none may come.
    let probe = &asked.asked("/query")[0];
    assert_eq!(probe["havingClause"], "(COUNT(ID) > 0) AND COUNT(ID) < 0");
    let sent = &asked.asked("/query")[1];
    assert_eq!(sent["where"], "KIND = 7");
    assert_eq!(sent["groupByFieldsForStatistics"], "OWNER");
    assert_eq!(sent["returnGeometry"], "false");
    assert_eq!(sent["orderByFields"], "OWNER ASC");
    assert_eq!(sent["havingClause"], "COUNT(ID) > 0");
    assert!(!sent.contains_key("having"));
    assert!(!sent.contains_key("returnCountOnly") && !sent.contains_key("resultOffset"));
    let statistics: Value = serde_json::from_str(&sent["outStatistics"]).unwrap();
    assert_eq!(
        statistics,
        json!([
            {"statisticType": "count", "onStatisticField": "KIND", "outStatisticFieldName": "stat_0"},
            {"statisticType": "count", "onStatisticField": "ID", "outStatisticFieldName": "stat_1"}
        ])
    );
}

#[tokio::test]
async fn what_cannot_be_computed_is_refused_before_anything_is_sent() {
    let (asked, layer) = layer(HONEST, 20);
    let query = Query::new().resolve(layer.info()).unwrap();
    for (aggregation, what) in [
        (Aggregation::by(["Ghost"]), "no field Ghost"),
        (Aggregation::by(["KIND", "kind"]), "twice"),
        (
            Aggregation::default().with_having("COUNT(ID) > 1"),
            "no groups",
        ),
        (
            Aggregation::by(["KIND"]).with_having("COUNT(ID > 1"),
            "does not close",
        ),
        (
            Aggregation::by(["KIND"]).with_statistics([Statistic::new(
                StatisticType::PercentileContinuous(90.0),
                "ID",
            )]),
            "from 0 to 1",
        ),
    ] {
        let error = layer.aggregate(&query, &aggregation).await.unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    }
    assert!(layer.distinct(&query, [""; 0]).await.is_err());
    assert!(asked.asked("/query").is_empty());
}

#[tokio::test]
async fn percentiles_carry_their_parameters() {
    let scripted = Scripted::new(
        |_, _| json!({"features": [{"attributes": {"stat_0": 4.5, "stat_1": 4, "stat_2": null}}]}),
    );
    let address: LayerAddress = "https://h/arcgis/rest/services/T/FeatureServer/0"
        .parse()
        .unwrap();
    let layer = Layer::from_info(scripted.clone(), address, metadata(HONEST)).unwrap();
    let query = Query::new().resolve(layer.info()).unwrap();
    let statistics = [
        Statistic::new(StatisticType::PercentileContinuous(0.9), "kind"),
        Statistic::new(StatisticType::PercentileDiscrete(0.5), "KIND"),
        Statistic::new(StatisticType::StdDev, "KIND"),
    ];
    let values = layer.statistics(&query, &statistics).await.unwrap();
    assert_eq!(values, [json!(4.5), json!(4), Value::Null]);
    let sent: Value = serde_json::from_str(&scripted.asked("/query")[0]["outStatistics"]).unwrap();
    assert_eq!(sent[0]["statisticType"], "PERCENTILE_CONT");
    assert_eq!(sent[0]["statisticParameters"], json!({"value": 0.9}));
    assert_eq!(sent[1]["statisticType"], "PERCENTILE_DISC");
    assert_eq!(sent[2]["statisticType"], "stddev");
    assert_eq!(sent[2].get("statisticParameters"), None);
}

/// A server of rows with ids in steps of ten, which may ignore order.
fn of_rows(orders: bool) -> (Arc<Scripted>, Layer) {
    let scripted = Scripted::new(move |_, params| {
        let all: Vec<i64> = (1..=40).map(|id| id * 10).collect();
        let condition = params["where"].replace(['(', ')'], "");
        let mut ids: Vec<i64> = match condition.split_once(" IN ") {
            Some((_, list)) => {
                let list = list.split(" AND ").next().unwrap();
                list.split(',').map(|id| id.parse().unwrap()).collect()
            }
            None if condition == "1=0" => Vec::new(),
            None => all,
        };
        for part in condition.split(" AND ") {
            let bound = |operator: &str| -> Option<i64> {
                part.strip_prefix(&format!("ID {operator} "))?.parse().ok()
            };
            ids.retain(|&id| {
                bound(">=").is_none_or(|least| id >= least)
                    && bound("<=").is_none_or(|most| id <= most)
                    && bound(">").is_none_or(|least| id > least)
            });
        }
        if params.contains_key("returnCountOnly") {
            return json!({"count": ids.len()});
        }
        if params.contains_key("returnIdsOnly") {
            return json!({"objectIdFieldName": "ID", "objectIds": ids});
        }
        if !orders {
            ids.reverse();
        }
        let number = |name: &str| params.get(name).map(|text| text.parse::<usize>().unwrap());
        let features: Vec<Value> = ids
            .iter()
            .skip(number("resultOffset").unwrap_or(0))
            .take(number("resultRecordCount").unwrap_or(1000))
            .map(|id| json!({"attributes": {"ID": id, "KIND": id / 10, "OWNER": "x"}}))
            .collect();
        json!({"features": features})
    });
    let address: LayerAddress = "https://h/arcgis/rest/services/T/FeatureServer/0"
        .parse()
        .unwrap();
    let info = metadata(Server {
        cap: 1000,
        ..HONEST
    });
    let layer = Layer::from_info(scripted.clone(), address, info).unwrap();
    (scripted, layer)
}

#[tokio::test]
async fn the_first_rows_take_one_request_where_the_server_orders_them() {
    let (asked, layer) = of_rows(true);
    let head = layer.head(Query::new(), 3).await.unwrap();
    let ids = |features: &[arcgis_layer::Feature]| -> Vec<i64> {
        features
            .iter()
            .filter_map(|feature| feature.object_id)
            .collect()
    };
    assert_eq!(ids(&head), [10, 20, 30]);
    let sent = asked.asked("/query");
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0]["orderByFields"], "ID ASC");
    assert_eq!(sent[0]["resultRecordCount"], "3");
    // Fewer than asked for are counted.
    let all = layer.head(Query::new(), 99).await.unwrap();
    assert_eq!(all.len(), 40);
    assert!(layer.head(Query::new(), 0).await.unwrap().is_empty());

    let (_, unordered) = of_rows(false);
    assert_eq!(
        ids(&unordered.head(Query::new(), 3).await.unwrap()),
        [10, 20, 30]
    );
}

#[tokio::test]
async fn a_sample_is_of_the_rows_that_are_there() {
    let (_, layer) = of_rows(true);
    let sample = async |rows: u32, seed: u64| -> Vec<i64> {
        let features: Vec<_> = layer
            .sample(Query::new(), rows, seed)
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        features
            .iter()
            .filter_map(|feature| feature.object_id)
            .collect()
    };
    let seven = sample(7, 1).await;
    assert_eq!(seven.len(), 7);
    assert!(
        seven
            .iter()
            .all(|id| id % 10 == 0 && (10..=400).contains(id))
    );
    assert!(seven.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(sample(7, 1).await, seven);
    assert_ne!(sample(7, 2).await, seven);
    assert_eq!(sample(99, 1).await.len(), 40);
    assert!(sample(0, 1).await.is_empty());
}

#[tokio::test]
async fn the_first_rows_in_another_order_are_the_servers() {
    let (asked, layer) = of_rows(true);
    let first = layer
        .head_by(Query::new(), &[Order::descending("kind")], 3)
        .await
        .unwrap();
    assert_eq!(first.len(), 3);
    let sent = &asked.asked("/query")[0];
    assert_eq!(sent["orderByFields"], "KIND DESC,ID ASC");
    assert_eq!(sent["resultRecordCount"], "3");
    let all = layer
        .head_by(Query::new(), &[Order::ascending("ID")], 500)
        .await
        .unwrap();
    assert_eq!(all.len(), 40);
    let sent = asked.asked("/query");
    assert_eq!(sent[1]["orderByFields"], "ID ASC");
    assert_eq!(
        sent[2]["returnCountOnly"], "true",
        "fewer than asked for are counted"
    );
    for (query, order, rows, what) in [
        (Query::new(), Order::ascending("Ghost"), 3, "Ghost"),
        (
            Query::new().with_limit(2),
            Order::ascending("KIND"),
            3,
            "limit",
        ),
    ] {
        let error = layer.head_by(query, &[order], rows).await.unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    }
    assert_eq!(asked.asked("/query").len(), 3);
}
