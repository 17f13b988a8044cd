//! Finds the policy files of the command line.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;

use super::yaml::MAX_BYTES;
use crate::fault::Fault;

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
    let paths = glob::glob(argument)
        .map_err(|error| Fault::usage(format!("`{argument}` is not a pattern: {error}")))?;
    let mut found = Vec::new();
    for path in paths {
        let path = path.map_err(|error| Fault::usage(format!("`{argument}`: {error}")))?;
        let Some(text) = path.to_str() else {
            return Err(Fault::usage(format!(
                "the name of `{}` is not UTF-8",
                path.display()
            )));
        };
        found.push(text.to_owned());
    }
    if found.is_empty() {
        return Err(Fault::usage(format!(
            "no policy: the pattern `{argument}` matches no file"
        ))
        .help("a gate with no policy would pass on nothing; mend the pattern"));
    }
    Ok(found)
}

impl PolicyFile {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// It is not a file, not readable, larger than [`MAX_BYTES`], or not UTF-8.
    pub fn read(&self) -> Result<String, Fault> {
        let path = &self.path;
        if Path::new(path).is_dir() {
            return Err(Fault::usage(format!("the policy `{path}` is a directory"))
                .help(format!("name a file, or a pattern such as '{path}/*.yaml'")));
        }
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
            .with_context(|| format!("cannot read the policy `{path}`"))
            .map_err(|error| Fault::usage_of(&error))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Fault::usage(format!(
                "the policy `{path}` is larger than {} KiB",
                MAX_BYTES / 1024
            ))
            .help("split it: several policies are judged in one run"));
        }
        String::from_utf8(bytes)
            .with_context(|| format!("the policy `{path}` is not UTF-8"))
            .map_err(|error| Fault::usage_of(&error))
    }
}
