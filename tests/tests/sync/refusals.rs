//! Files that are none to go by, and layers that are not what they were: refused, and the file stays.

use arcgis_export::{Error, LayerExport, LocalFile, Sync, SyncError};
use arcgis_layer::{Field, FieldType, Layer, LayerInfo, Query, SpatialReference};
use arcgis_testkit::RequestKind;

use crate::world::{Kind, Tells, World, refused, said};

/// The layer with other metadata.
async fn changed(world: &World, change: impl FnOnce(&mut LayerInfo)) -> Layer {
    let layer = world.open().await;
    let mut info = LayerInfo::clone(layer.info());
    change(&mut info);
    Layer::from_info(layer.transport().clone(), layer.address().clone(), info).unwrap()
}

fn fields(info: &mut LayerInfo, change: impl FnOnce(&mut Vec<Field>)) {
    let mut fields = info.fields.to_vec();
    change(&mut fields);
    info.fields = fields.into();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_layer_is_refused_with_what_changed() {
    let mut world = World::new(Tells::Changes, Kind::Points, 2).await;
    world.begin().await;
    let place = |fields: &[Field], name: &str| fields.iter().position(|f| f.name == name).unwrap();
    type Change = Box<dyn FnOnce(&mut LayerInfo)>;
    let cases: Vec<(Change, &str)> = vec![
        (
            Box::new(|info| fields(info, |all| all.push(Field::new("NEW", FieldType::String)))),
            "column NEW: no column of the file then, a field of the layer now",
        ),
        (
            Box::new(move |info| {
                fields(info, |all| {
                    all.remove(place(all, "AMOUNT"));
                });
            }),
            "column AMOUNT: a column of the file then, no field of the layer now",
        ),
        (
            Box::new(move |info| {
                fields(info, |all| {
                    let place = place(all, "NUMBER");
                    all[place].field_type = FieldType::Double;
                });
            }),
            "column NUMBER: Int32 then, Float64 now",
        ),
        (
            Box::new(move |info| {
                fields(info, |all| {
                    let place = place(all, "NAME");
                    all[place].alias = Some("Title".to_owned());
                });
            }),
            "column NAME: ",
        ),
        (
            Box::new(|info| info.spatial_reference = SpatialReference::from_wkid(25832)),
            "reference system: ",
        ),
    ];
    for (change, expected) in cases {
        let layer = changed(&world, change).await;
        world.bench.service.clear_requests();
        let error = refused(&world, Sync::new(layer, world.path())).await;
        assert!(
            matches!(error, Error::Sync(SyncError::Differs { .. })),
            "{error:?}"
        );
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(world.bench.service.requests().len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_query_or_layer_is_refused() {
    let mut world = World::new(Tells::Changes, Kind::Points, 2).await;
    world.begin().await;
    let other = Query::new().with_where("NUMBER < 50");
    let sync = world.sync().await.with_query(other);
    let error = refused(&world, sync).await;
    assert!(said(&error).contains(r#"another where: "#), "{error}");
    assert!(said(&error).contains(r#""NUMBER < 50" now"#), "{error}");
    let geometry = Query::new().with_where("NUMBER < 70").without_geometry();
    let error = refused(&world, world.sync().await.with_query(geometry)).await;
    assert!(
        matches!(error, Error::Sync(SyncError::Differs { .. })),
        "{error}"
    );

    // The same service under another name.
    let address = world.bench.service.layer_url("rows");
    let address = address.replace("127.0.0.1", "localhost");
    let address = arcgis_layer::LayerAddress::parse(&address).unwrap();
    let layer = world.open().await;
    let info = LayerInfo::clone(layer.info());
    let layer = Layer::from_info(layer.transport().clone(), address, info).unwrap();
    let error = refused(&world, Sync::new(layer, world.path())).await;
    assert!(said(&error).contains("another source"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_export_is_refused() {
    let mut world = World::new(Tells::Changes, Kind::Points, 2).await;
    world.begin().await;
    let layer = world.open().await;
    let requests = || {
        let all = world.bench.service.requests().into_iter();
        all.filter(|request| request.kind() != RequestKind::Layer)
            .count()
    };
    world.bench.service.clear_requests();
    let folder = world.bench.folder();
    let none = folder.join("none.parquet");
    let error = Sync::new(layer.clone(), &none).run().await.unwrap_err();
    assert!(
        matches!(error, Error::Sync(SyncError::Unreadable { .. })),
        "{error}"
    );
    let torn = folder.join("torn.parquet");
    let whole = std::fs::read(world.path()).unwrap();
    std::fs::write(&torn, &whole[..whole.len() / 2]).unwrap();
    let error = Sync::new(layer.clone(), &torn).run().await.unwrap_err();
    assert!(
        matches!(error, Error::Sync(SyncError::Unreadable { .. })),
        "{error}"
    );
    assert_eq!(std::fs::read(&torn).unwrap(), whole[..whole.len() / 2]);
    // A Parquet file of somebody else's: as if the footer said nothing of where it is from.
    let answer = br#"{"fields":[{"name":"A","type":"esriFieldTypeString"}],"features":[{"attributes":{"A":"b"}}]}"#;
    let other = folder.join("other.parquet");
    arcgis_export::Conversion::new(answer)
        .to(&LocalFile::new(&other))
        .unwrap();
    let error = Sync::new(layer.clone(), &other).run().await.unwrap_err();
    assert!(
        matches!(error, Error::Sync(SyncError::NotAnExport { .. })),
        "{error}"
    );
    assert_eq!(requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn first_rows_alone_are_compared() {
    let world = World::new(Tells::Changes, Kind::Points, 2).await;
    let layer = world.open().await;
    let query = Query::new().with_limit(10);
    let export = LayerExport::new(layer.clone()).with_query(query);
    export.to(LocalFile::new(world.path())).await.unwrap();
    let ids = world.rows().object_ids();
    world.rows().delete(ids[0]).unwrap();
    let report = Sync::new(layer, world.path()).run().await.unwrap();
    assert_eq!(report.way.name(), "full");
    assert_eq!(report.added_ids, [ids[10]]);
    assert_eq!(report.deleted_ids, [ids[0]]);
    assert_eq!(report.rows, 10);
}
