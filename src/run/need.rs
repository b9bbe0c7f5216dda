//! What a job needs of the worker that is to run it, before it is claimed.

use std::time::Duration;

use crate::sync::Arc;

/// Something that each worker has of its own, or has not.
pub(crate) trait Need: Send + Sync {
    /// Sees to it that the calling worker, of this index, has it; otherwise how long to wait before
    /// that is tried again. What a user wrote runs in here.
    fn meet(self: Arc<Self>, worker: usize) -> Result<(), Duration>;
}

impl std::fmt::Debug for dyn Need {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Need")
    }
}
