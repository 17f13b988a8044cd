//! `validate`: reports every problem of policies, offline.

use super::console::Console;
use super::policies::policies;
use crate::cli::ValidateArgs;
use crate::exit::Exit;
use crate::number::plural;
use crate::policy::expand;

pub(super) fn run(arguments: &ValidateArgs, console: &Console) -> Exit {
    let checked = expand(&arguments.policy).and_then(|files| policies(&files));
    match checked {
        Ok(policies) => {
            for policy in policies {
                let gates = plural(policy.gates.len() as u64, "gate");
                console.done(&format!("{}: valid, {gates}", policy.path));
            }
            Exit::Passed
        }
        Err(fault) => {
            console.fault(&fault);
            fault.exit
        }
    }
}
