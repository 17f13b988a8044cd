//! The report's files, and stdout: what is written where, and what must not be overwritten.

use std::path::{Path, PathBuf};

use super::console::Console;
use super::output::Output;
use crate::cli::{Format, ReportArgs};
use crate::fault::Fault;
use crate::report::Style;

/// A report in each of its forms, rendered when it is needed.
pub(super) struct Forms<'a> {
    pub(super) terminal: &'a dyn Fn(Style) -> String,
    pub(super) markdown: &'a dyn Fn() -> String,
    pub(super) json: &'a dyn Fn() -> Result<String, serde_json::Error>,
}

/// The files to write.
pub(super) struct Outputs {
    markdown: Option<Output>,
    json: Option<Output>,
}

impl Outputs {
    /// The outputs that can be written, and why others cannot.
    pub(super) fn prepare(arguments: &ReportArgs) -> (Self, Option<Fault>) {
        let mut faults = Vec::new();
        let mut prepare = |path: &Option<PathBuf>| {
            let output = path.as_deref().map(Output::prepare).transpose();
            output.map_err(|fault| faults.push(fault)).ok().flatten()
        };
        let (markdown, json) = (prepare(&arguments.report), prepare(&arguments.json));
        if let (Some(one), Some(other)) = (&markdown, &json)
            && one.is(other)
        {
            let shown = other.shown();
            let fault = Fault::usage(format!("two reports would be written to `{shown}`"))
                .help("give each a file of its own");
            let nothing = Self {
                markdown: None,
                json: None,
            };
            return (nothing, Some(fault));
        }
        (Self { markdown, json }, Fault::all(faults))
    }

    /// Makes sure that snapshots which the command line names are not written.
    pub(super) fn keep_runs<'r>(
        &mut self,
        runs: impl IntoIterator<Item = &'r String>,
    ) -> Result<(), Fault> {
        runs.into_iter()
            .filter_map(|run| run.strip_prefix("file:"))
            .try_for_each(|path| self.keep(Path::new(path)))
    }

    /// Makes sure that a file that is read is not written: not even the report that says so.
    pub(super) fn keep(&mut self, input: &Path) -> Result<(), Fault> {
        let clashes = |output: &&Output| output.overwrites(input);
        let clash = self.markdown.iter().chain(&self.json).find(clashes);
        let Some(shown) = clash.map(|output| output.shown().to_owned()) else {
            return Ok(());
        };
        (self.markdown, self.json) = (None, None);
        Err(Fault::usage(format!(
            "the report would overwrite `{shown}`, which is read"
        ))
        .help("give the report a file of its own"))
    }

    /// Writes the files, and shows the report on stdout. What cannot be written is a warning, and changes
    /// no verdict.
    pub(super) fn publish(&self, forms: &Forms<'_>, format: Format, console: &Console) {
        let markdown = self
            .markdown
            .as_ref()
            .map(|output| output.write(&(forms.markdown)()));
        let json = self.json.as_ref().map(|output| {
            (forms.json)()
                .map_err(|error| error.to_string())
                .and_then(|text| output.write(&text))
        });
        for problem in [markdown, json]
            .into_iter()
            .flatten()
            .filter_map(Result::err)
        {
            console.warn(&problem);
        }
        let text = match format {
            Format::Terminal => Ok((forms.terminal)(console.style())),
            Format::Markdown => Ok((forms.markdown)()),
            Format::Json => (forms.json)(),
        };
        match text {
            Ok(text) => console.report(&text),
            Err(error) => console.warn(&format!("cannot write the report as JSON: {error}")),
        }
    }
}
