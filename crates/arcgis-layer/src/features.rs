//! A layer's rows as a stream of features.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use futures_util::future::{BoxFuture, FutureExt};

use crate::engine::Completion;
use crate::engine::FetchOptions;
use crate::engine::{FetchStats, Pages};
use crate::error::Error;
use crate::feature::{Feature, FeatureCollector};
use crate::layer::Layer;
use crate::query::Query;

/// The rows of a query as features, in the order of the object id. Made by [`Layer::features`].
///
/// The stream ends without an error only if every row has come once; otherwise its last item is the
/// error. Behind its end [`Features::completion`] says how that is known, and what came or went meanwhile.
pub struct Features {
    state: State,
    ready: std::vec::IntoIter<Feature>,
    completion: Option<Completion>,
    stats: FetchStats,
}

enum State {
    Idle(Box<Source>),
    Busy(BoxFuture<'static, Result<Step, Error>>),
    Done,
}

enum Source {
    Planned(Box<(Layer, Query, FetchOptions)>),
    Fetching(Box<Pages<FeatureCollector>>),
}

struct Step {
    features: Vec<Feature>,
    stats: FetchStats,
    /// Where the next features come from, or what is known at the end.
    next: Result<Box<Source>, Option<Completion>>,
}

impl Layer {
    /// The rows of `query` as features, in the order of the object id.
    ///
    /// Nothing is sent before the stream is polled, which has to be on a tokio runtime, and dropping it
    /// stops what is under way.
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
    /// println!("{:?}", features.completion());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn features(&self, query: Query) -> Features {
        self.features_with(query, FetchOptions::default())
    }

    /// As [`Layer::features`], with options of the caller's.
    #[must_use]
    pub fn features_with(&self, query: Query, options: FetchOptions) -> Features {
        Features {
            state: State::Idle(Box::new(Source::Planned(Box::new((
                self.clone(),
                query,
                options,
            ))))),
            ready: Vec::new().into_iter(),
            completion: None,
            stats: FetchStats::default(),
        }
    }
}

impl Features {
    /// Rows that are there already.
    pub(crate) fn of_rows(rows: Vec<Feature>) -> Self {
        Self {
            state: State::Done,
            ready: rows.into_iter(),
            completion: None,
            stats: FetchStats::default(),
        }
    }

    /// What is known at the end; `None` until the stream has ended without an error, and for rows that were asked for in a
    /// [`GeometryForm`](crate::GeometryForm).
    #[must_use]
    pub fn completion(&self) -> Option<&Completion> {
        self.completion.as_ref()
    }

    /// What the fetch has cost, as of the last page.
    #[must_use]
    pub fn stats(&self) -> FetchStats {
        self.stats
    }
}

async fn step(source: Source) -> Result<Step, Error> {
    let mut pages = match source {
        Source::Planned(start) => {
            let (layer, query, options) = *start;
            let query = query.resolve(layer.info())?;
            let plan = layer.plan(&query, &options).await?;
            let sink = FeatureCollector::new(Arc::clone(query.layout()));
            Box::new(layer.pages(plan, sink))
        }
        Source::Fetching(pages) => pages,
    };
    let page = pages.next().await?;
    let stats = pages.stats();
    Ok(match page {
        Some(page) => Step {
            features: page.page.into_features(&page.facts),
            stats,
            next: Ok(Box::new(Source::Fetching(pages))),
        },
        None => Step {
            features: Vec::new(),
            stats,
            next: Err(pages.completion().cloned()),
        },
    })
}

impl Stream for Features {
    type Item = Result<Feature, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(feature) = self.ready.next() {
                return Poll::Ready(Some(Ok(feature)));
            }
            match std::mem::replace(&mut self.state, State::Done) {
                State::Done => return Poll::Ready(None),
                State::Idle(source) => self.state = State::Busy(step(*source).boxed()),
                State::Busy(mut future) => match future.poll_unpin(context) {
                    Poll::Pending => {
                        self.state = State::Busy(future);
                        return Poll::Pending;
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                    Poll::Ready(Ok(step)) => {
                        self.stats = step.stats;
                        self.ready = step.features.into_iter();
                        match step.next {
                            Ok(source) => self.state = State::Idle(source),
                            Err(completion) => self.completion = completion,
                        }
                    }
                },
            }
        }
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Features")
            .field("stats", &self.stats)
            .field("completion", &self.completion)
            .finish_non_exhaustive()
    }
}
