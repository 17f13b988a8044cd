//! What a person sees: whole screens on a terminal of a given width, and piped.

use std::fs::OpenOptions;
use std::io::Read as _;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use unicode_width::UnicodeWidthStr;

use crate::gate::Gate;

/// What the gate shows on a terminal of this width. Hyperlinks are written as `[text]`.
fn screen(gate: &Gate, width: u16) -> String {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
    let theirs = OpenOptions::new()
        .read(true)
        .write(true)
        .open(name)
        .unwrap();
    let size = Winsize {
        ws_row: 45,
        ws_col: width,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&theirs, size).unwrap();
    let mut command = gate.command();
    let mut child = command
        .env("TERM", "xterm-256color")
        .env("NO_COLOR", "1")
        .stdout(theirs.try_clone().unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Both hold the other end open. Reading ends only when it is closed.
    drop((theirs, command));
    let mut shown = Vec::new();
    let mut terminal = std::fs::File::from(ours);
    let mut piece = [0; 4096];
    // When the other end is closed, Linux reports an error instead of an end.
    while let Ok(read @ 1..) = terminal.read(&mut piece) {
        shown.extend_from_slice(&piece[..read]);
    }
    child.wait().unwrap();
    let text = String::from_utf8(shown).unwrap().replace("\r\n", "\n");
    linked(&text)
}

/// Replaces hyperlinks (OSC 8) by their texts in brackets. No other escape may be there.
fn linked(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}]8;;") {
        let (address, after) = after.split_once("\u{1b}\\").unwrap();
        shown.push_str(before);
        shown.push(if address.is_empty() { ']' } else { '[' });
        rest = after;
    }
    shown.push_str(rest);
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    shown
}

fn example(more: &[&str]) -> Gate {
    let file = |name: &str| {
        std::fs::read_to_string(format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    Gate::new(&["check", "gates.example.yaml"])
        .args(&[
            "--candidate=file:examples/candidate.json",
            "--baseline=file:examples/baseline.json",
        ])
        .args(more)
        .env("GATE_SHA", "8dc29fc41b6c0a7d2f94e35b17a60c8d5e9f1a23")
        .file("gates.example.yaml", &file("gates.example.yaml"))
        .file("examples/candidate.json", &file("examples/candidate.json"))
        .file("examples/baseline.json", &file("examples/baseline.json"))
}

/// The width of the widest line without the brackets of links.
fn widest(text: &str) -> usize {
    let lines = text.lines().map(|line| line.replace(['[', ']'], ""));
    lines.map(|line| line.width()).max().unwrap()
}

#[test]
fn the_example_fits_each_terminal() {
    for width in [60, 80, 120] {
        let shown = screen(&example(&[]), width);
        assert!(widest(&shown) <= usize::from(width), "{width}:\n{shown}");
        insta::assert_snapshot!(format!("check_{width}"), shown);
        // The last screen has the failures.
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines.len() <= 60);
        let last = lines[lines.len().saturating_sub(45)..].join("\n");
        assert!(last.contains("✗ golden rows never break") && last.contains("FAILED: "));
    }
}

#[test]
fn piped_text_is_80_columns_wide_without_links() {
    let outcome = example(&[]).run().code(1);
    assert!(!outcome.stdout.contains('\u{1b}'));
    assert!(widest(&outcome.stdout) <= 80);
    insta::assert_snapshot!("check_piped", outcome.stdout);
    // stderr does not repeat what stdout says.
    assert_eq!(outcome.stderr, "");
    assert!(outcome.stdout.lines().count() <= 45);
}

#[test]
fn quiet_and_all_choose_how_much_is_shown() {
    let quiet = screen(&example(&["-q"]), 80);
    let all = screen(&example(&["--all"]), 80);
    let usual = screen(&example(&[]), 80);
    assert!(quiet.len() < usual.len() && usual.len() < all.len());
    insta::assert_snapshot!("check_quiet", quiet);
    insta::assert_snapshot!("check_all", all);
}

#[test]
fn wide_characters_take_two_columns() {
    let name = "回答は正しいままである".repeat(2);
    let policy = format!(
        "version: 1\ngates:\n- {{name: {name}, scorer: correctness, metric: pass_rate, min: 0.99}}\n- {{name: b, metric: rows, min: 1000}}\n"
    );
    let gate = example(&[]).file("gates.example.yaml", &policy);
    for width in [60, 80, 120] {
        let shown = screen(&gate, width);
        assert!(widest(&shown) <= usize::from(width), "{width}:\n{shown}");
    }
    insta::assert_snapshot!("check_wide", screen(&gate, 80));
}
