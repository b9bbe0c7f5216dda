//! Writes the comparison as one JSON object: the same arguments give the same bytes.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use serde_json::{Map, Value, json};

use crate::comparison::{Comparison, Row, computing_share};
use crate::measure::MEASURES;
use crate::setup::Setup;

pub(crate) fn write(file: File, setup: &Setup, comparison: &Comparison) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    serde_json::to_writer_pretty(&mut out, &object(setup, comparison))?;
    out.write_all(b"\n")?;
    out.flush()
}

fn object(setup: &Setup, comparison: &Comparison) -> Value {
    let machine = &setup.load.machine;
    json!({
        "load": {
            "name": setup.title,
            "about": setup.about,
            "jobs": comparison.jobs,
            "seconds": setup.load.horizon.as_secs_f64(),
            "computing_share": computing_share(&setup.load),
            "workers_needed": comparison.needed,
            "seeds": setup.seeds.clone().collect::<Vec<u64>>(),
        },
        "machine": {
            "cores": machine.cores,
            "workers_min": machine.min,
            "workers_max": machine.max,
            "queue_capacity": machine.queue_limit,
            "target_wait_ms": machine.target_wait.as_secs_f64() * 1e3,
            "keep_alive_ms": machine.keep_alive.map(|window| window.as_secs_f64() * 1e3),
        },
        "set": setup.variant,
        "sweep": setup.sweep.as_ref().map(|sweep| &sweep.name),
        "laws": comparison.rows.iter().map(row).collect::<Vec<Value>>(),
        "references": comparison.references.iter().map(row).collect::<Vec<Value>>(),
        "verdict": comparison.sentence,
    })
}

/// Null stands for what does not apply, and for what never came.
fn row(row: &Row) -> Value {
    let mut object = Map::new();
    object.insert("law".into(), row.label.as_str().into());
    for (measure, spread) in MEASURES.iter().zip(&row.spreads) {
        let plain = |x| measure.unit.plain(x);
        let spread = json!({
            "median": plain(spread.median),
            "least": plain(spread.least),
            "most": plain(spread.most),
        });
        object.insert(measure.key.into(), spread);
    }
    Value::Object(object)
}
