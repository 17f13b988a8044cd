//! Tests of a release. Cargo.toml holds the version, and all other files that name the version or the archives must
//! agree with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_yaml::Value;

use crate::install::stand_in;

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn document(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

fn folder(at: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("release")
        .join(at);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn workflow(name: &str) -> Value {
    serde_yaml::from_str(&document(&format!(".github/workflows/{name}"))).unwrap()
}

/// The targets in the matrix of a job.
fn targets(workflow: &Value, job: &str) -> BTreeSet<String> {
    let matrix = &workflow["jobs"][job]["strategy"]["matrix"]["include"];
    let rows = matrix.as_sequence().unwrap().iter();
    rows.map(|row| row["target"].as_str().unwrap().to_owned())
        .collect()
}

fn released() -> BTreeSet<String> {
    targets(&workflow("release.yml"), "build")
}

#[test]
fn what_is_released_is_what_can_be_installed() {
    let released = released();
    let script = document("scripts/install.sh");
    let installed: BTreeSet<String> = script
        .lines()
        .filter_map(|line| line.split_once(") echo ")?.1.strip_suffix(" ;;"))
        .map(str::to_owned)
        .collect();
    assert_eq!(released, installed);
    let images = workflow("images.yml");
    let in_images: BTreeSet<String> = released
        .iter()
        .filter(|target| target.ends_with("-musl"))
        .cloned()
        .collect();
    assert_eq!(targets(&images, "build"), in_images);
    // The images must contain the archives of the release, and use existing stages of the Dockerfile.
    let images = document(".github/workflows/images.yml");
    assert!(images.contains("archive=weave-gate-${GITHUB_REF_NAME#v}-$TARGET\n"));
    let dockerfile = document("Dockerfile");
    for stage in ["binary", "shell", "weave-gate"] {
        assert!(dockerfile.contains(&format!(" AS {stage}\n")), "{stage}");
    }
    // Dependencies are checked for each target.
    let deny = document("deny.toml");
    for target in &released {
        assert!(deny.contains(&format!("\"{target}\"")), "{target}");
    }
}

/// The value of a key of Cargo.toml under `[package.metadata.binstall]`.
fn binstall(key: &str) -> String {
    let manifest = document("Cargo.toml");
    let table = manifest
        .split("[package.metadata.binstall]\n")
        .nth(1)
        .unwrap();
    let start = format!("{key} = \"");
    let line = table.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap().trim_end_matches('"').to_owned()
}

#[test]
fn cargo_binstall_finds_the_archive_and_the_binary_in_it() {
    assert_eq!(binstall("pkg-fmt"), "tgz");
    for target in released() {
        let suffix = if target.contains("windows") {
            ".exe"
        } else {
            ""
        };
        let at = folder(&target);
        let binary = at.join(format!("weave-gate{suffix}"));
        stand_in(&binary);
        let packed = Command::new("bash")
            .arg(root().join("scripts/package.sh"))
            .arg(binary)
            .arg(&target)
            .arg(at.join("dist"))
            .output()
            .unwrap();
        assert!(packed.status.success(), "{packed:?}");
        let filled = |template: String| {
            template
                .replace("{ repo }", "https://github.example/o/r")
                .replace("{ name }", "weave-gate")
                .replace("{ bin }", "weave-gate")
                .replace("{ version }", VERSION)
                .replace("{ target }", &target)
                .replace("{ binary-ext }", suffix)
        };
        let archives: Vec<_> = fs::read_dir(at.join("dist"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert_eq!(archives.len(), 1, "{archives:?}");
        let name = archives[0].file_name().unwrap().to_str().unwrap();
        assert_eq!(
            filled(binstall("pkg-url")),
            format!("https://github.example/o/r/releases/download/v{VERSION}/{name}")
        );
        let list = Command::new("tar")
            .arg("-tzf")
            .arg(&archives[0])
            .output()
            .unwrap();
        let list = String::from_utf8(list.stdout).unwrap();
        let binary = filled(binstall("bin-dir"));
        assert!(list.lines().any(|line| line == binary), "{list}");
    }
}

/// Each released version in the checksums has all its files, so that the action can install it on every system.
#[test]
fn every_checksum_is_one_and_no_version_lacks_any() {
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in document("scripts/checksums.txt").lines() {
        if line.starts_with('#') {
            continue;
        }
        let (sum, name) = line.split_once("  ").unwrap();
        assert!(
            sum.len() == 64 && sum.bytes().all(|b| b"0123456789abcdef".contains(&b)),
            "{line}"
        );
        let (version, what) = asset(name).unwrap_or_else(|| panic!("no asset: {line}"));
        assert!(
            known.entry(version).or_default().insert(what),
            "twice: {line}"
        );
    }
    let mut whole = released();
    whole.insert("cdx.json".to_owned());
    for (version, assets) in known {
        assert_eq!(assets, whole, "{version}");
    }
}

/// The version of a released file, and its target or its kind.
fn asset(name: &str) -> Option<(String, String)> {
    let rest = name.strip_prefix("weave-gate-")?;
    if let Some(version) = rest.strip_suffix(".cdx.json") {
        return Some((version.to_owned(), "cdx.json".to_owned()));
    }
    let rest = rest.strip_suffix(".tar.gz")?;
    let targets = released();
    targets.into_iter().find_map(|target| {
        let version = rest.strip_suffix(&target)?.strip_suffix('-')?;
        Some((version.to_owned(), target))
    })
}

#[test]
fn the_changelog_begins_with_this_version() {
    let changelog = document("CHANGELOG.md");
    let heading = changelog.lines().find(|line| line.starts_with("## "));
    let heading = heading.unwrap().trim_start_matches("## ");
    assert_eq!(heading.split(',').next(), Some(VERSION));
}

/// Checks a copy of the files that name the version, ready to be released as 1.2.3. One file is changed.
fn checked(at: &str, tag: &str, file: &str, from: &str, to: &str) -> (bool, String) {
    let folder = folder(at);
    fs::create_dir_all(folder.join("scripts")).unwrap();
    let ready: Vec<(&str, String)> = vec![
        (
            "Cargo.toml",
            "[package]\nname = \"weave-gate\"\nversion = \"1.2.3\"\nrepository = \"https://github.com/o/r\"\n\n[dependencies]\nversion = \"9\"\n".to_owned(),
        ),
        (
            "Cargo.lock",
            "[[package]]\nname = \"other\"\nversion = \"9.9.9\"\n\n[[package]]\nname = \"weave-gate\"\nversion = \"1.2.3\"\n".to_owned(),
        ),
        (
            "CHANGELOG.md",
            "# Changelog\n\n## 1.2.3, 2026-12-01\n\n- New.\n\n## 1.2.2, 2026-11-01\n".to_owned(),
        ),
        ("action.yml", document("action.yml")),
        (
            "scripts/checksums.txt",
            document("scripts/checksums.txt") + "0  weave-gate-1.2.2-x.tar.gz\n",
        ),
        ("scripts/check-version.sh", document("scripts/check-version.sh")),
    ];
    for (name, text) in ready {
        let text = if name == file {
            assert!(text.contains(from), "{name} lacks {from}");
            text.replacen(from, to, 1)
        } else {
            text
        };
        fs::write(folder.join(name), text).unwrap();
    }
    let output = Command::new("bash")
        .arg(folder.join("scripts/check-version.sh"))
        .arg(tag)
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap())
        .env("GITHUB_REPOSITORY", "o/r")
        .env("GITHUB_SERVER_URL", "https://github.com")
        .output()
        .unwrap();
    (
        output.status.success(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn only_what_agrees_is_released() {
    assert_eq!(
        checked("ready", "v1.2.3", "", "", ""),
        (true, String::new())
    );
    let changes = [
        (
            "Cargo.toml",
            "1.2.3",
            "1.2.4",
            "Cargo.toml has version 1.2.4",
        ),
        (
            "Cargo.toml",
            "github.com/o/r",
            "github.com/o/s",
            "Cargo.toml has repository",
        ),
        (
            "Cargo.toml",
            "repository",
            "homepage",
            "Cargo.toml has repository ``",
        ),
        (
            "Cargo.lock",
            "1.2.3",
            "1.2.2",
            "Cargo.lock has version 1.2.2",
        ),
        (
            "CHANGELOG.md",
            "1.2.3, 2026-12-01",
            "1.2.3, not released",
            "`## 1.2.3, not released`",
        ),
        ("CHANGELOG.md", "1.2.3", "1.2.30", "`## 1.2.30, 2026-12-01`"),
        (
            "scripts/checksums.txt",
            "1.2.2",
            "1.2.3",
            "it is released already",
        ),
        (
            "action.yml",
            "builds its own source with cargo\n    default: \"\"",
            "takes it\n    default: \"1.2.1\"",
            "action.yml installs 1.2.1",
        ),
    ];
    for (number, (file, from, to, said)) in changes.into_iter().enumerate() {
        let (agrees, stderr) = checked(&format!("change-{number}"), "v1.2.3", file, from, to);
        assert!(!agrees, "{file} with {to} passed");
        assert!(stderr.contains(said), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    // The action may install a version that is already released.
    let from = "builds its own source with cargo\n    default: \"\"";
    let to = "takes it\n    default: \"1.2.2\"";
    assert!(checked("default", "v1.2.3", "action.yml", from, to).0);
    for tag in [
        "1.2.3",
        "v1.2",
        "v1.2.3\n",
        "v1.2.3 x",
        "",
        "v1.2.3-$(touch x)",
    ] {
        let (agrees, stderr) = checked("tag", tag, "", "", "");
        assert!(!agrees && stderr.contains("the tag is"), "{tag}: {stderr}");
    }
    let (agrees, stderr) = checked("other", "v1.2.4", "", "", "");
    assert!(!agrees);
    assert_eq!(stderr.lines().count(), 3, "all problems at once: {stderr}");
}

/// Checks the current source for its own version. The only problems may be those that a release resolves.
#[test]
fn this_source_lacks_only_what_a_release_settles() {
    let output = Command::new("bash")
        .arg(root().join("scripts/check-version.sh"))
        .arg(format!("v{VERSION}"))
        .env_remove("GITHUB_REPOSITORY")
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    for line in stderr.lines() {
        assert!(
            line.contains(", not released`") || line.contains("it is released already"),
            "{line}"
        );
    }
}
