//! What is seen while the load runs: a live picture in a terminal, a line now and then elsewhere.

use std::collections::VecDeque;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::tally::Tally;
use crate::watch::Point;

/// Columns of the bar and of the two small pictures below it, which share its time axis.
const WIDTH: usize = 40;
const REDRAW: Duration = Duration::from_millis(100);
/// The shortest time between two plain lines, and how many a long run has.
const LINE_EVERY: Duration = Duration::from_secs(1);
const LINES: u32 = 60;
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Shows one run.
pub(crate) struct Progress {
    span: Duration,
    next: Duration,
    /// Time and jobs offered, over the last second.
    recent: VecDeque<(Duration, u64)>,
    view: View,
}

enum View {
    Terminal { bar: ProgressBar, workers: Spark, queue: Spark },
    Lines { every: Duration },
}

impl Progress {
    /// `span` is when the last job arrives.
    pub(crate) fn new(span: Duration) -> Progress {
        let view = if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new(span.as_millis() as u64);
            let style = ProgressStyle::with_template(&format!("{{bar:{WIDTH}.cyan/dim}}  {{msg}}"))
                .expect("the template is well formed");
            bar.set_style(style.progress_chars("━━─"));
            View::Terminal { bar, workers: Spark::default(), queue: Spark::default() }
        } else {
            View::Lines { every: LINE_EVERY.max(span / LINES) }
        };
        Progress { span, next: Duration::ZERO, recent: VecDeque::new(), view }
    }

    pub(crate) fn show(&mut self, now: &Point, tally: &Tally) {
        let rate = self.rate(now);
        let column = (WIDTH as f64 * now.at.div_duration_f64(self.span)) as usize;
        if let View::Terminal { workers, queue, .. } = &mut self.view {
            workers.push(column, now.workers.into());
            queue.push(column, now.queued);
        }
        if now.at < self.next {
            return;
        }
        let wait = tally.recent_wait_p99().map_or("-".into(), |wait| format!("{wait:.1?}"));
        let (at, running) = (now.at.as_secs_f64(), now.running);
        match &self.view {
            View::Terminal { bar, workers, queue } => {
                self.next = now.at + REDRAW;
                bar.set_position(now.at.as_millis().min(self.span.as_millis()) as u64);
                bar.set_message(format!(
                    "{at:.1} s of {:.1} s · {rate:.0} offered/s · p99 wait {wait}\n\
                     {workers}  workers {} ({running} busy)\n\
                     {queue}  queue {}",
                    self.span.as_secs_f64(),
                    now.workers,
                    now.queued,
                ));
            }
            View::Lines { every } => {
                self.next = (self.next + *every).max(now.at);
                eprintln!(
                    "{at:7.1} s   workers {:4} ({running:4} busy)   queue {:6}   \
                     {rate:6.0} offered/s   p99 wait {wait}",
                    now.workers, now.queued,
                );
            }
        }
    }

    pub(crate) fn finish(&self) {
        if let View::Terminal { bar, .. } = &self.view {
            bar.abandon();
        }
    }

    /// Jobs offered a second, over about the last second.
    fn rate(&mut self, now: &Point) -> f64 {
        self.recent.push_back((now.at, now.offered));
        while self.recent.len() > 2 && self.recent[1].0 + Duration::from_secs(1) <= now.at {
            self.recent.pop_front();
        }
        let (at, offered) = self.recent[0];
        let seconds = (now.at - at).as_secs_f64();
        if seconds > 0.0 { (now.offered - offered) as f64 / seconds } else { 0.0 }
    }
}

/// A row of blocks as high as the values they stand for.
#[derive(Default)]
struct Spark(Vec<u64>);

impl Spark {
    /// A column shows the largest of its values; beyond the last column the picture moves on.
    fn push(&mut self, column: usize, value: u64) {
        let columns = self.0.len().max(column + 1);
        self.0.resize(columns, value);
        self.0[column] = self.0[column].max(value);
    }
}

impl std::fmt::Display for Spark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let visible = &self.0[self.0.len().saturating_sub(WIDTH)..];
        let highest = visible.iter().copied().max().unwrap_or(0).max(1);
        let top = LEVELS.len() as u64 - 1;
        let row: String = visible.iter().map(|v| LEVELS[(v * top / highest) as usize]).collect();
        write!(f, "{row:WIDTH$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spark_line_is_scaled_to_its_highest_value_and_keeps_its_width() {
        let mut spark = Spark::default();
        for (column, value) in [(0, 0), (1, 3), (1, 7), (2, 1)] {
            spark.push(column, value);
        }
        let shown = spark.to_string();
        assert_eq!(shown.trim_end(), "▁█▂");
        assert_eq!(shown.chars().count(), WIDTH);
        (3..100).for_each(|column| spark.push(column, 1));
        assert_eq!(spark.to_string(), "█".repeat(WIDTH));
    }
}
