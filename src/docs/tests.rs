use crate::testing::STEPS;
use crate::{Constants, DEFAULT_QUEUE_CAPACITY, DEFAULT_TARGET_WAIT};
use crate::{FAST_TICK, KICK_SPACING, SLOW_TICK};

#[test]
fn the_defaults_in_the_readme_are_those_of_the_code() {
    let readme = include_str!("../../README.md");
    let words: Vec<&str> = readme.split_whitespace().collect();
    let text = words.join(" ");
    let target = DEFAULT_TARGET_WAIT.as_millis();
    for spoken in [
        format!("room for {DEFAULT_QUEUE_CAPACITY} waiting jobs"),
        format!("a target of {target} ms"),
        format!("Rust {} or newer", env!("CARGO_PKG_RUST_VERSION")),
    ] {
        assert!(text.contains(&spoken), "{spoken}");
    }
}

/// What stands between the two markers of a part of a page.
fn part<'a>(page: &'a str, name: &str) -> &'a str {
    let begins = page.find(&format!("<!-- {name}: begin")).expect("the part begins");
    let ends = page.find(&format!("<!-- {name}: end")).expect("the part ends");
    page[begins..ends].split_once("-->").expect("a comment ends").1.trim()
}

#[test]
fn the_table_of_constants_is_that_of_the_code() {
    let page = include_str!("scaling.md");
    let rows: Vec<String> = part(page, "constants")
        .lines()
        .skip(2)
        .map(|row| row.split('|').take(3).skip(1).map(str::trim).collect::<Vec<_>>().join(": "))
        .collect();
    let code = format!("{:#?}", Constants::default());
    let fields: Vec<String> = code
        .lines()
        .filter_map(|line| line.trim().trim_end_matches(',').split_once(": "))
        .map(|(name, value)| format!("`{name}`: {value}"))
        .collect();
    assert_eq!(rows, fields);
}

/// The name and the instructions of each row of the file that CI compares with.
fn counted() -> Vec<(&'static str, u64)> {
    let rows = include_str!("../../benches/instructions.txt").lines().skip(1);
    let rows = rows.filter_map(|row| row.split_once(' '));
    rows.map(|(name, count)| (name, count.parse().expect("a count is a number"))).collect()
}

/// The cells of the rows of a part that begin with a name.
fn named_rows(name: &str) -> Vec<Vec<&'static str>> {
    let rows = part(include_str!("performance.md"), name).lines();
    let cells = |row: &'static str| row.split('|').map(|cell| cell.trim().trim_matches('`'));
    rows.filter(|row| row.starts_with("| `")).map(|row| cells(row).skip(1).collect()).collect()
}

#[test]
fn the_table_of_instructions_is_what_ci_compares_with() {
    let told: Vec<(&str, String)> =
        named_rows("instructions").iter().map(|row| (row[0], row[1].to_owned())).collect();
    let paths = counted().into_iter().filter(|(name, _)| !name.starts_with("step:"));
    let paths: Vec<(&str, String)> = paths.map(|(path, n)| (path, n.to_string())).collect();
    assert_eq!(told, paths);
}

#[test]
fn the_table_of_steps_has_every_step_with_its_instructions() {
    let counted: std::collections::BTreeMap<&str, u64> = counted().into_iter().collect();
    let steps: Vec<Vec<String>> = STEPS
        .iter()
        .map(|step| {
            let times = |n: u64| if n == 0 { "–".to_owned() } else { n.to_string() };
            let count = counted[format!("step:{}", step.name).as_str()].to_string();
            let (execute, submit) = (times(step.execute), times(step.submit));
            vec![step.name.to_owned(), step.says.to_owned(), execute, submit, count]
        })
        .collect();
    let told: Vec<Vec<&str>> =
        named_rows("steps").into_iter().map(|row| row[..5].to_vec()).collect();
    assert_eq!(told, steps);
}

#[test]
fn the_defaults_in_the_text_are_those_of_the_code() {
    let page = include_str!("scaling.md");
    for (constant, text) in [
        (FAST_TICK, "every 5 ms ([`FAST_TICK`])"),
        (SLOW_TICK, "every 250 ms ([`SLOW_TICK`])"),
        (KICK_SPACING, "within 1 ms of its last look ([`KICK_SPACING`])"),
        (DEFAULT_TARGET_WAIT, "| `target_wait` | 10 ms |"),
    ] {
        let spoken = format!("{constant:?}").replace("ms", " ms").replace("0s", "0 s");
        assert!(text.contains(&spoken) && page.contains(text), "{spoken}: {text}");
    }
}

#[cfg(feature = "prometheus")]
mod metrics {
    use std::collections::BTreeMap;
    use std::process::Command;

    use crate::run::figures::LANES_NAMED;
    use crate::scale::family::{Family, Reading};
    use crate::scale::lane_table::LANE_TABLE;
    use crate::scale::metric_table::{INFO, TABLE};

    const PAGE: &str = include_str!("metrics.md");

    /// A table of families, as the page should show it.
    fn table<'a>(families: impl Iterator<Item = &'a Family>) -> String {
        let mut table = String::from("| name | type | labels | |\n|---|---|---|---|");
        for family in families {
            let mut labels: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for (name, value) in (0..family.labels.series).flat_map(family.labels.of) {
                let values = labels.entry(name).or_default();
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            if std::ptr::eq(family, &INFO) {
                labels = BTreeMap::from([("policy", vec!["…"]), ("version", vec!["…"])]);
            }
            let labels: Vec<String> = labels
                .into_iter()
                .map(|(name, values)| format!("`{name}`: {}", values.join(", ")))
                .collect();
            let (name, kind) = (family.name, family.kind());
            let row = format!("\n| `{name}` | {kind} | {} | {} |", labels.join("; "), family.help);
            table.push_str(&row);
        }
        table
    }

    /// So many series has a family, with each bucket of a histogram, its sum and its count.
    fn series(family: &Family) -> usize {
        match family.reading {
            // One bucket more than the ladder has bounds.
            Reading::Histogram(measure) => measure.ladder.len() + 3,
            _ => family.labels.series,
        }
    }

    /// The page with another text in one of its written parts.
    fn rewritten(page: &str, name: &str, text: &str) -> String {
        let begins = page.find(&format!("<!-- {name}: begin")).expect("the part begins");
        let begins = begins + page[begins..].find("-->").expect("a comment ends") + 3;
        let ends = page.find(&format!("<!-- {name}: end")).expect("the part ends");
        format!("{}\n\n{text}\n\n{}", &page[..begins], &page[ends..])
    }

    /// As the head of the page says, `UPDATE_EXPECT=1` writes them.
    #[test]
    fn the_tables_of_families_are_those_of_the_code() {
        let of_pool = || TABLE.iter().chain([&INFO]);
        let sum: usize = of_pool().map(series).sum();
        let pool = format!("{}\n\nThese are {sum} series for each pool.", table(of_pool()));
        let of_lane: usize = LANE_TABLE.iter().map(series).sum();
        // By name, and all others together.
        let shown = LANES_NAMED + 1;
        let lanes = format!(
            "{}\n\nSo the lanes of a pool add at most {shown} × {of_lane} = {} series, \
             whatever their number\nand whatever runs in them.",
            table(LANE_TABLE.iter()),
            shown * of_lane,
        );
        let written = rewritten(&rewritten(PAGE, "families", &pool), "lanes", &lanes);
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/docs/metrics.md");
            std::fs::write(path, written).expect("the page can be written");
            return;
        }
        let differs = written.lines().zip(PAGE.lines()).find(|(now, there)| now != there);
        assert!(written == PAGE, "the head of the page says how to write it anew: {differs:#?}");
    }

    fn queries() -> Vec<&'static str> {
        let fences = PAGE.split("```promql\n").skip(1);
        fences.map(|rest| rest.split("```").next().unwrap_or_default().trim()).collect()
    }

    #[test]
    fn queries_ask_for_metrics_that_exist() {
        assert!(queries().len() >= 10);
        for query in queries() {
            let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            for name in words.filter(|word| word.starts_with("springtide_")) {
                let known = TABLE.iter().chain(&LANE_TABLE).any(|family| {
                    let suffixes: &[&str] = match family.kind() {
                        "histogram" => &["_bucket", "_sum", "_count"],
                        _ => &[""],
                    };
                    suffixes.iter().any(|suffix| format!("{}{suffix}", family.name) == name)
                });
                assert!(known, "{name} in {query}");
            }
        }
    }

    #[test]
    fn promtool_accepts_the_queries() {
        let mut rules = String::from("groups:\n  - name: docs\n    rules:\n");
        for (number, query) in queries().into_iter().enumerate() {
            let query = query.replace('\n', " ");
            rules.push_str(&format!(
                "      - record: docs:query_{number}\n        expr: '{query}'\n"
            ));
        }
        let file = std::env::temp_dir().join(format!("springtide-{}.yml", std::process::id()));
        std::fs::write(&file, rules).expect("the temporary folder can be written");
        let verdict = Command::new("promtool").arg("check").arg("rules").arg(&file).output();
        let _ = std::fs::remove_file(&file);
        match verdict {
            Ok(verdict) => {
                let said = String::from_utf8_lossy(&verdict.stderr).into_owned();
                assert!(verdict.status.success(), "{said}");
            }
            Err(error) if std::env::var_os("SPRINGTIDE_REQUIRE_PROMTOOL").is_none() => {
                eprintln!("skipped, no promtool: {error}");
            }
            Err(error) => panic!("promtool is required and missing: {error}"),
        }
    }
}
