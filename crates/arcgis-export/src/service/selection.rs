//! Which layers of a service, a folder or a server.

use arcgis_layer::LayerEntry;

use super::pattern::Pattern;

/// Which layers and tables are exported: those that an *include* stands for, or all where there is none, without
/// those that an *exclude* stands for.
///
/// A [`Pattern`] stands for a layer if it matches one of these, percent-encoding taken off:
///
/// | | such as |
/// |---|---|
/// | its name | `Deep wells` |
/// | its number | `3` |
/// | its service, with the folder | `Water/Wells` |
/// | both | `Water/Wells/Deep wells` |
/// | the address behind `…/rest/services/` | `Water/Wells/FeatureServer/3`, `Water/Wells/FeatureServer` |
///
/// So `Water/*` is a whole folder, `*/MapServer/*` everything of map services, and `*_old` what is called so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct LayerSelection {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

impl LayerSelection {
    /// All layers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only what this stands for, or an earlier *include*.
    pub fn with_include(mut self, pattern: Pattern) -> Self {
        self.include.push(pattern);
        self
    }

    /// Not what this stands for.
    pub fn with_exclude(mut self, pattern: Pattern) -> Self {
        self.exclude.push(pattern);
        self
    }

    /// Whether the layer is among them.
    #[must_use]
    pub fn selects(&self, layer: &LayerEntry) -> bool {
        let names = names(layer);
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| stands(pattern, &names));
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }

    /// Whether a service or folder that cannot be read may hold layers that are wanted.
    pub(super) fn may_select_below(&self, name: &str, url: &str) -> bool {
        let name = decoded(name);
        let kind = url
            .trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or_default();
        let own = [name.clone(), format!("{name}/{kind}")];
        let stands = |pattern: &Pattern| own.iter().any(|name| pattern.matches(name));
        let below = format!("{name}/");
        // The bare name or number of a layer may be anywhere.
        let may = |pattern: &Pattern| {
            stands(pattern) || !pattern.has_slash() || pattern.may_match_below(&below)
        };
        (self.include.is_empty() || self.include.iter().any(may))
            && !self.exclude.iter().any(stands)
    }

    /// The patterns that stand for none of these: typing errors, mostly.
    pub(super) fn idle(&self, layers: &[LayerEntry]) -> Vec<Pattern> {
        let all: Vec<[String; 6]> = layers.iter().map(names).collect();
        self.include
            .iter()
            .chain(&self.exclude)
            .filter(|pattern| !all.iter().any(|names| stands(pattern, names)))
            .cloned()
            .collect()
    }
}

fn stands(pattern: &Pattern, names: &[String; 6]) -> bool {
    names.iter().any(|name| pattern.matches(name))
}

/// What a layer may be called.
fn names(layer: &LayerEntry) -> [String; 6] {
    let service = decoded(&layer.service);
    let kind = service_kind(layer);
    [
        layer.name.clone(),
        layer.id.to_string(),
        format!("{service}/{}", layer.name),
        format!("{service}/{kind}"),
        format!("{service}/{kind}/{}", layer.id),
        service,
    ]
}

/// `FeatureServer` or `MapServer`.
pub(super) fn service_kind(layer: &LayerEntry) -> &str {
    let path = layer.url.trim_end_matches('/');
    path.rsplit('/').nth(1).unwrap_or_default()
}

/// A piece of a path without its percent-encoding.
pub(super) fn decoded(path: &str) -> String {
    let escaped = path
        .replace('+', "%2B")
        .replace('&', "%26")
        .replace('=', "%3D");
    arcgis_layer::arcgis_auth_core::url::form_urlencoded::parse(escaped.as_bytes())
        .next()
        .map_or_else(String::new, |(name, _)| name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap()
    }

    #[test]
    fn percent_encoding_is_taken_off() {
        assert_eq!(decoded("Water%20supply/A+B%2FC"), "Water supply/A+B/C");
        assert_eq!(decoded("a&b=c"), "a&b=c");
        assert_eq!(decoded(""), "");
    }

    #[test]
    fn nothing_said_is_everything() {
        let all = LayerSelection::new();
        assert!(all.idle(&[]).is_empty());
        let one = all.with_include(pattern("a")).with_exclude(pattern("b"));
        assert_eq!(one.idle(&[]), [pattern("a"), pattern("b")]);
    }
}
