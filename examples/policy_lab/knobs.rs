//! What can be turned on our law: its constants, and the part of the configuration that it reads.

use std::time::Duration;

use springtide::sim::tuning::{self, Value};
use springtide::sim::{Act, Law, Machine, Moment, Resting, Supervised, View};
use springtide::{Constants, PredictedWait};

const TARGET_WAIT: &str = "target_wait";
const KEEP_ALIVE: &str = "keep_alive";

/// Our law with everything set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Knobs {
    constants: Constants,
    target_wait: Duration,
    keep_alive: Option<Duration>,
}

/// The names of all knobs.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    [TARGET_WAIT, KEEP_ALIVE].into_iter().chain(tuning::names())
}

impl Knobs {
    /// As the law is by default, on this machine.
    pub(crate) fn of(machine: &Machine) -> Knobs {
        Knobs {
            constants: Constants::default(),
            target_wait: machine.target_wait,
            keep_alive: machine.keep_alive,
        }
    }

    /// # Errors
    /// One line that says what would be right.
    pub(crate) fn get(&self, name: &str) -> Result<Value, String> {
        let value = match name {
            TARGET_WAIT => Some(Value::Time(self.target_wait)),
            // Where none is set the law chooses, and this is what it begins with.
            KEEP_ALIVE => Some(Value::Time(self.keep_alive.unwrap_or(self.constants.window_min))),
            _ => tuning::get(&self.constants, name),
        };
        value.ok_or_else(|| {
            let known: Vec<&str> = names().collect();
            format!("'{name}' is not one of {}", known.join(", "))
        })
    }

    /// # Errors
    /// One line that says what would be right.
    pub(crate) fn set(&mut self, name: &str, text: &str) -> Result<(), String> {
        let value = self.get(name)?.like(text).map_err(|wrong| format!("{name}: {wrong}"))?;
        match (name, value) {
            (TARGET_WAIT, Value::Time(time)) => self.target_wait = time,
            (KEEP_ALIVE, Value::Time(time)) => self.keep_alive = Some(time),
            _ => tuning::set(&mut self.constants, name, text).map_err(|wrong| wrong.to_string())?,
        }
        Ok(())
    }

    /// Several settings as they are typed, `key=value` each.
    ///
    /// # Errors
    /// One line that says what would be right.
    pub(crate) fn with(mut self, settings: &[String]) -> Result<Knobs, String> {
        for setting in settings {
            let Some((name, text)) = setting.split_once('=') else {
                return Err(format!("'{setting}' is not KEY=VALUE, as in hog_age=50ms"));
            };
            self.set(name.trim(), text.trim())?;
        }
        Ok(self)
    }

    /// Our law, looked after as the pool's supervisor does it.
    pub(crate) fn law(&self) -> Box<dyn Law> {
        Box::new(Told {
            law: Supervised::new("ours", PredictedWait::with_constants(self.constants.clone())),
            target_wait: self.target_wait,
            keep_alive: self.keep_alive,
        })
    }
}

/// The law is told an objective of its own. What counts as late stays with the machine, so that
/// all rows of a table mean the same by it.
struct Told {
    law: Supervised,
    target_wait: Duration,
    keep_alive: Option<Duration>,
}

impl Told {
    fn view<'a>(&self, pool: &View<'a>) -> View<'a> {
        let mut view = pool.clone();
        (view.target_wait, view.keep_alive) = (self.target_wait, self.keep_alive);
        view
    }
}

impl Law for Told {
    fn name(&self) -> &'static str {
        self.law.name()
    }

    fn react(&mut self, moment: Moment, pool: &View<'_>) -> Act {
        let view = self.view(pool);
        self.law.react(moment, &view)
    }

    fn resting(&self, pool: &View<'_>) -> Resting {
        self.law.resting(&self.view(pool))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knobs() -> Knobs {
        Knobs::of(&Machine::new(4.0))
    }

    #[test]
    fn every_knob_can_be_read_and_set() {
        for name in names().filter(|name| *name != KEEP_ALIVE) {
            let text = knobs().get(name).expect("it is one of the names").to_string();
            assert_eq!(knobs().with(&[format!("{name}={text}")]), Ok(knobs()));
            assert_ne!(knobs().with(&[format!("{name} = 7")]), Ok(knobs()), "{name}");
        }
    }

    #[test]
    fn a_wrong_setting_says_what_would_be_right() {
        for (setting, said) in [
            ("hog_age", "'hog_age' is not KEY=VALUE, as in hog_age=50ms"),
            ("hog_age=old", "hog_age: 'old' is not a time such as 50ms"),
            ("keep_alive=ever", "keep_alive: 'ever' is not a time such as 50ms"),
        ] {
            assert_eq!(knobs().with(&[setting.into()]), Err(said.into()));
        }
        let unknown = knobs().with(&["hog=1".into()]).unwrap_err();
        assert!(unknown.starts_with("'hog' is not one of target_wait, keep_alive, slow_tick"));
    }
}
