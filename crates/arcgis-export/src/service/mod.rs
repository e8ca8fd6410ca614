//! All layers and tables of a service, a folder of services or a server.

mod error;
mod event;
mod export;
mod file_names;
mod folder;
mod index;
mod pattern;
mod prospect;
mod related;
mod report;
mod run;
mod selection;
mod stac;
mod survey;

pub use error::IndexError;
pub use event::ServiceEvent;
pub use export::ServiceExport;
pub use folder::{Folder, LocalFolder};
pub use index::{IndexedLayer, IndexedRelationship, LayerStatus, ServiceIndex, Unread};
pub use pattern::{ParsePatternError, Pattern};
pub use report::{LayerOutcome, PlannedAction, PlannedLayer, ServicePlan, ServiceReport};
pub use selection::LayerSelection;
