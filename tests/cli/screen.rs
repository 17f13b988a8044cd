//! Runs the binary on a terminal of a given width.

use std::fs::File;
use std::io::Read as _;
use std::process::Stdio;

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetwinsize, tcsetwinsize};

use crate::gate::{Gate, Outcome};

/// A terminal: the side that the test reads, and the side that the binary writes to.
fn terminal(columns: u16) -> (OwnedFd, OwnedFd) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let size = tcgetwinsize(&theirs).unwrap();
    let size = Winsize {
        ws_col: columns,
        ws_row: 50,
        ..size
    };
    tcsetwinsize(&theirs, size).unwrap();
    (ours, theirs)
}

/// Runs the binary with stdout on a terminal of this many columns, without colours unless the environment asks for
/// them.
#[track_caller]
pub fn shown(gate: Gate, columns: u16) -> Outcome {
    let (ours, theirs) = terminal(columns);
    let mut command = gate.command();
    command.stdout(theirs).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // The command holds the other side of the terminal, and reading ends only if nobody holds it.
    drop(command);
    let mut stderr = child.stderr.take().unwrap();
    let mut screen = Vec::new();
    // Linux reports the end of a terminal as an error.
    let _ = File::from(ours).read_to_end(&mut screen);
    let mut said = Vec::new();
    stderr.read_to_end(&mut said).unwrap();
    let status = child.wait().unwrap();
    let output = std::process::Output {
        status,
        stdout: String::from_utf8(screen)
            .unwrap()
            .replace("\r\n", "\n")
            .into_bytes(),
        stderr: said,
    };
    gate.ended(output)
}

/// The text of a screen without the escape sequences of colours, and with links written as `[text](address)`.
pub fn readable(screen: &str) -> String {
    let mut text = String::new();
    let mut rest = screen;
    let mut address: Option<&str> = None;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        text.push_str(before);
        if let Some(link) = after.strip_prefix("]8;;") {
            let (url, after) = link.split_once("\u{1b}\\").unwrap();
            match address.replace(url) {
                Some(known) if url.is_empty() => {
                    text.extend(["](", known, ")"]);
                    address = None;
                }
                _ => text.push('['),
            }
            rest = after;
        } else {
            let (_, after) = after.split_once('m').unwrap();
            rest = after;
        }
    }
    text.push_str(rest);
    text
}
