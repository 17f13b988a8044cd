//! Handles a command line that clap rejects. The reports that it requests are still written and say that nothing was
//! judged, so that no report of an earlier run remains.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};

use super::console::Console;
use super::{check, compare};
use crate::cli::{CheckArgs, Cli, Command, CompareArgs};
use crate::exit::Exit;
use crate::fault::Fault;

/// What helps a user who wants the gate to score outputs again.
const RESCORE_HELP: &str = "weave-gate only judges scores: evaluate in Weave a model that returns the stored outputs, with the new scorer";
/// Maximum number of times that one option may be repeated and is still parsed.
const MAX_REPEATS: usize = 16;

/// Ends a command whose arguments clap rejects, and returns the exit code. Help and the version are printed, and are
/// not errors.
pub(super) fn run(error: &clap::Error, arguments: &[OsString]) -> Exit {
    if !error.use_stderr() {
        // A closed pipe is not an error.
        let _ = error.print();
        return Exit::Passed;
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        Console::print_usage(error);
        return Exit::Usage;
    }
    let named = named(arguments);
    let fault = fault(error, named.as_deref());
    let understood = understood(named.as_deref(), arguments);
    let Some(first) = understood.first() else {
        Console::without_options().fault(&fault);
        return Exit::Usage;
    };
    let console = Console::new(first);
    let checks: Vec<&CheckArgs> = understood.iter().filter_map(of_check).collect();
    if let Some((first, others)) = checks.split_first() {
        return check::refuse(first, others, fault, &console);
    }
    let comparisons: Vec<&CompareArgs> = understood.iter().filter_map(of_compare).collect();
    match comparisons.split_first() {
        Some((first, others)) => compare::refuse(first, others, fault, &console),
        None => Exit::Usage,
    }
}

fn of_check(cli: &Cli) -> Option<&CheckArgs> {
    match &cli.command {
        Command::Check(arguments) => Some(arguments),
        _ => None,
    }
}

fn of_compare(cli: &Cli) -> Option<&CompareArgs> {
    match &cli.command {
        Command::Compare(arguments) => Some(arguments),
        _ => None,
    }
}

/// clap's message as an error. The help text says where the arguments of the command are explained.
fn fault(error: &clap::Error, command: Option<&str>) -> Fault {
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n").map(|paragraph| {
        let lines: Vec<&str> = paragraph.lines().map(str::trim).collect();
        lines.join(" ")
    });
    let message = paragraphs.next().unwrap_or_default();
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    if message.contains("'--rescore'") {
        return Fault::usage(message).help(RESCORE_HELP);
    }
    let tips = paragraphs.filter_map(|text| Some(text.strip_prefix("tip: ")?.to_owned()));
    let help: Vec<String> = tips
        .chain([match command {
            Some(command) => format!("run `weave-gate {command} --help` for all arguments"),
            None => "run `weave-gate --help` for all commands".to_owned(),
        }])
        .collect();
    Fault::usage(message).help(help.join("; "))
}

/// The first argument that is the name of a command.
fn named(arguments: &[OsString]) -> Option<String> {
    let root = Cli::command();
    let mut given = arguments.iter().skip(1).filter_map(|text| text.to_str());
    let found = given.find(|name| {
        root.get_subcommands()
            .any(|known| known.get_name() == *name)
    });
    found.map(str::to_owned)
}

/// Parses the valid part of the arguments of `check` and `compare`. Returns an empty list for any other command.
///
/// Each element is a command line. An option that is given twice is in two of them.
fn understood(named: Option<&str>, arguments: &[OsString]) -> Vec<Cli> {
    let name = match named {
        Some(name @ ("check" | "compare")) => name,
        // The command is misspelt or missing.
        None => "check",
        Some(_) => return Vec::new(),
    };
    let mut root = Cli::command();
    root.build();
    let given: Vec<&OsString> = arguments.iter().skip(1).collect();
    let is_command = |argument: &&OsString| argument.to_str() == named;
    let place = named.and_then(|_| given.iter().position(is_command));
    let Some(command) = root.find_subcommand(name) else {
        return Vec::new();
    };
    let others = given.iter().enumerate();
    let others = others.filter(|(at, _)| Some(*at) != place);
    let Pieces { options, mut names } = pieces(command, others.map(|(_, argument)| *argument));
    if named.is_none() {
        // The first name may be the misspelt command.
        names.retain(|name| Path::new(name).exists());
    }
    complete(name, options, names)
}

/// The arguments of a command, split into options and names.
#[derive(Default)]
struct Pieces {
    /// The options, each with its value if it takes one.
    options: Vec<Vec<OsString>>,
    /// The policies of `check`, or the runs of `compare`.
    names: Vec<String>,
}

/// Splits arguments as clap does, but also accepts arguments that clap rejects.
fn pieces<'a>(command: &clap::Command, arguments: impl Iterator<Item = &'a OsString>) -> Pieces {
    let mut pieces = Pieces::default();
    let mut arguments = arguments.peekable();
    let mut only_names = false;
    // True if the previous argument is an unknown option. This argument may then be its value.
    let mut may_be_value = false;
    while let Some(argument) = arguments.next() {
        if only_names || !is_option(argument) {
            let name = argument.to_str();
            let name = name.filter(|name| !may_be_value || Path::new(name).exists());
            pieces.names.extend(name.map(str::to_owned));
            may_be_value = false;
            continue;
        }
        if argument == "--" {
            (only_names, may_be_value) = (true, false);
            continue;
        }
        let mut piece = vec![argument.clone()];
        let takes_value = takes_value(command, argument);
        if takes_value == Some(true) {
            piece.extend(arguments.next_if(|next| !is_option(next)).cloned());
        }
        may_be_value = takes_value.is_none();
        pieces.options.push(piece);
    }
    pieces
}

/// Whether clap reads an argument as an option; a lone `-` is a name.
fn is_option(argument: &OsStr) -> bool {
    let bytes = argument.as_encoded_bytes();
    bytes.starts_with(b"-") && bytes != b"-"
}

/// Whether the next argument is this option's value; `None` if the option is unknown.
fn takes_value(command: &clap::Command, argument: &OsStr) -> Option<bool> {
    let bytes = argument.as_encoded_bytes();
    let Some(long) = bytes.strip_prefix(b"--") else {
        let is_known = |short: char| {
            let mut known = command.get_arguments();
            known.any(|known| known.get_short() == Some(short))
        };
        // No short option of `check` and `compare` has a value.
        let mut shorts = argument.to_str()?.chars().skip(1);
        return shorts.all(is_known).then_some(false);
    };
    let mut parts = long.splitn(2, |byte| *byte == b'=');
    let name = parts.next().unwrap_or_default();
    let mut known = command.get_arguments();
    let option = known.find(|known| known.get_long().is_some_and(|long| long.as_bytes() == name));
    let has_value = parts.next().is_some();
    option.map(|option| option.get_action().takes_values() && !has_value)
}

/// Adds options one by one to a valid command line, and keeps an option only if the command line stays valid. Rejected
/// options that are valid by themselves, such as the second of two `--json`, form another command line.
fn complete(command: &str, options: Vec<Vec<OsString>>, mut names: Vec<String>) -> Vec<Cli> {
    if command == "compare" {
        names.resize(2, "unknown".to_owned());
    }
    let parse = |options: &[Vec<OsString>]| {
        let start = ["weave-gate", command].map(OsString::from);
        let options = options.iter().flatten().cloned();
        let line = start.into_iter().chain(options).chain(["--".into()]);
        Cli::try_parse_from(line.chain(names.iter().map(OsString::from))).ok()
    };
    let mut understood = Vec::new();
    let mut left = options;
    for _ in 0..MAX_REPEATS {
        let mut best = parse(&[]);
        let mut taken = Vec::new();
        let mut rejected = Vec::new();
        for option in left {
            taken.push(option);
            match parse(&taken) {
                Some(cli) => best = Some(cli),
                None => rejected.extend(taken.pop()),
            }
        }
        if taken.is_empty() && !understood.is_empty() {
            break;
        }
        understood.extend(best);
        left = rejected;
    }
    understood
}
