//! The commands, one file each.

mod attachments;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod convert;
pub(crate) mod count;
pub(crate) mod crawl;
pub(crate) mod export;
pub(crate) mod extent;
pub(crate) mod head;
pub(crate) mod ids;
pub(crate) mod info;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod manual;
mod outcome;
pub(crate) mod preview;
pub(crate) mod related;
#[cfg(feature = "demo")]
pub(crate) mod serve;
mod service;
mod service_sync;
pub(crate) mod stats;
pub(crate) mod sync;
pub(crate) mod token;
pub(crate) mod values;
pub(crate) mod whoami;
