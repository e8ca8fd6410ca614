//! Pages of protocol buffers, against `prost`, the same pages in JSON, real answers, and an encoder of another hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod captures;
mod compare;
mod geometry;
mod http;
mod messages;
mod oracle;
mod pages;
mod properties;
#[path = "../decode/recorder.rs"]
#[allow(dead_code)] // Each suite uses a part of it.
mod recorder;
mod service;
