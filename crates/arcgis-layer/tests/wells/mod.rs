//! A server with a layer of wells, and what it was asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use arcgis_auth_http::ArcGisClient;
use arcgis_layer::arcgis_auth_core::Transport;
use arcgis_layer::{Error, Layer, LayerAddress};
use serde_json::{Value, json};
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockBuilder, MockServer, ResponseTemplate};

/// Where the layer is.
pub(crate) const PATH: &str = "/arcgis/rest/services/Wells/FeatureServer/0";
/// Where it is queried.
pub(crate) const QUERY: &str = "/arcgis/rest/services/Wells/FeatureServer/0/query";

/// A client that does not try again.
pub(crate) fn client() -> Arc<dyn Transport> {
    Arc::new(ArcGisClient::builder().retries(0).build().unwrap())
}

/// The metadata of the wells.
pub(crate) fn metadata() -> Value {
    json!({
        "id": 0, "name": "Wells", "type": "Feature Layer", "geometryType": "esriGeometryPoint", "objectIdField": "OBJECTID",
        "capabilities": "Query", "extent": {"spatialReference": {"wkid": 2056}},
        "fields": [{"name": "OBJECTID", "type": "esriFieldTypeOID"}, {"name": "DEPTH", "type": "esriFieldTypeDouble"}]
    })
}

/// An answer of JSON.
pub(crate) fn answer(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

/// A `GET` of JSON at a path.
pub(crate) fn at(place: &str) -> MockBuilder {
    Mock::given(method("GET"))
        .and(path(place))
        .and(query_param("f", "json"))
}

/// A server of one layer with these metadata.
pub(crate) async fn server(metadata: &Value) -> MockServer {
    let server = MockServer::start().await;
    at(PATH).respond_with(answer(metadata)).mount(&server).await;
    server
}

/// The layer at [`PATH`], as a caller opens it.
pub(crate) async fn open(server: &MockServer) -> Result<Layer, Error> {
    let address: LayerAddress = format!("{}{PATH}", server.uri()).parse().unwrap();
    Layer::open(client(), address).await
}

/// The parameters of the queries, in order.
pub(crate) async fn asked(server: &MockServer) -> Vec<BTreeMap<String, String>> {
    let requests = server.received_requests().await.unwrap();
    requests
        .iter()
        .filter(|request| request.url.path() == QUERY)
        .map(|request| request.url.query_pairs().into_owned().collect())
        .collect()
}

/// Parameters as [`asked`] gives them.
pub(crate) fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}
