//! Which lane may send its next job into the pool's queue: a choice made of plain numbers.
//!
//! * At most as many jobs of lanes are *out*, in the pool's queue or running, as the pool may have
//!   workers; each lane counts there with its reservation at least. So a reservation is there
//!   when it is wanted, whatever the others do.
//! * Of those as many may wait in the pool's queue as there are workers, one at least. That is the
//!   pressure by which the pool grows, up to twofold at a time, and all that a flooded lane puts in
//!   the way of the others.
//! * Whoever has a reservation to use goes first. Of the others that lane goes whose share is
//!   furthest behind: each start costs a lane its job's cost over its weight, and the lane that
//!   has paid least goes. One that waited for nothing, or that its own limits kept back, is not
//!   owed for that time: it goes on from where the others are.

use super::bucket::Bucket;
use crate::time::Nanos;

/// What a unit of cost is at a weight of one.
const UNIT: u128 = 1 << 32;

/// Where one lane stands.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) max_running: u64,
    pub(crate) reserved: u64,
    pub(crate) weight: u32,
    pub(crate) bucket: Option<Bucket>,
    /// Some job waits that may start as far as its key is concerned.
    pub(crate) ready: bool,
    /// Jobs in the pool's queue or running.
    pub(crate) out: u64,
    /// What it has paid.
    pub(crate) paid: u128,
}

/// Where the pool stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pool {
    pub(crate) max_workers: u64,
    pub(crate) live_workers: u64,
    /// Jobs of lanes in its queue.
    pub(crate) queued: u64,
    /// What the lane had paid that went last.
    pub(crate) paid: u128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    Lane(usize),
    /// Nobody before then: somebody waits for a token.
    At(Nanos),
    /// Nobody before something else happens.
    Nobody,
}

/// What remains of the reservations when the pool was made smaller than they are together: the
/// first lanes keep theirs, and a worker is left for those who have none.
fn reservations(lanes: &[Standing], max_workers: u64) -> impl Iterator<Item = u64> {
    lanes.iter().scan(max_workers.saturating_sub(1), |left, lane| {
        let kept = lane.reserved.min(*left);
        *left -= kept;
        Some(kept)
    })
}

/// Whether fewer jobs of the lane are out than may be.
pub(crate) fn has_place(lane: &Standing) -> bool {
    lane.out < lane.max_running
}

/// When the lane has a token; not after now if it has one already, or needs none.
pub(crate) fn token_at(lane: &Standing) -> Nanos {
    lane.bucket.map_or(Nanos(0), |bucket| bucket.next())
}

pub(crate) fn choose(lanes: &[Standing], pool: Pool, now: Nanos) -> Choice {
    let reserved = || reservations(lanes, pool.max_workers);
    let taken: u64 = lanes.iter().zip(reserved()).map(|(lane, kept)| lane.out.max(kept)).sum();
    let is_crowded = taken >= pool.max_workers || pool.queued >= pool.live_workers.max(1);
    let mut soonest = Nanos::NEVER;
    let mut best = None;
    for (index, (lane, kept)) in lanes.iter().zip(reserved()).enumerate() {
        if !lane.ready || !has_place(lane) {
            continue;
        }
        if token_at(lane) > now {
            soonest = soonest.min(token_at(lane));
            continue;
        }
        let has_none_left = lane.out >= kept;
        if has_none_left && is_crowded {
            continue;
        }
        let rank = (has_none_left, lane.paid.max(pool.paid), index);
        if best.is_none_or(|best| rank < best) {
            best = Some(rank);
        }
    }
    match best {
        Some((_, _, index)) => Choice::Lane(index),
        None if soonest < Nanos::NEVER => Choice::At(soonest),
        None => Choice::Nobody,
    }
}

/// The chosen lane pays for a job of this cost that it is about to send out.
pub(crate) fn pay(lanes: &mut [Standing], pool: &mut Pool, chosen: usize, cost: u32, now: Nanos) {
    let kept = reservations(lanes, pool.max_workers).nth(chosen).unwrap_or(0);
    let lane = &mut lanes[chosen];
    let before = lane.paid.max(pool.paid);
    if lane.out >= kept {
        pool.paid = before;
    }
    lane.paid = before + UNIT * u128::from(cost) / u128::from(lane.weight.max(1));
    if let Some(bucket) = &mut lane.bucket {
        bucket.take(now);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
