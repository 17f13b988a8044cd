#!/usr/bin/env bash
# Deploys the commit that is checked out, if the gate passes it. Exits with the gate's exit code if that is not 0.
# Usage: WANDB_API_KEY=… ./release.sh
set -euo pipefail
cd "$(git rev-parse --show-toplevel)"

if [[ -n $(git status --porcelain --untracked-files=no) ]]; then
    echo "release: there are changes that are not committed, and so were not evaluated" >&2
    exit 2
fi
# In a work tree with changes, GATE_SHA would end in -dirty, and no run was logged with such a commit.
GATE_SHA=$(git describe --always --dirty --abbrev=40 --exclude='*')
GATE_BRANCH=$(git branch --show-current)
export GATE_SHA GATE_BRANCH

# Removes the reports of an earlier run, so that they are not taken for reports of this one.
rm -rf weave-gate
# Tries again only where a later attempt may have a verdict, such as after a network failure. The report says so.
for try in 1 2 3; do
    code=0
    weave-gate check --wait 15m --report-dir weave-gate || code=$?
    if [[ $code -ne 3 || $try -eq 3 ]] || ! grep -qs '^  "retryable": true' weave-gate/report.json; then
        break
    fi
    sleep "${RELEASE_PAUSE:-60}"
done
if [[ $code -ne 0 ]]; then
    echo "release: $GATE_SHA is not deployed; see weave-gate/report.md" >&2
    exit "$code"
fi
./deploy.sh
