//! rustdoc with warnings as errors.

use anyhow::Result;

use crate::repository::Repository;
use crate::stage::Verdict;

/// Documents the workspace twice: once as readers see it, where a public page must not link to a
/// private item, and once with the private items, whose links must lead somewhere too.
pub(crate) fn run(repository: &Repository) -> Result<Verdict> {
    let public = ["doc", "--workspace", "--no-deps", "--all-features"];
    let mut private = public.to_vec();
    private.push("--document-private-items");
    let strict = [("RUSTDOCFLAGS", "-D warnings")];
    repository.run_with(&private, &strict)?;
    // The second one stays in the folder `doc`: it is the one to read.
    repository.run_with(&public, &strict)?;
    Ok(Verdict::Passed)
}
