//! What a server reckons a layer to hold, without looking.

use arcgis_auth_core::Request;

use crate::error::Error;
use crate::layer::Layer;
use crate::metadata::Extent;

/// What a server reckons a layer to hold: fast however large it is, and proof of nothing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Estimates {
    /// About how many rows there are, where the server says.
    pub count: Option<u64>,
    /// About where they are, where the server says.
    pub extent: Option<Extent>,
}

impl Layer {
    /// Asks for the server's own estimates of the whole layer (`getEstimates`,
    /// <https://developers.arcgis.com/rest/services-reference/enterprise/get-estimates-feature-service-layer/>).
    ///
    /// ```no_run
    /// # async fn example(layer: arcgis_layer::Layer) -> Result<(), arcgis_layer::Error> {
    /// if let Some(rows) = layer.estimates().await?.count {
    ///     println!("about {rows} rows");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Service`] if the server does not answer or answers with an error, as those do that have no estimates;
    /// [`Error::Answer`] if the answer is no object.
    pub async fn estimates(&self) -> Result<Estimates, Error> {
        let request = Request::read(self.address().estimates_url()).with_param("f", "json");
        self.ask(request, |top| {
            let count = top.integer("count");
            Ok(Estimates {
                count: count.and_then(|count| u64::try_from(count).ok()),
                extent: top.get("extent").and_then(Extent::from_json),
            })
        })
        .await
    }
}
