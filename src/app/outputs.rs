//! The files of a report, and stdout: what is written where, and what must not be overwritten.

use std::path::{Path, PathBuf};

use super::console::Console;
use super::output::{Output, make_folder};
use crate::cli::{CiArgs, Format, ReportArgs};
use crate::fault::Fault;
use crate::report::Style;

/// The format of a report file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Markdown,
    Html,
    Json,
    Junit,
    Metrics,
    GitlabAnnotations,
}

impl Form {
    const ALL: [Self; 6] = [
        Self::Markdown,
        Self::Html,
        Self::Json,
        Self::Junit,
        Self::Metrics,
        Self::GitlabAnnotations,
    ];

    /// The name of the file under `--report-dir`.
    const fn file(self) -> &'static str {
        match self {
            Self::Markdown => "report.md",
            Self::Html => "report.html",
            Self::Json => "report.json",
            Self::Junit => "junit.xml",
            Self::Metrics => "metrics.txt",
            Self::GitlabAnnotations => "gitlab-annotations.json",
        }
    }
}

/// A report in each of its formats, rendered when needed.
pub(super) struct Forms<'a> {
    pub(super) terminal: &'a dyn Fn(Style) -> String,
    pub(super) file: &'a dyn Fn(Form) -> Result<String, String>,
}

/// The report files to write.
#[derive(Default)]
pub(super) struct Outputs {
    files: Vec<(Form, Output)>,
}

impl Outputs {
    /// Returns the outputs that can be written, and the error for the others.
    pub(super) fn prepare(arguments: &ReportArgs, ci: Option<&CiArgs>) -> (Self, Option<Fault>) {
        let mut faults = Vec::new();
        let mut files: Vec<(Form, Output)> = Vec::new();
        for (form, path) in wanted(arguments, ci, &mut faults) {
            match Output::prepare(&path) {
                Ok(output) => files.push((form, output)),
                Err(fault) => faults.push(fault),
            }
        }
        let mut distinct: Vec<(Form, Output)> = Vec::new();
        for (form, output) in files {
            if distinct.iter().any(|(_, known)| known.is(&output)) {
                let shown = output.shown();
                let fault = Fault::usage(format!("two reports would be written to `{shown}`"))
                    .help("give each report a separate file");
                faults.push(fault.help("give each a separate file"));
            } else {
                // The first of the two files is still written, and reports the error.
                distinct.push((form, output));
            }
        }
        (Self { files: distinct }, Fault::all(faults))
    }

    /// Adds further files to write.
    pub(super) fn add(&mut self, others: Self) {
        self.files.extend(others.files);
    }

    /// Protects the snapshots that the command line names from being overwritten.
    pub(super) fn keep_runs<'r>(
        &mut self,
        runs: impl IntoIterator<Item = &'r String>,
    ) -> Vec<Fault> {
        let paths = runs.into_iter().filter_map(|run| run.strip_prefix("file:"));
        paths
            .filter_map(|path| self.keep(Path::new(path)).err())
            .collect()
    }

    /// Protects an input file from being overwritten. The other reports are still written, and report the error.
    pub(super) fn keep(&mut self, input: &Path) -> Result<(), Fault> {
        let clash = self
            .files
            .iter()
            .find(|(_, output)| output.overwrites(input));
        let Some(shown) = clash.map(|(_, output)| output.shown().to_owned()) else {
            return Ok(());
        };
        self.files.retain(|(_, output)| !output.overwrites(input));
        Err(Fault::usage(format!(
            "the report would overwrite `{shown}`, which is read"
        ))
        .help("give the report a separate file"))
    }

    /// The path of a report file, as the user gave it.
    pub(super) fn path(&self, form: Form) -> Option<&str> {
        let found = self.files.iter().find(|(known, _)| *known == form);
        found.map(|(_, output)| output.shown())
    }

    /// Writes the files, and returns whether all of them were written. A file that cannot be written causes a warning,
    /// and does not change the verdict.
    pub(super) fn write(&self, forms: &Forms<'_>, console: &Console) -> bool {
        let mut is_whole = true;
        for (form, output) in &self.files {
            let written =
                (forms.file)(*form).and_then(|text| output.write(&console.redacted(&text)));
            if let Err(problem) = written {
                console.warn(&problem, UNWRITTEN_HELP);
                is_whole = false;
            }
        }
        is_whole
    }
}

/// What helps if a report cannot be written.
const UNWRITTEN_HELP: &str = "check the path, its permissions and the free space";

impl Forms<'_> {
    /// Shows the report on stdout, and returns whether it was written. If it cannot be written, prints a warning.
    pub(super) fn show(&self, format: Format, console: &Console) -> bool {
        let text = match format {
            Format::Terminal => Ok((self.terminal)(console.style())),
            Format::Markdown => (self.file)(Form::Markdown),
            Format::Json => (self.file)(Form::Json),
        };
        let shown = text.and_then(|text| console.print(&text).map_err(|fault| fault.message));
        if let Err(problem) = &shown {
            console.warn(problem, UNWRITTEN_HELP);
        }
        shown.is_ok()
    }
}

/// Returns the requested files: those that options name and, in the report directory, all other formats.
fn wanted(
    arguments: &ReportArgs,
    ci: Option<&CiArgs>,
    faults: &mut Vec<Fault>,
) -> Vec<(Form, PathBuf)> {
    let named = [
        (Form::Markdown, &arguments.report),
        (Form::Html, &arguments.html),
        (Form::Json, &arguments.json),
    ];
    let of_ci = ci.map(|ci| {
        [
            (Form::Junit, &ci.junit),
            (Form::Metrics, &ci.metrics),
            (Form::GitlabAnnotations, &ci.gitlab_annotations),
        ]
    });
    let named = named.into_iter().chain(of_ci.into_iter().flatten());
    let mut files: Vec<(Form, PathBuf)> = named
        .filter_map(|(form, path)| path.clone().map(|path| (form, path)))
        .collect();
    let Some(folder) = ci.and_then(|ci| ci.report_dir.as_ref()) else {
        return files;
    };
    if let Err(fault) = make_folder(folder) {
        faults.push(fault);
        return files;
    }
    for form in Form::ALL {
        if !files.iter().any(|(known, _)| *known == form) {
            files.push((form, folder.join(form.file())));
        }
    }
    files
}
