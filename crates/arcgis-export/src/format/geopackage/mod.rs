//! GeoPackage: <https://www.geopackage.org>.

mod blob;
mod tables;

use std::fs::File;
use std::io::{self, Seek};

use arcgis_layer::GeometryType;
use arrow_array::RecordBatch;
use rusqlite::types::Null;
use rusqlite::{Connection, OpenFlags, Result as SqlResult, Statement, params};
use tempfile::TempPath;

use crate::error::Error;
use crate::geometry_summary::{GeometrySummary, WkbType};
use crate::provenance::Provenance;
use crate::schema::ExportSchema;

use self::tables::{Rows, quoted};
use super::cells::{Attributes, Cell, Cells, uuid};
use super::iso::{IsoDate, IsoMoment, IsoTime};
use super::scratch::Scratch;
use super::shape::{Bounds, Shape};
use super::unfit::Unfit;
use super::{Counted, FileWriter, NewFile, Written};

/// Pages that are in memory at most, in KiB: 64 MiB.
const CACHE: i64 = 65_536;

/// One table of features (or of attributes, where there is no geometry), with its R-tree. The database is made
/// in a file without a name and goes to the output when it is whole.
///
/// Lines and polygons are multi-part in every row. Rows are numbered from 1 in a column `fid`; the object id is
/// a column as all others. Moments are in UTC, for the format knows nothing else. Where the rows come from is
/// in `gpkg_metadata`.
pub(crate) struct GeoPackageWriter {
    output: Counted,
    database: Database,
    schema: ExportSchema,
    attributes: Attributes,
    table: String,
    key: String,
    srs_id: i32,
    unfit: Unfit,
    shape: Shape,
    blob: Vec<u8>,
    found: Found,
    rows: u64,
}

/// What geometries there are.
#[derive(Debug)]
struct Found {
    kind: Option<WkbType>,
    several: bool,
    with_z: bool,
    without_z: bool,
    with_m: bool,
    without_m: bool,
    bounds: Bounds,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            kind: None,
            several: false,
            with_z: false,
            without_z: false,
            with_m: false,
            without_m: false,
            bounds: Bounds::NONE,
        }
    }
}

impl Found {
    fn add(&mut self, shape: &Shape, bounds: Option<Bounds>) {
        let kind = blob::promoted(shape.kind);
        match self.kind {
            None => self.kind = Some(kind),
            Some(first) => self.several |= first != kind,
        }
        self.with_z |= shape.has_z;
        self.without_z |= !shape.has_z;
        self.with_m |= shape.has_m;
        self.without_m |= !shape.has_m;
        if let Some(bounds) = bounds {
            self.bounds.join(&bounds);
        }
    }
}

/// Prohibited, mandatory or optional.
fn presence(with: bool, without: bool) -> u8 {
    match (with, without) {
        (false, _) => 0,
        (true, false) => 1,
        (true, true) => 2,
    }
}

/// The type that the rows of a layer have.
fn layer_type(kind: GeometryType) -> &'static str {
    match kind {
        GeometryType::Point => "POINT",
        GeometryType::Multipoint => "MULTIPOINT",
        GeometryType::Polyline => "MULTILINESTRING",
        GeometryType::Polygon | GeometryType::Envelope => "MULTIPOLYGON",
        _ => "GEOMETRY",
    }
}

impl GeoPackageWriter {
    pub(crate) fn begin(new: NewFile<'_>) -> Result<Self, Error> {
        let database =
            Database::new(&Scratch::of(new.options, &new.output)).map_err(Error::write)?;
        // SQLite tells names apart by more than case.
        let attributes =
            Attributes::of(new.schema)?.told_apart(new.schema.geometry_name().into_iter());
        let mut writer = Self {
            key: attributes.free_name("fid"),
            table: table_name(new.provenance.layer.as_deref()),
            unfit: Unfit::new(new.format, new.lenient),
            output: new.output,
            database,
            schema: new.schema.clone(),
            attributes,
            srs_id: 0,
            shape: Shape::default(),
            blob: Vec::new(),
            found: Found::default(),
            rows: 0,
        };
        writer.create().map_err(Error::write)?;
        Ok(writer)
    }

    fn create(&mut self) -> SqlResult<()> {
        // One process, one pass, and a file that nobody has seen: nothing to take back, nothing to sync.
        self.database.connection.execute_batch(&format!(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; \
             PRAGMA cache_size = -{CACHE}; PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = OFF;"
        ))?;
        self.database.connection.execute_batch("BEGIN")?;
        tables::create_core(&self.database.connection)?;
        if self.schema.geometry_name().is_some() {
            self.srs_id = tables::enter_srs(&self.database.connection, self.schema.crs())?;
        }
        self.layout().create(&self.database.connection)
    }

    fn layout(&self) -> Rows<'_> {
        let kind = self.schema.geometry_type().map_or("GEOMETRY", layer_type);
        Rows {
            table: &self.table,
            key: &self.key,
            geometry: self.schema.geometry_name().map(|name| (name, kind)),
            attributes: &self.attributes,
        }
    }

    /// The tables that say what is in the table of the rows.
    fn describe(&self, provenance: &Provenance) -> SqlResult<()> {
        let connection = &self.database.connection;
        let found = &self.found;
        let layout = self.layout();
        let bounds = (found.bounds.xmin <= found.bounds.xmax).then_some(found.bounds);
        let changed = provenance
            .retrieved
            .map_or(0, |moment| moment.as_microsecond());
        let changed = IsoMoment {
            microseconds: changed.into(),
            utc: true,
            milliseconds: true,
        }
        .to_string();
        connection.execute(
            "INSERT INTO gpkg_contents VALUES (?1, ?2, ?1, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                self.table,
                if layout.geometry.is_some() {
                    "features"
                } else {
                    "attributes"
                },
                provenance.copyright.as_deref().unwrap_or_default(),
                changed,
                bounds.map(|bounds| bounds.xmin),
                bounds.map(|bounds| bounds.ymin),
                bounds.map(|bounds| bounds.xmax),
                bounds.map(|bounds| bounds.ymax),
                layout.geometry.map(|_| self.srs_id),
            ],
        )?;
        if let Some((column, declared)) = layout.geometry {
            let kind = match found.kind {
                _ if found.several => "GEOMETRY",
                Some(kind) => tables::type_name(kind),
                None => declared,
            };
            connection.execute(
                "INSERT INTO gpkg_geometry_columns VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    self.table,
                    column,
                    kind,
                    self.srs_id,
                    presence(found.with_z, found.without_z),
                    presence(found.with_m, found.without_m),
                ],
            )?;
        }
        connection.execute(
            "INSERT INTO gpkg_metadata VALUES (1, 'dataset', ?1, 'application/json', ?2)",
            params![env!("CARGO_PKG_REPOSITORY"), provenance.json(self.rows)],
        )?;
        connection.execute(
            "INSERT INTO gpkg_metadata_reference VALUES ('table', ?1, NULL, NULL, ?2, 1, NULL)",
            params![self.table, changed],
        )?;
        layout.create_triggers(connection)
    }
}

impl FileWriter for GeoPackageWriter {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let cells = self.attributes.cells(batch)?;
        let layout = self.layout();
        let (insert, with_geometry) = (layout.insert(), layout.geometry.is_some());
        let index = layout.geometry.map(|(column, _)| {
            let index = quoted(&layout.index(column));
            format!("INSERT INTO {index} VALUES (?1, ?2, ?3, ?4, ?5)")
        });
        let connection = &self.database.connection;
        let mut rows = connection.prepare(&insert).map_err(Error::write)?;
        let mut index = match &index {
            Some(index) => Some(connection.prepare(index).map_err(Error::write)?),
            None => None,
        };
        for row in 0..batch.num_rows() {
            self.rows += 1;
            // A file cannot have more rows than that.
            let key = i64::try_from(self.rows).unwrap_or(i64::MAX);
            bind(&mut rows, 1, key)?;
            let mut at = 2;
            if with_geometry {
                match cells.geometry(row) {
                    Some(wkb) => {
                        self.shape.read(wkb)?;
                        let bounds = self.shape.bounds();
                        self.found.add(&self.shape, bounds);
                        blob::encode(&mut self.blob, self.srs_id, &self.shape, wkb);
                        bind(&mut rows, at, self.blob.as_slice())?;
                        if let (Some(index), Some(bounds)) = (&mut index, bounds) {
                            let Bounds {
                                xmin,
                                ymin,
                                xmax,
                                ymax,
                            } = bounds;
                            index
                                .execute(params![key, xmin, xmax, ymin, ymax])
                                .map_err(Error::write)?;
                        }
                    }
                    None => bind(&mut rows, at, Null)?,
                }
                at += 1;
            }
            bind_cells(
                &mut rows,
                at,
                &cells,
                row,
                &self.attributes,
                &mut self.unfit,
            )?;
            rows.raw_execute().map_err(Error::write)?;
        }
        Ok(())
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn finish(
        self: Box<Self>,
        _geometry: &GeometrySummary,
        provenance: &Provenance,
    ) -> Result<Written, Error> {
        self.describe(provenance).map_err(Error::write)?;
        let Self {
            mut output,
            database,
            unfit,
            ..
        } = *self;
        database.copy(&mut output)?;
        Ok(Written {
            misfits: unfit.counts(),
            ..Written::new(output)
        })
    }
}

fn bind(
    statement: &mut Statement<'_>,
    at: usize,
    value: impl rusqlite::ToSql,
) -> Result<(), Error> {
    statement
        .raw_bind_parameter(at, value)
        .map_err(Error::write)
}

fn bind_cells(
    statement: &mut Statement<'_>,
    first: usize,
    cells: &Cells<'_>,
    row: usize,
    attributes: &Attributes,
    unfit: &mut Unfit,
) -> Result<(), Error> {
    for ((at, column), cell) in (first..).zip(&attributes.columns).zip(cells.row(row)) {
        match cell {
            Cell::Null => bind(statement, at, Null)?,
            Cell::Integer(number) => bind(statement, at, number)?,
            Cell::Float(number) if number.is_nan() => {
                unfit.null(&column.name, number.into())?;
                bind(statement, at, Null)?;
            }
            Cell::Double(number) if number.is_nan() => {
                unfit.null(&column.name, number)?;
                bind(statement, at, Null)?;
            }
            Cell::Float(number) => bind(statement, at, f64::from(number))?,
            Cell::Double(number) => bind(statement, at, number)?,
            Cell::Text(text) => bind(statement, at, text)?,
            Cell::Bytes(bytes) => bind(statement, at, bytes)?,
            Cell::Uuid(bytes) => bind(statement, at, uuid(bytes))?,
            Cell::Date(days) => bind(statement, at, IsoDate(days.into()).to_string())?,
            Cell::Time(time) => bind(statement, at, IsoTime(time.into()).to_string())?,
            Cell::Moment { microseconds, .. } => {
                let moment = IsoMoment {
                    microseconds,
                    utc: true,
                    milliseconds: true,
                };
                bind(statement, at, moment.to_string())?;
            }
        }
    }
    Ok(())
}

/// The layer's name, unless it is one that the format keeps for itself.
fn table_name(layer: Option<&str>) -> String {
    let name = layer
        .unwrap_or_default()
        .trim()
        .replace(char::is_control, " ");
    let lower = name.to_lowercase();
    let kept = ["gpkg", "sqlite_", "rtree_"];
    if name.is_empty() || kept.iter().any(|prefix| lower.starts_with(prefix)) {
        return format!("layer_{name}").trim_end_matches('_').to_owned();
    }
    name
}

/// A database in a file that nobody else sees.
struct Database {
    connection: Connection,
    file: File,
    /// Its name, where a file that is open cannot do without: it goes last.
    name: Option<TempPath>,
}

impl Database {
    fn new(scratch: &Scratch) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let (file, path) = scratch.named()?.into_parts();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags)?;
        // Whatever ends the process, nothing stays behind.
        let name = if cfg!(unix) {
            path.close()?;
            None
        } else {
            Some(path)
        };
        Ok(Self {
            connection,
            file,
            name,
        })
    }

    /// Closes the database, and brings it to the output.
    fn copy(self, output: &mut impl io::Write) -> Result<(), Error> {
        let Self {
            connection,
            mut file,
            name,
        } = self;
        connection.execute_batch("COMMIT").map_err(Error::write)?;
        connection
            .close()
            .map_err(|(_, error)| Error::write(error))?;
        file.rewind()
            .and_then(|()| io::copy(&mut file, output))
            .map_err(Error::write)?;
        drop(name);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use crate::{Conversion, LocalFile};

    #[test]
    fn columns_that_differ_in_case_alone_are_told_apart() {
        let answer = br#"{"geometryType": "esriGeometryPoint", "spatialReference": {"wkid": 4326},
            "objectIdFieldName": "OBJECTID",
            "fields": [
                {"name": "OBJECTID", "type": "esriFieldTypeOID"}, {"name": "Name", "type": "esriFieldTypeString"},
                {"name": "NAME", "type": "esriFieldTypeString"}, {"name": "name_1", "type": "esriFieldTypeString"},
                {"name": "geometry", "type": "esriFieldTypeString"}, {"name": "Geometry", "type": "esriFieldTypeString"},
                {"name": "FID", "type": "esriFieldTypeInteger"}],
            "features": [{"geometry": {"x": 1, "y": 2}, "attributes": {"OBJECTID": 5, "Name": "a", "NAME": "b",
                "name_1": "c", "geometry": "d", "Geometry": "e", "FID": 7}}]}"#;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("odd.gpkg");
        Conversion::new(answer).to(&LocalFile::new(&path)).unwrap();
        let database = Connection::open(&path).unwrap();
        let table = "SELECT table_name FROM gpkg_contents";
        let table: String = database.query_row(table, [], |row| row.get(0)).unwrap();
        let mut rows = database
            .prepare(&format!("SELECT * FROM \"{table}\""))
            .unwrap();
        let names: Vec<&str> = rows.column_names().collect();
        assert_eq!(
            names,
            [
                "fid_1",
                "geometry_1",
                "OBJECTID",
                "Name",
                "NAME_2",
                "name_1",
                "geometry",
                "Geometry_2",
                "FID"
            ]
        );
        let texts = rows.query_row([], |row| {
            [3, 4, 5, 6, 7]
                .map(|place| row.get::<_, String>(place))
                .into_iter()
                .collect::<Result<Vec<_>, _>>()
        });
        assert_eq!(texts.unwrap(), ["a", "b", "c", "d", "e"]);
    }
}
