#!/usr/bin/env bash
# Puts a weave-gate where the action's next step finds it, and names it in the output `binary`: a released one of
# the version that was asked for, or one built from the action's own source.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

refuse() {
    # What somebody wrote must not become a command to the runner.
    local said=${1//'%'/'%25'}
    said=${said//$'\r'/'%0D'}
    said=${said//$'\n'/'%0A'}
    printf '::error title=weave-gate::%s\n' "$said"
    exit 2
}

sha256_of() {
    # macOS has no sha256sum before version 15.
    if command -v sha256sum >/dev/null; then
        sha256sum <"$1"
    else
        shasum --algorithm 256 <"$1"
    fi | cut -d ' ' -f 1
}

# The target triple of this runner, as releases name it.
target() {
    local runner=${RUNNER_OS:-}/${RUNNER_ARCH:-}
    case $runner in
    Linux/X64) echo x86_64-unknown-linux-musl ;;
    Linux/ARM64) echo aarch64-unknown-linux-musl ;;
    macOS/X64) echo x86_64-apple-darwin ;;
    macOS/ARM64) echo aarch64-apple-darwin ;;
    Windows/X64) echo x86_64-pc-windows-msvc ;;
    *) return 1 ;;
    esac
}

download() {
    local version=$1 target stem archive wanted url folder got
    if [[ ! $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; then
        refuse "version is \`$version\`; expected a released one such as 1.2.3"
    fi
    if ! target=$(target); then
        refuse "nothing is released for ${RUNNER_OS:-an unknown system} on ${RUNNER_ARCH:-an unknown processor}; leave \`version\` out, and the action builds its own source"
    fi
    stem=weave-gate-$version-$target
    archive=$stem.tar.gz
    # A download counts only with the checksum that this very commit of the action has for it.
    wanted=$(awk -v archive="$archive" '$2 == archive { print $1 }' "$scripts/checksums.txt")
    if [[ ! $wanted =~ ^[0-9a-f]{64}$ ]]; then
        refuse "this commit of the action has no checksum of \`$archive\`; name a version that its scripts/checksums.txt has, or take a newer commit of the action, or leave \`version\` out, and it builds its own source"
    fi
    url=${GITHUB_SERVER_URL:?}/${ACTION_REPOSITORY:-${GITHUB_REPOSITORY:?}}/releases/download/v$version/$archive
    folder=$(mktemp -d "${RUNNER_TEMP:?}/weave-gate.XXXXXXXX")
    # A relative name, here and for tar, for which `D:` would be a host.
    cd "$folder"
    if ! curl --fail --silent --show-error --location --proto '=https' --proto-redir '=https' --tlsv1.2 --retry 3 \
        --connect-timeout 30 --max-time 300 --output "$archive" "$url"; then
        refuse "cannot download \`$url\`; see what curl said above"
    fi
    got=$(sha256_of "$archive")
    if [[ $got != "$wanted" ]]; then
        rm -f "$archive"
        refuse "\`$url\` is not what was released: its SHA-256 is $got, not $wanted; it was not unpacked"
    fi
    tar -xzf "$archive"
    binary=$folder/$stem/weave-gate
}

build() {
    local target=${RUNNER_TEMP:?}/weave-gate-target
    if ! command -v cargo >/dev/null; then
        refuse "cargo is not installed, and the action builds its own source; install Rust in a step before, or name a released \`version\`"
    fi
    cargo build --quiet --release --locked --bin weave-gate \
        --manifest-path "${GITHUB_ACTION_PATH:?}/Cargo.toml" --target-dir "$target"
    binary=$target/release/weave-gate
}

if [[ -n ${INPUT_VERSION:-} ]]; then
    download "$INPUT_VERSION"
else
    build
fi
if [[ ${RUNNER_OS:-} == Windows ]]; then
    binary=$binary.exe
fi
"$binary" --version
printf 'binary=%s\n' "$binary" >>"${GITHUB_OUTPUT:?}"
