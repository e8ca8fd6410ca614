//! `arcgis info`: what a layer, a service or a folder of services has.

use std::io::Write;

use anyhow::Result;
use arcgis_rest::layer::{
    Directory, DirectoryAddress, Layer, LayerAddress, LayerReference, MapLayer, Query,
    ResourceAddress, ServiceAddress,
};
use serde_json::json;

use crate::args::{InfoArgs, OutputArgs};
use crate::exit::{note, one_line};
use crate::facts::count;
use crate::layer_card;
use crate::pasted::Pasted;
use crate::settings::Settings;
use crate::target::{Pointed, Target};

pub(crate) async fn run(
    args: &InfoArgs,
    output: OutputArgs,
    settings: &mut Settings,
) -> Result<()> {
    Pasted::of(&args.url).tell_unused(output.quiet);
    let (connection, credentials) = (&args.connection, &args.credentials);
    let target = match Pointed::new(&args.url, connection, credentials, None, settings).await? {
        Pointed::Target(target) => target.with_shown_requests(args.requests.show_requests),
        Pointed::Map { title, layers, .. } => return map(&title, &layers, output),
    };
    if target.is_demo() && !output.quiet {
        note(
            "this demo service ends with this command: other commands know it as demo:places, demo:rivers and \
             demo:countries, and arcgis serve keeps one running",
        );
    }
    match &target.address {
        ResourceAddress::Layer(address) => layer(&target, address, output).await,
        ResourceAddress::Service(address) => service(&target, address, output).await,
        ResourceAddress::Directory(address) => directory(&target, address, output).await,
        other => Err(anyhow::anyhow!(
            "{other} is of a kind that this version does not know"
        )),
    }
}

/// The layers that a map shows.
fn map(title: &str, layers: &[MapLayer], output: OutputArgs) -> Result<()> {
    let mut out = anstream::stdout().lock();
    if output.json {
        let listed = layers
            .iter()
            .map(|layer| json!({ "title": layer.title, "url": layer.address.to_string() }));
        let said = json!({
            "kind": "map",
            "title": title,
            "layers": listed.collect::<Vec<_>>(),
        });
        writeln!(out, "{said:#}")?;
        return Ok(out.flush()?);
    }
    let bold = anstyle::Style::new().bold();
    writeln!(out, "{bold}{}{bold:#}  Web Map", one_line(title))?;
    writeln!(out)?;
    writeln!(out, "{bold}Layers{bold:#} ({})", count(layers.len() as u64))?;
    let mut table = crate::columns::Columns::new(["Title", "Address"]);
    for layer in layers {
        table.row([layer.title.clone(), layer.address.to_string()]);
    }
    table.write(&mut out)?;
    Ok(out.flush()?)
}

async fn layer(target: &Target, address: &LayerAddress, output: OutputArgs) -> Result<()> {
    let info = target.layer_info(address).await?;
    // A group or a raster has no rows to count, and is shown without.
    let rows = match Layer::from_info(target.transport(), address.clone(), info.clone()) {
        Ok(layer) => {
            let query = Query::new().without_geometry().resolve(&info)?;
            Some(layer.count(&query).await?)
        }
        Err(_) => None,
    };
    let mut out = anstream::stdout().lock();
    if output.json {
        writeln!(out, "{:#}", layer_card::json(address, &info, rows))?;
    } else {
        layer_card::write(&mut out, address, &info, rows)?;
    }
    Ok(out.flush()?)
}

async fn service(target: &Target, address: &ServiceAddress, output: OutputArgs) -> Result<()> {
    let info = target.service_info(address).await?;
    let mut out = anstream::stdout().lock();
    if output.json {
        let listed = |layers: &[LayerReference]| -> Vec<_> {
            layers
                .iter()
                .map(|layer| {
                    json!({
                        "id": layer.id,
                        "name": layer.name,
                        "type": layer.kind,
                        "geometryType": layer.geometry_type.map(|kind| kind.esri_name()),
                        "url": url_of(address, layer),
                    })
                })
                .collect()
        };
        let said = json!({
            "kind": "service",
            "url": address.to_string(),
            "name": address.name(),
            "title": info.title,
            "description": info.description,
            "copyright": info.copyright_text,
            "currentVersion": info.current_version,
            "maxRecordCount": info.max_record_count,
            "capabilities": info.capabilities,
            "layers": listed(&info.layers),
            "tables": listed(&info.tables),
        });
        writeln!(out, "{said:#}")?;
        return Ok(out.flush()?);
    }
    let bold = anstyle::Style::new().bold();
    let title = info.title.as_deref().unwrap_or_else(|| address.name());
    writeln!(
        out,
        "{bold}{}{bold:#}  {}",
        one_line(title),
        address.kind().name()
    )?;
    writeln!(out, "{address}")?;
    let layers: Vec<_> = info.layers_and_tables().collect();
    writeln!(out)?;
    writeln!(
        out,
        "{bold}Layers and tables{bold:#} ({})",
        count(layers.len() as u64)
    )?;
    let mut table = crate::columns::Columns::new(["Id", "Name", "Kind", "Geometry"]);
    for layer in layers {
        table.row([
            layer.id.to_string(),
            layer.name.clone(),
            layer.kind.clone(),
            layer
                .geometry_type
                .map(|kind| kind.to_string())
                .unwrap_or_default(),
        ]);
    }
    table.write(&mut out)?;
    Ok(out.flush()?)
}

/// Where a listed layer is. Numbers that no layer can have are left out.
fn url_of(address: &ServiceAddress, layer: &LayerReference) -> Option<String> {
    let id = u32::try_from(layer.id).ok()?;
    Some(address.layer(id).to_string())
}

async fn directory(target: &Target, address: &DirectoryAddress, output: OutputArgs) -> Result<()> {
    let directory = Directory::fetch(&*target.transport(), address).await?;
    let mut out = anstream::stdout().lock();
    if output.json {
        let folders: Vec<_> = directory.folders.iter().map(ToString::to_string).collect();
        let services: Vec<_> = directory
            .services
            .iter()
            .map(|service| {
                json!({
                    "name": service.name,
                    "type": service.kind,
                    "url": service.url.as_str(),
                    "hasRows": service.address.is_some(),
                })
            })
            .collect();
        let said = json!({
            "kind": "directory",
            "url": address.to_string(),
            "folders": folders,
            "services": services,
        });
        writeln!(out, "{said:#}")?;
        return Ok(out.flush()?);
    }
    let bold = anstyle::Style::new().bold();
    writeln!(out, "{address}")?;
    if !directory.folders.is_empty() {
        writeln!(out)?;
        writeln!(
            out,
            "{bold}Folders{bold:#} ({})",
            count(directory.folders.len() as u64)
        )?;
        for folder in &directory.folders {
            writeln!(out, "  {folder}")?;
        }
    }
    writeln!(out)?;
    writeln!(
        out,
        "{bold}Services{bold:#} ({})",
        count(directory.services.len() as u64)
    )?;
    let mut table = crate::columns::Columns::new(["Name", "Kind", "Address"]);
    for service in &directory.services {
        table.row([
            service.name.clone(),
            service.kind.clone(),
            service.url.to_string(),
        ]);
    }
    table.write(&mut out)?;
    Ok(out.flush()?)
}
