//! How late each supervisor is, read at the scrape and put into the page.
//!
//! Everything else on a page is what a supervisor told the recorder. One that hangs tells nothing,
//! so its pool would look as well as it did when it last spoke.

use super::page::{Block, labels_in};
use crate::scale::exposition::{has_label, pool_label, write_header};
use crate::scale::metric_table::{SUPERVISOR_LATE, TABLE};

/// The figure of one pool.
pub(crate) struct Late {
    /// The value of its label `pool`, which no other pool has.
    pub(crate) label: String,
    /// It reports to the recorder of the process, which is the one that most pages are made of.
    pub(crate) to_process: bool,
    pub(crate) seconds: f64,
}

/// Sets the figure of these pools. One that reports elsewhere has it only on a page on which it is
/// already; the others also where their recorder has dropped it for being idle.
pub(crate) fn set(mut page: String, pools: &[Late]) -> String {
    let block = Block::find(&page, SUPERVISOR_LATE);
    let known = block.as_ref().map_or("", |block| &page[block.start..block.end]);
    let mut lines: Vec<String> = known.lines().map(str::to_owned).collect();
    for Late { label, to_process, seconds } in pools {
        let pool = pool_label(label);
        let line = lines.iter_mut().find(|line| !line.starts_with('#') && has_label(line, &pool));
        match line {
            Some(line) => {
                let series = line.rsplit_once(' ').map_or(&**line, |(series, _)| series);
                *line = format!("{series} {seconds}");
            }
            None if *to_process => {
                let labels = labels_in(&page, label);
                lines.push(format!("{SUPERVISOR_LATE}{{{labels}}} {seconds}"));
            }
            None => {}
        }
    }
    if lines.is_empty() {
        return page;
    }
    let text = lines.join("\n") + "\n";
    match block {
        Some(block) => page.replace_range(block.start..block.end, &text),
        None => {
            let family = TABLE.iter().find(|family| family.name == SUPERVISOR_LATE);
            write_header(&mut page, family.expect("it is in the table"));
            page.push_str(&text);
            page.push('\n');
        }
    }
    page
}
