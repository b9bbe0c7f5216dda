use super::*;
use crate::sim::Random;

const TOKENS: &str = "TIMESTAMP,ContextTokens,GeneratedTokens";

fn rows(text: &str) -> Vec<Row> {
    parse(text.as_bytes()).expect("a well-formed trace")
}

fn refusal(text: &str) -> (Option<usize>, String) {
    let wrong = parse(text.as_bytes()).expect_err("a malformed trace");
    (wrong.line(), wrong.what)
}

#[test]
fn tokens_start_at_zero_and_keep_seven_digits() {
    let text = format!(
        "{TOKENS}\r\n2023-11-16 23:59:59.9799600,4808,10\r\n2023-11-17 00:00:00.0319601,3,8\r\n"
    );
    let cost = |context, generated| Cost::Tokens { context, generated };
    assert_eq!(
        rows(&text),
        [
            Row { at: Duration::ZERO, cost: cost(4808, 10) },
            Row { at: Duration::from_nanos(52_000_100), cost: cost(3, 8) },
        ]
    );
}

#[test]
fn timed_rows_keep_their_own_zero_and_are_put_in_order() {
    let run = |ms| Cost::Timed { run: Duration::from_millis(ms), cpu: None };
    assert_eq!(
        rows("\u{feff}arrival_ms, run_ms\n20.5, 7\n10,5\n\n"),
        [
            Row { at: Duration::from_millis(10), cost: run(5) },
            Row { at: Duration::from_micros(20_500), cost: run(7) },
        ]
    );
}

#[test]
fn a_malformed_line_is_named() {
    let cases = [
        ("", None, "no arrivals"),
        ("arrival_ms,run_ms\n", None, "no arrivals"),
        ("when,what\n1,2\n", Some(1), "the header must be"),
        ("arrival_ms,run_ms\n1,2\n1,x\n", Some(3), "run_ms: 'x' is not a number"),
        ("arrival_ms,run_ms\n-1,2\n", Some(2), "arrival_ms: '-1' is not between"),
        ("arrival_ms,run_ms\nNaN,2\n", Some(2), "arrival_ms: 'NaN' is not between"),
        ("arrival_ms,run_ms\n1,inf\n", Some(2), "run_ms: 'inf' is not between"),
        ("arrival_ms,run_ms,cpu_ms\n1,2,x\n", Some(2), "cpu_ms: 'x' is not a number"),
        ("arrival_ms,run_ms,cpu_ms\n1,2\n", Some(2), "expected 3 fields, found 2"),
        ("arrival_ms,run_ms\n1,2,3\n", Some(2), "expected 2 fields, found 3"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n1,2\n", Some(2), "expected 3 fields, found 2"),
    ];
    for (text, line, what) in cases {
        let (at, message) = refusal(text);
        assert_eq!(at, line, "{text:?}");
        assert!(message.contains(what), "{text:?} gave {message:?}");
    }
}

#[test]
fn an_error_is_one_line_with_as_much_as_is_known() {
    let wrong = TraceError::at(2, "run_ms: 'x' is not a number");
    assert_eq!(wrong.to_string(), "3: run_ms: 'x' is not a number");
    let in_file = TraceError { file: Some("a/b.csv".into()), ..wrong };
    assert_eq!(in_file.to_string(), "a/b.csv:3: run_ms: 'x' is not a number");
    let missing = read("no/such/trace.csv").expect_err("there is no such file");
    assert!(missing.to_string().starts_with("no/such/trace.csv: "), "{missing}");
    assert_eq!((missing.line(), missing.to_string().lines().count()), (None, 1));
}

fn token_rows() -> Vec<Row> {
    rows(&format!("{TOKENS}\n2030-01-01 00:00:00,9,9\n2030-01-01 00:00:40,1000,10\n"))
}

#[test]
fn requests_become_jobs_that_sleep_or_compute() {
    let s = Duration::from_secs;
    let rows = token_rows();
    assert_eq!(blocking(&rows)[1], Job::asleep(s(40), Duration::from_millis(250)));
    assert_eq!(computing(&rows)[1], Job::computing(s(2), Duration::from_micros(3_500)));
    assert_eq!(as_recorded(&rows), blocking(&rows));
}

#[test]
fn measured_jobs_keep_their_time_and_as_recorded_what_they_did_with_it() {
    let ms = Duration::from_millis;
    let rows = rows("arrival_ms,run_ms,cpu_ms\n0,20,5\n40,8,\n50,3,4\n");
    assert_eq!(blocking(&rows)[0], Job::asleep(ms(0), ms(20)));
    assert_eq!(computing(&rows)[1], Job::computing(ms(40), ms(8)));
    let jobs = as_recorded(&rows);
    assert_eq!((jobs[0].compute, jobs[0].sleep), (ms(5), ms(15)));
    assert_eq!((jobs[1].compute, jobs[1].sleep), (ms(0), ms(8)));
    assert_eq!((jobs[2].compute, jobs[2].sleep), (ms(3), ms(0)), "no more than its run");
}

#[test]
fn what_is_written_reads_as_the_same_rows() {
    const SEED: u64 = 5;
    let mut random = Random::new(SEED);
    let most = MS_MAX as u64 * 1_000_000;
    // Times of every magnitude, to the nanosecond, with and without the third column.
    let mut time = move || {
        let magnitude = 1 + random.below(52);
        Duration::from_nanos((random.bits() >> (64 - magnitude)).min(most))
    };
    for round in 0..300 {
        let knows = |row: u32| match round % 3 {
            0 => false,
            1 => true,
            _ => row.is_multiple_of(2),
        };
        let row = |n| Row {
            at: time(),
            cost: Cost::Timed { run: time(), cpu: knows(n).then(&mut time) },
        };
        let mut rows: Vec<Row> = (0..40).map(row).collect();
        let edge = Duration::from_nanos(most - round);
        rows.push(Row { at: edge, cost: Cost::Timed { run: edge, cpu: None } });
        let mut written = Vec::new();
        write(&rows, &mut written).expect("memory takes it");
        rows.sort_by_key(|row| row.at);
        assert_eq!(parse(written.as_slice()).as_ref(), Ok(&rows), "seed {SEED}, round {round}");
    }
}

#[test]
fn what_is_written_is_as_short_as_it_can_be() {
    let row = |at, run, cpu: Option<u64>| Row {
        at: Duration::from_nanos(at),
        cost: Cost::Timed { run: Duration::from_nanos(run), cpu: cpu.map(Duration::from_nanos) },
    };
    let written = |rows: &[Row]| {
        let mut to = Vec::new();
        write(rows, &mut to).expect("memory takes it");
        String::from_utf8(to).expect("digits and commas")
    };
    let plain = [row(0, 1_500_000, None), row(10_000_000, 1, None)];
    assert_eq!(written(&plain), "arrival_ms,run_ms\n0,1.5\n10,0.000001\n");
    let known = [plain[0], row(2_000_000, 70_000_000, Some(30_000))];
    assert_eq!(written(&known), "arrival_ms,run_ms,cpu_ms\n0,1.5,\n2,70,0.03\n");
    assert_eq!(written(&[]), "arrival_ms,run_ms\n");
}

#[test]
fn tokens_are_no_run_times_and_are_not_written() {
    let mut to = Vec::new();
    let error = write(&token_rows(), &mut to).expect_err("there is no run time");
    assert_eq!((error.kind(), to.len()), (io::ErrorKind::InvalidInput, 0));
    assert!(error.to_string().starts_with("row 1 has tokens"), "{error}");
}
