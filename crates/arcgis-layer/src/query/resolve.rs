//! A query against the metadata of a layer: what fits, and what does not.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Query, SqlFormat, bbox, condition, fields, parameter, resolved, unsupported};
use crate::error::QueryError;
use crate::filter::{Condition, identifier};
use crate::form::GeometryForm;
use crate::geometry::{Dimensions, GeometryType};
use crate::layout::{GeometryLayout, Layout};
use crate::metadata::LayerInfo;
use crate::query::ResolvedQuery;

/// Ids in one `IN`.
const LONGEST_LIST: usize = 1000;

impl Query {
    /// Checks the query against a layer. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`QueryError`] for whatever does not fit the layer.
    pub fn resolve(&self, info: &LayerInfo) -> Result<ResolvedQuery, QueryError> {
        if self.geometry_form.is_some() {
            return crate::form::refused(
                "centroids, envelopes and positions on a grid are for a look at a few rows (head, sample); here the geometry comes as it is",
            );
        }
        self.resolve_look(info)
    }

    /// As [`Query::resolve`], for rows of which a few are looked at, in whatever form.
    pub(crate) fn resolve_look(&self, info: &LayerInfo) -> Result<ResolvedQuery, QueryError> {
        self.typed()?.resolve_typed(info)
    }

    fn resolve_typed(&self, info: &LayerInfo) -> Result<ResolvedQuery, QueryError> {
        parameter::check(
            &self.params,
            self.bbox.is_some() || self.spatial.is_some(),
            self.time.is_some(),
            info,
        )?;
        let fields = fields::select(info, self.fields.as_deref(), &self.excluded_fields)?;
        let geometry = self.geometry(info)?;
        if fields.is_empty() && geometry.is_none() {
            return Err(QueryError::Nothing);
        }
        let has_geometry = geometry.is_some();
        let mut layout = Layout::new(fields);
        if let Some(name) = &info.object_id_field {
            layout = layout.with_object_id(name);
        }
        layout.fingerprint = layout.object_id.is_none();
        layout.geometry = geometry;

        let by_itself = self
            .geometry_form
            .as_ref()
            .is_none_or(GeometryForm::is_geometry);
        let mut shape = resolved::columns(&layout, by_itself);
        shape.extend(self.geometry_params(info, &layout)?);
        self.check_geometry_options(info, has_geometry)?;
        let (mut filter, parts) = self.filter(info)?;
        filter.extend(
            self.sent
                .iter()
                .chain(&self.params)
                .map(|(name, value)| (Cow::Owned(name.clone()), value.clone())),
        );
        Ok(ResolvedQuery {
            layout: Arc::new(layout),
            condition: self.condition(info)?,
            limit: self.limit,
            filter,
            parts: parts.into(),
            shape,
            form: self.geometry_form.clone(),
        })
    }

    fn condition(&self, info: &LayerInfo) -> Result<String, QueryError> {
        let mut all = condition::ALL.to_owned();
        for part in &self.conditions {
            all = condition::and(&all, &condition::checked(&part.to_sql(info)?)?);
        }
        if let Some(ids) = &self.object_ids {
            let Some(name) = &info.object_id_field else {
                return unsupported("object ids", "the layer has none");
            };
            all = condition::and(&all, &listed(&identifier(name), ids));
        }
        if let Some(ids) = &self.unique_ids {
            let fields = info
                .unique_id
                .as_ref()
                .map(|unique| unique.fields.as_slice());
            let Some(fields) = fields.filter(|fields| !fields.is_empty()) else {
                return unsupported(
                    "unique ids",
                    "the layer names no fields of which they are made (uniqueIdInfo)",
                );
            };
            all = condition::and(&all, &unique(info, fields, ids)?);
        }
        Ok(all)
    }

    /// What selects rows beside the condition: parameters of every request, and those of the parts of the geometry.
    fn filter(
        &self,
        info: &LayerInfo,
    ) -> Result<(resolved::Params, Vec<resolved::Params>), QueryError> {
        let mut filter = resolved::Params::new();
        let mut parts = Vec::new();
        let spatial = match (self.bbox.map(bbox::filter).transpose()?, &self.spatial) {
            (Some(_), Some(_)) => {
                return unsupported(
                    "bbox",
                    "there is a spatial filter beside it; give one of them",
                );
            }
            (Some(_), None) if info.geometry_type.is_none() => {
                return unsupported("bbox", "the layer has no geometry");
            }
            (Some(filter), None) => Some(Cow::Owned(filter)),
            (None, Some(filter)) => Some(Cow::Borrowed(filter)),
            (None, None) => None,
        };
        if let Some(spatial) = spatial {
            let mut all = spatial.params(info)?;
            match all.len() {
                1 => filter.append(&mut all.remove(0)),
                _ if info.object_id_field.is_none() => {
                    let option = match self.bbox {
                        Some(_) => "bbox",
                        None => "spatial_filter",
                    };
                    return unsupported(
                        option,
                        format!(
                            "its {} parts are asked for one by one, and without object ids nothing tells which rows are in several of them",
                            all.len()
                        ),
                    );
                }
                _ => parts = all,
            }
        }
        let mut add = |name: &'static str, value: String| filter.push((name.into(), value));
        // Without it servers refuse every query of such a layer.
        let unknown_zone = "timeReferenceUnknownClient";
        let given = |name: &str| {
            self.params
                .iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(name))
        };
        if info.dates_in_unknown_time_zone && !given(unknown_zone) {
            add(unknown_zone, "true".into());
        }
        if let Some(time) = self.time {
            time.check(info)?;
            add("time", time.to_string());
        }
        if let Some(version) = &self.gdb_version {
            if info.is_versioned == Some(false) {
                return unsupported(
                    "gdb_version",
                    "the layer's data have no versions (isDataVersioned): the rows would be those of any other query",
                );
            }
            add("gdbVersion", version.clone());
        }
        if let Some(moment) = self.historic_moment {
            if info.advanced.historic_moment == Some(false) {
                return unsupported(
                    "historic_moment",
                    "the layer keeps no archive that could be asked (supportsQueryWithHistoricMoment)",
                );
            }
            let begins = info.archive_start.unwrap_or(i64::MIN);
            if moment.as_millisecond() < begins {
                let begins = Timestamp::from_millisecond(begins).unwrap_or(moment);
                return unsupported(
                    "historic_moment",
                    format!("the layer's archive begins at {begins} (startArchivingMoment)"),
                );
            }
            add("historicMoment", moment.as_millisecond().to_string());
        }
        if let Some(format) = self.sql_format {
            let name = match format {
                SqlFormat::Standard => "standard",
                SqlFormat::Native => "native",
            };
            add("sqlFormat", name.into());
        }
        if let Some(expressions) = &self.full_text {
            if info.advanced.full_text != Some(true) {
                return unsupported(
                    "full_text",
                    "the layer does not say that it searches texts (supportsFullTextSearch)",
                );
            }
            if expressions.as_array().is_none_or(Vec::is_empty) {
                return unsupported(
                    "full_text",
                    "it is a list of expressions, each an object with onFields and searchTerm",
                );
            }
            add("fullText", expressions.to_string());
        }
        for (name, value) in self.prepared_filters(info)? {
            add(name, value);
        }
        if self.cache_hint {
            if info.advanced.cache_hint == Some(false) {
                return unsupported(
                    "cache_hint",
                    "the layer does not take it (supportsQueryWithCacheHint)",
                );
            }
            add("cacheHint", "true".into());
        }
        if let Some(level) = self.level_of_detail {
            if info.advanced.level_of_detail != Some(true) {
                return unsupported(
                    "level_of_detail",
                    "the layer does not say that it has levels of detail (supportsLod)",
                );
            }
            if !(1..=12).contains(&level) {
                return unsupported("level_of_detail", "levels are from 1 to 12");
            }
            add("lod", level.to_string());
            if let Some(kind) = info.level_of_detail_types.first() {
                add("lodType", kind.clone());
            }
        }
        Ok((filter, parts))
    }

    fn check_geometry_options(&self, info: &LayerInfo, asked: bool) -> Result<(), QueryError> {
        let options = [
            ("out_sr", self.out_sr.is_some()),
            ("max_allowable_offset", self.max_allowable_offset.is_some()),
            ("geometry_precision", self.geometry_precision.is_some()),
            ("datum_transformation", self.datum_transformation.is_some()),
            ("multipatch_footprint", self.multipatch_footprint),
            ("geometry_form", self.geometry_form.is_some()),
        ];
        for (option, given) in options {
            if given && !asked {
                let problem = if info.geometry_type.is_none() {
                    "the layer has no geometry"
                } else {
                    "no geometry is asked for"
                };
                return unsupported(option, problem);
            }
        }
        if self
            .max_allowable_offset
            .is_some_and(|distance| !(distance.is_finite() && distance > 0.0))
        {
            return unsupported("max_allowable_offset", "it must be a number above 0");
        }
        if self.geometry_precision.is_some_and(|digits| digits > 15) {
            return unsupported(
                "geometry_precision",
                "no coordinate has more than 15 digits behind the point",
            );
        }
        if self.datum_transformation.is_some() {
            if self.out_sr.is_none() {
                return unsupported(
                    "datum_transformation",
                    "it is the way to another reference system; use it beside the option out_sr",
                );
            }
            if info.advanced.datum_transformation == Some(false) {
                return unsupported(
                    "datum_transformation",
                    "the layer does not take it (supportsQueryWithDatumTransformation)",
                );
            }
        }
        let replaced = self
            .geometry_form
            .as_ref()
            .is_some_and(|form| !form.is_geometry());
        if replaced && (self.max_allowable_offset.is_some() || self.geometry_precision.is_some()) {
            return crate::form::refused(
                "what comes in place of the geometry is neither simplified nor rounded; leave the options max_allowable_offset and geometry_precision out",
            );
        }
        if self.multipatch_footprint && info.geometry_type != Some(GeometryType::Multipatch) {
            return unsupported("multipatch_footprint", "the layer holds no multipatches");
        }
        Ok(())
    }

    fn geometry_params(
        &self,
        info: &LayerInfo,
        layout: &Layout,
    ) -> Result<resolved::Params, QueryError> {
        let mut params = resolved::Params::new();
        let Some(geometry) = &layout.geometry else {
            return Ok(params);
        };
        let mut add = |name: &'static str, value: String| params.push((name.into(), value));
        // Always said: what servers do without it differs, and some then send other coordinates in PBF.
        let vertical = self
            .out_sr
            .as_ref()
            .filter(|asked| asked.vcs_wkid.or(asked.latest_vcs_wkid).is_some());
        if let Some(asked) = vertical {
            add("outSR", asked.to_json().to_string());
        } else if let Some(reference) = geometry.spatial_reference.to_param() {
            add("outSR", reference);
        }
        if geometry.dims.has_z() {
            add("returnZ", "true".into());
        }
        if geometry.dims.has_m() {
            add("returnM", "true".into());
        }
        if let Some(form) = &self.geometry_form {
            let (name, value) = form.param();
            add(name, value);
        }
        if info.advanced.true_curve == Some(true) {
            add("returnTrueCurves", "false".into());
        }
        if self.multipatch_footprint {
            add("multipatchOption", "xyFootprint".into());
        }
        if let Some(transformation) = &self.datum_transformation {
            add("datumTransformation", transformation.clone());
        }
        if let Some(distance) = self.max_allowable_offset {
            add("maxAllowableOffset", distance.to_string());
        }
        if let Some(digits) = self.geometry_precision {
            add("geometryPrecision", digits.to_string());
        }
        Ok(params)
    }

    /// What geometry comes back; `None` if none does.
    fn geometry(&self, info: &LayerInfo) -> Result<Option<GeometryLayout>, QueryError> {
        if self.without_geometry {
            return Ok(None);
        }
        if let Some(name) = &info.unknown_geometry_type {
            return unsupported(
                "geometry",
                format!("the layer's kind of geometry, {name}, is not known; leave geometry out"),
            );
        }
        let Some(mut kind) = info.geometry_type else {
            return Ok(None);
        };
        let mut dims = Dimensions::new(info.has_z, info.has_m);
        if kind == GeometryType::Multipatch {
            if !self.multipatch_footprint {
                return unsupported(
                    "geometry",
                    "multipatches are not decoded; leave geometry out, or use the option multipatch_footprint",
                );
            }
            (kind, dims) = (GeometryType::Polygon, Dimensions::Xy);
        }
        if let Some(form) = &self.geometry_form {
            (kind, dims) = form.of(kind, dims, info)?;
        }
        let spatial_reference = match &self.out_sr {
            Some(asked) if asked.to_param().is_none() => {
                return unsupported("out_sr", "it names no reference system");
            }
            Some(asked) => asked.clone(),
            None => info.spatial_reference.clone(),
        };
        Ok(Some(GeometryLayout {
            kind,
            dims,
            spatial_reference,
        }))
    }
}

/// The rows with one of the ids.
pub(crate) fn listed(name: &str, ids: &[i64]) -> String {
    if ids.is_empty() {
        return "1=0".to_owned();
    }
    let lists: Vec<String> = ids
        .chunks(LONGEST_LIST)
        .map(|chunk| {
            let ids: Vec<String> = chunk.iter().map(i64::to_string).collect();
            format!("{name} IN ({})", ids.join(","))
        })
        .collect();
    lists.join(" OR ")
}

fn unique(info: &LayerInfo, fields: &[String], ids: &[Vec<String>]) -> Result<String, QueryError> {
    if let Some(id) = ids.iter().find(|id| id.len() != fields.len()) {
        return unsupported(
            "unique ids",
            format!(
                "an id has {} values, where the layer's are made of {}: {}",
                id.len(),
                fields.len(),
                fields.join(", ")
            ),
        );
    }
    let value = |field: &str, text: &str| -> Result<crate::Literal<'static>, QueryError> {
        let number = fields::find(info, field)?.field_type.is_integer();
        match text.trim().parse::<i64>() {
            Ok(number_value) if number => Ok(number_value.into()),
            _ if number => unsupported(
                "unique ids",
                format!("{field} holds numbers, which {text} is none of"),
            ),
            _ => Ok(text.to_owned().into()),
        }
    };
    let condition = match fields {
        [field] => {
            let values: Result<Vec<_>, QueryError> = ids
                .iter()
                .flatten()
                .map(|text| value(field, text))
                .collect();
            Condition::one_of(field.clone(), values?)
        }
        _ => {
            let rows: Result<Vec<Condition>, QueryError> = ids
                .iter()
                .map(|id| {
                    let all: Result<Vec<Condition>, QueryError> = fields
                        .iter()
                        .zip(id)
                        .map(|(field, text)| {
                            Ok(Condition::equal(field.clone(), value(field, text)?))
                        })
                        .collect();
                    Ok(Condition::all(all?))
                })
                .collect();
            Condition::any(rows?)
        }
    };
    condition.to_sql(info)
}
