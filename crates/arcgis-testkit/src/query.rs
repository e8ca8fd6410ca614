//! The `query` operation.

mod esri_json;
mod filter;
mod found;
mod geojson;
mod ids;
pub(crate) mod page;
mod place;
mod quantized;
pub(crate) mod related;
mod stand_in;
mod statistics;
mod tally;

use serde_json::json;

use crate::answer::{Answer, EsriError};
use crate::geometry::Envelope;
use crate::parameters::Parameters;
use crate::pbf;
use crate::quirk::{Ability, Failure, Quirk};
use crate::store::Rows;
use crate::table::Table;
use crate::value::Value;

use filter::Filter;
use page::{Geometries, Page};

/// The parameters that `query` understands here. Others are ignored, as servers do, but logged.
pub(crate) const PARAMETERS: &[&str] = &[
    "f",
    "token",
    "where",
    "objectIds",
    "geometry",
    "geometryType",
    "inSR",
    "spatialRel",
    "outFields",
    "returnGeometry",
    "outSR",
    "returnZ",
    "returnM",
    "geometryPrecision",
    "maxAllowableOffset",
    "resultOffset",
    "resultRecordCount",
    "orderByFields",
    "returnCountOnly",
    "returnIdsOnly",
    "returnExtentOnly",
    "returnDistinctValues",
    "outStatistics",
    "groupByFieldsForStatistics",
    "having",
    "havingClause",
    "historicMoment",
    "resultType",
    "maxRecordCountFactor",
    "time",
    "distance",
    "units",
    "returnTrueCurves",
    "uniqueIds",
    "returnUniqueIdsOnly",
    "returnCentroid",
    "returnEnvelope",
    "quantizationParameters",
];

/// What a fault does to a page of features.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PageDamage {
    pub(crate) lose: Option<usize>,
    pub(crate) double: Option<usize>,
    pub(crate) empty: bool,
    /// The rows that remain, and whether the flag tells.
    pub(crate) short: Option<(usize, bool)>,
    pub(crate) count: i64,
    pub(crate) lose_id: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    GeoJson,
    Pbf,
}

type Outcome<T> = Result<T, EsriError>;

/// Answers a query. `request` counts the requests of the service; it seeds the quirks that shuffle.
pub(crate) fn answer(
    table: &Table,
    parameters: &Parameters,
    format: Format,
    request: u64,
    damage: PageDamage,
) -> Outcome<Answer> {
    if !table.is_queryable() {
        return Err(EsriError::unsupported());
    }
    refuse_what_is_missing(table, parameters)?;
    let rows = match historic_moment(table, parameters)? {
        Some(moment) => table.read_at(moment),
        None => table.read(),
    };
    let filter = Filter::parse(table, parameters)?;
    if flag(parameters, "returnCountOnly", false)? && !flag(parameters, "returnExtentOnly", false)?
    {
        return count(table, &rows, &filter, parameters, format, damage);
    }
    if flag(parameters, "returnIdsOnly", false)? {
        return ids::object_ids(table, &rows, &filter, parameters, request, format, damage);
    }
    if flag(parameters, "returnUniqueIdsOnly", false)? {
        return ids::unique_ids(table, &rows, &filter, parameters, request);
    }
    if flag(parameters, "returnExtentOnly", false)? {
        return extent(table, &rows, &filter, parameters, format);
    }
    if parameters.filled("outStatistics").is_some() {
        if format == Format::Pbf {
            return Err(EsriError::parameter(
                "'outStatistics' is not supported with the format pbf",
            ));
        }
        return statistics::answer(table, &rows, &filter, parameters);
    }
    let page = Page::select(table, &rows, &filter, parameters, format, request, damage)?;
    if let Some(failure) = page.failure(parameters) {
        return Ok(failed(failure));
    }
    let (body, written) = match format {
        Format::Json => esri_json::write(&page),
        Format::GeoJson => geojson::write(&page),
        Format::Pbf => pbf::features(&page),
    };
    let too_long = table.quirk(|quirk| match quirk {
        Quirk::TooManyBytes(most, failure) if body.len() > most => Some(failure),
        _ => None,
    });
    if let Some(failure) = too_long {
        return Ok(failed(failure));
    }
    let mut answer = match format {
        Format::Json => Answer::json(body),
        Format::GeoJson => Answer::new(200, "application/geo+json; charset=utf-8", body),
        Format::Pbf => Answer::new(200, pbf::CONTENT_TYPE, body),
    };
    answer.rows = Some(written);
    Ok(answer)
}

fn refuse_what_is_missing(table: &Table, parameters: &Parameters) -> Outcome<()> {
    let asks = |name: &str| parameters.filled(name).is_some();
    if !table.can(Ability::Pagination) && (asks("resultOffset") || asks("resultRecordCount")) {
        return Err(EsriError::new(400, "Pagination is not supported."));
    }
    if !table.can(Ability::OrderBy) && asks("orderByFields") {
        return Err(EsriError::parameter(
            "'orderByFields' parameter is not supported",
        ));
    }
    if !table.can(Ability::Statistics) && asks("outStatistics") {
        return Err(EsriError::parameter(
            "'outStatistics' parameter is not supported",
        ));
    }
    if !table.can(Ability::Distinct) && flag(parameters, "returnDistinctValues", false)? {
        return Err(EsriError::parameter(
            "'returnDistinctValues' parameter is not supported",
        ));
    }
    if !table.can(Ability::Extent) && flag(parameters, "returnExtentOnly", false)? {
        return Err(EsriError::parameter(
            "'returnExtentOnly' parameter is not supported",
        ));
    }
    if !table.can(Ability::StatisticsPagination)
        && asks("outStatistics")
        && (asks("resultOffset") || asks("resultRecordCount"))
    {
        return Err(EsriError::new(400, "Pagination is not supported."));
    }
    if !table.can(Ability::Ids) && flag(parameters, "returnIdsOnly", false)? {
        return Err(EsriError::parameter(
            "'returnIdsOnly' parameter is not supported",
        ));
    }
    if !table.can(Ability::Having) && (asks("having") || asks("havingClause")) {
        return Err(EsriError::parameter(
            "'havingClause' parameter is not supported",
        ));
    }
    Ok(())
}

/// The moment that is asked about; without archiving the parameter means nothing.
fn historic_moment(table: &Table, parameters: &Parameters) -> Outcome<Option<u64>> {
    let late = table.quirk(|quirk| match quirk {
        Quirk::LateHistory(seconds) => Some(seconds.saturating_mul(1000)),
        _ => None,
    });
    parameters
        .filled("historicMoment")
        .filter(|_| table.layer.options.archives && !table.has_quirk(Quirk::IgnoresHistoricMoment))
        .map(|text| {
            text.parse()
                .map(|moment: u64| moment.saturating_sub(late.unwrap_or(0)))
                .map_err(|_| EsriError::invalid("historicMoment"))
        })
        .transpose()
}

fn failed(failure: Failure) -> Answer {
    let text = "Error performing query operation";
    match failure {
        Failure::Status(status) => Answer::html(status, "Error", text),
        Failure::Body => EsriError::new(500, text).answer(200),
    }
}

fn count(
    table: &Table,
    rows: &Rows,
    filter: &Filter,
    parameters: &Parameters,
    format: Format,
    damage: PageDamage,
) -> Outcome<Answer> {
    let mut found = filter.find(rows);
    if flag(parameters, "returnDistinctValues", false)? {
        let fields = page::out_fields(table, parameters)?;
        page::keep_distinct(rows, &mut found, &fields);
    }
    let wrong = table.quirk(|quirk| match quirk {
        Quirk::WrongCount(difference) => Some(difference),
        _ => None,
    });
    let difference = isize::try_from(wrong.unwrap_or(0).saturating_add(damage.count)).unwrap_or(0);
    let count = found.len().saturating_add_signed(difference);
    Ok(match format {
        Format::Pbf => Answer::new(200, pbf::CONTENT_TYPE, pbf::count(count)),
        Format::Json | Format::GeoJson => Answer::json(json!({"count": count}).to_string()),
    })
}

fn extent(
    table: &Table,
    rows: &Rows,
    filter: &Filter,
    parameters: &Parameters,
    format: Format,
) -> Outcome<Answer> {
    let found = filter.find(rows);
    let out = Geometries::parse(table, parameters, Format::Json)?
        .ok_or_else(|| EsriError::invalid("returnExtentOnly"))?;
    let envelope = match rows.formula() {
        // All computed rows: nobody looks at them.
        Some(generated) if found.len() == rows.len() => Some(generated.extent),
        _ => found
            .iter()
            .filter_map(|at| Envelope::of(rows.get(at)?.geometry.as_ref()?.vertices()))
            .reduce(|a, b| a.union(&b)),
    };
    let envelope = envelope.map(|envelope| out.projection.apply_to_envelope(envelope));
    let counted = flag(parameters, "returnCountOnly", false)?;
    if format == Format::Pbf {
        let rows = counted.then_some(found.len());
        let body = pbf::extent(envelope, out.spatial_reference, rows);
        return Ok(Answer::new(200, pbf::CONTENT_TYPE, body));
    }
    let mut body = Vec::new();
    body.extend_from_slice(b"{");
    if counted {
        body.extend_from_slice(format!("\"count\":{},", found.len()).as_bytes());
    }
    body.extend_from_slice(b"\"extent\":{");
    let sides = envelope.map_or([f64::NAN; 4], |envelope| {
        [envelope.xmin, envelope.ymin, envelope.xmax, envelope.ymax]
    });
    for (name, side) in ["xmin", "ymin", "xmax", "ymax"].into_iter().zip(sides) {
        body.extend_from_slice(format!("\"{name}\":").as_bytes());
        crate::value::write_f64(side, false, &mut body);
        body.push(b',');
    }
    body.extend_from_slice(
        format!(
            "\"spatialReference\":{}}}}}",
            out.spatial_reference.esri_json()
        )
        .as_bytes(),
    );
    Ok(Answer::json(body))
}

/// A yes or no parameter.
pub(crate) fn flag(parameters: &Parameters, name: &str, default: bool) -> Outcome<bool> {
    match parameters.filled(name) {
        None => Ok(default),
        Some(value) if value.eq_ignore_ascii_case("true") || value == "1" => Ok(true),
        Some(value) if value.eq_ignore_ascii_case("false") || value == "0" => Ok(false),
        Some(_) => Err(EsriError::invalid(name)),
    }
}

fn whole_number(parameters: &Parameters, name: &str) -> Outcome<Option<usize>> {
    parameters
        .filled(name)
        .map(|text| text.parse().map_err(|_| EsriError::invalid(name)))
        .transpose()
}

fn field_index(table: &Table, name: &str, parameter: &str) -> Outcome<usize> {
    let position = table
        .layer
        .fields
        .iter()
        .position(|field| field.name().eq_ignore_ascii_case(name));
    position.ok_or_else(|| {
        EsriError::parameter(format!("'Invalid field: {name}' parameter is invalid"))
            .with_detail(format!("'{parameter}' parameter is invalid"))
    })
}

/// `A, B DESC` as positions and whether they descend; `position` finds a name.
fn order_terms(
    text: &str,
    mut position: impl FnMut(&str) -> Outcome<usize>,
) -> Outcome<Vec<(usize, bool)>> {
    text.split(',')
        .map(|term| {
            let mut words = term.split_whitespace();
            let name = words
                .next()
                .ok_or_else(|| EsriError::invalid("orderByFields"))?;
            let descending = match (words.next(), words.next()) {
                (None, None) => false,
                (Some(word), None) if word.eq_ignore_ascii_case("asc") => false,
                (Some(word), None) if word.eq_ignore_ascii_case("desc") => true,
                _ => return Err(EsriError::invalid("orderByFields")),
            };
            Ok((position(name)?, descending))
        })
        .collect()
}

fn compare_by(terms: &[(usize, bool)], a: &[Value], b: &[Value]) -> std::cmp::Ordering {
    for &(at, descending) in terms {
        if let (Some(left), Some(right)) = (a.get(at), b.get(at)) {
            let order = left.order(right);
            if order.is_ne() {
                return if descending { order.reverse() } else { order };
            }
        }
    }
    std::cmp::Ordering::Equal
}
