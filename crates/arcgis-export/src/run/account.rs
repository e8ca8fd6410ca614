//! What is said of an export: in footers, in the report, to spools.

use arcgis_layer::arcgis_auth_core::{Url, redact_url};

use super::Run;
use crate::provenance::{Provenance, schema_hash};
use crate::report::{FetchReport, ProofReport, QueryReport, Report, spatial_reference};
use crate::spool::SpoolPlan;

impl Run {
    fn source(&self) -> String {
        redact_url(self.layer.address().url())
    }

    /// The address that asks for the rows, with all that decides which they are and how they look.
    fn query_url(&self) -> Url {
        let request = self.query.page_request(self.layer.address());
        let shape = [
            "outFields",
            "returnGeometry",
            "outSR",
            "datumTransformation",
            "maxAllowableOffset",
            "geometryPrecision",
            "multipatchOption",
        ];
        let mut url = self.layer.address().query_url();
        url.query_pairs_mut()
            .append_pair("where", self.query.where_clause())
            .extend_pairs(self.query.filter_params())
            .extend_pairs(
                shape
                    .iter()
                    .filter_map(|name| Some((name, request.param(name)?))),
            );
        Url::parse(&redact_url(&url)).unwrap_or_else(|_| self.layer.address().query_url())
    }

    pub(super) fn spool_plan(&self) -> SpoolPlan {
        let plan = self.pages.plan();
        SpoolPlan {
            schema: self.schema.clone(),
            source: self.source(),
            query: self.query_url().into(),
            destination: self.place.clone(),
            object_id: self.query.object_id().map(str::to_owned),
            rows: plan.rows(),
            pages: plan.pages(),
            page_size: plan.page_size(),
            strategy: plan.strategy(),
            format: plan.format(),
        }
    }

    /// What is known of completeness.
    fn proof(&self) -> Option<ProofReport> {
        let completion = self.completion.as_ref()?;
        Some(ProofReport::new(self.pages.plan(), completion))
    }

    /// The ids of rows that were left out, if any were.
    fn skipped(&self) -> Option<String> {
        let skipped = &self.completion.as_ref()?.skipped;
        let ids = skipped.iter().take(ProofReport::MOST_IDS);
        let ids: Vec<i64> = ids.map(|row| row.object_id).collect();
        (!ids.is_empty()).then(|| serde_json::Value::from(ids).to_string())
    }

    pub(crate) fn provenance(&self) -> Provenance {
        let info = self.info();
        Provenance {
            source: Some(self.source()),
            layer: Some(info.name.clone()),
            layer_id: Some(info.id),
            query: Some(self.query_url().into()),
            filter_parts: Some(self.query.parts() as u64).filter(|parts| *parts > 1),
            limit: self.query.limit(),
            spatial_reference: self
                .schema
                .geometry_name()
                .map(|_| spatial_reference(&self.schema)),
            out_sr: self
                .query
                .page_request(self.layer.address())
                .param("outSR")
                .map(str::to_owned),
            schema_hash: Some(schema_hash(&self.schema)),
            last_edit: self.state.last_edit(),
            server_generation: self.state.server_generation(),
            options: self.options.clone(),
            partition: None,
            coordinates: self.tally.sums.coordinates.clone(),
            time_zone: info.date_time_zone.clone(),
            proof: self.proof().map(|proof| proof.level),
            skipped: self.skipped(),
            copyright: info
                .copyright_text
                .clone()
                .filter(|text| !text.trim().is_empty()),
            retrieved: Some(self.retrieved),
        }
    }

    pub(crate) fn report(&self) -> Report {
        let mut report = self.tally.report(self.notes.clone());
        report.source = Some(self.source());
        report.layer = Some(self.info().name.clone());
        report.query = Some(QueryReport::from((&self.query, self.query_url())));
        report.object_id_field = self.query.object_id().map(str::to_owned);
        report.schema_hash = Some(schema_hash(&self.schema));
        report.last_edit = self.state.last_edit();
        report.server_generation = self.state.server_generation();
        report.proof = self.proof();
        report.resumed = self.resumed.clone();
        report.fetch = Some(FetchReport::new(
            self.pages.plan(),
            self.seen,
            self.time_budget,
        ));
        report
    }
}
