//! Where logins are kept: a file, the keyring of the system, and which of them.

#[cfg(all(feature = "store-file", feature = "store-keyring"))]
mod choice;
#[cfg(feature = "store-file")]
mod file;
#[cfg(feature = "store-file")]
mod folder;
#[cfg(feature = "store-keyring")]
mod keyring;
mod thread;

#[cfg(all(feature = "store-file", feature = "store-keyring"))]
pub use choice::{StoreChoice, StoreKind, UnknownStore};
#[cfg(feature = "store-file")]
pub use file::FileStore;
#[cfg(feature = "store-file")]
pub use folder::config_folder;
#[cfg(feature = "store-keyring")]
pub use keyring::KeyringStore;
