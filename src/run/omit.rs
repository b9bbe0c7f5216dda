//! Leaves one step of a protocol out, so that its model can be seen to fail. Model checks only.

use std::env;

use crate::sync::OnceLock;

/// Names the step to leave out by its invariant, as in `SPRINGTIDE_OMIT=S3`.
pub(crate) const VARIABLE: &str = "SPRINGTIDE_OMIT";

/// Whether the step that keeps this invariant is left out in this process.
pub(crate) fn omitted(invariant: &str) -> bool {
    static OMITTED: OnceLock<Option<String>> = OnceLock::new();
    OMITTED.get_or_init(|| env::var(VARIABLE).ok()).as_deref() == Some(invariant)
}
