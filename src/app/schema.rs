//! `schema`: what policies and reports look like, for editors and scripts.

use super::console::Console;
use crate::cli::{Document, SchemaArgs};
use crate::exit::Exit;
use crate::{policy, report};

pub(super) fn run(arguments: &SchemaArgs, console: &Console) -> Exit {
    let schema = match arguments.of {
        Document::Policy => policy::schema(),
        Document::Report => report::report_schema(),
        Document::Comparison => report::comparison_schema(),
    };
    console.report(&format!("{schema:#}\n"));
    Exit::Passed
}
