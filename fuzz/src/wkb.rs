//! Pages as Arrow columns, against the rows themselves and against another reader of WKB.
//!
//! A case makes up a page, as for the target `twins`. A value is null in its column if it was, or if it does not fit
//! and is counted; a geometry has to come back from its WKB position by position. Rows that are chosen from pages
//! are the rows of those pages.

use arcgis_export::{ArrowSink, DateZone, ExportSchema, PageBatch};
use arcgis_layer::{
    DecodeContext, Field, FieldType, GeometryType, Layout, PageSink as _, decode_json,
};
use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use arrow_array::types::Float64Type;
use geo_traits::{
    CoordTrait, GeometryTrait, LineStringTrait, MultiLineStringTrait, MultiPointTrait,
    MultiPolygonTrait, PointTrait, PolygonTrait,
};

use super::recorder::{Cell, Row, Shape, decode_bytes};
use super::shape::rings_of;
use super::source::Source;
use super::twins;

/// Makes columns of a made-up page.
pub fn wkb(data: &[u8]) {
    let mut source = Source::new(data);
    let types: Vec<FieldType> = (0..4).map(|_| field_type(source.byte())).collect();
    let choice = source.byte() & !2;
    let page = twins::page(&mut source);
    let layout = typed(twins::layout(&page, choice), &types);
    let body = twins::json(&page);
    let Ok((rows, _)) = decode_bytes(body.as_bytes(), &layout) else {
        return;
    };
    let schema = ExportSchema::new(&layout, DateZone::Utc);
    let sink = ArrowSink::new(schema.clone()).with_lenient(true);
    let decode = || {
        let mut page = sink.page(rows.len());
        decode_json(body.as_bytes(), &DecodeContext::new(&layout), &mut page).unwrap();
        page
    };
    let batch = decode().into_batch().unwrap();
    assert_eq!(batch.batch.num_rows(), rows.len());
    nulls(&batch, &rows, &layout);
    geometries(&batch, &schema, &rows);
    // The rows once more, from two pages and backwards.
    let chosen: Vec<(usize, usize)> = (0..rows.len()).rev().map(|row| (row % 2, row)).collect();
    let chosen = sink.select(vec![decode(), decode()], &chosen).unwrap();
    let chosen = chosen.into_batch().unwrap();
    let mut backwards = rows;
    backwards.reverse();
    nulls(&chosen, &backwards, &layout);
    geometries(&chosen, &schema, &backwards);
    assert_eq!(chosen.misfits.total(), batch.misfits.total());
}

fn field_type(choice: u8) -> FieldType {
    [
        FieldType::String,
        FieldType::SmallInteger,
        FieldType::Integer,
        FieldType::BigInteger,
        FieldType::Single,
        FieldType::Double,
        FieldType::Date,
        FieldType::DateOnly,
        FieldType::TimeOnly,
        FieldType::TimestampOffset,
        FieldType::Guid,
        FieldType::Blob,
    ][usize::from(choice) % 12]
        .clone()
}

/// The same layout with columns of these types; the object id stays what it is.
fn typed(layout: Layout, types: &[FieldType]) -> Layout {
    let id = layout.object_id.as_ref().and_then(|id| id.column);
    let fields: Vec<Field> = layout
        .fields
        .iter()
        .zip(types)
        .enumerate()
        .map(|(place, (field, kind))| {
            let kind = if Some(place) == id {
                FieldType::Oid
            } else {
                kind.clone()
            };
            Field::new(field.name.clone(), kind)
        })
        .collect();
    let mut typed = layout;
    typed.fields = fields.into();
    typed
}

fn nulls(batch: &PageBatch, rows: &[Row], layout: &Layout) {
    for (column, field) in layout.fields.iter().enumerate() {
        let missing = rows.iter().filter(|row| *row.cell(column) == Cell::Null);
        let misfits = batch.misfits.iter().find(|(name, _)| *name == field.name);
        let misfits = misfits.map_or(0, |(_, count)| usize::try_from(count).unwrap());
        let array = batch.batch.column_by_name(&field.name).unwrap();
        assert_eq!(array.null_count(), missing.count() + misfits, "{field:?}");
    }
}

fn geometries(batch: &PageBatch, schema: &ExportSchema, rows: &[Row]) {
    let (Some(name), Some(covering)) = (schema.geometry_name(), schema.covering_name()) else {
        return;
    };
    let column = batch.batch.column_by_name(name).unwrap();
    let values = column.as_binary::<i32>();
    let boxes = batch.batch.column_by_name(covering).unwrap();
    let boxes = boxes.as_struct();
    for (place, row) in rows.iter().enumerate() {
        let Some(shape) = &row.geometry else {
            assert!(values.is_null(place) && boxes.is_null(place));
            continue;
        };
        let bytes = values.value(place);
        let parsed = ::wkb::reader::read_wkb(bytes).unwrap();
        let (wanted, found) = (parts(shape), read(&parsed));
        assert_eq!(bits(&wanted), bits(&found), "{shape:?}");
        let x = wanted.iter().flatten().map(|position| position[0]);
        let (least, most) = (
            x.clone().fold(f64::MAX, f64::min),
            x.fold(f64::MIN, f64::max),
        );
        assert_eq!(boxes.is_null(place), least > most);
        if !boxes.is_null(place) {
            let side = |name: &str| {
                let side = boxes.column_by_name(name).unwrap();
                side.as_primitive::<Float64Type>().value(place)
            };
            assert_eq!((side("xmin"), side("xmax")), (least, most));
        }
    }
}

/// x, y and z of each position of each part; NaN where there is no z.
type Parts = Vec<Vec<[f64; 3]>>;

fn bits(parts: &Parts) -> Vec<Vec<[u64; 3]>> {
    let number = |number: f64| {
        if number.is_nan() {
            u64::MAX
        } else {
            number.to_bits()
        }
    };
    let part = |part: &Vec<[f64; 3]>| part.iter().map(|p| p.map(number)).collect();
    parts.iter().map(part).collect()
}

fn parts(shape: &Shape) -> Parts {
    match shape.kind {
        GeometryType::Point | GeometryType::Multipoint => {
            let mut whole = shape.clone();
            whole.ring_ends = (1..=shape.coords.len() / shape.dims.size()).collect();
            parts_of(&whole)
        }
        _ => parts_of(shape),
    }
}

fn parts_of(shape: &Shape) -> Parts {
    let position = |&[x, y, z, _]: &[f64; 4]| [x, y, z];
    rings_of(shape)
        .iter()
        .map(|ring| ring.iter().map(position).collect())
        .collect()
}

/// What the other reader finds.
fn read(geometry: &impl GeometryTrait<T = f64>) -> Parts {
    use geo_traits::GeometryType as Kind;

    match geometry.as_type() {
        Kind::Point(one) => point(one).into_iter().map(|p| vec![p]).collect(),
        Kind::LineString(line) => Some(self::line(line))
            .filter(|line| !line.is_empty())
            .into_iter()
            .collect(),
        Kind::Polygon(polygon) => rings(polygon),
        Kind::MultiPoint(points) => points
            .points()
            .filter_map(|one| point(&one))
            .map(|p| vec![p])
            .collect(),
        Kind::MultiLineString(lines) => {
            lines.line_strings().map(|line| self::line(&line)).collect()
        }
        Kind::MultiPolygon(polygons) => polygons.polygons().flat_map(|p| rings(&p)).collect(),
        _ => panic!("a kind that is never written"),
    }
}

fn rings(polygon: &impl PolygonTrait<T = f64>) -> Parts {
    let exterior = polygon.exterior().map(|ring| line(&ring));
    exterior
        .into_iter()
        .chain(polygon.interiors().map(|ring| line(&ring)))
        .collect()
}

fn line(line: &impl LineStringTrait<T = f64>) -> Vec<[f64; 3]> {
    line.coords().map(|coord| position(&coord)).collect()
}

fn point(point: &impl PointTrait<T = f64>) -> Option<[f64; 3]> {
    let found = position(&point.coord()?);
    (!found[0].is_nan()).then_some(found)
}

fn position(coord: &impl CoordTrait<T = f64>) -> [f64; 3] {
    let z = if coord.dim().size() > 2 {
        coord.nth_or_panic(2)
    } else {
        f64::NAN
    };
    [coord.x(), coord.y(), z]
}
