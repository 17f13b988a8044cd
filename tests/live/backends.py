"""The trace servers that runs are logged to.

There are two: the in-memory server, and W&B's own server on embedded ClickHouse, which W&B runs in production.
`LIVE_BACKEND` names one: `memory`, or `complete` or `merged`, the two ways in which ClickHouse stores the calls of a
project. A `Store` makes changes to stored calls that no API allows.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from weave.trace_server import trace_server_interface as tsi

NAMES = ("memory", "complete", "merged")
NAME = os.environ.get("LIVE_BACKEND", "memory")
if NAME not in NAMES:
    raise SystemExit(f"LIVE_BACKEND is `{NAME}`; expected one of {', '.join(NAMES)}")
IS_MEMORY = NAME == "memory"


@dataclasses.dataclass
class Trial:
    """A call of `predict_and_score`."""

    id: str
    scores: dict


class MemoryStore:
    """The calls of the in-memory server."""

    def __init__(self) -> None:
        from weave.trace_server.in_memory_trace_server import InMemoryTraceServer

        self.server = InMemoryTraceServer()

    def batch(self) -> contextlib.AbstractContextManager:
        """Returns a context in which calls may be stored in one batch."""
        return contextlib.nullcontext()

    @property
    def _calls(self) -> dict:
        return self.server._calls

    def _record(self, run: str):  # noqa: ANN202
        (record,) = [record for record in self._calls.values() if record.id == run]
        return record

    def _trials(self, run: str) -> list:
        return [
            record
            for record in self._calls.values()
            if record.parent_id == run and "predict_and_score" in record.op_name and record.deleted_at is None
        ]

    def trials(self, run: str) -> list[Trial]:
        return [Trial(record.id, (record.output or {}).get("scores", {})) for record in self._trials(run)]

    def hide(self, run: str) -> Callable[[], None]:
        """Removes one trial of a run from the server. Call the returned function to bring it back."""
        trial = self._trials(run)[0]
        hidden = {key: record for key, record in self._calls.items() if trial.id in (record.id, record.parent_id)}
        for key in hidden:
            del self._calls[key]
        return lambda: self._calls.update(hidden)

    def add_call(self, run: str) -> None:
        """Adds a call to the trace of a run. The run's own counts do not include it."""
        trial = self._trials(run)[0]
        more = dataclasses.replace(trial, id=f"{trial.id[:-4]}ffff", op_name="more")
        self._calls[more.project_id, more.id] = more

    def set_attribute(self, run: str, key: str, value: object) -> None:
        record = self._record(run)
        record.attributes = {**record.attributes, key: value}

    def set_clock(self, run: str, started: datetime, ended: datetime | None) -> None:
        record = self._record(run)
        record.started_at = started
        if ended is not None:
            record.ended_at = ended

    def set_latency(self, run: str, seconds: float) -> None:
        trials = {trial.id for trial in self._trials(run)}
        for record in self._calls.values():
            if record.parent_id in trials and "predict" in record.op_name:
                record.ended_at = record.started_at + timedelta(seconds=seconds)


# Numbers for the names of the tables that keep removed rows.
_numbers = itertools.count(1)


@functools.cache
def _clickhouse():  # noqa: ANN202
    """Returns this process's only embedded ClickHouse and its trace server."""
    import clickhouse_connect
    import sqlparse.engine.grouping

    # sqlparse's default limits are too small for the migrations.
    sqlparse.engine.grouping.MAX_GROUPING_TOKENS = None
    sqlparse.engine.grouping.MAX_GROUPING_DEPTH = None
    connect = clickhouse_connect.get_client
    # The database exists only while it has a client.
    first = connect(interface="chdb", path=":memory:")
    clickhouse_connect.get_client = lambda **_: connect(interface="chdb", path=":memory:")
    from weave.trace_server.clickhouse_trace_server_batched import ClickHouseTraceServer

    server = ClickHouseTraceServer(host="localhost", database="weave")
    server._run_migrations()
    return first, server


class ClickHouseStore:
    """The calls of the ClickHouse server. Each `Store` has separate projects on it."""

    def __init__(self) -> None:
        self._client, self.server = _clickhouse()
        self._table = "weave.calls_complete" if NAME == "complete" else "weave.calls_merged"

    def batch(self) -> contextlib.AbstractContextManager:
        """Returns a context in which all calls are stored in one batch, as in production."""
        return self.server.call_batch()

    def _rows(self, columns: str, where: str) -> list[tuple]:
        return self._client.query(f"SELECT {columns} FROM {self._table} FINAL WHERE {where}").result_rows

    def _change(self, statement: str) -> None:
        self._client.command(f"ALTER TABLE {self._table} {statement} SETTINGS mutations_sync = 1")

    def trials(self, run: str) -> list[Trial]:
        found = self._rows(
            "id, output_dump",
            f"parent_id = '{run}' AND op_name LIKE '%predict_and_score%' AND {self._is_kept}",
        )
        return [Trial(call, (json.loads(output or "null") or {}).get("scores", {})) for call, output in sorted(found)]

    @property
    def _is_kept(self) -> str:
        return "deleted_at = toDateTime64(0, 3)" if NAME == "complete" else "isNull(deleted_at)"

    def hide(self, run: str) -> Callable[[], None]:
        """Removes one trial of a run from the server. Call the returned function to bring it back."""
        trial = self.trials(run)[0].id
        aside = f"weave.aside_{next(_numbers)}"
        where = f"id = '{trial}' OR parent_id = '{trial}'"
        self._client.command(f"CREATE TABLE {aside} AS {self._table} ENGINE = Memory")
        self._client.command(f"INSERT INTO {aside} SELECT * FROM {self._table} FINAL WHERE {where}")
        self._change(f"DELETE WHERE {where}")
        return lambda: self._client.command(f"INSERT INTO {self._table} SELECT * FROM {aside}")

    def add_call(self, run: str) -> None:
        """Adds a call to the trace of a run. The run's own counts do not include it."""
        trial = self.trials(run)[0].id
        self._copy(trial, f"'{trial[:-4]}ffff' AS id, 'more' AS op_name")

    def _copy(self, call: str, replaced: str) -> None:
        self._client.command(
            # The subquery is needed: in a single query the condition would apply to the replaced id.
            f"INSERT INTO {self._table} SELECT * REPLACE ({replaced}) "
            f"FROM (SELECT * FROM {self._table} FINAL WHERE id = '{call}')"
        )

    def repeat(self, run: str) -> None:
        """Stores the run's trials with a true score again, like a batch that is sent twice, until parts merge."""
        self._client.command(f"SYSTEM STOP MERGES {self._table}")
        for trial in self.trials(run):
            if True in trial.scores.values():
                self._client.command(
                    f"INSERT INTO {self._table} SELECT * FROM {self._table} FINAL WHERE id = '{trial.id}'"
                )

    def set_attribute(self, run: str, key: str, value: object) -> None:
        ((dump,),) = self._rows("attributes_dump", f"id = '{run}'")
        text = json.dumps({**json.loads(dump), key: value}, ensure_ascii=False)
        quoted = text.replace("\\", "\\\\").replace("'", "\\'")
        self._change(f"UPDATE attributes_dump = '{quoted}' WHERE id = '{run}'")

    def set_clock(self, run: str, started: datetime, ended: datetime | None) -> None:
        def time(moment: datetime) -> str:
            # The server stores times in UTC, without a zone.
            return f"toDateTime64('{moment.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S.%f}', 6)"

        replaced = [f"{time(started)} AS started_at"]
        if NAME == "merged":
            replaced.append(f"{time(started)} AS sortable_datetime")
        if ended is not None:
            replaced.append(f"{time(ended)} AS ended_at")
        # The start time of a call is part of its key, which cannot be updated.
        aside = f"weave.aside_{next(_numbers)}"
        self._client.command(f"CREATE TABLE {aside} AS {self._table} ENGINE = Memory")
        self._client.command(
            f"INSERT INTO {aside} SELECT * REPLACE ({', '.join(replaced)}) FROM {self._table} FINAL WHERE id = '{run}'"
        )
        self._change(f"DELETE WHERE id = '{run}'")
        self._client.command(f"INSERT INTO {self._table} SELECT * FROM {aside}")
        self._client.command(f"DROP TABLE {aside}")

    def set_latency(self, run: str, seconds: float) -> None:
        trials = ", ".join(f"'{trial.id}'" for trial in self.trials(run))
        micros = round(seconds * 1e6)
        self._change(
            f"UPDATE ended_at = addMicroseconds(started_at, {micros}) "
            f"WHERE parent_id IN ({trials}) AND op_name LIKE '%predict%'"
        )


def store() -> MemoryStore | ClickHouseStore:
    """Returns an empty store."""
    return MemoryStore() if IS_MEMORY else ClickHouseStore()


Server = tsi.TraceServerInterface
