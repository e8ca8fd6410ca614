//! `arcgis crawl`: everything that a server has.

use std::io::Write;

use anyhow::Result;
use arcgis_rest::layer::{Crawl, CrawlEntry, Directory, ResourceAddress};
use futures_util::StreamExt;
use indicatif::ProgressBar;
use serde_json::json;

use crate::args::{CrawlArgs, OutputArgs};
use crate::exit::{Exit, Failure, one_line};
use crate::facts::counted;
use crate::listing::Listing;
use crate::pasted::Pasted;
use crate::settings::Settings;
use crate::target::Target;

/// Prints what there is, and then fails if some of it did not answer.
pub(crate) async fn run(
    args: &CrawlArgs,
    output: OutputArgs,
    settings: &mut Settings,
) -> Result<()> {
    Pasted::of(&args.root).tell_unused(output.quiet);
    let (connection, credentials) = (&args.connection, &args.credentials);
    let target = Target::new(&args.root, connection, credentials, None, settings).await?;
    let target = target.with_shown_requests(args.requests.show_requests);
    let mut crawl = Crawl::new(target.transport());
    if !args.no_counts {
        crawl = crawl.with_counts();
    }
    let mut coming = crawl.entries(target.address.clone());
    // On a terminal alone, as indicatif has it.
    let spinner = match output.quiet || args.requests.show_requests {
        true => ProgressBar::hidden(),
        false => ProgressBar::new_spinner(),
    };
    let mut entries = Vec::new();
    while let Some(entry) = coming.next().await {
        spinner.set_message(one_line(entry.url()));
        spinner.tick();
        entries.push(entry);
    }
    spinner.finish_and_clear();
    // Where there is no way in at all, the reason is the error.
    if let [only] = entries.as_slice()
        && only.error().is_some()
    {
        no_way_in(&target).await?;
    }
    let failed = entries
        .iter()
        .filter(|entry| entry.error().is_some())
        .count() as u64;
    let mut out = anstream::stdout().lock();
    if output.json {
        let said = json!({ "root": target.address.to_string(), "entries": entries });
        writeln!(out, "{said:#}")?;
    } else {
        let table = listing(&entries);
        if args.table.csv {
            table.write_csv(&mut out)?;
        } else {
            table.write(&mut out)?;
        }
    }
    out.flush()?;
    if failed > 0 {
        let failure = Failure::new(
            Exit::Service,
            format!(
                "{} could not be read in full; all else is listed",
                counted(failed, "entry")
            ),
        );
        return Err(failure.within_result().into());
    }
    Ok(())
}

/// Asks once more for the place where the crawl began, for the sake of its error.
async fn no_way_in(target: &Target) -> Result<()> {
    match &target.address {
        ResourceAddress::Directory(address) => {
            Directory::fetch(&*target.transport(), address).await?;
        }
        ResourceAddress::Service(address) => {
            target.service_info(address).await?;
        }
        ResourceAddress::Layer(address) => {
            target.layer_info(address).await?;
        }
        _ => {}
    }
    Ok(())
}

/// A row for each layer and table, and for all else that has none.
fn listing(entries: &[CrawlEntry]) -> Listing {
    let head = [
        "Service", "Id", "Name", "Kind", "Geometry", "CRS", "Rows", "Address", "Problem",
    ];
    let mut table = Listing::new(head.map(str::to_owned).into());
    for entry in entries {
        let problem = entry.error().unwrap_or_default().to_owned();
        let url = entry.url().to_owned();
        let mut cells = match entry {
            CrawlEntry::Layer(layer) => vec![
                layer.service.clone(),
                layer.id.to_string(),
                layer.name.clone(),
                layer.kind.clone(),
                layer
                    .geometry_type
                    .as_deref()
                    .map(geometry)
                    .unwrap_or_default(),
                layer.wkid.map(|wkid| wkid.to_string()).unwrap_or_default(),
                layer.count.map(|rows| rows.to_string()).unwrap_or_default(),
            ],
            CrawlEntry::Service(service) if service.layers + service.tables == 0 => {
                without_rows(&service.name, &service.kind)
            }
            CrawlEntry::Folder(folder) if folder.error.is_some() => {
                without_rows(folder.name.as_deref().unwrap_or_default(), "Folder")
            }
            _ => continue,
        };
        cells.extend([url, problem]);
        table.row(cells);
    }
    table
}

fn without_rows(name: &str, kind: &str) -> Vec<String> {
    [name, "", "", kind, "", "", ""].map(str::to_owned).into()
}

/// A kind of geometry without Esri's prefix.
fn geometry(kind: &str) -> String {
    kind.strip_prefix("esriGeometry").unwrap_or(kind).to_owned()
}
