//! The tables of `docs/scaling` that say what the law does on each kind of load.
//!
//! `UPDATE_EXPECT=1 cargo test --release --test laws document` writes them anew.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use springtide::sim::{Run, rivals, scenario as scenarios};

use crate::{ours, scenario};

const PAGE: &str = "src/docs/scaling.md";
const BEGIN: &str = "<!-- results: begin";
const END: &str = "<!-- results: end -->";
/// The laws that the second table has room for.
const BESIDE: &[&str] =
    &["tokio", "java", "mariadb", "libdispatch", "dotnet", "hpa-scaled", "seed"];

#[test]
fn the_tables_are_what_the_simulator_prints() {
    if cfg!(debug_assertions) {
        println!("skipped: the tables take a minute unoptimised, and two seconds with --release");
        return;
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let page = std::fs::read_to_string(&path).expect("the page is there");
    let begin = page.find(BEGIN).expect("the page has a place for the tables");
    let begin = begin + page[begin..].find('\n').expect("a line ends") + 1;
    let end = page.find(END).expect("the place has an end");
    let tables = tables();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let page = format!("{}{tables}{}", &page[..begin], &page[end..]);
        std::fs::write(&path, page).expect("the page can be written");
        return;
    }
    assert_eq!(&page[begin..end], tables, "see the head of tests/laws/document.rs");
}

fn tables() -> String {
    let columns = "late | wait p99.9 | sojourn p99 | peak | of use | cost | flaps | looks a second";
    let mut alone = format!("\n| load | {columns} |\n|---|---|---|---|---|---|---|---|---|\n");
    let mut beside = format!("\n| load | ours | {} |\n|---|---|", BESIDE.join(" | "));
    beside.push_str(&"---|".repeat(BESIDE.len()));
    beside.push('\n');
    for name in scenarios::names() {
        let scenario = scenario(name);
        let mine = scenario.run(ours());
        let most = scenario.run(rivals::rival("static-max").expect("it is known"));
        writeln!(
            alone,
            "| `{name}`: {} | {} | {} | {} | {} | {} | {:.1} | {} | {:.0} |",
            scenario.about,
            percent(&mine),
            time(mine.wait.p999),
            time(mine.sojourn.p99),
            mine.peak,
            most.peak_useful,
            mine.cost(),
            mine.flaps,
            mine.evaluations_per_second()
        )
        .expect("a string takes all");
        let others = BESIDE.iter().filter_map(|name| rivals::rival(name));
        let cells: Vec<String> = others.map(|law| cell(&scenario.run(law))).collect();
        writeln!(beside, "| `{name}` | **{}** | {} |", cell(&mine), cells.join(" | "))
            .expect("a string takes all");
    }
    format!(
        "{alone}\nAnd beside other systems: the share of jobs that waited for longer than 10 ms, \
         the peak of\nworkers, \
         and the cost; `∞` where more than one job in a hundred was refused or \
         unfinished.\n{beside}\n"
    )
}

fn cell(run: &Run) -> String {
    let undone = run.refused + run.unfinished;
    let late = if undone * 100 > run.offered { "∞".into() } else { percent(run) };
    format!("{late} · {} · {:.1}", run.peak, run.cost())
}

fn percent(run: &Run) -> String {
    match run.late * 100.0 {
        0.0 => "0".into(),
        late if late < 0.05 => "< 0.1 %".into(),
        late if late < 10.0 => format!("{late:.1} %"),
        late => format!("{late:.0} %"),
    }
}

fn time(time: Duration) -> String {
    match time.as_secs_f64() {
        0.0 => "0".into(),
        s if s < 0.001 => format!("{:.0} µs", s * 1e6),
        s if s < 0.01 => format!("{:.1} ms", s * 1e3),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s => format!("{s:.1} s"),
    }
}
