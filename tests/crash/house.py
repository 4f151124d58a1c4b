"""One run of the house: its processes, who kills them, and how it comes to rest."""

import contextlib
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psycopg2

from odoo.tools import config

from .cluster import Cluster
from .mailserver import MOODS, MoodyPostbox
from .servers import CONF, CRONS, CronServer

ROOT = Path(__file__).parents[2]
DATABASE = "house"
#: copies of each of the 20 customers that the ORM makes
COPIES = int(os.environ.get("RELANCE_CRASH_CUSTOMERS", 2000)) // 20 - 1
KILLS = 60
DATABASE_KILLS = 6
#: mails that leave between two kills, on average, and seconds after which there is one anyway
SHARE = (COPIES + 1) * 20 // 75
LONGEST = 6
#: seconds within which it has to work again after a kill; longer on a machine with other work
REVIVAL = 60
#: seconds after which whatever waits is stuck: the period of the scheduled actions
PERIOD = 60

#: what still has to leave, in words and in numbers
WAITING = """
    SELECT (SELECT count(*) FROM relance_reminder WHERE state = 'draft'),
           (SELECT count(*) FROM relance_reminder WHERE state = 'ready' AND date_prepared IS NULL),
           (SELECT count(*) FROM relance_plan_message WHERE state = 'ready' AND date_prepared IS NULL),
           (SELECT count(*) FROM mail_mail mail
              JOIN (SELECT message_id FROM relance_reminder WHERE state = 'sent'
                                                              AND delivery_state = 'pending'
                     UNION
                    SELECT message_id FROM relance_plan_message WHERE state = 'sent'
                                                                  AND delivery_state = 'pending'
                   ) carried ON carried.message_id = mail.mail_message_id
             WHERE mail.state IN ('outgoing', 'exception'))
"""


class House:
    copies = COPIES

    def __init__(self, seed, origin):
        """
        :param seed: every moment and every choice comes from it
        :param origin: database of the tests with the addons installed; it is copied
        """
        self.seed = seed
        self.random = random.Random(seed)
        self.stack = contextlib.ExitStack()
        self.counts = {"master": 0, "worker": 0, "database": 0}
        self.slowest = 0
        self.jobs = 0
        self.called = {}
        self.started = time.monotonic()
        try:
            self._build(origin)
        except BaseException:
            self.stack.close()
            raise

    def _build(self, origin):
        self.cluster = Cluster()
        self.stack.callback(self.cluster.remove)
        self.home = self.cluster.home
        self.cluster.copy_from_current(origin, DATABASE)
        store = Path(config["data_dir"]) / "filestore" / origin.split("-gw")[0]
        # hard links: Odoo adds and removes files of the store, it never rewrites one
        shutil.copytree(store, self.home / "data" / "filestore" / DATABASE, copy_function=os.link)
        self.postbox = self.stack.enter_context(MoodyPostbox(self.seed))
        self.conf = self.home / "odoo.conf"
        self.conf.write_text(CONF.format(addons=ROOT, home=self.home))
        self._python("tests.crash.world", self.copies, self.postbox.port).check_returncode()
        self.servers = [
            CronServer(name, self.conf, DATABASE, self.home / f"{name}.log", self.cluster.environment)
            for name in ("paris", "lyon")
        ]
        for server in self.servers:
            self.stack.callback(server.end)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stack.close()

    def _command(self, module, *arguments):
        return [sys.executable, "-m", module, self.conf, DATABASE, *arguments]

    def _python(self, module, *arguments):
        """A process of ours that ends by itself."""
        return subprocess.run(
            [str(part) for part in self._command(module, *arguments)],
            cwd=ROOT,
            env=self.cluster.environment,
            check=False,
        )

    def say(self, *facts):
        """How far it is, for whoever watches."""
        if os.environ.get("RELANCE_CRASH_LOGS"):
            print(round(time.monotonic() - self.started), *facts, flush=True)  # noqa: T201

    # -- the office -------------------------------------------------------------------------------
    @contextlib.contextmanager
    def office(self):
        """People who work until the block ends; it waits for them to come to an end."""
        self.diary, stop = self.home / "diary.jsonl", self.home / "stop"
        self.diary.touch()
        command = self._command("tests.crash.office", self.seed, self.diary, stop)
        with subprocess.Popen(
            [str(part) for part in command], cwd=ROOT, env=self.cluster.environment
        ) as people:
            try:
                yield
                stop.touch()
                people.wait(90)
            except BaseException:
                people.kill()
                raise
        assert people.returncode == 0, "The office did not come to its end."

    # -- killing ----------------------------------------------------------------------------------
    def live(self):
        """Kill, revive, change moods, until everybody who had to die did."""
        for server in self.servers:
            server.start()
        self._wait_for_the_first_mail()
        kinds = ["database"] * DATABASE_KILLS + ["server"] * KILLS
        self.random.shuffle(kinds)
        for kind in kinds:
            self.postbox.mood = self.random.choice(list(MOODS))
            self._wait_for_work()
            self._let_them_work(self.random.expovariate(1 / SHARE), self.random.uniform(1, LONGEST))
            self.say(kind, self.postbox.mood, len(self.postbox.taken))
            if kind == "database":
                self._kill_database()
            else:
                self._kill_process()
            self.jobs = self._jobs_begun()
        self.postbox.mood = "good"

    def _wait_for_the_first_mail(self):
        deadline = time.monotonic() + 120
        while not self.postbox.taken:
            assert time.monotonic() < deadline, "No mail left within two minutes."
            self._pass_time(0.2)

    def _wait_for_work(self):
        """Whoever is killed before he did anything proves nothing: a job has begun since."""
        deadline = time.monotonic() + REVIVAL
        while (jobs := self._jobs_begun()) == self.jobs:
            assert time.monotonic() < deadline, "The house does not work any more."
            self._pass_time(0.2)
        self.jobs = jobs

    def _let_them_work(self, mails, seconds):
        """Until so many mails have left, or for so long: the kills meet the whole of the work."""
        enough, end = len(self.postbox.taken) + mails, time.monotonic() + seconds
        while len(self.postbox.taken) < enough and time.monotonic() < end:
            self._pass_time(self.random.uniform(0, 0.4))

    def _jobs_begun(self):
        with contextlib.suppress(psycopg2.Error):
            [[jobs]] = self.cluster.query(DATABASE, "SELECT last_value FROM ir_cron_progress_id_seq")
            return jobs
        return self.jobs

    def _pass_time(self, seconds):
        """Whoever died is started again; scheduled actions are called as often as they may be."""
        end = time.monotonic() + seconds
        while True:
            for server in self.servers:
                server.revive()
            self._wake_crons()
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.5))

    def _wake_crons(self):
        """The time of the scheduled actions has come: none of them is due twice at once."""
        now = time.monotonic()
        due = tuple(name for name, pause in CRONS.items() if now - self.called.get(name, -pause) >= pause)
        if not due:
            return
        with contextlib.suppress(psycopg2.Error):
            with self.cluster.connection(DATABASE) as cr:
                cr.execute(
                    """
                    INSERT INTO ir_cron_trigger (cron_id, call_at)
                    SELECT cron.id, now() AT TIME ZONE 'UTC'
                      FROM ir_cron cron
                      JOIN ir_model_data data ON data.model = 'ir.cron' AND data.res_id = cron.id
                     WHERE data.module || '.' || data.name IN %s
                       AND NOT EXISTS (SELECT 1 FROM ir_cron_trigger due WHERE due.cron_id = cron.id)
                    """,
                    [due],
                )
            self.called.update(dict.fromkeys(due, now))
            with self.cluster.connection("postgres") as cr:
                cr.execute("SELECT pg_notify('cron_trigger', %s)", [DATABASE])

    def _kill_process(self):
        """A master or a worker, wherever it happens to be."""
        for _ in range(100):
            victims = [
                (server, pid, kind)
                for server in self.servers
                # a worker works: it is hit more often than its master, who only watches
                for kind, pids, weight in (
                    ("master", filter(None, [server.master()]), 1),
                    ("worker", server.workers(), 2),
                )
                for pid in pids
                for _ in range(weight)
            ]
            if victims:
                server, pid, kind = self.random.choice(victims)
                if server.kill(pid):
                    self.counts[kind] += 1
                    return
            self._pass_time(0.2)
        raise AssertionError("Nobody was there to be killed.")

    def _kill_database(self):
        self.cluster.kill()
        self.counts["database"] += 1
        time.sleep(self.random.uniform(0, 1))
        self.cluster.start()

    # -- rest ----------------------------------------------------------------------------------------
    def waiting(self):
        [row] = self.cluster.query(DATABASE, WAITING)
        return row

    def come_to_rest(self):
        """Nobody is killed any more: what waits must move within every period.

        :raise AssertionError: something is stuck
        """
        last, since = None, time.monotonic()
        while True:
            self._pass_time(1)
            now = self.waiting(), len(self.postbox.taken)
            self.say(*now)
            if now != last:
                last, since = now, time.monotonic()
            elif not any(now[0]):
                break
            self.slowest = max(self.slowest, time.monotonic() - since)
            assert time.monotonic() - since < PERIOD, f"Nothing moves any more: {now}"
            if not any(now[0]) and time.monotonic() - since > 3:
                break
        # and a second look by everyone: whatever they would still send is one too many
        self._pass_time(8)
        for server in self.servers:
            server.end()

    def keep_logs(self, folder):
        """For whoever wants to know why."""
        os.makedirs(folder, exist_ok=True)
        for server in self.servers:
            shutil.copy(server.log, folder)
        shutil.copy(self.diary, folder)
