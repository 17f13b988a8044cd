//! The only module that prints: reports to stdout; errors, progress and hints to stderr.

use std::borrow::Cow;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anstream::{AutoStream, ColorChoice};
use jiff::SignedDuration;

use super::environment::environment;
use super::output::Failure;
use super::server::{known_key, options};
use crate::cli::{Cli, Color, OutputOptions, ServerArgs};
use crate::fault::Fault;
use crate::forge::tokens;
use crate::http::Progress;
use crate::report::{self, Style, message};
use crate::secret::Secrets;

/// A wait shorter than this is not worth a word.
const PATIENCE: Duration = Duration::from_millis(700);
const TICK: Duration = Duration::from_millis(500);
/// In a log, the first line comes after this time, and each further one after twice the time, up to the longest pause.
const FIRST_LINE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A log is told as often that nothing has changed.
const NOW_AND_THEN: Duration = Duration::from_secs(60);
/// A longer line would be broken by a terminal, and could not be taken away.
const LIVE: usize = 79;

/// Where the command speaks.
pub(super) struct Console {
    output: OutputOptions,
    /// The key and the tokens. They are taken out of foreign texts before those are rendered, and looked for once more
    /// in all that is written.
    secrets: Secrets,
}

impl Console {
    pub(super) fn new(cli: &Cli) -> Self {
        Self {
            output: cli.output,
            secrets: secrets(options(cli)),
        }
    }

    /// Prints what clap says of arguments of which no command could be made. A secret may be one of them.
    pub(super) fn print_usage(error: &clap::Error) {
        let secrets = secrets(None);
        let text = error.render().to_string();
        // A reader that has gone away is no error.
        let _ = match secrets.redact_rendered(&text) {
            Cow::Borrowed(_) => error.print(),
            Cow::Owned(text) => io::stderr().write_all(text.as_bytes()),
        };
    }

    /// What must not be shown.
    pub(super) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// How a report looks on stdout.
    pub(super) fn style(&self) -> Style {
        Style {
            color: self.choice(&io::stdout()) != ColorChoice::Never,
            brief: self.output.quiet,
        }
    }

    /// Rendered text without the secrets.
    pub(super) fn redacted<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.secrets.redact_rendered(text)
    }

    /// Prints what was asked for.
    ///
    /// # Errors
    ///
    /// There is no room for it. A reader that has gone away is no error.
    pub(super) fn print(&self, text: &str) -> Result<(), Fault> {
        let text = self.redacted(text);
        let mut stdout = AutoStream::new(io::stdout().lock(), self.choice(&io::stdout()));
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush());
        printed(written)
    }

    /// Lets somebody write to stdout, piece by piece. A reader that has gone away is no error.
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

    /// Says why something was not done.
    pub(super) fn fault(&self, fault: &Fault) {
        let color = self.choice(&io::stderr()) != ColorChoice::Never;
        self.say(&report::render_fault(fault, color));
    }

    /// Says that something was done.
    pub(super) fn done(&self, text: &str) {
        if !self.output.quiet {
            self.say(&format!("{}\n", message(text)));
        }
    }

    /// Says that something did not work that does not matter to the verdict.
    pub(super) fn warn(&self, text: &str) {
        self.say(&format!("warning: {}\n", message(text)));
    }

    /// The same, with the next action.
    pub(super) fn warn_of(&self, fault: &Fault) {
        self.warn(&fault.message);
        if let Some(help) = &fault.help {
            self.say(&format!("  help: {}\n", message(help)));
        }
    }

    /// Gives lines to a runner that reads commands from them; they were made safe where they were written.
    pub(super) fn command(&self, lines: &str) {
        self.say(lines);
    }

    /// Says what could be done better.
    pub(super) fn hint(&self, text: &str) {
        if !self.output.quiet {
            self.say(&format!("hint: {}\n", message(text)));
        }
    }

    fn say(&self, text: &str) {
        let text = self.redacted(text);
        let mut stderr = AutoStream::new(io::stderr().lock(), self.choice(&io::stderr()));
        // There is nowhere left to say that stderr is closed.
        let _ = stderr.write_all(text.as_bytes());
    }

    /// Does something that may take long, and shows that it goes on: on a terminal in a line that is written over, in a
    /// log in a line now and then.
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

    /// Whether a line can be written over.
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
    // Where it is unknown whether there is a key, none is sent, and the command says why.
    let key = known_key(server).ok().flatten();
    key.into_iter().chain(tokens(&environment)).collect()
}

/// What became of a write to stdout.
fn printed(written: io::Result<()>) -> Result<(), Fault> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Fault::evidence(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

/// Says what is waited for: on a terminal in one line that is written anew, in a log now and then.
pub(super) struct WaitingLine<'a> {
    console: &'a Console,
    what: String,
    total: SignedDuration,
    since: Instant,
    /// What was said last, and when.
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

    /// Waits, and says for what, and how far that is. Progress alone is said now and then.
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

    /// Takes the line away.
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
            self.say(&format!(
                "{}; trying again in {seconds:.1} s\n",
                message(reason)
            ));
        }
    }
}
