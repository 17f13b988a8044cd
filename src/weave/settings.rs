//! Reads the address of a W&B server from the settings file in the home directory, which `wandb login --host` writes.
//!
//! The SDK also reads `./wandb/settings`. That file is not read here, because it is part of the checkout, which must
//! not choose where the key is sent.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::fault::Fault;
use crate::site::Lookup;

/// Maximum size of the settings file, in bytes. A larger file is refused.
const MAX_SETTINGS: u64 = 1024 * 1024;
/// The sections that are read. If the first one lacks a value, it comes from the second one, as in Python's
/// `configparser`.
const SECTIONS: [&str; 2] = ["default", "DEFAULT"];
const KEY: &str = "base_url";

/// An address, and the file that it was found in.
pub(super) struct Setting {
    pub(super) url: String,
    pub(super) path: PathBuf,
}

/// The `base_url` of the settings file, if there is such a file and it has one.
///
/// # Errors
///
/// The file is not in the format of Python's `configparser`, or `WANDB_CONFIG_DIR` is relative and would name a folder
/// of the checkout.
pub(super) fn base_url(lookup: &Lookup<'_>) -> Result<Option<Setting>, Fault> {
    let Some(folder) = folder(lookup) else {
        return Ok(None);
    };
    if !folder.is_absolute() {
        return Err(Fault::usage(format!(
            "the folder in WANDB_CONFIG_DIR is relative: `{}`",
            folder.display()
        ))
        .help("name it by its absolute path; a checked-out file must not choose where the API key is sent"));
    }
    let path = folder.join("settings");
    let fault = |problem: &str| {
        Fault::usage(format!("cannot read `{}`: {problem}", path.display())).help(
            "expected a line `base_url = https://HOST` in a section `[default]`; WANDB_BASE_URL is used instead of it",
        )
    };
    let Ok(file) = File::open(&path) else {
        // As in the SDK, an unreadable file counts as missing: the home directory may belong to another user.
        return Ok(None);
    };
    let mut text = String::new();
    match file.take(MAX_SETTINGS + 1).read_to_string(&mut text) {
        Ok(_) if text.len() as u64 > MAX_SETTINGS => Err(fault("it is too large")),
        Ok(_) => {
            let url = parse(&text).map_err(|problem| fault(&problem))?;
            Ok(url.map(|url| Setting { url, path }))
        }
        Err(error) if error.kind() == ErrorKind::IsADirectory => Ok(None),
        Err(error) => Err(fault(&error.to_string())),
    }
}

/// The folder of the settings file.
fn folder(lookup: &Lookup<'_>) -> Option<PathBuf> {
    match lookup("WANDB_CONFIG_DIR").filter(|folder| !folder.is_empty()) {
        Some(folder) => expand(&folder, lookup),
        None => Some(home(lookup)?.join(".config").join("wandb")),
    }
}

/// The home directory.
pub(super) fn home(lookup: &Lookup<'_>) -> Option<PathBuf> {
    let set = |name| lookup(name).filter(|path| !path.is_empty());
    set("HOME")
        .or_else(|| set("USERPROFILE"))
        .map(PathBuf::from)
}

/// A path with `~` replaced by the home directory; `None` if the home directory is unknown.
pub(super) fn expand(path: &str, lookup: &Lookup<'_>) -> Option<PathBuf> {
    match Path::new(path).strip_prefix("~") {
        Ok(rest) => Some(home(lookup)?.join(rest)),
        Err(_) => Some(PathBuf::from(path)),
    }
}

/// The `base_url` in the text of a settings file.
fn parse(text: &str) -> Result<Option<String>, String> {
    // The values in the two sections.
    let mut found: [Option<String>; 2] = [None, None];
    let mut section = None;
    // The indent of the last option, and whether its name is `base_url`.
    let mut option: Option<(usize, bool)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        if let Some((_, is_ours)) = option.filter(|(begin, _)| indent > *begin) {
            if is_ours {
                return Err(format!("line {number}: `{KEY}` has several lines"));
            }
            continue;
        }
        if let Some(name) = trimmed
            .strip_prefix('[')
            .and_then(|rest| Some(rest.rsplit_once(']')?.0))
            .filter(|name| !name.is_empty())
        {
            section = Some(SECTIONS.iter().position(|known| *known == name));
            option = None;
            continue;
        }
        let section = section.ok_or_else(|| format!("line {number} is before any section"))?;
        let (name, value) = trimmed
            .split_once(['=', ':'])
            .ok_or_else(|| format!("line {number} is not `name = value`"))?;
        let is_ours = name.trim_end().to_lowercase() == KEY;
        option = Some((indent, is_ours));
        let place = section.and_then(|section| found.get_mut(section));
        let (Some(place), true) = (place, is_ours) else {
            continue;
        };
        if place.is_some() {
            return Err(format!("line {number}: duplicate key `{KEY}`"));
        }
        if value.contains('%') {
            return Err(format!("line {number}: `%` is not supported in `{KEY}`"));
        }
        *place = Some(value.trim().to_owned());
    }
    let [own, common] = found;
    Ok(own.or(common).filter(|url| !url.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_as_python_reads_it() {
        let url = Some("https://wb.example.com".to_owned());
        for text in [
            "[default]\nbase_url = https://wb.example.com\n",
            "# mine\n\n[default]\r\nBase_URL: https://wb.example.com\r\n",
            "[other]\nbase_url = https://a.test\n[default]\nbase_url=https://wb.example.com",
            "[DEFAULT]\nbase_url = https://wb.example.com\n[default]\nentity = me",
            "[DEFAULT]\nbase_url = https://a.test\n[default]\nbase_url = https://wb.example.com",
            "[default]\n  base_url = https://wb.example.com\n  entity = me",
            "[default]\nignore =\n  base_url = https://a.test\nbase_url = https://wb.example.com",
            "[default]\n; base_url = https://a.test\nbase_url = https://wb.example.com",
        ] {
            assert_eq!(parse(text), Ok(url.clone()), "{text:?}");
        }
        for text in [
            "",
            "[default]\nentity = me",
            "[default]\nbase_url =\n",
            "[defaults]\nbase_url = https://a.test",
            "[default]\nxbase_url = https://a.test",
            "[default]\n# base_url = https://a.test",
        ] {
            assert_eq!(parse(text), Ok(None), "{text:?}");
        }
        for text in [
            "base_url = https://a.test",
            "[default]\nbase_url = https://a.test\nbase_url = https://b.test",
            "[default]\nbase_url = https://a.test\n  .b.test",
            "[default]\nbase_url =\n  https://a.test",
            "[default]\nbase_url = https://%(host)s",
            "[default]\nbase_url",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
