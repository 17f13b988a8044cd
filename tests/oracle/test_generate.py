"""One seed gives the same case in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SHOW = """
import generate, histories, repeated
from datetime import datetime, timezone
now = datetime(2026, 11, 29, 12, tzinfo=timezone.utc)
for made in (generate.case, repeated.case):
    print([made(seed) for seed in range(20)])
for made in (histories.history, repeated.history):
    print([made(seed, now) for seed in range(20)])
"""


def test_a_seed_is_the_same_case_whatever_the_order_of_sets_is():
    def shown(order: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": order}
        command = [sys.executable, "-c", SHOW]
        folder = Path(__file__).parent
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout

    assert shown("1") == shown("2")
