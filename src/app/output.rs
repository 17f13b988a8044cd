//! Writes files. Each file is checked before the first request. It is later written under a temporary name and renamed,
//! so that no reader sees a partial file.
//!
//! No file is written through a link that leads out of the named folder: in the checkout of a pull request,
//! `report.json` may be a link to any file of the user.

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tempfile::NamedTempFile;

use crate::fault::Fault;

/// A file that can be written.
pub(super) struct Output {
    shown: String,
    /// The file itself; if the path is a link, the target of the link.
    target: PathBuf,
    /// Whether the file is written in place: a pipe, a terminal, or any kind of stdout.
    is_stream: bool,
}

impl Output {
    /// Checks that the file can be written, without changing it.
    ///
    /// # Errors
    ///
    /// The file cannot be written: it is a directory, its directory does not exist, or a permission is missing.
    pub(super) fn prepare(path: &Path) -> Result<Self, Fault> {
        let shown = path.display().to_string();
        let what = format!("cannot write `{shown}`");
        if !is_open_file(path)
            && let Ok(Some(link)) = leading_out(path)
        {
            return Err(link.fault(&what));
        }
        Self::writable(path, shown).context(what).map_err(|error| {
            Fault::usage_of(&error)
                .help("nothing was asked of Weave yet; name a file that can be written")
        })
    }

    fn writable(path: &Path, shown: String) -> anyhow::Result<Self> {
        if is_open_file(path) {
            OpenOptions::new().append(true).open(path)?;
            return Ok(Self {
                target: path.to_owned(),
                shown,
                is_stream: true,
            });
        }
        leading_out(path)?;
        let target = resolve(path)?;
        let is_stream = match fs::metadata(&target) {
            Ok(known) if known.is_dir() => bail!("it is a directory"),
            Ok(known) if known.is_file() && known.permissions().readonly() => {
                bail!("it is read-only")
            }
            Ok(known) => !known.is_file(),
            Err(_) => false,
        };
        if !is_stream {
            new_file(&target)?.close()?;
        }
        Ok(Self {
            shown,
            target,
            is_stream,
        })
    }

    /// The path as the user gave it.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether two outputs would overwrite each other.
    pub(super) fn is(&self, other: &Self) -> bool {
        !self.is_stream && self.target == other.target
    }

    /// Whether writing the file would overwrite this input.
    pub(super) fn overwrites(&self, input: &Path) -> bool {
        !self.is_stream && resolve(input).is_ok_and(|input| input == self.target)
    }

    /// Whether the file exists.
    pub(super) fn is_there(&self) -> bool {
        !self.is_stream && self.target.exists()
    }

    /// Writes the file, but never overwrites an existing file.
    ///
    /// # Errors
    ///
    /// The file exists, or cannot be written.
    pub(super) fn create(&self, text: &str) -> Result<(), String> {
        if self.is_stream {
            return self.write(text);
        }
        let written = new_file(&self.target).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.persist_noclobber(&self.target)?;
            Ok(())
        });
        written.map_err(|error| format!("cannot write `{}`: {error}", self.shown))
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// The file cannot be written, and is unchanged.
    pub(super) fn write(&self, text: &str) -> Result<(), String> {
        let written = self.fill(|to| to.write_all(text.as_bytes()).map_err(Failure::of));
        written.map_err(|fault| fault.message)
    }

    /// Passes a writer to a closure that writes the file piece by piece.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the closure failed. The file is unchanged.
    pub(super) fn fill(
        &self,
        write: impl FnOnce(&mut dyn Write) -> Result<(), Failure>,
    ) -> Result<(), Fault> {
        let written = if self.is_stream {
            let file = OpenOptions::new().append(true).open(&self.target);
            file.map_err(Failure::of).and_then(|file| {
                let mut buffer = BufWriter::new(file);
                write(&mut buffer)?;
                buffer.flush().map_err(Failure::of)
            })
        } else {
            self.replace(write)
        };
        written.map_err(|failure| match failure {
            Failure::Unwritten(error) => {
                Fault::evidence(format!("cannot write `{}`: {error}", self.shown))
                    .help("check the free space and the permissions")
            }
            Failure::Other(fault) => fault,
        })
    }

    fn replace(
        &self,
        write: impl FnOnce(&mut dyn Write) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut buffer = BufWriter::new(new_file(&self.target)?);
        write(&mut buffer)?;
        let file = buffer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        // The new file has the permissions of the old one.
        if let Ok(known) = fs::metadata(&self.target) {
            file.as_file().set_permissions(known.permissions())?;
        }
        file.persist(&self.target).map_err(|error| error.error)?;
        Ok(())
    }
}

/// Creates a folder for files, with its parent folders.
///
/// # Errors
///
/// The folder cannot be created, or a link leads out of the place that was named.
pub(super) fn make_folder(path: &Path) -> Result<(), Fault> {
    let what = format!("cannot make the folder `{}`", path.display());
    let fault = |error: anyhow::Error| {
        Fault::usage_of(&error)
            .help("nothing was asked of Weave yet; name a folder that can be made")
    };
    let link = link_on(path, 1).context(what.clone()).map_err(fault)?;
    if let Some(link) = link {
        return Err(link.fault(&what));
    }
    fs::create_dir_all(path).context(what).map_err(fault)
}

/// A link that leads out of its allowed folder.
struct Link {
    path: PathBuf,
    target: PathBuf,
}

impl Link {
    fn fault(&self, what: &str) -> Fault {
        let (path, target) = (self.path.display(), self.target.display());
        Fault::usage(format!("{what}: `{path}` is a link to `{target}`"))
            .help("links that lead out of the folder that was named are not followed; name the file itself")
    }
}

/// Returns the first link on the path of a file that leads out of its allowed folder.
///
/// # Errors
///
/// The target of a link does not exist, or a link cannot be read.
fn leading_out(path: &Path) -> io::Result<Option<Link>> {
    link_on(path, 2)
}

/// Returns the first link on a path that leads out of its allowed folder. The last `named` parts of the path are those
/// that the user named: a folder and perhaps a file in it. A link among them must lead to something in its own folder.
/// Any other link in the working directory must lead to something in the working directory, because the link may be
/// part of a checkout. Links outside the working directory belong to the machine and are allowed: `/var/run`, a home
/// directory on another disk.
fn link_on(path: &Path, named: usize) -> io::Result<Option<Link>> {
    let here = fs::canonicalize(".")?;
    // Removes a slash or a dot at the end, which would hide a link before it.
    let path: PathBuf = path.components().collect();
    for (place, part) in path.ancestors().enumerate() {
        // A part that does not exist yet is not a link.
        let is_link = fs::symlink_metadata(part).is_ok_and(|known| known.is_symlink());
        if !is_link {
            continue;
        }
        let folder = part
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")))?;
        let within = if place < named {
            &folder
        } else if folder.starts_with(&here) {
            &here
        } else {
            continue;
        };
        let target = match fs::canonicalize(part) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(leads_nowhere());
            }
            target => target?,
        };
        if !target.starts_with(within) {
            let path = part.to_owned();
            return Ok(Some(Link { path, target }));
        }
    }
    Ok(None)
}

fn leads_nowhere() -> io::Error {
    io::Error::other("it is a link that leads nowhere")
}

/// Why a file was not written.
pub(super) enum Failure {
    /// The file cannot be written.
    Unwritten(io::Error),
    /// The data to write cannot be read.
    Other(Fault),
}

impl Failure {
    fn of(error: io::Error) -> Self {
        Self::Unwritten(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Unwritten(error)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Other(fault)
    }
}

/// Whether a path names a file that this process has open, such as its stdout.
fn is_open_file(path: &Path) -> bool {
    let names = ["/dev/stdout", "/dev/stderr"];
    names.iter().any(|name| path == Path::new(name))
        || path.starts_with("/dev/fd")
        || path.starts_with("/proc")
}

/// Returns the path of the file itself, with all links resolved. A file that does not exist yet is found through its
/// folder.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        known => return known,
    }
    if fs::symlink_metadata(path).is_ok() {
        return Err(leads_nowhere());
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")))?;
    match path.file_name() {
        Some(name) => Ok(folder.join(name)),
        None => Err(io::ErrorKind::InvalidFilename.into()),
    }
}

/// Creates a new file in the same folder, with a random name. It is removed unless it replaces the target. It has the
/// target's permissions from the start.
fn new_file(target: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".weave-gate-").suffix(".tmp");
    #[cfg(unix)]
    let permissions = {
        use std::os::unix::fs::PermissionsExt as _;
        // The umask applies, as to any new file.
        let mode = fs::metadata(target).map_or(0o666, |known| known.permissions().mode() & 0o777);
        fs::Permissions::from_mode(mode)
    };
    #[cfg(unix)]
    builder.permissions(permissions);
    let folder = target
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    builder.tempfile_in(folder.unwrap_or(Path::new(".")))
}
