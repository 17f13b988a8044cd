//! `man`: prints the manual page. One page describes all commands, so that only one file has to be installed.

use std::io;

use clap::CommandFactory as _;
use clap_mangen::Man;

use super::console::Console;
use crate::cli::Cli;
use crate::fault::Fault;

pub(super) fn run(console: &Console) -> Result<(), Fault> {
    let mut page = Vec::new();
    write(&mut page)
        .map_err(|error| Fault::bug(format!("cannot make the manual page: {error}")))?;
    console.print(&String::from_utf8_lossy(&page))
}

fn write(page: &mut Vec<u8>) -> io::Result<()> {
    let mut root = Cli::command();
    root.build();
    let man = Man::new(root.clone()).manual("weave-gate manual");
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    for command in root.get_subcommands() {
        page.extend_from_slice(section(command)?.as_bytes());
    }
    man.render_options_section(page)?;
    let mut exit_codes = Vec::new();
    man.render_extra_section(&mut exit_codes)?;
    let exit_codes = String::from_utf8_lossy(&exit_codes);
    page.extend_from_slice(
        exit_codes
            .replace(".SH EXTRA", ".SH \"EXIT STATUS\"")
            .as_bytes(),
    );
    man.render_version_section(page)
}

/// Renders the section of one command. Options that all commands share appear once, at the end of the page.
fn section(command: &clap::Command) -> io::Result<String> {
    let heading = format!(
        ".SH \"WEAVE\\-GATE {}\"\n",
        command.get_name().to_uppercase()
    );
    let command = command.clone().mut_args(|argument| {
        let everywhere = argument.is_global_set() || argument.get_id() == "help";
        argument.hide(everywhere)
    });
    let extra = command.get_after_help().is_some();
    let man = Man::new(command);
    let mut text = Vec::new();
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if extra {
        man.render_extra_section(&mut text)?;
    }
    // Sections of a separate page become subsections here.
    let text = String::from_utf8_lossy(&text)
        .replace(".SH EXTRA", ".SS \"EXIT STATUS\"")
        .replace(".SH ", ".SS ");
    Ok(heading + &text)
}
