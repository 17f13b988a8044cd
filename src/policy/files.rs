//! Finds the policy files of the command line.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::lines::at;
use super::yaml::MAX_BYTES;
use crate::fault::Fault;
use crate::file_kind::FileKind;
use crate::problem::Problem;

/// A policy file from the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFile {
    /// The path, as the reports show it.
    pub path: String,
}

/// Expands files and glob patterns, in the given order. A file that is named twice is returned once.
///
/// # Errors
///
/// A pattern matches nothing, or a file does not exist.
pub fn expand(arguments: &[String]) -> Result<Vec<PolicyFile>, Fault> {
    let mut files: Vec<PolicyFile> = Vec::new();
    let mut faults: Vec<Fault> = Vec::new();
    for argument in arguments {
        match matches(argument) {
            Ok(paths) => {
                for path in paths {
                    let same = |file: &PolicyFile| {
                        std::fs::canonicalize(&file.path).ok() == std::fs::canonicalize(&path).ok()
                    };
                    if !files.iter().any(same) {
                        files.push(PolicyFile { path });
                    }
                }
            }
            Err(fault) => faults.push(fault),
        }
    }
    Fault::all(faults).map_or(Ok(files), Err)
}

fn matches(argument: &str) -> Result<Vec<String>, Fault> {
    // If a file with this exact name exists, the argument is not a pattern.
    if Path::new(argument).exists() {
        return Ok(vec![argument.to_owned()]);
    }
    if !argument.contains(['*', '?', '[']) {
        return Err(
            Fault::usage(format!("no policy: there is no file `{argument}`")).help(
                "`weave-gate init --project ENTITY/PROJECT` drafts gates.yaml from a run; or name the policy file",
            ),
        );
    }
    let paths = glob::glob(argument).map_err(|error| {
        Fault::usage(format!("`{argument}` is not a pattern: {error}"))
            .help("name a file, or a pattern such as 'gates/*.yaml'")
    })?;
    let mut found = Vec::new();
    for path in paths {
        let path = path.map_err(|error| {
            Fault::usage(format!("`{argument}`: {error}"))
                .help("check that the folder exists and can be read")
        })?;
        let Some(text) = path.to_str() else {
            return Err(
                Fault::usage(format!("the name of `{}` is not UTF-8", path.display()))
                    .help("rename the file"),
            );
        };
        found.push(text.to_owned());
    }
    if found.is_empty() {
        return Err(Fault::usage(format!(
            "no policy: the pattern `{argument}` matches no file"
        ))
        .help("write a pattern that matches the policies; without a policy nothing is judged"));
    }
    Ok(found)
}

impl PolicyFile {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// It is not a file, not readable, larger than [`MAX_BYTES`], of another kind, or not UTF-8.
    pub fn read(&self) -> Result<String, Vec<Problem>> {
        let path = &self.path;
        let refused = |message: &str, help: &str| vec![Problem::of_file(path, message).help(help)];
        if Path::new(path).is_dir() {
            let help = format!("name a file, or a pattern such as '{path}/*.yaml'");
            return Err(refused("is a directory, not a policy", &help));
        }
        let mut bytes = Vec::new();
        let help = "check that the path is right and that this user can read the file";
        File::open(path)
            .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|error| refused(&format!("cannot read the policy: {error}"), help))?;
        self.text_of(bytes)
    }

    /// The text of the file, from its bytes.
    ///
    /// # Errors
    ///
    /// It is larger than [`MAX_BYTES`], of another kind, or not UTF-8.
    pub fn text_of(&self, bytes: Vec<u8>) -> Result<String, Vec<Problem>> {
        let path = &self.path;
        let refused = |message: &str, help: &str| vec![Problem::of_file(path, message).help(help)];
        if bytes.len() as u64 > MAX_BYTES {
            let message = format!("is larger than {} KiB", MAX_BYTES / 1024);
            let help = "split it: several policies are judged in one run";
            return Err(refused(&message, help));
        }
        if let Some(kind) = FileKind::of(&bytes) {
            return Err(refused(kind.message(), kind.help()));
        }
        String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            vec![not_utf8(path, error.as_bytes(), valid)]
        })
    }
}

/// The problem of a file that is UTF-8 only up to a byte.
fn not_utf8(path: &str, bytes: &[u8], valid: usize) -> Problem {
    let before = String::from_utf8_lossy(bytes.get(..valid).unwrap_or_default());
    let before = before.strip_prefix('\u{feff}').unwrap_or(&before);
    let byte = bytes.get(valid).copied().unwrap_or_default();
    let whole = String::from_utf8_lossy(bytes);
    let whole = whole.strip_prefix('\u{feff}').unwrap_or(&whole);
    Problem {
        at: Some(at(whole, before.len(), 1)),
        ..Problem::of_file(path, format!("the byte 0x{byte:02X} is not UTF-8"))
    }
    .help("save the file as UTF-8")
}
