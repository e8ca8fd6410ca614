//! The benchmarks of `benches/`, a workspace of their own that no other stage builds.

use anyhow::{Context as _, Result};

use crate::repository::Repository;
use crate::stage::Verdict;

const MANIFEST: &str = "benches/Cargo.toml";

/// Fails when the benchmarks are not formatted, do not compile, or have warnings. They are not run: how fast a
/// shared machine is says nothing.
pub(crate) fn run(repository: &Repository) -> Result<Verdict> {
    repository
        .run(&["fmt", "--manifest-path", MANIFEST, "--check"])
        .context("run `cargo fmt --manifest-path benches/Cargo.toml`")?;
    repository.run(&[
        "clippy",
        "--manifest-path",
        MANIFEST,
        // What the other stages have built is used again.
        "--target-dir",
        "target",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ])?;
    Ok(Verdict::Passed)
}
