//! `arcgis config`: what is in force, and from where.

use std::io::Write;

use anyhow::Result;
use arcgis_rest::auth::{ExposeSecret, Url};
use serde_json::{Map, Value, json};

use crate::args::{ConfigArgs, OutputArgs};
use crate::columns::Columns;
use crate::identity::from_surroundings;
use crate::logins::Logins;
use crate::profile;
use crate::settings::{Setting, Settings, Source, key};

pub(crate) fn run(args: &ConfigArgs, output: OutputArgs, settings: &mut Settings) -> Result<()> {
    let folder = settings.folder()?.to_owned();
    let logins = Logins::read(&folder)?;
    let profile = match profile::named(settings, args.profile.as_ref())? {
        Some(named) => Some(named.value),
        None => settings.find(&key::PROFILE, None)?.map(|found| found.value),
    };
    if let Some(profile) = &profile {
        settings.of_profile(profile);
    }
    let rows = key::ALL
        .iter()
        .map(|key| {
            let argument = args.profile.as_deref().filter(|_| key.name == "profile");
            Ok((key.name, in_force(settings, key, argument)?))
        })
        .collect::<Result<Vec<_>>>()?;
    let credential = from_surroundings(settings)?;
    let credential = credential.map(|identity| {
        let portal = identity.portal.map(|portal| portal.to_string());
        (identity.from.to_string(), portal)
    });

    let mut out = anstream::stdout().lock();
    if output.json {
        let settings: Map<String, Value> = rows
            .iter()
            .map(|(name, setting)| {
                let value = match setting.value.as_slice() {
                    [] => Value::Null,
                    [one] => json!(one),
                    several => json!(several),
                };
                let from = setting.from.to_string();
                ((*name).to_owned(), json!({ "value": value, "from": from }))
            })
            .collect();
        let said = json!({
            "folder": folder,
            "file": folder.join(crate::settings::file::NAME),
            "settings": settings,
            "credential": credential.map(|(from, portal)| json!({ "from": from, "portal": portal })),
            "logins": logins.all(),
        });
        writeln!(out, "{said:#}")?;
        return Ok(out.flush()?);
    }
    let bold = anstyle::Style::new().bold();
    writeln!(out, "{bold}Settings{bold:#}")?;
    let mut table = Columns::new(["Key", "Value", "From"]);
    for (name, setting) in rows {
        table.row([
            name.to_owned(),
            setting.value.join(", "),
            setting.from.to_string(),
        ]);
    }
    table.write(&mut out)?;
    writeln!(out, "\n{bold}Logins{bold:#}")?;
    let mut table = Columns::new(["Profile", "Kind", "User", "Store", "Portal"]);
    for login in logins.all() {
        table.row([
            login.profile.clone(),
            login.kind.clone(),
            login.user.clone().unwrap_or_default(),
            login.store.clone(),
            login.portal.clone(),
        ]);
    }
    table.write(&mut out)?;
    if let Some((from, portal)) = credential {
        writeln!(
            out,
            "\nThe credential of {from} goes before these: it belongs to {}",
            portal.unwrap_or_default()
        )?;
    }
    writeln!(out, "\nThese files are in {}", folder.display())?;
    Ok(out.flush()?)
}

/// The value of a key as text, checked as a command would check it, and without secrets.
fn in_force(
    settings: &Settings,
    facts: &key::Facts,
    argument: Option<&str>,
) -> Result<Setting<Vec<String>>> {
    if let Some(argument) = argument {
        return Ok(Setting {
            value: vec![argument.to_owned()],
            from: Source::Argument,
        });
    }
    settings.check(facts)?;
    Ok(match settings.raw(facts)? {
        Some(raw) => Setting {
            value: raw
                .value
                .iter()
                .map(|value| without_secret(value.expose_secret()))
                .collect(),
            from: raw.from,
        },
        None => Setting {
            value: facts.default.map(str::to_owned).into_iter().collect(),
            from: Source::Default,
        },
    })
}

/// A proxy's address may hold a password.
fn without_secret(value: &str) -> String {
    if !value.contains('@') {
        return value.to_owned();
    }
    match Url::parse(value) {
        Ok(mut url) if url.password().is_some() || !url.username().is_empty() => {
            let _ = url.set_password(Some("***"));
            url.to_string()
        }
        Ok(url) => url.to_string(),
        Err(_) => "***".to_owned(),
    }
}
