use super::*;
use crate::credential_kind::CredentialKind;

fn portal() -> Portal {
    Portal::parse("https://gis.example.com/portal").unwrap()
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn user() -> UserLogin {
    UserLogin::new("client", "http://127.0.0.1:8765/", "CANARY-r", portal())
        .unwrap()
        .with_refresh_expiry(at(2_000_000_000))
        .with_username("me \"too\"\n")
        .with_access_token(Some(Token::new("CANARY-a").with_expiry(at(1_900_000_000))))
}

fn each() -> Vec<StoredLogin> {
    let password = || UserPassword::new("me", "CANARY p\"\\ü\u{1}", portal()).unwrap();
    vec![
        StoredLogin::User(user()),
        StoredLogin::User(UserLogin::new("c", "", "CANARY", portal()).unwrap()),
        StoredLogin::UserPassword(password().with_expiration_minutes(15).unwrap()),
        StoredLogin::UserPassword(password().with_binding(ClientBinding::RequestIp)),
        StoredLogin::UserPassword(
            password().with_binding(ClientBinding::Referer("https://r".into())),
        ),
        StoredLogin::App(
            AppLogin::new("client", "CANARY-s", portal())
                .unwrap()
                .with_expiration_minutes(7)
                .unwrap(),
        ),
        StoredLogin::Token {
            portal: portal(),
            token: Token::new("CANARY-t").with_expiry(at(1_900_000_000)),
        },
        StoredLogin::ApiKey {
            portal: portal(),
            key: Token::new("AAPKCANARY").with_referer("https://r"),
        },
    ]
}

#[test]
fn every_login_comes_back_as_it_was_written() {
    for login in each() {
        let json = login.to_json().unwrap();
        let back = StoredLogin::from_json(&json, &portal()).unwrap();
        // Everything there is to a login is in its JSON.
        assert_eq!(
            back.to_json().unwrap().expose_secret(),
            json.expose_secret()
        );
        assert_eq!(back.portal(), &portal());
        assert!(json.expose_secret().contains("CANARY"));
        assert!(!format!("{back:?} {json:?} {back:#?}").contains("CANARY"));
        let credentials = back.into_credentials().unwrap();
        assert_eq!(credentials.origin(), Some(portal().origin()));
        assert!(!format!("{credentials:?}").contains("CANARY"));
    }
}

#[test]
fn what_is_written_is_this() {
    let json = StoredLogin::User(user()).to_json().unwrap();
    assert_eq!(
        json.expose_secret(),
        r#"{"version":1,"portal":"https://gis.example.com/portal","kind":"user","username":"me \"too\"\n","client_id":"client","redirect_uri":"http://127.0.0.1:8765/","refresh_token":"CANARY-r","refresh_token_expires":2000000000000,"token":"CANARY-a","token_expires":1900000000000}"#
    );
    let StoredLogin::User(back) = StoredLogin::from_json(&json, &portal()).unwrap() else {
        panic!("not a user");
    };
    assert_eq!(back.refresh_token().expose_secret(), "CANARY-r");
    assert_eq!(back.refresh_expires_at(), Some(at(2_000_000_000)));
    assert_eq!(back.username(), Some("me \"too\"\n"));
    let token = back.access_token().unwrap();
    assert_eq!(token.expose(), "CANARY-a");
    assert_eq!(token.expires_at(), Some(at(1_900_000_000)));
    assert_eq!(
        token.life(),
        None,
        "a life counts from issue, not from reading"
    );
}

#[test]
fn the_login_of_another_portal_is_refused() {
    let json = StoredLogin::User(user()).to_json().unwrap();
    for other in [
        "https://gis.example.com/other",
        "https://gis.example.com",
        "http://gis.example.com/portal",
        "https://gis.example.com.evil.org/portal",
    ] {
        let other = Portal::parse(other).unwrap();
        let error = StoredLogin::from_json(&json, &other).unwrap_err();
        assert!(
            matches!(&error, Error::Store(why) if matches!(**why, StoreError::OtherPortal { .. })),
            "{error:?}"
        );
        assert!(!format!("{error} {error:?}").contains("CANARY"));
    }
}

#[test]
fn what_is_no_login_is_refused_without_being_shown() {
    let read = |text: &str| StoredLogin::from_json(&text.into(), &portal()).unwrap_err();
    let newer = read(r#"{"version":2,"portal":"https://gis.example.com/portal","kind":"passkey"}"#);
    let Error::Store(why) = &newer else {
        panic!("{newer:?}");
    };
    assert!(matches!(
        **why,
        StoreError::UnknownVersion { found: 2, known: 1 }
    ));
    let head = r#""version":1,"portal":"https://gis.example.com/portal""#;
    for text in [
        "".to_owned(),
        "CANARY".to_owned(),
        r#"{"version":"CANARY"}"#.to_owned(),
        "{\"CANARY\"".to_owned(),
        format!("{{{head}}}"),
        format!(r#"{{{head},"kind":"CANARY"}}"#),
        format!(r#"{{{head},"kind":"user","client_id":"c"}}"#),
        format!(r#"{{{head},"kind":"user","client_id":"c","refresh_token":["CANARY"]}}"#),
        format!(r#"{{{head},"kind":"user_password","username":"CANARY"}}"#),
        format!(r#"{{{head},"kind":"app","client_id":"c","client_secret":" "}}"#),
        format!(r#"{{{head},"kind":"token"}}"#),
    ] {
        let error = read(&text);
        assert!(
            matches!(&error, Error::Store(why) if matches!(**why, StoreError::Damaged { .. })),
            "{text}: {error:?}"
        );
        assert!(!format!("{error} {error:?}").contains("CANARY"), "{text}");
    }
}

#[test]
fn a_later_field_is_no_reason_to_refuse() {
    let text = r#"{"version":1,"portal":"https://gis.example.com/portal/home","kind":"api_key","token":"AAPTx","colour":"blue"}"#;
    let login = StoredLogin::from_json(&text.into(), &portal()).unwrap();
    let credentials = login.into_credentials().unwrap();
    assert!(matches!(
        credentials.kind(),
        Some(CredentialKind::ApiKey(_))
    ));
}
