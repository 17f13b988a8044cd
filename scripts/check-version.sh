#!/usr/bin/env bash
# Checks whether this source can be released under a tag. Cargo.toml has the version, and every other file must agree.
# Usage: scripts/check-version.sh v1.2.3
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tag=${1-}
problems=0

wrong() {
    printf 'check-version: %s\n' "$*" >&2
    problems=1
}

# Prints the value of a key in a table of a TOML file: FILE TABLE KEY.
value() { sed -n "/^\\[$2\\]\$/,/^\\[/s/^$3 = \"\\(.*\\)\"\$/\\1/p" "$1"; }

if [[ ! $tag =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; then
    wrong "the tag is \`${tag@Q}\`; expected one such as v1.2.3"
    exit 1
fi
version=${tag#v}

cargo=$(value Cargo.toml package version)
[[ $cargo == "$version" ]] || wrong "the tag is $tag, and Cargo.toml has version $cargo"
locked=$(sed -n '/^name = "weave-gate"$/{n;s/^version = "\(.*\)"$/\1/p;}' Cargo.lock)
[[ $locked == "$version" ]] || wrong "Cargo.lock has version $locked; build once, and commit it"

heading=$(grep -m 1 '^## ' CHANGELOG.md || true)
dated="^## ${version//./\\.}, [0-9]{4}-[0-9]{2}-[0-9]{2}\$"
[[ $heading =~ $dated ]] || wrong "CHANGELOG.md begins with \`$heading\`; expected \`## $version, YEAR-MONTH-DAY\`"

# A user who has verified a released archive must never find a different archive under the same name.
if grep -qF "  weave-gate-$version-" scripts/checksums.txt; then
    wrong "scripts/checksums.txt has archives of $version: it is released already"
fi
action=$(sed -n '/^  version:$/,/^  [^ ]/s/^    default: "\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' action.yml)
if [[ -n $action ]] && ! grep -qF "  weave-gate-$action-" scripts/checksums.txt; then
    wrong "action.yml installs $action, of which scripts/checksums.txt has no archive"
fi

# cargo-binstall finds the archives by the repository's address. Only a runner knows that address.
if [[ -n ${GITHUB_REPOSITORY:-} ]]; then
    here=${GITHUB_SERVER_URL:-https://github.com}/$GITHUB_REPOSITORY
    repository=$(value Cargo.toml package repository)
    [[ $repository == "$here" ]] || wrong "Cargo.toml has repository \`$repository\`; cargo-binstall needs \`$here\`"
fi

exit "$problems"
