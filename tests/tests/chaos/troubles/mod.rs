//! All that goes wrong.

mod drift;
mod lasting;
mod passing;
mod servers;

use crate::cell::Form;
use crate::layers::Shape;
use crate::trouble::Trouble;
use crate::ways::Way;

/// Everything, for rows of this shape, asked for in this format and this way.
pub(crate) fn all(shape: Shape, form: Form, way: Way) -> Vec<Trouble> {
    let mut all = vec![Trouble::new("nothing")];
    all.extend(passing::all(way));
    all.extend(servers::all(shape, form, way));
    all.extend(drift::all(shape, way));
    all.extend(lasting::all(shape, way));
    all
}
