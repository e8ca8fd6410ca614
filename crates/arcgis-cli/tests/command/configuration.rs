//! What is set, where, and what counts.

use arcgis_testkit::{Security, Testkit};

use crate::run::{Desk, start, towns};

fn in_force(desk: &Desk, environment: &[(&str, &str)], key: &str) -> (String, String) {
    let said = desk.run_in(environment, &["config", "--json"]).ok().json();
    let setting = &said["settings"][key];
    let value = match &setting["value"] {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    (value, setting["from"].as_str().unwrap().to_owned())
}

#[test]
fn the_first_place_that_has_a_value_counts() {
    let desk = Desk::new();
    let is = |value: &str, from: &str| (value.to_owned(), from.to_owned());
    assert_eq!(in_force(&desk, &[], "timeout"), is("60s", "default"));
    desk.configure("timeout = \"70s\"\n[profiles.work]\ntimeout = 80\n");
    let file = desk.config_path("config.toml").display().to_string();
    assert_eq!(
        in_force(&desk, &[], "timeout"),
        is("70s", &format!("{file}: timeout"))
    );
    let work = [("ARCGIS_PROFILE", "work")];
    assert_eq!(
        in_force(&desk, &work, "timeout"),
        is("80", &format!("{file}: profiles.work.timeout"))
    );
    desk.write(".env", "ARCGIS_TIMEOUT=90s\n");
    assert_eq!(
        in_force(&desk, &work, "timeout"),
        is("90s", ".env: ARCGIS_TIMEOUT")
    );
    let environment = [("ARCGIS_TIMEOUT", "2m")];
    assert_eq!(
        in_force(&desk, &environment, "timeout"),
        is("2m", "environment: ARCGIS_TIMEOUT")
    );
    // An empty variable is not set.
    let empty = [("ARCGIS_TIMEOUT", "")];
    assert_eq!(
        in_force(&desk, &empty, "timeout"),
        is("90s", ".env: ARCGIS_TIMEOUT")
    );
}

/// Seen on the wire: the settings are not only shown.
#[test]
fn settings_reach_the_server() {
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let url = service.layer_url("towns");
    let rows_asked_for = |environment: &[(&str, &str)], more: &[&str]| {
        service.clear_requests();
        // One by one: the last page is smaller, and may come first otherwise.
        let one = ["--overwrite", "--concurrency", "1"];
        let args = [&["export", &url, "out.parquet"], &one[..], more].concat();
        desk.run_in(environment, &args).ok();
        let requests = service.requests_of(arcgis_testkit::RequestKind::Features);
        let agent = requests[0].header("user-agent").unwrap().to_owned();
        let rows = requests[0]
            .parameters()
            .get("resultRecordCount")
            .map(str::to_owned);
        (rows.unwrap(), agent)
    };
    desk.configure("page-size = 40\nuser-agent = \"from-config\"\n");
    assert_eq!(
        rows_asked_for(&[], &[]),
        ("40".to_owned(), "from-config".to_owned())
    );
    desk.write(".env", "ARCGIS_PAGE_SIZE=50\n");
    assert_eq!(rows_asked_for(&[], &[]).0, "50");
    let environment = [("ARCGIS_PAGE_SIZE", "60")];
    assert_eq!(rows_asked_for(&environment, &[]).0, "60");
    assert_eq!(rows_asked_for(&environment, &["--page-size", "70"]).0, "70");
}

#[test]
fn what_is_wrong_is_named_where_it_stands() {
    let desk = Desk::new();
    let config = ["config"];
    desk.configure("tiemout = 5\n");
    desk.run(&config).fails(
        2,
        &[
            "config.toml, line 1: there is no key tiemout",
            "is timeout meant?",
        ],
    );
    desk.configure("timeout = \"soon\"\n");
    desk.run(&config)
        .fails(2, &["config.toml: timeout: a time of at least one second"]);
    desk.configure("[profiles.x]\npassword = \"CANARY\"\n");
    let ran = desk
        .run(&config)
        .fails(2, &["line 2: password: a secret has no place"]);
    assert!(!ran.stderr.contains("CANARY"));
    desk.configure("");
    desk.run_in(
        &[("ARCGIS_RETRIES", "many")],
        &["count", "https://h.invalid/x/FeatureServer/0"],
    )
    .fails(
        2,
        &["environment: ARCGIS_RETRIES: a whole number is needed"],
    );
    desk.run_in(&[("ARCGIS_PROFILE", "no such")], &config)
        .fails(2, &["environment: ARCGIS_PROFILE: the name of a profile"]);
    desk.write(".env", "ARCGIS_CONCURRENCY=0\n");
    desk.run(&config)
        .fails(2, &[".env: ARCGIS_CONCURRENCY: it must be at least 1"]);
}

/// The working folder may be someone else's: it does not say whom to trust on the way.
#[test]
fn a_dotenv_file_names_no_proxy_and_no_authority() {
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    desk.write(
        ".env",
        "ARCGIS_PROXY=http://127.0.0.1:1\nARCGIS_CACERT=none.pem\nARCGIS_RESOLVE=127.0.0.1:127.0.0.2:1\nARCGIS_CLIENT_KEY=x\nARCGIS_STORE=x\n",
    );
    for key in ["proxy", "cacert", "resolve", "client-key"] {
        assert_eq!(in_force(&desk, &[], key).1, "default");
    }
    assert_eq!(
        desk.run(&["count", &service.layer_url("towns")])
            .ok()
            .stdout,
        "250\n"
    );
    // Where the environment names a proxy, it is used, though not for this machine.
    let proxy = [("ARCGIS_PROXY", "http://me:CANARY@127.0.0.1:1")];
    let count = ["count", &service.layer_url("towns"), "--retries", "0"];
    assert_eq!(desk.run_in(&proxy, &count).ok().stdout, "250\n");
    let far = [
        "count",
        "http://h.invalid/arcgis/rest/services/x/FeatureServer/0",
        "--retries",
        "0",
    ];
    let ran = desk.run_in(&proxy, &far).fails(4, &["proxy"]);
    assert!(!ran.stderr.contains("CANARY"), "{ran:?}");
    let shown = desk.run_in(&proxy, &["config"]).ok().stdout;
    assert!(
        shown.contains("http://me:***@127.0.0.1:1") && !shown.contains("CANARY"),
        "{shown}"
    );
}

#[test]
fn the_credential_that_goes_first_is_named_and_not_shown() {
    let desk = Desk::new();
    desk.configure(
        "[profiles.work]\nportal = \"https://gis.example.com/portal\"\nclient-id = \"abc\"\n",
    );
    let environment = [
        ("ARCGIS_TOKEN", "CANARY"),
        ("ARCGIS_PORTAL", "https://gis.example.com/portal"),
    ];
    let ran = desk.run_in(&environment, &["config", "--json"]).ok();
    assert_eq!(ran.json()["credential"]["from"], "environment");
    assert_eq!(
        ran.json()["credential"]["portal"],
        "https://gis.example.com/portal"
    );
    assert!(!ran.stdout.contains("CANARY"));
    assert!(
        !desk
            .run_in(&environment, &["config"])
            .ok()
            .stdout
            .contains("CANARY")
    );
    let work = desk
        .run(&["config", "--json", "--profile", "work"])
        .ok()
        .json();
    assert_eq!(work["settings"]["client-id"]["value"], "abc");
    assert_eq!(work["settings"]["profile"]["from"], "argument");
}

/// A profile of the configuration says where to sign in, and what is needed on the way there.
#[test]
fn a_profile_has_its_portal_and_its_certificate_authority() {
    let service = start(
        Testkit::builder()
            .layer(towns())
            .security(Security::token("anna", "pw"))
            .tls_for(["gis.example.com"])
            .public_origin("https://gis.example.com"),
    );
    let desk = Desk::new();
    desk.write("ca.pem", service.ca_pem().unwrap());
    let at = service.address();
    let host = "https://gis.example.com";
    let resolve = format!("gis.example.com:{at}");
    desk.configure(&format!(
        "[profiles.work]\nportal = \"{host}/portal\"\ncacert = \"{}\"\nresolve = \"{resolve}\"\n",
        desk.path("ca.pem").display()
    ));
    let login = [
        "login",
        "--profile",
        "work",
        "--user",
        "anna",
        "--password-stdin",
    ];
    let ran = desk.run_with_stdin("pw", &login).ok();
    assert!(ran.stdout.contains(&format!("{host}/portal")), "{ran:?}");
    // The address says which profile, and the profile says how to get there.
    let layer = format!("{host}/arcgis/rest/services/towns/FeatureServer/0");
    assert_eq!(desk.run(&["count", &layer]).ok().stdout, "250\n");
    desk.configure("");
    let options = ["--cacert", "ca.pem", "--resolve", &resolve];
    assert_eq!(
        desk.run(&[&["count", &layer], &options[..]].concat())
            .ok()
            .stdout,
        "250\n"
    );
    desk.run(&["count", &layer, "--retries", "0", "--resolve", &resolve])
        .fails(4, &["certificate"]);
}

#[test]
fn the_web_tier_gets_its_password_and_its_certificate() {
    let authority = arcgis_testkit::CertificateAuthority::new().unwrap();
    let service = start(
        Testkit::builder()
            .layer(towns())
            .tls()
            .signed_by(&authority)
            .require_client_certificate(&authority)
            .basic_auth("gate", "CANARY-gate"),
    );
    let desk = Desk::new();
    desk.write("ca.pem", authority.pem());
    let client = authority.client_identity("anna").unwrap();
    desk.write("cert.pem", client.certificate_pem());
    desk.write("key.pem", client.key_pem());
    desk.write(
        "both.pem",
        &format!("{}\n{}", client.certificate_pem(), client.key_pem()),
    );
    let url = service.layer_url("towns");
    let base = ["count", &url, "--cacert", "ca.pem", "--retries", "0", "-vv"];
    let gate = [("ARCGIS_BASIC_PASSWORD", "CANARY-gate")];
    let run = |more: &[&str]| desk.run_in(&gate, &[&base[..], more].concat());
    for certificate in [
        &["--client-cert", "cert.pem", "--client-key", "key.pem"][..],
        &["--client-cert", "both.pem"],
    ] {
        let ran = run(&[certificate, &["--basic-user", "gate"]].concat()).ok();
        assert_eq!(ran.stdout, "250\n");
        assert!(!ran.stderr.contains("CANARY"), "{ran:?}");
        assert_ne!(run(certificate).code, 0, "the web tier wants the password");
    }
    assert_eq!(
        run(&["--basic-user", "gate"]).code,
        4,
        "the certificate is wanted"
    );
    run(&["--client-key", "key.pem"]).fails(2, &["client-key", "client-cert"]);
    desk.run(&[&base[..], &["--basic-user", "gate"]].concat())
        .fails(2, &["--basic-user", "ARCGIS_BASIC_PASSWORD"]);
}

#[test]
fn the_page_lists_every_key_as_it_is() {
    let page = include_str!("../../../../docs/configuration.md");
    let said = Desk::new().run(&["config", "--json"]).ok().json();
    let settings = said["settings"].as_object().unwrap();
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let of = |key: &str| rows.iter().find(|row| row[0] == format!("`{key}`"));
    for (key, setting) in settings {
        let row = of(key).unwrap_or_else(|| panic!("{key} is not in the table"));
        let variable = format!("ARCGIS_{}", key.replace('-', "_").to_uppercase());
        assert_eq!(row[1], format!("`--{key}`"));
        // The store of these runs is set by them.
        let from = setting["from"].as_str().unwrap();
        assert_eq!(row[2], format!("`{variable}`"), "{from}");
        if from == "default" {
            let default = setting["value"].as_str().map(|text| format!("`{text}`"));
            match default {
                Some(default) => assert_eq!(row[4], default, "{key}"),
                None => assert!(!row[4].starts_with('`'), "{key}: {}", row[4]),
            }
        }
    }
    let keys = rows
        .iter()
        .filter(|row| row.len() == 6)
        .map(|row| row[0].trim_matches('`'));
    for key in keys {
        assert!(
            settings.contains_key(key),
            "the table has a key {key} that is none"
        );
    }
}
