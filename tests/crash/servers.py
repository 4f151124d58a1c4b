"""Cron servers, each a master with workers, that somebody starts again when they die."""

import contextlib
import os
import signal
import subprocess
import sys

import psutil

#: scheduled action → seconds after which it is called again
CRONS = {
    "relance_douce.ir_cron_run": 45,
    "relance_douce.ir_cron_follow": 15,
    "relance_douce.ir_cron_send": 4,
    "mail.ir_cron_mail_scheduler_action": 1,
}

CONF = """\
[options]
addons_path = {addons}
data_dir = {home}/data
db_host = {home}
db_port = 5432
db_user = odoo
db_maxconn = 8
http_enable = False
workers = 1
max_cron_threads = 2
limit_time_real = 1200
limit_time_cpu = 1200
limit_memory_soft = 0
limit_memory_hard = 0
log_level = info
"""


class CronServer:
    """One of the servers of the house: it has no HTTP, only workers for scheduled actions."""

    def __init__(self, name, conf, database, log, env):
        self.name = name
        self.command = [sys.executable, "-m", "odoo", "-c", str(conf), "-d", database, "--no-http"]
        self.log = log
        self.env = env
        self.process = None
        self.known = set()
        self.starts = 0

    def start(self):
        # workers step back by ten: on a busy machine they would get nothing done
        ahead = ["nice", "-n", "-10"] if os.getuid() == 0 else []
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*ahead, *self.command], stdout=log, stderr=log, env=self.env, start_new_session=True
            )
        self.starts += 1

    def revive(self):
        """As the service manager of the machine does."""
        if self.process is None or self.process.poll() is not None:
            self.start()

    def workers(self):
        """The living workers, also those whose master was killed and who did not notice yet."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self.known |= {child.pid for child in psutil.Process(self.process.pid).children()}
        alive = set()
        for pid in self.known:
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                process = psutil.Process(pid)
                # a number may be given to another process: ours belong to our session
                if process.status() != psutil.STATUS_ZOMBIE and self._is_ours(pid):
                    alive.add(pid)
        self.known = alive
        return sorted(alive)

    def _is_ours(self, pid):
        with open(f"/proc/{pid}/cmdline", "rb") as command:
            return str(self.command[4]).encode() in command.read() or os.getsid(pid) == self.process.pid

    def master(self):
        return self.process.pid if self.process and self.process.poll() is None else None

    def kill(self, pid):
        """``kill -9``; whether there was somebody to kill."""
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        if pid == self.process.pid:
            self.process.wait()
        return True

    def end(self):
        """For good."""
        for pid in (self.master(), *self.workers()):
            if pid:
                self.kill(pid)
