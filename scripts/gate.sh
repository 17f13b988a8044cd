#!/usr/bin/env bash
# Runs the gate with the action's inputs. weave-gate itself writes summary, annotations and outputs.
set -uo pipefail

usage() {
    # What somebody wrote must not become a command to the runner.
    local said=${1//'%'/'%25'}
    said=${said//$'\r'/'%0D'}
    said=${said//$'\n'/'%0A'}
    printf '::error title=weave-gate::%s\n' "$said"
    printf 'verdict=none\nexit-code=2\n' >>"${GITHUB_OUTPUT:?}"
    exit 2
}

case ${INPUT_FAIL_ON:-} in
not-passed | failed | never) ;;
*) usage "fail-on is \`${INPUT_FAIL_ON:-}\`; expected not-passed, failed or never" ;;
esac
arguments=(check --github)
for name in candidate baseline project wait timeout report-dir; do
    variable=INPUT_${name^^}
    variable=${variable//-/_}
    value=${!variable:-}
    if [[ -n $value ]]; then
        arguments+=("--$name=$value")
    fi
done
# Adds an option where a switch is on, or off.
switch() {
    local name=$1 value=$2 wanted=$3 option=$4
    case $value in
    "$wanted") arguments+=("$option") ;;
    true | false) ;;
    *) usage "$name is \`$value\`; expected true or false" ;;
    esac
}
switch excerpts "${INPUT_EXCERPTS:-true}" false --no-excerpts
switch comment "${INPUT_COMMENT:-false}" true --github-comment
switch skip-forks "${INPUT_SKIP_FORKS:-false}" true --skip-forks
if [[ ${INPUT_COMMENT:-false} == true ]]; then
    export GITHUB_TOKEN=${INPUT_TOKEN:-}
else
    unset GITHUB_TOKEN
fi
unset INPUT_TOKEN
policies=()
while IFS= read -r policy; do
    policy=${policy%$'\r'}
    if [[ -n ${policy//[[:space:]]/} ]]; then
        policies+=("$policy")
    fi
done <<<"${INPUT_POLICY:-}"
if [[ ${#policies[@]} -eq 0 ]]; then
    usage "policy is empty; name a policy file"
fi

"${WEAVE_GATE:?}" "${arguments[@]}" -- "${policies[@]}"
code=$?
if [[ $code -gt 3 ]]; then
    # It was killed, or is none of ours: no verdict was written.
    printf 'verdict=none\nexit-code=%s\n' "$code" >>"${GITHUB_OUTPUT:?}"
    printf '::error title=weave-gate::it ended with exit code %s, which is no verdict\n' "$code"
    exit 3
fi
case $INPUT_FAIL_ON in
never) exit 0 ;;
# A wrong policy is wrong whatever the verdict.
failed) if [[ $code -eq 3 ]]; then exit 0; fi ;;
esac
exit "$code"
