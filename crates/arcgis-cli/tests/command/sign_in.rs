//! Credentials, from each of the places where they may be.

use arcgis_testkit::{RequestKind, Security, Testkit};

use crate::run::{Desk, start, towns};

const USER: &str = "anna";
const PASSWORD: &str = "p=w d#1 ü";

fn secured() -> Testkit {
    let security = Security::token(USER, PASSWORD).static_token("KEY-TOKEN-7");
    start(Testkit::builder().layer(towns()).security(security))
}

fn other() -> Testkit {
    start(Testkit::builder())
}

#[test]
fn a_password_comes_over_standard_input() {
    let service = secured();
    let desk = Desk::new();
    let (url, portal) = (service.layer_url("towns"), service.root_url());
    let args = [
        "count",
        &url,
        "--user",
        USER,
        "--password-stdin",
        "--portal",
        &portal,
    ];
    for ending in ["", "\n", "\r\n"] {
        let ran = desk
            .run_with_stdin(&format!("{PASSWORD}{ending}"), &args)
            .ok();
        assert_eq!(ran.stdout, "250\n");
    }
    assert_eq!(service.mints(), 3);
    desk.run_with_stdin("wrong", &args)
        .fails(3, &["refused the user name or the password", "hint: "]);
    let before = service.requests().len();
    desk.run_with_stdin("", &args)
        .fails(2, &["standard input is empty"]);
    desk.run_with_stdin(
        PASSWORD,
        &["count", &url, "--user", " ", "--password-stdin"],
    )
    .fails(2, &["--user"]);
    assert_eq!(service.requests().len(), before);
}

#[test]
fn without_a_credential_the_error_says_how_to_give_one() {
    let service = secured();
    let desk = Desk::new();
    desk.run(&["export", &service.layer_url("towns"), "out.parquet"])
        .fails(
            3,
            &[
                "wants a token",
                "--token-file",
                "--password-stdin",
                "ARCGIS_TOKEN",
            ],
        );
    assert!(desk.names().is_empty());
}

#[test]
fn a_token_file_belongs_to_the_layers_server_or_to_the_portal() {
    let service = secured();
    let desk = Desk::new();
    let url = service.layer_url("towns");
    desk.write("token.txt", "KEY-TOKEN-7\n");
    desk.write("empty.txt", " \n");
    desk.write("old.txt", "EXPIRED-TOKEN");
    let ran = desk.run(&["count", &url, "--token-file", "token.txt"]).ok();
    assert_eq!(ran.stdout, "250\n");
    desk.run(&["count", &url, "--token-file", "empty.txt"])
        .fails(2, &["empty"]);
    desk.run(&["count", &url, "--token-file", "old.txt"])
        .fails(3, &["refused the token"]);
    // Bound to another place, it does not leave.
    service.clear_requests();
    desk.run(&[
        "count",
        &url,
        "--token-file",
        "token.txt",
        "--portal",
        "https://elsewhere.invalid",
    ])
    .fails(3, &["belongs to https://elsewhere.invalid", "hint: "]);
    for request in service.requests() {
        assert!(!format!("{:?}", request.headers()).contains("KEY-TOKEN-7"));
    }
}

#[test]
fn a_pasted_token_counts_and_leaves_the_address() {
    let service = secured();
    let desk = Desk::new();
    let pasted = format!(
        "{}/query?where=1%3D1&token=KEY-TOKEN-7&f=html",
        service.layer_url("towns")
    );
    assert_eq!(desk.run(&["count", &pasted]).ok().stdout, "250\n");
    for request in service.requests() {
        assert_eq!(request.parameters().get("token"), None);
        assert_eq!(
            request.header("x-esri-authorization"),
            Some("Bearer KEY-TOKEN-7"),
            "{request:?}"
        );
    }
    desk.write("token.txt", "x");
    desk.run(&["count", &pasted, "--token-file", "token.txt"])
        .fails(2, &["give one of them"]);
}

#[test]
fn the_environment_counts() {
    let service = secured();
    let desk = Desk::new();
    let (url, portal) = (service.layer_url("towns"), service.root_url());
    let count = |environment: &[(&str, &str)]| desk.run_in(environment, &["count", &url]);
    for name in ["ARCGIS_TOKEN", "ARCGIS_API_KEY"] {
        let ran = count(&[(name, "KEY-TOKEN-7"), ("ARCGIS_PORTAL", &portal)]).ok();
        assert_eq!(ran.stdout, "250\n");
    }
    let ran = count(&[
        ("ARCGIS_USER", USER),
        ("ARCGIS_PASSWORD", PASSWORD),
        ("ARCGIS_PORTAL", &portal),
    ])
    .ok();
    assert_eq!(ran.stdout, "250\n");
    // Without a portal it belongs to ArcGIS Online, and is not sent here.
    count(&[("ARCGIS_TOKEN", "KEY-TOKEN-7")])
        .fails(3, &["belongs to https://www.arcgis.com", "ARCGIS_PORTAL"]);
    count(&[("ARCGIS_USER", USER)]).fails(2, &["ARCGIS_USER is set but ARCGIS_PASSWORD is not"]);
    count(&[("ARCGIS_TOKEN", "a"), ("ARCGIS_API_KEY", "b")]).fails(2, &["both set"]);
}

#[test]
fn a_dotenv_file_in_the_working_folder_counts() {
    let service = secured();
    let desk = Desk::new();
    let (url, portal) = (service.layer_url("towns"), service.root_url());
    desk.write(
        ".env",
        &format!("HTTPS_PROXY=http://127.0.0.1:1\nHTTP_PROXY=http://127.0.0.1:1\nARCGIS_USER={USER}\nARCGIS_PASSWORD='{PASSWORD}'\nARCGIS_PORTAL={portal}\n"),
    );
    assert_eq!(desk.run(&["count", &url]).ok().stdout, "250\n");
    // The environment goes first, and portal and secret come from one of the two.
    desk.run_in(&[("ARCGIS_TOKEN", "KEY-TOKEN-7")], &["count", &url])
        .fails(3, &["belongs to https://www.arcgis.com"]);
    desk.write(".env", "{ of another program }");
    desk.run(&["count", &url])
        .fails(3, &["no credential was given"]);
    // A line of another program's stops nothing, even beside our own.
    let portal_line =
        format!("{{ not a variable }}\nARCGIS_TOKEN=KEY-TOKEN-7\nARCGIS_PORTAL={portal}\n");
    desk.write(".env", &portal_line);
    assert_eq!(desk.run(&["count", &url]).ok().stdout, "250\n");
    desk.write(".env", "A=b\nARCGIS_TOKEN=CANARY two\n");
    let ran = desk
        .run(&["count", &url])
        .fails(2, &["line 2: ARCGIS_TOKEN"]);
    assert!(!ran.stderr.contains("CANARY"), "{ran:?}");
    desk.write(".env", "ARCGIS_USER=half\n");
    desk.run(&["count", &url])
        .fails(2, &["ARCGIS_PASSWORD is not"]);
}

#[test]
fn a_hostile_server_gets_no_password() {
    let evil = other();
    let security = Security::token(USER, PASSWORD).token_services_url(format!(
        "{}/portal/sharing/rest/generateToken",
        evil.origin()
    ));
    let service = start(Testkit::builder().layer(towns()).security(security));
    let desk = Desk::new();
    desk.run_with_stdin(
        PASSWORD,
        &[
            "count",
            &service.layer_url("towns"),
            "--user",
            USER,
            "--password-stdin",
            "--portal",
            &service.root_url(),
        ],
    )
    .fails(3, &["not trusted"]);
    assert!(evil.requests_of(RequestKind::Token).is_empty());
    assert!(evil.requests().is_empty());
}
