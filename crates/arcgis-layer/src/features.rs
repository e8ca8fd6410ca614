//! A layer's rows as a stream of features.

use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt};

use crate::error::Error;
use crate::feature::{Feature, FeatureCollector};
use crate::layer::Layer;
use crate::pages::Pages;
use crate::plan::FetchOptions;
use crate::query::Query;

enum State {
    Planned(Box<(Layer, Query, FetchOptions)>),
    Fetching(Box<Pages<FeatureCollector>>),
    Done,
}

impl Layer {
    /// The rows of `query` as features, in the order of the object id.
    ///
    /// The stream ends without an error only if every row has come once; otherwise its last item is
    /// the error. Nothing is sent before it is polled, which has to be on a tokio runtime, and
    /// dropping it stops what is under way.
    ///
    /// ```no_run
    /// use arcgis_layer::{Layer, Query};
    /// use futures_util::TryStreamExt;
    ///
    /// # async fn example(layer: Layer) -> Result<(), arcgis_layer::Error> {
    /// let mut features = layer.features(Query::new().with_where("POP > 1000000"));
    /// while let Some(feature) = features.try_next().await? {
    ///     println!("{:?} {:?}", feature.get("NAME"), feature.geometry);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn features(&self, query: Query) -> BoxStream<'static, Result<Feature, Error>> {
        self.features_with(query, FetchOptions::default())
    }

    /// As [`Layer::features`], with options of the caller's.
    #[must_use]
    pub fn features_with(
        &self,
        query: Query,
        options: FetchOptions,
    ) -> BoxStream<'static, Result<Feature, Error>> {
        let start = State::Planned(Box::new((self.clone(), query, options)));
        stream::unfold(start, |state| async move {
            match step(state).await {
                Ok((features, next)) => Some((features.into_iter().map(Ok).collect(), next)),
                Err(None) => None,
                Err(Some(error)) => Some((vec![Err(error)], State::Done)),
            }
        })
        .flat_map(stream::iter)
        .boxed()
    }
}

/// The next page's features, or `Err(None)` at the proven end.
async fn step(state: State) -> Result<(Vec<Feature>, State), Option<Error>> {
    let mut pages = match state {
        State::Planned(start) => {
            let (layer, query, options) = *start;
            let query = query
                .resolve(layer.info())
                .map_err(|error| Some(error.into()))?;
            let plan = layer.plan(&query, &options).await.map_err(Some)?;
            let sink = FeatureCollector::new(Arc::clone(query.layout()));
            Box::new(layer.pages(plan, sink))
        }
        State::Fetching(pages) => pages,
        State::Done => return Err(None),
    };
    match pages.next().await.map_err(Some)? {
        Some(page) => Ok((page.page.into_features(&page.facts), State::Fetching(pages))),
        None => Err(None),
    }
}
