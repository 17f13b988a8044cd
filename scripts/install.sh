#!/usr/bin/env bash
# Puts a weave-gate where the action's next step finds it, and names it in the output `binary`.
set -euo pipefail

if [[ -n ${INPUT_VERSION:-} ]]; then
    # A download counts only with the checksum that this very commit of the action has for it.
    echo "::error title=weave-gate::this commit of the action has no checksum of a released binary; leave \`version\` out, and it builds its own source"
    exit 2
fi
if ! command -v cargo >/dev/null; then
    echo "::error title=weave-gate::cargo is not installed, and the action builds its own source; install Rust in a step before"
    exit 2
fi
target=${RUNNER_TEMP:?}/weave-gate-target
cargo build --quiet --release --locked --bin weave-gate \
    --manifest-path "${GITHUB_ACTION_PATH:?}/Cargo.toml" --target-dir "$target"
binary=$target/release/weave-gate
if [[ ${RUNNER_OS:-} == Windows ]]; then
    binary=$binary.exe
fi
"$binary" --version
printf 'binary=%s\n' "$binary" >>"${GITHUB_OUTPUT:?}"
