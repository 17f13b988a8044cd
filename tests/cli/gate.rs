//! A builder that runs the binary in an empty directory with an empty environment.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::secrets::Secrets;

/// The path of the tested binary. It is the value of `WEAVE_GATE`, such as a released binary, or else the binary that
/// cargo built.
pub fn binary() -> String {
    let built = || env!("CARGO_BIN_EXE_weave-gate").to_owned();
    std::env::var("WEAVE_GATE").unwrap_or_else(|_| built())
}

/// The key that the fake server accepts. No output may contain it.
pub const KEY: &str = "0123456789abcdef0123456789abcdef01234567";
/// The key as the authorization header encodes it.
pub const KEY_IN_BASE64: &str = "YXBpOjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc=";

static NEXT: AtomicU32 = AtomicU32::new(0);

/// One run of the binary.
pub struct Gate {
    folder: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    /// The files that existed before the run.
    given: BTreeMap<PathBuf, Vec<u8>>,
    secrets: Secrets,
}

/// The result of a run.
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
        let mut secrets = Secrets::default();
        secrets.add(KEY);
        Self {
            folder,
            arguments: arguments
                .iter()
                .map(|argument| (*argument).to_owned())
                .collect(),
            environment: Vec::new(),
            given: BTreeMap::new(),
            secrets,
        }
    }

    /// A `check` with a policy of these gates, a key and a project.
    pub fn check(gates: &str, more: &[&str]) -> Self {
        Self::new(&["check"])
            .file(
                "gates.yaml",
                &format!("version: 1\nproject: my-team/bot\ngates:\n{gates}\n"),
            )
            .args(more)
            .env("WANDB_API_KEY", KEY)
    }

    /// Replaces all arguments.
    pub fn starting(mut self, words: &[&str]) -> Self {
        self.arguments.clear();
        self.args(words)
    }

    pub fn args(mut self, more: &[&str]) -> Self {
        self.arguments
            .extend(more.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// Sets a variable. The harness searches all output for keys, tokens and proxy passwords.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.secrets.add_variable(name, value);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets a key that also occurs in ordinary text. The harness does not search for it.
    pub fn short_key(mut self, key: &str) -> Self {
        let variable = ("WANDB_API_KEY".to_owned(), key.to_owned());
        self.environment.push(variable);
        self
    }

    /// Adds a secret. The harness searches all output for it in all spellings.
    pub fn secret(mut self, secret: &str) -> Self {
        self.secrets.add(secret);
        self
    }

    pub fn file(mut self, name: &str, text: &str) -> Self {
        let path = self.folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        self.given.insert(path, text.as_bytes().to_vec());
        self
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn run(self) -> Outcome {
        let output = self.command().output().unwrap();
        assert!(output.status.code().is_some(), "ended by a signal");
        self.ended(output)
    }

    /// The command, for a test that starts it itself.
    pub fn command(&self) -> Command {
        self.through(&[])
    }

    /// The command as the last arguments of another program.
    pub fn through(&self, program: &[&str]) -> Command {
        let binary = binary();
        let mut words = program.iter().copied().chain([binary.as_str()]);
        let mut command = Command::new(words.next().unwrap());
        command
            .args(words)
            .args(&self.arguments)
            .current_dir(&self.folder)
            .env_clear()
            .env("HOME", &self.folder)
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null());
        command
    }

    /// The result of a run. The code is -1 if a signal ended the process.
    #[track_caller]
    pub fn ended(self, output: Output) -> Outcome {
        self.secrets.must_not_be_in(&output.stdout, "stdout");
        self.secrets.must_not_be_in(&output.stderr, "stderr");
        self.secrets.must_not_be_in_files(&self.folder, &self.given);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let outcome = Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            folder: self.folder,
        };
        for shown in [&outcome.stdout, &outcome.stderr] {
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

    /// Asserts that stdout has a message and its help, given as `message | help`.
    #[track_caller]
    pub fn tells(self, text: &str) -> Self {
        let (message, help) = text.split_once(" | ").unwrap();
        self.shows(message).shows(help)
    }

    /// Removes the folder of the run.
    pub fn done(self) {
        fs::remove_dir_all(self.folder).unwrap();
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
