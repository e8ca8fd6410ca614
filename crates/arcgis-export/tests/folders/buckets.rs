//! Whole services into buckets.

use std::sync::Arc;

use arcgis_auth_http::ArcGisClient;
use arcgis_export::{Error, Folder as _, LayerOutcome, LocalFolder, Resume, ServiceExport};
use arcgis_layer::ResourceAddress;
use arcgis_testkit::{Attachment, Field, FieldType, Layer, Row, Service, Testkit};

use crate::s3::{Fault, S3};
use crate::world::{Place, World, files};

fn letters(outcomes: &[LayerOutcome]) -> String {
    let letter = |outcome: &LayerOutcome| match outcome {
        LayerOutcome::Exported(_) => 'e',
        LayerOutcome::Kept => 'k',
        LayerOutcome::LeftOut => '-',
        LayerOutcome::Failed(_) => 'f',
        _ => '?',
    };
    outcomes.iter().map(letter).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_arrives_as_it_would_on_disk() {
    let world = World::new(Place::Bucket(S3::start()), 1).await;
    let Place::Bucket(s3) = &world.place else {
        unreachable!()
    };
    let there = world.begin().await;
    let place = tempfile::tempdir().unwrap();
    let here = LocalFolder::new(place.path());
    world.export().to(here).await.unwrap();
    let [there_files, here_files] = [&world.path(), place.path()].map(files);
    assert!(there_files.keys().eq(here_files.keys()));
    for (name, bytes) in here_files
        .iter()
        .filter(|(name, _)| name.ends_with(".parquet"))
    {
        let rows = |bytes: &Vec<u8>| {
            use parquet::file::reader::{FileReader as _, SerializedFileReader};
            let bytes = bytes::Bytes::from(bytes.clone());
            let reader = SerializedFileReader::new(bytes).unwrap();
            reader.metadata().file_metadata().num_rows()
        };
        assert_eq!(rows(bytes), rows(&there_files[name]), "{name}");
    }
    assert_eq!(there.index.layers[0].bytes, {
        let file = there.index.layers[0].file.as_ref().unwrap();
        Some(there_files[file].len() as u64)
    });
    assert_eq!(s3.open_uploads(), [""; 0]);
    // The index is one small request each time: before the first layer, behind each, and at the end.
    let puts = s3.requests().iter().filter(|asked| *asked == "put").count();
    assert!((6..20).contains(&puts), "{puts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_export_is_refused_kept_or_written_over() {
    let world = World::new(Place::Bucket(S3::start()), 2).await;
    world.begin().await;
    world.service.clear_requests();
    let before = files(&world.path());
    let error = world.export().to(world.folder()).await.unwrap_err();
    let Error::Exists { path } = &error else {
        panic!("{error:?}");
    };
    assert!(path.ends_with("copies/Land/index.json"), "{path:?}");
    assert!(world.service.requests().is_empty());
    assert_eq!(files(&world.path()), before);

    let resumed = || world.export().with_resume(Resume::new());
    let report = resumed().to(world.folder()).await.unwrap();
    assert_eq!(letters(&report.outcomes), "kkkk");
    let rows = world.service.layer("areas").unwrap();
    rows.delete(rows.object_ids()[0]).unwrap();
    let report = resumed().to(world.folder()).await.unwrap();
    assert_eq!(letters(&report.outcomes), "kekk");
    let report = world.export().with_overwrite(true).to(world.folder()).await;
    assert_eq!(letters(&report.unwrap().outcomes), "eeee");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_is_known_before_the_first_request() {
    let world = World::here(3).await;
    let gone = S3::start();
    gone.remove_bucket();
    let error = world.export().to(gone.folder("x")).await.unwrap_err();
    assert!(
        matches!(error, Error::Unwritable { .. } | Error::Unreadable { .. }),
        "{error:?}"
    );
    let denied = S3::start().with(Fault::Denied { from_part: 0 });
    let error = world.export().to(denied.folder("x")).await.unwrap_err();
    assert!(
        matches!(error, Error::Unwritable { .. } | Error::Unreadable { .. }),
        "{error:?}"
    );
    assert!(world.service.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_midway_leaves_nothing_half_and_is_done_later() {
    let s3 = S3::start().with(Fault::Denied { from_part: 3 });
    let world = World::new(Place::Bucket(s3), 4).await;
    let Place::Bucket(s3) = &world.place else {
        unreachable!()
    };
    let folder = || {
        s3.folder("copies/Land")
            .with_part_size(1024.try_into().unwrap())
    };
    // From the third part on everything is refused, the index too.
    let export = world.export().with_layers_at_once(1.try_into().unwrap());
    let result = export.to(folder()).await;
    assert!(result.is_err(), "{result:?}");
    let left = files(&world.path());
    assert_eq!(left.keys().collect::<Vec<_>>(), ["index.json"]);
    let index = world.index();
    assert!(index.finished.is_none());
    s3.heal();
    let export = world.export().with_resume(Resume::new());
    let report = export.to(folder()).await.unwrap();
    assert!(report.index.is_complete(), "{report:?}");
    assert_eq!(letters(&report.outcomes), "eeee");
    // The stand-in may keep the file of a part that arrived while the upload was taken back.
    let mut open = s3.open_uploads();
    open.retain(|name| !name.contains(".part-"));
    assert_eq!(open, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn attachments_lie_in_the_bucket_whole_and_once() {
    let photo =
        |name: &str, bytes: usize| Attachment::new(name, "image/jpeg", vec![bytes as u8; bytes]);
    let layer = Layer::table("photos")
        .with_field(Field::new("NAME", FieldType::String))
        .with_rows((0..3).map(|_| Row::new()))
        .with_attachment(1, photo("a.jpg", 1_000))
        .with_attachment(1, photo("Größe ü.jpg", 5))
        // More than is put in one request.
        .with_attachment(3, photo("large.jpg", 9 * 1024 * 1024));
    let service = Service::new("s").with_layer(layer);
    let service = Testkit::builder().service(service).start().await.unwrap();
    let s3 = S3::start();
    let client = Arc::new(ArcGisClient::builder().build().unwrap());
    let root = ResourceAddress::parse(&service.service_url("s")).unwrap();
    let export = || {
        ServiceExport::new(Arc::clone(&client) as _, root.clone())
            .with_attachments_in(s3.folder("files"))
            .with_resume(Resume::new())
    };
    for round in 0..2 {
        let report = export().to(s3.folder("rows")).await.unwrap();
        assert!(report.index.is_complete(), "{report:?}");
        let attachments = report.index.layers[0].attachments.as_ref().unwrap();
        assert_eq!((attachments.files, attachments.failed), (3, 0));
        assert!(attachments.folder.ends_with("files/photos"));
        let there = files(&s3.path("files"));
        let sizes: Vec<_> = there
            .iter()
            .map(|(name, bytes)| (&**name, bytes.len()))
            .collect();
        assert_eq!(sizes[0], ("photos/1/Größe_ü.jpg", 5), "{sizes:?}");
        assert_eq!(sizes[1], ("photos/1/a.jpg", 1_000));
        assert_eq!(sizes[2], ("photos/3/large.jpg", 9 * 1024 * 1024));
        assert_eq!(sizes[3].0, "photos/attachments.jsonl");
        assert!(there["photos/3/large.jpg"].iter().all(|byte| *byte == 0));
        let fetched = service.requests_of(arcgis_testkit::RequestKind::Attachment);
        assert_eq!(fetched.len(), 3, "round {round}");
    }
    assert_eq!(s3.open_uploads(), [""; 0]);
}

#[test]
fn a_folder_in_a_store_is_a_folder() {
    let s3 = S3::start();
    let folder = s3.folder("a/b");
    assert_eq!(folder.size("x.json").unwrap(), None);
    assert_eq!(folder.read("x.json", 10).unwrap(), None);
    folder.put("x.json", b"text".to_vec()).unwrap();
    folder.put("x.json", b"more text".to_vec()).unwrap();
    assert_eq!(folder.read("x.json", 9).unwrap().unwrap(), b"more text");
    assert!(folder.read("x.json", 8).is_err());
    assert_eq!(folder.size("x.json").unwrap(), Some(9));
    // Names stand as they are, whatever script they are in.
    folder.put("Größe/Ä 1.json", b"{}".to_vec()).unwrap();
    assert!(s3.path("a/b/Größe/Ä 1.json").is_file());
    let below = folder.below("Größe");
    assert_eq!(below.size("Ä 1.json").unwrap(), Some(2));
    assert!(folder.file("x.json", false).unwrap().open().is_err());
    assert!(folder.file("x.json", true).unwrap().open().is_ok());
}
