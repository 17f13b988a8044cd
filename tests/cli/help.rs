//! Tests of the help: commands in the order in which they are used, and texts that are read at a glance.

use clap::CommandFactory as _;
use weave_gate::cli::Cli;

use crate::gate::Gate;

/// The names of all commands, in the order of the help.
pub fn commands() -> Vec<String> {
    let root = Cli::command();
    let names = root.get_subcommands().map(clap::Command::get_name);
    names.map(str::to_owned).collect()
}

/// The help of a command, or of the program if the name is empty, as a terminal of 80 columns shows it.
pub fn help(command: &str) -> String {
    let words: Vec<&str> = [command, "-h"]
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect();
    Gate::new(&words).env("COLUMNS", "80").run().code(0).stdout
}

#[test]
fn commands_are_in_the_order_of_use() {
    let expected = [
        "init",
        "validate",
        "diff",
        "check",
        "explain",
        "compare",
        "test",
        "calibrate",
        "runs",
        "snapshot",
        "export",
        "prediction",
        "schema",
        "completions",
        "man",
    ];
    assert_eq!(commands(), expected);
}

/// Each text of the help is at most two lines, and no line is wider than the terminal.
#[test]
fn texts_of_the_help_are_at_most_two_lines() {
    let all = std::iter::once(String::new()).chain(commands());
    for command in all {
        let help = help(&command);
        let mut lines_of_text = 0;
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{command}: {line}");
            let indent = line.len() - line.trim_start().len();
            if indent >= 10 {
                lines_of_text += 1;
            } else {
                // The first line of an option has a text if there is a gap after its name.
                lines_of_text = usize::from(line.trim_start().contains("  "));
            }
            assert!(lines_of_text <= 2, "{command}: {line}\n{help}");
        }
    }
}

#[test]
fn texts_of_the_help_are_no_sentences() {
    let mut root = Cli::command();
    root.build();
    let mut texts = 0;
    for command in root.get_subcommands() {
        let options = command.get_arguments().filter_map(clap::Arg::get_help);
        for text in options.chain(command.get_about()) {
            let text = text.to_string();
            texts += 1;
            assert!(text.starts_with(char::is_uppercase), "{text}");
            assert!(!text.ends_with('.'), "{text}");
        }
    }
    assert!(texts > 50, "{texts}");
}
