//! Files that are put to a web server.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arcgis_auth_http::{HyperTransport, Retry, RetryPolicy};
use arcgis_export::{
    Destination as _, Error, ExportEvent, FileFormat, HttpPut, LayerExport, Report,
};

use crate::generated::Generated;
use crate::web::Web;
use crate::{answer, pages};

const SIGNATURE: &str = "5ec7e7-5ec7e7";

fn transport() -> Arc<Retry> {
    let plain = HyperTransport::builder().build().unwrap();
    let policy =
        RetryPolicy::default().with_backoff(Duration::from_millis(1), Duration::from_millis(5));
    Arc::new(Retry::new(Arc::new(plain), policy))
}

fn put(web: &Web, target: &str) -> HttpPut {
    let url = format!("http://{}{target}", web.address());
    HttpPut::new(transport(), url.parse().unwrap())
}

fn convert(answer: &[u8], to: &HttpPut) -> Result<Report, Error> {
    answer::put(answer, FileFormat::GeoParquet, to)
}

fn said(error: &Error) -> String {
    format!("{error} {error:?}")
}

#[test]
fn the_whole_file_goes_in_one_request_of_known_length() {
    let answer = answer::of_rows(5_000);
    let expected = answer::local(&answer, FileFormat::GeoParquet);
    let web = Web::start(&[]);
    let target = format!("/lake/a%2Fb.parquet?X-Amz-Date=2%2f3&X-Amz-Signature={SIGNATURE}");
    let report = convert(&answer, &put(&web, &target)).unwrap();
    assert_eq!(report.file_bytes, Some(expected.len() as u64));
    let [look, sent] = web.asked().try_into().unwrap();
    assert_eq!(
        (
            look.method.as_str(),
            look.headers["range"].to_str().unwrap()
        ),
        ("GET", "bytes=0-0")
    );
    assert_eq!((sent.method.as_str(), &sent.target), ("PUT", &target));
    assert!(sent.body == expected);
    assert_eq!(sent.headers["content-length"], expected.len().to_string());
    assert!(!sent.headers.contains_key("transfer-encoding"));
    assert!(!sent.headers.contains_key("content-type"));
    assert!(!sent.headers.contains_key("x-ms-blob-type"));
    assert_eq!(sent.headers["if-none-match"], "*");
    let name = format!("http://{}/lake/a%2Fb.parquet", web.address());
    assert_eq!(report.output, Some(name));
}

#[test]
fn headers_say_what_is_allowed() {
    let answer = answer::of_rows(1);
    let web = Web::start(&[]);
    let azure = put(&web, "/c/x.parquet?sv=2024-11-04&sp=cw&sig=a%2Bb%3D").with_overwrite(true);
    convert(&answer, &azure).unwrap();
    let sent = &web.asked()[1];
    assert_eq!(sent.headers["x-ms-blob-type"], "BlockBlob");
    assert!(!sent.headers.contains_key("if-none-match"));

    let url = format!("http://me%40x:p%3Aw@{}/x.parquet", web.address());
    let basic = HttpPut::new(transport(), url.parse().unwrap());
    convert(&answer, &basic).unwrap();
    let sent = &web.asked()[3];
    // `me@x:p:w`
    assert_eq!(sent.headers["authorization"], "Basic bWVAeDpwOnc=");
    let shown = format!("{basic:?} {}", basic.name());
    assert!(
        !shown.contains("p%3Aw") && !shown.contains("me%40x"),
        "{shown}"
    );
}

#[test]
fn what_exists_is_not_replaced() {
    let answer = answer::of_rows(1);
    let web = Web::start(&[206]);
    let error = put(&web, "/x.parquet").open().err().unwrap();
    assert!(matches!(error, Error::Exists { .. }), "{error:?}");
    // Signed for a PUT alone: what is there shows only then.
    let web = Web::start(&[403, 412]);
    let error = convert(&answer, &put(&web, "/x.parquet?Signature=1")).unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error:?}");
    let web = Web::start(&[206, 200]);
    convert(&answer, &put(&web, "/x.parquet").with_overwrite(true)).unwrap();
    assert_eq!(web.asked().len(), 2);
}

#[test]
fn a_server_that_is_busy_gets_it_again() {
    let answer = answer::of_rows(2_000);
    let web = Web::start(&[404, 503, 500, 200]);
    convert(&answer, &put(&web, "/x.parquet")).unwrap();
    let asked = web.asked();
    assert_eq!(asked.len(), 4);
    let expected = answer::local(&answer, FileFormat::GeoParquet);
    assert!(asked[1..].iter().all(|sent| sent.body == expected));
    // One of these may have worked.
    let web = Web::start(&[404, 500, 412]);
    let error = convert(&answer, &put(&web, "/x.parquet")).unwrap_err();
    assert!(
        said(&error).contains("earlier try of this very PUT"),
        "{error:?}"
    );
}

#[tokio::test]
async fn the_signature_is_nowhere() {
    let server = Generated::new(500, 100);
    let target = format!("/x.parquet?X-Amz-Signature={SIGNATURE}&X-Amz-Credential={SIGNATURE}");
    for (answers, works) in [
        (vec![403], true),
        (vec![403, 403], false),
        (vec![403, 301], false),
    ] {
        let web = Web::start(&answers);
        let to = put(&web, &target);
        let mut shown = format!("{to:?} {}", to.name());
        let events = Arc::new(std::sync::Mutex::new(String::new()));
        let seen = Arc::clone(&events);
        let result = LayerExport::new(server.open().await)
            .with_lenient(true)
            .with_observer(move |event| {
                seen.lock().unwrap().push_str(&format!("{event:?}"));
            })
            .to(to)
            .await;
        assert_eq!(result.is_ok(), works, "{result:?}");
        shown += &match &result {
            Ok(report) => serde_json::to_string(report).unwrap(),
            Err(error) => said(error),
        };
        shown += &events.lock().unwrap();
        assert!(!shown.contains("5ec7e7"), "{shown}");
        let file = web.asked()[1].body.clone();
        assert!(!String::from_utf8_lossy(&file).contains("5ec7e7"));
        if works {
            assert_eq!(pages::read(&file).num_rows(), 500);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_reached_is_known_before_the_first_request() {
    let web = Web::start(&[401]);
    let nowhere = HttpPut::new(transport(), "http://127.0.0.1:9/x.parquet".parse().unwrap());
    let web_put = put(&web, "/x.parquet");
    let no_folder = put(&Web::start(&[]), "/x").with_folder("/no/such/folder");
    let server = Generated::new(100, 50);
    for to in [nowhere, web_put, no_folder] {
        let error = LayerExport::new(server.open().await)
            .to(to)
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Unwritable { .. }), "{error:?}");
        assert_eq!(server.asked(), 0);
    }
}

/// Also where the runtime has one thread, which is the one that drops.
#[tokio::test]
async fn given_up_while_it_is_sent_it_does_not_arrive() {
    let web = Web::stalled();
    let server = Generated::new(30_000, 1_000);
    let (verify, verified) = tokio::sync::oneshot::channel();
    let verify = std::sync::Mutex::new(Some(verify));
    let export = LayerExport::new(server.open().await)
        .with_lenient(true)
        .with_observer(move |event| {
            if matches!(event, ExportEvent::Verified(_)) {
                verify.lock().unwrap().take().unwrap().send(()).unwrap();
            }
        })
        .to(put(&web, "/x.csv"));
    let began = {
        tokio::select! {
            result = export => panic!("{result:?}"),
            () = async {
                verified.await.unwrap();
                tokio::time::sleep(Duration::from_millis(1_500)).await;
            } => Instant::now(),
        }
    };
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(web.asked().iter().all(|asked| asked.method == "GET"));
}

#[test]
fn dropped_before_its_end_nothing_is_sent() {
    let web = Web::start(&[]);
    let mut output = put(&web, "/x.parquet").open().unwrap();
    output.write_all(b"half").unwrap();
    output.settle().unwrap();
    drop(output);
    assert_eq!(web.asked().len(), 1);
    assert_eq!(web.broken(), 0);
}
