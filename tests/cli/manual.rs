//! Tests of the manual page and the shell completions. Both are generated from the command line definition, so they
//! must name every option.

use std::fs;
use std::path::Path;
use std::process::Command;

use clap::CommandFactory as _;
use weave_gate::cli::Cli;

use crate::gate::Gate;

/// Every command and its options, as a user types them.
fn command_line() -> Vec<(String, Vec<String>)> {
    let mut root = Cli::command();
    root.build();
    let options = |command: &clap::Command| {
        let long = command.get_arguments().filter_map(clap::Arg::get_long);
        long.map(|name| format!("--{name}")).collect()
    };
    let mut all: Vec<(String, Vec<String>)> = root
        .get_subcommands()
        .map(|command| (command.get_name().to_owned(), options(command)))
        .collect();
    all.push((String::new(), options(&root)));
    all
}

#[test]
fn the_manual_page_names_every_command_and_option() {
    let page = Gate::new(&["man"]).run().code(0).stdout;
    assert!(
        page.contains(".TH weave-gate 1 "),
        "no title, so no viewer shows it"
    );
    let page = page.replace("\\-", "-");
    let last = page.split(".SH OPTIONS").nth(1).unwrap();
    for (command, options) in command_line() {
        let section = if command.is_empty() {
            last
        } else {
            let heading = format!(".SH \"WEAVE-GATE {}\"", command.to_uppercase());
            let rest = page.split(&heading).nth(1);
            let rest = rest.unwrap_or_else(|| panic!("the page has no {heading}"));
            rest.split("\n.SH ").next().unwrap()
        };
        for option in options {
            // Options of all commands appear once, under OPTIONS.
            let spelled = format!("\\fB{option}\\fR");
            assert!(
                section.contains(&spelled) || last.contains(&spelled),
                "{command} lacks {option}"
            );
        }
    }
    for code in ["0 passed", "1 failed", "2 command line", "3 no verdict"] {
        assert!(last.contains(code), "the page does not say {code}");
    }
}

#[test]
fn completions_name_every_command_and_option() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = Gate::new(&["completions", shell]).run().code(0).stdout;
        for (command, options) in command_line() {
            assert!(script.contains(&command), "{shell} lacks {command}");
            for option in options {
                // A fish completion writes the long name without dashes, as `-l report-dir`.
                let fish = format!("-l {}", option.trim_start_matches('-'));
                let named = script.contains(&option) || shell == "fish" && script.contains(&fish);
                assert!(named, "{shell} lacks {command} {option}");
            }
        }
    }
    Gate::new(&["completions", "elvish"]).run().code(2);
}

#[test]
fn bash_completes_a_command_line() {
    let script = Gate::new(&["completions", "bash"]).run().code(0);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("completions");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("weave-gate.bash");
    fs::write(&path, &script.stdout).unwrap();
    // Bash calls the function that the script registered, and this command does the same.
    let complete = "source \"$1\"; COMP_WORDS=(weave-gate check --report-d); COMP_CWORD=2
        function=$(complete -p weave-gate | grep -o -- '-F [^ ]*'); ${function#-F } weave-gate --report-d check
        printf '%s\\n' \"${COMPREPLY[@]}\"";
    let checked = Command::new("bash").arg("-n").arg(&path).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
    let output = Command::new("bash")
        .args(["-c", complete, "bash"])
        .arg(&path)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "--report-dir\n");
}
