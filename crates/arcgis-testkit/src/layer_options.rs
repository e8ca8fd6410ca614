//! What only some layers have: more caps, archives, other ids, computed rows, time, relations.

use serde_json::{Value as Json, json};

use crate::attachment::Attachment;
use crate::field::{Field, FieldType};
use crate::generated::{Generated, generated_row};
use crate::geometry::GeometryType;
use crate::layer::{Layer, LayerKind};
use crate::relationship::Relationship;
use crate::table::ARCHIVE_BEGAN;
use crate::unique_id::UniqueId;

#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    pub(crate) generated: Option<Generated>,
    pub(crate) unique_id: Option<UniqueId>,
    pub(crate) archives: bool,
    pub(crate) tracks_edits: bool,
    pub(crate) standard_cap: Option<usize>,
    pub(crate) standard_cap_without_geometry: Option<usize>,
    pub(crate) tile_cap: Option<usize>,
    pub(crate) cap_factor: Option<usize>,
    pub(crate) id_cap: Option<usize>,
    pub(crate) time_fields: Option<(String, Option<String>)>,
    pub(crate) relationships: Vec<Relationship>,
    pub(crate) change_jobs: bool,
    /// By the object ids of their rows, each with its number.
    pub(crate) attachments: Vec<(i64, usize, Attachment)>,
}

impl Layer {
    /// A layer of so many computed rows: see [`generated_row`] for what they hold.
    #[must_use]
    pub fn generated(name: impl Into<String>, kind: GeometryType, rows: usize) -> Self {
        Self::new(name, kind)
            .with_formula_fields()
            .with_generated_rows(Generated::new(rows, move |id| {
                generated_row(Some(kind), id)
            }))
    }

    /// A table of so many computed rows: see [`generated_row`] for what they hold.
    #[must_use]
    pub fn generated_table(name: impl Into<String>, rows: usize) -> Self {
        Self::table(name)
            .with_formula_fields()
            .with_generated_rows(Generated::new(rows, |id| generated_row(None, id)))
    }

    fn with_formula_fields(self) -> Self {
        [
            ("NAME", FieldType::String),
            ("NUMBER", FieldType::Integer),
            ("AMOUNT", FieldType::Double),
            ("MOMENT", FieldType::Date),
        ]
        .into_iter()
        .fold(self, |layer, (name, kind)| {
            layer.with_field(Field::new(name, kind))
        })
    }

    /// Serves these rows, which are computed when they are asked for, instead of any others. They cannot be edited.
    #[must_use]
    pub fn with_generated_rows(mut self, rows: Generated) -> Self {
        self.options.generated = Some(rows);
        self
    }

    /// Sets the object ids of computed rows, as [`Generated::with_ids`] does.
    #[must_use]
    pub fn with_generated_ids(mut self, id: impl Fn(u64) -> i64 + Send + Sync + 'static) -> Self {
        self.options.generated = self.options.generated.map(|rows| rows.with_ids(id));
        self
    }

    /// Names the fields that tell the rows apart, as `uniqueIdInfo` does: simple with one of them, composite with more.
    /// The object ids remain what they are. Queries may then use `uniqueIds` and `returnUniqueIdsOnly`.
    #[must_use]
    pub fn with_unique_id<F: Into<String>>(mut self, fields: impl IntoIterator<Item = F>) -> Self {
        self.options.unique_id = Some(UniqueId {
            fields: fields.into_iter().map(Into::into).collect(),
            hashed: false,
        });
        self
    }

    /// As [`Layer::with_unique_id`], with object ids that are hashes of these fields, as a view of a database without ids has them: they follow no
    /// order, `where` and `orderByFields` know no such field, and `uniqueIdInfo` says so.
    #[must_use]
    pub fn with_hashed_object_ids<F: Into<String>>(
        mut self,
        fields: impl IntoIterator<Item = F>,
    ) -> Self {
        self = self.with_unique_id(fields);
        if let Some(unique) = &mut self.options.unique_id {
            unique.hashed = true;
        }
        self
    }

    /// Keeps all earlier states of the rows: `historicMoment` shows them as they were.
    #[must_use]
    pub fn with_archiving(mut self) -> Self {
        self.options.archives = true;
        self
    }

    /// Adds the fields `CreationDate`, `Creator`, `EditDate` and `Editor`, which edits set, and names them in `editFieldsInfo`.
    #[must_use]
    pub fn with_edit_tracking(mut self) -> Self {
        self.options.tracks_edits = true;
        self
    }

    /// Answers `extractChanges` with the address of a job, which takes two looks. A layer tracks its changes where
    /// `ChangeTracking` is among its [capabilities](Layer::with_capabilities).
    #[must_use]
    pub fn with_change_jobs(mut self) -> Self {
        self.options.change_jobs = true;
        self
    }

    /// Sets the largest page under `resultType=standard`.
    #[must_use]
    pub fn with_standard_max_record_count(mut self, rows: usize) -> Self {
        self.options.standard_cap = Some(rows);
        self
    }

    /// Sets the largest page under `resultType=standard` without geometry.
    #[must_use]
    pub fn with_standard_max_record_count_no_geometry(mut self, rows: usize) -> Self {
        self.options.standard_cap_without_geometry = Some(rows);
        self
    }

    /// Sets the largest page under `resultType=tile`.
    #[must_use]
    pub fn with_tile_max_record_count(mut self, rows: usize) -> Self {
        self.options.tile_cap = Some(rows);
        self
    }

    /// Honours `maxRecordCountFactor` up to this factor; a greater one is refused.
    #[must_use]
    pub fn with_max_record_count_factor(mut self, factor: usize) -> Self {
        self.options.cap_factor = Some(factor);
        self
    }

    /// Lists at most so many ids in one answer, says so as `maxUniqueIDCount`, and sets `exceededTransferLimit` when there are more.
    #[must_use]
    pub fn with_max_unique_id_count(mut self, ids: usize) -> Self {
        self.options.id_cap = Some(ids);
        self
    }

    /// Names the field of dates that `time` is about, and the one where a row's time ends if it lasts.
    #[must_use]
    pub fn with_time_fields(mut self, start: &str, end: Option<&str>) -> Self {
        self.options.time_fields = Some((start.to_owned(), end.map(str::to_owned)));
        self
    }

    /// Relates the rows to those of another layer of the service: `queryRelatedRecords`.
    #[must_use]
    pub fn with_relationship(mut self, relationship: Relationship) -> Self {
        self.options.relationships.push(relationship);
        self
    }

    /// What the metadata says about all this.
    pub(crate) fn option_members(&self) -> Vec<(&'static str, Json)> {
        let options = &self.options;
        let mut members = Vec::new();
        for (name, cap) in [
            ("standardMaxRecordCount", options.standard_cap),
            (
                "standardMaxRecordCountNoGeometry",
                options.standard_cap_without_geometry,
            ),
            ("tileMaxRecordCount", options.tile_cap),
            ("maxRecordCountFactor", options.cap_factor),
            ("maxUniqueIDCount", options.id_cap),
        ] {
            if let Some(cap) = cap {
                members.push((name, json!(cap)));
            }
        }
        if let Some(unique) = &options.unique_id {
            let kind = if unique.fields.len() > 1 {
                "composite"
            } else {
                "simple"
            };
            members.push((
                "uniqueIdInfo",
                json!({"type": kind, "fields": unique.fields, "OIDFieldContainsHashValue": unique.hashed}),
            ));
        }
        let relationships: Vec<Json> = options
            .relationships
            .iter()
            .map(Relationship::describe)
            .collect();
        members.push(("relationships", json!(relationships)));
        if options.archives {
            members.push(("isDataArchived", json!(true)));
            members.push((
                "archivingInfo",
                json!({"supportsQueryWithHistoricMoment": true, "startArchivingMoment": ARCHIVE_BEGAN}),
            ));
        }
        if options.tracks_edits {
            members.push(("editFieldsInfo", json!({"creationDateField": "CreationDate", "creatorField": "Creator", "editDateField": "EditDate", "editorField": "Editor"})));
        }
        if let Some((start, end)) = &options.time_fields {
            members.push((
                "timeInfo",
                json!({"startTimeField": start, "endTimeField": end, "trackIdField": null, "timeReference": {"timeZone": "UTC", "respectsDaylightSaving": false}}),
            ));
        }
        members
    }

    pub(crate) fn geometry_type(&self) -> Option<GeometryType> {
        match self.kind {
            LayerKind::Features(kind) => Some(kind),
            LayerKind::Table | LayerKind::Group | LayerKind::Raster => None,
        }
    }
}
