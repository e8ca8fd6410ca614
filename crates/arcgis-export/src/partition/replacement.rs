//! The index of a dataset in a store takes the place of an earlier one, and of no other.

use std::io;

use bytes::Bytes;
use object_store::{ObjectMeta, ObjectStoreExt as _, PutMode};

use crate::destination::{
    NotDone, ObjectVersion, ReplacedMeanwhile, StoredObject, is_condition, is_refused,
    knows_no_conditions, refusal,
};

/// What stands there behind a request that failed.
enum Now {
    /// The new index.
    New,
    /// What stood there before.
    Earlier,
    /// That of somebody else.
    Another,
    /// The store does not answer.
    Unknown,
}

/// Puts an index, in one request, where there still is the `earlier` one, or none.
///
/// The store itself looks at that as part of the request, where it knows such conditions; elsewhere it is looked at before.
pub(super) async fn put_index(
    object: StoredObject,
    index: Vec<u8>,
    earlier: Option<ObjectVersion>,
) -> Result<(), NotDone> {
    let ((store, key, _), index) = (object.way(), Bytes::from(index));
    let is_earlier = |found: &ObjectMeta| {
        let earlier = earlier.as_ref();
        earlier.is_some_and(|earlier| earlier.is_that_of(found))
    };
    let look = async || match store.get(&key).await {
        Ok(found) if is_earlier(&found.meta) => Now::Earlier,
        Ok(found) => match found.bytes().await {
            Ok(there) if there == index => Now::New,
            Ok(_) => Now::Another,
            Err(_) => Now::Unknown,
        },
        Err(object_store::Error::NotFound { .. }) if earlier.is_none() => Now::Earlier,
        Err(object_store::Error::NotFound { .. }) => Now::Another,
        Err(_) => Now::Unknown,
    };
    let is_another = |is_certain| NotDone {
        error: match earlier {
            Some(_) => io::Error::other(ReplacedMeanwhile),
            None => io::ErrorKind::AlreadyExists.into(),
        },
        is_certain,
    };
    let on_condition = match &earlier {
        Some(earlier) => earlier.update(),
        None => Some(PutMode::Create),
    };
    // Some stores pass over conditions.
    match look().await {
        Now::Another => return Err(is_another(true)),
        Now::Unknown if on_condition.is_none() => {
            return Err(NotDone {
                error: io::Error::other("the store does not say which index is there"),
                is_certain: true,
            });
        }
        Now::Unknown | Now::Earlier | Now::New => {}
    }
    let mut failed = None;
    for mode in on_condition.into_iter().chain([PutMode::Overwrite]) {
        let put = store.put_opts(&key, index.clone().into(), mode.into());
        let Err(error) = put.await else {
            return Ok(());
        };
        // One that was taken for lost may be done after all, as long as the store has not refused it.
        let is_certain = match look().await {
            Now::New => return Ok(()),
            Now::Another => return Err(is_another(is_refused(&error) || is_condition(&error))),
            // That the condition does not hold is no word to rely on then.
            Now::Earlier => is_refused(&error),
            Now::Unknown => false,
        };
        let goes_on = is_certain && knows_no_conditions(&error);
        let error = refusal(&error);
        tracing::debug!(%error, is_certain, "the index was not put");
        failed = Some(NotDone { error, is_certain });
        if !goes_on {
            break;
        }
    }
    failed.map_or(Ok(()), Err)
}
