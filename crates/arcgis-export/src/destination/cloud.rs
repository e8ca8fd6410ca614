//! Addresses of objects in the buckets of the clouds.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arcgis_layer::arcgis_auth_core::Url;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path;
use object_store::{ClientConfigKey, ObjectStore, ObjectStoreScheme, RetryConfig};

use super::store_error::refusal;

/// A part of 8 MiB over a slow line; the crate's own 30 seconds are for reading small ranges.
const TIMEOUT: &str = "2 minutes";

/// The first questions are small, and somebody waits.
const HASTE: &str = "20 seconds";

/// An object at an address.
pub(super) struct Found {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) hasty: Arc<dyn ObjectStore>,
    pub(super) path: Path,
    pub(super) lazy: bool,
}

#[derive(Clone, Copy)]
enum Cloud {
    Amazon,
    Google,
    Azure,
}

const SCHEMES: [(&str, Cloud); 8] = [
    ("s3", Cloud::Amazon),
    ("s3a", Cloud::Amazon),
    ("gs", Cloud::Google),
    ("az", Cloud::Azure),
    ("azure", Cloud::Azure),
    ("adl", Cloud::Azure),
    ("abfs", Cloud::Azure),
    ("abfss", Cloud::Azure),
];

fn cloud_of(scheme: &str) -> Option<Cloud> {
    SCHEMES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(scheme))
        .map(|(_, cloud)| *cloud)
}

pub(super) fn knows(text: &str) -> bool {
    text.split_once("://")
        .is_some_and(|(scheme, _)| cloud_of(scheme).is_some())
}

fn unfit(problem: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, problem.into())
}

/// The object at an address.
pub(super) fn find(address: &str) -> io::Result<Found> {
    let found = find_any(address)?;
    let ends = address.split(['?', '#']).next().unwrap_or_default();
    if found.path.as_ref().is_empty() || ends.ends_with('/') {
        return Err(unfit("the address names no object"));
    }
    Ok(found)
}

/// The object at an address, the folder, or the whole bucket.
pub(super) fn find_any(address: &str) -> io::Result<Found> {
    let url = Url::parse(address).map_err(|error| unfit(format!("no address: {error}")))?;
    let cloud = cloud_of(url.scheme()).ok_or_else(|| unfit("no address of a bucket"))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(unfit(
            "an address of an object has no query: write ? as %3F and # as %23 where the name has them",
        ));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(unfit("the address names no bucket"));
    }
    let (_, path) = ObjectStoreScheme::parse(&url).map_err(|error| unfit(error.to_string()))?;
    let store = |hasty| build(cloud, &url, hasty).map_err(|error| refusal(&error));
    Ok(Found {
        store: store(false)?,
        hasty: store(true)?,
        path,
        lazy: matches!(cloud, Cloud::Azure),
    })
}

fn build(cloud: Cloud, url: &Url, hasty: bool) -> object_store::Result<Arc<dyn ObjectStore>> {
    let retry = RetryConfig {
        max_retries: if hasty { 2 } else { 10 },
        retry_timeout: Duration::from_secs(if hasty { 30 } else { 270 }),
        ..RetryConfig::default()
    };
    let limit = ClientConfigKey::Timeout;
    Ok(match cloud {
        Cloud::Amazon => {
            let mut builder = AmazonS3Builder::from_env().with_url(url.as_str());
            if let Some(time) = timeout("AWS_TIMEOUT", hasty) {
                builder = builder.with_config(AmazonS3ConfigKey::Client(limit), time);
            }
            Arc::new(builder.with_retry(retry).build()?)
        }
        Cloud::Google => {
            let mut builder = GoogleCloudStorageBuilder::from_env().with_url(url.as_str());
            if let Some(time) = timeout("GOOGLE_TIMEOUT", hasty) {
                builder = builder.with_config(GoogleConfigKey::Client(limit), time);
            }
            Arc::new(builder.with_retry(retry).build()?)
        }
        Cloud::Azure => {
            let mut builder = MicrosoftAzureBuilder::from_env().with_url(url.as_str());
            if let Some(time) = timeout("AZURE_TIMEOUT", hasty) {
                builder = builder.with_config(AzureConfigKey::Client(limit), time);
            }
            Arc::new(builder.with_retry(retry).build()?)
        }
    })
}

/// The time limit of a request, unless the environment has one.
fn timeout(variable: &str, hasty: bool) -> Option<&'static str> {
    match std::env::var_os(variable) {
        Some(_) => None,
        None => Some(if hasty { HASTE } else { TIMEOUT }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_known_by_their_scheme() {
        for address in [
            "s3://b/x",
            "S3A://b/x",
            "gs://b/x",
            "az://c/x",
            "abfss://c@a/x",
        ] {
            assert!(knows(address), "{address}");
        }
        for other in [
            "https://h/x",
            "s3:/b/x",
            "ftp://b/x",
            "x.parquet",
            "C:\\s3\\x",
        ] {
            assert!(!knows(other), "{other}");
        }
    }

    #[test]
    fn an_address_names_one_object() {
        let found = find("s3://bucket/a%20folder/x.parquet").unwrap();
        assert_eq!(found.path, Path::from("a folder/x.parquet"));
        assert!(!found.lazy);
        for (address, problem) in [
            ("s3://bucket", "names no object"),
            ("s3://bucket/", "names no object"),
            ("s3://bucket/folder/", "names no object"),
            ("gs:///x.parquet", "names no bucket"),
            ("s3://bucket/x?versionId=1", "has no query"),
            ("s3://bucket/x#1", "has no query"),
            ("ftp://bucket/x", "no address of a bucket"),
        ] {
            let error = find(address).err().unwrap();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains(problem), "{address}: {error}");
        }
    }
}
