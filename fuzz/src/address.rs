//! Addresses, there and back.
//!
//! A case is a byte that chooses where a secret is put in, and a text. What is read as an address reads as the same
//! once more from what it is shown as, and no secret is ever shown, whether the text is an address or not.

use arcgis_layer::{LayerAddress, ResourceAddress, ServiceAddress, ServiceKind};

const SECRET: &str = "S3cr3tValue";

/// Reads any text.
pub fn address(data: &[u8]) {
    let Some((&choice, text)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(text);
    if let Ok(address) = ResourceAddress::parse(&text) {
        comes_back(&address);
    }
    // Only what is put in where secrets stand is one.
    if text.contains(SECRET) {
        return;
    }
    let pasted = match choice % 8 {
        0 => format!("{text}?token={SECRET}"),
        1 => format!("{text}&token={SECRET}"),
        2 => format!("https://user:{SECRET}@{text}"),
        3 => format!("{text}#access_token={SECRET}"),
        4 => format!("{text}?f=json&TOKEN={SECRET}&where=1%3D1"),
        5 => match text.split_once("://") {
            Some((scheme, rest)) => format!("{scheme}://{SECRET}@{rest}"),
            None => format!("me:{SECRET}@{text}"),
        },
        6 => format!("{text}?%74oken={SECRET}"),
        _ => return,
    };
    let shown = match ResourceAddress::parse(&pasted) {
        Ok(address) => {
            comes_back(&address);
            format!("{address} {address:?}")
        }
        Err(error) => format!("{error} {error:?}"),
    };
    assert!(!shown.contains(SECRET), "{pasted:?} is shown as {shown}");
}

fn comes_back(address: &ResourceAddress) {
    let url = address.url();
    assert!(matches!(url.scheme(), "http" | "https"));
    assert_eq!((url.query(), url.fragment()), (None, None));
    assert!(url.username().is_empty() && url.password().is_none());
    let shown = address.to_string();
    // A quote at the end of what is pasted is one around it.
    if shown.ends_with('\'') {
        return;
    }
    assert_eq!(
        ResourceAddress::parse(&shown).as_ref().ok(),
        Some(address),
        "{shown}"
    );
    match address {
        ResourceAddress::Layer(layer) => {
            assert_eq!(layer.service().layer(layer.id()), *layer);
            let query = layer.query_url().to_string();
            assert_eq!(LayerAddress::parse(&query).ok().as_ref(), Some(layer));
            assert_eq!(
                ServiceAddress::parse(&shown).ok().as_ref(),
                Some(layer.service())
            );
        }
        ResourceAddress::Service(service) => {
            let layer = service.layer(7);
            assert_eq!(LayerAddress::parse(layer.url().as_str()).ok(), Some(layer));
            let _ = service.name();
        }
        ResourceAddress::Directory(directory) => {
            let root = directory.root();
            assert_eq!(root.root(), root);
            let folder = root.in_folder("Folder");
            assert_eq!(folder.folder(), Some("Folder"));
            assert_eq!(folder.root(), root);
            let service = root.service("Folder/Name", ServiceKind::MapServer);
            let shown = service.url().as_str();
            assert_eq!(ServiceAddress::parse(shown).ok(), Some(service));
        }
        _ => {}
    }
}
