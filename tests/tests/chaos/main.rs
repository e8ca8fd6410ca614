//! Everything that goes wrong, with every way to get rows, for every shape and format: the file is the
//! one that comes when nothing goes wrong, or the export fails and says what is missing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cell;
mod comparisons;
mod layers;
mod matrix;
mod proxy;
mod rows;
mod trouble;
mod troubles;
mod ways;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use cell::Form;
use layers::Shape;
use matrix::Matrix;
use ways::Way;

/// Cells under way at once.
const AT_ONCE: usize = 12;

/// The longest that a cell may take, also where others want the machine: nothing waits for longer than a few
/// milliseconds.
const LONGEST: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_trouble_with_every_way() {
    let mut matrix = Matrix::default();
    let mut running = JoinSet::new();
    let mut turn = 0;
    for shape in Shape::ALL {
        for form in Form::ALL {
            turn += 1;
            // Once for each kind of ids: the rows do not depend on the way.
            let mut straight = HashMap::new();
            for way in [Way::Offset, Way::NoIds, Way::HashedIds] {
                let batch = cell::undisturbed(shape, form, way).await;
                straight.insert(way.ids(), Arc::new(batch));
            }
            for way in Way::ALL.into_iter().filter(|way| way.is_for(shape)) {
                for (line, trouble) in troubles::all(shape, form, way).into_iter().enumerate() {
                    if way.is_variant() && line % 6 + 1 != turn {
                        continue;
                    }
                    if running.len() >= AT_ONCE {
                        let (way, name, what, ended) = running.join_next().await.unwrap().unwrap();
                        matrix.enter(name, way, what, ended);
                    }
                    matrix.name(&trouble.name);
                    let straight = Arc::clone(&straight[&way.ids()]);
                    running.spawn(async move {
                        let run = cell::run(shape, form, way, &trouble, &straight);
                        let ended = tokio::time::timeout(LONGEST, run).await;
                        let ended = ended.unwrap_or_else(|_| Err("takes too long".to_owned()));
                        (way, trouble.name, (shape, form), ended)
                    });
                }
            }
        }
    }
    while let Some(result) = running.join_next().await {
        let (way, name, what, ended) = result.unwrap();
        matrix.enter(name, way, what, ended);
    }
    println!("{matrix}");
    assert!(matrix.run() >= 300, "{} cells", matrix.run());
    assert!(matrix.failures.is_empty(), "{:#?}", matrix.failures);
}
