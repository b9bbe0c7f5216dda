//! What a load asks for, whoever serves it.

use std::time::Duration;

use springtide::sim::Scenario;

/// The load without any law.
pub(crate) struct Offered {
    pub(crate) under_way: Vec<u64>,
    pub(crate) rates: Vec<f64>,
    pub(crate) longest: Vec<Duration>,
}

impl Offered {
    /// By column: jobs under way if none waited, arrivals a second, and the longest job.
    pub(crate) fn of(load: &Scenario, columns: usize) -> Offered {
        let width = load.horizon.as_secs_f64() / columns as f64;
        let column = |at: Duration| ((at.as_secs_f64() / width) as usize).min(columns - 1);
        let mut rates = vec![0.0; columns];
        let mut longest = vec![Duration::ZERO; columns];
        let mut events = Vec::with_capacity(2 * load.jobs.len());
        for job in &load.jobs {
            let (here, service) = (column(job.at), job.service());
            rates[here] += 1.0 / width;
            longest[here] = longest[here].max(service);
            events.extend([(job.at, 1_i64), (job.at.saturating_add(service), -1)]);
        }
        events.sort_unstable();
        let mut under_way = vec![0; columns];
        let (mut level, mut last) = (0_i64, 0);
        for (at, by) in events {
            let here = column(at);
            // A level holds until the next event.
            (last + 1..=here).for_each(|column| under_way[column] = level as u64);
            level += by;
            under_way[here] = under_way[here].max(level.max(0) as u64);
            last = here;
        }
        Offered { under_way, rates, longest }
    }
}
