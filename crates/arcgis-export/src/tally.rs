//! What is known of the pages so far, on its way to footer and report.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use arcgis_layer::{Coordinates, IdSet};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::geometry_summary::GeometrySummary;
use crate::marks::{RowMarks, RowNumbers};
use crate::note::Note;
use crate::report::{GeometryReport, MisfitReport, Report, columns, spatial_reference};
use crate::schema::ExportSchema;
use crate::spool::SpooledPage;

/// When an export began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    pub(crate) moment: Timestamp,
    instant: Instant,
}

impl Start {
    pub(crate) fn now() -> Self {
        Self {
            moment: Timestamp::now(),
            instant: Instant::now(),
        }
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.instant.elapsed()
    }
}

/// What pages add to footer and report, in the order in which they came. It hardly grows with rows. Rows whose place others
/// took are counted in the geometry and in what is absent, and nowhere else.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PageSums {
    pub(crate) rows: u64,
    /// How many of them take the place of others.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) replacing: u64,
    #[serde(with = "words")]
    pub(crate) geometry: GeometrySummary,
    /// Rows of which something is counted.
    #[serde(default, skip_serializing_if = "RowMarks::is_empty")]
    marks: RowMarks,
    /// The least object ids of rows whose polygons were mended, with their numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    mended: Vec<(i64, u64)>,
    /// In what way coordinates came; none where no geometry did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) coordinates: Option<String>,
    /// Rows that came without a column.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    absent: BTreeMap<usize, u64>,
}

// By reference, as serde calls it.
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Geometry as the bits of its numbers: infinities have no place in JSON.
mod words {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::geometry_summary::GeometrySummary;

    pub(super) fn serialize<S: Serializer>(
        summary: &GeometrySummary,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        summary.to_words().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<GeometrySummary, D::Error> {
        Ok(GeometrySummary::from_words(<_>::deserialize(deserializer)?))
    }
}

impl PageSums {
    pub(crate) fn of(page: &SpooledPage) -> Self {
        if page.batch.num_rows() == 0 {
            return Self::default();
        }
        Self {
            rows: page.batch.num_rows() as u64,
            replacing: page.replaces.len(),
            geometry: page.geometry.clone(),
            coordinates: match page.facts.coordinates {
                Coordinates::None => None,
                known => Some(known.to_string()),
            },
            marks: RowMarks {
                left_out: page.facts.repaired_rows().iter().copied().collect(),
                ..page.marks.clone()
            },
            mended: least(
                page.mended
                    .iter()
                    .filter_map(|row| Some((*page.facts.ids.get(*row)?, *row as u64))),
            ),
            absent: page
                .facts
                .absent
                .iter()
                .map(|(column, rows)| (*column, *rows as u64))
                .collect(),
        }
    }

    /// Rows that no others have taken the place of.
    pub(crate) fn different_rows(&self) -> u64 {
        self.rows.saturating_sub(self.replacing)
    }

    /// Takes up what comes behind, and in the place of rows that came before, by their numbers.
    pub(crate) fn merge(&mut self, other: &Self, replaced: &IdSet) {
        let before = self.rows;
        self.marks.append(&other.marks, before);
        self.marks.remove(replaced);
        if !(other.mended.is_empty() && replaced.is_empty()) {
            let behind = other
                .mended
                .iter()
                .map(|(id, row)| (*id, row.saturating_add(before)));
            let stays = |row: u64| i64::try_from(row).is_ok_and(|row| !replaced.contains(row));
            let all = self.mended.iter().copied().chain(behind);
            self.mended = least(all.filter(|(_, row)| stays(*row)));
        }
        self.rows = self.rows.saturating_add(other.rows);
        self.replacing = self.replacing.saturating_add(other.replacing);
        self.geometry.merge(&other.geometry);
        self.coordinates = match (self.coordinates.take(), &other.coordinates) {
            (Some(these), Some(others)) if these != *others => Some(Coordinates::Mixed.to_string()),
            (these, others) => these.or_else(|| others.clone()),
        };
        for (column, count) in &other.absent {
            *self.absent.entry(*column).or_default() += count;
        }
    }
}

/// The first ten, in ascending order.
fn least(ids: impl Iterator<Item = (i64, u64)>) -> Vec<(i64, u64)> {
    let mut ids: Vec<(i64, u64)> = ids.collect();
    ids.sort_unstable();
    ids.dedup_by_key(|(id, _)| *id);
    ids.truncate(10);
    ids
}

/// What is known of the pages so far.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    schema: ExportSchema,
    start: Start,
    pub(crate) sums: PageSums,
}

impl Tally {
    pub(crate) fn new(schema: &ExportSchema, start: Start) -> Self {
        Self {
            schema: schema.clone(),
            start,
            sums: PageSums::default(),
        }
    }

    pub(crate) fn start(&self) -> Start {
        self.start
    }

    /// Takes up a page, some of whose rows take the place of earlier ones.
    pub(crate) fn add(&mut self, page: &PageSums, replaced: &IdSet) {
        self.sums.merge(page, replaced);
    }

    /// What the pages showed.
    pub(crate) fn notes(&self) -> Vec<Note> {
        let PageSums {
            rows,
            replacing: _,
            geometry,
            coordinates: _,
            marks,
            mended,
            absent,
        } = &self.sums;
        let name = |column: usize| self.schema.column_name(column).to_owned();
        let mut notes = Vec::new();
        if let Some(reason) = self.schema.unknown_crs() {
            notes.push(Note::UnknownCrs {
                reason: reason.clone(),
                spatial_reference: spatial_reference(&self.schema),
            });
        }
        if let Some(wkid) = self.schema.crs().and_then(|crs| crs.unknown_vertical()) {
            notes.push(Note::UnknownHeights { wkid });
        }
        if !marks.dropped_m.is_empty() {
            notes.push(Note::DroppedM {
                rows: marks.dropped_m.len(),
            });
        }
        if !marks.left_out.is_empty() {
            notes.push(Note::LeftOut {
                rows: marks.left_out.len(),
            });
        }
        if let Some(expected) = self.schema.geometry_type() {
            if geometry.other_kind() > 0 {
                notes.push(Note::OtherGeometry {
                    expected,
                    rows: geometry.other_kind(),
                });
            }
            if *rows > 0 && geometry.nulls() == *rows {
                notes.push(Note::NoGeometry { rows: *rows });
            }
        }
        if !marks.mended.is_empty() {
            notes.push(Note::Mended {
                rows: marks.mended.len(),
                first: mended.iter().map(|(id, _)| *id).collect(),
            });
        }
        if !marks.tangles.is_empty() {
            notes.push(Note::Tangled {
                rows: marks.tangles.len(),
            });
        }
        let unknown = self.schema.unknown_types().iter();
        notes.extend(unknown.map(|(column, field_type)| Note::UnknownType {
            column: column.clone(),
            field_type: field_type.clone(),
        }));
        notes.extend(marks.unlisted.iter().map(|(&column, rows)| Note::Unlisted {
            column: name(column),
            count: rows.len(),
        }));
        notes.extend(marks.misfits.iter().map(|(&column, rows)| Note::Misfits {
            column: name(column),
            count: rows.len(),
        }));
        notes.extend(absent.iter().map(|(&column, &rows)| Note::AbsentValues {
            column: name(column),
            rows,
        }));
        notes
    }

    fn counts(&self, counts: &BTreeMap<usize, RowNumbers>) -> Vec<MisfitReport> {
        let counts = counts.iter().map(|(&column, rows)| MisfitReport {
            column: self.schema.column_name(column).to_owned(),
            count: rows.len(),
        });
        counts.collect()
    }

    /// The report, of an output in memory as far as this goes.
    pub(crate) fn report(&self, notes: Vec<Note>) -> Report {
        Report {
            tool: crate::provenance::TOOL.to_owned(),
            source: None,
            layer: None,
            query: None,
            object_id_field: None,
            output: None,
            writer: None,
            order: None,
            started: self.start.moment,
            finished: Timestamp::now(),
            elapsed: self.start.elapsed(),
            rows: self.sums.different_rows(),
            columns: columns(&self.schema),
            geometry: self.schema.geometry_name().map(|_| {
                let mut report = GeometryReport {
                    crs: self.schema.crs().map(|crs| crs.id()),
                    crs_name: self.schema.crs().map(|crs| crs.name().to_owned()),
                    spatial_reference: spatial_reference(&self.schema),
                    ..GeometryReport::default()
                };
                report.set(&self.sums.geometry);
                report.coordinates.clone_from(&self.sums.coordinates);
                report.dropped_m_rows = self.sums.marks.dropped_m.len();
                report.mended_rows = self.sums.marks.mended.len();
                report
            }),
            schema_hash: None,
            last_edit: None,
            server_generation: None,
            proof: None,
            fetch: None,
            resumed: None,
            file_bytes: None,
            row_groups: None,
            partitions: None,
            misfits: self.counts(&self.sums.marks.misfits),
            unlisted: self.counts(&self.sums.marks.unlisted),
            notes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_survive_json_bit_by_bit() {
        let rows = |rows: &[usize]| rows.iter().copied().collect::<RowNumbers>();
        let mut sums = PageSums {
            rows: 3,
            marks: RowMarks {
                misfits: [(2, rows(&[1]))].into(),
                unlisted: [(1, rows(&[0, 2]))].into(),
                mended: rows(&[0, 2]),
                ..RowMarks::default()
            },
            absent: [(0, 3), (10, 2)].into(),
            mended: vec![(3, 2), (9, 0)],
            ..PageSums::default()
        };
        for _ in 0..2 {
            let text = serde_json::to_string(&sums).unwrap();
            assert_eq!(serde_json::from_str::<PageSums>(&text).unwrap(), sums);
            // The second time around with numbers that JSON would round or refuse.
            sums.geometry = GeometrySummary::from_words([
                2,
                0.1_f64.to_bits(),
                (-0.0_f64).to_bits(),
                f64::MAX.to_bits(),
                f64::INFINITY.to_bits(),
                f64::NEG_INFINITY.to_bits(),
                1,
                2,
                3,
                4,
                u64::MAX / 2,
                5,
            ]);
        }
        let mut twice = sums.clone();
        twice.merge(&sums, &IdSet::new());
        assert_eq!(twice.rows, 6);
        assert_eq!(twice.marks.misfits, [(2, rows(&[1, 4]))].into());
        assert_eq!(twice.marks.unlisted, [(1, rows(&[0, 2, 3, 5]))].into());
        assert_eq!(twice.mended, [(3, 2), (9, 0)]);
        assert_eq!(twice.absent, [(0, 6), (10, 4)].into());
        // The second page takes the place of two rows of the first.
        let mut again = sums.clone();
        again.merge(&sums, &[1, 2].into_iter().collect());
        assert_eq!(again.marks.misfits, [(2, rows(&[4]))].into());
        assert_eq!(again.marks.mended.len(), 3);
        assert_eq!(again.mended, [(3, 5), (9, 0)]);
    }
}
