//! What must replay to the last bit on every machine: the law and the simulator.
//!
//! The platform's logarithm, sine and powers differ in the last bit from one to the next, hash maps
//! iterate in a random order, and the rest of the world is different each time.

use crate::layers::{PURE, module, says};
use crate::source::{Kind, Source};

/// Names of the outer world.
const WORLD: &[&str] =
    &["Instant", "SystemTime", "atomic", "thread", "std::env", "std::fs", "std::net", "rand"];
const UNORDERED: &[&str] = &["HashMap", "HashSet", "RandomState"];
/// Methods of floats that are the platform's; `+ - * /`, `sqrt` and rounding are the standard's.
const PLATFORM: &[&str] = &[
    "acos", "asin", "atan", "atan2", "cbrt", "cos", "cosh", "exp", "exp2", "exp_m1", "hypot", "ln",
    "ln_1p", "log", "log10", "log2", "mul_add", "powf", "powi", "sin", "sin_cos", "sinh", "tan",
    "tanh",
];
/// Reads and writes files, which is all that it does with the world.
const MAY_READ: &str = "sim::trace";

pub(crate) fn check(sources: &[Source]) -> Vec<String> {
    let shipped = sources.iter().filter(|source| source.kind == Kind::Production);
    let mut complaints = Vec::new();
    for (name, source) in shipped.filter_map(|source| Some((module(&source.path)?, source))) {
        if !(name == "sim" || name.starts_with("sim::") || PURE.contains(&name.as_str())) {
            continue;
        }
        let code = source.shipped_code();
        let may = |word: &str| name == MAY_READ && word == "std::fs";
        let names = WORLD.iter().chain(UNORDERED).filter(|word| !may(word) && says(&code, word));
        complaints.extend(names.map(|word| format!("{name} says {word}: it could not replay")));
        let calls = PLATFORM.iter().filter(|call| code.contains(&format!(".{call}(")));
        complaints.extend(calls.map(|call| format!("{name} calls .{call}(): take libm's")));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> usize {
        check(&[Source::new(path, text)]).len()
    }

    #[test]
    fn what_differs_between_machines_is_found() {
        for text in [
            "fn f(x: f64) -> f64 { x.ln() }",
            "fn f(x: f64) -> f64 { x.mul_add(x, x) }",
            "use std::collections::HashMap;",
            "use std::time::{Duration, Instant};",
        ] {
            assert_eq!(complaints("src/sim/load/work.rs", text), 1, "{text}");
            assert_eq!(complaints("src/scale/gaps.rs", text), 1, "{text}");
            assert_eq!(complaints("src/scale/probe.rs", text), 0, "{text}");
        }
    }

    #[test]
    fn what_is_alike_everywhere_is_not() {
        let text = "fn f(x: f64) -> f64 { libm::log(x).sqrt().round() * exp2(x) }";
        assert_eq!(complaints("src/sim/random.rs", text), 0);
        let test = "#[cfg(test)]\nmod tests {\n fn f(x: f64) -> f64 { x.ln() }\n}";
        assert_eq!(complaints("src/sim/random.rs", test), 0);
    }

    #[test]
    fn only_the_traces_may_read_files() {
        assert_eq!(complaints("src/sim/trace.rs", "use std::fs::File;"), 0);
        assert_eq!(complaints("src/sim/model.rs", "use std::fs::File;"), 1);
    }
}
