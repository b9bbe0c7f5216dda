//! Thumbnails of a folder of pictures: read, scaled down and written by jobs, many at a time, with
//! the pictures that cannot be read kept apart from those that can.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::time::Duration;

use springtide::{JobContext, JobError, Pool};

const PICTURES: u32 = 40;
/// The longer side of a thumbnail, in pixels.
const SIDE: u32 = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("springtide-thumbnails-{}", std::process::id()));
    let result = run(&folder);
    std::fs::remove_dir_all(&folder)?;
    result
}

fn run(folder: &Path) -> Result<(), Box<dyn Error>> {
    let (from, to) = (folder.join("pictures"), folder.join("thumbnails"));
    let pool = Pool::builder("thumbnails").workers(1..=8).build()?;
    std::fs::create_dir_all(&to)?;
    generate(&pool, &from)?;

    let mut listed = std::fs::read_dir(&from)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files: Vec<PathBuf> = listed.by_ref().collect::<Result<_, _>>()?;
    files.sort();

    // At most 16 pictures are in memory, however many there are in the folder; and none of them
    // may take longer than 10 s.
    let target = to.clone();
    let thumbnails = pool
        .job("thumbnail")
        .timeout(Duration::from_secs(10))
        .map(files.clone(), move |cx, file| thumbnail(cx, &file, &target))
        .fallible()
        .look_ahead(16)
        .on_progress(Duration::from_millis(500), |progress| {
            let total = progress.total.unwrap_or_default();
            eprintln!("{} of {total}, {} failed", progress.done, progress.failed);
        });

    let (mut made, mut unreadable, mut lost) = (0, Vec::new(), Vec::<JobError>::new());
    for (file, thumbnail) in files.iter().zip(thumbnails) {
        match thumbnail {
            Ok(Ok(pixels)) => made += pixels,
            Ok(Err(error)) => unreadable.push((file, error)),
            Err(error) => lost.push(error),
        }
    }
    for (file, error) in &unreadable {
        println!("{}: {error}", file.file_name().unwrap_or_default().display());
    }
    println!("{} thumbnails, {made} pixels", std::fs::read_dir(&to)?.count());
    println!("{} unreadable, {} without a result", unreadable.len(), lost.len());
    Ok(())
}

/// Why there is no thumbnail of a picture.
#[derive(Debug)]
enum PictureError {
    Read(png::DecodingError),
    Write(png::EncodingError),
    File(io::Error),
    Cancelled(springtide::Cancelled),
}

/// Scales one picture down, and looks in between whether it should stop.
fn thumbnail(cx: &JobContext<'_>, file: &Path, folder: &Path) -> Result<u32, PictureError> {
    let picture = Picture::read(file)?;
    cx.check().map_err(PictureError::Cancelled)?;
    let small = picture.scaled_to(SIDE);
    cx.check().map_err(PictureError::Cancelled)?;
    small.write(&folder.join(file.file_name().unwrap_or_default()))?;
    Ok(small.width * small.height)
}

/// Grey, a byte for each pixel.
struct Picture {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl Picture {
    fn read(file: &Path) -> Result<Picture, PictureError> {
        let file = File::open(file).map_err(PictureError::File)?;
        let mut reader =
            png::Decoder::new(BufReader::new(file)).read_info().map_err(PictureError::Read)?;
        let mut pixels = vec![0; reader.output_buffer_size().unwrap_or_default()];
        let frame = reader.next_frame(&mut pixels).map_err(PictureError::Read)?;
        Ok(Picture { width: frame.width, height: frame.height, pixels })
    }

    fn write(&self, file: &Path) -> Result<(), PictureError> {
        let file = File::create(file).map_err(PictureError::File)?;
        let mut encoder = png::Encoder::new(BufWriter::new(file), self.width, self.height);
        encoder.set_color(png::ColorType::Grayscale);
        let mut writer = encoder.write_header().map_err(PictureError::Write)?;
        writer.write_image_data(&self.pixels).map_err(PictureError::Write)
    }

    /// Each pixel is the mean of those that it stands for.
    fn scaled_to(&self, side: u32) -> Picture {
        let step = self.width.max(self.height).div_ceil(side).max(1);
        let (width, height) = (self.width.div_ceil(step), self.height.div_ceil(step));
        let mean = |x: u32, y: u32| {
            let across = x * step..((x + 1) * step).min(self.width);
            let down = y * step..((y + 1) * step).min(self.height);
            let at = |x: u32, y: u32| u32::from(self.pixels[(y * self.width + x) as usize]);
            let sum: u32 = down.clone().flat_map(|y| across.clone().map(move |x| at(x, y))).sum();
            (sum / (across.len() * down.len()) as u32) as u8
        };
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        Picture { width, height, pixels: pixels.map(|(x, y)| mean(x, y)).collect() }
    }
}

/// Pictures to begin with, drawn by jobs too: the first that fails ends it. One file is no picture.
fn generate(pool: &Pool, folder: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    let set = pool.job("picture").set().fail_fast();
    for n in 0..PICTURES {
        let file = folder.join(format!("{n:02}.png"));
        set.submit_fallible(move |_| {
            let (width, height) = (300 + 7 * n, 500 - 5 * n);
            let grey = |at: u32| (at % width * n / 8 + at / width) as u8;
            let pixels = (0..width * height).map(grey).collect();
            Picture { width, height, pixels }.write(&file)
        })?;
    }
    set.join_all().all_ok()?;
    std::fs::write(folder.join("notes.png"), "buy film")?;
    Ok(())
}

impl fmt::Display for PictureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PictureError::Read(error) => error.fmt(f),
            PictureError::Write(error) => error.fmt(f),
            PictureError::File(error) => error.fmt(f),
            PictureError::Cancelled(error) => error.fmt(f),
        }
    }
}

impl Error for PictureError {}
