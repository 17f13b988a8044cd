//! Files that are written: tried before the first request, and then aside and renamed, so that no
//! reader ever sees half of one.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::fault::Fault;

/// A file that can be written.
pub(super) struct Output {
    shown: String,
    /// The file itself: where the path is a link, what it points to.
    target: PathBuf,
    /// Where it is written first; `None` where it is no regular file, such as a pipe.
    aside: Option<PathBuf>,
}

impl Output {
    /// Makes sure that the file can be written, without changing it.
    ///
    /// # Errors
    ///
    /// It cannot: a directory, in a directory that is not there, or without permission.
    pub(super) fn prepare(path: &Path) -> Result<Self, Fault> {
        let shown = path.display().to_string();
        let fault = |problem: &str| {
            Fault::usage(format!("cannot write `{shown}`: {problem}"))
                .help("nothing was asked of Weave yet; name a file that can be written")
        };
        // A file that is not there yet is found by its folder.
        let target = fs::canonicalize(path)
            .or_else(|_| {
                let folder = path
                    .parent()
                    .filter(|folder| !folder.as_os_str().is_empty());
                let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")))?;
                path.file_name()
                    .map(|name| folder.join(name))
                    .ok_or_else(|| std::io::Error::from(std::io::ErrorKind::InvalidFilename))
            })
            .map_err(|error| fault(&error.to_string()))?;
        match fs::metadata(&target) {
            Ok(known) if known.is_dir() => return Err(fault("it is a directory")),
            Ok(known) if !known.is_file() => {
                return Ok(Self {
                    shown,
                    target,
                    aside: None,
                });
            }
            Ok(known) if known.permissions().readonly() => return Err(fault("it is read-only")),
            _ => {}
        }
        let Some(name) = target.file_name().and_then(|name| name.to_str()) else {
            return Err(fault("it has no file name"));
        };
        let aside = target.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
        File::create(&aside)
            .and_then(|_| fs::remove_file(&aside))
            .map_err(|error| fault(&error.to_string()))?;
        Ok(Self {
            shown,
            target,
            aside: Some(aside),
        })
    }

    /// Whether two outputs would overwrite each other.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.aside.is_some() && self.aside == other.aside
    }

    /// The fault of an output that another one would overwrite.
    pub(super) fn taken(&self) -> Fault {
        Fault::usage(format!("two reports would be written to `{}`", self.shown))
            .help("give each a file of its own")
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// What kept it from being written; the file is then as it was.
    pub(super) fn write(&self, text: &str) -> Result<(), String> {
        let written = match &self.aside {
            None => fs::OpenOptions::new()
                .write(true)
                .open(&self.target)
                .and_then(|mut file| file.write_all(text.as_bytes())),
            Some(aside) => fs::write(aside, text)
                .and_then(|()| fs::rename(aside, &self.target))
                .inspect_err(|_| {
                    // Half a file helps nobody; that it may not be there is fine.
                    let _ = fs::remove_file(aside);
                }),
        };
        written.map_err(|error| format!("cannot write `{}`: {error}", self.shown))
    }
}
