//! What the jobs do, and when they come.

use std::time::Duration;

use springtide::sim::Random;

use crate::spin;

/// A kind of load. A job either computes or sleeps; by chance, where there are both.
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    computing: Duration,
    sleeping: Duration,
    /// Share of the jobs that compute.
    share: f64,
}

/// For so long others may keep the thread that measures off the cores. The shortest cell takes 60
/// ms, and half of that was not enough once.
const STALL: Duration = Duration::from_secs(2);

pub(crate) const LOADS: [Load; 3] = [
    Load {
        name: "cpu",
        about: "1 ms of computing",
        computing: Duration::from_millis(1),
        sleeping: Duration::ZERO,
        share: 1.0,
    },
    Load {
        name: "io",
        about: "10 ms of sleep, as if for a disk or another machine",
        computing: Duration::ZERO,
        sleeping: Duration::from_millis(10),
        share: 0.0,
    },
    Load {
        name: "mixed",
        about: "10 ms of sleep, but 2 ms of computing for one job in five",
        computing: Duration::from_millis(2),
        sleeping: Duration::from_millis(10),
        share: 0.2,
    },
];

/// What one job does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    /// So many steps, whoever else wants the core.
    Compute(u64),
    Sleep(Duration),
}

impl Work {
    pub(crate) fn perform(self) {
        match self {
            Work::Compute(steps) => spin::spin(steps),
            Work::Sleep(time) => std::thread::sleep(time),
        }
    }
}

/// The jobs of one load on this machine.
pub(crate) struct Jobs<'a> {
    pub(crate) load: &'a Load,
    /// Steps that take a microsecond.
    pub(crate) steps_per_us: u64,
}

impl Jobs<'_> {
    fn next(&self, random: &mut Random) -> Work {
        let Load { computing, sleeping, share, .. } = self.load;
        if random.unit() <= *share {
            Work::Compute(computing.as_micros() as u64 * self.steps_per_us)
        } else {
            Work::Sleep(*sleeping)
        }
    }

    /// More than so many workers can get done on so many cores within a time, and within the
    /// [`STALL`] by which whoever measures may come late.
    pub(crate) fn backlog(&self, workers: usize, cores: usize, time: Duration) -> Vec<Work> {
        let Load { computing, sleeping, share, .. } = self.load;
        let (computing, sleeping) = (share * computing.as_secs_f64(), sleeping.as_secs_f64());
        let each = computing + (1.0 - share) * sleeping;
        let by_workers = workers as f64 / each;
        let by_cores = cores as f64 / computing.max(f64::MIN_POSITIVE);
        let jobs = by_workers.min(by_cores) * (time.as_secs_f64() * 1.5 + STALL.as_secs_f64());
        let mut random = Random::new(1);
        (0..jobs.ceil() as u64).map(|_| self.next(&mut random)).collect()
    }

    /// Independent arrivals, so many a second in the mean, and what each does: the same for the
    /// same seed.
    pub(crate) fn arrivals(&self, rate: f64, time: Duration, seed: u64) -> Vec<(Duration, Work)> {
        let mut random = Random::new(seed);
        let (mut at, mut arrivals) = (0.0, Vec::new());
        loop {
            at += random.exponential(1.0 / rate);
            if at >= time.as_secs_f64() {
                return arrivals;
            }
            arrivals.push((Duration::from_secs_f64(at), self.next(&mut random)));
        }
    }
}
