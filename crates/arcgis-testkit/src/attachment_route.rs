//! Answers about attachments.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value as Json, json};

use crate::answer::{Answer, EsriError};
use crate::attachment::Attachment;
use crate::parameters::Parameters;
use crate::query::flag;
use crate::quirk::{Ability, Quirk};
use crate::table::Table;

/// Attachments in one answer, unless a quirk says less.
const CAP: usize = 1000;

pub(crate) const PARAMETERS: &[&str] = &[
    "f",
    "token",
    "objectIds",
    "definitionExpression",
    "resultOffset",
    "resultRecordCount",
    "returnCountOnly",
    "returnMetadata",
    "returnUrl",
];

/// `queryAttachments`.
pub(crate) fn query(table: &Table, parameters: &Parameters) -> Result<Answer, EsriError> {
    if !table.can(Ability::QueryAttachments) {
        return Err(EsriError::unsupported());
    }
    let number = |name: &str| match parameters.filled(name) {
        None => Ok(None),
        Some(text) => text
            .trim()
            .parse::<usize>()
            .map(Some)
            .map_err(|_| EsriError::invalid(name)),
    };
    let ids = parameters
        .filled("objectIds")
        .ok_or_else(|| EsriError::invalid("objectIds"))?;
    let ids: Vec<i64> = ids
        .split(',')
        .map(|id| id.trim().parse())
        .collect::<Result<_, _>>()
        .map_err(|_| EsriError::invalid("objectIds"))?;
    let mut found: Vec<&(i64, usize, Attachment)> = table
        .layer
        .options
        .attachments
        .iter()
        .filter(|(row, _, _)| ids.contains(row))
        .collect();
    found.sort_by_key(|(row, id, _)| (*row, *id));
    if flag(parameters, "returnCountOnly", false)? {
        if !table.can(Ability::CountAttachments) {
            return Err(EsriError::invalid("returnCountOnly"));
        }
        return Ok(Answer::json(json!({"count": found.len()}).to_string()));
    }
    let quirk = |wanted: fn(&Quirk) -> Option<usize>| table.layer.quirks.iter().find_map(wanted);
    let cap = quirk(|quirk| match quirk {
        Quirk::AttachmentCap(most) => Some(*most),
        _ => None,
    });
    let ignores = table.layer.quirks.contains(&Quirk::IgnoresAttachmentOffset);
    let silent = table.layer.quirks.contains(&Quirk::NeverExceeded);
    let offset = if ignores {
        0
    } else {
        number("resultOffset")?.unwrap_or(0)
    };
    let most = number("resultRecordCount")?
        .unwrap_or(CAP)
        .min(cap.unwrap_or(CAP));
    let rest = found.get(offset.min(found.len())..).unwrap_or_default();
    let page = rest.get(..most.min(rest.len())).unwrap_or_default();
    let mut groups: BTreeMap<i64, Vec<Json>> = BTreeMap::new();
    for (row, id, attachment) in page {
        groups
            .entry(*row)
            .or_default()
            .push(attachment.describe(*id));
    }
    let groups: Vec<Json> = groups
        .into_iter()
        .map(|(row, infos)| json!({"parentObjectId": row, "attachmentInfos": infos}))
        .collect();
    let mut document = json!({"fields": [], "attachmentGroups": groups});
    if page.len() < rest.len() && !silent {
        if let Some(members) = document.as_object_mut() {
            members.insert("exceededTransferLimit".to_owned(), json!(true));
        }
    }
    Ok(Answer::json(document.to_string()))
}

/// `…/<object id>/attachments`.
pub(crate) fn of_row(table: &Table, row: i64) -> Answer {
    let infos: Vec<Json> = table
        .layer
        .options
        .attachments
        .iter()
        .filter(|(parent, _, _)| *parent == row)
        .map(|(_, id, attachment)| attachment.describe(*id))
        .collect();
    Answer::json(json!({"attachmentInfos": infos}).to_string())
}

/// `…/<object id>/attachments/<id>`: the file.
pub(crate) fn content(
    table: &Table,
    row: i64,
    id: usize,
    headers: &HeaderMap,
) -> Result<Answer, EsriError> {
    let mut all = table.layer.options.attachments.iter();
    let (_, _, attachment) = all
        .find(|(parent, own, _)| (*parent, *own) == (row, id))
        .ok_or_else(|| EsriError::new(404, "Attachment not found"))?;
    let content = &attachment.content;
    let from: Option<usize> = headers
        .get(header::RANGE)
        .filter(|_| table.can(Ability::AttachmentRanges))
        .and_then(|range| {
            range
                .to_str()
                .ok()?
                .strip_prefix("bytes=")?
                .strip_suffix('-')?
                .parse()
                .ok()
        });
    let Some(from) = from else {
        return Ok(Answer::new(200, attachment.content_type, content.clone()));
    };
    let length = content.len();
    let (status, range, part) = if from < length {
        let range = format!("bytes {from}-{}/{length}", length - 1);
        (206, range, content.slice(from..))
    } else {
        (416, format!("bytes */{length}"), bytes::Bytes::new())
    };
    let mut answer = Answer::new(status, attachment.content_type, part);
    if let Ok(range) = HeaderValue::from_str(&range) {
        answer.headers.insert(header::CONTENT_RANGE, range);
    }
    Ok(answer)
}
