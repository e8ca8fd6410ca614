//! The spool that gives rows in order, when all of them are there.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arcgis_layer::IdSet;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::blocks::{Block, Blocks};
use super::chunk::{Chunk, Sorted};
use super::key::{Extent, SortBy, Sorting};
use super::merge::{Merge, Runs};
use crate::batches::{Batches, Limits};
use crate::error::Error;
use crate::partition::{Groups, Ranks};
use crate::replaced::Sieve;
use crate::spool::{DiskSpool, Replay, Spool, SpooledPage};
use crate::writer_thread::GivenUp;

/// How rows are sorted.
#[derive(Debug)]
pub(crate) struct Sort {
    pub(crate) by: SortBy,
    /// The bytes that rows may take in memory.
    pub(crate) memory: usize,
    /// Where rows go that do not fit there.
    pub(crate) folder: PathBuf,
    /// The files that rows are cut into, if they are: those of one file stand together.
    pub(crate) groups: Option<Groups>,
    pub(crate) given_up: GivenUp,
}

/// Keeps all rows until the last has come, and gives them in order then: only then it is known where they lie.
///
/// Rows stay in memory while they fit there. Beyond that they go to a file as they come; at the end they are read
/// from there, sorted piece by piece into runs in a second file, and the runs are merged. Neither file has a name,
/// so that nothing is left of them, however the process ends. With a spool on disk, that is where rows are read
/// from: they are not written twice.
pub(crate) struct SortSpool {
    sort: Sort,
    schema: SchemaRef,
    /// Where pages are kept for another process.
    disk: Option<DiskSpool>,
    /// Even batches, so that small pages cost no more than large ones.
    batches: Batches,
    /// Around all rows that came, also those whose place others take.
    extent: Extent,
    /// Rows whose place others take, by their numbers among all that came.
    replaced: IdSet,
    state: State,
}

enum State {
    /// All rows so far.
    InMemory(Chunk),
    /// They do not fit: they are here.
    OnDisk(Kept),
    Sorted(Sorted),
    Merging(Box<Merge>),
    /// Something failed.
    Broken,
}

/// Rows on disk in the order in which they came.
enum Kept {
    Here(Blocks, Vec<Block>),
    InSpool,
}

impl SortSpool {
    pub(crate) fn new(sort: Sort, schema: &SchemaRef, disk: Option<DiskSpool>) -> Self {
        Self {
            sort,
            schema: Arc::clone(schema),
            replaced: disk
                .as_ref()
                .map_or_else(IdSet::new, |disk| disk.replaced().clone()),
            disk,
            batches: Batches::new(Arc::clone(schema)),
            extent: Extent::EMPTY,
            state: State::InMemory(Chunk::default()),
        }
    }

    fn add(&mut self, rows: RecordBatch) -> Result<(), Error> {
        self.sort.by.widen(&mut self.extent, &rows);
        if let Some(groups) = &mut self.sort.groups {
            // What cannot be is known here, and not when all rows are there.
            groups.enter(&rows, &mut Vec::new())?;
        }
        if let State::OnDisk(Kept::InSpool) = self.state {
            return Ok(());
        }
        self.batches.push(rows)?;
        self.take_batches()
    }

    /// Takes over batches that are complete.
    fn take_batches(&mut self) -> Result<(), Error> {
        while let Some(rows) = self.batches.pop() {
            match &mut self.state {
                State::InMemory(chunk) => {
                    chunk.push(rows);
                    if chunk.cost() > self.sort.memory {
                        self.leave_memory()?;
                    }
                }
                State::OnDisk(Kept::Here(blocks, list)) => {
                    list.push(blocks.add(&rows).map_err(Error::spool)?);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn leave_memory(&mut self) -> Result<(), Error> {
        let State::InMemory(chunk) = std::mem::replace(&mut self.state, State::Broken) else {
            return Ok(());
        };
        tracing::debug!(bytes = chunk.cost(), folder = %self.sort.folder.display(), "rows are sorted on disk");
        let kept = if self.disk.is_some() {
            self.batches = Batches::new(Arc::clone(&self.schema));
            Kept::InSpool
        } else {
            let mut blocks = Blocks::new(&self.sort.folder, &self.schema).map_err(Error::spool)?;
            let mut list = Vec::new();
            for rows in chunk.into_batches() {
                self.sort.given_up.check()?;
                list.push(blocks.add(&rows).map_err(Error::spool)?);
            }
            Kept::Here(blocks, list)
        };
        self.state = State::OnDisk(kept);
        Ok(())
    }

    /// Takes in the rows of an earlier process.
    fn take_earlier(&mut self) -> Result<(), Error> {
        while let Some(disk) = &mut self.disk
            && self.sort.given_up.check().is_ok()
            && let Some(rows) = disk.replayed()?
        {
            self.add(rows)?;
        }
        Ok(())
    }

    /// Everything is in.
    fn put_in_order(&mut self) -> Result<(), Error> {
        self.take_earlier()?;
        self.sort.given_up.check()?;
        if let Some(disk) = &mut self.disk {
            disk.sync()?;
        }
        self.batches.cut()?;
        self.take_batches()?;
        let sorting = Sorting {
            by: self.sort.by,
            extent: self.extent,
            ranks: self.sort.groups.take().map(Ranks::of).map(Arc::new),
        };
        self.state = match std::mem::replace(&mut self.state, State::Broken) {
            State::InMemory(chunk) => {
                let sieve = Sieve::new(std::mem::take(&mut self.replaced));
                let mut kept = Chunk::default();
                for rows in sieve.keep_all(chunk.into_batches())? {
                    kept.push(rows);
                }
                State::Sorted(kept.sort(&sorting, Limits::BATCH))
            }
            State::OnDisk(Kept::Here(blocks, list)) => {
                let kept = KeptReader::Here(blocks, list.into_iter());
                State::Merging(Box::new(self.merge(kept, &sorting)?))
            }
            State::OnDisk(Kept::InSpool) => {
                let Some(disk) = &self.disk else {
                    return Err(Error::WriterStopped);
                };
                let batches = Batches::new(Arc::clone(&self.schema));
                let kept = KeptReader::InSpool(disk, Box::new(disk.again()?), batches);
                State::Merging(Box::new(self.merge(kept, &sorting)?))
            }
            state => state,
        };
        Ok(())
    }

    /// Sorts rows that do not fit into memory.
    fn merge(&self, mut kept: KeptReader<'_>, sorting: &Sorting) -> Result<Merge, Error> {
        let Sort {
            memory,
            folder,
            given_up,
            ..
        } = &self.sort;
        let mut runs = Runs::new(Blocks::new(folder, &self.schema).map_err(Error::spool)?);
        let mut sieve = Sieve::new(self.replaced.clone());
        let mut chunk = Chunk::default();
        while let Some(rows) = kept.next()? {
            given_up.check()?;
            chunk.push(sieve.keep(rows)?);
            if chunk.cost() > *memory {
                runs.add(std::mem::take(&mut chunk), sorting, given_up)?;
            }
        }
        if !chunk.is_empty() {
            runs.add(chunk, sorting, given_up)?;
        }
        drop(kept);
        runs.merge(sorting, *memory, folder, given_up)
    }
}

impl Spool for SortSpool {
    fn push(&mut self, page: SpooledPage) -> Result<(), Error> {
        // Pages that are on their way are kept, also where nobody waits for the output any more.
        if let Some(disk) = &mut self.disk {
            disk.keep(&page)?;
        }
        self.take_earlier()?;
        self.replaced.extend(page.replaces.iter());
        self.add(page.batch)
    }

    fn finish(&mut self) -> Result<(), Error> {
        let sorted = self.put_in_order();
        if sorted.is_err() {
            self.state = State::Broken;
        }
        sorted
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        match &mut self.state {
            State::Sorted(sorted) => Ok(sorted.next()?),
            State::Merging(merge) => merge.next(),
            State::InMemory(_) | State::OnDisk(_) => {
                self.take_earlier()?;
                Ok(None)
            }
            State::Broken => Err(Error::WriterStopped),
        }
    }

    fn committed(&mut self) {
        if let Some(disk) = &mut self.disk {
            disk.committed();
        }
    }
}

impl fmt::Debug for SortSpool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SortSpool")
            .field("sort", &self.sort)
            .field("disk", &self.disk)
            .finish_non_exhaustive()
    }
}

/// Reads rows that do not fit into memory.
enum KeptReader<'a> {
    Here(Blocks, std::vec::IntoIter<Block>),
    InSpool(&'a DiskSpool, Box<Replay>, Batches),
}

impl KeptReader<'_> {
    fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        match self {
            Self::Here(blocks, list) => match list.next() {
                Some(block) => Ok(Some(blocks.read(&block).map_err(Error::spool)?)),
                None => Ok(None),
            },
            Self::InSpool(disk, pages, batches) => loop {
                if let Some(rows) = batches.pop() {
                    return Ok(Some(rows));
                }
                match disk.read(pages)? {
                    Some(rows) => batches.push(rows)?,
                    None => {
                        batches.cut()?;
                        return Ok(batches.pop());
                    }
                }
            },
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use arcgis_layer::{
        Dimensions, FeatureSink as _, Field, FieldType, GeometryLayout, GeometryRef, GeometryType,
        Layout, PageFacts, PageSink as _, SpatialReference, ValueRef,
    };
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use proptest::prelude::*;

    use super::super::curve;
    use super::*;
    use crate::page::{ArrowSink, PageBatch};
    use crate::schema::{DateZone, ExportSchema};

    type Place = (i64, Option<(f64, f64)>);

    /// Points with their ids and a text of any length.
    pub(in super::super) fn page(places: &[Place]) -> (ExportSchema, PageBatch) {
        let layout = Layout::new(vec![
            Field::new("id", FieldType::Oid),
            Field::new("name", FieldType::String),
        ])
        .with_object_id("id")
        .with_geometry(GeometryLayout {
            kind: GeometryType::Point,
            dims: Dimensions::Xy,
            spatial_reference: SpatialReference::default(),
        });
        let schema = ExportSchema::new(&layout, DateZone::Utc);
        let mut page = ArrowSink::new(schema.clone()).page(places.len());
        for (id, place) in places {
            page.attribute(0, ValueRef::Int(*id)).unwrap();
            let name = format!("{id:*<width$}", width = usize::from(*id as u8));
            page.attribute(1, ValueRef::Str(&name)).unwrap();
            if let Some((x, y)) = place {
                page.geometry(GeometryRef {
                    kind: GeometryType::Point,
                    dims: Dimensions::Xy,
                    coords: &[*x, *y],
                    ring_ends: &[],
                    part_ends: &[],
                })
                .unwrap();
            }
            page.end_row().unwrap();
        }
        (schema, page.into_batch().unwrap())
    }

    /// What a spool gives back of pages.
    fn given_back(pages: &[&[Place]], memory: usize) -> RecordBatch {
        let (schema, _) = page(&[]);
        let sort = Sort {
            by: SortBy::place(&schema).unwrap(),
            memory,
            folder: std::env::temp_dir(),
            groups: None,
            given_up: GivenUp::default(),
        };
        let mut spool = SortSpool::new(sort, schema.file(), None);
        for (position, places) in (0..).zip(pages) {
            let (_, rows) = page(places);
            spool
                .push(SpooledPage::new(position, rows, PageFacts::default()))
                .unwrap();
            assert!(spool.next().unwrap().is_none());
        }
        spool.finish().unwrap();
        let mut batches = Vec::new();
        while let Some(rows) = spool.next().unwrap() {
            assert_eq!(rows.schema(), *schema.file());
            batches.push(rows);
        }
        assert!(spool.next().unwrap().is_none());
        arrow_select::concat::concat_batches(schema.file(), &batches).unwrap()
    }

    fn ids(rows: &RecordBatch) -> Vec<i64> {
        let ids = rows.column(0).as_primitive::<Int64Type>();
        ids.values().to_vec()
    }

    /// The same in few words: sort by cell, then by id.
    fn expected(places: &[Place]) -> Vec<i64> {
        let sides = |side: fn((f64, f64)) -> f64| {
            let values = places.iter().filter_map(|(_, place)| place.map(side));
            values.fold((f64::MAX, f64::MIN), |(least, most), value| {
                (least.min(value), most.max(value))
            })
        };
        let cell = |value: f64, (least, most): (f64, f64)| {
            ((value - least) / (most - least) * 2.0_f64.powi(32)) as u32
        };
        let (xs, ys) = (sides(|place| place.0), sides(|place| place.1));
        let mut rows: Vec<_> = places
            .iter()
            .map(|(id, place)| {
                let cell = place.map(|(x, y)| curve::distance(cell(x, xs), cell(y, ys)));
                (cell.is_none(), cell, *id)
            })
            .collect();
        rows.sort_unstable();
        rows.into_iter().map(|(_, _, id)| id).collect()
    }

    /// Rows of distinct ids, some at the same place and some without one.
    fn places() -> impl Strategy<Value = Vec<Place>> {
        let place = prop_oneof![
            1 => Just(None),
            2 => (0..3_u8, 0..3_u8).prop_map(|(x, y)| Some((f64::from(x), f64::from(y)))),
            4 => (-180.0..180.0, -90.0..90.0).prop_map(Some),
        ];
        proptest::collection::btree_map(-1_000..1_000_i64, place, 0..200)
            .prop_map(|rows| rows.into_iter().collect::<Vec<_>>())
            .prop_shuffle()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Neither pages nor memory change what comes out: in memory, in one run, in many, merged several times.
        #[test]
        fn the_order_depends_on_the_rows_alone(rows in places(), page in 1..60_usize) {
            let whole = given_back(&[&rows], usize::MAX);
            prop_assert_eq!(ids(&whole), expected(&rows));
            let pages: Vec<&[Place]> = rows.chunks(page).collect();
            for memory in [usize::MAX, 20_000, 1] {
                prop_assert_eq!(&given_back(&pages, memory), &whole);
            }
        }
    }

    #[test]
    fn many_runs_are_merged_in_steps() {
        // Each batch of 16,384 rows becomes a run, and a memory of one byte merges two at a time.
        let rows: Vec<Place> = (0..70_000_i64)
            .map(|n| {
                let scattered = (n * 7_919) % 70_001;
                let place = (n % 1_000 != 0)
                    .then_some(((scattered % 265) as f64, (scattered / 265) as f64));
                (n, place)
            })
            .collect();
        let pages: Vec<&[Place]> = rows.chunks(2_000).collect();
        let whole = given_back(&pages, usize::MAX);
        assert!(ids(&whole) == expected(&rows));
        assert!(given_back(&pages, 1) == whole);
        assert!(given_back(&pages, 10_000_000) == whole);
    }

    #[test]
    fn work_that_nobody_waits_for_ends() {
        let (schema, rows) = page(&[(1, None), (2, None)]);
        let given_up = GivenUp::default();
        let sort = Sort {
            by: SortBy::place(&schema).unwrap(),
            memory: 1,
            folder: std::env::temp_dir(),
            groups: None,
            given_up: given_up.clone(),
        };
        let mut spool = SortSpool::new(sort, schema.file(), None);
        spool
            .push(SpooledPage::new(0, rows, PageFacts::default()))
            .unwrap();
        given_up.give_up();
        assert!(matches!(spool.finish(), Err(Error::WriterStopped)));
        assert!(spool.next().is_err());
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let (schema, rows) = page(&[(1, None)]);
        let folder = tempfile::tempdir().unwrap();
        let sort = Sort {
            by: SortBy::place(&schema).unwrap(),
            memory: 1,
            folder: folder.path().join("none"),
            groups: None,
            given_up: GivenUp::default(),
        };
        let mut spool = SortSpool::new(sort, schema.file(), None);
        spool
            .push(SpooledPage::new(0, rows, PageFacts::default()))
            .unwrap();
        assert!(matches!(spool.finish(), Err(Error::Spool(_))));
    }
}
