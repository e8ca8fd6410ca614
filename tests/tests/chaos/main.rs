//! Everything that goes wrong, with every way to get rows, for every shape and format: the file is the
//! one that comes when nothing goes wrong, or the export fails and says what is missing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cell;
mod layers;
mod matrix;
mod troubles;
mod ways;

use std::sync::Arc;

use tokio::task::JoinSet;

use cell::Form;
use layers::Shape;
use matrix::Matrix;
use ways::Way;

/// Cells under way at once.
const AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_trouble_with_every_way() {
    let mut results = Vec::new();
    let mut running = JoinSet::new();
    for shape in Shape::ALL {
        for form in Form::ALL {
            let straight = cell::undisturbed(shape, form, Way::Offset, 0).await;
            let straight = Arc::new(straight);
            let troubles = troubles::all(shape, 0).into_iter().enumerate();
            for (line, trouble) in troubles {
                for way in Way::ALL {
                    let (straight, trouble) = (Arc::clone(&straight), trouble.clone());
                    if running.len() >= AT_ONCE {
                        results.push(running.join_next().await.unwrap().unwrap());
                    }
                    running.spawn(async move {
                        let ended = cell::run(shape, form, way, 0, &trouble, &straight).await;
                        let what = format!("{shape:?} as {form:?}");
                        (line, trouble.name, way, what, ended)
                    });
                }
            }
        }
    }
    while let Some(result) = running.join_next().await {
        results.push(result.unwrap());
    }
    results.sort_by(|a, b| (a.0, &a.3).cmp(&(b.0, &b.3)));
    let mut matrix = Matrix::default();
    for (_, trouble, way, what, ended) in results {
        matrix.enter(&trouble, way, &what, ended);
    }
    println!("{matrix}");
    assert!(matrix.run >= 300, "{} cells", matrix.run);
    assert!(matrix.failures.is_empty(), "{:#?}", matrix.failures);
}
