//! Layers for Python, as tables that nobody copies: Arrow's C Stream Interface, without a line of unsafe code.
//!
//! A [`Layer`] is what pyarrow, Polars, DuckDB and GeoPandas call a stream: an object with `__arrow_c_stream__`. Each call
//! of that asks the server anew; rows come page by page, while the reader works on those that it has. Where rows are
//! missing at the end, or a value does not fit, the reader gets an error, and never a table that is too short.

use std::fmt::Display;
use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock};

use arcgis_rest::export::BatchLimits;
use arcgis_rest::{ArcGisClient, Credentials, LayerAddress, LayerExport, Query};
use arrow::ffi_stream::FFI_ArrowArrayStream;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use tokio::runtime::Runtime;

/// Where requests run, for as long as the module is loaded. Python's threads wait for it, and it never for them.
static RUNTIME: LazyLock<std::io::Result<Runtime>> = LazyLock::new(Runtime::new);

fn runtime() -> PyResult<&'static Runtime> {
    RUNTIME.as_ref().map_err(service)
}

/// What was given does not make sense.
fn given(error: impl Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// What was asked for did not come.
fn service(error: impl Display) -> PyErr {
    PyOSError::new_err(error.to_string())
}

/// A layer, and which of its rows.
#[pyclass(frozen)]
struct Layer {
    layer: arcgis_rest::Layer,
    query: Query,
    limits: BatchLimits,
}

#[pymethods]
impl Layer {
    /// The name of the layer.
    #[getter]
    fn name(&self) -> &str {
        &self.layer.info().name
    }

    /// The rows as a capsule `arrow_array_stream`, by Arrow's PyCapsule interface. The columns are the layer's, whatever
    /// schema is asked for, as the interface allows.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        drop(requested_schema);
        let runtime = runtime()?;
        let export = LayerExport::new(self.layer.clone()).with_query(self.query.clone());
        // Counting rows takes a moment, in which other threads of Python may go on.
        let rows = py.detach(|| runtime.block_on(export.into_stream(self.limits)));
        let reader = rows.map_err(service)?.into_reader(runtime.handle().clone());
        let stream = FFI_ArrowArrayStream::new(Box::new(reader));
        // Whoever takes the stream out of the capsule releases it, and else the capsule does.
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }

    fn __repr__(&self) -> String {
        format!("<arcgis_layers.Layer {}>", self.layer.address())
    }
}

/// Opens a layer by its address, which may bring its token: `…/FeatureServer/0?token=…`.
///
/// `condition` is a `where` of SQL, `fields` the names of columns, `batch_rows` the most rows in a batch.
#[pyfunction]
#[pyo3(signature = (url, *, condition=None, fields=None, batch_rows=None))]
fn open(
    py: Python<'_>,
    url: &str,
    condition: Option<String>,
    fields: Option<Vec<String>>,
    batch_rows: Option<NonZeroUsize>,
) -> PyResult<Layer> {
    let mut query = Query::new();
    if let Some(condition) = condition {
        query = query.with_where(condition);
    }
    if let Some(fields) = fields {
        query = query.with_fields(fields);
    }
    let mut limits = BatchLimits::default();
    if let Some(rows) = batch_rows {
        limits = limits.with_rows(rows);
    }
    let url = url.parse().map_err(given)?;
    let (url, token) = Credentials::split_from(&url).map_err(given)?;
    let address = LayerAddress::from_url(&url).map_err(given)?;
    let mut client = ArcGisClient::builder();
    if let Some(token) = token {
        client = client.credentials(token);
    }
    let client = client.build().map_err(service)?;
    let runtime = runtime()?;
    let opening = arcgis_rest::Layer::open(Arc::new(client), address);
    let layer = py.detach(|| runtime.block_on(opening)).map_err(service)?;
    Ok(Layer {
        layer,
        query,
        limits,
    })
}

/// Layers of ArcGIS services, as Arrow tables.
#[pymodule]
mod arcgis_layers {
    #[pymodule_export]
    use super::{Layer, open};
}
