use super::*;

fn url() -> Url {
    "https://host/arcgis/rest/services/x/FeatureServer/0/query"
        .parse()
        .unwrap()
}

fn body(request: &Request) -> String {
    String::from_utf8(
        request
            .to_http()
            .unwrap()
            .into_body()
            .bytes()
            .unwrap()
            .to_vec(),
    )
    .unwrap()
}

#[test]
fn parameters_are_shown_without_secrets() {
    let request = Request::read(Url::parse("https://h/x?a=1&token=CANARY").unwrap())
        .with_param("api_key", "CANARY")
        .with_secret_param("note", "CANARY".into());
    let shown: Vec<_> = request.shown_params().collect();
    let hidden = ["token", "api_key", "note"].map(|name| (name, None));
    assert_eq!(shown.first(), Some(&("a", Some("1"))));
    assert_eq!(shown.get(1..), Some(&hidden[..]));
    assert!(!format!("{request:?}").contains("CANARY"));
    assert_eq!(request.to_http().unwrap().uri().query(), None);
}

#[test]
fn t20_long_queries_become_forms() {
    let fits = Request::read(url()).with_param("a", "x".repeat(LONGEST_QUERY - 2));
    assert_eq!(fits.to_http().unwrap().method(), Method::GET);
    let long = Request::read(url()).with_param("a", "x".repeat(LONGEST_QUERY - 1));
    let http = long.to_http().unwrap();
    assert_eq!(http.method(), Method::POST);
    assert_eq!(http.uri().query(), None);
    assert_eq!(
        http.headers()[CONTENT_TYPE],
        "application/x-www-form-urlencoded"
    );
    assert_eq!(body(&long).len(), LONGEST_QUERY + 1);
}

#[test]
fn t2_each_placement_puts_the_token_in_one_place() {
    let token = Token::new("abc123").with_referer("https://me");
    let request = |placement| {
        Request::read(url())
            .with_param("f", "json")
            .with_token(token.clone(), placement)
    };
    let http = request(TokenPlacement::EsriHeader).to_http().unwrap();
    assert_eq!(http.headers()["x-esri-authorization"], "Bearer abc123");
    assert!(http.headers()["x-esri-authorization"].is_sensitive());
    assert_eq!(http.headers()[REFERER], "https://me");
    assert_eq!(http.uri().query(), Some("f=json"));

    let http = request(TokenPlacement::AuthorizationHeader)
        .to_http()
        .unwrap();
    assert_eq!(http.headers()[AUTHORIZATION], "Bearer abc123");

    let form = request(TokenPlacement::FormBody);
    assert_eq!(form.to_http().unwrap().method(), Method::POST);
    assert!(!form.to_http().unwrap().uri().to_string().contains("abc123"));
    assert_eq!(body(&form), "f=json&token=abc123");

    let http = request(TokenPlacement::Query).to_http().unwrap();
    assert_eq!(http.uri().query(), Some("f=json&token=abc123"));
    assert_eq!(http.headers()[REFERER], "https://me");
}

#[test]
fn t21_a_token_in_the_url_leaves_it() {
    let mut pasted = url();
    pasted.set_query(Some("f=json&Token=SECRET"));
    let request = Request::read(pasted);
    let http = request.to_http().unwrap();
    assert_eq!(http.method(), Method::POST);
    assert!(!http.uri().to_string().contains("SECRET"));
    assert_eq!(body(&request), "f=json&Token=SECRET");
    assert!(request.has_own_authentication());
    assert!(!format!("{request:?}").contains("SECRET"));
    assert!(
        Request::read(url())
            .with_secret_param("x", "y".into())
            .with_body(Body::None)
            .to_http()
            .is_err()
    );
}

#[test]
fn a_parameter_is_set_once_whatever_its_case() {
    let request = Request::read(url())
        .with_param("orderByFields", "A")
        .with_param("ORDERBYFIELDS", "B");
    assert_eq!(
        request.to_http().unwrap().uri().query(),
        Some("ORDERBYFIELDS=B")
    );
    assert_eq!(request.param("orderbyfields"), Some("B"));
}

#[test]
fn a_redirected_request_can_leave_headers_and_parameters_behind() {
    let request = Request::read(url())
        .with_param("where", "1=1")
        .with_header(AUTHORIZATION, HeaderValue::from_static("Basic x"));
    assert!(request.carries_secret());
    let bare = request.without_headers().without_params();
    assert!(!bare.carries_secret());
    let http = bare.to_http().unwrap();
    assert!(!http.headers().contains_key(AUTHORIZATION));
    assert_eq!(http.uri().query(), None);
}

#[test]
fn a_token_that_no_header_can_hold_is_refused_without_showing_it() {
    let request =
        Request::read(url()).with_token(Token::new("bad\ntoken"), TokenPlacement::EsriHeader);
    let error = request.to_http().unwrap_err();
    assert!(!error.to_string().contains("bad"), "{error}");
}

#[derive(Debug)]
struct Four;

impl PartSource for Four {
    fn length(&self) -> Option<u64> {
        Some(4)
    }

    fn open(&self) -> futures_util::stream::BoxStream<'static, std::io::Result<bytes::Bytes>> {
        Box::pin(futures_util::stream::iter([Ok("PAR1".into())]))
    }
}

#[test]
fn a_signed_address_goes_along_byte_for_byte_and_is_not_shown() {
    let signed = "https://host/a%2Fb/x.parquet?X-Amz-Date=2%2f3&empty&plus=a+b&sig=c~d%7E";
    let url = || Url::parse(signed).unwrap();
    for request in [Request::get(url()), Request::put(url(), Arc::new(Four))] {
        assert_eq!(request.to_http().unwrap().uri(), signed);
        for shown in [
            request.redacted_url(),
            format!("{request:?}"),
            request.url().to_string(),
        ] {
            assert!(!shown.contains("sig") && !shown.contains("Amz"), "{shown}");
        }
        assert!(request.carries_secret());
        assert!(
            request.has_own_authentication(),
            "a token would go there too"
        );
        // Nor does it go elsewhere.
        let moved = request.with_url("https://elsewhere/x".parse().unwrap());
        assert_eq!(moved.to_http().unwrap().uri(), "https://elsewhere/x");
    }
}

#[test]
fn a_put_has_its_content_and_no_form() {
    let put = || Request::put("https://host/x".parse().unwrap(), Arc::new(Four));
    let http = put().with_param("overwrite", "true").to_http().unwrap();
    assert_eq!(http.method(), Method::PUT);
    assert_eq!(http.uri(), "https://host/x?overwrite=true");
    assert_eq!(http.body().length(), Some(4));
    assert!(!http.headers().contains_key(CONTENT_TYPE));
    assert!(!put().carries_secret());
    assert!(put().with_param("token", "x").to_http().is_err());
    let token = put().with_token(Token::new("abc"), TokenPlacement::FormBody);
    assert!(token.to_http().is_err());
}
