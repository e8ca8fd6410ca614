//! How the rows of exported layers belong to each other.

use std::collections::HashMap;

use arcgis_layer::{Cardinality, LayerInfo};

use super::index::{IndexedRelationship, ServiceIndex};

/// The relationships of a layer, without the files of the others.
pub(super) fn relationships(info: &LayerInfo) -> Vec<IndexedRelationship> {
    let all = info.relationships.iter();
    all.map(|relationship| IndexedRelationship {
        id: relationship.id,
        name: relationship.name.clone(),
        related_id: relationship.related_table_id,
        related_file: None,
        cardinality: match relationship.cardinality {
            Cardinality::OneToOne => Some("one-to-one".to_owned()),
            Cardinality::OneToMany => Some("one-to-many".to_owned()),
            Cardinality::ManyToMany => Some("many-to-many".to_owned()),
            _ => None,
        },
        is_origin: relationship.is_origin,
        key_field: relationship.key_field.clone(),
        related_key_field: None,
    })
    .collect()
}

/// Names the files and columns at the other ends, where they are exported too.
pub(super) fn link(index: &mut ServiceIndex) {
    let mut files: HashMap<String, String> = HashMap::new();
    let mut keys: HashMap<(String, u32, u32), String> = HashMap::new();
    for layer in index.layers.iter().filter(|layer| layer.has_file()) {
        files.extend(layer.file.clone().map(|file| (layer.url.clone(), file)));
        for relationship in &layer.relationships {
            let key = relationship.key_field.clone();
            let at = (layer.url.clone(), relationship.id, relationship.related_id);
            keys.extend(key.map(|key| (at, key)));
        }
    }
    for layer in &mut index.layers {
        let Some((service, _)) = layer.url.rsplit_once('/') else {
            continue;
        };
        for relationship in &mut layer.relationships {
            let url = format!("{service}/{}", relationship.related_id);
            relationship.related_file = files.get(&url).cloned();
            relationship.related_key_field = keys.get(&(url, relationship.id, layer.id)).cloned();
        }
    }
}
