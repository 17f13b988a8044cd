//! `completions`: prints the completion script of a shell.

use clap::CommandFactory as _;
use clap_complete::{Generator, shells};

use super::console::Console;
use crate::cli::{Cli, CompletionsArgs, Shell};
use crate::fault::Fault;

pub(super) fn run(arguments: CompletionsArgs, console: &Console) -> Result<(), Fault> {
    console.print(&match arguments.shell {
        Shell::Bash => corrected(&script(shells::Bash)),
        Shell::Zsh => script(shells::Zsh),
        Shell::Fish => script(shells::Fish),
        Shell::PowerShell => script(shells::PowerShell),
    })
}

fn script(shell: impl Generator) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "weave-gate", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Works around clap's issue 6421: `clap_complete` spells the hyphen of our name in two ways, so that shells would not
/// complete anything after a command.
fn corrected(script: &str) -> String {
    script.replace("weave__subcmd__gate", "weave__gate")
}
