//! The command line.

use std::path::PathBuf;

use crate::workloads::Depth;

pub(crate) const HELP: &str = "\
usage: versus [--quick | --smoke] [--only W1,W4] [--pools a,b] [--reps N] [--out DIR]

  --quick       smaller cells, fewer of them and three repetitions: below five minutes
  --smoke       every table once and tiny, only to see that everything works
  --only LIST   these workloads only
  --pools LIST  only rows whose label begins with one of these
  --reps N      how often each cell is run
  --out DIR     where report.md, report.csv and the pictures go; nowhere unless set
  --list        the tables and their rows, without running them
";

/// What the parent is asked to do.
pub(crate) struct Args {
    pub(crate) depth: Depth,
    pub(crate) only: Vec<String>,
    pub(crate) pools: Vec<String>,
    pub(crate) reps: Option<usize>,
    pub(crate) out: Option<PathBuf>,
    pub(crate) list: bool,
}

impl Args {
    /// # Errors
    ///
    /// What is wrong with the line, for people.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Args, String> {
        let mut args = Args {
            depth: Depth::Full,
            only: Vec::new(),
            pools: Vec::new(),
            reps: None,
            out: None,
            list: false,
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--quick" => args.depth = Depth::Quick,
                "--smoke" => args.depth = Depth::Smoke,
                "--list" => args.list = true,
                "--only" => args.only = list(&value()?),
                "--pools" => args.pools = list(&value()?),
                "--out" => args.out = Some(value()?.into()),
                "--reps" => {
                    let reps = value()?.parse().ok().filter(|reps| *reps > 0);
                    args.reps = Some(reps.ok_or("--reps needs a number from 1")?);
                }
                // What cargo bench and cargo test add of their own accord.
                "--bench" => {}
                other => return Err(format!("{other} is not known\n\n{HELP}")),
            }
        }
        Ok(args)
    }
}

fn list(value: &str) -> Vec<String> {
    value.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
