//! Pages of both formats, timed: `cargo bench`.

#![allow(missing_docs)]

use arcgis_benches::contestants::CONTESTANTS;
use arcgis_benches::pages;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn decode(criterion: &mut Criterion) {
    for page in pages() {
        let mut group = criterion.benchmark_group(&page.name);
        for contestant in CONTESTANTS {
            let bytes = page.body(contestant.format).len();
            if bytes == 0 {
                continue;
            }
            group.throughput(Throughput::Bytes(bytes as u64));
            group.bench_function(contestant.name, |bencher| {
                bencher.iter(|| (contestant.run)(&page))
            });
        }
        group.finish();
    }
}

criterion_group!(benches, decode);
criterion_main!(benches);
