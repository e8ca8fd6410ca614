//! Rows of two files, side by side.

use arcgis_tests::Wkb;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type};
use arrow_array::{Array, BooleanArray, RecordBatch, UInt32Array};
use arrow_select::filter::filter_record_batch;
use arrow_select::take::take_record_batch;

fn keys(batch: &RecordBatch) -> Vec<i64> {
    let keys = batch.column_by_name("KEY").unwrap();
    let keys = keys.as_primitive::<Int32Type>().iter();
    keys.map(|key| i64::from(key.unwrap())).collect()
}

/// The rows in the order of their keys.
pub(crate) fn by_key(batch: &RecordBatch) -> RecordBatch {
    let keys = keys(batch);
    let mut places: Vec<u32> = (0..).take(keys.len()).collect();
    places.sort_by_key(|place| keys[*place as usize]);
    take_record_batch(batch, &UInt32Array::from(places)).unwrap()
}

/// The rows whose keys are some of those.
pub(crate) fn only(batch: &RecordBatch, keep: impl Fn(i64) -> bool) -> RecordBatch {
    let mask: BooleanArray = keys(batch).into_iter().map(|key| Some(keep(key))).collect();
    filter_record_batch(batch, &mask).unwrap()
}

/// The value of the one row with this key.
pub(crate) fn value_of(batch: &RecordBatch, key: i64) -> Option<f64> {
    let row = only(batch, |other| other == key);
    let values = row.column_by_name("VALUE")?.as_primitive::<Float64Type>();
    (row.num_rows() == 1).then(|| values.value(0))
}

/// Whether two files have the same rows, value for value; coordinates to a millionth if they lie on other grids.
///
/// # Errors
///
/// What differs.
pub(crate) fn same(
    got: &RecordBatch,
    wanted: &RecordBatch,
    other_grid: bool,
) -> Result<(), String> {
    if got == wanted {
        return Ok(());
    }
    let (got_keys, wanted_keys) = (keys(got), keys(wanted));
    if got_keys != wanted_keys {
        let lost: Vec<_> = wanted_keys
            .iter()
            .filter(|key| !got_keys.contains(key))
            .collect();
        let more = got_keys.len() + lost.len() - wanted_keys.len();
        return Err(format!(
            "other rows: {lost:?} lost, {more} more, or not in order"
        ));
    }
    for (field, (got, wanted)) in wanted
        .schema()
        .fields()
        .iter()
        .zip(got.columns().iter().zip(wanted.columns()))
    {
        let place = matches!(field.name().as_str(), "geometry" | "bbox");
        if got != wanted && !(place && other_grid) {
            return Err(format!("other values of {}", field.name()));
        }
        if got != wanted && field.name() == "geometry" && !are_near(got, wanted) {
            return Err("other places".to_owned());
        }
    }
    Ok(())
}

fn are_near(got: &dyn Array, wanted: &dyn Array) -> bool {
    let (got, wanted) = (got.as_binary::<i32>(), wanted.as_binary::<i32>());
    got.iter().zip(wanted.iter()).all(|pair| match pair {
        (None, None) => true,
        (Some(got), Some(wanted)) => {
            let (got, wanted) = (Wkb::parse(got), Wkb::parse(wanted));
            let (got, wanted) = (got.positions(), wanted.positions());
            let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-6;
            got.len() == wanted.len()
                && got
                    .iter()
                    .zip(&wanted)
                    .all(|(a, b)| a.iter().zip(*b).all(near))
        }
        _ => false,
    })
}
