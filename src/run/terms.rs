//! What a job brings along besides its closure: its kind, its priority, and what few jobs have.

use std::time::Duration;

use super::cancel::CancelToken;
use super::in_line::GivesUp;
use super::need::Need;
use super::priority::Priority;
use super::seat::Seat;
use super::shared::Shared;
use super::ticket::{Delay, KindId, Limits};
use crate::sync::Weak;
use crate::time::Nanos;

/// What was said about a job. Most jobs have nothing special, and pay for one look at that: with
/// all of it in here, a job with a handle took 150 instructions more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    pub(crate) kind: KindId,
    pub(crate) priority: Priority,
    special: Option<Box<Special>>,
}

/// Those of a job about which nothing was said. It inherits a deadline.
pub(crate) static PLAIN: Terms =
    Terms { kind: KindId(0), priority: Priority::Normal, special: None };

/// What few jobs have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Special {
    pub(crate) expires_in: Option<Duration>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) deadline: Option<Nanos>,
    /// Whether the deadline of the job that submits this one does not bind it.
    pub(crate) outlives: bool,
    pub(crate) token: Option<CancelToken>,
    /// The job is to wait so long before it is queued; whoever submits it sees to that.
    pub(crate) delay: Option<Duration>,
    /// How often it was run before.
    pub(crate) retries: u32,
    /// Until when it may be run once more.
    pub(crate) more_until: Nanos,
    pub(crate) seat: Option<Seat>,
    /// What its worker must have.
    pub(crate) need: Option<Weak<dyn Need>>,
}

impl Terms {
    pub(crate) fn of_kind(kind: KindId) -> Terms {
        Terms { kind, ..Terms::default() }
    }

    pub(crate) fn special(&mut self) -> &mut Special {
        self.special.get_or_insert_default()
    }

    /// The same but for what `change` says.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Special)) -> Terms {
        change(self.special());
        self
    }

    pub(crate) fn delay(&self) -> Option<Duration> {
        self.special.as_ref()?.delay
    }

    pub(crate) fn deadline(&self) -> Option<Nanos> {
        self.special.as_ref()?.deadline
    }

    pub(crate) fn token(&self) -> Option<&CancelToken> {
        self.special.as_ref()?.token.as_ref()
    }

    /// When whoever submits a job on these terms, and waits for room, gives up. A job that is to
    /// be over by a moment is of no use after it.
    #[cold]
    pub(crate) fn gives_up(&self, shared: &Shared) -> GivesUp<'_> {
        let inherited = shared.inherited_deadline();
        match &self.special {
            None => GivesUp { at: inherited, token: None },
            Some(special) => {
                GivesUp { at: special.deadline(inherited), token: special.token.as_ref() }
            }
        }
    }

    /// When a job on these terms is to be queued that is submitted now.
    #[inline]
    pub(crate) fn queued_at(&self, now: Nanos) -> Nanos {
        self.delay().map_or(now, |delay| now.after(delay))
    }

    /// The job does not wait before it is queued.
    pub(crate) fn forget_delay(&mut self) {
        if let Some(special) = &mut self.special {
            special.delay = None;
        }
    }

    /// Binds whatever is submitted on these terms to the deadline of the job that the calling
    /// thread is in now, and to that of no other.
    pub(crate) fn inherit_now(&mut self, shared: &Shared) {
        let special = self.special();
        special.deadline = special.deadline(shared.inherited_deadline());
        special.outlives = true;
    }

    #[inline]
    pub(crate) fn limits(&self, shared: &Shared, queued_at: Nanos) -> Option<Box<Limits>> {
        let inherited = shared.inherited_deadline();
        if self.special.is_none() && inherited.is_none() {
            return None;
        }
        Some(self.box_limits(inherited, queued_at))
    }

    #[cold]
    fn box_limits(&self, inherited: Option<Nanos>, queued_at: Nanos) -> Box<Limits> {
        let Some(special) = &self.special else {
            let deadline = inherited.unwrap_or(Nanos::NEVER);
            return Box::new(Limits { expires_at: deadline, deadline, ..Limits::default() });
        };
        Box::new(Limits {
            expires_at: special.expires_at(inherited, queued_at),
            timeout: special.timeout,
            deadline: special.deadline(inherited).unwrap_or(Nanos::NEVER),
            place: special.token.as_ref().map(CancelToken::place),
            delay: special.delay.map(|_| Delay::default()),
            retries: special.retries,
            more_until: special.more_until,
            seat: special.seat.clone(),
            need: special.need.clone(),
            ..Limits::default()
        })
    }
}

impl Special {
    fn expires_at(&self, inherited: Option<Nanos>, queued_at: Nanos) -> Nanos {
        let expires_at = self.expires_in.map_or(Nanos::NEVER, |d| queued_at.after(d));
        self.deadline(inherited).map_or(expires_at, |deadline| expires_at.min(deadline))
    }

    /// The earlier one of its own deadline and what it is bound to inherit.
    fn deadline(&self, inherited: Option<Nanos>) -> Option<Nanos> {
        let inherited = inherited.filter(|_| !self.outlives);
        self.deadline.into_iter().chain(inherited).min()
    }
}
