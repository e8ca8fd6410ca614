//! What is known of the pages so far, on its way to footer and report.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::geometry_summary::GeometrySummary;
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

/// What pages add to footer and report. It does not grow with rows, and the order of pages does not matter. Rows whose
/// place others took are counted in all but [`PageSums::different_rows`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PageSums {
    pub(crate) rows: u64,
    /// How many of them take the place of others.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) replacing: u64,
    #[serde(with = "words")]
    pub(crate) geometry: GeometrySummary,
    /// Values that did not fit and became null, by column.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    misfits: BTreeMap<usize, u64>,
    /// Rows whose geometry lost parts.
    #[serde(default)]
    left_out: u64,
    /// Codes that no domain lists, by column.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    unlisted: BTreeMap<usize, u64>,
    /// The least object ids of rows whose polygons were mended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    mended: Vec<i64>,
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
            misfits: page.misfits.by_place().collect(),
            unlisted: page.unlisted.by_place().collect(),
            mended: least(
                page.mended
                    .iter()
                    .filter_map(|row| page.facts.ids.get(*row)),
            ),
            left_out: page.facts.repaired as u64,
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

    pub(crate) fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.replacing += other.replacing;
        self.geometry.merge(&other.geometry);
        self.left_out += other.left_out;
        if !other.mended.is_empty() {
            self.mended = least(self.mended.iter().chain(&other.mended));
        }
        for (all, more) in [
            (&mut self.misfits, &other.misfits),
            (&mut self.unlisted, &other.unlisted),
            (&mut self.absent, &other.absent),
        ] {
            for (column, count) in more {
                *all.entry(*column).or_default() += count;
            }
        }
    }
}

/// The first ten, in ascending order.
fn least<'a>(ids: impl Iterator<Item = &'a i64>) -> Vec<i64> {
    let mut ids: Vec<i64> = ids.copied().collect();
    ids.sort_unstable();
    ids.dedup();
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

    pub(crate) fn add(&mut self, page: &PageSums) {
        self.sums.merge(page);
    }

    /// What the pages showed.
    pub(crate) fn notes(&self) -> Vec<Note> {
        let PageSums {
            rows,
            replacing: _,
            geometry,
            misfits,
            unlisted,
            mended,
            left_out,
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
        if geometry.dropped_m() > 0 {
            notes.push(Note::DroppedM {
                rows: geometry.dropped_m(),
            });
        }
        if *left_out > 0 {
            notes.push(Note::LeftOut { rows: *left_out });
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
        if geometry.mended() > 0 {
            notes.push(Note::Mended {
                rows: geometry.mended(),
                first: mended.clone(),
            });
        }
        let unknown = self.schema.unknown_types().iter();
        notes.extend(unknown.map(|(column, field_type)| Note::UnknownType {
            column: column.clone(),
            field_type: field_type.clone(),
        }));
        notes.extend(unlisted.iter().map(|(&column, &count)| Note::Unlisted {
            column: name(column),
            count,
        }));
        notes.extend(misfits.iter().map(|(&column, &count)| Note::Misfits {
            column: name(column),
            count,
        }));
        notes.extend(absent.iter().map(|(&column, &rows)| Note::AbsentValues {
            column: name(column),
            rows,
        }));
        notes
    }

    fn counts(&self, counts: &BTreeMap<usize, u64>) -> Vec<MisfitReport> {
        let counts = counts.iter().map(|(&column, &count)| MisfitReport {
            column: self.schema.column_name(column).to_owned(),
            count,
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
            misfits: self.counts(&self.sums.misfits),
            unlisted: self.counts(&self.sums.unlisted),
            notes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_survive_json_bit_by_bit() {
        let mut sums = PageSums {
            rows: 3,
            misfits: [(2, 1)].into(),
            absent: [(0, 3), (10, 2)].into(),
            left_out: 1,
            unlisted: [(1, 4)].into(),
            mended: vec![3, 9],
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
        twice.merge(&sums);
        assert_eq!(twice.rows, 6);
        assert_eq!(twice.misfits, [(2, 2)].into());
        assert_eq!(twice.unlisted, [(1, 8)].into());
        assert_eq!(twice.mended, [3, 9]);
        assert_eq!(twice.absent, [(0, 6), (10, 4)].into());
    }
}
