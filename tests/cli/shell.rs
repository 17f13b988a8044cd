//! Runs the shell code that the project offers, as a CI system would. Each piece runs in its own folder, with only the
//! environment that the test sets.

use crate::gate::binary;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder to run shell code in. Its subfolder `bin` is first in `PATH`.
pub struct Shell {
    pub folder: PathBuf,
    variables: Vec<(String, String)>,
}

/// The result of a run.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Shell {
    pub fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("shell")
            .join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("bin")).unwrap();
        Self {
            folder,
            variables: Vec::new(),
        }
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.folder.join(name), text).unwrap();
        self
    }

    /// Adds a program with this body.
    pub fn program(self, name: &str, body: &str) -> Self {
        let path = self.folder.join(name);
        fs::write(&path, format!("#!/usr/bin/env bash\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// Adds a fake weave-gate. It writes its arguments and the variables of the commit to `said`, and exits with this
    /// code.
    pub fn fake(self, code: i32) -> Self {
        let body = format!(
            "printf '<%s>' \"$@\" >>said\necho \" $GATE_SHA $GATE_BRANCH\" >>said\n\
             mkdir -p weave-gate\necho 'the report' >weave-gate/report.md\nexit {code}"
        );
        self.program("bin/weave-gate", &body)
    }

    /// Adds the built weave-gate.
    pub fn real(self) -> Self {
        symlink(binary(), self.folder.join("bin/weave-gate")).unwrap();
        self
    }

    pub fn run(&self, shell: &[&str], text: &str) -> Ran {
        let path = std::env::var("PATH").unwrap();
        let output = Command::new(shell[0])
            .args(&shell[1..])
            .arg("-c")
            .arg(text)
            .current_dir(&self.folder)
            .env_clear()
            .env(
                "PATH",
                format!("{}:{path}", self.folder.join("bin").display()),
            )
            .env("HOME", &self.folder)
            .envs(self.variables.iter().cloned())
            .output()
            .unwrap();
        Ran {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The content of a file, or an empty text if the file does not exist.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }
}
