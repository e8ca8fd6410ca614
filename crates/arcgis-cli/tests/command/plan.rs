//! What would be done, and what is sent.

use arcgis_testkit::{RequestKind, Security, Testkit};

use crate::run::{Desk, start, towns};

#[test]
fn a_plan_is_shown_and_nothing_is_fetched() {
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let url = service.layer_url("towns");
    let ran = desk.run(&["export", &url, "--plan"]).ok();
    for said in [
        "Layer        towns",
        "Rows         250",
        "Strategy     pages by offset: the layer supports pagination",
        "Page size    100 rows",
        "Pages        3, 4 at once",
        "Proof        every object id, once",
    ] {
        assert!(ran.stdout.contains(said), "{said:?} is not in {ran:?}");
    }
    assert_eq!(ran.stderr, "");
    // As a dry run of the whole command; a file that is there is in nobody's way.
    desk.write("out.parquet", "earlier");
    let plan = desk
        .run(&[
            "export",
            &url,
            "out.parquet",
            "--plan",
            "--json",
            "--where",
            "POP < 500",
            "--page-size",
            "20",
            "--strategy",
            "id-ranges",
            "--concurrency",
            "2",
        ])
        .ok()
        .json();
    for (name, value) in [
        ("where", serde_json::json!("POP < 500")),
        ("rows", 50.into()),
        ("strategy", "id-ranges".into()),
        ("page_size", 20.into()),
        ("pages", 3.into()),
        ("concurrency", 2.into()),
        ("proof", "object-ids".into()),
    ] {
        assert_eq!(plan[name], value, "{name}");
    }
    assert!(service.requests_of(RequestKind::Features).is_empty());
    assert_eq!(desk.names(), ["out.parquet"]);
    let planned = service.requests().len() / 2;
    service.clear_requests();
    desk.run(&["export", &url, "other.parquet", "-q"]).ok();
    let expected = desk.run(&["export", &url, "--plan", "--json"]).ok().json()["expected_requests"]
        .as_u64()
        .unwrap();
    // Those of the second plan came behind those of the export.
    let sent = service.requests().len() - planned;
    assert_eq!(sent as u64, planned as u64 + expected);

    desk.run(&["export", &url]).fails(2, &["OUT"]);
    desk.run(&["export", &url, "--plan", "--report", "r.json"])
        .fails(2, &["--report"]);
}

#[test]
fn a_plan_that_cannot_be_made_says_why() {
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let url = service.layer_url("towns");
    desk.run(&["export", &url, "--plan", "--where", "POP =="])
        .fails(2, &["--where", "hint: "]);
    desk.run(&["export", &url, "--plan", "--fields", "NAMES"])
        .fails(2, &["did you mean NAME?"]);
}

#[test]
fn requests_are_shown_without_their_secrets() {
    let service = start(
        Testkit::builder()
            .layer(towns())
            .security(Security::token("reader", "hunter2-secret")),
    );
    let desk = Desk::new();
    let url = service.layer_url("towns");
    let args = [
        "export",
        &url,
        "out.parquet",
        "--show-requests",
        "--where",
        "NAME <> 'O''Brien'",
        "--user",
        "reader",
        "--password-stdin",
        "--portal",
        &service.root_url(),
    ];
    let ran = desk.run_with_stdin("hunter2-secret", &args).ok();
    let shown: Vec<&str> = ran
        .stderr
        .lines()
        .filter(|line| line.starts_with("curl "))
        .collect();
    let asked: Vec<_> = service
        .requests()
        .into_iter()
        .filter(|request| {
            matches!(
                request.kind(),
                RequestKind::Layer | RequestKind::Count | RequestKind::Ids | RequestKind::Features
            )
        })
        .collect();
    assert_eq!(shown.len(), asked.len(), "{ran:?}");
    assert!(shown.iter().all(|line| line.contains(&url)), "{shown:?}");
    assert!(
        ran.stderr
            .contains(r"'where=NAME <> '\''O'\'''\''Brien'\'''"),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("'resultOffset="), "{ran:?}");
    let token = asked
        .iter()
        .find_map(|request| {
            let bearer = request.header("x-esri-authorization")?;
            Some(bearer.trim_start_matches("Bearer ").to_owned())
        })
        .unwrap();
    for secret in ["hunter2-secret", token.as_str()] {
        assert!(!ran.stderr.contains(secret), "{ran:?}");
    }

    let ran = desk
        .run_with_stdin(
            "hunter2-secret",
            &[
                "count",
                &url,
                "--show-requests",
                "--user",
                "reader",
                "--password-stdin",
                "--portal",
                &service.root_url(),
            ],
        )
        .ok();
    assert_eq!(ran.stdout, "250\n");
    assert!(ran.stderr.contains("'returnCountOnly=true'"), "{ran:?}");
}
