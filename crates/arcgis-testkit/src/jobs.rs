//! Work that a service says it does in the background.

use std::sync::{Mutex, PoisonError};

use serde_json::Value as Json;

/// The jobs of a service: how often each was looked at, and what it came to.
#[derive(Debug, Default)]
pub(crate) struct Jobs(Mutex<Vec<(u32, Json)>>);

impl Jobs {
    /// Begins one, and gives its number.
    pub(crate) fn add(&self, result: Json) -> usize {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.push((0, result));
        jobs.len() - 1
    }

    /// How often it was looked at before.
    pub(crate) fn look(&self, job: usize) -> Option<u32> {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (looks, _) = jobs.get_mut(job)?;
        *looks += 1;
        Some(*looks - 1)
    }

    pub(crate) fn result(&self, job: usize) -> Option<Json> {
        let jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Some(jobs.get(job)?.1.clone())
    }
}
