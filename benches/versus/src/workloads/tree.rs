//! W3: jobs that submit jobs, as a binary tree that begins with one.

use std::time::Instant;

use super::Figures;
use crate::pools::Pool;
use crate::tally;
use crate::usage::Spent;

#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) workers: usize,
    /// A tree of depth n has 2^n - 1 jobs.
    pub(crate) depth: u32,
}

pub(crate) const COLUMNS: &[&str] = &["ns_job", "csw_1k"];

impl Tree {
    pub(crate) fn run<P: Pool>(&self, pool: &P) -> Figures {
        super::warm_up(pool, self.workers);
        let jobs = (1_u64 << self.depth) - 1;
        let goal = tally::total() + jobs;
        let spent = Spent::now();
        let began = Instant::now();
        pool.execute_tree(self.depth);
        tally::wait_for(goal);
        let took = began.elapsed();
        let spent = Spent::now().since(spent);
        vec![took.as_nanos() as f64 / jobs as f64, spent.switches as f64 * 1000.0 / jobs as f64]
    }
}
