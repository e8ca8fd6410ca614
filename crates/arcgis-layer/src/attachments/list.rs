//! The attachments of some rows: all of them, however the server answers.

use std::collections::{BTreeMap, VecDeque};

use arcgis_auth_core::Request;
use serde_json::Value;

use super::attachment::{Attachment, whole};
use crate::decode::DecodeError;
use crate::error::Error;
use crate::layer::{Layer, missing};
use crate::metadata::document::Members;

/// Pages after which a server that goes on giving is no longer believed.
const MOST_PAGES: usize = 10_000;

/// One answer.
struct Answer {
    attachments: Vec<Attachment>,
    exceeded: bool,
}

/// The attachments of `ids`, by the ids of their rows.
pub(super) async fn of(layer: &Layer, ids: &[i64]) -> Result<Vec<Attachment>, Error> {
    let mut all = Vec::new();
    let mut parts = VecDeque::from([ids.to_vec()]);
    let counts = can(layer, "supportsQueryAttachmentsCountOnly");
    while let Some(part) = parts.pop_front() {
        if !can(layer, "supportsQueryAttachments") {
            for id in part {
                all.extend(of_row(layer, id).await?);
            }
            continue;
        }
        let (found, is_whole) = gather(layer, &part, counts).await?;
        match (is_whole, &part[..]) {
            (true, _) => all.extend(found),
            // The list of a single row is never given in pages.
            (false, [id]) => {
                let listed = of_row(layer, *id).await?;
                all.extend(if listed.len() >= found.len() {
                    listed
                } else {
                    found
                });
            }
            (false, several) => {
                let (one, other) = several.split_at(several.len() / 2);
                parts.push_front(other.to_vec());
                parts.push_front(one.to_vec());
            }
        }
    }
    all.sort_by_key(|attachment| (attachment.object_id, attachment.id));
    Ok(all)
}

/// Whether the layer says that it can do something.
pub(super) fn can(layer: &Layer, ability: &str) -> bool {
    let document = &layer.info().document;
    let of_queries = document.get("advancedQueryCapabilities");
    [
        of_queries.and_then(|queries| queries.get(ability)),
        document.get(ability),
    ]
    .into_iter()
    .flatten()
    .any(|value| value == &Value::Bool(true))
}

/// Pages until nothing new comes; and whether these are known to be all.
async fn gather(
    layer: &Layer,
    ids: &[i64],
    counts: bool,
) -> Result<(Vec<Attachment>, bool), Error> {
    let mut found = BTreeMap::new();
    let mut exceeded = false;
    for _ in 0..MOST_PAGES {
        let answer = page(layer, ids, found.len()).await?;
        let before = found.len();
        let came = answer.attachments.len();
        for attachment in answer.attachments {
            found.insert((attachment.object_id, attachment.id), attachment);
        }
        exceeded = answer.exceeded;
        // A page of nothing but old ones: the offset counts for nothing there, or that was all.
        if found.len() == before || (came == 0 && !exceeded) {
            break;
        }
    }
    let is_whole = if counts {
        count(layer, ids).await? == found.len() as u64
    } else {
        !exceeded
    };
    Ok((found.into_values().collect(), is_whole))
}

fn request(layer: &Layer, ids: &[i64]) -> Request {
    let mut url = layer.address().url().clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().push("queryAttachments");
    }
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    Request::read(url)
        .with_param("f", "json")
        .with_param("objectIds", ids.join(","))
}

async fn page(layer: &Layer, ids: &[i64], offset: usize) -> Result<Answer, Error> {
    let mut request = request(layer, ids);
    if offset > 0 {
        request = request.with_param("resultOffset", offset.to_string());
    }
    layer
        .ask(request, |top| {
            let groups = match top.get("attachmentGroups") {
                Some(Value::Array(groups)) => groups,
                // As for lists of ids, null is how servers say that there are none.
                Some(Value::Null) => {
                    return Ok(Answer {
                        attachments: Vec::new(),
                        exceeded: exceeded(top),
                    });
                }
                _ => return Err(missing(top, "attachmentGroups", "a list")),
            };
            let mut attachments = Vec::new();
            for group in groups.iter().filter_map(Members::of) {
                let parent = group.get_any_case("parentObjectId").and_then(whole);
                let Some(parent) = parent.filter(|parent| ids.contains(parent)) else {
                    return Err(malformed(
                        "a group of attachments of no row that was asked for",
                    ));
                };
                let global = group.get_any_case("parentGlobalId").and_then(Value::as_str);
                let infos = group.list("attachmentInfos").iter();
                for info in infos {
                    attachments.push(
                        Attachment::read(info, parent, global)
                            .ok_or_else(|| malformed("an attachment without a number"))?,
                    );
                }
            }
            Ok(Answer {
                attachments,
                exceeded: exceeded(top),
            })
        })
        .await
}

fn exceeded(top: Members<'_>) -> bool {
    top.flag("exceededTransferLimit") == Some(true)
}

fn malformed(problem: &str) -> DecodeError {
    DecodeError::Malformed {
        offset: 0,
        problem: problem.to_owned(),
    }
}

async fn count(layer: &Layer, ids: &[i64]) -> Result<u64, Error> {
    let request = request(layer, ids).with_param("returnCountOnly", "true");
    layer
        .ask(request, |top| {
            if let Some(count) = top
                .integer("count")
                .and_then(|count| u64::try_from(count).ok())
            {
                return Ok(count);
            }
            // Some count the attachments of each row.
            let groups = top.list("attachmentGroups").iter().filter_map(Members::of);
            let counts =
                groups.map(|group| group.integer("count").and_then(|n| u64::try_from(n).ok()));
            match counts.collect::<Option<Vec<u64>>>() {
                Some(counts) if top.has("attachmentGroups") => Ok(counts.iter().sum()),
                _ => Err(missing(top, "count", "a number")),
            }
        })
        .await
}

/// The list of one row, `…/<object id>/attachments`.
async fn of_row(layer: &Layer, id: i64) -> Result<Vec<Attachment>, Error> {
    let mut url = layer.address().url().clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments
            .pop_if_empty()
            .extend([&id.to_string(), "attachments"]);
    }
    let request = Request::read(url).with_param("f", "json");
    layer
        .ask(request, |top| match top.get("attachmentInfos") {
            Some(Value::Array(infos)) => {
                let infos = infos.iter().map(|info| Attachment::read(info, id, None));
                let all: Option<Vec<Attachment>> = infos.collect();
                all.ok_or_else(|| malformed("an attachment without a number"))
            }
            Some(Value::Null) => Ok(Vec::new()),
            _ => Err(missing(top, "attachmentInfos", "a list")),
        })
        .await
}
