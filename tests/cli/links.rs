//! Tests of links at the paths of reports. A checked-out pull request may have created the links.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::gate::Gate;

/// Two folders: the folder of the gate, and a folder of another user.
struct Folders {
    gate: Gate,
    other: PathBuf,
}

/// A check of snapshots with these arguments.
fn check(arguments: &[&str]) -> Folders {
    let root = |name: &str| {
        let path = format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
        fs::read_to_string(path).unwrap()
    };
    let gate = Gate::new(&["check", "gates.yaml", "--candidate=file:candidate.json"])
        .args(&["--baseline=file:baseline.json"])
        .args(arguments)
        .file("gates.yaml", &root("gates.example.yaml"))
        .file("candidate.json", &root("examples/candidate.json"))
        .file("baseline.json", &root("examples/baseline.json"));
    let other = gate.folder().with_extension("other");
    let _ = fs::remove_dir_all(&other);
    fs::create_dir(&other).unwrap();
    fs::write(other.join("authorized_keys"), "mine").unwrap();
    Folders { gate, other }
}

impl Folders {
    fn link(self, path: &str, target: impl AsRef<Path>) -> Self {
        let path = self.gate.folder().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
        self
    }

    fn folder(self, path: &str) -> Self {
        fs::create_dir_all(self.gate.folder().join(path)).unwrap();
        self
    }

    /// Asserts that the other folder is unchanged and that the exit code is 2.
    #[track_caller]
    fn refused(self, words: &str) {
        let Self { gate, other } = self;
        gate.run().code(2).says(words);
        let names: Vec<_> = fs::read_dir(&other)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["authorized_keys"]);
        let text = fs::read_to_string(other.join("authorized_keys")).unwrap();
        assert_eq!(text, "mine");
        fs::remove_dir_all(other).unwrap();
    }

    /// Asserts that the report is written to the target of the path.
    #[track_caller]
    fn written(self, path: &str) {
        let Self { gate, other } = self;
        let path = gate.folder().join(path);
        gate.run().code(1);
        assert!(fs::read_to_string(path).unwrap().contains("schema_version"));
        fs::remove_dir_all(other).unwrap();
    }
}

#[test]
fn no_report_is_written_through_a_link_that_leaves_its_folder() {
    const DIR: &[&str] = &["--report-dir=out"];
    let keys = |folders: &Folders| folders.other.join("authorized_keys");

    let folders = check(DIR);
    let target = keys(&folders);
    folders
        .link("out/report.json", target)
        .refused("cannot write `out/report.json`: `out/report.json` is a link to `");

    let folders = check(&["--json=out/report.json", "--report-dir=out"]);
    let target = keys(&folders);
    folders
        .link("out/report.json", target)
        .refused("links that lead out of the folder that was named are not followed");

    let folders = check(DIR);
    let target = folders.other.join("new");
    folders
        .link("out/report.json", target)
        .refused("it is a link that leads nowhere");

    // The link leads to a second link in the same folder.
    let folders = check(DIR);
    let target = keys(&folders);
    folders
        .link("out/a", target)
        .link("out/report.json", "a")
        .refused("is a link to `");

    // The link leaves the folder of the reports and stays in the working directory.
    check(DIR)
        .link("out/junit.xml", "../gates.yaml")
        .refused("cannot write `out/junit.xml`");
}

#[test]
fn no_folder_of_reports_is_a_link_that_leaves_the_folder_it_is_in() {
    for arguments in [
        &["--report-dir=out"][..],
        &["--report-dir=out/"],
        &["--report-dir=./out/."],
        &["--report-dir=out/new/deep"],
        &["--json=out/report.json"],
        &["--json=out/../report.json"],
        &["--report=out/deep/r.md"],
    ] {
        let folders = check(arguments);
        let target = folders.other.clone();
        folders.link("out", target).refused("is a link to `");
    }
    // The paths are absolute, and the gate runs in another folder.
    for more in ["out", "out/", "out/new"] {
        let folders = check(&[]);
        let target = folders.other.clone();
        let path = folders.gate.folder().join(more);
        let gate = folders.gate.args(&["--report-dir", path.to_str().unwrap()]);
        let folders = Folders {
            gate,
            other: folders.other,
        };
        folders.link("out", target).refused("is a link to `");
    }
    check(&["--report-dir=a/out"])
        .folder("b")
        .link("a/out", "../b")
        .refused("is a link to `");
}

#[test]
fn links_that_stay_where_they_are_are_followed() {
    check(&["--report-dir=out"])
        .folder("builds/7")
        .link("builds/last", "7")
        .link("out", "builds/last")
        .written("builds/7/report.json");
    check(&["--json=a/out/r.json"])
        .folder("b/out")
        .link("a", "b")
        .written("b/out/r.json");
    // The link is part of the path to the gate's own folder, and it is not from the repository.
    let folders = check(&[]);
    let link = folders.gate.folder().with_extension("link");
    let _ = fs::remove_file(&link);
    symlink(folders.gate.folder(), &link).unwrap();
    let path = link.join("out");
    let gate = folders.gate.args(&["--report-dir", path.to_str().unwrap()]);
    let folders = Folders {
        gate,
        other: folders.other,
    };
    folders.written("out/report.json");
    fs::remove_file(link).unwrap();
}

/// Other commands follow the same rule as `check`.
#[test]
fn no_table_is_written_through_a_link_that_leaves_its_folder() {
    let folders = check(&[]);
    let target = folders.other.join("authorized_keys");
    let folder = folders.gate.folder().to_owned();
    let folders = folders.link("rows.csv", target);
    let gate = Gate::new(&["export", "--output"]);
    let path = folder.join("rows.csv");
    let candidate = format!("file:{}", folder.join("candidate.json").display());
    let gate = gate.args(&[path.to_str().unwrap(), &candidate]);
    let folders = Folders {
        gate,
        other: folders.other,
    };
    folders.refused("is a link to `");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn open_files_are_written_to() {
    for path in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let folders = check(&["--json", path, "-q"]);
        let outcome = folders.gate.run().code(1);
        assert!(outcome.stdout.contains("\"schema_version\": 1"), "{path}");
        fs::remove_dir_all(folders.other).unwrap();
    }
    // The cases are process substitution and a named pipe.
    for script in [
        "set -o pipefail; \"$@\" --json >(cat > r.json) -q; code=$?; sleep 0.3; exit $code",
        "mkfifo pipe; cat pipe > r.json & \"$@\" --json pipe -q; code=$?; wait; exit $code",
    ] {
        let folders = check(&[]);
        let output = folders
            .gate
            .through(&["bash", "-c", script, "bash"])
            .output()
            .unwrap();
        let outcome = folders.gate.ended(output).code(1);
        assert!(outcome.read("r.json").contains("\"schema_version\": 1"));
        fs::remove_dir_all(folders.other).unwrap();
    }
}
