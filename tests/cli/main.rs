//! The built binary, driven from outside: its messages, exit codes and files.

#![expect(unreachable_pub, reason = "one crate, whose rooms use each other")]

mod bad_input;
mod documents;
mod faults;
mod gate;
mod reports;
mod requests;
mod weave;
