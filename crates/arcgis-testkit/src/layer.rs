use std::io::BufRead;

use serde_json::Value as Json;

use crate::error::{Error, Result};
use crate::field::{Field, FieldType};
use crate::geometry::GeometryType;
use crate::layer_options::Options;
use crate::projection::SpatialReference;
use crate::quirk::{Ability, Quirk};
use crate::row::Row;

/// What a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LayerKind {
    Features(GeometryType),
    Table,
    Group,
    Raster,
}

/// A layer, a table, or one of the layers that hold no rows.
///
/// Without further words a layer has a field `OBJECTID`, is in WGS 84 (4326), serves at most 2,000 rows a page and can do all that [`Ability`] names.
///
/// ```
/// use arcgis_testkit::{Field, FieldType, Geometry, GeometryType, Layer, Row};
///
/// let towns = Layer::new("towns", GeometryType::Point)
///     .with_field(Field::new("NAME", FieldType::String))
///     .with_max_record_count(100)
///     .with_rows((0..250).map(|n| Row::new().with("NAME", format!("Town {n}")).at(Geometry::point((f64::from(n) / 10.0, 47.0)))));
/// # let _ = towns;
/// ```
#[derive(Debug, Clone)]
pub struct Layer {
    pub(crate) name: String,
    pub(crate) kind: LayerKind,
    pub(crate) id: Option<u32>,
    pub(crate) parent: Option<u32>,
    pub(crate) fields: Vec<Field>,
    pub(crate) rows: Vec<Row>,
    pub(crate) object_ids: bool,
    pub(crate) spatial_reference: SpatialReference,
    pub(crate) has_z: bool,
    pub(crate) has_m: bool,
    pub(crate) max_record_count: usize,
    pub(crate) capabilities: String,
    pub(crate) missing: Vec<Ability>,
    pub(crate) quirks: Vec<Quirk>,
    pub(crate) patches: Vec<Json>,
    pub(crate) null_members: Vec<String>,
    pub(crate) description: String,
    pub(crate) copyright_text: String,
    pub(crate) options: Options,
}

impl Layer {
    /// A feature layer without rows.
    #[must_use]
    pub fn new(name: impl Into<String>, geometry_type: GeometryType) -> Self {
        Self::of(name.into(), LayerKind::Features(geometry_type))
    }

    /// A table: rows without geometry.
    #[must_use]
    pub fn table(name: impl Into<String>) -> Self {
        Self::of(name.into(), LayerKind::Table)
    }

    /// A group layer: it has no rows and cannot be queried.
    #[must_use]
    pub fn group(name: impl Into<String>) -> Self {
        Self::of(name.into(), LayerKind::Group)
    }

    /// A raster layer: it has no rows and cannot be queried.
    #[must_use]
    pub fn raster(name: impl Into<String>) -> Self {
        Self::of(name.into(), LayerKind::Raster)
    }

    fn of(name: String, kind: LayerKind) -> Self {
        Self {
            name,
            kind,
            id: None,
            parent: None,
            fields: Vec::new(),
            rows: Vec::new(),
            object_ids: true,
            spatial_reference: SpatialReference { wkid: 4326 },
            has_z: false,
            has_m: false,
            max_record_count: 2000,
            capabilities: "Query".to_owned(),
            missing: Vec::new(),
            quirks: Vec::new(),
            patches: Vec::new(),
            null_members: Vec::new(),
            description: String::new(),
            copyright_text: String::new(),
            options: Options::default(),
        }
    }

    /// Reads a saved answer to a query (`f=json`): its fields, spatial reference and features become the layer.
    ///
    /// # Errors
    /// The text is no JSON, or lacks `fields` or a known `geometryType` (an answer without `geometryType` is a table).
    pub fn from_esri_json(name: impl Into<String>, json: &str) -> Result<Self> {
        let name = name.into();
        let answer: Json = serde_json::from_str(json).map_err(|source| Error::Json {
            layer: name.clone(),
            line: source.line(),
            source,
        })?;
        let mut layer = Self::of(name, LayerKind::Table);
        layer.define(&answer, 1)?;
        let features = answer.get("features").and_then(Json::as_array);
        let (has_z, has_m) = (layer.has_z, layer.has_m);
        layer.rows = features
            .into_iter()
            .flatten()
            .map(|feature| Row::from_esri_json(feature, has_z, has_m))
            .collect();
        Ok(layer)
    }

    /// Reads lines of JSON: the first is the layer's definition (`name`, `geometryType`, `fields`, `spatialReference`, and where they apply
    /// `objectIdField`, `hasZ`, `hasM`, `copyrightText`, `description`), each further one a feature.
    ///
    /// # Errors
    /// A line is no JSON or cannot be read, or the definition lacks `name`, `fields` or a known `geometryType`.
    pub fn from_lines(reader: impl BufRead) -> Result<Self> {
        let mut layer = Self::of(String::new(), LayerKind::Table);
        let mut defined = false;
        for (at, line) in reader.lines().enumerate() {
            let line = line.map_err(Error::Unpack)?;
            if line.trim().is_empty() {
                continue;
            }
            let json: Json = serde_json::from_str(&line).map_err(|source| Error::Json {
                layer: layer.name.clone(),
                line: at + 1,
                source,
            })?;
            if defined {
                let row = Row::from_esri_json(&json, layer.has_z, layer.has_m);
                layer.rows.push(row);
            } else {
                let missing = || Error::Definition {
                    layer: String::new(),
                    line: at + 1,
                    member: "name",
                };
                layer.name = json
                    .get("name")
                    .and_then(Json::as_str)
                    .ok_or_else(missing)?
                    .to_owned();
                layer.define(&json, at + 1)?;
                defined = true;
            }
        }
        if defined {
            Ok(layer)
        } else {
            Err(Error::Definition {
                layer: layer.name,
                line: 1,
                member: "name",
            })
        }
    }

    fn define(&mut self, json: &Json, line: usize) -> Result<()> {
        let missing = |layer: &str, member| Error::Definition {
            layer: layer.to_owned(),
            line,
            member,
        };
        if let Some(kind) = json.get("geometryType").and_then(Json::as_str) {
            let kind = GeometryType::from_esri_name(kind)
                .ok_or_else(|| missing(&self.name, "geometryType"))?;
            self.kind = LayerKind::Features(kind);
        }
        let fields = json
            .get("fields")
            .and_then(Json::as_array)
            .ok_or_else(|| missing(&self.name, "fields"))?;
        self.fields = fields
            .iter()
            .map(|field| Field::from_esri_json(field).ok_or_else(|| missing(&self.name, "fields")))
            .collect::<Result<_>>()?;
        if let Some(reference) = json
            .get("spatialReference")
            .and_then(SpatialReference::from_json)
        {
            self.spatial_reference = reference;
        }
        let flag = |member: &str| json.get(member).and_then(Json::as_bool).unwrap_or(false);
        self.has_z = flag("hasZ");
        self.has_m = flag("hasM");
        let text = |member: &str| {
            json.get(member)
                .and_then(Json::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        self.description = text("description");
        self.copyright_text = text("copyrightText");
        self.object_ids = self
            .fields
            .iter()
            .any(|field| field.kind() == FieldType::Oid);
        Ok(())
    }

    /// Renames the layer.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the layer's id within its service. Without it layers are counted from 0.
    #[must_use]
    pub fn with_id(mut self, id: u32) -> Self {
        self.id = Some(id);
        self
    }

    /// Puts the layer into the group layer of this id.
    #[must_use]
    pub fn with_parent(mut self, id: u32) -> Self {
        self.parent = Some(id);
        self
    }

    /// Adds a field.
    #[must_use]
    pub fn with_field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// Adds a row.
    #[must_use]
    pub fn with_row(mut self, row: Row) -> Self {
        self.rows.push(row);
        self
    }

    /// Adds rows.
    #[must_use]
    pub fn with_rows(mut self, rows: impl IntoIterator<Item = Row>) -> Self {
        self.rows.extend(rows);
        self
    }

    /// Takes the object ids away, also those of the rows so far: no field of their type is added, and rows cannot be addressed.
    #[must_use]
    pub fn without_object_ids(mut self) -> Self {
        self.object_ids = false;
        let (ids, others): (Vec<_>, Vec<_>) = self
            .fields
            .into_iter()
            .partition(|field| field.kind() == FieldType::Oid);
        self.fields = others;
        for row in &mut self.rows {
            row.attributes
                .retain(|(name, _)| ids.iter().all(|field| field.name() != name));
        }
        self
    }

    /// Sets the spatial reference by its well-known id. The service projects between 4326 and 3857 (102100) only.
    #[must_use]
    pub fn with_wkid(mut self, wkid: u32) -> Self {
        self.spatial_reference = SpatialReference { wkid };
        self
    }

    /// Declares that geometries have Z. Clients get it with `returnZ=true` only.
    #[must_use]
    pub fn with_z(mut self) -> Self {
        self.has_z = true;
        self
    }

    /// Declares that geometries have M. Clients get it with `returnM=true` only.
    #[must_use]
    pub fn with_m(mut self) -> Self {
        self.has_m = true;
        self
    }

    /// Sets the largest page, 2,000 rows unless set.
    #[must_use]
    pub fn with_max_record_count(mut self, rows: usize) -> Self {
        self.max_record_count = rows;
        self
    }

    /// Sets the capabilities, `Query` unless set. Without `Query` among them the layer refuses queries.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: &str) -> Self {
        self.capabilities = capabilities.to_owned();
        self
    }

    /// Takes an ability away, as an older server lacks it.
    #[must_use]
    pub fn without(mut self, ability: Ability) -> Self {
        self.missing.push(ability);
        self
    }

    /// Makes the server misbehave on this layer.
    #[must_use]
    pub fn with_quirk(mut self, quirk: Quirk) -> Self {
        self.quirks.push(quirk);
        self
    }

    /// Changes the layer's metadata by a JSON merge patch (RFC 7396): null takes a member away.
    #[must_use]
    pub fn with_metadata_patch(mut self, patch: Json) -> Self {
        self.patches.push(patch);
        self
    }

    /// Serves this member of the metadata as null, which a merge patch cannot say.
    #[must_use]
    pub fn with_null_metadata(mut self, member: &str) -> Self {
        self.null_members.push(member.to_owned());
        self
    }

    /// Sets the description.
    #[must_use]
    pub fn with_description(mut self, text: &str) -> Self {
        self.description = text.to_owned();
        self
    }

    /// Sets the copyright text.
    #[must_use]
    pub fn with_copyright_text(mut self, text: &str) -> Self {
        self.copyright_text = text.to_owned();
        self
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rows as given, without object ids that the service would give.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The fields as given.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }
}
