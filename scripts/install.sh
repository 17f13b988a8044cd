#!/usr/bin/env bash
# Installs weave-gate for the action's next step and names it in the output `binary`. Installs a released version if
# INPUT_VERSION names one. Otherwise builds the source that this script belongs to.
#
# The checked-out repository may be untrusted, and the job may hold keys. So everything runs in folders outside of the
# repository, and each program that this script starts gets only the few environment variables that are named below.
# When a person runs this script, its last line is the path of the binary.
# This script must work with bash 3.2, the version on macOS.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$(dirname "$scripts")

refuse() {
    # Foreign text must not become a command to the runner.
    local said=${1//'%'/'%25'}
    said=${said//$'\r'/'%0D'}
    said=${said//$'\n'/'%0A'}
    printf '::error title=weave-gate::%s\n' "$said"
    exit 2
}

# The variables that the started programs get. They include no key, token or input of the action, and no file through
# which a program sends something to the runner.
kept=(
    HOME USER LANG LC_ALL TMPDIR TEMP TMP RUNNER_TEMP
    RUSTUP_HOME RUSTUP_TOOLCHAIN CARGO_HOME CARGO_HTTP_CAINFO CARGO_HTTP_PROXY
    http_proxy https_proxy HTTPS_PROXY HTTP_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
    SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE
    DEVELOPER_DIR SDKROOT
    APPDATA COMSPEC LOCALAPPDATA NUMBER_OF_PROCESSORS PATHEXT PROCESSOR_ARCHITECTURE PROGRAMFILES ProgramData
    SYSTEMDRIVE SYSTEMROOT USERPROFILE WINDIR
)

# The checked-out repository.
workspace=
if [[ -n ${GITHUB_WORKSPACE:-} && -d $GITHUB_WORKSPACE ]]; then
    workspace=$(cd "$GITHUB_WORKSPACE" && pwd)
fi

# Tells whether a path is in the checked-out repository.
is_checked_out() {
    [[ -n $workspace && $1/ == "$workspace"/* ]]
}

# Prints PATH without folders in the checked-out repository and without folders that depend on the current folder.
search_path() {
    local folder folders=
    while IFS= read -r -d : folder; do
        if [[ $folder == /* ]] && ! is_checked_out "$folder"; then
            folders=$folders${folders:+:}$folder
        fi
    done <<<"$PATH:"
    printf '%s\n' "$folders"
}
PATH=$(search_path)

# Runs a command with only the kept variables.
clean() {
    local name
    local -a variables
    variables=("PATH=$PATH")
    for name in "${kept[@]}"; do
        if [[ -n ${!name+set} ]]; then
            variables+=("$name=${!name}")
        fi
    done
    env -i "${variables[@]}" "$@"
}

sha256_of() {
    # macOS has no sha256sum before version 15.
    if command -v sha256sum >/dev/null; then
        sha256sum <"$1"
    else
        shasum --algorithm 256 <"$1"
    fi | cut -d ' ' -f 1
}

# Prints the target triple of this runner, as release names use it.
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

# A new folder. No other job and no earlier step has written to it.
new_folder() {
    local parent=${RUNNER_TEMP:-${TMPDIR:-/tmp}}
    mktemp -d "$parent/weave-gate.XXXXXXXX"
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
    # A download is accepted only with the checksum that this commit of the action has for it.
    wanted=$(awk -v archive="$archive" '$2 == archive { print $1 }' "$scripts/checksums.txt")
    if [[ ! $wanted =~ ^[0-9a-f]{64}$ ]]; then
        refuse "this commit of the action has no checksum of \`$archive\`; name a version that its scripts/checksums.txt has, or take a newer commit of the action, or leave \`version\` out, and it builds its own source"
    fi
    url=${GITHUB_SERVER_URL:?}/${ACTION_REPOSITORY:-${GITHUB_REPOSITORY:?}}/releases/download/v$version/$archive
    folder=$(new_folder)
    # A relative name, because tar reads the `D:` of an absolute name as a host.
    cd "$folder"
    if ! clean curl --fail --silent --show-error --location --proto '=https' --proto-redir '=https' --tlsv1.2 --retry 3 \
        --connect-timeout 30 --max-time 300 --output "$archive" "$url"; then
        refuse "cannot download \`$url\`; see what curl said above"
    fi
    got=$(sha256_of "$archive")
    if [[ $got != "$wanted" ]]; then
        rm -f "$archive"
        refuse "\`$url\` is not what was released: its SHA-256 is $got, not $wanted; it was not unpacked"
    fi
    clean tar -xzf "$archive"
    binary=$folder/$stem/weave-gate
}

build() {
    local name folder
    if ! command -v cargo >/dev/null; then
        refuse "cargo is not installed, and the action builds its own source; install Rust in a step before, or name a released \`version\`"
    fi
    for name in HOME CARGO_HOME RUSTUP_HOME RUSTUP_TOOLCHAIN; do
        if is_checked_out "${!name:-}"; then
            refuse "$name is in the checked-out repository, whose files could then run as the compiler; name another folder"
        fi
    done
    folder=$(new_folder)
    # rustup and cargo read rust-toolchain.toml and .cargo/config.toml from the current folder and its parents.
    cd "$source"
    if ! clean cargo build --quiet --release --locked --bin weave-gate --manifest-path Cargo.toml --target-dir "$folder"; then
        refuse "cannot build weave-gate; see what cargo said above"
    fi
    binary=$folder/release/weave-gate
}

if [[ -n ${INPUT_VERSION:-} ]]; then
    download "$INPUT_VERSION"
else
    build
fi
if [[ ${RUNNER_OS:-} == Windows ]]; then
    binary=$binary.exe
fi
clean "$binary" --version
if [[ -n ${GITHUB_OUTPUT:-} ]]; then
    printf 'binary=%s\n' "$binary" >>"$GITHUB_OUTPUT"
else
    printf '%s\n' "$binary"
fi
