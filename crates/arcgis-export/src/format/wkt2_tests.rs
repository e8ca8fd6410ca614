//! Apart from what they test, which `cargo xtask crs-table` compiles too.

use crate::crs::{Authority, projjson};

use super::wkt2::wkt2;

// As PROJ 9.5.1 writes it, but for usage, area and the ids of ensemble members.
#[test]
fn a_projected_system_is_what_proj_writes() {
    let text = wkt2(&projjson(Authority::Epsg, 28992).unwrap()).unwrap();
    for part in [
        r#"PROJCRS["Amersfoort / RD New",BASEGEOGCRS["Amersfoort",DATUM["Amersfoort",ELLIPSOID["Bessel 1841",6377397.155,299.1528128,LENGTHUNIT["metre",1]]]"#,
        r#"METHOD["Oblique Stereographic",ID["EPSG",9809]]"#,
        r#"PARAMETER["False northing",463000,LENGTHUNIT["metre",1],ID["EPSG",8807]]"#,
        r#"CS[Cartesian,2],AXIS["easting (X)",east,ORDER[1],LENGTHUNIT["metre",1]]"#,
        r#"ID["EPSG",28992]]"#,
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn what_is_no_reference_system_has_no_text() {
    for text in ["", "{}", r#"{"type":"GeographicCRS","name":"x"}"#] {
        assert_eq!(wkt2(text), None);
    }
}
