//! The commands, one file each.

pub(crate) mod config;
pub(crate) mod convert;
pub(crate) mod count;
pub(crate) mod export;
pub(crate) mod info;
pub(crate) mod login;
pub(crate) mod logout;
#[cfg(feature = "demo")]
pub(crate) mod serve;
pub(crate) mod token;
pub(crate) mod whoami;
