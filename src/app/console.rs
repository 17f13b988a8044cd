//! The only module that prints: reports to stdout; errors, progress and hints to stderr.

use std::borrow::Cow;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anstream::{AutoStream, ColorChoice};
use jiff::SignedDuration;
use terminal_size::{Height, Width};

use super::environment::environment;
use super::output::Failure;
use super::server::{known_key, options};
use crate::cli::{Cli, Color, OutputOptions, ServerArgs};
use crate::fault::Fault;
use crate::forge::tokens;
use crate::http::Progress;
use crate::report::{self, Amount, Style, message};
use crate::secret::Secrets;

/// A shorter wait is not shown on a terminal.
const PATIENCE: Duration = Duration::from_millis(700);
const TICK: Duration = Duration::from_millis(500);
/// In a log, the first line of a wait appears after this time. Each pause between lines is twice as long as the one
/// before, up to `LONGEST_PAUSE`.
const FIRST_LINE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// In a log, a state that has not changed is repeated after this time.
const NOW_AND_THEN: Duration = Duration::from_secs(60);
/// Maximum length of a line that is overwritten, in characters. A terminal would wrap a longer line, which then could
/// not be erased.
const LIVE: usize = 79;

/// The output of a command: stdout and stderr.
pub(super) struct Console {
    output: OutputOptions,
    /// The key and the tokens. They are removed from foreign texts before those are rendered, and once more from all
    /// output.
    secrets: Secrets,
    /// Why a request was sent again last. The same reason is not repeated.
    last_retry: Mutex<String>,
}

impl Console {
    pub(super) fn new(cli: &Cli) -> Self {
        Self {
            output: cli.output,
            secrets: secrets(options(cli)),
            last_retry: Mutex::default(),
        }
    }

    /// The output of a command whose options are unknown, because its arguments are invalid.
    pub(super) fn without_options() -> Self {
        Self {
            output: OutputOptions {
                color: Color::Auto,
                quiet: false,
                all: false,
                verbose: false,
            },
            secrets: secrets(None),
            last_retry: Mutex::default(),
        }
    }

    /// Prints clap's message for arguments that form no command. One of the arguments may be a secret.
    pub(super) fn print_usage(error: &clap::Error) {
        let secrets = secrets(None);
        let text = error.render().to_string();
        // A closed pipe is not an error.
        let _ = match secrets.redact_rendered(&text) {
            Cow::Borrowed(_) => error.print(),
            Cow::Owned(text) => io::stderr().write_all(text.as_bytes()),
        };
    }

    /// The secrets that no output may contain.
    pub(super) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Whether stdout is a terminal, so that a person reads it.
    pub(super) fn is_terminal() -> bool {
        io::stdout().is_terminal()
    }

    /// The style of a report on stdout.
    pub(super) fn style(&self) -> Style {
        let is_terminal = Self::is_terminal();
        Style {
            color: self.choice(&io::stdout()) != ColorChoice::Never,
            amount: match (self.output.quiet, self.output.all) {
                (true, false) => Amount::Brief,
                (true, true) => Amount::BriefAll,
                (false, true) => Amount::All,
                (false, false) => Amount::Usual,
            },
            links: is_terminal && self.choice(&io::stdout()) != ColorChoice::Never,
            width: if is_terminal {
                width(terminal_size::terminal_size_of(io::stdout()))
            } else {
                report::USUAL_WIDTH
            },
        }
    }

    /// Removes the secrets from rendered text.
    pub(super) fn redacted<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.secrets.redact_rendered(text)
    }

    /// Prints the requested output to stdout.
    ///
    /// # Errors
    ///
    /// The output cannot be written. A closed pipe is not an error.
    pub(super) fn print(&self, text: &str) -> Result<(), Fault> {
        let text = self.redacted(text);
        let mut stdout = AutoStream::new(io::stdout().lock(), self.choice(&io::stdout()));
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush());
        printed(written)
    }

    /// Passes stdout to a closure that writes piece by piece. A closed pipe is not an error.
    pub(super) fn stream(
        write: impl FnOnce(&mut dyn Write) -> Result<(), Failure>,
    ) -> Result<(), Fault> {
        let mut stdout = BufWriter::new(io::stdout().lock());
        let written = write(&mut stdout).and_then(|()| Ok(stdout.flush()?));
        match written {
            Ok(()) => Ok(()),
            Err(Failure::Other(fault)) => Err(fault),
            Err(Failure::Unwritten(error)) => printed(Err(error)),
        }
    }

    /// Prints the error that stopped a command.
    pub(super) fn fault(&self, fault: &Fault) {
        // Tests run with this check.
        debug_assert!(
            fault.has_help(),
            "an error without a next action: {}",
            fault.message
        );
        let is_terminal = io::stderr().is_terminal();
        let style = Style {
            color: self.choice(&io::stderr()) != ColorChoice::Never,
            width: if is_terminal {
                width(terminal_size::terminal_size_of(io::stderr()))
            } else {
                report::USUAL_WIDTH
            },
            ..Style::plain()
        };
        let fault = fault.clone().without(&self.secrets);
        self.say(&report::render_fault(&fault, style));
    }

    /// Prints that something was done.
    pub(super) fn done(&self, text: &str) {
        if !self.output.quiet {
            self.say(&format!("{}\n", message(text)));
        }
    }

    /// Whether a user at a terminal can be asked.
    pub(super) fn can_ask(&self) -> bool {
        !self.output.quiet && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks a question on the terminal, and returns the line that is answered; `None` if there is none.
    pub(super) fn ask(&self, question: &str) -> Option<String> {
        self.say(&message(question));
        let mut line = String::new();
        io::stdin().read_line(&mut line).ok()?;
        Some(line.trim().to_owned())
    }

    /// Prints a detail that only `--verbose` shows.
    pub(super) fn detail(&self, text: &str) {
        if self.output.verbose {
            self.say(&format!("{}\n", message(text)));
        }
    }

    /// Prints that something failed which does not affect the verdict.
    pub(super) fn warn(&self, text: &str, help: &str) {
        let (text, help) = (message(text), message(help));
        self.say(&format!("warning: {text}\n  help: {help}\n"));
    }

    /// Prints lines that a CI runner reads as commands. Their author has already escaped them.
    pub(super) fn command(&self, lines: &str) {
        self.say(lines);
    }

    fn say(&self, text: &str) {
        let text = self.redacted(text);
        let mut stderr = AutoStream::new(io::stderr().lock(), self.choice(&io::stderr()));
        // If stderr is closed, this cannot be reported anywhere.
        let _ = stderr.write_all(text.as_bytes());
    }

    /// Runs `work`, which may take long, and shows that it is in progress: on a terminal in one line that is
    /// overwritten, in a log in occasional lines.
    pub(super) fn while_waiting<T>(&self, what: &str, work: impl FnOnce() -> T) -> T {
        if self.output.quiet || self.output.verbose {
            return work();
        }
        let is_live = self.is_live();
        thread::scope(|scope| {
            let (done, waiting) = mpsc::channel::<()>();
            scope.spawn(move || {
                let started = Instant::now();
                if !is_live {
                    let mut pause = FIRST_LINE;
                    while waiting.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                        self.say(&format!("{what}, {} s\n", started.elapsed().as_secs()));
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                    return;
                }
                let mut pause = PATIENCE;
                let mut shown = false;
                while waiting.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                    let seconds = started.elapsed().as_secs();
                    let _ = write!(io::stderr(), "\r\x1b[K{what}, {seconds} s");
                    let _ = io::stderr().flush();
                    shown = true;
                    pause = TICK;
                }
                if shown {
                    let _ = write!(io::stderr(), "\r\x1b[K");
                }
            });
            let result = work();
            drop(done);
            result
        })
    }

    /// Whether a line can be overwritten.
    fn is_live(&self) -> bool {
        !self.output.verbose && io::stderr().is_terminal()
    }

    fn choice(&self, stream: &impl anstream::stream::RawStream) -> ColorChoice {
        match self.output.color {
            Color::Always => ColorChoice::AlwaysAnsi,
            Color::Never => ColorChoice::Never,
            Color::Auto => AutoStream::choice(stream),
        }
    }
}

/// The key that a command would send with these options, and the tokens of the environment.
fn secrets(server: Option<&ServerArgs>) -> Secrets {
    // If it is unknown whether there is a key, no key is sent, and the command says why.
    let key = known_key(server).ok().flatten();
    key.into_iter().chain(tokens(&environment)).collect()
}

/// The result of a write to stdout. A closed pipe is not an error.
fn printed(written: io::Result<()>) -> Result<(), Fault> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Fault::evidence(format!("cannot write to stdout: {error}"))
                .help("check where stdout goes"))
        }
        _ => Ok(()),
    }
}

/// Shows what a command waits for: on a terminal in one line that is overwritten, in a log in occasional lines.
pub(super) struct WaitingLine<'a> {
    console: &'a Console,
    what: String,
    total: SignedDuration,
    since: Instant,
    /// The last state that was printed, and when.
    said: Option<(String, Instant)>,
}

impl<'a> WaitingLine<'a> {
    pub(super) fn new(
        console: &'a Console,
        what: String,
        total: SignedDuration,
        since: Instant,
    ) -> Self {
        Self {
            console,
            what,
            total,
            since,
            said: None,
        }
    }

    /// Whether anything is shown.
    pub(super) fn is_shown(&self) -> bool {
        !self.console.output.quiet
    }

    /// Waits, and shows for what and how far it is. In a log, progress alone is printed only from time to time.
    pub(super) fn pause(&mut self, state: &str, progress: Option<&str>, pause: Duration) {
        if !self.is_shown() {
            return thread::sleep(pause);
        }
        if self.console.is_live() {
            let until = Instant::now() + pause;
            loop {
                let line = message(&self.line(state, progress));
                let line = self.console.redacted(&line);
                let line: String = line.chars().take(LIVE).collect();
                let _ = write!(io::stderr(), "\r\x1b[K{line}");
                let _ = io::stderr().flush();
                match until.saturating_duration_since(Instant::now()) {
                    Duration::ZERO => return,
                    left => thread::sleep(left.min(TICK)),
                }
            }
        }
        let is_news = self
            .said
            .as_ref()
            .is_none_or(|(said, when)| said != state || when.elapsed() >= NOW_AND_THEN);
        if is_news {
            self.console
                .say(&format!("{}\n", message(&self.line(state, progress))));
            self.said = Some((state.to_owned(), Instant::now()));
        }
        thread::sleep(pause);
    }

    /// Erases the line.
    pub(super) fn end(&self) {
        if self.is_shown() && self.console.is_live() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }

    fn line(&self, state: &str, progress: Option<&str>) -> String {
        let progress = progress.map_or(String::new(), |progress| format!(", {progress}"));
        let passed =
            SignedDuration::from_secs(i64::try_from(self.since.elapsed().as_secs()).unwrap_or(0));
        format!(
            "waiting {passed:#} of {:#} for {}: {state}{progress}",
            self.total, self.what
        )
    }
}

impl Progress for Console {
    fn answered(&self, request: &str, status: u16, took: Duration) {
        if self.output.verbose {
            let millis = took.as_millis();
            self.say(&format!(
                "{}: {status} after {millis} ms\n",
                message(request)
            ));
        }
    }

    fn retrying(&self, reason: &str, pause: Duration) {
        if !self.output.quiet {
            let seconds = pause.as_secs_f64();
            let again = format!("trying again in {seconds:.1} s");
            let mut last = self
                .last_retry
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if *last == reason {
                self.say(&format!("  {again}\n"));
            } else {
                self.say(&format!("{}; {again}\n", message(reason)));
                reason.clone_into(&mut last);
            }
        }
    }
}

/// The width of the terminal in columns, within reason.
fn width(size: Option<(Width, Height)>) -> usize {
    size.map_or(report::USUAL_WIDTH, |(width, _)| {
        usize::from(width.0).clamp(40, 200)
    })
}
