//! Rows that a server cannot serve, however it is asked.

use std::fmt;
use std::sync::Arc;

use arcgis_auth_core::Request;
use serde::{Deserialize, Serialize};

use super::fetch::Fetcher;
use super::proof::Incomplete;
use crate::decode::{DecodeContext, decode_json};
use crate::error::Error;
use crate::feature::FeatureCollector;
use crate::geometry::GeometryType;
use crate::ids::IdSet;
use crate::literal::object_id_range;
use crate::second_chance::{is_about_size, send};
use crate::sink::{PageFacts, PageSink};

/// Other rows that are asked for before a row is held to be what the server breaks down over.
const WITNESSES: usize = 2;

/// A row that the server breaks down over, and what was tried to find out why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SkippedRow {
    /// Its object id.
    pub object_id: i64,
    /// What the server said, without secrets.
    pub error: String,
    /// Whether it comes without its geometry: then it is the geometry that the server breaks down over.
    pub without_geometry: bool,
    /// Whether it comes with a simplified geometry.
    pub generalized: bool,
}

impl fmt::Display for SkippedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "object id {}: {}", self.object_id, self.error)?;
        match (self.without_geometry, self.generalized) {
            (_, true) => f.write_str(" (it comes with a simplified geometry)"),
            (true, false) => f.write_str(" (it comes without its geometry)"),
            (false, false) => Ok(()),
        }
    }
}

/// Whether an error that a request for one row ended in would have been about the size of more: then it is
/// perhaps the row that the server breaks down over.
pub(crate) fn is_about_the_row(request: &Request, error: &Error) -> bool {
    is_about_size(&request.clone().with_rows(2), error)
}

impl<S: PageSink> Fetcher<S> {
    /// A row was asked for alone, and the server broke down. Is it the row, or the server?
    ///
    /// # Errors
    ///
    /// `error` again if the server breaks down over other rows too; [`Error::Incomplete`] unless rows may be skipped.
    pub(crate) async fn skip(&self, object_id: i64, error: Error) -> Result<SkippedRow, Error> {
        let layer = self.layer.address();
        let Some(column) = &self.layout.object_id else {
            return Err(error);
        };
        let request = |id: i64| {
            let within = object_id_range(&column.name, id, id);
            let request = self.plan.query.page_request_within(layer, &within);
            request.with_rows(1)
        };
        let mut others = self
            .plan
            .query
            .page_request_within(layer, &format!("{} <> {object_id}", column.name));
        if self.layer.info().advanced.pagination != Some(false) {
            others = others.with_param("resultRecordCount", "1");
        }
        let others = others.with_rows(1);
        let one = request(object_id);
        let shape = self.layout.geometry.as_ref().map(|geometry| geometry.kind);
        let mut without_geometry = false;
        let mut generalized = false;
        if shape.is_some() {
            let bare = one.clone().with_param("returnGeometry", "false");
            without_geometry = self.has_row(bare, object_id).await;
        }
        if matches!(shape, Some(GeometryType::Polyline | GeometryType::Polygon)) {
            let coarse = one.with_param("maxAllowableOffset", self.coarse().to_string());
            generalized = self.has_row(coarse, object_id).await;
        }
        if !without_geometry
            && !generalized
            && !self.serves_others(object_id, request, others).await
        {
            return Err(error);
        }
        let skipped = SkippedRow {
            object_id,
            error: error.to_string(),
            without_geometry,
            generalized,
        };
        tracing::warn!(layer = %layer, object_id, error = %skipped.error, "the server cannot serve a row");
        if self.plan.options.allow_skips {
            return Ok(skipped);
        }
        Err(Error::Incomplete(Box::new(Incomplete {
            expected: self.plan.rows,
            received: self
                .observed
                .all_delivered()
                .iter()
                .map(|(_, rows)| rows)
                .sum(),
            missing: IdSet::from_iter([object_id]),
            doubled: IdSet::new(),
            detail: Some(format!("the server cannot serve {skipped}")),
        })))
    }

    /// Whether the server gives a row apart from this one: without a witness, it is the server. Where ids are not
    /// listed, that is a row that came before, or `any` other.
    async fn serves_others(
        &self,
        object_id: i64,
        request: impl Fn(i64) -> Request,
        any: Request,
    ) -> bool {
        let mut others: Vec<i64> = match self.plan.ids() {
            Some(ids) => {
                let places = [0, ids.len() / 2, ids.len().saturating_sub(1)];
                places.iter().filter_map(|place| ids.nth(*place)).collect()
            }
            None => self.witness().into_iter().collect(),
        };
        others.retain(|other| *other != object_id);
        others.dedup();
        for other in others.into_iter().take(WITNESSES) {
            if self.has_row(request(other), other).await {
                return true;
            }
        }
        let given = match self.plan.ids() {
            Some(_) => None,
            None => self.given(any).await,
        };
        given.is_some_and(|facts| facts.ids.iter().any(|id| *id != object_id))
    }

    async fn has_row(&self, request: Request, object_id: i64) -> bool {
        let given = self.given(request).await;
        given.is_some_and(|facts| facts.ids.contains(&object_id))
    }

    /// What is known of the rows that come for a request; `None` if no answer can be had.
    async fn given(&self, request: Request) -> Option<PageFacts> {
        let body = send(&**self.layer.transport(), &request).await.ok()?;
        let mut page = FeatureCollector::new(Arc::new(self.layout.clone())).page(1);
        decode_json(&body, &DecodeContext::new(&self.layout), &mut page).ok()
    }

    /// A distance that leaves little of a geometry: a thousandth of the layer's extent.
    fn coarse(&self) -> f64 {
        let extent = self.layer.info().extent.as_ref();
        let size = extent.map_or(0.0, |extent| {
            let bbox = &extent.bbox;
            (bbox.xmax - bbox.xmin).max(bbox.ymax - bbox.ymin)
        });
        if size.is_finite() && size > 0.0 {
            size / 1000.0
        } else {
            1.0
        }
    }
}
