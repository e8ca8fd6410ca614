//! A plan as bytes, so that a fetch can go on in another process.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::moment;
use super::options::FetchOptions;
use super::part::Part;
use super::plan::{PageCap, Plan, Source};
use super::strategy::Strategy;
use crate::error::Error;
use crate::format::{FormatChoice, PageFormat};
use crate::ids::IdSet;
use crate::layer::Layer;
use crate::query::ResolvedQuery;

/// How the bytes begin: what they are, and the version of what follows.
const MAGIC: &[u8; 16] = b"arcgis plan v01\n";

/// A [`Plan`] that can be kept: all that decides which rows the pages of a fetch hold, and in which order.
///
/// Made by [`Plan::checkpoint`]; [`Layer::plan_of`] makes the plan of it again, without a request, if layer
/// and query are still the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    head: Head,
    source: Source,
}

/// Everything but the ids, which are too many for JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Head {
    layer: String,
    /// The parameters of the query, in order.
    query: Vec<(String, String)>,
    limit: Option<u64>,
    /// Each column's name and type, and the geometry's.
    schema: Vec<(String, String)>,
    strategy: Strategy,
    reason: String,
    page_size: u32,
    choice: FormatChoice,
    format: PageFormat,
    cap: PageCap,
    format_reason: String,
    matching: u64,
    rows: u64,
    count_excess: u64,
    ambiguous_ids: bool,
    moment: Option<i64>,
    made_at: Option<i64>,
    last_edit: Option<i64>,
}

/// The part that is JSON.
#[derive(Debug, Serialize, Deserialize)]
struct Json {
    head: Head,
    known: Known,
}

/// How the rows are known, without the ids.
#[derive(Debug, Serialize, Deserialize)]
enum Known {
    Listed,
    Places,
    Parts(Vec<Part>),
}

/// Why a fetch cannot go on from a checkpoint: begin anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The bytes are no checkpoint, not whole, or of another version of this library.
    #[error("the checkpoint cannot be read: {problem}")]
    Unreadable {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// It is of another layer, of another query, or the layer's columns have changed.
    #[error("the checkpoint is of another {what}: {was} then, {is} now")]
    Differs {
        /// What differs: `layer`, `limit`, `format`, `column` or the name of a parameter of the query.
        what: String,
        /// What the checkpoint says.
        was: String,
        /// What is asked for now.
        is: String,
    },
    /// Pages were added in another order than they were handed out in.
    #[error("page {position} comes after a later one")]
    Order {
        /// The page's position.
        position: u64,
    },
}

impl Head {
    fn of(plan: &Plan) -> Self {
        let layer = plan.address.to_string();
        let mut asked = Self::asked(&layer, &plan.query, plan.options.format);
        if let Some(moment) = plan.moment.map(|moment| moment.to_string()) {
            // It is the plan's own.
            let is_ours = |name: &str, value: &str| name == "historicMoment" && value == moment;
            asked.query.retain(|(name, value)| !is_ours(name, value));
        }
        Self {
            strategy: plan.strategy,
            reason: plan.reason.clone(),
            page_size: plan.page_size,
            format: plan.format,
            cap: plan.cap,
            format_reason: plan.format_reason.clone(),
            matching: plan.matching,
            rows: plan.rows,
            count_excess: plan.count_excess,
            ambiguous_ids: plan.ambiguous_ids,
            moment: plan.moment,
            made_at: plan.made_at,
            last_edit: plan.last_edit,
            ..asked
        }
    }

    /// What is asked for: the part that has to be the same.
    fn asked(layer: &str, query: &ResolvedQuery, choice: FormatChoice) -> Self {
        let layout = query.layout();
        let mut schema: Vec<(String, String)> = layout
            .fields
            .iter()
            .map(|field| (field.name.clone(), field.field_type.to_string()))
            .collect();
        if let Some(object_id) = &layout.object_id {
            schema.push((object_id.name.clone(), "object id".to_owned()));
        }
        if let Some(geometry) = &layout.geometry {
            let kind = format!(
                "{:?} {:?} {}",
                geometry.kind, geometry.dims, geometry.spatial_reference
            );
            schema.push(("geometry".to_owned(), kind));
        }
        Self {
            layer: layer.to_owned(),
            query: query
                .params()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            limit: query.limit(),
            schema,
            choice,
            strategy: Strategy::Single,
            reason: String::new(),
            page_size: 0,
            format: PageFormat::Json,
            cap: PageCap::Usual,
            format_reason: String::new(),
            matching: 0,
            rows: 0,
            count_excess: 0,
            ambiguous_ids: false,
            moment: None,
            made_at: None,
            last_edit: None,
        }
    }

    /// The first thing in which `now` asks for something else.
    fn check(&self, now: &Self) -> Result<(), CheckpointError> {
        let differs = |what: &str, was: String, is: String| {
            Err(CheckpointError::Differs {
                what: what.to_owned(),
                was,
                is,
            })
        };
        let limit = |limit: Option<u64>| limit.map_or("none".to_owned(), |rows| rows.to_string());
        if self.layer != now.layer {
            return differs("layer", self.layer.clone(), now.layer.clone());
        }
        if self.limit != now.limit {
            return differs("limit", limit(self.limit), limit(now.limit));
        }
        if self.choice != now.choice {
            let (was, is) = (self.choice.to_string(), now.choice.to_string());
            return differs("format", was, is);
        }
        if let Some((name, was, is)) = difference(&self.query, &now.query) {
            return differs(&name, was, is);
        }
        match difference(&self.schema, &now.schema) {
            Some((name, was, is)) => {
                differs("column", format!("{name} {was}"), format!("{name} {is}"))
            }
            None => Ok(()),
        }
    }
}

type Pairs = [(String, String)];

/// The first name whose value is not the same in both, or that is not at the same place.
fn difference(was: &Pairs, is: &Pairs) -> Option<(String, String, String)> {
    let value = |pairs: &Pairs, name: &str| {
        let found = pairs.iter().find(|(known, _)| known == name);
        found.map_or("nothing".to_owned(), |(_, value)| value.clone())
    };
    let names = was.iter().chain(is).map(|(name, _)| name);
    for name in names {
        let (was, is) = (value(was, name), value(is, name));
        if was != is {
            return Some((name.clone(), was, is));
        }
    }
    let place = was.iter().zip(is).position(|(was, is)| was != is)?;
    let at = |pairs: &Pairs| {
        pairs
            .get(place)
            .map_or(String::new(), |pair| pair.0.clone())
    };
    Some(("order".to_owned(), at(was), at(is)))
}

impl Checkpoint {
    /// The checkpoint as bytes, with a checksum.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (known, ids) = match &self.source {
            Source::Listed(ids) => (Known::Listed, ids.to_bytes()),
            Source::Places => (Known::Places, Vec::new()),
            Source::Parts(parts) => (Known::Parts(parts.clone()), Vec::new()),
        };
        let json = Json {
            head: self.head.clone(),
            known,
        };
        // Texts and numbers alone: this does not fail.
        let json = serde_json::to_vec(&json).unwrap_or_default();
        let mut bytes = MAGIC.to_vec();
        bytes.extend((json.len() as u64).to_le_bytes());
        bytes.extend(json);
        bytes.extend(ids);
        bytes.extend(xxh3_64(&bytes).to_le_bytes());
        bytes
    }

    /// Reads what [`Checkpoint::to_bytes`] gave.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Unreadable`] for anything else, also for bytes that are not whole.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let unreadable = |problem| CheckpointError::Unreadable { problem };
        let rest = bytes
            .strip_prefix(MAGIC)
            .ok_or(unreadable("it is none, or of another version"))?;
        let (checked, sum) = bytes
            .split_last_chunk::<8>()
            .filter(|(checked, _)| checked.len() >= MAGIC.len() + 8)
            .ok_or(unreadable("it is not whole"))?;
        if xxh3_64(checked) != u64::from_le_bytes(*sum) {
            return Err(unreadable("it is not whole"));
        }
        let (length, rest) = rest
            .split_first_chunk::<8>()
            .ok_or(unreadable("it is not whole"))?;
        let rest = &rest[..rest.len().saturating_sub(8)];
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let (json, ids) = rest
            .split_at_checked(length)
            .ok_or(unreadable("it is not whole"))?;
        let json: Json =
            serde_json::from_slice(json).map_err(|_| unreadable("it is of another version"))?;
        let source = match json.known {
            Known::Listed => {
                Source::Listed(IdSet::from_bytes(ids).ok_or(unreadable("its ids are not whole"))?)
            }
            Known::Places => Source::Places,
            Known::Parts(parts) => Source::Parts(parts),
        };
        Ok(Self {
            head: json.head,
            source,
        })
    }

    /// A hash of it: the same for plans whose pages hold the same rows of the same layer in the same order.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut same = self.clone();
        // When it was made, and what was said of it, changes no page.
        (same.head.made_at, same.head.last_edit) = (None, None);
        same.head.reason.clear();
        same.head.format_reason.clear();
        xxh3_64(&same.to_bytes())
    }
}

impl Plan {
    /// What has to be kept so that a fetch can go on behind its last safe page.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            head: Head::of(self),
            source: self.source.clone(),
        }
    }

    /// A hash over layer, query, columns, ids and pages: see [`Checkpoint::fingerprint`].
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.checkpoint().fingerprint()
    }
}

impl Layer {
    /// The plan that a checkpoint was made of. Nothing is sent: the rows are those that were there when the plan
    /// was made. Page size and strategy are the checkpoint's, whatever the options say.
    ///
    /// # Errors
    ///
    /// [`Error::Checkpoint`] if layer, query, columns or format are not those of the checkpoint.
    pub fn plan_of(
        &self,
        query: &ResolvedQuery,
        options: &FetchOptions,
        checkpoint: &Checkpoint,
    ) -> Result<Plan, Error> {
        let head = &checkpoint.head;
        head.check(&Head::asked(
            &self.address().to_string(),
            query,
            options.format,
        ))?;
        let mut query = query.clone();
        if let Some(moment) = head.moment {
            query = moment::as_of(&query, moment);
        }
        Ok(Plan {
            address: self.address().clone(),
            layer_name: self.info().name.clone(),
            query,
            strategy: head.strategy,
            reason: head.reason.clone(),
            page_size: head.page_size.max(1),
            cap: head.cap,
            format: head.format,
            format_reason: head.format_reason.clone(),
            matching: head.matching,
            rows: head.rows,
            count_excess: head.count_excess,
            source: checkpoint.source.clone(),
            wanted: None,
            ambiguous_ids: head.ambiguous_ids,
            moment: head.moment,
            made_at: head.made_at,
            edit_field: self.info().edit_date_field.clone(),
            last_edit: head.last_edit,
            options: options.clone(),
            begun: Instant::now(),
            latency: None,
            rate: None,
        })
    }
}
