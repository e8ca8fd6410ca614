//! Which profile an address gets, and what goes before it.

use arcgis_testkit::{Security, Testkit};

use crate::login::{PASSWORD, USER, kept, portal, security, sign_in, silent};
use crate::run::{Desk, start, towns};

#[test]
fn an_address_gets_the_profile_of_its_portal_and_of_no_other() {
    let (one, two) = (portal(), portal());
    let desk = Desk::new();
    let login = |service: &Testkit, more: &[&str]| {
        let portal = service.portal_url();
        let args = [
            "login",
            "--portal",
            &portal,
            "--user",
            USER,
            "--password-stdin",
        ];
        desk.run_with_stdin(PASSWORD, &[&args[..], more].concat())
            .ok()
    };
    assert!(login(&one, &[]).stdout.contains("as profile default"));
    // Another portal gets a name of its own, and the same portal keeps its name.
    assert!(login(&two, &[]).stdout.contains("as profile 127.0.0.1"));
    assert!(login(&two, &[]).stdout.contains("as profile 127.0.0.1"));
    one.clear_requests();
    two.clear_requests();
    for service in [&one, &two] {
        assert_eq!(
            desk.run(&["count", &service.layer_url("towns")])
                .ok()
                .stdout,
            "250\n"
        );
    }
    assert_eq!((one.grants().password, two.grants().password), (2, 3));

    // A third server knows none of them: it is asked whose it is, and gets nothing.
    let foreign = portal();
    let ran = desk.run(&["count", &foreign.layer_url("towns"), "-vv"]);
    silent(&desk, &ran);
    ran.fails(3, &["wants a token"]);
    assert_eq!(foreign.grants().failed_sign_ins, 0);
    for request in foreign.requests() {
        let all = format!(
            "{:?} {:?} {}",
            request.headers(),
            request.body(),
            request.url()
        );
        assert!(!all.to_lowercase().contains("bearer"), "{all}");
        assert!(!all.contains("CANARY") && !all.contains(USER), "{all}");
    }
    // Not even when the profile is named: its tokens are its portal's.
    let ran = desk.run(&["count", &foreign.layer_url("towns"), "--profile", "default"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    for request in foreign.requests() {
        assert!(
            request.header("x-esri-authorization").is_none(),
            "{request:?}"
        );
    }

    desk.run(&["whoami", "--profile", "nobody"])
        .fails(3, &["no login of profile nobody", "default ("]);
    let ran = desk
        .run_in(&[("ARCGIS_PROFILE", "127.0.0.1")], &["whoami", "--json"])
        .ok();
    assert_eq!(ran.json()["portal"], two.portal_url());
    let ran = desk
        .run(&["whoami", "--json", "--portal", &one.portal_url()])
        .ok();
    assert_eq!(ran.json()["from"], "profile default");
    desk.run(&[
        "login",
        "--profile",
        "default",
        "--portal",
        &two.portal_url(),
        "--user",
        USER,
    ])
    .fails(2, &["profile default is a login at"]);
    desk.run(&["logout"]).fails(2, &["several logins", "--all"]);
    desk.run(&["logout", "--all"]).ok();
    assert!(!desk.run(&["config"]).ok().stdout.contains("127.0.0.1:"));
}

#[test]
fn two_logins_at_one_portal_are_told_apart() {
    let service = start(
        Testkit::builder()
            .layer(towns())
            .security(security().user("bob", "CANARY-bob")),
    );
    let (desk, portal) = (Desk::new(), service.portal_url());
    for (user, password, profile) in [(USER, PASSWORD, "one"), ("bob", "CANARY-bob", "two")] {
        let args = [
            "login",
            "--portal",
            &portal,
            "--user",
            user,
            "--password-stdin",
            "--profile",
            profile,
        ];
        desk.run_with_stdin(password, &args).ok();
    }
    let count = ["count", &service.layer_url("towns")];
    desk.run(&count)
        .fails(2, &["several profiles", "one (", "two (", "--profile"]);
    desk.run(&[&count[..], &["--profile", "two"]].concat()).ok();
    let last = service.requests().into_iter().rev();
    let user = last
        .filter_map(|request| request.parameters().get("username").map(str::to_owned))
        .next();
    assert_eq!(user.as_deref(), Some("bob"));
    desk.configure("profile = \"two\"\n");
    assert_eq!(desk.run(&["whoami", "--json"]).ok().json()["user"], "bob");
    desk.run(&count).ok();
    desk.run(&["logout"]).ok();
    assert_eq!(
        desk.run(&["whoami", "--json", "--profile", "one"])
            .ok()
            .json()["user"],
        USER
    );
}

#[test]
fn a_server_that_names_the_portal_gets_a_token_from_the_portal_alone() {
    let portal = portal();
    let server = start(
        Testkit::builder()
            .layer(towns())
            .security(Security::federated(&portal)),
    );
    let desk = Desk::new();
    sign_in(&desk, &portal.portal_url(), &[]);
    let access = kept(&desk);
    let ran = desk.run(&["count", &server.layer_url("towns"), "-v"]).ok();
    assert_eq!(ran.stdout, "250\n");
    silent(&desk, &ran);
    assert_eq!(portal.grants().server_token, 1);
    let logins = access["logins"].as_object().unwrap();
    let access = logins.values().next().unwrap()["token"].as_str().unwrap();
    for request in server.requests() {
        assert!(
            !format!("{:?}", request.headers()).contains(access),
            "the portal's token stays"
        );
    }

    // A server that only says so gets nothing.
    let claim = Security::token("other", "x").owning_system_url(portal.portal_url());
    let liar = start(Testkit::builder().layer(towns()).security(claim));
    let ran = desk.run(&["count", &liar.layer_url("towns"), "-vv"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    for request in liar.requests() {
        assert!(
            request.header("x-esri-authorization").is_none(),
            "{request:?}"
        );
    }
}

#[test]
fn the_environment_goes_before_a_profile() {
    let service = start(
        Testkit::builder()
            .layer(towns())
            .security(security().static_token("KEY-TOKEN-7")),
    );
    let (desk, portal) = (Desk::new(), service.portal_url());
    sign_in(&desk, &portal, &[]);
    let environment = [
        ("ARCGIS_TOKEN", "KEY-TOKEN-7"),
        ("ARCGIS_PORTAL", portal.as_str()),
    ];
    let token = |args: &[&str]| {
        desk.run_in(&environment, &[&["token"], args].concat())
            .ok()
            .stdout
    };
    assert_eq!(token(&[]), "KEY-TOKEN-7\n");
    assert_ne!(token(&["--profile", "default"]), "KEY-TOKEN-7\n");
    desk.write(
        ".env",
        &format!("ARCGIS_TOKEN=KEY-TOKEN-7\nARCGIS_PORTAL={portal}\n"),
    );
    assert_eq!(desk.run(&["token"]).ok().stdout, "KEY-TOKEN-7\n");
    let from = desk.run(&["token", "--json"]).ok().json()["from"].clone();
    assert_eq!(from, ".env");
}
