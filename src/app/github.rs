//! Output for GitHub Actions: the step summary, annotations and outputs. None of them changes a verdict.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::console::Console;
use super::environment::environment;
use super::outputs::{Form, Outputs};
use super::repository::{GITHUB, in_repository};
use crate::cli::CiArgs;
use crate::report::{self, Report};

/// Maximum size of a step summary, in bytes. GitHub does not show a larger summary at all.
const MOST_SUMMARY: u64 = 1024 * 1024;

/// The files that GitHub's runner reads.
pub(super) struct Github {
    summary: Option<PathBuf>,
    outputs: Option<PathBuf>,
}

impl Github {
    /// Returns the runner's files if GitHub Actions runs this process, or if the command line requests them.
    pub(super) fn wanted(arguments: &CiArgs) -> Option<Self> {
        let is_runner = environment("GITHUB_ACTIONS").is_some_and(|value| value == "true");
        if arguments.no_github || !(arguments.github || is_runner) {
            return None;
        }
        let file = |name| {
            environment(name)
                .filter(|path| !path.is_empty())
                .map(PathBuf::from)
        };
        Some(Self {
            summary: file("GITHUB_STEP_SUMMARY"),
            outputs: file("GITHUB_OUTPUT"),
        })
    }

    /// Writes all of them. A file that cannot be written causes a warning.
    pub(super) fn publish(&self, report: &Report, outputs: &Outputs, console: &Console) {
        let file = |path: &str| in_repository(path, GITHUB);
        console.command(&report::github_annotations(report, &file));
        let written = [
            (
                "the step summary",
                self.summary
                    .as_deref()
                    .map(|path| summary(report, path, console)),
            ),
            (
                "the outputs",
                self.outputs
                    .as_deref()
                    .map(|path| values(report, outputs, path, console)),
            ),
        ];
        for (what, result) in written {
            if let Some(Err(error)) = result {
                let text = format!("cannot write {what} of GitHub Actions: {error}");
                console.warn(
                    &text,
                    "the verdict is not affected; --no-github writes nothing for GitHub",
                );
            }
        }
    }
}

/// Appends the report to the step summary, or its short form if the report would be too large.
fn summary(report: &Report, path: &Path, console: &Console) -> io::Result<()> {
    let there = fs::metadata(path).map_or(0, |known| known.len());
    let fits = |text: &str| there.saturating_add(text.len() as u64) < MOST_SUMMARY;
    let text = report::markdown(report) + "\n";
    let text = if fits(&text) {
        text
    } else {
        report::short(report) + "\n"
    };
    if !fits(&text) {
        return Err(io::Error::other("what other steps wrote leaves no room"));
    }
    append(path, &console.redacted(&text))
}

/// Writes words, numbers and paths as outputs for later steps.
fn values(report: &Report, outputs: &Outputs, path: &Path, console: &Console) -> io::Result<()> {
    let exit = report.exit().code().to_string();
    let files = [
        ("report", Form::Markdown),
        ("html", Form::Html),
        ("json", Form::Json),
        ("junit", Form::Junit),
        ("metrics", Form::Metrics),
    ];
    let files = files
        .into_iter()
        .filter_map(|(name, form)| Some((name, outputs.path(form)?)));
    let retryable = report.is_retryable().to_string();
    let values = [
        ("verdict", report.word()),
        ("exit-code", exit.as_str()),
        ("retryable", retryable.as_str()),
    ];
    let mut text = String::new();
    for (name, value) in values.into_iter().chain(files) {
        // A line break would start another output. A path with its secret removed would be another path.
        if !value.contains(['\n', '\r']) && !console.secrets().are_in(value.as_bytes()) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name}={value}");
        }
    }
    append(path, &text)
}

fn append(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(text.as_bytes())
}
