//! What a page may be decoded for, out of one byte.

use arcgis_layer::{Dimensions, GeometryLayout, GeometryType, Layout, SpatialReference};

use super::recorder::columns;

/// Columns of which two differ in case alone, with or without an object id, and with or without geometry.
pub fn layout(choice: u8) -> Layout {
    let layout = columns(&["id", "a", "A", "Long Name"]);
    let layout = match choice & 3 {
        0 => layout,
        1 => layout.with_object_id("id"),
        2 => layout.with_object_id("hidden"),
        _ => layout.with_fingerprint(true),
    };
    let kind = match (choice >> 2) & 7 {
        0 | 1 => return layout,
        2 => GeometryType::Point,
        3 => GeometryType::Multipoint,
        4 => GeometryType::Polyline,
        5 | 6 => GeometryType::Polygon,
        _ => GeometryType::Multipatch,
    };
    layout.with_geometry(GeometryLayout {
        kind,
        dims: Dimensions::new(choice & 32 != 0, choice & 64 != 0),
        spatial_reference: SpatialReference::default(),
    })
}

/// Which column a key is for: its own, else one that differs in case alone, unless the first row names that one too.
pub(crate) struct Names<'a> {
    pub(crate) layout: &'a Layout,
    first: Vec<&'a str>,
}

impl<'a> Names<'a> {
    pub(crate) fn new(layout: &'a Layout, first: impl Iterator<Item = &'a str>) -> Self {
        Self {
            layout,
            first: first.collect(),
        }
    }

    /// The columns, and the hidden object id behind them.
    fn all(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.layout.fields.iter().map(|f| f.name.as_str()).collect();
        if let Some(id) = &self.layout.object_id
            && id.column.is_none()
        {
            names.push(&id.name);
        }
        names
    }

    pub(crate) fn place(&self, key: &str) -> Option<usize> {
        let names = self.all();
        if let Some(exact) = names.iter().position(|name| *name == key) {
            return Some(exact);
        }
        let alike = |name: &&str| name.eq_ignore_ascii_case(key);
        let place = names.iter().position(alike)?;
        let only = names.iter().filter(|name| alike(name)).count() == 1;
        (only && !self.first.contains(&names[place])).then_some(place)
    }
}
