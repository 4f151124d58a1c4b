"""One side of the comparison, in a process and a database of its own.

``python -m bench.worker SIDE --conf C --db D …`` reads one JSON object a line and answers with
one: ``{"do": STEP, "measure": true, "keep": false}``. A step is a method of the side. Measured,
it runs with cold records, is flushed with all that Odoo does before a commit, and is rolled back
unless it is to be kept. Odoo's output goes to the log: stdout belongs to the answers.
"""

import argparse
import contextlib
import cProfile
import json
import os
import pstats
import resource
import sys
import time
from datetime import date
from pathlib import Path

import odoo.init  # noqa: F401  what Odoo needs before anything else
from odoo.sql_db import Cursor
from odoo.tools import SQL

from bench.ours import Ours
from bench.peer import Peer
from bench.session import environment

SIDES = {"ours": Ours, "peer": Peer}
TICKS = os.sysconf("SC_CLK_TCK")


class Meter:
    """What one step costs, seen from outside: seconds, queries, rows, memory."""

    def __init__(self, env, pdf_log):
        self.env = env
        self.pdf_log = pdf_log
        self.backend = env.cr._cnx.get_backend_pid()

    def start(self):
        self.env.flush_all()
        self.env.invalidate_all()
        # the high-water mark of this process begins at what it uses now
        Path("/proc/self/clear_refs").write_text("5")
        self.pdf_log.write_text("")
        self.rows = self._rows()
        self.queries = self.env.cr.sql_log_count
        self.cpu = self._cpu()
        self.clock = time.perf_counter()

    def stop(self):
        self.env.flush_all()
        # what Odoo does before a commit: tracked values, for one
        self.env.cr.flush()
        seconds = time.perf_counter() - self.clock
        cpu = [now - then for now, then in zip(self._cpu(), self.cpu, strict=True)]
        queries = self.env.cr.sql_log_count - self.queries
        rows = {
            kind: {
                table: count - self.rows[kind].get(table, 0)
                for table, count in tables.items()
                if count > self.rows[kind].get(table, 0)
            }
            for kind, tables in self._rows().items()
        }
        calls = [list(map(float, line.split())) for line in self.pdf_log.read_text().splitlines()]
        return {
            "seconds": seconds,
            "cpu": sum(cpu),
            "cpu_python": cpu[0],
            "cpu_programs": cpu[1],
            "cpu_database": cpu[2],
            "queries": queries,
            "inserted": rows["inserted"],
            "updated": rows["updated"],
            "memory_mb": self._memory(),
            "pdf_seconds": sum(end - begin for begin, end in calls),
            "pdf_calls": len(calls),
        }

    def _cpu(self):
        """Seconds of this process, of programs it called, and of its PostgreSQL backend."""
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        try:
            fields = Path(f"/proc/{self.backend}/stat").read_text().rpartition(")")[2].split()
            backend = (int(fields[11]) + int(fields[12])) / TICKS
        except OSError:  # a server on another machine
            backend = 0.0
        return time.process_time(), children.ru_utime + children.ru_stime, backend

    def _rows(self):
        """Rows that this transaction wrote so far, by table; temporary ones are left out."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT relname, n_tup_ins, n_tup_upd FROM pg_stat_xact_user_tables
                 WHERE (n_tup_ins > 0 OR n_tup_upd > 0) AND schemaname = 'public'
                """
            )
        )
        return {
            "inserted": {name: inserted for name, inserted, _updated in rows if inserted},
            "updated": {name: updated for name, _inserted, updated in rows if updated},
        }

    def _memory(self):
        """High-water mark of this process since :meth:`start`, in MB."""
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        raise OSError("This system does not say how much memory a process used.")


@contextlib.contextmanager
def statements():
    """Within, each SQL statement: a dict of its text, with places for values → [calls, seconds]."""
    seen = {}
    execute = Cursor.execute

    def timed(self, query, params=None, log_exceptions=True):
        start = time.perf_counter()
        try:
            return execute(self, query, params, log_exceptions)
        finally:
            text = " ".join((query.code if isinstance(query, SQL) else str(query)).split())
            entry = seen.setdefault(text, [0, 0.0])
            entry[0] += 1
            entry[1] += time.perf_counter() - start

    Cursor.execute = timed
    try:
        yield seen
    finally:
        Cursor.execute = execute


def profiled(function, path):
    """Run ``function`` under the profiler; the top of it goes to ``path``, its SQL beside it."""
    profile = cProfile.Profile()
    with statements() as seen:
        result = profile.runcall(function)
    with path.with_suffix(".sql.txt").open("w") as file:
        for text, (calls, seconds) in sorted(seen.items(), key=lambda item: -item[1][1])[:40]:
            file.write(f"{seconds:9.3f} s {calls:6} calls  {text[:400]}\n")
    with path.open("w") as file:
        statistics = pstats.Stats(profile, stream=file)
        statistics.sort_stats("cumulative").print_stats(70)
        statistics.sort_stats("tottime").print_stats(40)
    profile.dump_stats(path.with_suffix(".prof"))
    return result


def serve(side, meter, answers, profiles):
    for line in sys.stdin:
        order = json.loads(line)
        function = getattr(side, order["do"])
        arguments = order.get("with", {})
        if order.get("profile"):
            side.prepare(order["do"])
            result = profiled(lambda: function(**arguments), profiles / f"{order['do']}.txt")  # noqa: B023
            answer = {"result": result}
        elif order.get("measure"):
            side.prepare(order["do"])
            meter.start()
            result = function(**arguments)
            answer = {**meter.stop(), "result": result}
            answer["floors"] = side.floors(order["do"])
        else:
            answer = {"result": function(**arguments)}
        if order.get("keep"):
            start = time.perf_counter()
            side.env.cr.commit()
            answer["commit_seconds"] = time.perf_counter() - start
        else:
            side.env.cr.rollback()
        print(json.dumps(answer), file=answers, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side", choices=SIDES)
    parser.add_argument("--conf", required=True)
    parser.add_argument("--db", required=True)
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--date", type=date.fromisoformat, required=True)
    arguments = parser.parse_args()
    # whatever prints by itself must not get between the answers
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    log = arguments.folder / f"{arguments.side}.log"
    with environment(arguments.conf, arguments.db, log) as env:
        side = SIDES[arguments.side](env, arguments.date, arguments.folder)
        serve(side, Meter(env, arguments.folder / f"{arguments.side}.pdf.log"), answers, arguments.folder)


if __name__ == "__main__":
    main()
