//! The board "Fleet": how many machines there should be, and which of them is not well.

use crate::board::{Board, Note, Row};
use crate::panel::{Panel, Unit};

pub fn board() -> Board {
    Board {
        uid: "springtide-fleet",
        title: "Springtide / Fleet",
        description: "How many machines does the load need, is it even between them, and which \
                      is in trouble? Scale by the sum of the demand, and by nothing else here.",
        rows: vec![size(), even(), trouble()],
        notes: vec![Note {
            name: "Refused",
            expr: "sum by (job, pool, reason) (increase(springtide_jobs_refused_total{\
                   reason!~\"shutdown|cancelled\"}[$__rate_interval])) > 0",
            title: "{{job}}/{{pool}} refused: {{reason}}",
            color: "red",
        }],
    }
}

/// What the autoscaler is to fill a machine to; the rest is for bursts while pods start.
const FILL: &str = "0.7";

/// The pools of a job are on the same machines.
fn machines_wanted() -> String {
    format!(
        "sum(max by (job) (ceil(\
         sum by (job, pool) (avg_over_time(springtide_demand_workers[$__rate_interval])) / \
         ({FILL} * avg by (job, pool) (springtide_workers_max > 0)))))"
    )
}

/// Zero where nobody reports, so that the last number there was does not stay on the board.
const THERE: &str = "count(count by (instance) (springtide_workers_max > 0)) or vector(0)";

fn wanted_and_there() -> Panel {
    Panel::lines("Machines wanted and there", Unit::Count)
        .asks("How late is the autoscaler?")
        .advice("The gap after a step up is scrape, evaluation and start of a pod together.")
        .width(12)
        .query(&machines_wanted(), "wanted")
        .query(THERE, "there")
}

fn machines() -> Panel {
    Panel::stat("Machines", Unit::Count)
        .asks("How many report?")
        .advice("Fewer than there are pods: a scrape fails. Ended pools do not count.")
        .at_least(1.0)
        .query(THERE, "there")
}

fn size() -> Row {
    let panels = vec![
        machines(),
        Panel::stat("Machines wanted", Unit::Count)
            .asks("How many would carry the load at 70 % of their bound?")
            .advice(
                "What an autoscaler makes of the demand, by the pool of each job that needs most.",
            )
            .query(&machines_wanted(), "wanted"),
        Panel::stat("Demand", Unit::Count)
            .asks("How many workers does the load need?")
            .advice("It adds up over machines and no bound caps it.")
            .query("sum(springtide_demand_workers)", "needed"),
        Panel::stat("Demand over bound", Unit::Share)
            .asks("Does the load fit on the machines there are?")
            .advice("70 % is the aim. Above 95 % the autoscaler is late or at its own limit.")
            .limits(0.8, 0.95)
            .query(
                "max(sum by (job, pool) (springtide_demand_workers) / \
                 sum by (job, pool) (springtide_workers_max))",
                "demand",
            ),
        Panel::stat("Refused", Unit::PerSecond)
            .asks("Is work turned away somewhere?")
            .advice("See *Refused* below for where.")
            .limits(1e-9, 1.0)
            .query(
                "sum(rate(springtide_jobs_refused_total{reason!~\"shutdown|cancelled\"}\
                 [$__rate_interval]))",
                "refused",
            ),
        Panel::stat("Wait, 99th percentile", Unit::Seconds)
            .asks("What do the users see, of the whole fleet and the pool that is slowest?")
            .advice("Alert on it; do not scale by it. It is nothing until the machines are full.")
            .limits(0.01, 0.25)
            .query(
                "max(histogram_quantile(0.99, sum by (job, pool, le) (rate(\
                 springtide_queue_wait_seconds_bucket[$__rate_interval]))))",
                "p99",
            ),
        Panel::lines("Demand and what there is", Unit::Count)
            .asks("Does the fleet follow the load?")
            .advice(
                "Demand should stay near the aim. Above the bound: machines are missing. Far below \
                 for long: too many, or a high minimum.",
            )
            .width(12)
            .query("sum(springtide_demand_workers)", "needed")
            .query("sum(springtide_workers)", "workers")
            .query(&format!("{FILL} * sum(springtide_workers_max)"), "aim")
            .query("sum(springtide_workers_max)", "bound")
            .bound("aim", "text")
            .bound("bound", "red"),
        wanted_and_there(),
    ];
    Row { title: "How many machines?", panels }
}

fn even() -> Row {
    let panels = vec![
        Panel::lines("Demand over bound", Unit::Share)
            .asks("Does every machine carry its share?")
            .advice("One above the others: look at the balancer, or at what only it does.")
            .limits(0.8, 0.95)
            .query(
                "max by (instance) (sum by (instance, pool) (springtide_demand_workers) / \
                 sum by (instance, pool) (springtide_workers_max))",
                "{{instance}}",
            ),
        Panel::lines("Jobs in", Unit::PerSecond)
            .asks("Does every machine get as many jobs?")
            .advice("A new machine without jobs is not ready, or connections are kept to the old.")
            .query(
                "sum by (instance) (rate(springtide_jobs_submitted_total[$__rate_interval]))",
                "{{instance}}",
            ),
        Panel::lines("Workers", Unit::Count)
            .asks("How large is each pool?")
            .advice("Equal jobs and unequal workers: one machine is slower than the others.")
            .query("sum by (instance) (springtide_workers)", "{{instance}}"),
        Panel::lines("Wait, 99th percentile", Unit::Seconds)
            .asks("Who makes users wait?")
            .advice("One: that machine. All: the fleet is too small.")
            .limits(0.01, 0.25)
            .query(
                "max by (instance) (histogram_quantile(0.99, sum by (instance, pool, le) (rate(\
                 springtide_queue_wait_seconds_bucket[$__rate_interval]))))",
                "{{instance}}",
            ),
        Panel::lines("Queue", Unit::Count)
            .asks("Where do jobs wait?")
            .advice("A queue on one machine and idle workers on others is a balancing problem.")
            .query("sum by (instance) (springtide_queue_jobs)", "{{instance}}"),
        Panel::lines("Mean run time", Unit::Seconds)
            .asks("Is a machine slow?")
            .advice("Same jobs, longer run time: a noisy neighbour, or a throttled quota.")
            .query(
                "sum by (instance, pool) (rate(springtide_run_seconds_sum[$__rate_interval])) / \
                 sum by (instance, pool) (rate(\
                 springtide_run_seconds_count[$__rate_interval]))",
                "{{instance}} {{pool}}",
            ),
    ];
    Row { title: "Is the load even?", panels }
}

fn trouble() -> Row {
    let panels = vec![
        Panel::bars("Refused", Unit::PerSecond)
            .asks("Who turns work away, and why?")
            .advice("`shutdown`: the balancer still sends to a pod that is going; see `preStop`.")
            .query(
                "sum by (instance, reason) (rate(\
                 springtide_jobs_refused_total[$__rate_interval])) > 0",
                "{{instance}} {{reason}}",
            ),
        Panel::lines("Held at its bound", Unit::Share)
            .asks("What share of the supervisor's looks wanted more workers than may be?")
            .advice(
                "One machine: balance. All: more machines, or a higher bound. A quiet pool looks \
                 only while jobs wait, so a short rush shows here and in no alert.",
            )
            .limits(0.5, 0.9)
            .query(
                "max by (instance) (sum by (instance, pool) (rate(\
                 springtide_scale_suppressed_total{reason=\"at_max\"}[$__rate_interval])) / \
                 sum by (instance, pool) (rate(springtide_evaluations_total[$__rate_interval])))",
                "{{instance}}",
            ),
        Panel::lines("Processor", Unit::Share)
            .asks("Which machine has no core left?")
            .advice("Bound by the processor: `workers` does not help, machines do.")
            .limits(0.8, 0.95)
            .query("max by (instance) (springtide_cpu_saturation_ratio)", "{{instance}}"),
        Panel::lines("Stalled", Unit::Count)
            .asks("On which machine does a queue stand still?")
            .advice("See the runbook. If it is one, take it out of the balancer first.")
            .limits(1.0, 1.0)
            .query("max by (instance, pool) (springtide_stalled)", "{{instance}} {{pool}}"),
        Panel::bars("Panics", Unit::Count)
            .asks("Do jobs panic on one machine only?")
            .advice("On all since a release: the release. On one: its data, disk or memory.")
            .query(
                "sum by (instance) (increase(\
                 springtide_jobs_completed_total{outcome=\"panic\"}[$__rate_interval])) > 0",
                "{{instance}}",
            ),
        Panel::bars("Threads refused", Unit::Count)
            .asks("Where does the system refuse threads?")
            .advice("Raise the limit of processes of the pod, or lower `workers`.")
            .query(
                "sum by (instance) (increase(\
                 springtide_worker_spawn_failures_total[$__rate_interval])) > 0",
                "{{instance}}",
            ),
    ];
    Row { title: "Who is in trouble?", panels }
}
