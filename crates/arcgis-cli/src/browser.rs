//! The user's browser.

use arcgis_rest::auth::Url;

use crate::exit::note;

/// Opens a page in the user's browser, if there is one; the address was printed in any case.
pub(crate) fn open(page: &Url) {
    if !has_screen() {
        return;
    }
    let page = page.to_string();
    // A browser may hold whoever starts it, and one in a terminal would take ours.
    let opened = std::thread::Builder::new().spawn(move || {
        if let Err(error) = webbrowser::open(&page) {
            note(&format!(
                "no browser could be opened ({error}): open the page yourself"
            ));
        }
    });
    if let Err(error) = opened {
        tracing::debug!(%error, "no browser was opened");
    }
}

/// Without a screen, what would open is a browser in this terminal, if anything. Someone who sets
/// `BROWSER` wants it all the same.
fn has_screen() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(any(windows, target_os = "macos"))
        || ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"]
            .into_iter()
            .any(set)
}
