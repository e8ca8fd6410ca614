//! A server in memory that gives pages as short as it likes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arcgis_layer::arcgis_auth_core::http::{HeaderMap, StatusCode};
use arcgis_layer::arcgis_auth_core::{Error, Request, Response, Transport};
use futures_util::future::{BoxFuture, FutureExt, ready};
use serde_json::{Value, json};

/// What is served, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Serving {
    /// Ids, with x if there is a geometry.
    pub(crate) rows: BTreeMap<i64, Option<f64>>,
    /// The most rows of each page, one after the other, over and over.
    pub(crate) caps: Vec<usize>,
    /// The advertised cap.
    pub(crate) cap: u32,
    pub(crate) paginates: bool,
    pub(crate) lists: bool,
    pub(crate) statistics: bool,
    /// Rows come in the order asked for, else in another with each request.
    pub(crate) orders: bool,
    /// `exceededTransferLimit` tells the truth.
    pub(crate) flags: bool,
    pub(crate) has_ids: bool,
}

#[derive(Debug)]
pub(crate) struct Server {
    serving: Serving,
    pages: AtomicUsize,
    pub(crate) asked: Mutex<Vec<String>>,
}

impl Server {
    pub(crate) fn new(serving: Serving) -> Arc<Self> {
        Arc::new(Self {
            serving,
            pages: AtomicUsize::new(0),
            asked: Mutex::default(),
        })
    }

    pub(crate) fn metadata(&self) -> Value {
        let mut metadata = json!({
            "id": 0, "name": "t", "type": "Feature Layer", "geometryType": "esriGeometryPoint",
            "capabilities": "Query", "maxRecordCount": self.serving.cap,
            "extent": {"xmin": -1.0, "ymin": -1.0, "xmax": 1001.0, "ymax": 1.0, "spatialReference": {"wkid": 3857}},
            "fields": [{"name": "N", "type": "esriFieldTypeString"}],
            "advancedQueryCapabilities": {
                "supportsPagination": self.serving.paginates, "supportsOrderBy": true,
                "supportsStatistics": self.serving.statistics,
            }
        });
        if self.serving.has_ids {
            metadata["objectIdField"] = json!("ID");
            metadata["fields"] = json!([
                {"name": "ID", "type": "esriFieldTypeOID"}, {"name": "N", "type": "esriFieldTypeString"}
            ]);
        }
        metadata
    }

    fn answer(&self, request: &Request) -> Value {
        let asks = |name: &str| request.param(name) == Some("true");
        let condition = request.param("where").unwrap_or("1=1");
        let mut rows: Vec<(i64, Option<f64>)> = self
            .serving
            .rows
            .iter()
            .map(|(id, x)| (*id, *x))
            .filter(|(id, x)| meets(condition, *id, *x) && lies_in(request.param("geometry"), *x))
            .collect();
        if let Some(ids) = request.param("objectIds") {
            rows.retain(|(id, _)| ids.split(',').any(|listed| listed.parse() == Ok(*id)));
        }
        let refuse = |what: &str| json!({"error": {"code": 400, "message": format!("{what} is not supported")}});
        if asks("returnCountOnly") {
            return json!({"count": rows.len()});
        }
        if asks("returnIdsOnly") {
            if !self.serving.lists {
                return refuse("returnIdsOnly");
            }
            let ids: Vec<i64> = rows.iter().map(|row| row.0).collect();
            return json!({"objectIdFieldName": "ID", "objectIds": ids});
        }
        if request.param("outStatistics").is_some() {
            if !self.serving.statistics {
                return refuse("outStatistics");
            }
            let (first, last) = (rows.first(), rows.last());
            let statistics: Vec<Value> =
                serde_json::from_str(request.param("outStatistics").unwrap()).unwrap();
            let mut attributes = serde_json::Map::new();
            for statistic in statistics {
                let value = match statistic["statisticType"].as_str() {
                    Some("min") => first,
                    _ => last,
                };
                let name = statistic["outStatisticFieldName"].as_str().unwrap();
                attributes.insert(name.to_owned(), json!(value.map(|row| row.0)));
            }
            return json!({"features": [{"attributes": attributes}]});
        }
        let number = self.pages.fetch_add(1, Ordering::Relaxed);
        if !self.serving.orders {
            let seed = number as u64 + 1;
            rows.sort_by_key(|(id, _)| {
                (*id as u64)
                    .wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ seed)
                    .rotate_left(17)
            });
        }
        let asked = |name: &str| {
            request
                .param(name)
                .and_then(|text| text.parse::<usize>().ok())
        };
        if asked("resultOffset").is_some() && !self.serving.paginates {
            return refuse("pagination");
        }
        let cap = self.serving.caps[number % self.serving.caps.len()];
        let behind: Vec<_> = rows
            .into_iter()
            .skip(asked("resultOffset").unwrap_or(0))
            .collect();
        let most = asked("resultRecordCount").unwrap_or(usize::MAX).min(cap);
        let features: Vec<Value> = behind
            .iter()
            .take(most)
            .map(|(id, x)| {
                let mut feature = json!({"attributes": {"N": format!("row {id}")}});
                if self.serving.has_ids {
                    feature["attributes"]["ID"] = json!(id);
                }
                if let Some(x) = x {
                    feature["geometry"] = json!({"x": x, "y": 0.0});
                }
                feature
            })
            .collect();
        let mut answer = json!({"spatialReference": {"wkid": 3857}, "features": features});
        if self.serving.flags && behind.len() > most {
            answer["exceededTransferLimit"] = json!(true);
        }
        answer
    }
}

/// Whether a row meets a condition made of what the engine says: parts joined by AND, in parentheses or not.
fn meets(condition: &str, id: i64, x: Option<f64>) -> bool {
    let plain = condition.replace(['(', ')'], " ");
    let list = condition.split(" IN (").nth(1).map(|rest| {
        let inside = rest.split(')').next().unwrap();
        inside
            .split(',')
            .any(|listed| listed.trim().parse() == Ok(id))
    });
    plain.split(" AND ").all(|part| {
        let words: Vec<&str> = part.split_whitespace().collect();
        match words.as_slice() {
            ["1=1"] => true,
            // Asked to see whether the flag of more rows is there for no rows too.
            ["1=0"] => false,
            ["SHAPE", "IS", "NULL"] => x.is_none(),
            ["ID", ">", bound] => id > bound.parse().unwrap(),
            ["ID", ">=", bound] => id >= bound.parse().unwrap(),
            ["ID", "<=", bound] => id <= bound.parse().unwrap(),
            ["ID", "IN", ..] => list.unwrap(),
            other => panic!("{other:?}"),
        }
    })
}

fn lies_in(rectangle: Option<&str>, x: Option<f64>) -> bool {
    let Some(rectangle) = rectangle else {
        return true;
    };
    let sides: Vec<f64> = rectangle
        .split(',')
        .map(|side| side.parse().unwrap())
        .collect();
    x.is_some_and(|x| sides[0] <= x && x <= sides[2] && sides[1] <= 0.0 && 0.0 <= sides[3])
}

impl Transport for Server {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        let answer = if request.url().path().ends_with("/query") {
            self.answer(&request)
        } else {
            self.metadata()
        };
        self.asked
            .lock()
            .unwrap()
            .push(request.param("where").unwrap_or_default().to_owned());
        let body = answer.to_string().into();
        ready(Ok(Response::judge(
            &request,
            StatusCode::OK,
            HeaderMap::new(),
            body,
        )))
        .boxed()
    }
}
