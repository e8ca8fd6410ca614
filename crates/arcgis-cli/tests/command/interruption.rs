//! Being told to stop, and serving until then.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use arcgis_testkit::{Fault, FaultKind, RequestKind, Testkit};

use crate::run::{Desk, rows_in, start, towns};

fn interrupt(child: &Child) {
    let status = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn ctrl_c_leaves_nothing_behind() {
    let stall = Fault::on_query(2, FaultKind::Stall).always();
    let service = start(Testkit::builder().layer(towns()).fault(stall));
    let desk = Desk::new();
    desk.write("there.parquet", "earlier");
    let mut child = desk
        .command(&[
            "export",
            &service.layer_url("towns"),
            "there.parquet",
            "--overwrite",
        ])
        .spawn()
        .unwrap();
    let started = Instant::now();
    while service.requests_of(RequestKind::Features).len() < 2 {
        assert!(started.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(desk.names().len(), 2, "the unfinished file stands beside");
    interrupt(&child);
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("error: interrupted; nothing was left behind"),
        "{stderr}"
    );
    assert_eq!(desk.names(), ["there.parquet"]);
    assert_eq!(
        std::fs::read_to_string(desk.path("there.parquet")).unwrap(),
        "earlier"
    );
}

#[test]
fn a_password_that_does_not_come_holds_nothing_up() {
    let desk = Desk::new();
    let mut child = desk
        .command(&[
            "count",
            "https://host.invalid/arcgis/rest/services/x/FeatureServer/0",
            "--user",
            "me",
            "--password-stdin",
        ])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert!(
        child.try_wait().unwrap().is_none(),
        "it waits for the password"
    );
    interrupt(&child);
    let started = Instant::now();
    // Standard input stays open all the while.
    while child.try_wait().unwrap().is_none() {
        assert!(started.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn the_demo_service_serves_until_it_is_told_to_stop() {
    let desk = Desk::new();
    let mut child = desk
        .command(&["serve", "--port", "0", "--json"])
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let said: serde_json::Value = serde_json::from_str(&line).unwrap();
    let text = |name: &str| said[name].as_str().unwrap().to_owned();
    let layer = said["layers"]["countries"].as_str().unwrap().to_owned();
    desk.run(&["count", &layer])
        .fails(3, &["wants a token", "--user"]);
    desk.run_with_stdin(
        &text("password"),
        &[
            "export",
            &layer,
            "c.parquet",
            "--user",
            &text("user"),
            "--password-stdin",
            "--portal",
            &text("portal"),
            "--no-geometry",
        ],
    )
    .ok();
    assert_eq!(rows_in(&desk.path("c.parquet")), 250);
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn an_open_service_needs_no_credential() {
    let desk = Desk::new();
    let mut child = desk
        .command(&["serve", "--port", "0", "--open", "--json"])
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let said: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(said["secured"], false);
    let layer = said["layers"]["places"].as_str().unwrap();
    assert_eq!(desk.run(&["count", layer]).ok().stdout, "7322\n");
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_taken_port_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    Desk::new()
        .run(&["serve", "--port", &port])
        .fails(1, &["cannot listen", "--port 0"]);
}
