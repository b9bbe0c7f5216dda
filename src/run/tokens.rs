//! The tokens that running jobs have asked for: what stops a job stops what hangs on its token.
//!
//! A job's own token is made when it is first asked for ([`JobContext::token`]) and is listed here
//! until the job ends. Few jobs ask, so this costs the others a look at their claim word.
//!
//! * **K5** A token is in the list before the word says so. Saying so, asking the job to stop and
//!   giving up on it are read-modify-writes of one word: of two the second sees the first, so
//!   whoever stops the job cancels its token, or whoever made the token does. A pool that is
//!   stopping says so before it looks at the list.
//!
//! [`JobContext::token`]: super::context::JobContext::token

use std::collections::BTreeMap;

use super::cancel::CancelToken;
use super::ticket::{JobId, Ticket};
#[cfg(loom)]
use crate::run::omit::omitted;
use crate::sync::Mutex;

#[derive(Default)]
pub(crate) struct Tokens(Mutex<BTreeMap<JobId, CancelToken>>);

impl Tokens {
    /// The token of a running job, made when it is first asked for. Whether its pool is stopping is
    /// asked when the token is in the list.
    pub(crate) fn of(&self, ticket: &Ticket, is_stopping: impl FnOnce() -> bool) -> CancelToken {
        #[cfg(loom)]
        let early = omitted("lent").then(|| ticket.claim.lend_token());
        let token = {
            let mut tokens = self.0.lock();
            let make = || ticket.token().map_or_else(CancelToken::new, CancelToken::child);
            tokens.entry(ticket.id).or_insert_with(make).clone()
        };
        // In the list first, then in the word (K5).
        let before = ticket.claim.lend_token();
        #[cfg(loom)]
        if omitted("K5") {
            return token;
        }
        #[cfg(loom)]
        let before = early.unwrap_or(before);
        if before.is_to_stop() || is_stopping() {
            token.cancel();
        }
        token
    }

    /// The job was asked to stop, or given up: its token is cancelled, if it has one (K5).
    pub(crate) fn cancel(&self, ticket: &Ticket) {
        if ticket.claim.look().has_lent_token() {
            let token = self.0.lock().get(&ticket.id).cloned();
            token.iter().for_each(CancelToken::cancel);
        }
    }

    /// The pool is stopping, and says so by now: cancels all there are.
    pub(crate) fn cancel_all(&self) {
        let tokens: Vec<CancelToken> = self.0.lock().values().cloned().collect();
        tokens.iter().for_each(CancelToken::cancel);
    }

    /// How many jobs have one.
    #[cfg(test)]
    pub(crate) fn listed(&self) -> usize {
        self.0.lock().len()
    }

    /// The job is over: nothing it started hangs on it any more.
    pub(crate) fn forget(&self, ticket: &Ticket) {
        let _token = self.0.lock().remove(&ticket.id);
    }
}
