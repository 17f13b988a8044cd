//! Tests that run the built binary and check its messages, exit codes and files.

#![expect(unreachable_pub, reason = "one crate, whose rooms use each other")]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong has to say so"
)]

mod action;
mod bad_input;
mod behind;
mod calibrate;
mod calls;
mod ci;
mod comments;
#[cfg(target_os = "linux")]
mod compared;
mod connections;
mod credentials;
mod documents;
mod example_policies;
#[cfg(target_os = "linux")]
mod explained;
mod fault_table;
mod faults;
mod find;
mod gate;
mod gate_tests;
#[cfg(unix)]
mod gitlab;
mod help;
mod hostile;
mod hyperlinks;
mod init;
mod install;
mod interrupted;
#[cfg(unix)]
mod invalid_arguments;
#[cfg(unix)]
mod links;
#[cfg(target_os = "linux")]
mod listing;
mod manual;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod names;
mod network;
mod no_baseline;
mod no_room;
mod no_verdict;
mod planted_policies;
mod policy_base;
mod policy_diff;
mod policy_errors;
#[cfg(unix)]
mod recipes;
mod redaction;
mod release;
mod rendered;
mod reports;
mod requests;
mod rows;
mod schema;
#[cfg(target_os = "linux")]
mod screen;
#[cfg(unix)]
mod screens;
mod secrets;
mod secure;
mod selection;
#[cfg(unix)]
mod setups;
mod shell;
mod snapshot;
#[cfg(target_os = "linux")]
mod troubleshooting;
mod weave;
