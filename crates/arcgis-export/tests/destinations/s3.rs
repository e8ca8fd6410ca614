//! S3 on this machine: `s3s-fs` over a folder, behind a door that can refuse, stall, and forget to answer.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arcgis_export::object_store::aws::{AmazonS3, AmazonS3Builder};
use arcgis_export::object_store::{BackoffConfig, RetryConfig};
use arcgis_export::{StoredFolder, StoredObject};
use hyper::body::Incoming;
use hyper::{Request, Response};
use s3s::Body;
use s3s::auth::SimpleAuth;
use s3s::service::{S3ServiceBuilder, SharedS3Service};

use crate::answer;
use crate::server::{Server, serve};

pub(crate) const BUCKET: &str = "lake";
const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "s3cr3t-s3cr3t";

/// What goes wrong, when, and how.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Fault {
    /// From the part of this number on, everything but aborting is refused.
    Denied { from_part: usize },
    /// From the part of this number on, the bucket is not there.
    Gone { from_part: usize },
    /// From the part of this number on, parts are not answered.
    Stalled { from_part: usize },
    /// What completes an upload is done, and answered with an error, once.
    LostAnswer,
    /// Questions after objects are refused, whether there are any or not.
    Blind,
    /// All that writes is refused.
    ReadOnly,
    /// Nothing is deleted.
    Undeletable,
    /// Nothing is put under a condition.
    NoConditions,
}

#[derive(Default)]
struct State {
    requests: Vec<String>,
    /// Bytes of objects that were read.
    sent: u64,
    fault: Option<Fault>,
}

pub(crate) struct S3 {
    folder: tempfile::TempDir,
    server: Server,
    state: Arc<Mutex<State>>,
}

impl S3 {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = service.build().into_shared();
        let state = Arc::<Mutex<State>>::default();
        let door = Door {
            service,
            state: Arc::clone(&state),
            root: folder.path().to_owned(),
        };
        let server = serve(move |request| {
            let door = door.clone();
            async move { door.answer(request).await }
        });
        Self {
            folder,
            server,
            state,
        }
    }

    pub(crate) fn with(self, fault: Fault) -> Self {
        self.state.lock().unwrap().fault = Some(fault);
        self
    }

    /// A client of it, with a little patience.
    pub(crate) fn client(&self) -> AmazonS3Builder {
        AmazonS3Builder::new()
            .with_endpoint(format!("http://{}", self.server.address))
            .with_allow_http(true)
            .with_bucket_name(BUCKET)
            .with_access_key_id(KEY)
            .with_secret_access_key(SECRET)
            .with_retry(RetryConfig {
                backoff: BackoffConfig {
                    init_backoff: Duration::from_millis(10),
                    ..BackoffConfig::default()
                },
                max_retries: 2,
                retry_timeout: Duration::from_secs(5),
            })
    }

    /// An object in the bucket, in parts of so many bytes.
    pub(crate) fn object(&self, key: &str, part: usize) -> StoredObject {
        Self::object_of(self.client().build().unwrap(), key, part)
    }

    pub(crate) fn object_of(store: AmazonS3, key: &str, part: usize) -> StoredObject {
        StoredObject::new(Arc::new(store), key.into()).with_part_size(part.try_into().unwrap())
    }

    /// A folder in the bucket.
    pub(crate) fn folder(&self, prefix: &str) -> StoredFolder {
        let store = Arc::new(self.client().build().unwrap());
        StoredFolder::new(store, prefix.into())
    }

    /// From now on this goes wrong.
    pub(crate) fn fail(&self, fault: Fault) {
        self.state.lock().unwrap().fault = Some(fault);
    }

    /// From now on nothing goes wrong.
    pub(crate) fn heal(&self) {
        self.state.lock().unwrap().fault = None;
    }

    pub(crate) fn path(&self, key: &str) -> PathBuf {
        self.folder.path().join(BUCKET).join(key)
    }

    pub(crate) fn remove_bucket(&self) {
        std::fs::remove_dir_all(self.folder.path().join(BUCKET)).unwrap();
    }

    /// The objects in the bucket.
    pub(crate) fn objects(&self) -> Vec<String> {
        answer::names(&self.folder.path().join(BUCKET))
    }

    /// What is kept of uploads that are not complete: their numbers, and their parts.
    pub(crate) fn open_uploads(&self) -> Vec<String> {
        let names = answer::names(self.folder.path());
        // Beside them are files of requests that the stand-in still works on.
        let kept = |name: &String| name.starts_with(".upload");
        names.into_iter().filter(kept).collect()
    }

    /// What was asked for, in order.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }

    /// Bytes of objects that were read so far.
    pub(crate) fn sent(&self) -> u64 {
        self.state.lock().unwrap().sent
    }

    pub(crate) fn parts(&self) -> usize {
        let requests = self.requests();
        requests.iter().filter(|asked| *asked == "part").count()
    }
}

impl Door {
    /// What tells an object from others of its name.
    fn tag(&self, path: &str) -> Option<String> {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};

        let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
        let content = std::fs::read(self.root.join(path.trim_start_matches('/'))).ok()?;
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        Some(format!("\"{:016x}\"", hasher.finish()))
    }
}

#[derive(Clone)]
struct Door {
    service: SharedS3Service,
    state: Arc<Mutex<State>>,
    root: PathBuf,
}

impl Door {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let asked = asked(&request);
        let (fault, parts) = {
            let mut state = self.state.lock().unwrap();
            state.requests.push(asked.to_owned());
            let parts = state.requests.iter().filter(|asked| *asked == "part");
            (state.fault, parts.count())
        };
        match fault {
            Some(Fault::Denied { from_part }) if parts >= from_part && asked != "abort" => {
                return refusal(403, "AccessDenied", "Access Denied");
            }
            Some(Fault::Gone { from_part }) if parts >= from_part => {
                return refusal(404, "NoSuchBucket", "The specified bucket does not exist");
            }
            Some(Fault::Stalled { from_part }) if parts >= from_part && asked == "part" => {
                std::future::pending::<()>().await;
            }
            Some(Fault::ReadOnly) if !["look", "read", "list"].contains(&asked) => {
                return refusal(403, "AccessDenied", "Access Denied");
            }
            Some(Fault::NoConditions)
                if asked == "put" && request.headers().contains_key("if-match") =>
            {
                return refusal(
                    501,
                    "NotImplemented",
                    "A header you provided implies functionality that is not implemented",
                );
            }
            Some(Fault::Undeletable) if asked == "delete" => {
                return refusal(403, "AccessDenied", "Access Denied");
            }
            Some(Fault::Blind) if asked == "look" => {
                return refusal(403, "AccessDenied", "Access Denied");
            }
            _ => {}
        }
        // The stand-in knows no conditions, and tells no tags of what is looked for.
        let tag = self.tag(request.uri().path());
        if let Some(wanted) = request.headers().get("if-match")
            && tag.as_deref() != wanted.to_str().ok()
        {
            return refusal(
                412,
                "PreconditionFailed",
                "At least one of the pre-conditions you specified did not hold",
            );
        }
        // The stand-in begins uploads into buckets that are not there.
        if !self.root.join(BUCKET).exists() {
            return refusal(404, "NoSuchBucket", "The specified bucket does not exist");
        }
        let mut answer = hyper::service::Service::call(&self.service, request).await;
        if let (Ok(answer), Some(tag), "look" | "read") = (&mut answer, tag, asked) {
            let tag = tag.parse().unwrap();
            answer.headers_mut().insert("etag", tag);
        }
        if asked == "read"
            && let Ok(answer) = &answer
        {
            let length = answer.headers().get("content-length");
            let length = length.map_or(0, |length| length.to_str().unwrap().parse().unwrap());
            self.state.lock().unwrap().sent += length;
        }
        if fault == Some(Fault::LostAnswer) && asked == "complete" {
            self.state.lock().unwrap().fault = None;
            return refusal(500, "InternalError", "We encountered an internal error");
        }
        answer.unwrap_or_else(|error| refusal(500, "InternalError", &error.to_string()))
    }
}

fn asked(request: &Request<Incoming>) -> &'static str {
    let query = request.uri().query().unwrap_or_default();
    match request.method().as_str() {
        "HEAD" => "look",
        "POST" if query.starts_with("uploads") => "begin",
        "POST" if query.starts_with("delete") => "delete",
        "POST" => "complete",
        "PUT" if query.contains("partNumber") => "part",
        "DELETE" => "abort",
        "GET" if query.contains("list-type") => "list",
        "GET" => "read",
        "PUT" => "put",
        _ => "other",
    }
}

fn refusal(status: u16, code: &str, message: &str) -> Response<Body> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    Response::builder()
        .status(status)
        .header("content-type", "application/xml")
        .body(Body::from(text))
        .unwrap()
}
