//! A pool of fixed size.
//!
//! No one system's law: rayon, and any pool whose size is a number in a file. On the number of
//! cores it is the best there is for jobs that only compute; on the upper bound, for jobs that only
//! wait. What it costs to be wrong about which of them the jobs are is the point of comparing.

use super::super::law::{Act, Law, Moment, View};

/// As many workers as cores, or as the upper bound allows, from the first moment to the last.
#[derive(Clone, Debug)]
pub struct Static {
    size: Size,
}

#[derive(Clone, Copy, Debug)]
enum Size {
    Cores,
    Max,
}

impl Static {
    /// One worker for each core.
    pub fn cores() -> Static {
        Static { size: Size::Cores }
    }

    /// As many workers as the upper bound allows.
    pub fn max() -> Static {
        Static { size: Size::Max }
    }
}

impl Law for Static {
    fn name(&self) -> &'static str {
        match self.size {
            Size::Cores => "static-cores",
            Size::Max => "static-max",
        }
    }

    fn react(&mut self, moment: Moment, pool: &View<'_>) -> Act {
        let size = match self.size {
            Size::Cores => pool.whole_cores().clamp(pool.min, pool.max),
            Size::Max => pool.max,
        };
        match moment {
            Moment::Opened => Act::start(size.saturating_sub(pool.workers)),
            _ => Act::none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_there_from_the_start() {
        let opened = |law: &mut Static, cores| {
            law.react(Moment::Opened, &View { cores, ..View::at_rest(2) }).start
        };
        assert_eq!(opened(&mut Static::cores(), 4.0), 2);
        assert_eq!(opened(&mut Static::cores(), 3.2), 2);
        assert_eq!(opened(&mut Static::cores(), 0.5), 0);
        assert_eq!(opened(&mut Static::cores(), 400.0), 62);
        assert_eq!(opened(&mut Static::max(), 4.0), 62);
    }

    #[test]
    fn no_load_changes_it() {
        for mut law in [Static::cores(), Static::max()] {
            for moment in [Moment::Submitted, Moment::Finished, Moment::Tick] {
                assert_eq!(law.react(moment, &View::full(4, 1_000_000)), Act::none());
                assert_eq!(law.react(moment, &View::at_rest(4)), Act::none());
            }
            assert_eq!(law.resting(&View::at_rest(4)).keep_alive, None);
        }
    }
}
