//! Whether a file still has the columns that an export would have now.

use arrow_schema::Field;

use super::earlier::EarlierExport;
use super::error::SyncError;
use crate::provenance::schema_hash;
use crate::report::spatial_reference;
use crate::schema::ExportSchema;

/// Refuses a file with other columns, and names the first thing that differs.
///
/// # Errors
///
/// [`SyncError::Differs`].
pub(super) fn check_columns(old: &EarlierExport, schema: &ExportSchema) -> Result<(), SyncError> {
    let hash = schema_hash(schema);
    let was = old.needed("schema_hash")?;
    if was == hash {
        return Ok(());
    }
    if schema.geometry_name().is_some() {
        let (was, is) = (
            old.value("spatial_reference").unwrap_or("none"),
            spatial_reference(schema),
        );
        if was != is {
            return Err(old.differs("reference system", was, is));
        }
    }
    let geometry = [schema.geometry_name(), schema.covering_name()];
    let is_attribute = |field: &&Field| !geometry.contains(&Some(field.name().as_str()));
    let was_fields = || old.schema().fields().iter().map(AsRef::as_ref);
    let is_fields = || schema.table().fields().iter().map(AsRef::as_ref);
    let there = "a column of the file";
    for was in was_fields().filter(is_attribute) {
        let what = format!("column {}", was.name());
        match is_fields().find(|is| is.name() == was.name()) {
            None => return Err(old.differs(what, there, "no field of the layer")),
            Some(is) => {
                if let Some((was, is)) = difference(was, is) {
                    return Err(old.differs(what, was, is));
                }
            }
        }
    }
    for is in is_fields().filter(is_attribute) {
        if !was_fields().any(|was| was.name() == is.name()) {
            let what = format!("column {}", is.name());
            return Err(old.differs(what, "no column of the file", "a field of the layer"));
        }
    }
    let order = |names: Vec<&str>| names.join(", ");
    let was_order: Vec<&str> = was_fields()
        .filter(is_attribute)
        .map(|f| f.name().as_str())
        .collect();
    let is_order: Vec<&str> = is_fields()
        .filter(is_attribute)
        .map(|f| f.name().as_str())
        .collect();
    if was_order != is_order {
        return Err(old.differs("order of columns", order(was_order), order(is_order)));
    }
    Err(old.differs("geometry column or set of columns", was, hash))
}

/// The first thing that is not the same in two columns of one name.
fn difference(was: &Field, is: &Field) -> Option<(String, String)> {
    if was.data_type() != is.data_type() {
        return Some((was.data_type().to_string(), is.data_type().to_string()));
    }
    let mut keys: Vec<&String> = was.metadata().keys().chain(is.metadata().keys()).collect();
    keys.sort();
    keys.into_iter().find_map(|key| {
        let [was, is] = [was, is].map(|field| field.metadata().get(key));
        let said = |value: Option<&String>| match value {
            Some(value) => format!("{key} {value}"),
            None => format!("no {key}"),
        };
        (was != is).then(|| (said(was), said(is)))
    })
}
