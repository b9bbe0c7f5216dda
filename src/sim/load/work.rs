//! What the jobs of a load do.

use std::time::Duration;

use super::length::Length;
use crate::sim::job::Job;
use crate::sim::random::Random;

/// What a job does: it computes, then sleeps, then calls others and waits for them.
///
/// ```
/// use springtide::sim::load::{Length, Work};
/// use std::time::Duration;
///
/// let ms = Duration::from_millis;
/// let query = Work::computing(ms(1)).then_sleeping(Length::Exponential { mean: ms(20) });
/// let page = Work::computing(ms(2)).calling(8, query);
/// assert_eq!(query.mean_service(), ms(21));
/// assert_eq!(page.mean_service(), ms(2), "without those it waits for");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    compute: Length,
    sleep: Length,
    calls: Option<Calling>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Calling {
    jobs: u32,
    compute: Length,
    sleep: Length,
}

impl Work {
    /// Jobs that keep a core busy.
    pub fn computing(length: impl Into<Length>) -> Work {
        Work { compute: length.into(), ..Work::default() }
    }

    /// Jobs that wait for something else than a core.
    pub fn sleeping(length: impl Into<Length>) -> Work {
        Work { sleep: length.into(), ..Work::default() }
    }

    /// The same jobs, which sleep this long after they computed.
    #[must_use]
    pub fn then_sleeping(self, length: impl Into<Length>) -> Work {
        Work { sleep: length.into(), ..self }
    }

    /// The same jobs, each of which in the end submits `jobs` of another kind to the same pool
    /// and waits for them. The children of one parent are all alike; those of the next differ.
    /// What the children call in turn is left out: there is one level.
    #[must_use]
    pub fn calling(self, jobs: u32, child: Work) -> Work {
        let Work { compute, sleep, .. } = child;
        Work { calls: Some(Calling { jobs, compute, sleep }), ..self }
    }

    /// Worker time that a job takes in the mean, without waiting for those it calls.
    pub fn mean_service(&self) -> Duration {
        self.compute.mean().saturating_add(self.sleep.mean())
    }

    /// One job of this kind.
    pub(super) fn job(&self, at: Duration, random: &mut Random) -> Job {
        let compute = self.compute.draw(random);
        let job = Job { at, compute, sleep: self.sleep.draw(random), ..Job::default() };
        match self.calls {
            None => job,
            Some(Calling { jobs, compute, sleep }) => {
                let compute = compute.draw(random);
                job.calling(jobs, compute, sleep.draw(random))
            }
        }
    }
}
