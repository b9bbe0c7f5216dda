//! Writes the boards; with `--check` says which are not as written here.

use std::process::ExitCode;

use generate::{boards, folder};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let check = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--check"] => true,
        _ => {
            eprintln!("usage: generate [--check]");
            return ExitCode::from(2);
        }
    };
    let mut stale = false;
    for (path, text) in boards() {
        let file = folder().join(path);
        if std::fs::read_to_string(&file).is_ok_and(|there| there == text) {
            println!("dashboards/{path} is as it should be");
        } else if check {
            eprintln!("dashboards/{path} is stale: run this without --check and commit it");
            stale = true;
        } else if let Err(error) = std::fs::write(&file, text) {
            eprintln!("dashboards/{path}: {error}");
            stale = true;
        } else {
            println!("dashboards/{path} was written");
        }
    }
    ExitCode::from(u8::from(stale))
}
