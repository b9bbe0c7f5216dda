//! The board "Pool": is it keeping up, and if not, why.
//!
//! One function for each row. A new family gets its panel in the row whose question it answers; a
//! test says which families are on no board.

use crate::board::{Board, Note, Row};
use crate::figures;
use crate::lanes;
use crate::order;
use crate::panel::{Panel, Unit};
use crate::times;

pub fn board() -> Board {
    Board {
        uid: "springtide-pool",
        title: "Springtide / Pool",
        description: "Is the pool keeping up, and if not, why? From the answer at the top down to \
                      the reasons. Every panel says in its description what to do.",
        rows: vec![
            answer(),
            keeping_up(),
            jobs(),
            times::row(),
            workers(),
            stuck(),
            lanes::row(),
            scaling(),
            figures::row(),
        ],
        notes: vec![
            Note {
                name: "Grew",
                expr: "sum by (job, pool, reason) (increase(\
                       springtide_scale_events_total{direction=\"up\"}[$__rate_interval])) > 0",
                title: "{{job}}/{{pool}} grew: {{reason}}",
                color: "green",
            },
            Note {
                name: "Shrank",
                expr: "sum by (job, pool, reason) (increase(\
                       springtide_scale_events_total{direction=\"down\"}[$__rate_interval])) > 0",
                title: "{{job}}/{{pool}} shrank: {{reason}}",
                color: "purple",
            },
        ],
    }
}

fn wait() -> Panel {
    Panel::stat("Wait, 99th percentile", Unit::Seconds)
        .asks("How long do jobs wait before they start, in the pool where they wait longest?")
        .advice(
            "Orange is above the default target, red above what the alerts allow. Look at \
             *Workers* and at *Why it did not change*.",
        )
        .limits(0.01, 0.25)
        .query(
            "max(histogram_quantile(0.99, sum by (job, pool, le) (rate(\
             springtide_queue_wait_seconds_bucket[$__rate_interval]))))",
            "p99",
        )
}

fn answer() -> Row {
    let panels = vec![
        wait(),
        Panel::stat("Refused", Unit::PerSecond)
            .asks("Is work turned away?")
            .advice("Anything above zero is work not done. *Refused, by reason* says why.")
            .limits(1e-9, 1.0)
            .width(3)
            .query(
                "sum(rate(springtide_jobs_refused_total{reason!~\"shutdown|cancelled\"}\
                 [$__rate_interval]))",
                "refused",
            ),
        Panel::stat("Demand over bound", Unit::Share)
            .asks("Is each pool large enough for its load?")
            .advice(
                "Of the pool that is shortest of workers; *Demand and bound* says which. Above \
                 100 % jobs wait for the upper bound: raise `workers` if the processor has room, \
                 add machines if not. Demand is in whole workers: a pool of one that is at work \
                 is at 100 %.",
            )
            .limits(0.8, 0.95)
            .query(
                "max(sum by (job, pool) (springtide_demand_workers) / \
                 sum by (job, pool) (springtide_workers_max))",
                "demand",
            ),
        Panel::stat("Oldest waiting job", Unit::Seconds)
            .asks("Is somebody waiting for ever?")
            .advice("Percentiles only know jobs that started; this one is about the others.")
            .limits(1.0, 30.0)
            .query("max(springtide_queue_oldest_job_age_seconds)", "oldest"),
        Panel::stat("Stalled pools", Unit::Count)
            .asks("Does a queue stand still?")
            .advice("Jobs wait, none starts, no worker can be added. See the runbook.")
            .limits(1.0, 1.0)
            .width(3)
            .query("sum(springtide_stalled)", "stalled"),
        Panel::total("Panics", Unit::Count)
            .asks("How many jobs have panicked in the time that is shown?")
            .advice("A panic ends its job alone. The message went to the log and to the handle.")
            .limits(1.0, 10.0)
            .width(3)
            .query(
                "round(sum(increase(\
                 springtide_jobs_completed_total{outcome=\"panic\"}[$__range])))",
                "panics",
            ),
        reporting(),
    ];
    Row { title: "Is all well?", panels }
}

/// The numbers beside it stay what they were last when nobody is left to report.
fn reporting() -> Panel {
    Panel::stat("Reporting", Unit::Count)
        .asks("How many instances does all of this come from?")
        .advice("Zero: what else is here is old. Look at the targets of Prometheus.")
        .width(3)
        .at_least(1.0)
        .query("count(count by (job, instance) (springtide_workers_max > 0)) or vector(0)", "there")
}

fn by_state() -> Panel {
    Panel::stack("Workers", Unit::Count)
        .asks("How many workers are there, and what do they do?")
        .advice(
            "All pools that are chosen together. The marks say why the number changed. All \
             busy and at the bound: look at *Demand and bound*. Many blocked: jobs wait for \
             something else than a core.",
        )
        .width(16)
        .query("sum by (state) (springtide_workers)", "{{state}}")
        .query("sum(springtide_workers_target)", "wanted")
        .query("sum(springtide_workers_min)", "at least")
        .query("sum(springtide_workers_max)", "at most")
        .color("starting", "blue")
        .color("idle", "#8e8e8e")
        .color("busy", "green")
        .color("blocked", "orange")
        .color("held", "red")
        .color("retiring", "purple")
        .bound("wanted", "dark-blue")
        .bound("at least", "text")
        .bound("at most", "red")
}

fn keeping_up() -> Row {
    let mut panels = vec![
        by_state(),
        Panel::lines("Demand and bound", Unit::Count)
            .asks("How many workers does the load need, and may there be so many?")
            .advice(
                "Demand is not capped. Above the bound for long: raise the bound, or add machines \
                 by the sum of the demand.",
            )
            .query("sum by (job, pool) (springtide_demand_workers)", "{{job}}/{{pool}} needs")
            .query("sum by (job, pool) (springtide_workers_max)", "{{job}}/{{pool}} at most"),
        Panel::lines("Queue", Unit::Count)
            .asks("How many jobs wait, and how many may?")
            .advice(
                "A queue near its limit is about to refuse or to block. A limit of +Inf is not \
                 drawn. Places that permits hold count as taken.",
            )
            .width(12)
            .query("sum by (job, pool) (springtide_queue_jobs)", "{{job}}/{{pool}} waiting")
            .query(
                "sum by (job, pool) (springtide_queue_reserved_places)",
                "{{job}}/{{pool}} reserved",
            )
            .query(
                "sum by (job, pool) (springtide_queue_limit_jobs) < +Inf",
                "{{job}}/{{pool}} limit",
            ),
        Panel::lines("Oldest waiting job", Unit::Seconds)
            .asks("How long has the head of the queue waited?")
            .advice(
                "A slope of one second a second is a queue that stands still: paused, stalled, or \
                 without workers.",
            )
            .width(12)
            .limits(1.0, 30.0)
            .query(
                "max by (job, pool) (springtide_queue_oldest_job_age_seconds)",
                "{{job}}/{{pool}}",
            ),
        Panel::lines("Blocked submitters", Unit::Count)
            .asks("Do callers hang because the queue is full?")
            .advice("The pool pushes back. Good for a batch; for requests, refuse instead.")
            .limits(1.0, 100.0)
            .query("sum by (job, pool) (springtide_submitters_blocked)", "{{job}}/{{pool}}"),
    ];
    panels.extend(order::priorities());
    panels.extend(order::later());
    Row { title: "Is it keeping up?", panels }
}

fn jobs() -> Row {
    let panels = vec![
        Panel::lines("Jobs in and out", Unit::PerSecond)
            .width(12)
            .asks("How much work comes in, and does as much go out?")
            .advice("In above out for long is a queue that grows.")
            .query(
                "sum by (job, pool) (rate(springtide_jobs_submitted_total[$__rate_interval]))",
                "{{job}}/{{pool}} in",
            )
            .query(
                "sum by (job, pool) (rate(springtide_jobs_completed_total[$__rate_interval]))",
                "{{job}}/{{pool}} out",
            ),
        Panel::bars("Refused, by reason", Unit::PerSecond)
            .width(12)
            .asks("Why is work turned away?")
            .advice(
                "`queue_full` and `deadline`: too much work, or too few workers. `shutdown`: sent \
                 to a pool that has closed. The runbook explains them all.",
            )
            .query(
                "sum by (job, pool, reason) (rate(\
                 springtide_jobs_refused_total[$__rate_interval])) > 0",
                "{{job}}/{{pool}} {{reason}}",
            ),
        Panel::lines("Jobs that did not end well", Unit::Share)
            .width(12)
            .asks("What share of the jobs ends otherwise than by returning?")
            .advice(
                "`error`: it returned one. `panic`: a bug. `expired`: it waited too long, as if \
                 refused. `timeout`: it ran too long. `cancelled`, `returned`: somebody wanted \
                 that. `lost`: a worker died of a defect in the pool. Of few jobs a share says \
                 little: *Jobs in and out* says how many there are.",
            )
            .limits(0.01, 0.05)
            .query(
                "sum by (job, pool, outcome) (rate(\
                 springtide_jobs_completed_total{outcome!=\"ok\"}[$__rate_interval])) / \
                 ignoring (outcome) group_left () \
                 sum by (job, pool) (rate(springtide_jobs_completed_total[$__rate_interval])) > 0",
                "{{job}}/{{pool}} {{outcome}}",
            ),
        unaccounted(),
    ];
    Row { title: "What becomes of jobs?", panels }
}

/// Whatever was accepted is somewhere: what `Stats` promises, as far as a look can tell.
fn unaccounted() -> Panel {
    Panel::lines("Jobs unaccounted for", Unit::Count)
        .width(12)
        .asks("Is every accepted job over, delayed, queued or running?")
        .advice(
            "Zero, but for the jobs that came or went while the figures were taken. What stays, \
             with nothing running, was lost: please report it.",
        )
        .signed()
        .query(
            "sum by (job, pool) (springtide_jobs_submitted_total) - \
             sum by (job, pool) (springtide_jobs_completed_total) - \
             sum by (job, pool) (springtide_jobs_delayed) - \
             sum by (job, pool) (springtide_queue_jobs) - \
             sum by (job, pool) (springtide_jobs_running)",
            "{{job}}/{{pool}}",
        )
}

fn inside_jobs() -> Panel {
    Panel::lines("Inside jobs, and on a core", Unit::AtOnce)
        .asks("Do jobs compute, or do they wait?")
        .advice(
            "The upper line is the load in workers, the lower one what of it uses a core. Far \
             apart: jobs wait for something, more workers help. Close: more cores help.",
        )
        .query(
            "sum by (job, pool) (rate(springtide_worker_busy_seconds_total[$__rate_interval]))",
            "{{job}}/{{pool}} inside jobs",
        )
        .query(
            "sum by (job, pool) (rate(springtide_worker_cpu_seconds_total[$__rate_interval]))",
            "{{job}}/{{pool}} on a core",
        )
}

fn workers() -> Row {
    let panels = vec![
        Panel::lines("Utilization", Unit::Share)
            .asks("What share of the workers' time is inside jobs?")
            .advice(
                "The pool retires what it does not need, so this is high when all is well. Do not \
                 scale by it and do not alert on it.",
            )
            .query("avg by (job, pool) (springtide_utilization_ratio)", "{{job}}/{{pool}}"),
        inside_jobs(),
        Panel::lines("Processor, by busy worker", Unit::Share)
            .asks("What share of its time inside jobs does a worker spend on a core?")
            .advice(
                "Near 100 %: jobs compute, and more cores help. Near zero: they wait, and more \
                 workers help. A sudden change: what the jobs call has slowed down, or recovered.",
            )
            .query(
                "sum by (job, pool) (rate(\
                 springtide_worker_cpu_seconds_total[$__rate_interval])) / \
                 (sum by (job, pool) (rate(\
                 springtide_worker_busy_seconds_total[$__rate_interval])) > 0)",
                "{{job}}/{{pool}}",
            ),
        Panel::lines("Blocked workers", Unit::Count)
            .asks("How many workers wait inside their job for something else than a core?")
            .advice(
                "In a declared blocking section, or for another job of the same pool. Near all of \
                 them for long: the pool lives on extra workers; look at *Why it grew or shrank*.",
            )
            .query(
                "sum by (job, pool) (springtide_workers{state=\"blocked\"})",
                "{{job}}/{{pool}}",
            ),
        Panel::lines("Processor", Unit::Share)
            .asks("Has the process a core left?")
            .advice(
                "Near 100 % another worker only takes a core from the others, and the pool knows: \
                 it holds with `cpu_saturated`. Compute less, or elsewhere.",
            )
            .limits(0.8, 0.95)
            .query("max by (instance) (springtide_cpu_saturation_ratio)", "{{instance}}"),
        Panel::lines("Steals", Unit::PerSecond)
            .asks("How often does a worker take from another's queue?")
            .advice("Only jobs that submit jobs cause it. As many steals as jobs: they are uneven.")
            .query(
                "sum by (job, pool) (rate(springtide_steals_total[$__rate_interval]))",
                "{{job}}/{{pool}}",
            ),
    ];
    Row { title: "What do the workers do?", panels }
}

fn stuck() -> Row {
    let panels = vec![
        Panel::lines("Longest running job", Unit::Seconds)
            .asks("Is a job stuck?")
            .advice("`running_jobs()` names it. Give such jobs a timeout and let them ask for it.")
            .limits(60.0, 600.0)
            .query(
                "max by (job, pool) (springtide_longest_running_job_seconds)",
                "{{job}}/{{pool}}",
            ),
        Panel::lines("Stuck jobs", Unit::Count)
            .asks("Which pool has jobs that run on although their time is over?")
            .advice(
                "They were asked to stop and did not. Each keeps a worker, unless another may \
                 stand in for it; see the runbook.",
            )
            .limits(1.0, 4.0)
            .query("sum by (job, pool) (springtide_stuck_jobs)", "{{job}}/{{pool}}")
            .query("sum by (job, pool) (springtide_workers_replaced)", "{{job}}/{{pool}} replaced"),
        Panel::bars("Jobs that got stuck", Unit::Count)
            .asks("How often does a job outrun its timeout by the grace?")
            .advice("Again and again: a kind of job that never asks whether to go on.")
            .query(
                "sum by (job, pool) (increase(springtide_jobs_stuck_total[$__rate_interval]))",
                "{{job}}/{{pool}}",
            ),
        Panel::lines("Last heartbeat", Unit::Seconds)
            .asks("Has a long job fallen silent?")
            .advice("Of jobs that say that they live. It rises: that one hangs, or is in one step.")
            .limits(30.0, 300.0)
            .query("max by (job, pool) (springtide_heartbeat_age_seconds)", "{{job}}/{{pool}}"),
        Panel::lines("Stalled", Unit::Count)
            .asks("Which pool stands still, and since when?")
            .advice("At its bound, with every worker in a job that does not end. See the runbook.")
            .limits(1.0, 1.0)
            .query("max by (instance, pool) (springtide_stalled)", "{{pool}} on {{instance}}"),
    ];
    Row { title: "Is something stuck?", panels }
}

fn scaling() -> Row {
    let panels = vec![
        Panel::bars("Why it grew or shrank", Unit::Count)
            .asks("Which reasons changed the number of workers?")
            .advice("`starvation`, `escape_blocked` are rescues: jobs block the pool for others.")
            .width(12)
            .query(
                "sum by (job, pool, direction, reason) (increase(\
                 springtide_scale_events_total[$__rate_interval])) > 0",
                "{{job}}/{{pool}} {{direction}}: {{reason}}",
            ),
        Panel::bars("Why it did not change", Unit::PerSecond)
            .asks("Jobs waited and no worker was added, or none left that was to: why?")
            .advice(
                "`will_drain` is as it should be. `at_max`: raise the bound. `cpu_saturated`: no \
                 core left. `spawn_failed`: the system refuses threads. `paused`: resume it. \
                 `at_min`: the lower bound keeps workers that the policy would let go. \
                 `state_failed`: no worker can build its state.",
            )
            .width(12)
            .query(
                "sum by (job, pool, reason) (rate(\
                 springtide_scale_suppressed_total[$__rate_interval])) > 0",
                "{{job}}/{{pool}} {{reason}}",
            ),
        Panel::bars("Threads started and stopped", Unit::Count)
            .asks("Does the pool start again what it has just retired?")
            .advice(
                "As many starts as stops, all the time: a longer `keep_alive`. Stops by `panic` \
                 are faults of the pool itself.",
            )
            .query(
                "sum by (job, pool) (increase(springtide_workers_started_total[$__rate_interval]))",
                "{{job}}/{{pool}} started",
            )
            .query(
                "sum by (job, pool, cause) (increase(\
                 springtide_workers_stopped_total[$__rate_interval])) > 0",
                "{{job}}/{{pool}} {{cause}}",
            ),
        Panel::bars("Threads refused", Unit::Count)
            .asks("Does the system refuse threads?")
            .advice("Raise the limit of processes or memory, or lower `workers`.")
            .limits(1.0, 10.0)
            .query(
                "sum by (job, pool) (increase(\
                 springtide_worker_spawn_failures_total[$__rate_interval]))",
                "{{job}}/{{pool}}",
            ),
        Panel::lines("Evaluations", Unit::PerSecond)
            .asks("How often does the supervisor look?")
            .advice("Up to 1000 a second under pressure, 4 while jobs run, none when all is idle.")
            .query(
                "sum by (job, pool) (rate(springtide_evaluations_total[$__rate_interval]))",
                "{{job}}/{{pool}}",
            ),
    ];
    Row { title: "Why did it scale, or not?", panels }
}
