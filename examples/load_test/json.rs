//! Writes the numbers as one JSON object.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use crate::numbers::Numbers;

pub(crate) fn write(file: File, numbers: &Numbers) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    serde_json::to_writer_pretty(&mut out, numbers)?;
    out.write_all(b"\n")?;
    out.flush()
}
