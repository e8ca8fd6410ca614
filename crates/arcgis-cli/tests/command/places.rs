//! Where rows go, and what becomes of them when the place gives way.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arcgis_testkit::{Fault, FaultKind, Field, FieldType, Layer, RequestKind, Row, Testkit};

use crate::run::{Desk, finish, rows_in, start, towns};

const ANSWER: &str = r#"{"objectIdFieldName": "OBJECTID",
    "fields": [{"name": "OBJECTID", "type": "esriFieldTypeOID"}],
    "features": [{"attributes": {"OBJECTID": 1}}, {"attributes": {"OBJECTID": 2}}]}"#;

#[test]
fn addresses_that_nothing_goes_to_are_refused_before_the_first_request() {
    let service = start(Testkit::builder().layer(towns()));
    let url = service.layer_url("towns");
    let desk = Desk::new();
    let nowhere = [
        ("AWS_ENDPOINT", "http://127.0.0.1:9"),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_SKIP_SIGNATURE", "true"),
    ];
    for (out, code, said) in [
        (
            "ftp://h/x.parquet",
            2,
            "nothing is written to such an address",
        ),
        ("http://[h/x.parquet?sig=5ec7e7", 2, "OUT is no address"),
        (
            "s3://lake/folder/",
            2,
            "s3://lake/folder/: it names no file",
        ),
        #[cfg(feature = "cloud")]
        ("s3://lake", 2, "names no object"),
        #[cfg(feature = "cloud")]
        ("gs://lake/x?versionId=1", 2, "%3F"),
        #[cfg(feature = "cloud")]
        ("s3://lake/x.parquet", 6, "cannot write s3://lake/x.parquet"),
        (
            "http://127.0.0.1:9/x.parquet?sig=5ec7e7",
            6,
            "cannot write http://127.0.0.1:9/x.parquet:",
        ),
        (
            "https://h/x.shp?sig=5ec7e7",
            2,
            "https://h/x.shp: nothing here is written as .shp",
        ),
    ] {
        let ran = desk.run_in(&nowhere, &["export", &url, out, "--retries", "0"]);
        assert!(!ran.stderr.contains("5ec7e7"), "{ran:?}");
        ran.fails(code, &[said]);
    }
    #[cfg(feature = "cloud")]
    desk.run_in(
        &[&nowhere[..], &[("AWS_TIMEOUT", "1 seconds")]].concat(),
        &["export", &url, "s3://lake/towns/", "--partition-by", "NAME"],
    )
    .fails(6, &["cannot read s3://lake/towns/_index.json"]);
    desk.run(&["export", &url, "x.csv", "--report", "s3://lake/report.json"])
        .fails(2, &["--report: it names a file on this machine"]);
    desk.run(&["export", &url, "https://h/x.csv", "--as", "geojson"])
        .fails(
            2,
            &["https://h/x.csv: the name says CSV, and --as says GeoJSON"],
        );
    assert_eq!(service.requests_of(RequestKind::Features).len(), 0);
    assert_eq!(desk.names(), [""; 0]);
}

/// The head of a request and its body.
type Put = (String, Vec<u8>);

/// A web server that takes what is put there.
struct Web {
    address: SocketAddr,
    put: Arc<Mutex<Vec<Put>>>,
}

impl Web {
    fn start(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let put = Arc::<Mutex<Vec<_>>>::default();
        let kept = Arc::clone(&put);
        // Ends with the tests.
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let Some((head, body)) = receive(socket.as_ref().unwrap()) else {
                    continue;
                };
                let status = if head.starts_with("GET") {
                    "404 Not Found"
                } else {
                    status
                };
                if head.starts_with("PUT") {
                    kept.lock().unwrap().push((head, body));
                }
                let _ = write!(
                    socket.unwrap(),
                    "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
            }
        });
        Self { address, put }
    }
}

/// The head and the body of a request.
fn receive(socket: &TcpStream) -> Option<(String, Vec<u8>)> {
    let mut reader = BufReader::new(socket);
    let mut head = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        if let Some(bytes) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = bytes.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

#[test]
fn a_signed_address_gets_the_file_and_shows_nowhere() {
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let web = Web::start("200 OK");
    let out = format!(
        "http://{}/lake/towns.parquet?X-Amz-Signature=5ec7e7&x=%2f",
        web.address
    );
    let url = service.layer_url("towns");
    let ran = desk
        .run_in(
            &[("ARCGIS_TOKEN", "t0ken")],
            &[
                "export",
                &url,
                &out,
                "--json",
                "-vv",
                "--report",
                "report.json",
                "--header",
                "X-Gateway: g4teway",
            ],
        )
        .ok();
    let shown = out.split('?').next().unwrap();
    assert_eq!(ran.json()["output"], shown);
    let (head, body) = web.put.lock().unwrap().remove(0);
    assert!(
        head.starts_with("PUT /lake/towns.parquet?X-Amz-Signature=5ec7e7&x=%2f HTTP/1.1"),
        "{head}"
    );
    let lower = head.to_ascii_lowercase();
    for ours in ["g4teway", "t0ken", "authorization", "transfer-encoding"] {
        assert!(!lower.contains(ours), "{head}");
    }
    std::fs::write(desk.path("there.parquet"), &body).unwrap();
    assert_eq!(rows_in(&desk.path("there.parquet")), 250);
    let report = std::fs::read_to_string(desk.path("report.json")).unwrap();
    for text in [
        &ran.stdout,
        &ran.stderr,
        &report,
        &String::from_utf8_lossy(&body).into_owned(),
    ] {
        assert!(!text.contains("5ec7e7"), "{text}");
    }

    let web = Web::start("403 Forbidden");
    desk.write("answer.json", ANSWER);
    let out = format!("http://{}/x.csv?X-Amz-Signature=5ec7e7", web.address);
    let ran = desk.run(&["convert", "answer.json", &out, "-vv"]);
    assert!(!ran.stderr.contains("5ec7e7"), "{ran:?}");
    ran.fails(6, &["cannot write http://", "403"]);
}

#[test]
fn a_file_that_waits_to_be_sent_waits_where_spill_says() {
    let service = start(Testkit::builder().layer(towns()));
    let desk = Desk::new();
    let web = Web::start("200 OK");
    let url = service.layer_url("towns");
    let out = format!("http://{}/x.csv", web.address);
    desk.run(&["export", &url, &out, "--order", "id", "--spill", "missing"])
        .fails(6, &["missing"]);
    std::fs::create_dir(desk.path("spill")).unwrap();
    desk.run(&["export", &url, &out, "--order", "id", "--spill", "spill"])
        .ok();
    assert_eq!(web.put.lock().unwrap().len(), 1);
    // Where nothing waits, the option does nothing, and that is said.
    desk.run(&["export", &url, "x.csv", "--order", "id", "--spill", "spill"])
        .fails(2, &["--spill"]);
}

/// Enough text for a file of a megabyte.
fn much() -> Layer {
    Layer::table("much")
        .with_field(Field::new("TEXT", FieldType::String))
        .with_max_record_count(1_000)
        .with_rows((0..5_000).map(|n| Row::new().with("TEXT", format!("{n:0200}"))))
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_earlier_file() {
    let service = start(Testkit::builder().layer(much()));
    let desk = Desk::new();
    for (out, more) in [
        ("much.csv", "--order=id"),
        ("much.parquet", "--compression=none"),
        ("much.gpkg", "-q"),
        ("much.fgb", "-q"),
        ("much.arrow", "-q"),
        ("much.arrows", "-q"),
        ("much.geojson", "-q"),
        ("much.geojsonl", "-q"),
    ] {
        desk.write(out, "earlier");
        // A file may have so many blocks, as on a disk that has no more; without the signal that goes with it.
        let limited = "trap '' XFSZ; ulimit -f 200; exec \"$@\"";
        let arcgis = env!("CARGO_BIN_EXE_arcgis");
        let url = service.layer_url("much");
        let plain = desk.command(&[]);
        let mut limit = std::process::Command::new("sh");
        limit.args([
            "-c",
            limited,
            "sh",
            arcgis,
            "export",
            &url,
            out,
            "--overwrite",
            more,
        ]);
        limit
            .current_dir(desk.path(""))
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => limit.env(name, value),
                None => limit.env_remove(name),
            };
        }
        finish(limit.spawn().unwrap()).fails(6, &[]);
        assert_eq!(std::fs::read_to_string(desk.path(out)).unwrap(), "earlier");
        assert_eq!(desk.names(), [out], "{more}");
        std::fs::remove_file(desk.path(out)).unwrap();
    }
}

/// One name for each format.
const NAMES: [&str; 8] = [
    "towns.parquet",
    "towns.arrow",
    "towns.arrows",
    "towns.geojson",
    "towns.geojsonl",
    "towns.csv",
    "towns.fgb",
    "towns.gpkg",
];

/// An export that stands still at its second page, until something is done to its folder.
#[cfg(unix)]
fn midway(folder: &str, name: &str, change: impl FnOnce(&Desk)) -> (Desk, crate::run::Ran) {
    let pause = Fault::on_query(2, FaultKind::Delay(Duration::from_secs(1)));
    let service = start(Testkit::builder().layer(towns()).fault(pause));
    let desk = Desk::new();
    std::fs::create_dir(desk.path(folder)).unwrap();
    let out = format!("{folder}/{name}");
    desk.write(&out, "earlier");
    let child = desk
        .command(&["export", &service.layer_url("towns"), &out, "--overwrite"])
        .spawn()
        .unwrap();
    let started = Instant::now();
    while service.requests_of(RequestKind::Features).len() < 2 {
        assert!(started.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(20));
    }
    change(&desk);
    let ran = finish(child);
    (desk, ran)
}

#[cfg(unix)]
#[test]
fn a_folder_that_goes_midway_is_no_file() {
    for name in NAMES {
        let (desk, ran) = midway("a", name, |desk| {
            std::fs::rename(desk.path("a"), desk.path("b")).unwrap()
        });
        // Formats that are put together beside the file first say so of that.
        ran.fails(
            6,
            &[
                "writ",
                if name.ends_with("parquet") {
                    "a/towns.parquet"
                } else {
                    ""
                },
            ],
        );
        let earlier = std::fs::read_to_string(desk.path(&format!("b/{name}")));
        assert_eq!(earlier.unwrap(), "earlier");
    }
}

#[cfg(unix)]
#[test]
fn permission_lost_midway_leaves_the_earlier_file() {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = |desk: &Desk, mode| {
        std::fs::set_permissions(desk.path("a"), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let tried = Desk::new();
    std::fs::create_dir(tried.path("a")).unwrap();
    mode(&tried, 0o555);
    if std::fs::write(tried.path("a/x"), "").is_ok() {
        println!("skipped: permissions do not hold the user who runs this");
        return;
    }
    for name in NAMES {
        let (desk, ran) = midway("a", name, |desk| mode(desk, 0o555));
        ran.fails(6, &[&format!("cannot write a/{name}"), "denied"]);
        mode(&desk, 0o755);
        let earlier = std::fs::read_to_string(desk.path(&format!("a/{name}")));
        assert_eq!(earlier.unwrap(), "earlier");
    }
}

#[cfg(unix)]
#[test]
fn killed_midway_nothing_half_has_the_name() {
    let stall = Fault::on_query(2, FaultKind::Stall).always();
    let service = start(Testkit::builder().layer(towns()).fault(stall));
    let desk = Desk::new();
    let url = service.layer_url("towns");
    let new = NAMES.map(|name| name.replace("towns", "new"));
    for name in NAMES {
        desk.write(name, "earlier");
    }
    for out in NAMES.into_iter().chain(new.iter().map(String::as_str)) {
        let before = service.requests_of(RequestKind::Features).len();
        let mut child = desk
            .command(&["export", &url, out, "--overwrite"])
            .spawn()
            .unwrap();
        let started = Instant::now();
        while service.requests_of(RequestKind::Features).len() < before + 2 {
            assert!(started.elapsed() < Duration::from_secs(30));
            std::thread::sleep(Duration::from_millis(20));
        }
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success());
    }
    for (name, new) in NAMES.iter().zip(&new) {
        let earlier = std::fs::read_to_string(desk.path(name));
        assert_eq!(earlier.unwrap(), "earlier", "{name}");
        assert!(!desk.path(new).exists(), "{new}");
    }
}
