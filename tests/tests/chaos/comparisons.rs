//! Servers that do what they should not, all the time: each of 5,000 rows comes once all the same.

use arcgis_export::{LayerExport, RowOrder, WriterOptions};
use arcgis_layer::{Doubt, Layer, LayerAddress, Strategy};
use arcgis_testkit::{Quirk, Testkit};
use arcgis_tests::Bench;

use crate::layers::{self, Shape};

const ROWS: i64 = 5_000;
/// Rows of a page, as advertised.
const PAGE: usize = 500;

/// Exports the rows, compares them with the formulas, and gives how many came which way and what was noticed.
async fn exported(quirk: Quirk) -> (Option<Strategy>, Vec<Doubt>) {
    let layer = layers::layer(Shape::Points, ROWS)
        .with_max_record_count(PAGE)
        .with_quirk(quirk);
    let bench = Bench::start(Testkit::builder().layer(layer)).await;
    let address = LayerAddress::parse(&bench.service.layer_url("t")).unwrap();
    let layer = Layer::open(std::sync::Arc::new(bench.client.clone()), address)
        .await
        .unwrap();
    let (report, file) = bench
        .write(
            LayerExport::new(layer)
                .with_writer(WriterOptions::default().with_order(RowOrder::None)),
        )
        .await
        .unwrap();
    layers::assert_formulas(&file, Shape::Points, ROWS, true);
    assert_eq!(report.rows, 5_000);
    assert_eq!(report.proof.unwrap().level, "object-ids");
    let fired = bench.service.layer("t").unwrap().quirks_fired();
    assert!(fired[0] > 0, "the server behaved");
    let fetch = report.fetch.unwrap();
    let doubts = fetch.doubts.iter().map(|(doubt, _)| doubt).collect();
    (fetch.delivered.most(), doubts)
}

#[tokio::test]
async fn a_server_that_caps_pages_below_its_advertised_limit_loses_none_of_5000_rows() {
    let (most, doubts) = exported(Quirk::ActualCap(77)).await;
    assert_eq!(most, Some(Strategy::Offset));
    assert!(doubts.contains(&Doubt::ShortPage), "{doubts:?}");
}

#[tokio::test]
async fn a_server_that_ignores_offsets_loses_none_of_5000_rows() {
    let (most, doubts) = exported(Quirk::IgnoresOffset).await;
    assert_eq!(most, Some(Strategy::IdRanges));
    assert!(doubts.contains(&Doubt::IgnoredOffset), "{doubts:?}");
}

#[tokio::test]
async fn a_server_that_orders_rows_at_random_loses_none_of_5000_rows() {
    let (most, doubts) = exported(Quirk::IgnoresOrder(3)).await;
    assert_eq!(most, Some(Strategy::IdRanges));
    assert!(doubts.contains(&Doubt::Unordered), "{doubts:?}");
}
