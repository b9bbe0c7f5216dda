//! The pictures of the documentation are those that `policy_lab` draws, by the command that stands
//! in their captions, and the captions say no number that it does not print. Those in `measured/`
//! nobody can draw again; their captions say no number that is not in them or on their page.
//!
//! `UPDATE_EXPECT=1 cargo test --test pictures` draws them anew.

#[path = "support/base64.rs"]
mod base64;
#[path = "support/program.rs"]
#[allow(dead_code, reason = "the tests of command lines ask for more")]
mod program;

use std::path::{Path, PathBuf};

use program::Program;

static POLICY_LAB: Program = Program::new("policy_lab");

const COMMAND: &str = "cargo run --release --example policy_lab -- ";
const BYTES_MAX: usize = 60_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/docs/pictures")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The names of the files that end like this, without the ending.
fn names(folder: &Path, ending: &str) -> Vec<String> {
    let files = std::fs::read_dir(folder).expect("there are pictures");
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("UTF-8"));
    let mut names: Vec<String> =
        names.filter_map(|name| Some(name.strip_suffix(ending)?.to_owned())).collect();
    names.sort();
    names
}

/// What the lab draws and prints.
fn drawn(arguments: &[&str], file: &str) -> (String, String) {
    let path = POLICY_LAB.path(file);
    let output = POLICY_LAB.run(&[arguments, &["--picture", &path]].concat());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    let printed = String::from_utf8(output.stdout).expect("it prints UTF-8");
    assert!(printed.contains(&format!("The picture is in {path}")), "{printed}");
    (read(Path::new(&path)), printed)
}

/// The text of a caption, and the arguments of its command but for the picture.
fn caption(name: &str) -> (String, Vec<String>) {
    let page = read(&folder().join(format!("{name}.md")));
    let (text, code) = page.split_once("```text\n").expect("a caption has a command");
    let code = code.split("```").next().unwrap_or_default().replace("\\\n", "");
    let line = code.trim().strip_prefix(COMMAND);
    let line = line.unwrap_or_else(|| panic!("the command in {name}.md is not {COMMAND}"));
    let line = line.strip_suffix(&format!(" --picture {name}.svg"));
    let line = line.unwrap_or_else(|| panic!("the command in {name}.md draws no {name}.svg"));
    (text.to_owned(), line.split_whitespace().map(str::to_owned).collect())
}

fn words(text: &str) -> Vec<&str> {
    let words = text.split_whitespace();
    words.map(|word| word.trim_matches(['.', ',', ';', ':', '(', ')'])).collect()
}

/// Each number, with its unit if it has one.
fn numbers(text: &str) -> Vec<Vec<&str>> {
    let words = words(text);
    let is_number = |word: &str| word.starts_with(|first: char| first.is_ascii_digit());
    let starts = (0..words.len()).filter(|at| is_number(words[*at]));
    let number = |at: usize| {
        let unit = words.get(at + 1).filter(|next| ["s", "ms", "µs", "%"].contains(next));
        [Some(&words[at]), unit].into_iter().flatten().copied().collect()
    };
    starts.map(number).collect()
}

/// Each element that is opened is closed, and the other way round.
fn assert_well_formed(svg: &str) {
    let mut open = Vec::new();
    for part in svg.split('<').skip(1) {
        let (tag, text) = part.split_once('>').expect("a tag ends");
        let name = tag.split([' ', '/']).find(|word| !word.is_empty()).expect("a tag has a name");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "</{name}>");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
        assert!(!text.contains('>') && !tag.contains('&') && !text.contains('&'), "{part}");
    }
    assert_eq!(open, [""; 0], "all are closed");
}

#[test]
fn the_pictures_are_those_that_the_lab_draws() {
    let is_update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut stale = Vec::new();
    for name in names(&folder(), ".svg") {
        let (text, arguments) = caption(&name);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (svg, printed) = drawn(&arguments, &format!("pictures/{name}.svg"));
        assert!(svg.len() <= BYTES_MAX, "{name}.svg has {} bytes", svg.len());
        let path = folder().join(format!("{name}.svg"));
        if is_update {
            std::fs::write(&path, &svg).expect("the folder of pictures can be written to");
        } else if read(&path) != svg {
            stale.push(format!("{name}.svg is not what the lab draws"));
        }
        let printed = words(&printed);
        for number in numbers(&text) {
            if !printed.windows(number.len()).any(|words| words == number) {
                let number = number.join(" ");
                stale.push(format!("{name}.md says {number}, which the lab does not print"));
            }
        }
    }
    assert!(
        stale.is_empty(),
        "\n{}\nUPDATE_EXPECT=1 cargo test --test pictures draws anew; captions are for people\n",
        stale.join("\n")
    );
}

#[test]
fn every_picture_is_on_the_page() {
    let page = read(&folder().join("../mod.rs"));
    let (drawn, measured) = (names(&folder(), ".svg"), names(&folder().join("measured"), ".svg"));
    assert!(drawn.len() >= 4 && measured.len() >= 3, "{drawn:?} {measured:?}");
    let measured = measured.into_iter().map(|name| format!("measured/{name}"));
    for name in drawn.into_iter().chain(measured) {
        let shown = format!("picture!(\"{name}\")");
        assert!(page.contains(&shown), "src/docs/mod.rs lacks {shown}");
    }
}

#[test]
fn a_picture_is_one_block_of_html_with_a_row_for_each_law() {
    for laws in ["ours", "tokio,ours,kpa-scaled"] {
        let arguments = ["--scenario", "phases", "--laws", laws, "--set", "spare=3"];
        let (svg, _) = drawn(&arguments, "rows.svg");
        assert_well_formed(&svg);
        let rows = laws.split(',').count() + 1;
        assert_eq!(svg.matches("<g class=\"law\"").count(), rows, "and the variant");
        assert_eq!(svg.matches("<g class=\"load\"").count(), 1);
        let (blank, lines) = (svg.lines().find(|line| line.trim().is_empty()), svg.lines().count());
        assert_eq!((blank, lines > 10, svg.ends_with("</svg>\n")), (None, true, true));
        assert_eq!(drawn(&arguments, "again.svg").0, svg, "the same arguments, the same bytes");
    }
}

#[test]
fn captions_of_measured_pictures_say_what_these_show() {
    let folder = folder().join("measured");
    let page = read(&folder.join("../../performance.md"));
    let mut strange = Vec::new();
    for name in names(&folder, ".svg") {
        let svg = read(&folder.join(format!("{name}.svg")));
        assert_well_formed(&svg);
        let is_one_block = svg.lines().all(|line| !line.trim().is_empty());
        assert!(is_one_block && svg.len() <= BYTES_MAX, "{name}.svg: {} bytes", svg.len());
        let caption = read(&folder.join(format!("{name}.md")));
        let (text, code) = caption.split_once("```text\n").expect("a caption has a command");
        assert!(code.starts_with("cargo bench --bench "), "the command in {name}.md is {code}");
        // The figures are in its description, for whoever does not see it.
        let shown = svg.replace(['"', '<', '>'], " ") + &page.replace('|', " ");
        let shown = words(&shown);
        for number in numbers(text) {
            if !shown.contains(&number[0]) {
                strange.push(format!("{name}.md says {}, which it does not show", number[0]));
            }
        }
    }
    assert!(strange.is_empty(), "\n{}\n", strange.join("\n"));
}

#[test]
fn the_board_in_rustdoc_is_the_one_in_the_readme() {
    assert_eq!(base64::base64(b"pool"), "cG9vbA==");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let png = std::fs::read(root.join("docs/board.png")).expect("the README has a picture");
    let text = read(&folder().join("board.base64"));
    assert!(text == base64::base64(&png), "UPDATE_EXPECT=1 cargo test --test observability");
    assert!(text.len() <= 150_000, "every user gets it with the crate: {}", text.len());
    for page in ["README.md", "dashboards/README.md"] {
        assert!(read(&root.join(page)).contains("docs/board.png"), "{page} does not show it");
    }
    assert!(read(&folder().join("../mod.rs")).contains("pictures/board.base64"));
}
