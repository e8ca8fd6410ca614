//! A folder takes the place of another one, and nothing that is not ours goes with that.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::dataset::Dataset;

/// What stands under the name of a folder before it is made.
#[derive(Debug)]
pub(super) enum Earlier {
    Nothing,
    Empty,
    /// A dataset, and nothing else: see [`Earlier::files`].
    Dataset,
}

impl Earlier {
    /// The files of a dataset by their paths from the folder, its index first.
    ///
    /// # Errors
    ///
    /// If it is none, or there is anything else in its folder.
    pub(super) fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
        Dataset::open(folder)?.files()
    }
}

/// Gives a folder the name of another one. Where that fails, all is as it was.
pub(super) fn put_in_place(staging: &Path, target: &Path, earlier: Earlier) -> io::Result<()> {
    match earlier {
        Earlier::Nothing => rename_new(staging, target),
        Earlier::Empty => {
            // Not every system lets a folder take the place of an empty one. It fails where that is not empty any more.
            if !cfg!(unix) {
                fs::remove_dir(target)?;
            }
            fs::rename(staging, target)
        }
        Earlier::Dataset => {
            // It may have been used meanwhile.
            let files = Earlier::files(target)?;
            let old = match exchange(staging, target) {
                Ok(()) => staging.to_owned(),
                Err(error) if is_unknown(&error) => step_aside(staging, target)?,
                Err(error) => return Err(error),
            };
            remove(&old, &files);
            Ok(())
        }
    }
}

/// Unix lets a folder take the place of an empty one, whoever made that.
fn rename_new(staging: &Path, target: &Path) -> io::Result<()> {
    match fs::symlink_metadata(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::rename(staging, target),
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(error) => Err(error),
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};

    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn exchange(_one: &Path, _other: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether a system or a file system does not know how to exchange names.
fn is_unknown(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput
    )
}

/// The same in two steps. Between them there is nothing under the name: a process that is killed there leaves the earlier
/// dataset beside it, whole.
fn step_aside(staging: &Path, target: &Path) -> io::Result<PathBuf> {
    let aside = staging.with_extension("old");
    fs::rename(target, &aside)?;
    if let Err(error) = fs::rename(staging, target) {
        fs::rename(&aside, target)?;
        return Err(error);
    }
    Ok(aside)
}

/// Takes away what is left of an earlier dataset: its own files, and folders where nothing else is. The new one is in its
/// place, so that nothing fails for it.
fn remove(old: &Path, files: &[PathBuf]) {
    let mut folders: BTreeSet<PathBuf> = BTreeSet::new();
    for file in files {
        if let Err(error) = fs::remove_file(old.join(file)) {
            tracing::warn!(file = %old.join(file).display(), %error, "a file of the earlier dataset stays");
        }
        folders.extend(file.ancestors().skip(1).map(|folder| old.join(folder)));
    }
    // Those within others come behind them.
    for folder in folders.iter().rev() {
        if let Err(error) = fs::remove_dir(folder) {
            tracing::warn!(folder = %folder.display(), %error, "a folder of the earlier dataset stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::index::{NAME, PartitionFile, PartitionIndex};
    use super::super::options::Partitions;
    use super::*;

    fn dataset(folder: &Path, files: &[&str]) {
        let indexed = files.iter().map(|file| {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "rows").unwrap();
            PartitionFile {
                file: (*file).to_owned(),
                rows: 1,
                bytes: 4,
                extent: None,
                values: Default::default(),
            }
        });
        let index = PartitionIndex::new(Partitions::spatial(), indexed.collect());
        fs::write(folder.join(NAME), index.to_json().unwrap()).unwrap();
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_dataset_takes_the_place_of_another() {
        let place = tempfile::tempdir().unwrap();
        let [new, old] = ["new.part", "old"].map(|name| place.path().join(name));
        for in_one_step in [true, false] {
            dataset(
                &old,
                &["s=1/part-00000.parquet", "s=2/t=3/part-00000.parquet"],
            );
            dataset(&new, &["s=4/part-00000.parquet"]);
            if in_one_step {
                put_in_place(&new, &old, Earlier::Dataset).unwrap();
            } else {
                let files = Earlier::files(&old).unwrap();
                remove(&step_aside(&new, &old).unwrap(), &files);
            }
            assert_eq!(names(&old), [NAME, "s=4"]);
            assert_eq!(names(place.path()), ["old"]);
            remove(&old, &Earlier::files(&old).unwrap());
            assert!(!old.exists());
        }
    }

    #[test]
    fn what_is_not_ours_stays() {
        let place = tempfile::tempdir().unwrap();
        let [new, old] = ["new.part", "old"].map(|name| place.path().join(name));
        dataset(&new, &["part-00000.parquet"]);
        for foreign in [
            "notes.txt",
            "s=1/notes.txt",
            "s=9/part-00000.parquet",
            "empty/",
        ] {
            let _ = fs::remove_dir_all(&old);
            dataset(&old, &["s=1/part-00000.parquet"]);
            let path = old.join(foreign);
            if foreign.ends_with('/') {
                fs::create_dir(&path).unwrap();
            } else {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, "mine").unwrap();
            }
            let problem = Earlier::files(&old).unwrap_err().to_string();
            assert!(problem.contains("is not one of the files"), "{problem}");
            // It came while rows were fetched.
            assert!(put_in_place(&new, &old, Earlier::Dataset).is_err());
            assert!(path.exists() && old.join("s=1/part-00000.parquet").exists());
            assert_eq!(names(&new), [NAME, "part-00000.parquet"]);
        }
        fs::remove_file(old.join(NAME)).unwrap();
        assert!(
            Earlier::files(&old)
                .unwrap_err()
                .to_string()
                .contains("it has no _index.json")
        );
        fs::write(old.join(NAME), "{}").unwrap();
        assert!(
            Earlier::files(&old)
                .unwrap_err()
                .to_string()
                .contains("cannot be used")
        );
        #[cfg(unix)]
        {
            let _ = fs::remove_dir_all(&old);
            dataset(&old, &["s=1/part-00000.parquet"]);
            std::os::unix::fs::symlink(place.path(), old.join("s=2")).unwrap();
            assert!(Earlier::files(&old).is_err());
        }
    }

    #[test]
    fn what_came_meanwhile_is_not_replaced() {
        let place = tempfile::tempdir().unwrap();
        let [new, old] = ["new.part", "old"].map(|name| place.path().join(name));
        dataset(&new, &["part-00000.parquet"]);
        fs::create_dir(&old).unwrap();
        assert!(put_in_place(&new, &old, Earlier::Nothing).is_err());
        fs::write(old.join("mine"), "").unwrap();
        assert!(put_in_place(&new, &old, Earlier::Empty).is_err());
        assert_eq!(names(&old), ["mine"]);
        fs::remove_file(old.join("mine")).unwrap();
        put_in_place(&new, &old, Earlier::Empty).unwrap();
        assert_eq!(names(&old), [NAME, "part-00000.parquet"]);
    }
}
