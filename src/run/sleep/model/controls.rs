//! Each invariant's control: its model must fail when the step that keeps the invariant is left
//! out, or the model proves nothing.
//!
//! A model that fails may abort the process (loom finds a deadlock, and what is then dropped
//! panics again), so each control runs in a process of its own.

use std::env;
use std::process::Command;

use crate::run::omit;

fn fails_without(omitted: &str, model: &str, reason: &str) {
    model_fails_without(omitted, &format!("run::sleep::model::{model}"), reason);
}

/// Runs a model without the step that `omitted` names, and expects it to fail for this `reason`.
pub(crate) fn model_fails_without(omitted: &str, name: &str, reason: &str) {
    let output = Command::new(env::current_exe().expect("this test has a file"))
        .args(["--exact", name, "--nocapture"])
        .env(omit::VARIABLE, omitted)
        .env_remove("RUST_BACKTRACE")
        .output()
        .expect("a test can run itself");
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "{name} passes without {omitted}:\n{said}");
    assert!(said.contains(reason), "{name} fails without {omitted}, but otherwise:\n{said}");
    println!("without {omitted} {name} fails, {}: {reason}", output.status);
}

/// Somebody waits for ever.
pub(crate) const LOST: &str = "deadlock; threads";
/// Two have taken what is there for one.
const TWICE: &str = "Causality violation";

#[test]
fn s1_relaxed_changes_of_the_word() {
    fails_without("S1", "waking::a_worker_going_to_sleep_misses_no_resumption", LOST);
    fails_without("S1", "waking::two_sleepers_wake_for_two_jobs", LOST);
}

#[test]
fn s2_announced_before_it_is_pushed() {
    fails_without("S2", "waking::a_worker_going_to_sleep_misses_no_job", LOST);
    fails_without("S2", "waking::a_job_submitted_inside_runs_beside_its_submitter", LOST);
}

#[test]
fn s3_asleep_although_the_events_moved() {
    fails_without("S3", "waking::a_worker_going_to_sleep_misses_no_job", LOST);
}

#[test]
fn s3_asleep_although_the_pool_goes_on() {
    fails_without("S3", "waking::a_worker_going_to_sleep_misses_no_resumption", LOST);
    fails_without("S3", "leaving::a_job_finds_the_worker_that_stays", LOST);
}

#[test]
fn s4_counted_before_it_is_in_the_list() {
    fails_without("S4", "waking::a_worker_going_to_sleep_misses_no_job", LOST);
}

#[test]
fn s5_woken_but_not_counted() {
    fails_without("S5", "waking::two_submitters_never_count_on_the_same_sleeper", "counted");
    fails_without("S5", "waking::a_worker_woken_twice_is_counted_once", LOST);
}

#[test]
fn s6_no_look_at_what_else_waits() {
    fails_without("S6", "waking::two_jobs_run_side_by_side", LOST);
    fails_without("S6", "waking::two_sleepers_wake_for_two_jobs", LOST);
    fails_without("S6", "supervision::who_finds_one_of_two_jobs_asks_for_another_worker", LOST);
}

#[test]
fn s7_no_look_after_sending_home() {
    fails_without("S7", "leaving::a_sleeper_is_not_retired_while_a_job_waits_for_it", LOST);
}

#[test]
fn s8_no_look_when_leaving() {
    fails_without("S8", "leaving::a_searcher_that_leaves_hands_its_job_on", LOST);
    fails_without("S8", "leaving::a_searcher_that_leaves_wakes_a_sleeper", LOST);
    fails_without("S8", "leaving::a_worker_that_never_comes_hands_its_job_on", LOST);
}

#[test]
fn s10_parked_whatever_happened() {
    fails_without("S10", "supervision::the_ring_for_a_parked_supervisor_is_never_lost", LOST);
    let parked = "parked while a worker was awake";
    fails_without(
        "S10",
        "supervision::the_supervisor_parks_only_while_every_worker_sleeps",
        parked,
    );
}

#[test]
fn s11_moved_in_silence() {
    fails_without("S11", "waking::two_jobs_run_side_by_side", LOST);
    fails_without("S11", "waking::a_searcher_finds_what_a_busy_worker_moves", LOST);
}

#[test]
fn looked_at_the_limit_and_then_left() {
    fails_without("limit", "leaving::of_two_that_may_leave_one_stays", "a job was never run");
}

#[test]
fn nobody_free_and_no_kick() {
    fails_without("kick", "leaving::a_job_that_finds_nobody_left_is_noticed", LOST);
    fails_without("kick", "leaving::what_a_worker_leaves_behind_is_run", LOST);
}

#[test]
fn acknowledged_after_the_look() {
    fails_without("acknowledge", "supervision::a_kick_is_followed_by_a_look", LOST);
}

#[test]
fn s12_a_scan_without_a_fence() {
    fails_without("S12", "waking::a_worker_out_of_work_finds_what_nobody_announced", LOST);
}

#[test]
fn g1_out_of_the_queue_before_it_is_noted_as_running() {
    fails_without("G1", "admission::a_drained_pool_has_run_every_job", "a job has not run");
}

#[test]
fn g2_closed_between_the_look_and_the_count() {
    fails_without("G2", "admission::closing_counts_everybody_who_got_in", "final count");
}

#[test]
fn g1_what_came_is_read_before_what_left() {
    fails_without("counts", "admission::the_length_is_never_understated", "have left, and");
}

#[test]
fn g2_inside_between_the_look_and_the_count() {
    let model = "admission::what_a_job_submits_is_counted_before_the_job_is_over";
    fails_without("come", model, "final count");
}

#[test]
fn g3_decided_on_stale_counts() {
    fails_without("G3", "admission::a_submitter_about_to_wait_misses_no_release", LOST);
    fails_without("G3", "admission::every_waiting_submitter_gets_in", LOST);
    fails_without("G3", "admission::closing_sends_everybody_away", LOST);
}

#[test]
fn g3_not_told_at_every_turnstile() {
    fails_without("turnstile", "admission::a_submitter_about_to_wait_misses_no_release", LOST);
    fails_without("turnstile", "admission::who_waits_for_a_lot_misses_no_release", LOST);
}

#[test]
fn g3_a_turnstile_opened_in_silence() {
    fails_without("open", "admission::a_submitter_about_to_wait_is_told_by_a_new_worker", LOST);
}

#[test]
fn g4_a_call_kept_by_who_gave_up() {
    fails_without("G4", "admission::who_gives_up_passes_the_call_on", LOST);
}

#[test]
fn g5_a_hold_ended_on_a_stale_count() {
    fails_without("G5", "admission::who_stops_waiting_for_a_lot_misses_no_release", LOST);
}

#[test]
fn g5_a_hold_that_was_not_to_be_is_left_behind() {
    let model = "admission::who_finds_a_place_after_all_leaves_no_hold_behind";
    fails_without("end", model, "nobody was called");
}

#[test]
fn g5_a_hold_begun_when_all_were_told() {
    fails_without("hold", "admission::every_patient_submitter_gets_in", LOST);
}

#[test]
fn g6_given_back_after_the_look_at_the_line() {
    fails_without("G6", "admission::a_submitter_about_to_wait_misses_no_place_given_back", LOST);
}

#[test]
fn g6_held_no_more_and_not_admitted_yet() {
    fails_without("redeem", "admission::a_place_that_is_held_is_nobody_elses", "over the bound");
}

#[test]
fn g5_a_hold_left_behind_by_who_gave_up() {
    fails_without("give up", "giving_up::who_gives_up_ends_the_hold_that_it_began", "nobody was");
}

#[test]
fn g4_a_call_kept_by_whose_token_was_cancelled() {
    fails_without("give up", "giving_up::whose_token_is_cancelled_passes_the_call_on", LOST);
    fails_without("give up", "giving_up::whose_token_was_cancelled_passes_the_call_on", LOST);
}

#[test]
fn k1_looked_at_the_token_before_it_left_word() {
    fails_without("look", "giving_up::a_submitter_about_to_wait_misses_no_cancel", LOST);
}

#[test]
fn d1_off_the_agenda_before_the_gate_has_it() {
    let model = "delaying::a_job_on_its_way_to_the_queue_is_counted_once_at_every_look";
    fails_without("D1", model, "counted twice, or not at all");
}

#[test]
fn d2_looked_whether_it_is_delayed_and_then_asked_for_the_lock() {
    let model = "delaying::a_job_cancelled_as_it_comes_due_leaves_no_place_behind";
    fails_without("D2", model, "accounted for where it was not");
}

#[test]
fn q4_a_level_that_does_not_show_its_jobs() {
    let model = "levels::a_worker_going_to_sleep_misses_no_job_of_any_level";
    fails_without("Q4", model, LOST);
}

#[test]
fn c1_looked_at_and_then_taken() {
    fails_without("C1", "claiming::a_job_is_run_or_cancelled_but_not_both", TWICE);
    fails_without("C1", "publishing::a_handle_learns_whether_its_job_was_cancelled", TWICE);
}

#[test]
fn c3_finished_although_given_up() {
    fails_without("C3", "claiming::a_job_is_finished_or_given_up_but_not_both", TWICE);
    let disagree = "the handle and the counts disagree";
    fails_without(
        "C3",
        "publishing::a_handle_is_resolved_by_the_worker_or_the_supervisor",
        disagree,
    );
}

#[test]
fn c4_published_without_a_release() {
    fails_without("C4", "publishing::whoever_waits_gets_the_result", TWICE);
    fails_without("C4", "publishing::a_handle_learns_whether_its_job_was_cancelled", TWICE);
}

#[test]
fn c5_asleep_although_the_result_came_first() {
    fails_without("C5", "publishing::whoever_waits_gets_the_result", LOST);
    fails_without("C5", "publishing::a_future_wakes_the_task_that_has_polled_it_last", LOST);
}

#[test]
fn c6_let_go_on_a_stale_look() {
    fails_without("C6", "publishing::a_result_that_nobody_wants_is_dropped_once", "is left");
}

#[test]
fn k1_looked_at_the_token_and_then_left_word() {
    fails_without("K1", "cancelling::a_job_that_nobody_starts_is_taken_out_by_its_token", LOST);
    fails_without("K1", "cancelling::a_child_is_cancelled_whenever_it_was_made", "goes on");
}

#[test]
fn c1_started_although_its_token_took_it_out() {
    fails_without("C1", "cancelling::a_job_is_run_or_taken_out_by_its_token", TWICE);
}

#[test]
fn k5_nobody_looks_whether_the_job_is_to_stop() {
    fails_without(
        "K5",
        "cancelling::a_token_of_a_job_that_is_told_to_stop_is_cancelled",
        "goes on",
    );
    fails_without("K5", "cancelling::a_token_of_a_job_that_is_given_up_is_cancelled", "goes on");
    fails_without("K5", "cancelling::a_token_in_a_pool_that_stops_is_cancelled", "goes on");
}

#[test]
fn k5_in_the_word_before_it_is_in_the_list() {
    fails_without(
        "lent",
        "cancelling::a_token_of_a_job_that_is_told_to_stop_is_cancelled",
        "goes on",
    );
}

#[test]
fn c7_the_first_task_stays() {
    fails_without("C7", "publishing::a_future_wakes_the_task_that_has_polled_it_last", LOST);
}
