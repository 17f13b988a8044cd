#!/usr/bin/env bash
# Packs a binary for a release: one archive with the manual page and the completions that the binary itself prints.
# Usage: scripts/package.sh BINARY TARGET FOLDER
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
binary=$1 target=$2 folder=$3

version=$("$binary" --version)
# cargo-binstall and scripts/install.sh expect exactly this name, and a folder with this name in the archive.
stem=weave-gate-${version#weave-gate }-$target
mkdir -p "$folder/$stem/completions"
cp "$binary" "$root/LICENSE" "$root/README.md" "$root/CHANGELOG.md" "$folder/$stem"
"$binary" man >"$folder/$stem/weave-gate.1"
"$binary" completions bash >"$folder/$stem/completions/weave-gate.bash"
"$binary" completions zsh >"$folder/$stem/completions/_weave-gate"
"$binary" completions fish >"$folder/$stem/completions/weave-gate.fish"
"$binary" completions powershell >"$folder/$stem/completions/_weave-gate.ps1"
# A relative name, because tar reads `D:` as a host.
cd "$folder"
tar -czf "$stem.tar.gz" "$stem"
rm -r "$stem"
