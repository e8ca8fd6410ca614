//! What a store says went wrong, as one line.

use std::error::Error as StdError;
use std::io;

/// Longer texts are pages for people, and cut.
const LONGEST: usize = 300;

/// Where the machines of the clouds get their credentials, if nobody gives them any.
const METADATA: [&str; 4] = [
    "169.254.169.254",
    "169.254.170.2",
    "metadata.google.internal",
    "/metadata/identity",
];

/// The error of a store. Its own text says everything twice, and holds whole answers, which repeat what was
/// signed: of those only the code and the message are kept.
pub(crate) fn refusal(error: &object_store::Error) -> io::Error {
    use object_store::Error;
    let kind = match error {
        Error::NotFound { .. } => io::ErrorKind::NotFound,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            io::ErrorKind::PermissionDenied
        }
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, text(error))
}

/// Whether the store has certainly not done what it was asked for: any other error may be that of an answer that was
/// lost, or of a request that is still on its way.
pub(crate) fn is_refused(error: &object_store::Error) -> bool {
    use object_store::Error;
    knows_no_conditions(error)
        || matches!(
            error,
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } | Error::NotFound { .. }
        )
}

/// Whether the store says that the condition of a request does not hold.
pub(crate) fn is_condition(error: &object_store::Error) -> bool {
    use object_store::Error;
    matches!(
        error,
        Error::Precondition { .. } | Error::AlreadyExists { .. }
    )
}

/// Whether the store does not know requests on a condition, and says so: some answer 501 (Not Implemented), and some do
/// not tell what the condition would be, so that nothing is sent (a Google Cloud Storage behind something that passes on no
/// generations).
pub(crate) fn knows_no_conditions(error: &object_store::Error) -> bool {
    use object_store::Error;
    let said = text(error);
    matches!(
        error,
        Error::NotImplemented { .. } | Error::NotSupported { .. }
    ) || said.starts_with("501")
        || said.contains("required for conditional ")
}

fn text(error: &object_store::Error) -> String {
    let whole = error.to_string();
    let mut deepest: &dyn StdError = error;
    while let Some(cause) = deepest.source() {
        deepest = cause;
    }
    let (whole, deepest) = (whole.as_str(), deepest.to_string());
    let deepest = deepest.as_str();
    if METADATA.iter().any(|place| whole.contains(place)) {
        return format!(
            "no credentials are in the environment, and this machine has none of its own: {}",
            cut(deepest)
        );
    }
    if let Some((_, answer)) = deepest.split_once("status code: ") {
        return of_answer(answer);
    }
    if let Some((_, answer)) = deepest.split_once("error response: ") {
        return of_answer(answer);
    }
    let whole = whole.split_once(" error: ").map_or(whole, |(_, rest)| rest);
    if whole.contains(deepest) {
        return cut(whole);
    }
    cut(&format!("{whole}: {deepest}"))
}

/// The status, and what the answer says is wrong.
fn of_answer(answer: &str) -> String {
    let (status, body) = answer.split_once(": ").unwrap_or(("", answer));
    let status = status.trim();
    let said = match (element(body, "Code"), element(body, "Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        // A page for people, or nothing.
        _ => String::new(),
    };
    let said = [status, &said]
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join(": ");
    cut(if said.is_empty() {
        "an answer that says nothing"
    } else {
        &said
    })
}

fn element<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    // Azure adds an id and the time of the request, in lines of their own.
    Some(text.lines().next().unwrap_or_default().trim())
}

fn cut(text: &str) -> String {
    let text = text.trim().trim_end_matches(':');
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use object_store::Error;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("Error performing PUT https://b.s3.amazonaws.com/x in 5ms - {0}")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Inner(String);

    fn generic(said: &str) -> Error {
        Error::Generic {
            store: "S3",
            source: Box::new(Outer(Inner(said.to_owned()))),
        }
    }

    #[test]
    fn of_an_answer_the_code_and_the_message_are_kept() {
        let answer = "Server returned non-2xx status code: 403 Forbidden: <?xml version=\"1.0\"?><Error>\
             <Code>SignatureDoesNotMatch</Code><Message>The signature does not match.\nTime:1</Message>\
             <AWSAccessKeyId>AKID</AWSAccessKeyId><StringToSign>SECRET</StringToSign></Error>";
        let denied = Error::PermissionDenied {
            path: "x".to_owned(),
            source: Box::new(Outer(Inner(answer.to_owned()))),
        };
        let error = refusal(&denied);
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(
            error.to_string(),
            "403 Forbidden: SignatureDoesNotMatch: The signature does not match."
        );
        let of_head = generic("Server returned non-2xx status code: 403 Forbidden: ");
        assert_eq!(refusal(&of_head).to_string(), "403 Forbidden");
        let page = generic("Server returned non-2xx status code: 502 Bad Gateway: <html>…</html>");
        assert_eq!(refusal(&page).to_string(), "502 Bad Gateway");
    }

    #[tokio::test]
    async fn what_knows_no_conditions_is_known() {
        use object_store::memory::InMemory;
        use object_store::{ObjectStore as _, ObjectStoreExt as _, PutMode, UpdateVersion};

        let unknown = generic("Server returned non-2xx status code: 501 Not Implemented: ");
        assert!(knows_no_conditions(&unknown) && is_refused(&unknown));
        for error in [generic("connection refused"), generic("502 Bad Gateway")] {
            assert!(!knows_no_conditions(&error) && !is_refused(&error));
        }
        // As this crate says it itself.
        let (store, key) = (InMemory::new(), "x".into());
        store.put(&key, "1".into()).await.unwrap();
        let nothing = PutMode::Update(UpdateVersion {
            e_tag: None,
            version: Some("1".to_owned()),
        });
        let put = store.put_opts(&key, "2".into(), nothing.into()).await;
        let error = put.unwrap_err();
        assert!(knows_no_conditions(&error) && is_refused(&error), "{error}");
    }

    #[test]
    fn without_an_answer_the_way_is_told() {
        assert_eq!(
            refusal(&generic("connection refused")).to_string(),
            "Error performing PUT https://b.s3.amazonaws.com/x in 5ms - connection refused"
        );
        let nobody = Error::Generic {
            store: "S3",
            source: "PUT http://169.254.169.254/latest/api/token: timed out".into(),
        };
        let text = refusal(&nobody).to_string();
        assert!(
            text.starts_with("no credentials are in the environment"),
            "{text}"
        );
    }
}
