//! What stands below the options in the help of each command.

pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  anything not named here
  2  usage: an option, an address, a field or a condition that does not fit
  3  authentication or permission
  4  the service or the network
  5  rows lost or doubled
  6  the output could not be written

Each command has examples in its --help. One to begin with:
  arcgis export demo:places places.parquet";

/// One paragraph, since clap breaks its lines, with what comes before and the examples behind it.
macro_rules! with_credentials {
    ($notes:literal, $examples:literal) => {
        concat!(
            $notes,
            "Without an option for it, the credential comes from ARCGIS_TOKEN, ARCGIS_API_KEY, ARCGIS_USER with \
             ARCGIS_PASSWORD, or ARCGIS_CLIENT_ID with ARCGIS_CLIENT_SECRET, and belongs to ARCGIS_PORTAL \
             (ArcGIS Online by default): all of them from the environment, or else all from a file .env in the \
             working folder. Else it is the login of the profile (arcgis login) whose portal the address \
             belongs to. A token in a pasted address belongs to that address.\n\n",
            $examples
        )
    };
}

pub(super) const EXPORT: &str = with_credentials!(
    "",
    "\
Examples:
  arcgis export demo:places places.parquet
  arcgis export https://host/arcgis/rest/services/Wells/FeatureServer/0 wells.parquet \\
      --where \"DEPTH > 100\" --bbox 5,47,15,55 --fields NAME,DEPTH
  arcgis export <layer> out.parquet --clip border.geojson --resume
  arcgis export <layer> --plan
  arcgis export <layer> out.parquet --user me --password-stdin \\
      --portal https://host/portal < secret
  arcgis export https://host/arcgis/rest/services water/ --include \"Water/*\" --resume
  arcgis export <service> wells/ --include Wells --related --stac
  arcgis export <layer> parcels/ --partition-by COUNTY
  arcgis export <layer> s3://bucket/parcels.parquet"
);

pub(super) const SYNC: &str = with_credentials!(
    "\
The file says what was asked for and how it was written; both stay so. Options for rows and columns are needed only \
where --clip was too large to be kept in the file, and have to be those of the export. Where no row differs the file \
is left alone. A layer whose columns have changed is refused with what changed: export it anew.

In a folder of a whole service, new layers are exported as the others were, and those that are gone are named; no file \
is deleted. A layer that fails keeps its file and does not stop the others; the exit code is that of the worst.

",
    "\
Examples:
  arcgis export <layer> wells.parquet
  arcgis sync <layer> wells.parquet
  arcgis sync <layer> wells.parquet --full --json
  arcgis sync https://host/arcgis/rest/services/Water/FeatureServer water/"
);

pub(super) const CONVERT: &str = "\
Examples:
  curl \"<layer>/query?where=1=1&outFields=*&f=pbf\" | arcgis convert - wells.parquet
  arcgis convert answer.json wells.geojson";

pub(super) const PREVIEW: &str = with_credentials!(
    "\
Of a layer all rows are fetched and proven, as for an export; --limit and --where take fewer. Of a file \
the geometry alone is read, but for a page.

",
    "\
Examples:
  arcgis preview demo:places
  arcgis preview wells.parquet --out wells.png
  arcgis preview <layer> --where \"DEPTH > 100\" --out wells.html"
);

pub(super) const INFO: &str = with_credentials!(
    "",
    "\
Examples:
  arcgis info demo:places
  arcgis info https://host/arcgis/rest/services
  arcgis info https://org.maps.arcgis.com/home/item.html?id=<id> --json"
);

pub(super) const CRAWL: &str = with_credentials!(
    "\
What does not answer is listed with its problem, and all else is listed all the same; then the exit code is 4. \
Where there is no way in at all, it is that of the reason.

",
    "\
Examples:
  arcgis crawl https://host/arcgis/rest/services
  arcgis crawl https://host/arcgis/rest/services --no-counts --csv > layers.csv"
);

pub(super) const COUNT: &str = with_credentials!(
    "",
    "\
Examples:
  arcgis count demo:places
  arcgis count <layer> --where \"STATUS = 'open'\" --bbox 5,47,15,55"
);

pub(super) const IDS: &str = with_credentials!(
    "",
    "\
Examples:
  arcgis ids <layer> --where \"DEPTH > 100\" > ids.txt
  arcgis ids <layer> --clip border.geojson --json"
);

pub(super) const EXTENT: &str = with_credentials!(
    "",
    "\
Examples:
  arcgis extent demo:rivers
  arcgis extent <layer> --where \"STATE = 'VD'\" --out-sr 2056"
);

pub(super) const VALUES: &str = with_credentials!(
    "\
All values are listed, however many, the most frequent first. In a table dates are moments in UTC; in JSON they are \
milliseconds since 1970, as the server has them.

",
    "\
Examples:
  arcgis values <layer> STATUS
  arcgis values <layer> COUNTY STATUS --where \"YEAR > 2000\" --csv"
);

pub(super) const STATS: &str = with_credentials!(
    "\
Nulls do not count. In a table dates are moments in UTC; in JSON they are milliseconds since 1970, as the server \
has them.

",
    "\
Examples:
  arcgis stats <layer>
  arcgis stats <layer> POP --of count,max,p50,p90 --group-by COUNTY \\
      --having \"COUNT(OBJECTID) > 10\""
);

pub(super) const HEAD: &str = with_credentials!(
    "",
    "\
Examples:
  arcgis head demo:places --fields name,pop_max
  arcgis head <layer> --limit 3 --order-by \"POP DESC\" --no-geometry --csv"
);

pub(super) const SAMPLE: &str = with_credentials!(
    "",
    "\
Examples:
  arcgis sample demo:countries --limit 5 --no-geometry
  arcgis sample <layer> --limit 100 --seed 7 --json"
);

pub(super) const RELATED: &str = with_credentials!(
    "\
The options for rows choose rows of the layer itself; without one, all of them are asked for. The first column, Of, is \
the object id of the row that the others belong to.

",
    "\
Example:
  arcgis related <layer> --object-ids 17,18 --relationship owners --fields NAME"
);

pub(super) const LOGIN: &str = "\
Users sign in on the portal's own page, whatever that takes. That needs an application: someone of the \
organisation registers one (Content, New item, Application) with the redirect address \
http://127.0.0.1:8765/, and its client id is given once.

Examples:
  arcgis login --portal https://org.maps.arcgis.com --client-id <id>
  arcgis login --portal https://host/portal --user me
  arcgis login --portal https://host/portal --app --client-id <id> \\
      --password-stdin < secret";

pub(super) const LOGOUT: &str = "\
Examples:
  arcgis logout
  arcgis logout --profile work
  arcgis logout --all";

pub(super) const WHOAMI: &str = "\
Without an option for it, the credential comes from the environment, or else from a file .env in the working \
folder. Else it is the login of the profile that ARCGIS_PROFILE or the configuration names, or of the only one. \
Without a login the exit code is 3.

Examples:
  arcgis whoami
  arcgis whoami --profile work --json";

pub(super) const TOKEN: &str = "\
The token is what its portal takes; it is a secret. Without an option for it, the credential comes from the \
environment, .env or a profile, as with arcgis whoami.

Example:
  curl -H @<(printf 'X-Esri-Authorization: Bearer %s' \"$(arcgis token)\") <url>";

pub(super) const CONFIG: &str = "\
Each value is looked for in the arguments, the environment, a file .env in the working folder and config.toml; \
the first place that has one counts.

Examples:
  arcgis config
  arcgis config --profile work --json";

pub(super) const COMPLETIONS: &str = "\
Examples:
  arcgis completions bash > ~/.local/share/bash-completion/completions/arcgis
  arcgis completions zsh > \"${fpath[1]}/_arcgis\"
  arcgis completions fish > ~/.config/fish/completions/arcgis.fish
  arcgis completions powershell >> $PROFILE";

pub(super) const MANUAL: &str = "\
Example:
  arcgis manual ~/.local/share/man/man1 && man arcgis-export";

#[cfg(feature = "demo")]
pub(super) const SERVE: &str = "\
Examples:
  arcgis serve --open
  arcgis export http://127.0.0.1:6080/arcgis/rest/services/demo/FeatureServer demo/";

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::super::Cli;

    /// The commands among the examples, as a shell would split them, up to a pipe, a redirection or `&&`.
    fn commands(help: &str) -> Vec<Vec<String>> {
        let joined = help.replace("\\\n", " ");
        let examples = joined.lines().filter(|line| line.starts_with("  "));
        examples
            .filter_map(|line| {
                let ours = match line.split_once("| arcgis ") {
                    Some((_, ours)) => ours.to_owned(),
                    None => line.trim().strip_prefix("arcgis ")?.to_owned(),
                };
                let mut words = vec!["arcgis".to_owned()];
                let (mut word, mut quoted) = (String::new(), false);
                for sign in ours.chars().chain([' ']) {
                    match sign {
                        '"' => quoted = !quoted,
                        ' ' if !quoted => {
                            if ["|", ">", ">>", "<", "&&"].contains(&word.as_str()) {
                                word.clear();
                                break;
                            }
                            if !word.is_empty() {
                                words.push(std::mem::take(&mut word));
                            }
                        }
                        _ => word.push(sign),
                    }
                }
                assert!(!quoted, "{line}");
                Some(words)
            })
            .collect()
    }

    #[test]
    fn every_example_is_taken() {
        let cli = Cli::command();
        for command in cli.get_subcommands() {
            let notes = command.get_after_help().unwrap().to_string();
            let examples = commands(&notes);
            assert!(
                !examples.is_empty() || command.get_name() == "token",
                "{} has no example",
                command.get_name()
            );
            for example in examples {
                if let Err(error) = Cli::try_parse_from(&example) {
                    panic!("{example:?}: {error}");
                }
            }
        }
    }
}
