//! Secured layers: an export outlives its tokens, and costs no more of them than it must.

use std::sync::Arc;
use std::time::Duration;

use arcgis_auth_http::arcgis_auth_core::{
    self, Credentials, Portal, TokenPlacement, UnauthorizedReason,
};
use arcgis_export::{Error, ExportEvent, LayerExport};
use arcgis_testkit::{
    Fault, FaultKind, ParameterSource, Placement, RefusalStyle, RequestKind, Security, Testkit,
};
use arcgis_tests::{Bench, paging, patient_client};

use crate::faults::{layer, service, undisturbed};

const USER: &str = "user";
const PASSWORD: &str = "password";

fn security() -> Security {
    Security::token(USER, PASSWORD)
}

#[tokio::test]
async fn one_token_does_for_a_whole_export() {
    let straight = undisturbed().await;
    let bench = Bench::signed_in(service().security(security()), USER, PASSWORD).await;
    let (_, file) = bench.exported("t").await;
    assert_eq!(file.batch, straight.batch);
    assert_eq!((bench.service.mints(), bench.client.stats().mints), (1, 1));
}

#[tokio::test]
async fn t7_a_refused_token_is_renewed_wherever_it_is_refused() {
    let straight = undisturbed().await;
    for style in [
        RefusalStyle::Body,
        RefusalStyle::Status,
        RefusalStyle::AdminBody,
    ] {
        for (request, number) in [
            (RequestKind::Layer, 1),
            (RequestKind::Count, 1),
            (RequestKind::Ids, 1),
            (RequestKind::Features, 1),
            (RequestKind::Features, 4),
        ] {
            let fault = Fault::on(
                request,
                number,
                FaultKind::TokenRefused { code: 498, style },
            );
            let bench =
                Bench::signed_in(service().security(security()).fault(fault), USER, PASSWORD).await;
            let (report, file) = bench.exported("t").await;
            assert_eq!(file.batch, straight.batch, "{style:?} at {request:?}");
            assert_eq!(bench.service.mints(), 2, "{style:?} at {request:?}");
            assert_eq!(bench.client.stats().mints, 2);
            assert_eq!(
                bench.count(RequestKind::Features),
                5 + usize::from(request == RequestKind::Features)
            );
            assert_eq!(
                report.fetch.unwrap().halved,
                0,
                "a refusal says nothing about the size of a page"
            );
        }
    }
}

#[tokio::test]
async fn t7_a_token_that_was_not_seen_is_sent_again() {
    let straight = undisturbed().await;
    for style in [
        RefusalStyle::Body,
        RefusalStyle::Status,
        RefusalStyle::AdminBody,
    ] {
        for (request, number) in [
            (RequestKind::Layer, 1),
            (RequestKind::Count, 1),
            (RequestKind::Features, 1),
            (RequestKind::Features, 4),
        ] {
            let fault = Fault::on(
                request,
                number,
                FaultKind::TokenRefused { code: 499, style },
            );
            let bench =
                Bench::signed_in(service().security(security()).fault(fault), USER, PASSWORD).await;
            let (_, file) = bench.exported("t").await;
            assert_eq!(file.batch, straight.batch, "{style:?} at {request:?}");
            assert!(bench.service.mints() <= 2);
        }
    }
}

#[tokio::test]
async fn a_refusal_behind_the_rows_is_one_too() {
    let straight = undisturbed().await;
    let late = FaultKind::LateError {
        code: 498,
        message: "Invalid token.".into(),
    };
    let fault = Fault::on_query(3, late);
    let bench = Bench::signed_in(service().security(security()).fault(fault), USER, PASSWORD).await;
    let (_, file) = bench.exported("t").await;
    assert_eq!(file.batch, straight.batch);
    assert_eq!(bench.service.mints(), 2);
}

#[tokio::test]
async fn t8_a_sign_in_page_instead_of_a_token_is_a_failed_mint() {
    let fault = Fault::on_token(1, FaultKind::Html);
    let bench = Bench::signed_in(service().security(security()).fault(fault), USER, PASSWORD).await;
    let error = bench.open("t").await.unwrap_err();
    assert!(
        matches!(
            &error,
            arcgis_layer::Error::Service(arcgis_auth_core::Error::Mint { .. })
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("HTML"), "{error}");
    assert_eq!(bench.count(RequestKind::Token), 1);
}

#[tokio::test]
async fn t5_tokens_revoked_under_way_cost_one_mint() {
    let straight = undisturbed().await;
    for at_once in [1, 4] {
        let bench = Bench::signed_in(service().security(security()), USER, PASSWORD).await;
        let service = Arc::clone(&bench.service);
        let pages = std::sync::atomic::AtomicUsize::new(0);
        let export = bench
            .export("t")
            .await
            .with_fetch(paging(2, at_once))
            .with_observer(move |event| {
                let page = matches!(event, ExportEvent::Page { .. });
                if page && pages.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 2 {
                    service.revoke_tokens();
                }
            });
        let (_, file) = bench.write(export).await.unwrap();
        assert_eq!(file.batch, straight.batch);
        assert_eq!(bench.service.mints(), 2, "{at_once} at once");
    }
}

#[tokio::test]
async fn t14_an_export_that_outlives_its_tokens_again_and_again() {
    let straight = undisturbed().await;
    for at_once in [1, 4] {
        let life = Duration::from_millis(120);
        let slow = service()
            .security(security().token_life(life))
            .latency(Duration::from_millis(12));
        let bench = Bench::signed_in(slow, USER, PASSWORD).await;
        let export = bench.export("t").await.with_fetch(paging(1, at_once));
        let (_, file) = bench.write(export).await.unwrap();
        assert_eq!(file.batch, straight.batch);
        // Never one for each request: there are 50 of them.
        let mints = bench.service.mints();
        assert!((2..=25).contains(&mints), "{mints} mints");
        assert_eq!(bench.client.stats().mints, mints);
    }
}

#[tokio::test]
async fn a_renewal_that_fails_at_first_is_tried_again() {
    let straight = undisturbed().await;
    for kind in [
        FaultKind::Status(503),
        FaultKind::Reset,
        FaultKind::EmptyBody,
    ] {
        let refused = FaultKind::TokenRefused {
            code: 498,
            style: RefusalStyle::Body,
        };
        let disturbed = service()
            .security(security())
            .fault(Fault::on_query(2, refused))
            .fault(Fault::on_token(2, kind.clone()));
        let bench = Bench::signed_in(disturbed, USER, PASSWORD).await;
        let export = bench.export("t").await.with_fetch(paging(10, 1));
        let outcome = bench.write(export).await;
        let (_, file) = outcome.unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        assert_eq!(file.batch, straight.batch, "{kind:?}");
    }
}

#[tokio::test]
async fn t2_a_server_that_knows_no_header_gets_the_token_in_the_form() {
    let straight = undisturbed().await;
    let bench = Bench::signed_in(
        service().security(security().accept([Placement::Form])),
        USER,
        PASSWORD,
    )
    .await;
    let (_, file) = bench.exported("t").await;
    assert_eq!(file.batch, straight.batch);
    assert_eq!(bench.service.mints(), 1);
    let requests = bench.service.requests();
    let refused = requests
        .iter()
        .filter(|request| {
            request
                .answered()
                .is_some_and(|answer| answer.error == Some(499))
        })
        .count();
    assert_eq!(refused, 1, "learned once, and kept");
    for request in requests
        .iter()
        .filter(|request| request.kind() == RequestKind::Features)
    {
        assert_eq!(request.method(), "POST");
        assert_eq!(
            request.parameters().source("token"),
            Some(ParameterSource::Form)
        );
        assert_eq!(request.header("x-esri-authorization"), None);
    }
}

#[tokio::test]
async fn t2_the_token_goes_where_it_is_told_to() {
    let straight = undisturbed().await;
    for (placement, accepted) in [
        (TokenPlacement::EsriHeader, Placement::EsriHeader),
        (
            TokenPlacement::AuthorizationHeader,
            Placement::AuthorizationHeader,
        ),
        (TokenPlacement::FormBody, Placement::Form),
        (TokenPlacement::Query, Placement::Query),
    ] {
        let bench = Bench::with_client(
            service().security(security().accept([accepted])),
            |service| {
                let portal = Portal::parse(&service.root_url()).unwrap();
                let credentials = Credentials::user_password(USER, PASSWORD, portal).unwrap();
                patient_client()
                    .credentials(credentials)
                    .placement(placement)
            },
        )
        .await;
        let (_, file) = bench.exported("t").await;
        assert_eq!(file.batch, straight.batch, "{accepted:?}");
        assert!(
            bench.service.requests().iter().all(|request| request
                .answered()
                .unwrap()
                .error
                .is_none()),
            "{accepted:?}"
        );
    }
}

#[tokio::test]
async fn t9_the_referer_goes_with_tokens_that_are_bound_to_it() {
    let bench = Bench::signed_in(
        service().security(security().refuse_requestip()),
        USER,
        PASSWORD,
    )
    .await;
    bench.exported("t").await;
    let minted = &bench.service.requests_of(RequestKind::Token)[0];
    let referer = minted.parameters().get("referer").unwrap();
    for request in bench.service.requests_of(RequestKind::Features) {
        assert_eq!(request.header("referer"), Some(referer));
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_ends_the_export() {
    let bench = {
        let started = Testkit::builder().layer(layer()).security(security());
        Bench::with_client(started, |service| {
            let url = service.layer_url("t").parse().unwrap();
            let credentials = Credentials::token_for(&url, service.issue_token().unwrap()).unwrap();
            patient_client().credentials(credentials)
        })
        .await
    };
    bench.exported("t").await;
    let before = std::fs::read(bench.path()).unwrap();
    let export = bench.export("t").await;
    bench.service.revoke_tokens();
    let error = bench.write(export).await.unwrap_err();
    let Error::Layer(arcgis_layer::Error::Service(service)) = &error else {
        panic!("{error:?}")
    };
    assert!(service.is_authentication());
    let arcgis_auth_core::Error::Unauthorized(why) = service else {
        panic!("{service:?}")
    };
    assert_eq!(why.reason, UnauthorizedReason::Refused);
    assert_eq!(std::fs::read(bench.path()).unwrap(), before);
    assert_eq!(bench.files(), ["out.parquet"]);
}

#[tokio::test]
async fn a_secured_layer_without_a_credential_is_asked_for_once() {
    let bench = Bench::start(service().security(security())).await;
    let error = bench.open("t").await.map(LayerExport::new).unwrap_err();
    let arcgis_layer::Error::Service(arcgis_auth_core::Error::Unauthorized(why)) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(why.reason, UnauthorizedReason::NoCredential);
    assert_eq!(bench.count(RequestKind::Layer), 1, "T12");
    // And where one could sign in, for the message.
    assert_eq!(bench.count(RequestKind::Info), 1);
    assert_eq!(bench.service.requests().len(), 2);
    assert!(
        error.to_string().contains(&bench.service.root_url()),
        "{error}"
    );
}
