"""Starting from nothing: listing runs, drafting a policy, comparing without one."""

from __future__ import annotations

import json

from scenarios import Bot, correctness, evaluate, log, questions, through_api

ROWS = questions(range(10))


def test_runs_are_listed_newest_first(place):
    sdk = evaluate(
        Bot(),
        ROWS,
        [correctness],
        trials=2,
        attributes={"git": {"sha": "abc", "dirty": False}, "note": "n" * 60},
    )
    logged = log([{"correctness": True}] * 3, name="nightly", finish=False)
    api = through_api(place.server, [True, False])
    empty = log([], name="::error::hostile\x1b[31m")
    place.requests()
    done = place.run("runs", *place.here)
    assert done.returncode == 0, done.stderr
    assert [path for _, path in place.requests()] == [
        "/calls/stream_query",
        "/v2/my-team/support-bot/eval_results/query",
    ]
    head, *lines = [line.split() for line in done.stdout.splitlines()]
    assert head[:2] == ["RUN", "STATUS"]
    assert [line[0] for line in lines] == [empty, api, logged, sdk]
    assert [line[1] for line in lines] == ["completed", "completed", "running", "completed"]
    assert [line[4] for line in lines] == ["0", "2", "3", "20"]
    assert lines[3][5:] == ["answers", "Bot", "git.dirty=false", "git.sha=abc", "note=" + "n" * 40 + "…"]
    assert lines[2][5:] == ["nightly", "loggedbot"]
    assert "\x1b" not in done.stdout and "::" not in done.stdout

    done = place.run("runs", "--json", "--limit=2", "model=Bot", *place.here)
    (run,) = json.loads(done.stdout)["runs"]
    assert (run["id"], run["trials"], run["evaluation"]) == (sdk, 20, "answers")
    assert run["attributes"]["git"] == {"sha": "abc", "dirty": False}
    assert run["url"] == f"https://wandb.ai/my-team/support-bot/r/call/{sdk}"

    done = place.run("runs", "evaluation=nigthly", *place.here)
    assert (done.returncode, done.stdout) == (0, "")
    assert "evaluations of the newest 4 runs: `nightly`" in done.stderr


def test_three_hundred_runs_are_listed(place):
    for number in range(300):
        log([], name="crowd", attributes={"n": number})
    done = place.run("runs", "--limit=1000", "--json", *place.here)
    runs = json.loads(done.stdout)["runs"]
    assert [run["attributes"]["n"] for run in runs] == list(reversed(range(300)))
    done = place.run("runs", "attributes.n=7", *place.here)
    assert done.stdout.splitlines()[1].split()[-1] == "n=7"
