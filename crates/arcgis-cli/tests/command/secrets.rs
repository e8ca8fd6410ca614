//! A secret that was given is nowhere in what is said or written.

use arcgis_testkit::{Fault, FaultKind, RefusalStyle, Security, Testkit};

use crate::run::{Desk, Ran, start, towns};

const CANARY: &str = "CANARY-5f3a";

#[track_caller]
fn silent(desk: &Desk, ran: &Ran) {
    assert!(!ran.stdout.contains(CANARY), "{ran:?}");
    assert!(!ran.stderr.contains(CANARY), "{ran:?}");
    for name in desk.names() {
        let content = std::fs::read(desk.path(&name)).unwrap();
        let found = content
            .windows(CANARY.len())
            .any(|part| part == CANARY.as_bytes());
        assert!(!found || name == "token.txt" || name == ".env", "in {name}");
    }
}

fn service() -> Testkit {
    let security = Security::token("me", CANARY).static_token(CANARY);
    start(Testkit::builder().layer(towns()).security(security))
}

#[test]
fn a_success_shows_no_secret() {
    let service = service();
    let desk = Desk::new();
    let url = service.layer_url("towns");
    desk.write("token.txt", CANARY);
    fn with<'a>(url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let out = [
            "out.parquet",
            "--overwrite",
            "-vv",
            "--json",
            "--report",
            "report.json",
        ];
        [&["export", url], &out[..], more].concat()
    }

    let ran = desk.run(&with(&url, &["--token-file", "token.txt"])).ok();
    assert!(ran.stderr.contains("planned"), "-vv tells more: {ran:?}");
    assert!(ran.stderr.contains("returnCountOnly"), "{ran:?}");
    silent(&desk, &ran);
    let portal = service.root_url();
    let user = ["--user", "me", "--password-stdin", "--portal", &portal];
    let ran = desk.run_with_stdin(CANARY, &with(&url, &user)).ok();
    // Each request is told of, those of signing in too.
    for said in [
        "/rest/info",
        "generateToken",
        "username=me",
        "password=***",
        "token endpoint found",
        "token minted",
        "orderByFields=",
    ] {
        assert!(ran.stderr.contains(said), "{said:?} is not in {ran:?}");
    }
    silent(&desk, &ran);
    let pasted = format!("{url}?f=json&token={CANARY}");
    silent(&desk, &desk.run(&with(&pasted, &[])).ok());
    let header = format!("X-Gateway: {CANARY}");
    silent(
        &desk,
        &desk
            .run(&with(
                &url,
                &["--token-file", "token.txt", "--header", &header],
            ))
            .ok(),
    );
}

#[test]
fn a_failure_shows_no_secret() {
    let refused = FaultKind::TokenRefused {
        code: 498,
        style: RefusalStyle::Body,
    };
    let echo = FaultKind::ErrorBody {
        code: 400,
        message: format!("Invalid request: token={CANARY}&f=json"),
        details: vec![format!("Authorization {CANARY}")],
    };
    let not_json = FaultKind::Respond {
        status: 200,
        content_type: "text/html",
        body: format!("<html>{CANARY}</html>"),
    };
    let half_a_token = FaultKind::Respond {
        status: 200,
        content_type: "application/json",
        body: format!(r#"{{"token":"{CANARY}"}}"#),
    };
    let desk = Desk::new();
    desk.write("token.txt", CANARY);
    for fault in [
        Fault::on_any(1, refused),
        Fault::on_any(1, echo),
        Fault::on_any(1, not_json),
        Fault::on_any(1, FaultKind::Reset),
        Fault::on_token(1, half_a_token),
    ] {
        let service = service();
        service.add_fault(fault.always());
        let url = service.layer_url("towns");
        let out = ["out.parquet", "-vv", "--retries", "0"];
        let ran = desk.run(&[&["export", &url], &out[..], &["--token-file", "token.txt"]].concat());
        silent(&desk, &ran);
        let pasted = format!("{url}?token={CANARY}");
        silent(&desk, &desk.run(&[&["export", &pasted], &out[..]].concat()));
        let portal = service.root_url();
        let user = ["--user", "me", "--password-stdin", "--portal", &portal];
        let ran = desk.run_with_stdin(CANARY, &[&["export", &url], &out[..], &user].concat());
        assert_ne!(ran.code, 0, "{ran:?}");
        silent(&desk, &ran);
    }
}

#[test]
fn what_cannot_be_read_is_not_quoted() {
    let desk = Desk::new();
    let url = "https://host.invalid/arcgis/rest/services/x/FeatureServer/0";
    let pasted = format!("https://host.invalid/nothing?token={CANARY}");
    let with_user =
        format!("https://me:{CANARY}@host.invalid/arcgis/rest/services/x/FeatureServer/0");
    let proxy = format!("http://me:{CANARY}@");
    let param = format!("token={CANARY}");
    for args in [
        vec!["count", &pasted],
        vec!["count", &with_user],
        vec!["count", url, "--header", CANARY],
        vec!["count", url, "--proxy", &proxy],
        vec!["count", url, "--param", CANARY],
        vec![
            "export",
            url,
            "out.parquet",
            "--param",
            &param,
            "--retries",
            "0",
        ],
    ] {
        let ran = desk.run(&args);
        assert_ne!(ran.code, 0, "{args:?}");
        silent(&desk, &ran);
    }
    desk.write(
        ".env",
        &format!("ARCGIS_TOKEN={CANARY}\nARCGIS_PASSWORD='{CANARY}\n"),
    );
    let ran = desk.run(&["count", url]);
    assert_eq!(ran.code, 2, "{ran:?}");
    silent(&desk, &ran);
}
