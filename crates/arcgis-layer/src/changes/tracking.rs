//! Whether a layer tracks its changes, and how far back.

use crate::address::ServiceKind;
use crate::error::Error;
use crate::layer::Layer;
use crate::service::ServiceInfo;

/// What a service says of the changes that it has tracked in a layer (`changeTrackingInfo`).
///
/// A generation is a number that grows with every change; some servers count, others take the milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangeTracking {
    /// The generation that the layer is at (`serverGen`).
    pub generation: i64,
    /// The earliest generation since which changes can be told (`minServerGen`); `None` where the service does not say.
    pub earliest: Option<i64>,
    /// Whether the ids of changed rows can be asked for, without the rows
    /// (`extractChangesCapabilities.supportsReturnIdsOnly`); `None` where the service does not say.
    pub ids_only: Option<bool>,
}

impl ChangeTracking {
    /// Whether changes since `generation` can be asked for: it is neither too old, nor of a time that the service
    /// does not know, as behind a backup that was played back.
    #[must_use]
    pub fn reaches(&self, generation: i64) -> bool {
        generation <= self.generation && self.earliest.is_none_or(|earliest| earliest <= generation)
    }
}

impl Layer {
    /// What the service says of the changes that it has tracked in the layer. `None` where it tracks none, and where it
    /// does not say at which generation the layer is.
    ///
    /// # Errors
    ///
    /// As [`ServiceInfo::fetch`].
    pub async fn change_tracking(&self) -> Result<Option<ChangeTracking>, Error> {
        let info = self.info();
        let tracks = ["ChangeTracking", "Sync"].iter().any(|name| {
            let mut own = info.capabilities.iter();
            own.any(|capability| capability.eq_ignore_ascii_case(name))
        });
        let service = self.address().service();
        if !tracks || service.kind() != ServiceKind::FeatureServer {
            return Ok(None);
        }
        let service = ServiceInfo::fetch(self.transport().as_ref(), service).await?;
        let generation = service.layer_generations.get(&info.id);
        Ok(generation.map(|generation| ChangeTracking {
            generation: *generation,
            earliest: service.earliest_generations.get(&info.id).copied(),
            ids_only: service.changes_as_ids,
        }))
    }
}
