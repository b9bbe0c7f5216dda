//! A bar over a real map: the checksums of some hundred files, as many at a time as pay.

use std::hash::{DefaultHasher, Hasher};
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use springtide::{FallibleError, Pool, Progress};

const FILES: usize = 300;
const REDRAW: Duration = Duration::from_millis(50);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("springtide-progress-{}", std::process::id()));
    let result = run(&folder);
    std::fs::remove_dir_all(&folder)?;
    result
}

fn run(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut files = generate(folder)?;
    // It was there when the folder was listed, and is gone by now.
    files.insert(100, folder.join("gone"));

    let pool = Pool::builder("checksums").workers(1..=16).build()?;
    let bar = bar(files.len())?;
    let shown = bar.clone();
    let checksums = pool
        .map(files.clone(), |file: PathBuf| checksum(&file))
        .fallible()
        .on_progress(REDRAW, move |progress| show(&shown, progress));

    // The results come in the order of the files, so the two can be told apart by their place.
    let (mut all, mut failed) = (0_u64, Vec::new());
    for (file, checksum) in files.iter().zip(checksums) {
        match FallibleError::flatten(checksum) {
            Ok(checksum) => all ^= checksum,
            Err(error) => failed.push((file, error)),
        }
    }
    bar.finish_and_clear();
    for (file, error) in &failed {
        println!("{}: {error}", file.display());
    }
    println!("{FILES} files, together {all:016x}; {} could not be read", failed.len());
    println!("the pool went up to {} workers", pool.stats().threads_started);
    Ok(())
}

/// A bar in a terminal; elsewhere indicatif draws none, and lines take its place.
fn bar(files: usize) -> Result<ProgressBar, Box<dyn std::error::Error>> {
    let style = ProgressStyle::with_template("{bar:40.cyan/dim} {pos}/{len}, {msg}")?;
    Ok(ProgressBar::new(files as u64).with_style(style.progress_chars("━━─")))
}

fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_message(format!("{} failed", progress.failed));
    bar.set_position(progress.done as u64);
    if !io::stderr().is_terminal() {
        let share = 100.0 * progress.fraction().unwrap_or_default();
        eprintln!("{} done ({share:.0} %), {} failed", progress.done, progress.failed);
    }
}

fn checksum(file: &Path) -> io::Result<u64> {
    let mut file = std::fs::File::open(file)?;
    let (mut hasher, mut chunk) = (DefaultHasher::new(), vec![0; 64 << 10]);
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hasher.finish()),
            read => hasher.write(&chunk[..read]),
        }
    }
}

/// Files of different sizes, each with something else in it.
fn generate(folder: &Path) -> io::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder)?;
    (0..FILES)
        .map(|n| {
            let file = folder.join(format!("{n:03}"));
            std::fs::write(&file, vec![n as u8; (n % 17 + 1) << 14])?;
            Ok(file)
        })
        .collect()
}
