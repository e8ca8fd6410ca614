//! What happens while several layers are exported, for those who watch.

use std::fmt;
use std::sync::Arc;

use super::index::IndexedLayer;
use super::report::LayerOutcome;
use crate::event::ExportEvent;
use crate::telemetry;

/// Something that happened. Layers are named by their place in the [`ServiceIndex`](super::ServiceIndex).
#[derive(Debug)]
#[non_exhaustive]
pub enum ServiceEvent<'a> {
    /// It is known which layers there are, and which of them are left out.
    Listed(&'a [IndexedLayer]),
    /// A layer has its turn.
    Began {
        /// Its place.
        place: usize,
        /// The layer.
        layer: &'a IndexedLayer,
    },
    /// Something happened in the export of a layer.
    Layer {
        /// Its place.
        place: usize,
        /// What.
        event: &'a ExportEvent,
    },
    /// A layer is through, well or not.
    Ended {
        /// Its place.
        place: usize,
        /// The layer.
        layer: &'a IndexedLayer,
        /// What came of it.
        outcome: &'a LayerOutcome,
    },
}

type Observe = dyn Fn(&ServiceEvent<'_>) + Send + Sync;

/// Watches. It is called from several threads, and should return soon.
#[derive(Clone, Default)]
pub(super) struct Observer(Option<Arc<Observe>>);

impl Observer {
    pub(super) fn new(observe: impl Fn(&ServiceEvent<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(observe)))
    }

    pub(super) fn tell(&self, event: &ServiceEvent<'_>) {
        if let ServiceEvent::Ended { layer, outcome, .. } = event {
            telemetry::layer_ended(layer, outcome);
        }
        if let Some(observe) = &self.0 {
            observe(event);
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Some" } else { "None" })
    }
}
