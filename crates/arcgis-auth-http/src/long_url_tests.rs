use super::*;
use crate::scripted::{Scripted, json, status, url};

fn query(length: usize) -> Request {
    Request::read(url(
        "https://h/arcgis/rest/services/x/FeatureServer/0/query",
    ))
    .with_param("where", "a".repeat(length))
}

#[tokio::test]
async fn what_is_too_long_for_a_get_is_a_form_and_stays_one() {
    for refusal in [414, 431] {
        let transport = Scripted::new([status(refusal), json("{}")]);
        let long = LongUrl::new(transport.clone());
        let answer = long.send(query(1000)).await.unwrap();
        assert_eq!(answer.attempts(), 2);
        assert!(answer.into_ok().is_ok());
        long.clone().send(query(1000)).await.unwrap();
        long.send(query(999)).await.unwrap();
        let elsewhere = Request::read(url("https://other/arcgis/rest/services/x"))
            .with_param("where", "a".repeat(1500));
        long.send(elsewhere).await.unwrap();
        let lines = transport.lines();
        let methods: Vec<_> = lines.iter().map(|line| &line[..4]).collect();
        assert_eq!(methods, ["GET ", "POST", "POST", "GET ", "GET "]);
        let form = format!("where={}", "a".repeat(1000));
        for line in &lines[1..3] {
            assert_eq!(
                line,
                &format!("POST https://h/arcgis/rest/services/x/FeatureServer/0/query {form}")
            );
        }
    }
}

#[tokio::test]
async fn no_get_and_no_post_is_an_error_that_says_both() {
    let transport = Scripted::new([status(414), status(405)]);
    let long = LongUrl::new(transport.clone());
    let error = long.send(query(1000)).await.unwrap_err();
    let Error::Service(told) = &error else {
        panic!("{error:?}");
    };
    assert_eq!((told.code(), told.attempts()), (405, 2));
    let told = error.to_string();
    assert!(told.contains("414") && told.contains("no POST"), "{told}");
}

#[tokio::test]
async fn what_has_to_be_a_get_and_what_writes_is_left_alone() {
    for request in [
        query(1000).with_body(Body::None),
        Request::write(url("https://h/x")).with_param("a", "b"),
        Request::read(url("https://h/x")),
    ] {
        let transport = Scripted::new([status(414)]);
        let answer = LongUrl::new(transport.clone()).send(request).await.unwrap();
        assert_eq!((answer.status().as_u16(), transport.sent()), (414, 1));
    }
}
