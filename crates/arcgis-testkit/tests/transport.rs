#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

//! What lies between client and service: host names, certificates, the web server in front, clocks, and what the log keeps.

mod towns;
mod wire;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arcgis_testkit::{CertificateAuthority, ClientIdentity, RequestKind, Security, Testkit};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use towns::{PAGE, five_towns};
use wire::{get, post, try_get};

/// The answer to a request over TLS under a host name, which leads to the service whatever the name.
async fn over_tls(
    service: &Testkit,
    host: &str,
    ca_pem: &str,
    identity: Option<&ClientIdentity>,
) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap())
        .unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = vec![
                CertificateDer::from_pem_slice(identity.certificate_pem().as_bytes()).unwrap(),
            ];
            let key = PrivateKeyDer::from_pem_slice(identity.key_pem().as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let stream = tokio::net::TcpStream::connect(service.address()).await?;
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let mut stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await?;
    let request = format!(
        "GET /arcgis/rest/services?f=json HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn any_host_name_can_be_served() {
    let authority = CertificateAuthority::new().unwrap();
    let service = Testkit::builder()
        .tls_for(["www.arcgis.com", "services1.arcgis.com"])
        .signed_by(&authority)
        .public_origin("https://www.arcgis.com/")
        .layer(five_towns())
        .start()
        .await
        .unwrap();
    assert_eq!(
        service.layer_url("towns"),
        "https://www.arcgis.com/arcgis/rest/services/towns/FeatureServer/0"
    );
    for host in ["www.arcgis.com", "services1.arcgis.com"] {
        let answer = over_tls(&service, host, authority.pem(), None)
            .await
            .unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("towns"));
    }
    assert!(
        over_tls(&service, "www.arcgis.com.evil.test", authority.pem(), None)
            .await
            .is_err()
    );
    let other = CertificateAuthority::new().unwrap();
    assert!(
        over_tls(&service, "www.arcgis.com", other.pem(), None)
            .await
            .is_err()
    );
    assert_eq!(
        service.requests()[1].header("host"),
        Some("services1.arcgis.com")
    );
}

#[tokio::test]
async fn client_certificates_are_demanded_and_checked() {
    let authority = CertificateAuthority::new().unwrap();
    let clients = CertificateAuthority::new().unwrap();
    let service = Testkit::builder()
        .tls_for(["gis.example.com"])
        .signed_by(&authority)
        .require_client_certificate(&clients)
        .start()
        .await
        .unwrap();
    let good = clients.client_identity("somebody").unwrap();
    let answer = over_tls(&service, "gis.example.com", authority.pem(), Some(&good))
        .await
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"));
    let bad = authority.client_identity("somebody").unwrap();
    for identity in [None, Some(&bad)] {
        assert!(
            over_tls(&service, "gis.example.com", authority.pem(), identity)
                .await
                .is_err()
        );
    }
    assert_eq!(service.requests().len(), 1);
    assert!(!format!("{good:?}{authority:?}").contains("PRIVATE"));
}

#[tokio::test]
async fn the_web_server_in_front_wants_basic_authentication() {
    let service = Testkit::builder()
        .layer(five_towns())
        .basic_auth("web", "tier")
        .security(Security::token("user", "pass word").static_token("AAPKx"))
        .start()
        .await
        .unwrap();
    let bare = get(&service, PAGE, &[("f", "json"), ("where", "1=1")]);
    assert_eq!(bare.status, 401);
    assert_eq!(
        bare.header("www-authenticate"),
        Some("Basic realm=\"arcgis-testkit\"")
    );
    // printf 'web:tier' | base64
    let basic = ("Authorization", "Basic d2ViOnRpZXI=");
    let parameters = [("f", "json"), ("where", "1=1"), ("returnCountOnly", "true")];
    let count = |headers: &[(&str, &str)]| {
        try_get(&service, PAGE, &parameters, headers)
            .unwrap()
            .json()
    };
    assert_eq!(count(&[basic])["error"]["code"], 499);
    assert_eq!(
        count(&[basic, ("X-Esri-Authorization", "Bearer AAPKx")]),
        json!({"count": 5})
    );
}

#[tokio::test]
async fn clocks_go_wrong_and_expiry_is_told_in_seconds() {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    for (skew, seconds) in [(7200_i64, false), (-7200, true)] {
        let mut security = Security::token("user", "pass word");
        if seconds {
            security = security.expires_in_seconds();
        }
        let service = Testkit::builder()
            .security(security)
            .clock_skew(skew)
            .start()
            .await
            .unwrap();
        let form = [
            ("username", "user"),
            ("password", "pass word"),
            ("client", "requestip"),
        ];
        let reply = post(&service, "/arcgis/tokens/generateToken", &form, &[]);
        let expires = reply.json()["expires"].as_i64().unwrap();
        let told = if seconds { expires } else { expires / 1000 };
        let right = i64::try_from(now().as_secs()).unwrap() + 3600 + skew;
        assert!((right - 5..=right).contains(&told), "{told} is not {right}");
        let date = httpdate::parse_http_date(reply.header("date").unwrap()).unwrap();
        let ahead = date.duration_since(UNIX_EPOCH).unwrap().as_secs_f64() - now().as_secs_f64();
        assert!((ahead - skew as f64).abs() < 5.0, "{ahead}");
    }
}

#[tokio::test]
async fn the_log_keeps_everything_that_came() {
    let service = Testkit::builder()
        .layer(five_towns())
        .longest_url(100)
        .start()
        .await
        .unwrap();
    let form = [("where", "NAME = 'x y'"), ("f", "json")];
    post(
        &service,
        &format!("{PAGE}?a=b"),
        &form,
        &[("X-Canary", "tweet")],
    );
    let long = "x".repeat(200);
    assert_eq!(get(&service, PAGE, &[("where", &long)]).status, 414);
    let requests = service.requests();
    assert_eq!(requests[0].url(), format!("{PAGE}?a=b"));
    assert_eq!(&requests[0].body()[..], b"where=NAME+%3D+%27x+y%27&f=json");
    assert_eq!(requests[0].header("x-canary"), Some("tweet"));
    assert_eq!(requests[0].kind(), RequestKind::Features);
    assert_eq!(requests[1].answered().unwrap().status, 414);
    assert!(requests[1].url().contains(&long));
    assert!(requests[1].at() < Duration::from_secs(60));
}

#[tokio::test]
async fn edits_are_dated_by_the_clock_of_the_service() {
    let service = Testkit::builder()
        .layer(five_towns().with_archiving())
        .clock_skew(7200)
        .start()
        .await
        .unwrap();
    let rows = service.layer("towns").unwrap();
    let start = rows.last_edit();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    assert!((now + 7195..=now + 7200).contains(&(start / 1000)));
    std::thread::sleep(Duration::from_millis(5));
    rows.delete(1).unwrap();
    let count = |moment: u64| {
        let moment = moment.to_string();
        let parameters = [
            ("f", "json"),
            ("where", "1=1"),
            ("returnCountOnly", "true"),
            ("historicMoment", &moment),
        ];
        get(&service, PAGE, &parameters).json()
    };
    assert_eq!(
        (count(start), count(rows.last_edit())),
        (json!({"count": 5}), json!({"count": 4}))
    );
}
