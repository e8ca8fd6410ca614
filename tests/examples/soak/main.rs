//! Long runs that are no unit tests: `cargo xtask soak [part …]`. Each part prints what it saw, and
//! fails if that is not what it has to be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod child;
#[path = "../../tests/giants/giant.rs"]
mod giant;
mod giants;
#[path = "../../../crates/arcgis-layer/tests/pbf/messages.rs"]
#[allow(dead_code)] // A part is used here.
mod messages;
mod order;
mod resume;
mod ten_million;
mod tokens;

use std::path::Path;
use std::process::ExitCode;

const PARTS: [(&str, fn()); 5] = [
    ("tokens", tokens::run),
    ("resume", resume::run),
    ("ten-million", ten_million::run),
    ("order", order::run),
    ("giants", giants::run),
];

fn main() -> ExitCode {
    let named: Vec<String> = std::env::args().skip(1).collect();
    // The parts start this program again.
    match named.split_first() {
        Some((part, of)) if part == "--serve" => {
            child::run(of);
            return ExitCode::SUCCESS;
        }
        Some((part, of)) if part == "--export" => {
            resume::work(of);
            return ExitCode::SUCCESS;
        }
        Some((part, of)) if part == "--ten-million" => {
            ten_million::work(of);
            return ExitCode::SUCCESS;
        }
        Some((part, of)) if part == "--giant" => {
            giants::work(of);
            return ExitCode::SUCCESS;
        }
        Some((part, of)) if part == "--order" => {
            order::work(of);
            return ExitCode::SUCCESS;
        }
        // What `cargo xtask order` looks at further.
        Some((part, [folder])) if part == "--order-files" => {
            order::files(Path::new(folder));
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    if let Some(unknown) = named
        .iter()
        .find(|name| PARTS.iter().all(|(known, _)| known != name))
    {
        let known: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
        eprintln!(
            "there is no part {unknown}; the parts are {}",
            known.join(", ")
        );
        return ExitCode::FAILURE;
    }
    for (name, run) in PARTS {
        if named.is_empty() || named.iter().any(|wanted| wanted == name) {
            println!("soak {name}");
            run();
        }
    }
    ExitCode::SUCCESS
}
