//! Alerts and what they record agree with their tests, the runbook, the boards and promtool.

mod promtool;

use generate::families::Families;
use generate::rules::{Rules, explained, runbook};
use generate::{fleet, folder, pool};
use promtool::promtool;
use serde_json::Value;

fn file(path: &str) -> String {
    std::fs::read_to_string(folder().join(path)).expect("it is in the repository")
}

#[track_caller]
fn none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn rules() -> Rules {
    let texts = [file("prometheus/recording.yml"), file("prometheus/alerts.yml")];
    Rules::read(&texts.each_ref().map(String::as_str)).expect("they are rules")
}

fn tests() -> [String; 2] {
    [file("prometheus/recording.test.yml"), file("prometheus/alerts.test.yml")]
}

fn boards() -> [Value; 2] {
    [pool::board().json(), fleet::board().json()]
}

#[test]
fn rules_ask_for_what_there_is() {
    none(rules().vocabulary());
    let wrong = "groups: [{rules: [{alert: A, expr: springtide_gone}]}]";
    assert_eq!(Rules::read(&[wrong]).expect("it is a rule").vocabulary().len(), 1);
}

#[test]
fn rules_keep_pools_apart() {
    none(rules().pools_apart());
    let wrong = "groups: [{rules: [{alert: A, expr: sum(springtide_demand_workers) / 2}]}]";
    assert_eq!(Rules::read(&[wrong]).expect("it is a rule").pools_apart().len(), 1);
}

#[test]
fn every_rule_has_its_cases_and_every_case_its_rule() {
    let tests = tests();
    let texts = tests.each_ref().map(String::as_str);
    none(rules().tested(&texts).expect("they are tests"));

    let (recording, alerts) = (&texts[0], &texts[1]);
    for (broken, why) in [
        (alerts.replacen("alertname: SpringtideStalled", "alertname: Gone", 1), "Gone is no rule"),
        (
            alerts.replacen("alertname: SpringtideStalled", "alertname: Gone", 2),
            "lacks a case that fires",
        ),
        (
            alerts.replace("exp_alerts: []\n", "exp_alerts: [{}]\n"),
            "lacks a case that does not fire",
        ),
    ] {
        let found = rules().tested(&[recording, &broken]);
        let found = found.unwrap_or_else(|error| vec![error]);
        assert!(found.iter().any(|complaint| complaint.contains(why)), "{why}: {found:?}");
    }
    assert_eq!(rules().tested(&[alerts]).expect("tests").len(), rules().recorded().count());
}

#[test]
fn every_alert_is_in_the_runbook_and_nothing_else_is() {
    let text = file("RUNBOOK.md");
    none(rules().documented(&text));
    for (from, to, why) in [
        ("## SpringtideStalled", "## SpringtideGone", "no section"),
        ("## SpringtideStalled", "## SpringtideGone", "no alert SpringtideGone"),
        ("(#springtidestalled) | page", "(#springtidestalled) | ticket", "no row that says page"),
    ] {
        let found = rules().documented(&text.replace(from, to));
        assert!(found.iter().any(|complaint| complaint.contains(why)), "{why}: {found:?}");
    }
    let bare = "groups: [{rules: [{alert: SpringtideStalled, expr: springtide_stalled}]}]";
    let found = Rules::read(&[bare]).expect("it is a rule").documented(&text);
    for why in ["for nobody", "links to", "no summary"] {
        assert!(found.iter().any(|complaint| complaint.contains(why)), "{why}: {found:?}");
    }
}

#[test]
fn the_runbook_says_what_to_do_and_names_panels_that_are_there() {
    let (text, boards) = (file("RUNBOOK.md"), boards());
    none(runbook(&text, &boards));
    let hurt = [("*Queue*", "*Heap*"), ("**Do.**", "Do."), ("**Means.**", "**Do.**")];
    for (from, to) in hurt {
        assert!(!runbook(&text.replacen(from, to, 1), &boards).is_empty(), "{from}");
    }
}

#[test]
fn the_runbook_explains_every_reason() {
    let (text, families) = (file("RUNBOOK.md"), Families::exported());
    for name in [
        "springtide_jobs_refused_total",
        "springtide_scale_suppressed_total",
        "springtide_scale_events_total",
    ] {
        let (family, _) = families.of(name).expect("it is exported");
        none(explained(&text, &family.labels["reason"]));
    }
    assert_eq!(explained(&text, [&"boredom".to_owned()]).len(), 1);
}

/// A number with a gap between thousands.
fn spaced(number: f64) -> String {
    let digits = format!("{number:.0}");
    let from_behind: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    let groups = from_behind.into_iter().map(|group| String::from_utf8_lossy(group).into_owned());
    groups.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_runbook_computes_what_the_alerts_on_waiting_burn() {
    let (text, alerts) = (file("RUNBOOK.md"), file("prometheus/alerts.yml"));
    let (allowed, month) = (0.01, 30.0 * 24.0);
    for (name, times, long, short) in [("Fast", 14.4, 1.0, "5m"), ("Slowly", 6.0, 6.0, "30m")] {
        let row = format!(
            "| SpringtideWaitBurns{name} | {times} | {:.4} % | {:.4} % in {long} h | {:.0} h |",
            times * allowed * 100.0,
            times * long / month * 100.0,
            month / times,
        );
        let row = row.replace(".0000 %", " %").replace("000 %", " %");
        assert!(text.contains(&row), "the runbook lacks {row}");
        for window in [format!("{long}h"), short.to_owned()] {
            let bound = format!(":late_rate{window} > {times} * {allowed}\n");
            assert!(alerts.contains(&bound), "no alert has {bound}");
        }
    }
    let (jobs, late) = (100.0 * month * 3600.0, 14.4 * allowed * 100.0 * 3600.0);
    let text = text.replace('\n', " ");
    for number in [jobs, jobs * allowed, late] {
        assert!(text.contains(&format!(" {} ", spaced(number))), "{}", spaced(number));
    }
    assert!((late / (jobs * allowed) - 0.02_f64).abs() < 1e-9);
}

#[test]
fn the_runbook_has_the_floors_of_the_alerts_on_shares() {
    let (text, alerts) = (file("RUNBOOK.md"), file("prometheus/alerts.yml"));
    for (name, share, floor, within) in [
        ("RefusingSlowly", "1 %", 3, "6 h"),
        ("WaitBurnsFast", "14.4 %", 10, "1 h"),
        ("WaitBurnsSlowly", "6 %", 3, "6 h"),
        ("JobsExpire", "1 %", 10, "5 min"),
        ("JobsPanic", "1 %", 10, "5 min"),
        ("JobsFailSlowly", "1 %", 3, "6 h"),
    ] {
        let row = format!("| Springtide{name} | {share} | {floor} | {within} |");
        assert!(text.contains(&row), "the runbook lacks {row}");
        let (_, alert) = alerts.split_once(&format!("alert: Springtide{name}\n")).expect("there");
        let (expr, _) = alert.split_once("for:").expect("it waits");
        let window = within.replace(" min", "m").replace(' ', "");
        let bound = format!("increase{window} >= {floor}\n");
        assert!(expr.contains(&bound), "{name} lacks {bound}");
    }
}

#[test]
fn promtool_accepts_the_configuration_and_its_rules() {
    let arguments = ["check", "config", "--lint=all", "--lint-fatal", "prometheus.yml"];
    promtool(&folder().join("prometheus"), &arguments);
}

#[test]
fn alerts_fire_when_they_should_and_only_then() {
    let arguments = ["test", "rules", "recording.test.yml", "alerts.test.yml"];
    promtool(&folder().join("prometheus"), &arguments);
}
