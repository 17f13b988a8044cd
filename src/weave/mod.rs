//! W&B Weave: where it is, how it is asked, and how its answers become evidence.

mod address;
mod client;
mod counts;
mod credentials;
mod find;
mod head;
mod identity;
mod nothing;
mod patience;
mod read;
mod refusal;
mod rows;
mod settings;
mod setup;
mod wire;

pub use address::{Address, web};
pub use client::{Answers, Client, Noise};
pub use credentials::{Credential, find_credential, known_secret, password as netrc_password};
pub use find::{Absence, Eligible, Finder, Found, Named, State, Unread};
pub use head::{BaselineRules, EvaluationKey, Head, saved_mismatches};
pub use read::{
    Needs, Side, Sides, differ_by_key_order, read_details, read_evidence, read_prediction,
    read_rows, read_run, read_trials, run_rows, saved_evidence,
};
pub use setup::read_setup;
