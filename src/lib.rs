//! weave-gate decides from evaluations logged in W&B Weave whether a model may be deployed.
#![doc = "See ARCHITECTURE.md for the plan of the modules and for what always holds."]

pub mod app;
pub mod calibration;
pub mod cli;
pub mod draft;
pub mod evidence;
pub mod exit;
pub mod fault;
pub mod file_kind;
pub mod forge;
pub mod gate_test;
pub mod http;
pub mod input;
pub mod json;
pub mod judge;
pub mod number;
pub mod policy;
pub mod problem;
pub mod project;
pub mod prose;
mod proxy;
pub mod report;
pub mod secret;
pub mod selector;
mod shell;
pub mod site;
pub mod stats;
mod visible;
pub mod weave;
