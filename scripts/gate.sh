#!/usr/bin/env bash
# Runs the gate with the action's inputs. weave-gate itself writes the summary, the annotations and the outputs.
# This script must work with bash 3.2, the version on macOS.
set -uo pipefail

# The outputs say that there is no verdict until weave-gate writes one, however this script ends.
printf 'verdict=none\nexit-code=\n' >>"${GITHUB_OUTPUT:?}"

say_error() {
    # Foreign text must not become a command to the runner.
    local said=${1//'%'/'%25'}
    said=${said//$'\r'/'%0D'}
    said=${said//$'\n'/'%0A'}
    printf '::error title=weave-gate::%s\n' "$said"
}

usage() {
    say_error "$1"
    printf 'verdict=none\nexit-code=2\n' >>"$GITHUB_OUTPUT"
    exit 2
}

# Removes the reports of an earlier run. Otherwise they could be taken for new ones if weave-gate cannot write any.
remove_reports() {
    local folder=$1 name
    if [[ ! -d $folder ]]; then
        return
    fi
    case $folder in
    /* | *..*) ;;
    *)
        # A link in the checked-out repository must not choose where files are removed.
        if [[ $(cd -P -- "$folder" && pwd -P)/ != "$(pwd -P)"/* ]]; then
            usage "report-dir is \`$folder\`, which leads out of the working directory through a link"
        fi
        ;;
    esac
    for name in report.md report.html report.json junit.xml metrics.txt gitlab-annotations.json; do
        # `-p` searches only the system's folders: PATH may lead to an rm in the checked-out repository, and the key is
        # in the environment here.
        if [[ -e $folder/$name || -L $folder/$name ]] && ! command -p rm -f -- "$folder/$name"; then
            usage "cannot remove \`$folder/$name\`, the report of an earlier run"
        fi
    done
}
if [[ -n ${INPUT_REPORT_DIR:-} ]]; then
    remove_reports "$INPUT_REPORT_DIR"
fi

case ${INPUT_FAIL_ON:-} in
not-passed | failed | never) ;;
*) usage "fail-on is \`${INPUT_FAIL_ON:-}\`; expected not-passed, failed or never" ;;
esac
arguments=(check --github)
is_empty=false
# Names a run, unless the input leaves the choice to the policy. weave-gate rejects an empty name and reports it.
run() {
    local name=$1 value=$2
    if [[ $value == policy ]]; then
        return
    fi
    if [[ -z $value ]]; then
        is_empty=true
        say_error "$name is empty: a variable was probably not set; leave $name out, or write \`policy\`, for the run that the policy names"
    fi
    arguments+=("--$name=$value")
}
run candidate "${INPUT_CANDIDATE-policy}"
run baseline "${INPUT_BASELINE-policy}"
# Adds an option with its value, unless the value is empty.
option() {
    local name=$1 value=$2
    if [[ -n $value ]]; then
        arguments+=("--$name=$value")
    fi
}
option project "${INPUT_PROJECT:-}"
option wait "${INPUT_WAIT:-}"
option timeout "${INPUT_TIMEOUT:-}"
option report-dir "${INPUT_REPORT_DIR:-}"
# Adds an option if a switch has the given value (true or false).
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
    # weave-gate was killed, or the binary is not weave-gate: no verdict was written.
    printf 'verdict=none\nexit-code=%s\n' "$code" >>"$GITHUB_OUTPUT"
    say_error "it ended with exit code $code, which is no verdict"
    exit 3
fi
if [[ $is_empty == true ]]; then
    # Nothing was judged, so `fail-on`, which is about verdicts, does not apply.
    exit 2
fi
case $INPUT_FAIL_ON in
never) exit 0 ;;
# An invalid policy is an error whatever the verdict.
failed) if [[ $code -eq 3 ]]; then exit 0; fi ;;
esac
exit "$code"
