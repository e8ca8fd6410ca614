//! The service: it answers on a loopback address from pages that are ready.

use std::convert::Infallible;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;

use crate::esri_json;
use crate::layers;
use crate::pages::{Body, Format, Pages, whole};
use crate::pbf;
use crate::question::{Question, part};

const JSON: &str = "application/json; charset=utf-8";

struct Service {
    /// By their numbers in the service.
    layers: Vec<(usize, Pages)>,
}

/// Serves the layers of a folder until standard input ends: the process that started this one need do
/// nothing to end it. Its first line of output is the service's URL.
pub(crate) fn run(folder: &Path) {
    let layers = layers::NAMES
        .into_iter()
        .enumerate()
        .filter_map(|(id, name)| {
            let made = folder.join(name).join("made").exists();
            made.then(|| (id, Pages::load(folder, layers::named(name).unwrap())))
        });
    let service = Arc::new(Service {
        layers: layers.collect(),
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        println!("http://127.0.0.1:{port}/arcgis/rest/services/bench/FeatureServer");
        tokio::spawn(accept(listener, service));
        tokio::task::spawn_blocking(|| {
            let _ = std::io::stdin().read(&mut [0]);
        })
        .await
        .unwrap();
    });
    // A client that is in the middle of an answer does not keep it.
    runtime.shutdown_background();
}

async fn accept(listener: TcpListener, service: Arc<Service>) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let service = Arc::clone(&service);
        tokio::spawn(async move {
            let answer = service_fn(move |request| {
                let service = Arc::clone(&service);
                async move { Ok::<_, Infallible>(service.answer(request).await) }
            });
            // A client that goes away ends its connection, and nothing else.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

impl Service {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Body>> {
        let (parts, body) = request.into_parts();
        let mut parameters = parts.uri.query().unwrap_or_default().as_bytes().to_vec();
        if let Ok(body) = body.collect().await {
            parameters.push(b'&');
            parameters.extend_from_slice(&body.to_bytes());
        }
        let question = Question::new(&parameters);
        let path = parts.uri.path().trim_end_matches('/');
        let (content, body) = match self.resource(path, &question) {
            Ok(answer) => answer,
            Err(message) => {
                eprintln!("refused: {path}: {message}");
                let error = json!({ "error": { "code": 400, "message": message, "details": [] } });
                (JSON, whole(error.to_string()))
            }
        };
        let answer = Response::builder().header(CONTENT_TYPE, content);
        answer.body(Full::new(body)).unwrap()
    }

    fn resource(&self, path: &str, question: &Question) -> Result<(&'static str, Body), String> {
        let json = |json: Json| Ok((JSON, whole(json.to_string())));
        let path = path.strip_prefix("/arcgis/rest").ok_or("not found")?;
        match path {
            "/info" => {
                return json(json!({
                    "currentVersion": 11.2, "authInfo": { "isTokenBasedSecurity": false },
                }));
            }
            "/services" => {
                return json(json!({
                    "currentVersion": 11.2, "folders": [],
                    "services": [{ "name": "bench", "type": "FeatureServer" }],
                }));
            }
            "/services/bench/FeatureServer" => return json(self.description()),
            _ => {}
        }
        let path = path
            .strip_prefix("/services/bench/FeatureServer/")
            .ok_or("not found")?;
        let (id, query) = match path.strip_suffix("/query") {
            Some(id) => (id, true),
            None => (path, false),
        };
        let pages = self
            .layers
            .iter()
            .find(|(number, _)| number.to_string() == id);
        let (number, pages) = pages.ok_or("not found")?;
        if query {
            pages.query(question)
        } else {
            json(esri_json::description(&pages.layer, *number))
        }
    }

    fn description(&self) -> Json {
        let named = |tables: bool| {
            self.layers
                .iter()
                .filter(move |(_, pages)| pages.layer.geometry.is_none() == tables)
                .map(|(id, pages)| json!({ "id": id, "name": pages.layer.name }))
                .collect::<Vec<_>>()
        };
        let most = self.layers.iter().map(|(_, pages)| pages.layer.page).max();
        json!({
            "currentVersion": 11.2,
            "capabilities": "Query",
            "maxRecordCount": most,
            "supportedQueryFormats": "JSON, geoJSON, PBF",
            "spatialReference": { "wkid": 4326, "latestWkid": 4326 },
            "layers": named(false),
            "tables": named(true),
        })
    }
}

impl Pages {
    fn query(&self, question: &Question) -> Result<(&'static str, Body), String> {
        let json = |json: Json| Ok((JSON, whole(json.to_string())));
        let rows = question.rows(self.rows())?;
        let count: usize = rows.iter().map(Range::len).sum();
        let format = match question.text("f").unwrap_or("html").to_lowercase().as_str() {
            "json" | "pjson" => Format::Json,
            "geojson" => Format::GeoJson,
            "pbf" => Format::Pbf,
            other => return Err(format!("no format {other}")),
        };
        if question.flag("returnCountOnly") {
            if format == Format::Pbf {
                return Ok(("application/x-protobuf", whole(pbf::count(count as u64))));
            }
            return json(json!({ "count": count }));
        }
        if question.flag("returnIdsOnly") {
            let ids: Vec<usize> = rows.into_iter().flatten().map(|row| row + 1).collect();
            return json(json!({ "objectIdFieldName": "OBJECTID", "objectIds": ids }));
        }
        if question.flag("returnExtentOnly") {
            return json(json!({ "extent": esri_json::extent(), "count": count }));
        }
        if let Some(statistics) = question.text("outStatistics") {
            return json(self.statistics(statistics, &rows)?);
        }
        let offset = question.number("resultOffset").unwrap_or(0);
        let most = question
            .number("resultRecordCount")
            .map_or(self.layer.page, |most| most.min(self.layer.page));
        let page = part(&rows, offset, most);
        let given: usize = page.iter().map(Range::len).sum();
        let exceeded = offset.saturating_add(given) < count;
        let content = match format {
            Format::Json => JSON,
            Format::GeoJson => "application/geo+json",
            Format::Pbf => "application/x-protobuf",
        };
        Ok((content, self.page(format, &page, exceeded)))
    }

    /// Least, largest and count of the object ids.
    fn statistics(&self, statistics: &str, rows: &[Range<usize>]) -> Result<Json, String> {
        let asked: Vec<Json> =
            serde_json::from_str(statistics).map_err(|error| error.to_string())?;
        let (mut attributes, mut fields) = (serde_json::Map::new(), Vec::new());
        for one in &asked {
            let text = |name: &str| one.get(name).and_then(Json::as_str).unwrap_or_default();
            let kind = text("statisticType").to_lowercase();
            if !text("onStatisticField").eq_ignore_ascii_case("OBJECTID") {
                return Err(format!("no statistics of {}", text("onStatisticField")));
            }
            let value = match kind.as_str() {
                "min" => rows.first().map(|range| range.start + 1),
                "max" => rows.last().map(|range| range.end),
                "count" => Some(rows.iter().map(Range::len).sum()),
                other => return Err(format!("no statistic {other}")),
            };
            let name = match text("outStatisticFieldName") {
                "" => format!("{kind}_OBJECTID"),
                name => name.to_owned(),
            };
            fields.push(json!({ "name": name, "type": "esriFieldTypeInteger", "alias": name }));
            attributes.insert(name, value.into());
        }
        Ok(json!({ "fields": fields, "features": [{ "attributes": attributes }] }))
    }
}

/// All pages of a layer as the service gives them, whole.
pub(crate) fn bodies(pages: &Pages, format: Format) -> impl Iterator<Item = Bytes> + '_ {
    let step = pages.layer.page;
    (0..pages.rows()).step_by(step).map(move |start| {
        let end = (start + step).min(pages.rows());
        let range = start..end;
        let mut body = pages.page(format, std::slice::from_ref(&range), end < pages.rows());
        let length = body.remaining();
        body.copy_to_bytes(length)
    })
}
