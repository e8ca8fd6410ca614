//! The parts of the way from a page to a file, timed: `cargo bench --bench parts`.

#![allow(missing_docs)]

use arcgis_benches::parts;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn each(criterion: &mut Criterion) {
    for part in parts() {
        let mut group = criterion.benchmark_group(part.name.as_str());
        group.throughput(Throughput::Elements(part.count as u64));
        group.bench_function(part.unit, |bencher| bencher.iter(|| part.run()));
        group.finish();
    }
}

criterion_group!(benches, each);
criterion_main!(benches);
