//! Which layers of a service, a folder or a server.

use std::collections::HashMap;

use arcgis_layer::LayerEntry;
use serde::{Deserialize, Serialize};

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
///
/// [With related layers](Self::with_related) an *include* stands for those too whose rows belong to rows of what it stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[must_use]
pub struct LayerSelection {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    include: Vec<Pattern>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exclude: Vec<Pattern>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    related: bool,
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

    /// Whether to take, beside what an *include* stands for, the layers and tables of the same service that are related to
    /// it, those related to these, and so on: what it takes to join the rows of the files. Excludes hold for them too. Default: no.
    pub fn with_related(mut self, related: bool) -> Self {
        self.related = related;
        self
    }

    /// Whether it is all layers.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }

    /// Whether a pattern takes the layer, regardless of its relationships.
    #[must_use]
    pub fn selects(&self, layer: &LayerEntry) -> bool {
        let names = names(layer);
        (self.include.is_empty() || any(&self.include, &names)) && !any(&self.exclude, &names)
    }

    /// Which of these are taken, in their order, each with the name of the one that it is taken along with; and those that
    /// `also` says.
    pub(super) fn choose(
        &self,
        layers: Vec<LayerEntry>,
        also: impl Fn(&LayerEntry) -> bool,
    ) -> Vec<(LayerEntry, Option<String>)> {
        let mut because: Vec<Option<Option<String>>> = layers
            .iter()
            .map(|layer| self.selects(layer).then_some(None))
            .collect();
        if self.related {
            let places: HashMap<(&str, u32), usize> = layers
                .iter()
                .enumerate()
                .filter_map(|(place, layer)| Some(((service_url(layer)?, layer.id), place)))
                .collect();
            let mut reached: Vec<usize> = (0..layers.len())
                .filter(|place| matches!(because.get(*place), Some(Some(_))))
                .collect();
            // What is reached grows meanwhile, by each layer once.
            let mut next = 0;
            while let Some(layer) = reached.get(next).and_then(|place| layers.get(*place)) {
                next += 1;
                let Some(service) = service_url(layer) else {
                    continue;
                };
                for related in &layer.related {
                    let Some(&place) = places.get(&(service, *related)) else {
                        continue;
                    };
                    let (Some(other), Some(taken)) = (layers.get(place), because.get_mut(place))
                    else {
                        continue;
                    };
                    if taken.is_none() && !any(&self.exclude, &names(other)) {
                        *taken = Some(Some(layer.name.clone()));
                        reached.push(place);
                    }
                }
            }
        }
        let chosen = layers.into_iter().zip(because);
        chosen
            .filter_map(|(layer, because)| {
                let because = because.or_else(|| also(&layer).then_some(None))?;
                Some((layer, because))
            })
            .collect()
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

fn any(patterns: &[Pattern], names: &[String; 6]) -> bool {
    patterns.iter().any(|pattern| stands(pattern, names))
}

/// The address of a layer's service.
fn service_url(layer: &LayerEntry) -> Option<&str> {
    let (service, _) = layer.url.trim_end_matches('/').rsplit_once('/')?;
    Some(service)
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
