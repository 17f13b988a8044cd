//! See `weave_gate_fuzz::policy`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| weave_gate_fuzz::policy::check(data));
