//! What a service says of an attachment.

use serde::Serialize;
use serde_json::Value;

use crate::metadata::document::Members;

/// A file that belongs to a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Attachment {
    /// The object id of the row.
    pub object_id: i64,
    /// The number of the attachment, which is its own among those of the row.
    pub id: i64,
    /// The name of the file, as somebody gave it: not one to write to without a look.
    pub name: String,
    /// The type of its contents, such as `image/jpeg`.
    pub content_type: Option<String>,
    /// Its size in bytes, as the service says.
    pub size: Option<u64>,
    /// The global id of the row.
    pub parent_global_id: Option<String>,
    /// Its own global id.
    pub global_id: Option<String>,
    /// Words that go with it.
    pub keywords: Option<String>,
}

impl Attachment {
    /// Reads one entry of `attachmentInfos`; `None` for what has no number.
    pub(super) fn read(entry: &Value, object_id: i64, parent: Option<&str>) -> Option<Self> {
        let entry = Members::of(entry)?;
        let text = |names: &[&str]| {
            let mut texts = names
                .iter()
                .filter_map(|name| entry.get_any_case(name)?.as_str());
            texts
                .find(|text| !text.trim().is_empty())
                .map(str::to_owned)
        };
        let number = |names: &[&str]| {
            let mut numbers = names
                .iter()
                .filter_map(|name| whole(entry.get_any_case(name)?));
            numbers.next()
        };
        let id = number(&["id", "attachmentId", "attId"])?;
        Some(Self {
            object_id,
            id,
            name: text(&["name", "attName", "att_name"]).unwrap_or_else(|| id.to_string()),
            content_type: text(&["contentType", "content_type"]),
            size: number(&["size", "dataSize", "data_size"])
                .and_then(|size| u64::try_from(size).ok()),
            parent_global_id: parent
                .map(str::to_owned)
                .or_else(|| text(&["parentGlobalId"])),
            global_id: text(&["globalId"]),
            keywords: text(&["keywords"]),
        })
    }
}

/// A whole number, also one that is written as text.
pub(super) fn whole(value: &Value) -> Option<i64> {
    value.as_str().map_or_else(
        || crate::metadata::document::integer(value),
        |text| text.trim().parse().ok(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_are_read_in_every_spelling() {
        let entry = json!({"id": 5, "globalId": "{A}", "name": "roof.jpg", "contentType": "image/jpeg",
            "size": 1024, "keywords": ""});
        let read = Attachment::read(&entry, 7, Some("{P}")).unwrap();
        assert_eq!((read.object_id, read.id, read.size), (7, 5, Some(1024)));
        assert_eq!(read.name, "roof.jpg");
        assert_eq!(read.parent_global_id.as_deref(), Some("{P}"));
        assert_eq!(
            (read.global_id.as_deref(), read.keywords),
            (Some("{A}"), None)
        );
        let entry =
            json!({"ATTACHMENTID": "6", "ATT_NAME": "a", "DATA_SIZE": 3.0, "CONTENT_TYPE": null});
        let read = Attachment::read(&entry, 7, None).unwrap();
        assert_eq!((read.id, read.size, read.content_type), (6, Some(3), None));
        let nameless = Attachment::read(&json!({"id": 6, "size": -1}), 7, None).unwrap();
        assert_eq!((nameless.name.as_str(), nameless.size), ("6", None));
        for bad in [
            json!({"name": "x"}),
            json!([]),
            json!(null),
            json!({"id": "x"}),
        ] {
            assert_eq!(Attachment::read(&bad, 7, None), None);
        }
    }
}
