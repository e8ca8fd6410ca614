//! What there is to export, and what of it is left out.

use std::collections::HashSet;
use std::sync::Arc;

use arcgis_layer::arcgis_auth_core::Transport;
use arcgis_layer::{Crawl, CrawlEntry, LayerAddress, LayerEntry, ResourceAddress};
use futures_util::StreamExt as _;

use super::index::{Earlier, IndexedLayer, LayerStatus, Unread};
use super::pattern::Pattern;
use super::selection::{LayerSelection, decoded, service_kind};
use crate::file_names::FileNames;

/// What a server lists, as far as it is wanted.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) layers: Vec<Surveyed>,
    pub(super) unread: Vec<Unread>,
    /// The addresses of all layers that there are, and whether they are wanted.
    pub(super) listed: Vec<(String, bool)>,
    /// The addresses of all that did not answer, wanted or not.
    pub(super) silent: Vec<String>,
    /// Patterns that stand for nothing that there is.
    pub(super) idle: Vec<Pattern>,
    /// Why there is nothing at all, where the way in is barred.
    pub(super) barred: bool,
}

/// A layer that is wanted.
#[derive(Debug)]
pub(super) struct Surveyed {
    pub(super) entry: LayerEntry,
    /// Its address; none for what a server lists under a number that no address has.
    pub(super) address: Option<LayerAddress>,
    /// The layer that it is taken along with, since rows of that one belong to its own.
    pub(super) related_to: Option<String>,
    /// Why it is left out.
    pub(super) left_out: Option<String>,
    /// The file, unless it is left out.
    pub(super) file: Option<String>,
}

impl Survey {
    /// Asks what there is below `root`. Layers that have a file in `kept` are wanted too.
    pub(super) async fn of(
        transport: &Arc<dyn Transport>,
        root: &ResourceAddress,
        selection: &LayerSelection,
        kept: Option<&Earlier>,
    ) -> Self {
        let has_file = |layer: &LayerEntry| {
            let before = kept.and_then(|kept| kept.layer(&layer.url));
            before.is_some_and(IndexedLayer::has_file)
        };
        let mut survey = Self::default();
        let mut entries = Crawl::new(Arc::clone(transport)).entries(root.clone());
        let (mut listed, mut others) = (Vec::new(), 0_usize);
        while let Some(entry) = entries.next().await {
            match entry {
                CrawlEntry::Layer(layer) => listed.push(layer),
                CrawlEntry::Folder(folder) => {
                    others += 1;
                    let name = folder.name.as_deref().unwrap_or_default();
                    survey.note(folder.error.as_deref(), name, &folder.url, selection);
                }
                CrawlEntry::Service(service) => {
                    others += 1;
                    survey.note(
                        service.error.as_deref(),
                        &service.name,
                        &service.url,
                        selection,
                    );
                }
                _ => {}
            }
        }
        survey.barred = listed.is_empty() && others == 1 && !survey.unread.is_empty();
        survey.idle = selection.idle(&listed);
        let urls: Vec<String> = listed.iter().map(|layer| layer.url.clone()).collect();
        survey.layers = selection
            .choose(listed, has_file)
            .into_iter()
            .map(|(entry, related_to)| Surveyed::new(entry, related_to))
            .collect();
        let wanted: HashSet<&str> = survey
            .layers
            .iter()
            .map(|layer| &*layer.entry.url)
            .collect();
        survey.listed = urls
            .into_iter()
            .map(|url| (url.clone(), wanted.contains(&*url)))
            .collect();
        survey.leave_out_twins();
        survey
    }

    fn note(&mut self, error: Option<&str>, name: &str, url: &str, selection: &LayerSelection) {
        let Some(problem) = error else {
            return;
        };
        self.silent.push(url.to_owned());
        if name.is_empty() || selection.may_select_below(name, url) {
            self.unread.push(Unread::new(url, problem));
        }
    }

    /// Map services show what feature services of the same name have: a layer of the same number and name is
    /// exported once, from the feature service.
    fn leave_out_twins(&mut self) {
        let of_features: HashSet<(String, u32, String)> = self
            .layers
            .iter()
            .filter(|layer| layer.left_out.is_none() && layer.entry.error.is_none())
            .filter(|layer| service_kind(&layer.entry) == "FeatureServer")
            .map(|layer| key(&layer.entry))
            .collect();
        for layer in &mut self.layers {
            let is_twin = layer.left_out.is_none()
                && service_kind(&layer.entry) == "MapServer"
                && of_features.contains(&key(&layer.entry));
            if is_twin {
                let feature = layer
                    .entry
                    .url
                    .replacen("/MapServer/", "/FeatureServer/", 1);
                layer.left_out = Some(format!("it is the same as {feature}"));
            }
        }
    }

    /// Gives each layer its file: that of an earlier index, if there is one.
    pub(super) fn name_files(
        &mut self,
        root: &ResourceAddress,
        extension: &str,
        earlier: Option<&Earlier>,
    ) {
        let mut names = FileNames::without(["index", "catalog"]);
        let before = |url: &str| {
            let file = earlier?.layer(url)?.file.clone()?;
            file.ends_with(&format!(".{extension}")).then_some(file)
        };
        // Those of layers that are gone stay theirs.
        let all = earlier.iter().flat_map(|earlier| &earlier.index.layers);
        for file in all.filter_map(|layer| layer.file.as_deref()) {
            names.take(file);
        }
        let wanted = |layer: &&mut Surveyed| layer.left_out.is_none();
        for layer in self.layers.iter_mut().filter(wanted) {
            layer.file = before(&layer.entry.url);
        }
        let folder = match root {
            ResourceAddress::Directory(directory) => directory.folder().map(decoded),
            _ => None,
        };
        let one_service = !matches!(root, ResourceAddress::Directory(_));
        for layer in self.layers.iter_mut().filter(wanted) {
            if layer.file.is_some() {
                continue;
            }
            let service = decoded(&layer.entry.service);
            let mut parts: Vec<String> = service.split('/').map(str::to_owned).collect();
            if one_service {
                parts.clear();
            } else if parts.len() > 1 && parts.first() == folder.as_ref() {
                parts.remove(0);
            }
            let file = names.give(&parts, &layer.entry.name, layer.entry.id, extension);
            layer.file = Some(file);
        }
    }
}

fn key(entry: &LayerEntry) -> (String, u32, String) {
    (entry.service.clone(), entry.id, entry.name.clone())
}

impl Surveyed {
    fn new(entry: LayerEntry, related_to: Option<String>) -> Self {
        let left_out = if entry.error.is_some() {
            None
        } else {
            without_rows(&entry)
        };
        Self {
            address: LayerAddress::parse(&entry.url).ok(),
            related_to,
            left_out,
            entry,
            file: None,
        }
    }

    /// The layer as it stands in an index before its turn.
    pub(super) fn indexed(&self) -> IndexedLayer {
        IndexedLayer {
            service: decoded(&self.entry.service),
            id: self.entry.id,
            name: self.entry.name.clone(),
            kind: self.entry.kind.clone(),
            url: self.entry.url.clone(),
            status: match self.left_out {
                Some(_) => LayerStatus::Skipped,
                None => LayerStatus::Pending,
            },
            problem: self.left_out.clone(),
            related_to: self.related_to.clone(),
            file: self.file.clone(),
            geometry_type: self.entry.geometry_type.clone(),
            ..IndexedLayer::default()
        }
    }
}

/// Why a layer has no rows that can be had, by what it says of itself.
fn without_rows(entry: &LayerEntry) -> Option<String> {
    if entry.queryable != Some(false) {
        return None;
    }
    let kind = entry.kind.to_ascii_lowercase();
    Some(if kind.contains("group") {
        "it is a group of layers, without rows of its own".to_owned()
    } else if kind.contains("raster") {
        "it has pixels and no rows".to_owned()
    } else {
        "its owner does not allow queries, or it has no fields".to_owned()
    })
}
