//! A builder that runs the binary in an empty directory with a scrubbed environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

/// The key that the fake server accepts; no output may ever hold it.
pub const KEY: &str = "0123456789abcdef0123456789abcdef01234567";
/// What is sent of it.
pub const KEY_IN_BASE64: &str = "YXBpOjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc=";

static NEXT: AtomicU32 = AtomicU32::new(0);

/// One call of the binary.
pub struct Gate {
    folder: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

/// What came of it.
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    folder: PathBuf,
}

impl Gate {
    pub fn new(arguments: &[&str]) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self {
            folder,
            arguments: arguments
                .iter()
                .map(|argument| (*argument).to_owned())
                .collect(),
            environment: Vec::new(),
        }
    }

    /// `check` of a policy of these gates, with a key and a project.
    pub fn check(gates: &str, more: &[&str]) -> Self {
        Self::new(&["check"])
            .file(
                "gates.yaml",
                &format!("version: 1\nproject: my-team/bot\ngates:\n{gates}\n"),
            )
            .args(more)
            .env("WANDB_API_KEY", KEY)
    }

    pub fn args(mut self, more: &[&str]) -> Self {
        self.arguments
            .extend(more.iter().map(|argument| (*argument).to_owned()));
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn file(self, name: &str, text: &str) -> Self {
        let path = self.folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn run(self) -> Outcome {
        let output = Command::new(env!("CARGO_BIN_EXE_weave-gate"))
            .args(&self.arguments)
            .current_dir(&self.folder)
            .env_clear()
            .env("HOME", &self.folder)
            .envs(self.environment)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let outcome = Outcome {
            code: output.status.code().expect("ended by a signal"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            folder: self.folder,
        };
        for shown in [&outcome.stdout, &outcome.stderr] {
            assert!(
                !shown.contains(KEY) && !shown.contains(KEY_IN_BASE64),
                "the key is shown"
            );
            assert!(!shown.contains("panicked"), "{shown}");
        }
        outcome
    }
}

impl Outcome {
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(
            self.code, expected,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self
    }

    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(
            self.stderr.contains(words),
            "not said: {words:?}, but:\n{}",
            self.stderr
        );
        self
    }

    #[track_caller]
    pub fn shows(self, words: &str) -> Self {
        assert!(
            self.stdout.contains(words),
            "not shown: {words:?}, but:\n{}",
            self.stdout
        );
        self
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap()
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }

    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}
