//! Where rows go: a file, an object in a bucket, a web server, or standard output.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use arcgis_rest::export::{
    self, Committed, Destination, HttpPut, LocalFile, Output, PartitionFolder,
};
#[cfg(feature = "cloud")]
use arcgis_rest::export::{StoredObject, StoredPartitions};
use arcgis_rest::{Transport, auth::Url};

use crate::exit::Failure;

/// What stands for standard output.
pub(crate) const STANDARD_OUTPUT: &str = "-";

/// Where rows go.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    File(LocalFile),
    Partitions(PartitionFolder),
    StandardOutput,
    #[cfg(feature = "cloud")]
    Stored(StoredObject),
    #[cfg(feature = "cloud")]
    StoredPartitions(StoredPartitions),
    Put(HttpPut),
}

/// How a place that is not on this machine is reached.
pub(crate) struct Way<'a> {
    /// Makes the client for an address.
    pub(crate) client: &'a dyn Fn(&Url) -> Result<Arc<dyn Transport>>,
    /// The folder for what is on disk until it is sent.
    pub(crate) folder: Option<&'a Path>,
}

impl Place {
    /// The place that an argument names. Nothing is sent.
    fn new(out: &Path, overwrite: bool, way: &Way<'_>) -> Result<Self> {
        if out == Path::new(STANDARD_OUTPUT) {
            return Ok(Self::StandardOutput);
        }
        let Some(address) = address(out) else {
            return Ok(Self::File(LocalFile::new(out).with_overwrite(overwrite)));
        };
        if address.ends_with('/') {
            return Err(Failure::usage(format!("{}: it names no file", shown(out)))
                .with_hint("all layers of a service go into a folder; a layer goes into a file, or into several with --partition-by")
                .into());
        }
        if HttpPut::is_address(address) {
            // Not quoted back: what is signed is a secret.
            let url = Url::parse(address)
                .map_err(|error| Failure::usage(format!("OUT is no address: {error}")))?;
            let mut put = HttpPut::new((way.client)(&url)?, url).with_overwrite(overwrite);
            if let Some(folder) = way.folder {
                put = put.with_folder(folder);
            }
            return Ok(Self::Put(put));
        }
        #[cfg(feature = "cloud")]
        if StoredObject::is_address(address) {
            let object = StoredObject::at(address).map_err(|error| {
                Failure::usage(crate::spelling::message(&anyhow::Error::from(error)))
            })?;
            return Ok(Self::Stored(object.with_overwrite(overwrite)));
        }
        let failure = Failure::usage(format!("{address}: nothing is written to such an address"));
        Err(failure
            .with_hint(if cfg!(feature = "cloud") {
                "give s3://bucket/path, gs://bucket/path, az://container/path, https://host/path, or the name of a file"
            } else {
                "give https://host/path or the name of a file: this arcgis was built without the feature cloud"
            })
            .into())
    }

    /// The place that an argument names, once it is known that it can be written to. Nothing is left behind if not.
    pub(crate) async fn tried(out: &Path, overwrite: bool, way: &Way<'_>) -> Result<Self> {
        Self::new(out, overwrite, way)?.opens().await
    }

    /// The same for the folder of a dataset in several files.
    pub(crate) async fn tried_folder(out: &Path, overwrite: bool) -> Result<Self> {
        let place = match address(out) {
            None => Self::Partitions(PartitionFolder::new(out).with_overwrite(overwrite)),
            #[cfg(feature = "cloud")]
            Some(address) => {
                let folder = StoredPartitions::new(crate::folder_place::stored(address)?);
                Self::StoredPartitions(folder.with_overwrite(overwrite))
            }
            #[cfg(not(feature = "cloud"))]
            Some(_) => {
                let problem = "this arcgis was built without the feature cloud";
                return Err(Failure::usage(problem).into());
            }
        };
        place.opens().await
    }

    async fn opens(self) -> Result<Self> {
        // Opening makes a file of another name in the folder, or begins an upload; dropping it takes it away again.
        let tried = self.clone();
        tokio::task::spawn_blocking(move || tried.open().map(drop))
            .await
            .context("the output was not tried")??;
        Ok(self)
    }

    fn destination(&self) -> Option<&dyn Destination> {
        match self {
            Self::File(file) => Some(file),
            Self::Partitions(folder) => Some(folder),
            #[cfg(feature = "cloud")]
            Self::Stored(object) => Some(object),
            #[cfg(feature = "cloud")]
            Self::StoredPartitions(folder) => Some(folder),
            Self::Put(put) => Some(put),
            Self::StandardOutput => None,
        }
    }
}

/// The argument, if it is an address and no path: a scheme stands before `://`.
pub(crate) fn address(out: &Path) -> Option<&str> {
    let text = out.to_str()?;
    let (scheme, _) = text.split_once("://")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    (scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(plain))
        .then_some(text)
}

/// Whether the file waits on this machine until it is whole, and goes elsewhere then.
pub(crate) fn waits_here(out: &Path) -> bool {
    address(out).is_some_and(HttpPut::is_address)
}

/// The argument for people: without what may be a signature.
pub(crate) fn shown(out: &Path) -> String {
    let Some(address) = address(out).filter(|address| HttpPut::is_address(address)) else {
        return out.display().to_string();
    };
    let Ok(mut url) = Url::parse(address) else {
        return "OUT".to_owned();
    };
    url.set_query(None);
    url.set_fragment(None);
    // Both go for every address of a web server.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

/// The extension of the argument, without what stands behind it in an address.
pub(crate) fn extension(out: &Path) -> String {
    let shown = shown(out);
    let extension = Path::new(&shown).extension().and_then(OsStr::to_str);
    extension.unwrap_or_default().to_ascii_lowercase()
}

impl Destination for Place {
    fn name(&self) -> String {
        self.destination()
            .map_or_else(|| "standard output".to_owned(), Destination::name)
    }

    fn open(&self) -> Result<Box<dyn Output>, export::Error> {
        match self.destination() {
            Some(destination) => destination.open(),
            None => Ok(Box::new(Stream::default())),
        }
    }

    fn spool_folder(&self) -> Option<PathBuf> {
        self.destination()?.spool_folder()
    }

    fn is_folder(&self) -> bool {
        self.destination().is_some_and(Destination::is_folder)
    }
}

/// Standard output. What went there cannot be taken back: whether it is all, the exit code says.
#[derive(Debug, Default)]
struct Stream {
    bytes: u64,
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = io::stdout().write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

impl Output for Stream {
    fn settle(&mut self) -> Result<(), export::Error> {
        self.flush()
            .map_err(|source| export::Error::Write(source.into()))
    }

    fn commit(self: Box<Self>) -> Result<Committed, export::Error> {
        Ok(Committed::new("standard output", self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_and_passwords_are_not_shown() {
        let signed = Path::new("https://me:pw@h/a/x.SHP?X-Amz-Signature=5ec7e7#f");
        assert_eq!(shown(signed), "https://h/a/x.SHP");
        assert_eq!(extension(signed), "shp");
        assert_eq!(shown(Path::new("https://?sig=5ec7e7")), "OUT");
        assert_eq!(shown(Path::new("a?b.csv")), "a?b.csv");
    }

    #[test]
    fn addresses_are_told_from_paths() {
        for address_of in ["s3://b/x", "HTTP://h/x", "ftp://h/x"] {
            assert!(address(Path::new(address_of)).is_some(), "{address_of}");
        }
        for path in ["x.parquet", "a/b://c", "://x", "s3:/b/x", "-"] {
            assert!(address(Path::new(path)).is_none(), "{path}");
        }
    }
}
