//! The pieces of the page that are not pictures.

use std::fmt::Write;

use crate::comparison::{Comparison, Row};
use crate::measure::MEASURES;
use crate::page::{Section, escaped};
use crate::setup::Setup;
use crate::table::columns;

/// The table, with the sentence above it.
pub(crate) fn table(setup: &Setup, comparison: &Comparison) -> Section {
    let columns = columns(comparison);
    let head = setup.sweep.as_ref().map_or("law", |sweep| sweep.name.as_str());
    let mut body = format!("<p class=\"verdict\">{}</p>\n", escaped(&comparison.sentence));
    body += "<div class=\"scroll\"><table class=\"compare\">\n<tr>";
    let _ = write!(body, "<th>{}</th>", escaped(head));
    for place in &columns {
        let [above, below] = MEASURES[*place].head;
        let about = escaped(MEASURES[*place].about);
        let _ = write!(body, "<th title=\"{about}\">{above}<br>{below}</th>");
    }
    body += "</tr>\n";
    let several = setup.seeds.end - setup.seeds.start > 1;
    for row in &comparison.rows {
        let class = if row.is_default { "ours" } else { "" };
        add(&mut body, class, row, &columns, several);
    }
    for (index, row) in comparison.references.iter().enumerate() {
        let class = if index == 0 { "first reference" } else { "reference" };
        add(&mut body, class, row, &columns, several);
    }
    body += "</table></div>";
    let spread = "Medians of all seeds, and below them the least and the most. ";
    let note = format!(
        "{}In italics, for reference: fixed sizes and, where jobs only sleep, a pool that knows \
         when the next job comes. A pointer on the head of a column shows what the column is.",
        if several { spread } else { "" }
    );
    Section { title: "Comparison", note, legend: vec![], body }
}

fn add(body: &mut String, class: &str, row: &Row, columns: &[usize], several: bool) {
    let _ = write!(body, "<tr class=\"{class}\"><td>{}</td>", escaped(&row.label));
    for place in columns {
        let (unit, spread) = (MEASURES[*place].unit, row.spreads[*place]);
        let _ = write!(body, "<td>{}", escaped(&unit.show(spread.median)));
        if several && spread.least < spread.most {
            let (least, most) = (unit.show(spread.least), unit.show(spread.most));
            let _ = write!(body, "<small>{} – {}</small>", escaped(&least), escaped(&most));
        }
        *body += "</td>";
    }
    *body += "</tr>\n";
}

/// One switch for each law; without the script they stay out of sight.
pub(crate) fn chips(comparison: &Comparison) -> String {
    let mut html = String::from("<div class=\"chips\" hidden>");
    for (index, path) in comparison.paths.iter().enumerate() {
        let label = escaped(&path.label);
        let _ = write!(
            html,
            "<label><input type=\"checkbox\" checked data-law=\"{index}\"> {label}</label>"
        );
    }
    html + "</div>\n"
}

/// Three pictures side by side, of one law or of the load.
pub(crate) fn panels(
    name: &str,
    facts: &str,
    law: Option<usize>,
    pictures: &[String; 3],
) -> String {
    let (name, facts) = (escaped(name), escaped(facts));
    let class = match law {
        Some(law) => format!("class=\"law\" data-law=\"{law}\""),
        None => "class=\"load\"".into(),
    };
    let mut html = format!(
        "<div {class}><header><h3>{name}</h3><span>{facts}</span>\
         <span class=\"readout\"></span></header>\n<div class=\"three\">"
    );
    pictures.iter().for_each(|picture| html += picture);
    html + "</div></div>\n"
}
