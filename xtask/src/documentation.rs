//! rustdoc with warnings as errors.

use anyhow::Result;

use crate::repository::Repository;
use crate::stage::Verdict;

const PUBLIC: [&str; 4] = ["doc", "--workspace", "--no-deps", "--all-features"];
const STRICT: [(&str, &str); 1] = [("RUSTDOCFLAGS", "-D warnings")];

/// Documents the workspace twice: once as readers see it, where a public page must not link to a
/// private item, and once with the private items, whose links must lead somewhere too.
pub(crate) fn run(repository: &Repository) -> Result<Verdict> {
    let mut private = PUBLIC.to_vec();
    private.push("--document-private-items");
    repository.run_with(&private, &STRICT)?;
    // The second one stays in the folder `doc`: it is the one to read.
    public(repository)?;
    Ok(Verdict::Passed)
}

/// Documents what readers see, into the folder `doc` of the target folder.
pub(crate) fn public(repository: &Repository) -> Result<()> {
    repository.run_with(&PUBLIC, &STRICT)
}
