//! All layers and tables of a service, a folder of services or a server.

mod error;
mod event;
mod export;
mod folder;
mod follow;
mod index;
mod pattern;
mod prospect;
mod related;
mod report;
mod run;
mod selection;
mod stac;
mod survey;
mod upkeep;

pub(crate) use export::chain;
pub(crate) use run::is_of_the_place;

pub use error::IndexError;
pub use event::ServiceEvent;
pub use export::ServiceExport;
pub use folder::{Folder, FolderLock, LocalFolder};
pub use index::{
    IndexedAttachments, IndexedLayer, IndexedRelationship, LayerStatus, ServiceIndex, Unread,
};
pub use pattern::{ParsePatternError, Pattern};
pub use report::{LayerOutcome, PlannedAction, PlannedLayer, ServicePlan, ServiceReport};
pub use selection::LayerSelection;
pub use upkeep::ServiceSync;
