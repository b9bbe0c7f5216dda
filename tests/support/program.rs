//! An example as a program: built, run, and held to its word about wrong input.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

/// The example of this name.
pub(crate) struct Program {
    name: &'static str,
    built: OnceLock<PathBuf>,
}

impl Program {
    pub(crate) const fn new(name: &'static str) -> Program {
        Program { name, built: OnceLock::new() }
    }

    /// The built example. Cargo builds it with the tests only when it has no tests of its own,
    /// which it has; so this asks for it, and learns where it is.
    pub(crate) fn executable(&self) -> &Path {
        self.built.get_or_init(|| {
            let mut build = Command::new(env!("CARGO"));
            build.args(["build", "--quiet", "--example", self.name, "--message-format=json"]);
            build.args(["--no-default-features", "--features"]);
            build.arg(if cfg!(feature = "prometheus") { "prometheus" } else { "" });
            build.args((!cfg!(debug_assertions)).then_some("--release"));
            let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo runs");
            assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
            let messages = String::from_utf8(built.stdout).expect("cargo writes UTF-8");
            let path = messages.lines().find_map(|line| {
                let message: Value = serde_json::from_str(line).ok()?;
                (message["target"]["name"] == self.name).then_some(())?;
                message["executable"].as_str().map(PathBuf::from)
            });
            path.expect("cargo names what it built")
        })
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        Command::new(self.executable()).args(arguments).output().expect("the example starts")
    }

    /// A fresh path in the folder that cargo keeps for tests.
    pub(crate) fn path(&self, name: &str) -> String {
        let folder = format!("{}_cli", self.name);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder).join(name);
        std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("it can be made");
        path.to_str().expect("the path is UTF-8").to_string()
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).expect("the folder can be written to");
        path
    }

    /// It says one line, this one, and ends with the status for wrong input.
    #[track_caller]
    pub(crate) fn assert_refused(&self, arguments: &[&str], expected: &str) {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said, format!("{}: {expected}\n", self.name), "{arguments:?}");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(output.stdout, b"", "{arguments:?}");
    }
}

pub(crate) fn json(path: &str) -> Value {
    let text = std::fs::read_to_string(path).expect("the file was written");
    serde_json::from_str(&text).expect("it is one JSON value")
}
