//! The tables that make a database a GeoPackage, version 1.3: <https://www.geopackage.org/spec130/>.

use rusqlite::{Connection, Result, params};

use crate::crs::{Authority, ResolvedCrs};
use crate::format::cells::{Attributes, CellKind};
use crate::format::wkt2::wkt2;
use crate::geometry_summary::WkbType;

/// `GPKG` as a number, and 1.3 as one.
const HEADER: &str = "PRAGMA application_id = 1196444487; PRAGMA user_version = 10300;";

const CORE: &str = r#"
CREATE TABLE gpkg_spatial_ref_sys (
  srs_name TEXT NOT NULL,
  srs_id INTEGER NOT NULL PRIMARY KEY,
  organization TEXT NOT NULL,
  organization_coordsys_id INTEGER NOT NULL,
  definition TEXT NOT NULL,
  description TEXT,
  definition_12_063 TEXT NOT NULL
);
CREATE TABLE gpkg_contents (
  table_name TEXT NOT NULL PRIMARY KEY,
  data_type TEXT NOT NULL,
  identifier TEXT UNIQUE,
  description TEXT DEFAULT '',
  last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
  min_x DOUBLE,
  min_y DOUBLE,
  max_x DOUBLE,
  max_y DOUBLE,
  srs_id INTEGER,
  CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id)
);
CREATE TABLE gpkg_geometry_columns (
  table_name TEXT NOT NULL,
  column_name TEXT NOT NULL,
  geometry_type_name TEXT NOT NULL,
  srs_id INTEGER NOT NULL,
  z TINYINT NOT NULL,
  m TINYINT NOT NULL,
  CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name),
  CONSTRAINT uk_gc_table_name UNIQUE (table_name),
  CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
  CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id)
);
CREATE TABLE gpkg_extensions (
  table_name TEXT,
  column_name TEXT,
  extension_name TEXT NOT NULL,
  definition TEXT NOT NULL,
  scope TEXT NOT NULL,
  CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name)
);
CREATE TABLE gpkg_metadata (
  id INTEGER CONSTRAINT m_pk PRIMARY KEY ASC NOT NULL,
  md_scope TEXT NOT NULL DEFAULT 'dataset',
  md_standard_uri TEXT NOT NULL,
  mime_type TEXT NOT NULL DEFAULT 'text/xml',
  metadata TEXT NOT NULL DEFAULT ''
);
CREATE TABLE gpkg_metadata_reference (
  reference_scope TEXT NOT NULL,
  table_name TEXT,
  column_name TEXT,
  row_id_value INTEGER,
  timestamp DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
  md_file_id INTEGER NOT NULL,
  md_parent_id INTEGER,
  CONSTRAINT crmr_mfi_fk FOREIGN KEY (md_file_id) REFERENCES gpkg_metadata(id),
  CONSTRAINT crmr_mpi_fk FOREIGN KEY (md_parent_id) REFERENCES gpkg_metadata(id)
);
CREATE TABLE gpkg_data_columns (
  table_name TEXT NOT NULL,
  column_name TEXT NOT NULL,
  name TEXT,
  title TEXT,
  description TEXT,
  mime_type TEXT,
  constraint_name TEXT,
  CONSTRAINT pk_gdc PRIMARY KEY (table_name, column_name),
  CONSTRAINT gdc_tn UNIQUE (table_name, name)
);
INSERT INTO gpkg_spatial_ref_sys VALUES
  ('Undefined Cartesian SRS', -1, 'NONE', -1, 'undefined', 'undefined Cartesian coordinate reference system', 'undefined'),
  ('Undefined geographic SRS', 0, 'NONE', 0, 'undefined', 'undefined geographic coordinate reference system', 'undefined'),
  ('WGS 84 geodetic', 4326, 'EPSG', 4326,
   'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AXIS["Latitude",NORTH],AXIS["Longitude",EAST],AUTHORITY["EPSG","4326"]]',
   'longitude/latitude coordinates in decimal degrees on the WGS 84 spheroid',
   'GEOGCRS["WGS 84",DATUM["World Geodetic System 1984",ELLIPSOID["WGS 84",6378137,298.257223563,LENGTHUNIT["metre",1]]],PRIMEM["Greenwich",0,ANGLEUNIT["degree",0.0174532925199433]],CS[ellipsoidal,2],AXIS["geodetic latitude (Lat)",north,ORDER[1],ANGLEUNIT["degree",0.0174532925199433]],AXIS["geodetic longitude (Lon)",east,ORDER[2],ANGLEUNIT["degree",0.0174532925199433]],ID["EPSG",4326]]');
INSERT INTO gpkg_extensions VALUES
  ('gpkg_spatial_ref_sys', 'definition_12_063', 'gpkg_crs_wkt', 'http://www.geopackage.org/spec120/#extension_crs_wkt', 'read-write'),
  ('gpkg_metadata', NULL, 'gpkg_metadata', 'http://www.geopackage.org/spec120/#extension_metadata', 'read-write'),
  ('gpkg_metadata_reference', NULL, 'gpkg_metadata', 'http://www.geopackage.org/spec120/#extension_metadata', 'read-write'),
  ('gpkg_data_columns', NULL, 'gpkg_schema', 'http://www.geopackage.org/spec120/#extension_schema', 'read-write');
"#;

/// The number of a reference system that has none of its own, as one with heights beside.
const OWN_SRS: i32 = 100_000;

/// A name as SQL wants it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Makes the tables that every GeoPackage has.
pub(super) fn create_core(connection: &Connection) -> Result<()> {
    connection.execute_batch(HEADER)?;
    connection.execute_batch(CORE)
}

/// Enters a reference system, and gives its number.
pub(super) fn enter_srs(connection: &Connection, crs: Option<&ResolvedCrs>) -> Result<i32> {
    let Some(crs) = crs else {
        return Ok(-1);
    };
    let number = i32::try_from(crs.code()).ok();
    let (srs_id, organization, code) = match (crs.vertical(), number) {
        (None, Some(4326)) if crs.authority() == Authority::Epsg => return Ok(4326),
        (None, Some(code)) => (code, crs.authority().to_string(), code),
        _ => (OWN_SRS, "NONE".to_owned(), OWN_SRS),
    };
    let text = wkt2(crs.projjson()).unwrap_or_else(|| "undefined".to_owned());
    connection.execute(
        "INSERT INTO gpkg_spatial_ref_sys VALUES (?1, ?2, ?3, ?4, 'undefined', NULL, ?5)",
        params![crs.name(), srs_id, organization, code, text],
    )?;
    Ok(srs_id)
}

/// What the table of the rows is like.
pub(super) struct Rows<'a> {
    pub(super) table: &'a str,
    /// The name of the primary key.
    pub(super) key: &'a str,
    /// The geometry column and its declared type.
    pub(super) geometry: Option<(&'a str, &'static str)>,
    pub(super) attributes: &'a Attributes,
}

impl Rows<'_> {
    pub(super) fn create(&self, connection: &Connection) -> Result<()> {
        let mut columns = vec![format!(
            "{} INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL",
            quoted(self.key)
        )];
        if let Some((name, declared)) = self.geometry {
            columns.push(format!("{} {declared}", quoted(name)));
        }
        for column in &self.attributes.columns {
            let required = if column.nullable { "" } else { " NOT NULL" };
            let name = quoted(&column.name);
            columns.push(format!("{name} {}{required}", declared(column.kind)));
        }
        let table = quoted(self.table);
        connection.execute_batch(&format!("CREATE TABLE {table} ({})", columns.join(", ")))?;
        for column in &self.attributes.columns {
            let alias = column.alias.as_deref();
            if let Some(alias) = alias.filter(|alias| *alias != column.name) {
                connection.execute(
                    "INSERT INTO gpkg_data_columns (table_name, column_name, title) VALUES (?1, ?2, ?3)",
                    params![self.table, column.name, alias],
                )?;
            }
        }
        if let Some((name, _)) = self.geometry {
            let index = quoted(&self.index(name));
            connection.execute_batch(&format!(
                "CREATE VIRTUAL TABLE {index} USING rtree(id, minx, maxx, miny, maxy)"
            ))?;
        }
        Ok(())
    }

    /// The name of the index.
    pub(super) fn index(&self, column: &str) -> String {
        format!("rtree_{}_{column}", self.table)
    }

    /// The statement that takes a row: the key, the geometry if there is one, the attributes.
    pub(super) fn insert(&self) -> String {
        let columns = 1 + usize::from(self.geometry.is_some()) + self.attributes.columns.len();
        let marks = vec!["?"; columns].join(", ");
        format!("INSERT INTO {} VALUES ({marks})", quoted(self.table))
    }

    /// The triggers that keep the index right when others change rows. They call functions that GeoPackage
    /// software brings along.
    pub(super) fn create_triggers(&self, connection: &Connection) -> Result<()> {
        let Some((column, _)) = self.geometry else {
            return Ok(());
        };
        let name = self.index(column);
        let (table, geometry, key) = (quoted(self.table), quoted(column), quoted(self.key));
        let index = quoted(&name);
        let there = format!("(NEW.{geometry} NOTNULL AND NOT ST_IsEmpty(NEW.{geometry}))");
        let gone = format!("(NEW.{geometry} ISNULL OR ST_IsEmpty(NEW.{geometry}))");
        let enter = format!(
            "INSERT OR REPLACE INTO {index} VALUES (NEW.{key}, ST_MinX(NEW.{geometry}), ST_MaxX(NEW.{geometry}), \
             ST_MinY(NEW.{geometry}), ST_MaxY(NEW.{geometry}));"
        );
        let leave = format!("DELETE FROM {index} WHERE id = OLD.{key};");
        let same = format!("OLD.{key} = NEW.{key}");
        let other = format!("OLD.{key} != NEW.{key}");
        let update_geometry = format!("UPDATE OF {geometry}");
        for (suffix, event, condition, action) in [
            ("insert", "INSERT", there.clone(), enter.clone()),
            (
                "update1",
                update_geometry.as_str(),
                format!("{same} AND {there}"),
                enter.clone(),
            ),
            (
                "update2",
                update_geometry.as_str(),
                format!("{same} AND {gone}"),
                leave.clone(),
            ),
            (
                "update3",
                "UPDATE",
                format!("{other} AND {there}"),
                format!("{leave} {enter}"),
            ),
            (
                "update4",
                "UPDATE",
                format!("{other} AND {gone}"),
                format!("DELETE FROM {index} WHERE id IN (OLD.{key}, NEW.{key});"),
            ),
            (
                "delete",
                "DELETE",
                format!("OLD.{geometry} NOTNULL"),
                leave.clone(),
            ),
        ] {
            let trigger = quoted(&format!("{name}_{suffix}"));
            connection.execute_batch(&format!(
                "CREATE TRIGGER {trigger} AFTER {event} ON {table} WHEN {condition} BEGIN {action} END"
            ))?;
        }
        connection.execute(
            "INSERT INTO gpkg_extensions VALUES (?1, ?2, 'gpkg_rtree_index', \
             'http://www.geopackage.org/spec120/#extension_rtree', 'write-only')",
            params![self.table, column],
        )?;
        Ok(())
    }
}

/// GeoPackage has no time of day.
fn declared(kind: CellKind) -> &'static str {
    match kind {
        CellKind::Int16 => "SMALLINT",
        CellKind::Int32 => "MEDIUMINT",
        CellKind::Int64 => "INTEGER",
        CellKind::Float => "FLOAT",
        CellKind::Double => "DOUBLE",
        CellKind::Text | CellKind::Uuid | CellKind::Time => "TEXT",
        CellKind::Bytes => "BLOB",
        CellKind::Date => "DATE",
        CellKind::Moment { .. } => "DATETIME",
    }
}

/// The name of a geometry type.
pub(super) fn type_name(kind: WkbType) -> &'static str {
    match kind {
        WkbType::Point => "POINT",
        WkbType::LineString => "LINESTRING",
        WkbType::Polygon => "POLYGON",
        WkbType::MultiPoint => "MULTIPOINT",
        WkbType::MultiLineString => "MULTILINESTRING",
        WkbType::MultiPolygon => "MULTIPOLYGON",
    }
}
