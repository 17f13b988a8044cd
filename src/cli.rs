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
    about = "Deployment gate: judges W&B Weave evaluations by a policy",
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
    /// Draft a policy from what a run scored
    Init(InitArgs),
    /// Report all problems of policies, offline
    Validate(ValidateArgs),
    /// Show what changed between two policies, and whether it is looser
    #[command(
        after_help = "Exit codes: 0 not looser, 1 looser or incomparable, 2 command line or policy wrong."
    )]
    Diff(DiffArgs),
    /// Judge a candidate run by one or several policies
    #[command(after_help = EXIT_CODES)]
    Check(CheckArgs),
    /// Show the rows and the statistics of a check
    #[command(
        after_help = "Exit codes: 0 explained, 2 command line or policy wrong, 3 nothing to explain."
    )]
    Explain(ExplainArgs),
    /// Compare two runs without a policy
    Compare(CompareArgs),
    /// Show whether each gate can fail and can pass, on edited copies of two runs
    #[command(
        after_help = "Exit codes: 0 every gate that blocks can fail and pass, 1 one cannot, 2 command line or policy wrong, 3 no evidence."
    )]
    Test(TestArgs),
    /// Measure how much runs of an unchanged model differ, and how often limits fail because of it
    #[command(after_help = "Exit codes: 0 measured, 2 command line or policy wrong, 3 no runs.")]
    Calibrate(CalibrateArgs),
    /// List recent runs of a project, newest first
    Runs(RunsArgs),
    /// Save a run to a file, to judge it later without network or key
    Snapshot(SnapshotArgs),
    /// Write the rows of runs as a table
    Export(ExportArgs),
    /// Print one prediction as JSON
    Prediction(PredictionArgs),
    /// Print the JSON Schema of policies or reports
    Schema(SchemaArgs),
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

    /// Policy that counts too where the judged one is looser: a file, or `git:REV`
    ///
    /// The worst verdict counts, and the runs are those of this policy. A policy that the revision does not have is new.
    #[arg(long, value_name = "POLICY", help_heading = "Policy")]
    pub policy_base: Option<String>,

    /// Accept the policy with this SHA-256 although it is looser than `--policy-base`
    #[arg(
        long,
        value_name = "SHA256",
        requires = "policy_base",
        help_heading = "Policy"
    )]
    pub accept_policy: Vec<String>,

    /// What is written, and where.
    #[command(flatten)]
    pub reports: ReportArgs,

    /// Keep inputs and outputs of rows out of all reports
    ///
    /// The rows behind failed checks are not read.
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
    /// Write all reports into this folder
    ///
    /// The files are report.md, report.html, report.json, junit.xml, metrics.txt and
    /// gitlab-annotations.json. The folder is created if it does not exist.
    #[arg(long, value_name = "DIR", help_heading = "CI")]
    pub report_dir: Option<PathBuf>,

    /// Write JUnit XML to this file
    ///
    /// A policy is a test suite, a check is a test case.
    #[arg(long, value_name = "FILE", help_heading = "CI")]
    pub junit: Option<PathBuf>,

    /// Write GitLab's metrics report
    ///
    /// It has the measured values, as OpenMetrics text.
    #[arg(long, value_name = "FILE", help_heading = "CI")]
    pub metrics: Option<PathBuf>,

    /// Write GitLab's annotations report
    ///
    /// It has links to the runs.
    #[arg(long, value_name = "FILE", help_heading = "CI")]
    pub gitlab_annotations: Option<PathBuf>,

    /// Write GitHub's summary and annotations
    ///
    /// That is the step summary, annotations of the policy, and the step's outputs. GitHub Actions turns this on.
    #[arg(long, overrides_with = "no_github", help_heading = "CI")]
    pub github: bool,

    /// Write nothing for GitHub
    #[arg(long, overrides_with = "github", help_heading = "CI")]
    pub no_github: bool,

    /// Update a comment on the pull request
    ///
    /// There is one comment for each policy. Needs `GITHUB_TOKEN` and the permission `pull-requests: write`.
    #[arg(long, help_heading = "CI")]
    pub github_comment: bool,

    /// Update a note on the merge request
    ///
    /// There is one note for each policy. Needs `GITLAB_TOKEN`, a project access token with the scope `api`.
    #[arg(long, help_heading = "CI")]
    pub gitlab_note: bool,

    /// Exit with 0 if a fork gets no API key
    ///
    /// This applies only if there is no key, the CI system itself reports a fork or Dependabot, and a run would have to
    /// be read from Weave. Every report says that nothing was judged.
    #[arg(long, help_heading = "CI")]
    pub skip_forks: bool,
}

/// The policy that is judged if none is named.
pub const USUAL_POLICY: &str = "gates.yaml";

/// What is judged, and where it is.
#[derive(Clone, Debug, Args)]
pub struct JudgeArgs {
    /// Policy files or glob patterns
    #[arg(default_value = USUAL_POLICY)]
    pub policy: Vec<String>,

    /// Run to judge: id, address, `file:SNAPSHOT`, `latest` or `commit=8dc29fc` [default: the policy's]
    ///
    /// Keys are joined with commas: `evaluation=answers,branch=main,attributes.team=search`. The newest run that matches
    /// all of them is taken, with the other runs of its commit. `latest` is the newest run of the policy's evaluation,
    /// or of the project. The run must match the policy's own `candidate:`.
    #[arg(long, value_name = "RUN", help_heading = "Runs")]
    pub candidate: Option<String>,

    /// Run to compare with, named in the same ways [default: the policy's]
    ///
    /// A run that is not named by id must have finished, be complete, have another commit than the candidate, and not
    /// be newer than it. Without `evaluation=` it has the candidate's evaluation.
    #[arg(long, value_name = "RUN", help_heading = "Runs")]
    pub baseline: Option<String>,

    /// Wait up to this long for the candidate to finish, such as 15m
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Runs")]
    pub wait: Option<SignedDuration>,

    /// Leave out this run of the candidate's commit; every report says so
    #[arg(long, value_name = "ID", requires = "reason", help_heading = "Runs")]
    pub exclude_run: Vec<String>,

    /// Why the runs are left out
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
    /// Name of a gate or dimension, or id of a check [default: every check that blocks]
    ///
    /// If it is a policy file, every check that blocks is explained.
    pub check: Option<String>,

    /// Explain this JSON report instead of judging again
    #[arg(long, value_name = "REPORT", conflicts_with_all = ["policy", "candidate", "baseline", "wait", "exclude_run"])]
    pub from: Option<PathBuf>,

    /// Maximum number of rows for each check [default: 10, or 3 if several checks are explained]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub limit: Option<u16>,

    /// What is judged.
    #[command(flatten)]
    pub judge: JudgeArgs,
}

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Run to start from, named as in `check --candidate` [default: the newest of main]
    ///
    /// Without it, and where it names an evaluation or a model alone, the newest completed run of branch main or master
    /// is taken, else the newest completed run. If the project has several evaluations, one has to be named.
    pub run: Option<String>,

    /// Policy file to write
    #[arg(short, long, value_name = "FILE", default_value = "gates.yaml")]
    pub output: PathBuf,

    /// Overwrite an existing file
    #[arg(long)]
    pub force: bool,

    /// Wait up to this long for the run to finish, such as 15m
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "run")]
    pub wait: Option<SignedDuration>,

    /// Where the run is.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Arguments of `test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// What is tested.
    #[command(flatten)]
    pub judge: JudgeArgs,

    /// Format on stdout
    #[arg(long, value_enum, default_value_t = Format::Terminal, help_heading = "Reports")]
    pub format: Format,

    /// Write for each gate that blocks the snapshot on which it just fails, to check that it still does
    #[arg(long, value_name = "DIR", help_heading = "Reports")]
    pub write: Option<PathBuf>,
}

/// Arguments of `calibrate`.
#[derive(Debug, Args)]
pub struct CalibrateArgs {
    /// Policy whose limits are tried
    pub policy: Option<String>,

    /// Runs: a selector such as `evaluation=answers,branch=main`, or `file:SNAPSHOT`
    ///
    /// Runs are compared only with runs of the same model version and the same version of the evaluation.
    #[arg(long, value_name = "RUNS", required = true)]
    pub runs: Vec<String>,

    /// Maximum number of runs of each selector, the newest first; files are read whole
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u16).range(2..=100))]
    pub last: u16,

    /// Format on stdout
    #[arg(long, value_enum, default_value_t = Format::Terminal)]
    pub format: Format,

    /// Write one HTML file with a plot of the runs, for people without access to Weave
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// Write the noise into the policy as the key `noise`, and leave the rest of the file as it is
    #[arg(long, requires = "policy")]
    pub write: bool,

    /// Where the runs are.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// Old policy: a file, or `git:REV:PATH` with a path from the current directory
    pub old: String,

    /// New policy
    pub new: String,

    /// Format on stdout
    #[arg(long, value_enum, default_value_t = Format::Terminal)]
    pub format: Format,
}

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Run to compare with, named as in `check --baseline`; by its address, of any project
    pub baseline: String,

    /// Run to compare, named as in `check --candidate`
    pub candidate: String,

    /// Leave inputs and outputs of rows out of the reports
    #[arg(long, help_heading = "Reports")]
    pub no_excerpts: bool,

    /// Wait up to this long for the candidate to finish, such as 15m
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
    /// Format on stdout
    #[arg(long, value_enum, default_value_t = Format::Terminal, help_heading = "Reports")]
    pub format: Format,

    /// Write the Markdown report to this file
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub report: Option<PathBuf>,

    /// Write the report as one HTML file, for people without access to Weave
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub html: Option<PathBuf>,

    /// Write the JSON report to this file
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub json: Option<PathBuf>,
}

/// Arguments of `validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// Policy files or glob patterns
    #[arg(default_value = USUAL_POLICY)]
    pub policy: Vec<String>,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Runs, named as in `check --candidate`; a snapshot needs --rows
    #[arg(value_name = "RUN", required = true)]
    pub runs: Vec<String>,

    /// Format of the table
    #[arg(long, value_enum, default_value_t = TableFormat::Csv)]
    pub format: TableFormat,

    /// Write to this file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Write one line per row: the first trial in the first run that has it
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
    /// One JSON object per line
    Jsonl,
}

/// Arguments of `prediction`.
#[derive(Debug, Args)]
pub struct PredictionArgs {
    /// Id of the model's call in a trial
    pub id: String,

    /// Where it is.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Arguments of `runs`.
#[derive(Debug, Args)]
pub struct RunsArgs {
    /// Keys that the runs must match, such as `branch=main`
    #[arg(value_name = "SELECTOR")]
    pub selector: Option<String>,

    /// Maximum number of runs
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub limit: u16,

    /// Print JSON, with all fields in full
    #[arg(long)]
    pub json: bool,

    /// Where the runs are.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Document that the schema describes
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
    /// The JSON report of `test`
    Test,
    /// The JSON report of `calibrate`
    Calibration,
    /// The JSON report of `diff`
    Diff,
}

/// Arguments of `snapshot`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct SnapshotArgs {
    /// Run to save, named as in `check --candidate`
    pub run: String,

    /// File to write; an older snapshot is replaced
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,

    /// Also save inputs and outputs [default: if a policy selects rows by inputs]
    ///
    /// Gates with `where` and `by` need the inputs. Reports and `explain` show inputs and outputs.
    #[arg(long, overrides_with = "no_rows")]
    pub rows: bool,

    /// Save no inputs and outputs
    #[arg(long, overrides_with = "rows")]
    pub no_rows: bool,

    /// Save what this policy needs [default: gates.yaml, if it exists]
    #[arg(long, value_name = "FILE")]
    pub policy: Vec<String>,

    /// Save only counts and means; gates that need rows are then undecided
    #[arg(long, conflicts_with = "rows")]
    pub summary_only: bool,

    /// Save the newest completed run, not one that is still running
    #[arg(long, conflicts_with = "wait")]
    pub completed: bool,

    /// Wait up to this long for the run to finish, such as 15m
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub wait: Option<SignedDuration>,

    /// Where the run is.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Arguments of `completions`.
#[derive(Clone, Copy, Debug, Args)]
pub struct CompletionsArgs {
    /// Shell to complete in
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

/// Where the runs are. The API key is never an argument, because every user of the machine can read arguments.
#[derive(Clone, Debug, Args)]
pub struct ServerArgs {
    /// Project as entity/project [default: the policy's]
    ///
    /// If the policy has none either, `WANDB_ENTITY` and `WANDB_PROJECT` name it. For a command that takes no policy, the
    /// policy is gates.yaml in the working directory, if it exists.
    #[arg(long, value_name = "PROJECT", help_heading = "Weave")]
    pub project: Option<String>,

    /// Trace server [default: as the Weave SDK finds it]
    #[arg(long, value_name = "URL", help_heading = "Weave")]
    pub base_url: Option<String>,

    /// Time limit for all requests, such as 45s or 2m
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration, help_heading = "Weave")]
    pub timeout: SignedDuration,

    /// Send the API key to another host over plain http
    #[arg(long, help_heading = "Weave")]
    pub insecure_http: bool,
}

/// How much is written, and in which colours.
#[derive(Clone, Copy, Debug, Args)]
pub struct OutputOptions {
    /// When to use colour
    #[arg(long, value_enum, default_value_t = Color::Auto, global = true)]
    pub color: Color,

    /// Print only errors and the checks that block
    #[arg(short, long, global = true)]
    pub quiet: bool,

    /// Show all checks, rows, notes, hints and addresses
    ///
    /// With `--quiet` it shows all rows of the checks that block.
    #[arg(long, global = true)]
    pub all: bool,

    /// Print each request and its duration on stderr
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
