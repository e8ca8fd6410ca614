//! What comes in place of the geometry: which requests have it, and which layers.

use arcgis_layer::{Bbox, GeometryForm, Quantization, Query};
use serde_json::{Value, json};

use crate::{info, layer};

#[test]
fn a_form_is_refused_for_all_that_is_fetched_as_a_whole() {
    for form in [
        GeometryForm::Centroid,
        GeometryForm::Envelope,
        GeometryForm::Quantized(Quantization::edit()),
    ] {
        let error = Query::new()
            .with_geometry_form(form)
            .resolve(&layer())
            .unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("geometry_form"), "{text}");
        assert!(text.contains("head, sample"), "{text}");
    }
    for name in [
        "returnCentroid",
        "ReturnEnvelope",
        "quantizationParameters",
        "text",
        "maxRecordCountFactor",
        "defaultSR",
        "resultType",
        "orderByFields",
        "returnExceededLimitFeatures",
    ] {
        let error = Query::new().with_param(name, "1").resolve(&layer());
        let text = error.unwrap_err().to_string();
        assert!(text.contains("cannot be set"), "{name}: {text}");
    }
}

#[test]
fn grids_are_written_as_the_parameter_has_them() {
    let value = |grid: Quantization| -> Value { serde_json::from_str(&grid.to_string()).unwrap() };
    assert_eq!(
        value(Quantization::edit()),
        json!({"mode": "edit", "originPosition": "upperLeft"})
    );
    let extent = Bbox {
        xmin: 1.0,
        ymin: 2.0,
        xmax: 3.5,
        ymax: 4.0,
    };
    assert_eq!(
        value(
            Quantization::view(0.25)
                .with_lower_left_origin()
                .with_extent(extent)
        ),
        json!({
            "mode": "view", "originPosition": "lowerLeft", "tolerance": 0.25,
            "extent": {"xmin": 1.0, "ymin": 2.0, "xmax": 3.5, "ymax": 4.0}
        })
    );
}

#[test]
fn abilities_for_forms_are_read() {
    let info = info(|document| {
        document["supportsCoordinatesQuantization"] = json!(true);
        document["advancedQueryCapabilities"] = json!({
            "supportsReturningGeometryCentroid": false, "supportsReturningGeometryEnvelope": true
        });
    });
    let advanced = info.advanced;
    assert_eq!(
        (advanced.quantization, advanced.centroid, advanced.envelope),
        (Some(true), Some(false), Some(true))
    );
}
