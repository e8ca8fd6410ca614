use super::*;
use crate::scripted::{Answer, HastyClock, Scripted, json, status, url, with};

const OK: &str = r#"{"count":42}"#;

fn read() -> Request {
    Request::read(url(
        "https://h/arcgis/rest/services/x/FeatureServer/0/query",
    ))
}

fn page() -> Request {
    read().with_rows(1000)
}

async fn run(
    answers: Vec<Answer>,
    request: Request,
    policy: RetryPolicy,
) -> (Result<Response, Error>, usize, Vec<Duration>) {
    let transport = Scripted::new(answers);
    let clock = HastyClock::default();
    let retry = Retry::new(transport.clone(), policy).with_clock(Arc::new(clock.clone()));
    let result = retry.send(request).await;
    (result, transport.sent(), clock.0.sleeps())
}

fn policy() -> RetryPolicy {
    RetryPolicy::default()
}

#[tokio::test]
async fn t71_a_passing_failure_passes() {
    let answers = vec![status(503), status(503), json(OK)];
    let (result, sent, sleeps) = run(answers, read(), policy()).await;
    let response = result.unwrap();
    assert_eq!(response.attempts(), 3);
    assert_eq!(response.into_ok().unwrap(), OK.as_bytes());
    assert_eq!(sent, 3);
    assert_eq!(sleeps.len(), 2);
    assert!(sleeps[0] <= Duration::from_millis(500), "{sleeps:?}");
    assert!(sleeps[1] <= Duration::from_secs(1), "{sleeps:?}");
}

#[tokio::test]
async fn t71_the_last_answer_is_returned_with_its_attempts() {
    let (result, sent, _) = run(vec![status(503)], read(), policy()).await;
    let response = result.unwrap();
    assert_eq!((sent, response.attempts()), (5, 5));
    assert_eq!(response.status(), 503);

    let broken = Answer::Fails(TransportErrorKind::Interrupted);
    let (result, sent, _) = run(vec![broken], read(), policy().with_retries(2)).await;
    let error = result.unwrap_err();
    assert!(matches!(&error, Error::Transport(error) if error.attempts() == 3));
    assert!(error.to_string().contains("3 attempts"), "{error}");
    assert_eq!(sent, 3);
}

#[tokio::test]
async fn t71_what_cannot_help_is_sent_once() {
    let refused = json(r#"{"error":{"code":498,"message":"Invalid token."}}"#);
    for answer in [
        status(404),
        status(403),
        refused,
        with(302, "location", "https://h/elsewhere"),
        Answer::Fails(TransportErrorKind::Tls),
        Answer::Fails(TransportErrorKind::TooLarge),
        Answer::Fails(TransportErrorKind::Redirect),
    ] {
        let (_, sent, _) = run(vec![answer.clone()], read(), policy()).await;
        assert_eq!(sent, 1, "{answer:?}");
    }
    let (_, sent, _) = run(vec![status(503)], read(), policy().with_retries(0)).await;
    assert_eq!(sent, 1);
}

#[tokio::test]
async fn t71_the_wait_that_the_server_names_is_kept() {
    let (_, _, sleeps) = run(
        vec![with(429, "retry-after", "7"), json(OK)],
        read(),
        policy(),
    )
    .await;
    assert_eq!(sleeps.len(), 1);
    assert!(sleeps[0] >= Duration::from_secs(7) && sleeps[0] <= Duration::from_millis(7500));

    let (_, sent, sleeps) = run(
        vec![with(429, "retry-after", "0"), json(OK)],
        read(),
        policy(),
    )
    .await;
    assert_eq!((sent, sleeps.len()), (2, 0), "at once");

    let quota = r#"{"error":{"code":429,"message":"Unable to perform query. Too many requests.","details":["Retry after 60 sec."]}}"#;
    let (_, _, sleeps) = run(vec![json(quota), json(OK)], read(), policy()).await;
    assert!(sleeps[0] >= Duration::from_secs(60), "{sleeps:?}");

    let (result, sent, _) = run(vec![with(503, "retry-after", "3600")], read(), policy()).await;
    assert_eq!(sent, 1, "an hour is not waited for");
    assert_eq!(result.unwrap().status(), 503);

    for nonsense in ["nan", "inf", "-5"] {
        let answers = vec![with(429, "retry-after", nonsense), json(OK)];
        let (_, sent, sleeps) = run(answers, read(), policy()).await;
        assert_eq!(sent, 2, "{nonsense}");
        assert!(
            sleeps[0] <= Duration::from_millis(500),
            "{nonsense}: {sleeps:?}"
        );
    }
}

#[tokio::test]
async fn t71_an_error_inside_a_200_counts() {
    let inside = json(r#"{"error":{"code":503,"message":"Service unavailable"}}"#);
    let (result, sent, _) = run(vec![inside, json(OK)], read(), policy()).await;
    assert_eq!(sent, 2);
    assert!(result.unwrap().into_ok().is_ok());
}

#[tokio::test]
async fn a_page_that_is_too_much_is_resent_once() {
    let (result, sent, _) = run(vec![status(500)], page(), policy()).await;
    assert_eq!((sent, result.unwrap().outcome()), (2, Outcome::TooBig));
    for kind in [TransportErrorKind::Timeout, TransportErrorKind::Interrupted] {
        let (result, sent, _) = run(vec![Answer::Fails(kind)], page(), policy()).await;
        assert!(matches!(result, Err(Error::Transport(error)) if error.kind() == kind));
        assert_eq!(sent, 2, "{kind:?}");
        // For one row the size is not to blame.
        let (_, sent, _) = run(vec![Answer::Fails(kind)], read(), policy()).await;
        assert_eq!(sent, 5, "{kind:?}");
    }
    // A failure that has nothing to do with the size does not use up the resend.
    let answers = vec![status(502), status(500), status(502), json(OK)];
    let (result, sent, _) = run(answers, page(), policy()).await;
    assert_eq!((sent, result.unwrap().outcome()), (4, Outcome::Ok));
}

#[tokio::test]
async fn a_write_is_sent_again_only_if_nothing_was_sent() {
    let write = || {
        Request::write(url(
            "https://h/arcgis/rest/services/x/FeatureServer/0/applyEdits",
        ))
    };
    for answer in [
        status(503),
        Answer::Fails(TransportErrorKind::Timeout),
        Answer::Fails(TransportErrorKind::Interrupted),
    ] {
        let (_, sent, _) = run(vec![answer], write(), policy()).await;
        assert_eq!(sent, 1);
    }
    let answers = vec![Answer::Fails(TransportErrorKind::Connect), json("{}")];
    let (_, sent, _) = run(answers, write(), policy()).await;
    assert_eq!(sent, 2);
}

#[tokio::test]
async fn the_budget_ends_it() {
    let policy = policy()
        .with_retries(100)
        .with_budget(Duration::from_secs(100));
    let (_, sent, sleeps) = run(vec![with(429, "retry-after", "30")], read(), policy).await;
    assert_eq!(sent, 4, "after 30, 60 and 90 seconds: {sleeps:?}");
}

#[test]
fn waits_grow_to_a_bound_and_are_spread() {
    let policy = RetryPolicy::default();
    let mut waits = Vec::new();
    for retry in [0, 1, 4, 5, 31, u32::MAX] {
        let bound = Duration::from_millis(500).saturating_mul(1 << retry.min(16));
        for _ in 0..50 {
            let wait = policy.wait(retry, None).unwrap();
            assert!(
                wait <= bound.min(Duration::from_secs(10)),
                "{retry} {wait:?}"
            );
            waits.push(wait);
        }
    }
    let longest = waits.iter().max().unwrap();
    assert!(*longest > Duration::from_secs(5), "{longest:?}");
    waits.sort();
    waits.dedup();
    assert!(waits.len() > 250);
}

#[tokio::test]
async fn the_budget_is_one_for_all_requests_of_a_server() {
    let policy = policy()
        .with_retries(100)
        .with_budget(Duration::from_secs(100));
    let answers = [with(429, "retry-after", "30")];
    let transport = Scripted::new(answers);
    let clock = HastyClock::default();
    let retry = Retry::new(transport.clone(), policy).with_clock(Arc::new(clock.clone()));
    retry.send(read()).await.unwrap();
    assert_eq!(transport.sent(), 4);
    // Whoever comes now is not told to wait for another 100 seconds.
    retry.clone().send(read()).await.unwrap();
    assert_eq!(transport.sent(), 5);
    let elsewhere = Request::read(url("https://other/arcgis/rest/services/x"));
    retry.send(elsewhere).await.unwrap();
    assert_eq!(
        transport.sent(),
        9,
        "another server has a budget of its own"
    );
    // An hour later it is another outage.
    clock.0.advance(Duration::from_secs(3600));
    retry.send(read()).await.unwrap();
    assert_eq!(transport.sent(), 13);
}

#[tokio::test]
async fn a_good_answer_ends_an_outage() {
    let busy = || with(429, "retry-after", "60");
    let answers = [busy(), json(OK), busy(), json(OK)];
    let transport = Scripted::new(answers);
    let policy = policy().with_budget(Duration::from_secs(100));
    let clock = HastyClock::default();
    let retry = Retry::new(transport.clone(), policy).with_clock(Arc::new(clock));
    for sent in [2, 4] {
        assert!(retry.send(read()).await.unwrap().into_ok().is_ok());
        assert_eq!(transport.sent(), sent);
    }
}

#[tokio::test]
async fn t73_three_tries_and_then_the_timeout() {
    let late = Answer::Fails(TransportErrorKind::Timeout);
    let (result, sent, _) = run(vec![late], read(), policy().with_retries(2)).await;
    let Err(Error::Transport(error)) = result else {
        panic!("{result:?}");
    };
    assert_eq!(
        (error.kind(), error.attempts()),
        (TransportErrorKind::Timeout, 3)
    );
    assert_eq!(sent, 3);
}
