//! Signing in once, and what the other commands make of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};

use arcgis_testkit::{OAuthApp, Security, Testkit};
use serde_json::Value;
use url::Url;

use crate::run::{Desk, Ran, finish, start, towns};
use crate::web;

pub(crate) const USER: &str = "anna";
pub(crate) const PASSWORD: &str = "CANARY-p=w d#1 ü";
const SECRET: &str = "CANARY-app-secret";

pub(crate) fn security() -> Security {
    let app = OAuthApp::new("app-1")
        .with_secret(SECRET)
        .with_any_loopback_port();
    Security::token(USER, PASSWORD).app(app)
}

pub(crate) fn portal() -> Testkit {
    start(Testkit::builder().layer(towns()).security(security()))
}

/// A run that waits for a browser, and the address of the page that it shows.
struct Waiting {
    child: Child,
    page: Url,
    said: String,
}

fn begin(desk: &Desk, environment: &[(&str, &str)], args: &[&str]) -> Waiting {
    let mut command = desk.command(args);
    command
        .envs(environment.iter().copied())
        .stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    let page = loop {
        let mut line = String::new();
        if lines.read_line(&mut line).unwrap() == 0 {
            panic!("no page was shown: {said}");
        }
        said.push_str(&line);
        if line.contains("/oauth2/authorize?") {
            break Url::parse(line.trim()).unwrap();
        }
    };
    // What comes later is read by the test's own thread.
    child.stderr = Some(lines.into_inner());
    Waiting { child, page, said }
}

impl Waiting {
    fn end(self) -> Ran {
        let mut ran = finish(self.child);
        ran.stderr.insert_str(0, &self.said);
        ran
    }
}

/// Walks from the portal's page to the redirect on this machine.
fn browse(page: &Url) -> web::Page {
    let signed_in = web::fill_in(page, &[("username", USER), ("password", PASSWORD)]);
    assert_eq!(signed_in.status, 302, "{signed_in:?}");
    web::get(&Url::parse(&signed_in.location.unwrap()).unwrap())
}

/// Signs in by OAuth.
pub(crate) fn sign_in(desk: &Desk, portal: &str, more: &[&str]) -> Ran {
    let args = [
        "login",
        "--portal",
        portal,
        "--client-id",
        "app-1",
        "--no-browser",
        "--port",
        "0",
    ];
    let waiting = begin(desk, &[], &[&args, more].concat());
    assert_eq!(browse(&waiting.page).status, 200);
    waiting.end().ok()
}

pub(crate) fn kept(desk: &Desk) -> Value {
    let text = std::fs::read_to_string(desk.config_path("credentials.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// No run shows a secret, and none is anywhere but in its file.
#[track_caller]
pub(crate) fn silent(desk: &Desk, ran: &Ran) {
    let all = format!("{}{}", ran.stdout, ran.stderr);
    let mut secrets = vec!["CANARY".to_owned()];
    if desk.config_path("credentials.json").exists() {
        for (_, login) in kept(desk)["logins"].as_object().unwrap() {
            let tokens = [&login["refresh_token"], &login["token"]];
            secrets.extend(
                tokens
                    .into_iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned),
            );
        }
    }
    for secret in secrets {
        assert!(!all.contains(&secret), "{secret} is in {ran:?}");
        let list = std::fs::read_to_string(desk.config_path("logins.json"));
        assert!(!list.unwrap_or_default().contains(&secret));
    }
}

#[test]
fn a_user_signs_in_on_the_portals_page_and_every_command_knows_it() {
    let service = portal();
    let (desk, portal) = (Desk::new(), service.portal_url());
    let ran = sign_in(&desk, &portal, &["-vv"]);
    assert!(
        ran.stdout.contains(&format!(
            "Signed in to {portal} as anna, as profile default"
        )),
        "{ran:?}"
    );
    assert!(
        ran.stdout
            .contains("credentials.json, readable by you alone"),
        "{ran:?}"
    );
    silent(&desk, &ran);
    assert_eq!(service.grants().authorization_code, 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(desk.config_path("credentials.json"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    // A process of its own, for an address of that portal.
    let ran = desk
        .run(&["count", &service.layer_url("towns"), "-vv"])
        .ok();
    assert_eq!(ran.stdout, "250\n");
    silent(&desk, &ran);
    let who = desk.run(&["whoami", "--json"]).ok().json();
    assert_eq!(who["user"], USER);
    assert_eq!(who["portal"], *portal);
    assert_eq!(who["from"], "profile default");
    assert!(desk.run(&["whoami"]).ok().stdout.contains(USER));

    let token = desk.run(&["token"]).ok().stdout;
    let json = desk.run(&["token", "--json"]).ok().json();
    assert_eq!(json["token"], token.trim());
    // Half an hour, of which some seconds have passed.
    let left = json["expiresIn"].as_u64().unwrap();
    assert!((1_700..=1_800).contains(&left), "{left}");
    desk.write("token.txt", &token);
    let elsewhere = [
        "count",
        &service.layer_url("towns"),
        "--token-file",
        "token.txt",
    ];
    assert_eq!(desk.run(&elsewhere).ok().stdout, "250\n");

    let refresh = kept(&desk)["logins"][format!("default at {portal}")]["refresh_token"].clone();
    let ran = desk.run(&["logout", "-vv"]).ok();
    assert!(ran.stdout.contains("the portal ended the login"), "{ran:?}");
    assert!(!ran.stderr.contains(refresh.as_str().unwrap()), "{ran:?}");
    assert!(service.grants().revocations >= 1);
    assert_eq!(kept(&desk)["logins"], serde_json::json!({}));
    // What was given out before is worth nothing any more.
    desk.run(&elsewhere).fails(3, &["refused the token"]);
    let ran = desk.run(&["logout"]).ok();
    assert_eq!(ran.stdout, "Nobody was signed in\n");
    desk.run(&["whoami"])
        .fails(3, &["nobody is signed in", "arcgis login"]);
    desk.run(&["token"]).fails(3, &["nobody is signed in"]);
    desk.run(&["count", &service.layer_url("towns")])
        .fails(3, &["arcgis login --portal"]);
}

#[test]
fn a_code_is_pasted_where_the_browser_is_elsewhere() {
    let service = portal();
    let (desk, portal) = (Desk::new(), service.portal_url());
    let args = ["login", "--portal", &portal, "--client-id", "app-1"];
    let with_option = [&args[..], &["--paste"]].concat();
    let remote = [("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")];
    for (environment, args) in [(&[][..], &with_option[..]), (&remote, &args)] {
        let mut waiting = begin(&desk, environment, args);
        assert!(
            waiting
                .page
                .as_str()
                .contains("urn%3Aietf%3Awg%3Aoauth%3A2.0%3Aoob")
        );
        let page = web::fill_in(&waiting.page, &[("username", USER), ("password", PASSWORD)]);
        let code = web::shown_code(&page);
        let mut stdin = waiting.child.stdin.take().unwrap();
        writeln!(stdin, " {code}").unwrap();
        drop(stdin);
        let ran = waiting.end().ok();
        assert!(!format!("{ran:?}").contains(&code));
        assert_eq!(
            desk.run(&["count", &service.layer_url("towns")])
                .ok()
                .stdout,
            "250\n"
        );
    }
    // The client id is known by now.
    let mut waiting = begin(&desk, &[], &["login", "--paste"]);
    assert!(waiting.page.as_str().starts_with(&portal));
    writeln!(waiting.child.stdin.take().unwrap(), "WRONG").unwrap();
    waiting.end().fails(3, &["refused the code", "--no-pkce"]);
    let waiting = begin(&desk, &[], &["login", "--paste"]);
    waiting.end().fails(2, &["no code was pasted"]);
}

#[test]
fn the_browser_is_opened_and_other_pages_in_it_change_nothing() {
    let service = portal();
    let (desk, portal) = (Desk::new(), service.portal_url());
    let opened = desk.path("opened");
    let script = desk.write(
        "browser.sh",
        &format!("#!/bin/sh\nprintf %s \"$1\" > {}\n", opened.display()),
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let args = [
        "login",
        "--portal",
        &portal,
        "--client-id",
        "app-1",
        "--port",
        "0",
    ];
    let waiting = begin(&desk, &[("BROWSER", script.to_str().unwrap())], &args);
    let redirect = waiting
        .page
        .query_pairs()
        .find(|(name, _)| name == "redirect_uri")
        .unwrap()
        .1;
    let hostile = Url::parse(&format!("{redirect}?code=STOLEN&state=guessed")).unwrap();
    web::get(&hostile);
    web::get(&Url::parse(&redirect).unwrap().join("/favicon.ico").unwrap());
    let page = browse(&waiting.page);
    assert_eq!(page.status, 200);
    assert!(!page.body.contains("code="), "{page:?}");
    waiting.end().ok();
    if cfg!(all(unix, not(target_os = "macos"))) {
        let page = std::fs::read_to_string(opened).unwrap();
        assert!(
            page.starts_with(&format!("{portal}/sharing/rest/oauth2/authorize?")),
            "{page}"
        );
    }
    assert_eq!(service.grants().authorization_code, 1);
    assert_eq!(service.grants().refusals, 0);
}

#[test]
fn what_goes_wrong_on_the_page_says_what_to_do() {
    let service = portal();
    let (desk, portal) = (Desk::new(), service.portal_url());
    let base = ["login", "--portal", &portal];
    desk.run(&base)
        .fails(2, &["client id", "--client-id", "--user"]);
    let args = [
        &base[..],
        &["--client-id", "app-1", "--no-browser", "--port", "0"],
    ]
    .concat();
    let waiting = begin(&desk, &[], &args);
    let denied = web::fill_in(&waiting.page, &[("deny", "true")]);
    web::get(&Url::parse(&denied.location.unwrap()).unwrap());
    waiting.end().fails(3, &["denied"]);

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let args = [
        &base[..],
        &["--client-id", "app-1", "--no-browser", "--port", &port],
    ]
    .concat();
    desk.run(&args).fails(1, &["cannot listen", "--paste"]);
    for args in [
        &["login", "--user", "a", "--app"][..],
        &["login", "--user", "a", "--client-id", "x"],
        &["login", "--user", "a", "--paste"],
        &["login", "--paste", "--no-browser"],
        &["login", "--app", "--no-pkce"],
    ] {
        let ran = desk.run(args);
        assert_eq!(ran.code, 2, "{ran:?}");
    }
    assert!(!desk.config_path("logins.json").exists());
    assert!(!desk.config_path("credentials.json").exists());
}

#[test]
fn an_old_portal_is_signed_in_to_without_pkce() {
    let service = start(
        Testkit::builder()
            .layer(towns())
            .security(security().without_pkce()),
    );
    let (desk, portal) = (Desk::new(), service.portal_url());
    let ran = sign_in(&desk, &portal, &["--no-pkce"]);
    assert!(!ran.stderr.contains("code_challenge"), "{ran:?}");
    assert_eq!(
        desk.run(&["count", &service.layer_url("towns")])
            .ok()
            .stdout,
        "250\n"
    );
}

#[test]
fn passwords_application_secrets_and_tokens_are_kept_too() {
    let service = start(
        Testkit::builder()
            .layer(towns())
            .security(security().static_token("CANARY-KEY")),
    );
    let (desk, portal) = (Desk::new(), service.portal_url());
    let url = service.layer_url("towns");
    let login = ["login", "--portal", &portal, "--password-stdin", "-vv"];
    let ways: [(&str, &[&str], &str); 2] = [
        (PASSWORD, &["--user", USER], "password"),
        (SECRET, &["--app", "--client-id", "app-1"], "app"),
    ];
    for (secret, way, kind) in ways {
        let ran = desk.run_with_stdin("wrong", &[&login[..], way].concat());
        assert_eq!(ran.code, 3, "{ran:?}");
        silent(&desk, &ran);
        let ran = desk
            .run_with_stdin(secret, &[&login[..], way, &["--json"]].concat())
            .ok();
        silent(&desk, &ran);
        assert_eq!(ran.json()["kind"], kind);
        let ran = desk.run(&["count", &url, "-vv"]).ok();
        assert_eq!(ran.stdout, "250\n");
        silent(&desk, &ran);
    }
    let who = desk.run(&["whoami", "--json"]).ok().json();
    assert_eq!(who["user"], Value::Null);
    assert_eq!(who["appId"], "app-1");

    desk.write("key.txt", "CANARY-KEY\n");
    let ran = desk
        .run(&[
            "login",
            "--portal",
            &portal,
            "--token-file",
            "key.txt",
            "--json",
        ])
        .ok();
    silent(&desk, &ran);
    assert_eq!(ran.json()["kind"], "token");
    assert_eq!(desk.run(&["token"]).ok().stdout, "CANARY-KEY\n");
    assert_eq!(desk.run(&["count", &url]).ok().stdout, "250\n");
    let ran = desk.run(&["logout", "--json"]).ok().json();
    assert_eq!(ran["loggedOut"][0]["revoked"], Value::Null);
    let grants = service.grants();
    assert_eq!(grants.failed_sign_ins, 1, "a wrong password is sent once");
    desk.run_with_stdin(PASSWORD, &["login", "--password-stdin"])
        .fails(2, &["--password-stdin"]);
}

#[test]
fn a_login_that_ended_or_is_gone_says_how_to_sign_in() {
    let service = portal();
    let (desk, portal) = (Desk::new(), service.portal_url());
    sign_in(&desk, &portal, &[]);
    service.revoke_refresh_tokens();
    service.revoke_tokens();
    let count = ["count", &service.layer_url("towns")];
    let ran = desk.run(&count).fails(3, &["arcgis login"]);
    silent(&desk, &ran);
    std::fs::remove_file(desk.config_path("credentials.json")).unwrap();
    desk.run(&count).fails(
        3,
        &[
            "the login of profile default is gone",
            &format!("arcgis login --profile default --portal {portal}"),
        ],
    );
    // Signing out of what is gone works.
    desk.run(&["logout"]).ok();
    desk.run(&count).fails(3, &["wants a token"]);
}

#[test]
fn signing_out_without_the_portal_forgets_the_login_all_the_same() {
    let service = portal();
    let (desk, portal) = (Desk::new(), service.portal_url());
    sign_in(&desk, &portal, &[]);
    drop(service);
    let ran = desk.run(&["logout", "--retries", "0"]).ok();
    assert!(
        ran.stderr.contains("the portal did not end the login"),
        "{ran:?}"
    );
    assert_eq!(kept(&desk)["logins"], serde_json::json!({}));
}

/// What a process was started with can be read by others on the machine.
#[cfg(target_os = "linux")]
#[test]
fn no_secret_is_in_the_arguments_or_the_environment_of_a_process() {
    let service = portal();
    let desk = Desk::new();
    let portal = service.portal_url();
    let args = [
        "login",
        "--portal",
        &portal,
        "--user",
        USER,
        "--password-stdin",
    ];
    let mut child = desk.command(&args).stdin(Stdio::piped()).spawn().unwrap();
    let read = |what: &str| {
        let mut text = Vec::new();
        let file = std::fs::File::open(format!("/proc/{}/{what}", child.id()));
        file.unwrap().read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    };
    // It is there before it has arguments.
    let began = std::time::Instant::now();
    while !read("cmdline").contains("--password-stdin") {
        assert!(began.elapsed().as_secs() < 20, "it did not start");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let (arguments, environment) = (read("cmdline"), read("environ"));
    assert!(arguments.contains("--password-stdin") && !arguments.contains("CANARY"));
    assert!(!environment.contains("CANARY"));
    child
        .stdin
        .take()
        .unwrap()
        .write_all(PASSWORD.as_bytes())
        .unwrap();
    finish(child).ok();
}
