//! What an error means: the exit code of a run that ends with it, and what to do about it.

use arcgis_rest::http::OAuthError;
use arcgis_rest::{auth, export, layer};

use crate::exit::{Exit, Failure, Library, in_library, is_of_standard_output};

/// The exit code and the hint of the first error that is known.
pub(crate) fn judge(error: &anyhow::Error) -> (Exit, Option<String>) {
    let failure = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Failure>());
    if let Some(failure) = failure {
        return (failure.exit, failure.hint.clone());
    }
    match in_library(error) {
        Some(Library::Export(error)) => of_export(error),
        Some(Library::Layer(error)) => of_layer(error),
        Some(Library::Query(error)) => of_query(error),
        Some(Library::Auth(error)) => of_auth(error),
        None if is_of_standard_output(error) => (Exit::Output, None),
        None => (Exit::Other, None),
    }
}

fn of_sync(error: &export::SyncError) -> (Exit, Option<String>) {
    let text = match error {
        export::SyncError::Unreadable { .. } => "arcgis export writes the file first",
        export::SyncError::NoIndex { .. } => "arcgis export <service> <folder>/ writes it first",
        _ => "arcgis export with --overwrite writes it anew",
    };
    (Exit::Usage, hint(text))
}

fn of_export(error: &export::Error) -> (Exit, Option<String>) {
    match error {
        export::Error::Exists { path } if path.ends_with("index.json") => (
            Exit::Output,
            hint("--resume goes on with the earlier export, --overwrite begins anew"),
        ),
        export::Error::Exists { .. } => (
            Exit::Output,
            hint("--overwrite replaces it once the new file is whole"),
        ),
        export::Error::InUse { .. } => (Exit::Output, None),
        export::Error::Replaced { .. } => (
            Exit::Output,
            hint("run it again: it goes by what is there now"),
        ),
        export::Error::Unwritable { source, .. }
            if source.kind() == std::io::ErrorKind::IsADirectory =>
        {
            (
                Exit::Output,
                hint(
                    "give the name of a file; --partition-by and --partition spatial write several into a folder",
                ),
            )
        }
        export::Error::Unwritable { .. } | export::Error::Write(_) | export::Error::Spool(_) => {
            (Exit::Output, None)
        }
        export::Error::Unreadable { .. } => (Exit::Output, None),
        export::Error::Index { .. } => (
            Exit::Output,
            hint("another folder, or --overwrite without --resume, begins anew"),
        ),
        export::Error::Attachments { .. } => (
            Exit::Service,
            hint(
                "the same command gets those that are missing; --resume keeps the rows that are there",
            ),
        ),
        export::Error::NoLayers { .. } => {
            (Exit::Usage, hint("arcgis crawl <url> lists all layers"))
        }
        export::Error::Unsupported { .. } => (Exit::Usage, None),
        export::Error::Partition(error) => (Exit::Usage, of_partition(error)),
        export::Error::NotInDegrees { .. } => (
            Exit::Usage,
            hint("leave --out-sr out, or write another format"),
        ),
        export::Error::Unfit { .. } => (
            Exit::Usage,
            hint(
                "--lenient writes null in place of such values and counts them; other formats hold them",
            ),
        ),
        export::Error::OtherAnswer(_) => (
            Exit::Usage,
            hint("rows come with …/query?where=1=1&outFields=*&f=json"),
        ),
        export::Error::Doubled(_) => (Exit::Rows, None),
        export::Error::Resume(error) => of_resume(error),
        export::Error::Sync(error) => of_sync(error),
        export::Error::Drift(_) => (
            Exit::Rows,
            hint(
                "run it again when the layer is at rest; without --fail-on-drift this is reported only",
            ),
        ),
        // The answer is a file that the user gave.
        export::Error::Answer(error) => (
            Exit::Usage,
            match error {
                layer::DecodeError::Sink { .. } => of_decoding(error),
                layer::DecodeError::Geometry { .. } => {
                    hint("save the answer again, with returnGeometry=false in the query")
                }
                _ => None,
            },
        ),
        _ => (Exit::Other, None),
    }
}

fn of_partition(error: &export::PartitionError) -> Option<String> {
    match error {
        export::PartitionError::NotSpatial { .. } => {
            hint("--partition-by takes a field; --order hilbert is the default")
        }
        export::PartitionError::TooMany { .. } | export::PartitionError::LongValue { .. } => {
            hint("arcgis values <layer> <field> counts values; --partition spatial takes none")
        }
        _ => None,
    }
}

fn of_resume(error: &export::ResumeError) -> (Exit, Option<String>) {
    use export::ResumeError as Error;
    match error {
        Error::NoPlace { .. } | Error::Unusable { .. } => (
            Exit::Output,
            hint("--spill names another folder for the pages"),
        ),
        Error::InUse { .. } => (Exit::Output, None),
        Error::Differs { .. } | Error::OtherVersion { .. } | Error::Unreadable { .. } => {
            (Exit::Usage, None)
        }
        _ => (Exit::Other, None),
    }
}

fn of_query(error: &layer::QueryError) -> (Exit, Option<String>) {
    let hint = match error {
        layer::QueryError::UnknownField { .. } => hint("arcgis info <layer> lists the fields"),
        _ => None,
    };
    (Exit::Usage, hint)
}

fn of_layer(error: &layer::Error) -> (Exit, Option<String>) {
    match error {
        layer::Error::Address { .. } => (
            Exit::Usage,
            hint("arcgis info <url> lists the layers of a service and the services of a folder"),
        ),
        layer::Error::NotQueryable { .. } => (Exit::Usage, None),
        layer::Error::Answer { source, .. } => (Exit::Service, of_decoding(source)),
        layer::Error::Incomplete(incomplete) if is_of_unserved(incomplete) => (
            Exit::Rows,
            hint("--allow-skips leaves such rows out and names them"),
        ),
        layer::Error::Attachment(_) => (Exit::Output, None),
        layer::Error::OutOfTime { .. } => (
            Exit::Service,
            hint(
                "--time-budget gives more; with --resume the next run goes on where this one ended",
            ),
        ),
        layer::Error::Incomplete(_) => (
            Exit::Rows,
            hint(
                "nothing was written; a smaller --page-size or --concurrency 1 helps against some servers",
            ),
        ),
        layer::Error::SpatialReference { .. } => (
            Exit::Service,
            hint("leave --out-sr out to get the layer's own coordinates"),
        ),
        _ => (Exit::Service, None),
    }
}

/// Whether rows are missing because the server breaks down over them.
fn is_of_unserved(incomplete: &layer::Incomplete) -> bool {
    let detail = incomplete.detail.as_deref();
    detail.is_some_and(|detail| detail.contains("cannot serve"))
}

fn of_decoding(error: &layer::DecodeError) -> Option<String> {
    match error {
        layer::DecodeError::Sink { .. } => {
            hint("--lenient writes null in place of such values and counts them")
        }
        layer::DecodeError::Geometry { .. } => hint("--no-geometry leaves the geometry out"),
        _ => None,
    }
}

/// What to do about what a service answers.
fn of_answer(error: &auth::ServiceError) -> Option<String> {
    if error.status() == 407 {
        return hint(
            "the proxy wants a user name and password: set HTTPS_PROXY or HTTP_PROXY to http://user:password@host:port",
        );
    }
    if error.mentions("an HTML page instead of data") && matches!(error.status(), 200..300) {
        return hint(
            "a page for people came, such as a sign-in page: sign in with --user, --password-stdin and --portal, or give a \
             token with --token-file; if the address opens without, a firewall may be in the way",
        );
    }
    if error.mentions("outsr") || error.mentions("spatial reference") {
        return hint("leave --out-sr out to get the layer's own coordinates");
    }
    None
}

fn of_auth(error: &auth::Error) -> (Exit, Option<String>) {
    use auth::{TransportErrorKind as Kind, UnauthorizedReason as Reason};
    match error {
        auth::Error::Config(_) => (Exit::Usage, None),
        auth::Error::Transport(error) => (
            Exit::Service,
            match error.kind() {
                Kind::Tls => hint(
                    "--cacert <file.pem> adds the certificate authority of a server of your own organisation",
                ),
                Kind::Timeout => {
                    hint("--timeout gives more time, --page-size makes answers smaller")
                }
                Kind::Connect if error.to_string().contains("by way of the proxy") => hint(
                    "check the proxy (--proxy, HTTPS_PROXY, HTTP_PROXY) and the host's name; NO_PROXY lists hosts without one",
                ),
                Kind::Connect => hint("check the host's name and whether a --proxy is needed"),
                Kind::TooLarge => hint("--page-size makes answers smaller"),
                _ => None,
            },
        ),
        auth::Error::Unauthorized(refusal) => (
            Exit::Access,
            match &refusal.reason {
                Reason::NoCredential => Some(sign_in(refusal.sign_in_at.as_deref())),
                Reason::BoundElsewhere { .. } => hint(
                    "name the server that the credential is for with --portal or ARCGIS_PORTAL, such as https://host/arcgis; \
                     or sign in there with arcgis login --portal",
                ),
                _ => hint(
                    "the token may have expired, or be one of another server: get a new one, or sign in with arcgis login",
                ),
            },
        ),
        auth::Error::Store(error) => (Exit::Access, of_store(error)),
        auth::Error::Forbidden(_) => (
            Exit::Access,
            hint("the account may not see this; another one might"),
        ),
        auth::Error::InvalidCredentials { .. } => (
            Exit::Access,
            hint(
                "check user name, password and --portal; accounts that sign in through their organisation need a token",
            ),
        ),
        auth::Error::Mint { source, .. } if source.is::<OAuthError>() => {
            of_oauth(source.downcast_ref())
        }
        auth::Error::Mint { source, .. } => {
            // The way to the portal may be what failed, not who asks.
            let mut cause: Option<&dyn std::error::Error> = Some(source.as_ref());
            let unreachable = std::iter::from_fn(|| {
                let this = cause?;
                cause = this.source();
                Some(this)
            })
            .any(|cause| {
                cause.is::<auth::TransportError>()
                    || matches!(cause.downcast_ref(), Some(auth::Error::Transport(_)))
            });
            let exit = if unreachable {
                Exit::Service
            } else {
                Exit::Access
            };
            (
                exit,
                hint("is --portal (ARCGIS_PORTAL) the place where this user signs in?"),
            )
        }
        auth::Error::Untrusted { .. } => (
            Exit::Access,
            hint("if that place is right, name it with --portal"),
        ),
        auth::Error::Service(error) => (Exit::Service, of_answer(error)),
        _ => (Exit::Service, None),
    }
}

/// How to get a credential for a service that wants one. Where to sign in is the server's own word, so that it
/// is shown and no more.
fn sign_in(place: Option<&str>) -> String {
    let portal = place.and_then(|place| auth::Portal::parse(place).ok());
    let portal = portal.map_or_else(|| "<url>".to_owned(), |portal| portal.to_string());
    format!(
        "sign in with arcgis login --portal {portal}; or give a token (--token-file, ARCGIS_TOKEN) or a user (--user with \
         --password-stdin and --portal, or ARCGIS_USER, ARCGIS_PASSWORD and ARCGIS_PORTAL)"
    )
}

fn of_store(error: &auth::StoreError) -> Option<String> {
    match error {
        auth::StoreError::Unavailable { .. } => hint(
            "is the keyring there and unlocked? arcgis login --store file keeps the login in a file of yours alone",
        ),
        auth::StoreError::Damaged { .. } | auth::StoreError::OtherPortal { .. } => {
            hint("sign in again with arcgis login")
        }
        _ => None,
    }
}

fn of_oauth(error: Option<&OAuthError>) -> (Exit, Option<String>) {
    let text = match error {
        Some(OAuthError::LoginEnded(_)) => "sign in again with arcgis login",
        Some(OAuthError::CodeRefused(_)) => {
            "start again with arcgis login; --no-pkce is for ArcGIS Enterprise before 10.9.1"
        }
        Some(OAuthError::UnknownClient { .. }) => {
            "is --client-id that of an application of this --portal?"
        }
        Some(OAuthError::RedirectRefused { .. }) => {
            "register that address with the application; --port chooses the port, and --paste needs no address of this machine"
        }
        Some(OAuthError::TimedOut(_)) => {
            "the browser has to be on this machine; with --paste it may be on any"
        }
        Some(OAuthError::Listen { .. }) => {
            return (
                Exit::Other,
                hint(
                    "--port takes another port, which the application has to know too; --paste needs none",
                ),
            );
        }
        Some(OAuthError::NoCode | OAuthError::StateMismatch) => {
            "start again with arcgis login; a code belongs to the page that was opened for it"
        }
        _ => return (Exit::Access, None),
    };
    (Exit::Access, hint(text))
}

// Every arm gives an option.
#[allow(clippy::unnecessary_wraps)]
fn hint(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn the_cause_decides_the_code() {
        let missing = auth::Error::Config(auth::ConfigError::EmptyToken);
        let code = |error: anyhow::Error| judge(&error).0;
        assert_eq!(code(anyhow::anyhow!("x")), Exit::Other);
        assert_eq!(code(missing.clone().into()), Exit::Usage);
        assert_eq!(
            code(anyhow::Error::from(layer::Error::from(missing)).context("while signing in")),
            Exit::Usage
        );
        let broken = auth::Error::transport(auth::TransportError::new(
            auth::TransportErrorKind::Connect,
            "https://h",
        ));
        assert_eq!(code(broken.clone().into()), Exit::Service);
        let origin = auth::Origin::of(&"https://h".parse().unwrap()).unwrap();
        assert_eq!(
            code(auth::Error::mint(origin.clone(), broken).into()),
            Exit::Service
        );
        assert_eq!(
            code(auth::Error::mint(origin, io::Error::other("no token in it")).into()),
            Exit::Access
        );
        assert_eq!(code(io::Error::other("disk full").into()), Exit::Output);
        assert_eq!(
            code(anyhow::Error::from(io::Error::other("x")).context("while starting")),
            Exit::Other
        );
        let exists = export::Error::Exists { path: "x".into() };
        assert_eq!(code(exists.into()), Exit::Output);
    }
}
