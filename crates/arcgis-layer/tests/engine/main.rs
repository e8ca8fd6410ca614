//! The engine against a server that misbehaves: every row, once, or an error that names it. All cases
//! run in both formats.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod json {
    const FORMAT: arcgis_layer::FormatChoice = arcgis_layer::FormatChoice::Json;
    include!("cases.rs");
    include!("count_cases.rs");
    include!("patience_cases.rs");
    include!("proof_cases.rs");
    include!("lie_cases.rs");
    include!("strategy_cases.rs");
    include!("skip_cases.rs");
    include!("moment_cases.rs");
    include!("again_cases.rs");
    include!("plan_cases.rs");
    include!("seed_cases.rs");
    include!("suspect_cases.rs");
}

mod pbf {
    const FORMAT: arcgis_layer::FormatChoice = arcgis_layer::FormatChoice::Auto;
    include!("cases.rs");
    include!("count_cases.rs");
    include!("patience_cases.rs");
    include!("proof_cases.rs");
    include!("lie_cases.rs");
    include!("strategy_cases.rs");
    include!("skip_cases.rs");
    include!("moment_cases.rs");
    include!("again_cases.rs");
    include!("plan_cases.rs");
    include!("seed_cases.rs");
    include!("suspect_cases.rs");
}
