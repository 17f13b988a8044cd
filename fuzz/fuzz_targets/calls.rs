//! See `weave_gate_fuzz::calls`.

#![no_main]

mod mutate;

libfuzzer_sys::fuzz_target!(|data: &[u8]| weave_gate_fuzz::calls::check(data));

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::line(data, size, max_size, seed)
});
