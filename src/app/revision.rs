//! Reads policies from files and from revisions of a git repository.

use std::process::{Command, Stdio};

use crate::fault::Fault;
use crate::policy::{Policy, PolicyFile, parse};

/// What a policy in a revision begins with: `git:REV:PATH`.
const GIT: &str = "git:";

/// Where a policy is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PolicyPlace {
    /// A file.
    File(String),
    /// A file in a revision, by its path from the current directory.
    Revision { revision: String, path: String },
}

impl PolicyPlace {
    /// Parses a path or `git:REV:PATH`. If `path` is given, the path of a revision may be missing: `git:REV`.
    ///
    /// # Errors
    ///
    /// The revision or the path is missing, or the revision is an option of git.
    pub(super) fn parse(text: &str, path: Option<&str>) -> Result<Self, Fault> {
        let Some(rest) = text.strip_prefix(GIT) else {
            return Ok(Self::File(text.to_owned()));
        };
        let (revision, own) = match rest.split_once(':') {
            Some((revision, own)) => (revision, Some(own)),
            None => (rest, None),
        };
        let path = own.or(path).unwrap_or_default();
        if revision.is_empty() || revision.starts_with('-') || path.is_empty() {
            return Err(
                Fault::usage(format!("`{text}` names no file in a revision"))
                    .help("write `git:REV:PATH`, as in `git:origin/main:gates.yaml`"),
            );
        }
        Ok(Self::Revision {
            revision: revision.to_owned(),
            path: path.to_owned(),
        })
    }

    /// Whether the place is a revision's file at this path.
    pub(super) fn is_at(&self, path: &str) -> bool {
        matches!(self, Self::Revision { path: own, .. } if own == path)
    }

    /// The place as the command line names it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::File(path) => path.clone(),
            Self::Revision { revision, path } => format!("{GIT}{revision}:{path}"),
        }
    }

    /// Reads and checks the policy; `None` if the revision exists and does not have the file.
    ///
    /// # Errors
    ///
    /// The file or the revision cannot be read, or the policy is wrong.
    pub(super) fn read(&self) -> Result<Option<Policy>, Fault> {
        let file = PolicyFile { path: self.shown() };
        let text = match self {
            Self::File(_) => file.read(),
            Self::Revision { revision, path } => match blob(revision, path)? {
                Some(bytes) => file.text_of(bytes),
                None => return Ok(None),
            },
        };
        let policy = text.and_then(|text| parse(&file.path, &text));
        policy.map(Some).map_err(Fault::of_problems)
    }
}

/// The bytes of a file in a revision; `None` if the revision does not have it.
fn blob(revision: &str, path: &str) -> Result<Option<Vec<u8>>, Fault> {
    let commit = format!("{revision}^{{commit}}");
    if git(&[
        "rev-parse",
        "--quiet",
        "--verify",
        "--end-of-options",
        &commit,
    ])?
    .is_none()
    {
        let branch = revision.strip_prefix("origin/");
        let fetch = match branch {
            Some(branch) => {
                format!("`git fetch --depth=1 origin {branch}:refs/remotes/origin/{branch}`")
            }
            None => format!("`git fetch --depth=1 origin {revision}`"),
        };
        return Err(
            Fault::usage(format!("the revision `{revision}` is not in this clone"))
                .help(format!("fetch it first: {fetch}")),
        );
    }
    // A path is taken from the current directory, as that of a file.
    let path = path.strip_prefix("./").unwrap_or(path);
    let object = format!("{revision}:./{path}");
    if git(&["cat-file", "-e", &object])?.is_none() {
        return Ok(None);
    }
    git(&["cat-file", "blob", &object])
}

/// The output of a git command; `None` if it fails.
fn git(arguments: &[&str]) -> Result<Option<Vec<u8>>, Fault> {
    let output = Command::new("git")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            Fault::usage(format!("cannot run git: {error}"))
                .help("install git, or name a file in place of `git:REV:PATH`")
        })?;
    Ok(output.status.success().then_some(output.stdout))
}
