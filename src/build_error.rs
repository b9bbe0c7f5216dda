//! Why there is no pool: what cannot be used as a setting, or what the system refused.

use std::fmt;
use std::io;

/// One setting that cannot be used: what, why, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigError {
    /// The setting, as the builder's method is called.
    pub field: &'static str,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

impl std::error::Error for ConfigError {}

/// Why a pool could not be built.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// Settings that cannot be used; all of them, not only the first.
    Invalid(Vec<ConfigError>),
    /// The system refused to start the supervisor or the first worker.
    Spawn(io::Error),
    /// The pool is closed, so a [lane](crate::PoolHandle::lane) of it would take no job.
    Closed,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Invalid(problems) => {
                for (index, problem) in problems.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "; " };
                    write!(f, "{separator}{problem}")?;
                }
                Ok(())
            }
            BuildError::Spawn(error) => write!(f, "no thread could be started: {error}"),
            BuildError::Closed => f.write_str("the pool is closed"),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BuildError::Invalid(_) | BuildError::Closed => None,
            BuildError::Spawn(error) => Some(error),
        }
    }
}
