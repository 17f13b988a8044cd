//! The paths of files in the repository of a CI job.

use std::path::{Component, Path};

use super::environment::environment;

/// The variable in which GitHub's runner names the folder of the repository.
pub(super) const GITHUB: &str = "GITHUB_WORKSPACE";
/// The variable in which GitLab's runner names it.
pub(super) const GITLAB: &str = "CI_PROJECT_DIR";

/// The path of a file in the repository, whose folder is the value of a variable. The path itself if the file is not in
/// that folder, or if the folder is not known.
pub(super) fn in_repository(path: &str, variable: &str) -> String {
    let folder = environment(variable).filter(|folder| !folder.is_empty());
    let inside = folder.and_then(|folder| relative(Path::new(path), Path::new(&folder)));
    inside.unwrap_or_else(|| path.to_owned())
}

/// The path of a file relative to a folder, with `/`; `None` if it is not in the folder.
fn relative(file: &Path, folder: &Path) -> Option<String> {
    let (file, folder) = (file.canonicalize().ok()?, folder.canonicalize().ok()?);
    let inside = file.strip_prefix(folder).ok()?;
    let parts = inside.components().map(|part| match part {
        Component::Normal(name) => name.to_str(),
        _ => None,
    });
    let parts: Option<Vec<&str>> = parts.collect();
    Some(parts?.join("/")).filter(|path| !path.is_empty())
}
