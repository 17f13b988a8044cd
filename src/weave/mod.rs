//! W&B Weave: its address, the requests to it, and how its answers become evidence.

mod address;
mod api_error;
mod body;
mod client;
mod counts;
mod credentials;
mod eligible;
mod exceptions;
mod find;
mod identity;
mod info;
mod not_found;
mod read;
mod rows;
mod served;
mod settings;
mod setup;
mod unknown_id;
mod wire;

pub use address::{Address, web};
pub use client::{Answers, Client};
pub use credentials::{Credential, find_credential, known_secret, password as netrc_password};
pub use eligible::Eligible;
pub use exceptions::read_exceptions;
pub use find::{Absence, Finder, Found, Named, State, Unread};
pub use read::{
    Needs, RunSource, Sources, differ_by_key_order, read_details, read_evidence, read_prediction,
    read_rows, read_run, read_totals, read_trials, run_rows, saved_evidence,
};
pub use served::read_scorer_models;
pub use setup::{read_setup, setup_of};
