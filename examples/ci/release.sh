#!/usr/bin/env bash
# Deploys the commit that is checked out, if the gate passes it. Its exit code is the gate's where that is not 0.
# Usage: WANDB_API_KEY=… ./release.sh
set -euo pipefail
cd "$(git rev-parse --show-toplevel)"

if [[ -n $(git status --porcelain --untracked-files=no) ]]; then
    echo "release: there are changes that are not committed, and so were not evaluated" >&2
    exit 2
fi
# Of a work tree with changes it would end in -dirty, and be no commit that anything was logged with.
GATE_SHA=$(git describe --always --dirty --abbrev=40 --exclude='*')
GATE_BRANCH=$(git branch --show-current)
export GATE_SHA GATE_BRANCH

# What an earlier run has left is no report of this one.
rm -rf weave-gate
# No verdict may become one; a failed verdict is tried once.
for try in 1 2 3; do
    code=0
    weave-gate check --wait 15m --report-dir weave-gate || code=$?
    if [[ $code -ne 3 || $try -eq 3 ]]; then
        break
    fi
    sleep "${RELEASE_PAUSE:-60}"
done
if [[ $code -ne 0 ]]; then
    echo "release: $GATE_SHA is not deployed; see weave-gate/report.md" >&2
    exit "$code"
fi
./deploy.sh
