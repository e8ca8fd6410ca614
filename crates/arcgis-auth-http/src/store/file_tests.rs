use std::collections::HashSet;

use arcgis_auth_core::Portal;

use super::*;

fn key(profile: &str) -> StoreKey {
    StoreKey::new(
        Portal::parse("https://gis.example.com/portal").unwrap(),
        profile,
    )
}

fn login(password: &str) -> StoredLogin {
    let portal = key("x").portal().clone();
    StoredLogin::UserPassword(
        arcgis_auth_core::UserPassword::new("anna", password, portal).unwrap(),
    )
}

fn password(login: Option<StoredLogin>) -> Option<String> {
    match login? {
        StoredLogin::UserPassword(user) => Some(user.password().expose_secret().to_owned()),
        other => panic!("{other:?}"),
    }
}

fn names(folder: &Path) -> HashSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn logins_are_kept_one_by_one_until_they_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path().join("new/folders/credentials.json"));
    let (work, home) = (key("work"), key("home"));
    assert!(store.load(&work).await.unwrap().is_none());
    assert!(!store.remove(&work).await.unwrap());
    assert!(names(folder.path()).is_empty(), "looking makes nothing");

    store.save(&work, &login("one")).await.unwrap();
    store.save(&home, &login("two \"ü\\")).await.unwrap();
    store.save(&work, &login("three")).await.unwrap();
    // Another process reads the same.
    let other = FileStore::new(store.path());
    assert_eq!(
        password(other.load(&work).await.unwrap()).as_deref(),
        Some("three")
    );
    assert_eq!(
        password(other.load(&home).await.unwrap()).as_deref(),
        Some("two \"ü\\")
    );
    // The same profile of another portal is another login.
    let elsewhere = StoreKey::new(Portal::parse("https://other.example.com").unwrap(), "work");
    assert!(store.load(&elsewhere).await.unwrap().is_none());

    assert!(store.remove(&work).await.unwrap());
    assert!(!store.remove(&work).await.unwrap());
    assert!(store.load(&work).await.unwrap().is_none());
    assert!(store.load(&home).await.unwrap().is_some());
    let left = names(store.path().parent().unwrap());
    let expected = ["credentials.json", "credentials.json.lock"];
    assert_eq!(left, expected.map(str::to_owned).into());
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("arcgis");
    let store = FileStore::new(inner.join("credentials.json"));
    store.save(&key("a"), &login("one")).await.unwrap();
    assert_eq!(mode(store.path()), 0o600);
    assert_eq!(mode(&inner.join("credentials.json.lock")), 0o600);
    assert_eq!(mode(&inner), 0o700);
    for wide in [0o644, 0o660, 0o604] {
        fs::set_permissions(store.path(), fs::Permissions::from_mode(wide)).unwrap();
        assert!(store.load(&key("a")).await.unwrap().is_some());
        assert_eq!(mode(store.path()), 0o600, "{wide:o}");
    }
    fs::set_permissions(store.path(), fs::Permissions::from_mode(0o666)).unwrap();
    store.save(&key("b"), &login("two")).await.unwrap();
    assert_eq!(mode(store.path()), 0o600);
}

#[tokio::test]
async fn a_file_that_is_something_else_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path().join("credentials.json"));
    for (content, said) in [
        ("CANARY no json", "the file of logins is none"),
        (
            "{\"version\":1,\"logins\":{\"a\":",
            "the file of logins is none",
        ),
        ("{\"version\":1}", "the file of logins is none"),
        (
            "{\"version\":2,\"logins\":{}}",
            "version 2; this program reads up to 1",
        ),
    ] {
        fs::write(store.path(), content).unwrap();
        for error in [
            store.load(&key("a")).await.unwrap_err(),
            store.save(&key("a"), &login("x")).await.unwrap_err(),
            store.remove(&key("a")).await.unwrap_err(),
        ] {
            assert!(matches!(error, Error::Store(_)), "{error:?}");
            assert!(error.to_string().contains(said), "{error}");
            assert!(!format!("{error:?}").contains("CANARY"));
        }
        assert_eq!(fs::read_to_string(store.path()).unwrap(), content);
    }
    // An empty one is what a program leaves that was stopped before it began.
    fs::write(store.path(), "\n").unwrap();
    assert!(store.load(&key("a")).await.unwrap().is_none());
    store.save(&key("a"), &login("x")).await.unwrap();
    // One login that cannot be read does not hide the others.
    let text = fs::read_to_string(store.path()).unwrap();
    let damaged = text.replacen(
        "\"logins\":{",
        "\"logins\":{\"b at https://gis.example.com/portal\":{\"version\":1},",
        1,
    );
    fs::write(store.path(), damaged).unwrap();
    assert!(store.load(&key("b")).await.is_err());
    assert!(store.load(&key("a")).await.unwrap().is_some());
    assert!(store.remove(&key("b")).await.unwrap());
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let store = FileStore::new(folder.path().join("file/credentials.json"));
    let error = store
        .save(&key("a"), &login("x"))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("credentials.json") && error.contains("cannot be used"),
        "{error}"
    );
    assert_eq!(names(folder.path()), ["file".to_owned()].into());
}

/// Stores of their own, as those of processes are: what one writes, the others do not lose.
#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials.json");
    let writers = (0..24).map(|n| {
        let store = FileStore::new(&path);
        tokio::spawn(async move {
            store
                .save(&key(&format!("p{n}")), &login(&format!("s{n}")))
                .await
                .unwrap();
            // A reader in between sees a whole file.
            store.load(&key("p0")).await.unwrap();
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let store = FileStore::new(&path);
    for n in 0..24 {
        let kept = password(store.load(&key(&format!("p{n}"))).await.unwrap());
        assert_eq!(kept, Some(format!("s{n}")));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_stays_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (
        folder.path().join("real.json"),
        folder.path().join("link.json"),
    );
    fs::write(&real, "").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let store = FileStore::new(&link);
    store.save(&key("a"), &login("x")).await.unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(
        FileStore::new(&real)
            .load(&key("a"))
            .await
            .unwrap()
            .is_some()
    );
}
