//! A layer that is made up answer by answer, without sockets: as long as one likes, and it breaks when told.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arcgis_layer::arcgis_auth_core::{
    Error, Request, Response, Transport,
    http::{HeaderMap, StatusCode},
};
use arcgis_layer::{Layer, LayerAddress};
use bytes::Bytes;

/// Rows `3, 6, 9, …`, so that ids are no places.
#[derive(Debug)]
pub(crate) struct Generated {
    rows: AtomicI64,
    cap: i64,
    /// Pages that are answered before all others fail.
    pages_left: AtomicI64,
    /// A row that pages lack, although it is listed.
    hidden: AtomicI64,
    /// A row over whose geometry the server breaks down.
    poison: AtomicI64,
    /// `lastEditDate`.
    last_edit: AtomicI64,
    /// Rows that are gone.
    gone: Mutex<Vec<i64>>,
    extra_field: bool,
    asked: AtomicU64,
}

impl Generated {
    pub(crate) fn new(rows: i64, cap: i64) -> Arc<Self> {
        Arc::new(Self {
            rows: AtomicI64::new(rows),
            cap,
            pages_left: AtomicI64::new(i64::MAX),
            hidden: AtomicI64::new(-1),
            poison: AtomicI64::new(-1),
            last_edit: AtomicI64::new(1_700_000_000_000),
            gone: Mutex::new(Vec::new()),
            extra_field: false,
            asked: AtomicU64::new(0),
        })
    }

    /// The same with another column.
    pub(crate) fn with_extra_field(rows: i64, cap: i64) -> Arc<Self> {
        let mut this = Self::new(rows, cap);
        Arc::get_mut(&mut this).unwrap().extra_field = true;
        this
    }

    pub(crate) fn break_after(&self, pages: i64) {
        self.pages_left.store(pages, Ordering::SeqCst);
    }

    pub(crate) fn hide(&self, id: i64) {
        self.hidden.store(id, Ordering::SeqCst);
    }

    pub(crate) fn poison(&self, id: i64) {
        self.poison.store(id, Ordering::SeqCst);
    }

    /// The layer is edited, nobody knows where.
    pub(crate) fn edit(&self) {
        self.last_edit.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn delete(&self, id: i64) {
        self.gone.lock().unwrap().push(id);
    }

    pub(crate) fn add_rows(&self, rows: i64) {
        self.rows.fetch_add(rows, Ordering::SeqCst);
    }

    /// Pages that were asked for.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    pub(crate) async fn open(self: &Arc<Self>) -> Layer {
        let address =
            LayerAddress::parse("https://example.com/arcgis/rest/services/A/FeatureServer/0");
        let transport: Arc<dyn Transport> = Arc::<Self>::clone(self);
        Layer::open(transport, address.unwrap()).await.unwrap()
    }

    fn is_there(&self, id: i64) -> bool {
        id > 0
            && id % 3 == 0
            && id / 3 <= self.rows.load(Ordering::SeqCst)
            && !self.gone.lock().unwrap().contains(&id)
    }

    fn count(&self) -> i64 {
        self.rows.load(Ordering::SeqCst) - self.gone.lock().unwrap().len() as i64
    }

    /// The ids that a condition lets through, as a range and perhaps a list.
    fn within(&self, condition: &str) -> (RangeInclusive<i64>, Option<Vec<i64>>) {
        let number_behind = |operator: &str| -> Option<i64> {
            let rest = &condition[condition.find(operator)? + operator.len()..];
            let digits: String = rest
                .trim_start()
                .chars()
                .take_while(|c| c.is_ascii_digit() || *c == '-')
                .collect();
            digits.parse().ok()
        };
        let list = condition.find(" IN (").map(|start| {
            let rest = &condition[start + 5..];
            rest[..rest.find(')').unwrap()]
                .split(',')
                .map(|id| id.trim().parse().unwrap())
                .collect()
        });
        let first = number_behind(">= ")
            .or_else(|| Some(number_behind("> ")? + 1))
            .unwrap_or(i64::MIN);
        let last = number_behind("<= ")
            .or_else(|| Some(number_behind("< ")? - 1))
            .unwrap_or(i64::MAX);
        (first..=last, list)
    }

    /// The ids that a request asks for, in order.
    fn ids(&self, request: &Request) -> Box<dyn Iterator<Item = i64> + '_> {
        let (range, list) = self.within(request.param("where").unwrap_or("1=1"));
        match list {
            Some(mut list) => {
                list.sort_unstable();
                Box::new(
                    list.into_iter()
                        .filter(move |id| range.contains(id) && self.is_there(*id)),
                )
            }
            None => {
                let first = ((*range.start()).max(1) + 2) / 3;
                let last = (*range.end() / 3).min(self.rows.load(Ordering::SeqCst));
                let gone = self.gone.lock().unwrap().clone();
                Box::new(
                    (first..=last)
                        .map(|n| n * 3)
                        .filter(move |id| !gone.contains(id)),
                )
            }
        }
    }

    fn answer(&self, request: &Request) -> Option<String> {
        if !request.url().path().ends_with("/query") {
            return Some(self.metadata());
        }
        let asks = |name: &str| request.param(name) == Some("true");
        if asks("returnCountOnly") {
            let everything = request.param("where").is_none_or(|text| text == "1=1");
            let count = if everything {
                self.count()
            } else {
                self.ids(request).count() as i64
            };
            return Some(format!("{{\"count\":{count}}}"));
        }
        if asks("returnIdsOnly") {
            let mut body = String::with_capacity(9 * self.count() as usize + 100);
            body.push_str("{\"objectIdFieldName\":\"OBJECTID\",\"objectIds\":[");
            let most = request.param("resultRecordCount");
            let most = most.map_or(usize::MAX, |rows| rows.parse().unwrap());
            for (place, id) in self.ids(request).take(most).enumerate() {
                let comma = if place > 0 { "," } else { "" };
                write!(body, "{comma}{id}").unwrap();
            }
            body.push_str("]}");
            return Some(body);
        }
        if request.param("outStatistics").is_some() {
            return Some(
                r#"{"error":{"code":400,"message":"outStatistics is not supported","details":[]}}"#
                    .to_owned(),
            );
        }
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.pages_left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return None;
        }
        let page = self.page(request);
        let poisoned = format!("\"OBJECTID\":{},", self.poison.load(Ordering::SeqCst));
        let shapes = request.param("returnGeometry") != Some("false");
        if shapes && page.contains(&poisoned) {
            return Some(
                r#"{"error":{"code":500,"message":"Error performing query operation","details":[]}}"#
                    .to_owned(),
            );
        }
        Some(page)
    }

    fn metadata(&self) -> String {
        let extra = if self.extra_field {
            r#",{"name":"EXTRA","type":"esriFieldTypeInteger","alias":"EXTRA"}"#
        } else {
            ""
        };
        format!(
            r#"{{"id":0,"name":"a","type":"Feature Layer","geometryType":"esriGeometryPoint","objectIdField":"OBJECTID",
            "capabilities":"Query","editingInfo":{{"lastEditDate":{last_edit}}},"maxRecordCount":{cap},"supportedQueryFormats":"JSON",
            "extent":{{"xmin":-180,"ymin":-90,"xmax":180,"ymax":90,"spatialReference":{{"wkid":4326}}}},
            "advancedQueryCapabilities":{{"supportsPagination":true,"supportsOrderBy":true}},
            "fields":[{{"name":"OBJECTID","type":"esriFieldTypeOID","alias":"OBJECTID"}},
            {{"name":"NAME","type":"esriFieldTypeString","alias":"NAME","length":80}},
            {{"name":"POP","type":"esriFieldTypeInteger","alias":"POP"}}{extra}]}}"#,
            cap = self.cap,
            last_edit = self.last_edit.load(Ordering::SeqCst),
        )
    }

    fn page(&self, request: &Request) -> String {
        let number = |name: &str| -> Option<i64> { request.param(name)?.parse().ok() };
        let skip = number("resultOffset").unwrap_or(0);
        let most = number("resultRecordCount").map_or(self.cap, |rows| rows.min(self.cap));
        let hidden = self.hidden.load(Ordering::SeqCst);
        let mut body = String::from(
            r#"{"objectIdFieldName":"OBJECTID","geometryType":"esriGeometryPoint","spatialReference":{"wkid":4326},
            "fields":[{"name":"OBJECTID","type":"esriFieldTypeOID"},{"name":"NAME","type":"esriFieldTypeString"},
            {"name":"POP","type":"esriFieldTypeInteger"}],"features":["#,
        );
        let ids = self.ids(request).filter(|id| *id != hidden);
        for (place, id) in ids.skip(skip as usize).take(most as usize).enumerate() {
            let comma = if place > 0 { "," } else { "" };
            // Every seventh row has no geometry, and one value of a hundred does not fit.
            let pop = if id % 300 == 0 { 1 << 40 } else { id };
            write!(
                body,
                r#"{comma}{{"attributes":{{"OBJECTID":{id},"NAME":"Row {id} has some text","POP":{pop}}}"#
            )
            .unwrap();
            if id % 7 != 0 {
                write!(
                    body,
                    r#","geometry":{{"x":{}.5,"y":{}.25}}"#,
                    id % 180,
                    id % 90
                )
                .unwrap();
            }
            body.push('}');
        }
        body.push_str("]}");
        body
    }
}

impl Transport for Generated {
    fn send(
        &self,
        request: Request,
    ) -> Pin<Box<dyn Future<Output = Result<Response, Error>> + Send + '_>> {
        Box::pin(async move {
            // As a network does: others have their turn.
            tokio::task::yield_now().await;
            let (status, body) = match self.answer(&request) {
                Some(body) => (StatusCode::OK, body),
                None => (
                    StatusCode::OK,
                    r#"{"error":{"code":403,"message":"User does not have permissions","details":[]}}"#
                        .to_owned(),
                ),
            };
            Ok(Response::judge(
                &request,
                status,
                HeaderMap::new(),
                Bytes::from(body),
            ))
        })
    }
}
