use crate::geometry::{Geometry, Vertex, write_vertex, write_vertices};
use crate::spatial::{doubled_area, ring_contains};
use crate::value::{write_int, write_text};

use super::page::Page;

/// A page as `f=geojson`, and how many features it holds.
pub(super) fn write(page: &Page<'_>) -> (Vec<u8>, usize) {
    let names: Vec<_> = page
        .fields()
        .map(|(at, field)| (at, field.name()))
        .collect();
    let mut features = Vec::with_capacity(page.rows.len().min(50_000) * 128);
    let (written, cut) = page.write_features(&mut features, |row, out| {
        out.extend_from_slice(b"{\"type\":\"Feature\",");
        if let Some(id) = page.table.object_id_of(row) {
            out.extend_from_slice(b"\"id\":");
            write_int(id, out);
            out.push(b',');
        }
        out.extend_from_slice(b"\"geometry\":");
        match (&page.geometries, &row.geometry) {
            (Some(geometries), Some(geometry)) => {
                write_geometry(&geometries.prepare(geometry), geometries.has_z, out)
            }
            _ => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"properties\":{");
        for (position, (at, name)) in names.iter().enumerate() {
            if position > 0 {
                out.push(b',');
            }
            write_text(name, out);
            out.push(b':');
            match row.values.get(*at) {
                Some(value) => value.write_json(false, out),
                None => out.extend_from_slice(b"null"),
            }
        }
        out.extend_from_slice(b"}}");
    });

    let mut body = Vec::with_capacity(features.len() + 200);
    body.extend_from_slice(b"{\"type\":\"FeatureCollection\",");
    if let Some(geometries) = &page.geometries {
        let name = geometries.spatial_reference.latest_wkid();
        body.extend_from_slice(
            format!("\"crs\":{{\"type\":\"name\",\"properties\":{{\"name\":\"EPSG:{name}\"}}}},")
                .as_bytes(),
        );
    }
    if let Some(exceeded) = page.exceeded(cut) {
        body.extend_from_slice(
            format!("\"properties\":{{\"exceededTransferLimit\":{exceeded}}},").as_bytes(),
        );
    }
    body.extend_from_slice(b"\"features\":[");
    body.extend_from_slice(&features);
    body.extend_from_slice(b"]}");
    (body, written)
}

fn write_geometry(geometry: &Geometry, has_z: bool, out: &mut Vec<u8>) {
    let has_place = geometry.vertices().next().is_some();
    match geometry {
        Geometry::Point(_) if !has_place => out.extend_from_slice(b"null"),
        Geometry::Point(vertex) => {
            open("Point", out);
            write_vertex(vertex, has_z, false, false, out);
            out.push(b'}');
        }
        Geometry::Multipoint(points) => {
            open("MultiPoint", out);
            write_vertices(points, has_z, false, false, out);
            out.push(b'}');
        }
        Geometry::Polyline(paths) => match paths.as_slice() {
            [path] => {
                open("LineString", out);
                write_vertices(path, has_z, false, false, out);
                out.push(b'}');
            }
            paths => {
                open("MultiLineString", out);
                write_list(paths, out, |path, out| {
                    write_vertices(path, has_z, false, false, out)
                });
                out.push(b'}');
            }
        },
        Geometry::Polygon(rings) => {
            let polygons = polygons(rings);
            let write_polygon = |polygon: &Vec<Vec<Vertex>>, out: &mut Vec<u8>| {
                write_list(polygon, out, |ring, out| {
                    write_vertices(ring, has_z, false, false, out)
                });
            };
            match polygons.as_slice() {
                [polygon] => {
                    open("Polygon", out);
                    write_polygon(polygon, out);
                }
                polygons => {
                    open("MultiPolygon", out);
                    write_list(polygons, out, write_polygon);
                }
            }
            out.push(b'}');
        }
    }
}

fn open(kind: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"coordinates\":");
}

fn write_list<T>(items: &[T], out: &mut Vec<u8>, mut write: impl FnMut(&T, &mut Vec<u8>)) {
    out.push(b'[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

/// Rings by polygon: clockwise rings are shells, each other ring goes to the smallest shell around it, or becomes a shell if there is none.
/// Shells come out counter-clockwise and holes clockwise, as RFC 7946 wants them.
fn polygons(rings: &[Vec<Vertex>]) -> Vec<Vec<Vec<Vertex>>> {
    let (mut shells, holes): (Vec<_>, Vec<_>) = rings
        .iter()
        .filter(|ring| !ring.is_empty())
        .map(|ring| (ring, doubled_area(ring)))
        .partition(|(_, area)| *area <= 0.0);
    let mut homes: Vec<(usize, &Vec<Vertex>)> = Vec::new();
    for (hole, area) in holes {
        let inside = |shell: &[Vertex]| {
            hole.iter()
                .filter(|vertex| ring_contains(shell, vertex.x, vertex.y))
                .count()
                * 2
                > hole.len()
        };
        let home = shells
            .iter()
            .enumerate()
            .filter(|(_, (shell, _))| inside(shell))
            .min_by(|(_, (_, a)), (_, (_, b))| a.abs().total_cmp(&b.abs()));
        match home.map(|(at, _)| at) {
            Some(at) => homes.push((at, hole)),
            None => shells.push((hole, area)),
        }
    }
    shells
        .iter()
        .enumerate()
        .map(|(at, (shell, area))| {
            let mut polygon = vec![if *area <= 0.0 {
                reversed(shell)
            } else {
                (*shell).clone()
            }];
            polygon.extend(
                homes
                    .iter()
                    .filter(|(home, _)| *home == at)
                    .map(|(_, hole)| reversed(hole)),
            );
            polygon
        })
        .collect()
}

fn reversed(ring: &[Vertex]) -> Vec<Vertex> {
    ring.iter().rev().copied().collect()
}
