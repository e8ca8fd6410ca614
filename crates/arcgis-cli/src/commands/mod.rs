//! The commands, one file each.

pub(crate) mod convert;
pub(crate) mod count;
pub(crate) mod export;
pub(crate) mod info;
#[cfg(feature = "demo")]
pub(crate) mod serve;
