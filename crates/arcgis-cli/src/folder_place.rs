//! Folders that several files go to: on this machine, or in a bucket.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
#[cfg(feature = "cloud")]
use arcgis_rest::export::StoredFolder;
use arcgis_rest::export::{Folder, LocalFolder};

use crate::exit::Failure;
use crate::place::{address, shown};

/// Whether an argument names a folder: by a `/` at its end, or because it is one.
pub(crate) fn is_folder(out: &Path) -> bool {
    match address(out) {
        Some(address) => address.ends_with('/') && is_bucket(address),
        None => {
            let ends = out.as_os_str().to_string_lossy();
            ends.ends_with(std::path::is_separator) || out.is_dir()
        }
    }
}

/// The folder that an argument names. Nothing is sent.
pub(crate) fn folder(option: &str, out: &Path) -> Result<Arc<dyn Folder>> {
    let Some(address) = address(out) else {
        return Ok(Arc::new(LocalFolder::new(out)));
    };
    #[cfg(feature = "cloud")]
    if is_bucket(address) {
        return Ok(Arc::new(stored(address)?));
    }
    let failure = Failure::usage(format!(
        "{option}: {} is no folder that files can go to",
        shown(Path::new(address))
    ));
    Err(failure
        .with_hint(if cfg!(feature = "cloud") {
            "give s3://bucket/path/, gs://bucket/path/, az://container/path/, or a folder on this machine"
        } else {
            "give a folder on this machine: this arcgis was built without the feature cloud"
        })
        .into())
}

/// The folder in a bucket that an address names. Nothing is sent.
#[cfg(feature = "cloud")]
pub(crate) fn stored(address: &str) -> Result<StoredFolder> {
    StoredFolder::at(address).map_err(|error| {
        Failure::usage(crate::spelling::message(&anyhow::Error::from(error))).into()
    })
}

/// Whether an address is one in a bucket that this program can write to.
pub(crate) fn is_bucket(address: &str) -> bool {
    #[cfg(feature = "cloud")]
    {
        arcgis_rest::export::StoredObject::is_address(address)
    }
    #[cfg(not(feature = "cloud"))]
    {
        let _ = address;
        false
    }
}
