use serde_json::{Value as Json, json};

use crate::address::Addresses;
use crate::answer::EsriError;

/// An item of the portal: `…/sharing/rest/content/items/<id>`, and its data under `…/data`.
///
/// ```
/// use arcgis_testkit::Item;
/// use serde_json::json;
///
/// let towns = Item::new("0123456789abcdef0123456789abcdef", "Feature Service", "Towns").with_url("{services}/towns/FeatureServer");
/// let map = Item::new("fedcba9876543210fedcba9876543210", "Web Map", "A map of towns")
///     .with_data(json!({"operationalLayers": [{"id": "1", "title": "Towns", "url": "{services}/towns/FeatureServer/0"}]}));
/// # let _ = (towns, map);
/// ```
#[derive(Debug, Clone)]
pub struct Item {
    pub(crate) id: String,
    kind: String,
    title: String,
    url: Option<String>,
    data: Option<Json>,
    pub(crate) is_private: bool,
}

impl Item {
    /// An item of this type (`Feature Service`, `Web Map` …), open to all.
    #[must_use]
    pub fn new(id: impl Into<String>, kind: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            kind: kind.into(),
            title: title.into(),
            url: None,
            data: None,
            is_private: false,
        }
    }

    /// Sets the URL that the item leads to. `{origin}` stands for the service's own origin, `{services}` for its directory of services.
    #[must_use]
    pub fn with_url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// Sets the item's data. In its texts `{origin}` and `{services}` stand for what they do in the [URL](Self::with_url).
    #[must_use]
    pub fn with_data(mut self, data: Json) -> Self {
        self.data = Some(data);
        self
    }

    /// Shows the item to those only who bring a token.
    #[must_use]
    pub fn private(mut self) -> Self {
        self.is_private = true;
        self
    }

    pub(crate) fn describe(&self, addresses: &Addresses) -> Json {
        json!({
            "id": self.id,
            "owner": "publisher",
            "title": self.title,
            "type": self.kind,
            "typeKeywords": [],
            "url": self.url.as_ref().map(|url| filled(url, addresses)),
            "access": if self.is_private { "private" } else { "public" },
            "spatialReference": null,
        })
    }

    /// The data as text; empty where there are none, as portals answer.
    pub(crate) fn data(&self, addresses: &Addresses) -> String {
        self.data
            .as_ref()
            .map(|data| filled(&data.to_string(), addresses))
            .unwrap_or_default()
    }

    /// Whether each word of a search is in the title, the type or the id; `type:` before a word says where.
    fn matches(&self, words: &[String]) -> bool {
        let text = format!("{} {} {}", self.title, self.kind, self.id).to_lowercase();
        words.iter().all(|word| match word.strip_prefix("type:") {
            Some(kind) => self.kind.to_lowercase().contains(kind),
            None => text.contains(word.as_str()),
        })
    }
}

fn filled(text: &str, addresses: &Addresses) -> String {
    text.replace(
        "{services}",
        &format!("{}/rest/services", addresses.server_root()),
    )
    .replace("{origin}", &addresses.origin)
}

pub(crate) fn no_such_item() -> EsriError {
    EsriError::new(400, "Item does not exist or is inaccessible.")
}

/// `search`: pages of at most 100 items, counted from 1.
pub(crate) fn search(
    items: &[&Item],
    addresses: &Addresses,
    query: &str,
    start: usize,
    number: usize,
) -> Json {
    let words = words(&query.to_lowercase());
    let found: Vec<&&Item> = items.iter().filter(|item| item.matches(&words)).collect();
    let (start, number) = (start.max(1), number.min(100));
    let results: Vec<Json> = found
        .iter()
        .skip(start - 1)
        .take(number)
        .map(|item| item.describe(addresses))
        .collect();
    let end = start - 1 + results.len();
    let next = i64::try_from(end + 1)
        .ok()
        .filter(|_| end < found.len())
        .unwrap_or(-1);
    json!({"query": query, "total": found.len(), "start": start, "num": results.len(), "nextStart": next, "results": results})
}

/// Words, and what stands in quotes together: `type:"feature service" towns`.
fn words(query: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in query.chars() {
        if letter == '"' {
            quoted = !quoted;
        } else if letter.is_whitespace() && !quoted {
            words.push(String::new());
        } else if let Some(word) = words.last_mut() {
            word.push(letter);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
