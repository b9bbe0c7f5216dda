//! A Chromium without a window, and what it makes of the preview.

use std::path::Path;
use std::process::Command;

use crate::picture;
use crate::server::is_there;

/// A panel as the page has it.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) state: String,
    pub(crate) points: u64,
    /// The first of what is written in it.
    pub(crate) text: String,
}

/// A page as it is once its scripts are done; `None` where there is no Chromium.
pub(crate) fn html(page: &str) -> Option<String> {
    if !is_there("chromium", "SPRINGTIDE_REQUIRE_CHROMIUM") {
        return None;
    }
    let html = chromium(page, &["--dump-dom".to_owned()]);
    let html = String::from_utf8(html).expect("Chromium writes UTF-8");
    assert!(html.contains("data-state=\"ready\""), "the page was not done in time: {page}");
    Some(html)
}

/// Takes a picture of the first rows of a page, and puts it into the documentation if told to.
pub(crate) fn picture(page: &str) {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("observability").join("board.png");
    let screenshot = format!("--screenshot={}", file.display());
    chromium(page, &[screenshot, "--window-size=1100,1270".to_owned()]);
    let bytes = picture::small(&std::fs::read(&file).expect("Chromium writes the picture"));
    std::fs::write(&file, &bytes).expect("it was written to before");
    println!("{}: {} KiB", file.display(), bytes.len() / 1024);
    // A page with nothing on it is a tenth of that; and every user gets it with the crate.
    assert!((20_000..100_000).contains(&bytes.len()), "{} bytes", bytes.len());
    if std::env::var("UPDATE_EXPECT").is_ok_and(|value| value == "1") {
        picture::publish(&bytes);
    }
}

/// Opens a page, lets it come to rest, and returns what Chromium writes. It is ended in any case,
/// should this process be gone as well.
fn chromium(page: &str, more: &[String]) -> Vec<u8> {
    let profile = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("observability")
        .join(format!("profile-{:?}", std::thread::current().id()));
    let output = Command::new("timeout")
        .args(["--kill-after=5", "90", "chromium", "--headless", "--no-sandbox", "--disable-gpu"])
        .args(["--hide-scrollbars", "--virtual-time-budget=30000", "--window-size=1400,1000"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(more)
        .arg(page)
        .output()
        .expect("timeout is part of every system");
    // Nothing in it is wanted again.
    let _ = std::fs::remove_dir_all(profile);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The panels of a page.
pub(crate) fn panels(html: &str) -> Vec<Panel> {
    html.split("<article ").skip(1).map(panel).collect()
}

/// An attribute that a tag has.
pub(crate) fn attribute(tag: &str, name: &str) -> String {
    let (_, value) = tag.split_once(&format!("{name}=\"")).expect("the page says so");
    let value = value.split('"').next().unwrap_or_default();
    value.replace("&quot;", "\"").replace("&amp;", "&")
}

fn panel(html: &str) -> Panel {
    let (tag, rest) = html.split_once('>').expect("a tag has an end");
    Panel {
        title: attribute(tag, "data-title"),
        state: attribute(tag, "data-state"),
        points: attribute(tag, "data-points").parse().expect("a number"),
        text: rest.split_once("\"says\">").map_or("", |(_, text)| text).chars().take(120).collect(),
    }
}
