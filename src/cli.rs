//! The command line: its types and their help texts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;

/// The exit codes in a line, at the end of the help.
const EXIT_CODES: &str =
    "Exit codes: 0 passed, 1 failed, 2 command line or policy wrong, 3 no verdict.";

/// The root of the command line.
#[derive(Debug, Parser)]
#[command(
    name = "weave-gate",
    version,
    about = "Decides from W&B Weave evaluations whether a model or prompt may be deployed",
    after_help = EXIT_CODES,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// How much is written, and in which colours.
    #[command(flatten)]
    pub output: OutputOptions,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Judge a candidate run by one or several policies
    #[command(after_help = EXIT_CODES)]
    Check(CheckArgs),
    /// Show in full the rows behind a check, and what the statistics say
    #[command(
        after_help = "Exit codes: 0 explained, 2 command line or policy wrong, 3 nothing to explain."
    )]
    Explain(ExplainArgs),
    /// Report every problem of every policy, offline
    Validate(ValidateArgs),
    /// Draft a policy from what a run scored
    Init(InitArgs),
    /// Put two runs side by side, without a policy
    Compare(CompareArgs),
    /// Write the rows of runs as a table: one line a row and trial
    Export(ExportArgs),
    /// Print one prediction as JSON
    Prediction(PredictionArgs),
    /// List recent runs of a project, newest first
    Runs(RunsArgs),
    /// Print a JSON Schema, for editors and scripts
    Schema(SchemaArgs),
    /// Save what `check` would know of a run, to judge it later without network or key
    Snapshot(SnapshotArgs),
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Print the man page
    Man,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// What is judged.
    #[command(flatten)]
    pub judge: JudgeArgs,

    /// What is written, and where.
    #[command(flatten)]
    pub reports: ReportArgs,

    /// Keep inputs and outputs of rows out of the reports, and do not read the rows behind failing checks
    #[arg(long, help_heading = "Reports")]
    pub no_excerpts: bool,

    /// What CI systems read.
    #[command(flatten)]
    pub ci: CiArgs,
}

/// What CI systems read.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct CiArgs {
    /// Write all reports into this folder, and make it: report.md, report.html, report.json, junit.xml,
    /// metrics.txt and gitlab-annotations.json
    #[arg(long, value_name = "DIR", help_heading = "CI")]
    pub report_dir: Option<PathBuf>,

    /// Write JUnit XML: a test suite for each policy, a test case for each check
    #[arg(long, value_name = "FILE", help_heading = "CI")]
    pub junit: Option<PathBuf>,

    /// Write the measured values for GitLab's metrics report, as OpenMetrics text
    #[arg(long, value_name = "FILE", help_heading = "CI")]
    pub metrics: Option<PathBuf>,

    /// Write links to the runs for GitLab's annotations report
    #[arg(long, value_name = "FILE", help_heading = "CI")]
    pub gitlab_annotations: Option<PathBuf>,

    /// Write GitHub's step summary, annotations and outputs; on by itself in GitHub Actions
    #[arg(long, overrides_with = "no_github", help_heading = "CI")]
    pub github: bool,

    /// Write none of them
    #[arg(long, overrides_with = "github", help_heading = "CI")]
    pub no_github: bool,

    /// Keep a comment for each policy up to date on the pull request, with `GITHUB_TOKEN`
    #[arg(long, help_heading = "CI")]
    pub github_comment: bool,

    /// Keep a note for each policy up to date on the merge request, with `GITLAB_TOKEN`
    #[arg(long, help_heading = "CI")]
    pub gitlab_note: bool,

    /// Where a request from a fork or by Dependabot gets no API key, judge nothing and exit with 0
    ///
    /// Only where there is no key, the pipeline says that it is one of such a request, and a run would have to be read from
    /// Weave. Every report says that nothing was judged.
    #[arg(long, help_heading = "CI")]
    pub skip_forks: bool,
}

/// What is judged, and where it is.
#[derive(Debug, Args)]
pub struct JudgeArgs {
    /// Policy files, or glob patterns of them
    #[arg(default_value = "gates.yaml")]
    pub policy: Vec<String>,

    /// The run to judge: an id, an address, `file:SNAPSHOT`, `latest`, or `evaluation=NAME,…` [default: the policy's]
    ///
    /// The newest run that is all of what is named is taken, with the other runs of its commit:
    /// `evaluation=answers,model=support-bot,commit=8dc29fc,branch=main,attributes.team=search`. `latest` is the
    /// newest of the policy's evaluation, or of all. The run has to match the policy's own `candidate:`.
    #[arg(long, value_name = "RUN", help_heading = "Runs")]
    pub candidate: Option<String>,

    /// The run to compare with, named in the same ways [default: the policy's]
    ///
    /// What is looked for is the newest run that has finished, is complete, is not of the candidate's commit and
    /// not newer than the candidate; of the candidate's evaluation, where none is named.
    #[arg(long, value_name = "RUN", help_heading = "Runs")]
    pub baseline: Option<String>,

    /// Wait up to this long for the candidate to appear and to finish, such as 15m
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Runs")]
    pub wait: Option<SignedDuration>,

    /// Leave this run of the candidate's commit out, such as one that an outage broke; every report says so
    #[arg(long, value_name = "ID", requires = "reason", help_heading = "Runs")]
    pub exclude_run: Vec<String>,

    /// Why runs are excluded
    #[arg(
        long,
        value_name = "TEXT",
        requires = "exclude_run",
        help_heading = "Runs"
    )]
    pub reason: Option<String>,

    /// Where the runs are.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The check: the name of its gate, or its id in the JSON report
    pub check: String,

    /// Explain this JSON report of `check`, and judge nothing again
    #[arg(long, value_name = "REPORT", conflicts_with_all = ["policy", "candidate", "baseline", "wait", "exclude_run"])]
    pub from: Option<PathBuf>,

    /// What is judged.
    #[command(flatten)]
    pub judge: JudgeArgs,
}

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The run to start from: its id, or what it has to be, as in `check --candidate`
    #[arg(default_value = "latest")]
    pub run: String,

    /// The policy to write
    #[arg(short, long, value_name = "FILE", default_value = "gates.yaml")]
    pub output: PathBuf,

    /// Overwrite the file if it is there
    #[arg(long)]
    pub force: bool,

    /// Wait up to this long for the run to appear and to finish, such as 15m
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub wait: Option<SignedDuration>,

    /// Where the run is.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// The run to compare with, named as in `check --baseline`
    pub baseline: String,

    /// The run that is compared, named as in `check --candidate`
    pub candidate: String,

    /// Wait up to this long for the candidate to appear and to finish, such as 15m
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub wait: Option<SignedDuration>,

    /// Where the runs are.
    #[command(flatten)]
    pub server: ServerArgs,

    /// What is written, and where.
    #[command(flatten)]
    pub reports: ReportArgs,
}

/// What is written, and where.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// What stdout shows
    #[arg(long, value_enum, default_value_t = Format::Terminal, help_heading = "Reports")]
    pub format: Format,

    /// Write the Markdown report to this file, whatever the verdict
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub report: Option<PathBuf>,

    /// Write the report as one HTML file, for people without access to Weave
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub html: Option<PathBuf>,

    /// Write the JSON report to this file, whatever the verdict
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub json: Option<PathBuf>,
}

/// Arguments of `validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// Policy files, or glob patterns of them
    #[arg(default_value = "gates.yaml")]
    pub policy: Vec<String>,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Runs: ids, `file:SNAPSHOT` of one taken with --rows, `latest`, or what a run has to be
    #[arg(value_name = "RUN", required = true)]
    pub runs: Vec<String>,

    /// How the table is written
    #[arg(long, value_enum, default_value_t = TableFormat::Csv)]
    pub format: TableFormat,

    /// Write to this file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// One line for each row digest: that of the first run that has the row, and of its first trial
    #[arg(long)]
    pub dedup: bool,

    /// Where the runs are.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// Comma-separated values, with a column for each score
    Csv,
    /// One JSON object a line
    Jsonl,
}

/// Arguments of `prediction`.
#[derive(Debug, Args)]
pub struct PredictionArgs {
    /// Its id: that of the model's own call in a trial
    pub id: String,

    /// Where it is.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Arguments of `runs`.
#[derive(Debug, Args)]
pub struct RunsArgs {
    /// What the runs have to be, as in `evaluation=answers,model=bot,branch=main`
    #[arg(value_name = "SELECTOR")]
    pub selector: Option<String>,

    /// Maximum number of runs
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub limit: u16,

    /// Print JSON: more of each run, and nothing cut
    #[arg(long)]
    pub json: bool,

    /// Where the runs are.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Of what
    #[arg(value_enum, default_value_t = Document::Policy)]
    pub of: Document,
}

/// What has a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Document {
    /// A policy file
    Policy,
    /// The JSON report of `check`
    Report,
    /// The JSON report of `compare`
    Comparison,
}

/// Arguments of `snapshot`.
#[derive(Debug, Args)]
pub struct SnapshotArgs {
    /// The run: its id, `latest`, or what it has to be, as in `check --candidate`
    pub run: String,

    /// The file to write; an older snapshot there is replaced
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,

    /// Save inputs and outputs, too, which slices and explanations need
    #[arg(long)]
    pub rows: bool,

    /// Save counts and means alone, without the scores of each row; gates that need rows are then undecided
    #[arg(long, conflicts_with = "rows")]
    pub summary_only: bool,

    /// Take the newest run that has completed, not one that is still running
    #[arg(long, conflicts_with = "wait")]
    pub completed: bool,

    /// Wait up to this long for the run to appear and to finish, such as 15m
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub wait: Option<SignedDuration>,

    /// Where the run is.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Arguments of `completions`.
#[derive(Clone, Copy, Debug, Args)]
pub struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// A shell that completes command lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU Bash
    Bash,
    /// Z shell
    Zsh,
    /// Fish
    Fish,
    /// Microsoft's shell
    #[value(name = "powershell")]
    PowerShell,
}

/// Where the runs are. The API key is never an argument: everybody on the machine can read those.
#[derive(Debug, Args)]
pub struct ServerArgs {
    /// The project [default: the policy's, else `WANDB_ENTITY` and `WANDB_PROJECT`]
    #[arg(long, value_name = "ENTITY/PROJECT", help_heading = "Weave")]
    pub project: Option<String>,

    /// Address of the trace server [default: as the Weave SDK finds it]
    #[arg(long, value_name = "URL", help_heading = "Weave")]
    pub base_url: Option<String>,

    /// Time for all requests together, such as 45s or 2m
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration, help_heading = "Weave")]
    pub timeout: SignedDuration,

    /// Send the API key over plain http to a host that is not this one
    #[arg(long, help_heading = "Weave")]
    pub insecure_http: bool,
}

/// How much is written, and in which colours.
#[derive(Clone, Copy, Debug, Args)]
pub struct OutputOptions {
    /// Colour the terminal report
    #[arg(long, value_enum, default_value_t = Color::Auto, global = true)]
    pub color: Color,

    /// Say only errors and warnings on stderr, and on stdout only what blocks
    #[arg(short, long, global = true)]
    pub quiet: bool,

    /// Show all checks, rows, notes and hints, and the addresses of runs
    #[arg(long, global = true, conflicts_with = "quiet")]
    pub all: bool,

    /// Say on stderr which requests are made, and how long each took
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// What stdout shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a person, in colour
    Terminal,
    /// The report as `--report` writes it
    Markdown,
    /// The report as `--json` writes it
    Json,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

fn duration(text: &str) -> Result<SignedDuration, String> {
    let hint = "expected a duration such as 45s, 2m or 1h";
    let duration: SignedDuration = text.parse().map_err(|_| hint.to_owned())?;
    if duration < SignedDuration::from_secs(1) || duration > SignedDuration::from_hours(24) {
        return Err("expected a duration from 1s to 24h".to_owned());
    }
    Ok(duration)
}
