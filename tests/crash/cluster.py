"""A PostgreSQL cluster of its own, reached by its socket only, that is killed and comes back."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg2

SETTINGS = (
    # a killed server keeps what the operating system holds: only a power cut would not
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("shared_buffers", "128MB"),
    ("max_connections", "80"),
    ("listen_addresses", "''"),
    ("port", "5432"),
)


class Cluster:
    """Its folder is also the home of everything else that one run leaves behind.

    :ivar home: folder of the run, taken away by :meth:`remove`
    """

    def __init__(self):
        self.home = Path(tempfile.mkdtemp(prefix="relance-crash-"))
        self.data = self.home / "pg"
        self.tools = Path(shutil.which("initdb")).parent
        self.as_user = []
        if os.getuid() == 0:
            # PostgreSQL refuses to run as root
            self.as_user = ["runuser", "-u", "postgres", "--"]
            shutil.chown(self.home, "postgres")
        self.home.chmod(0o755)
        self._run("initdb", "-D", self.data, "-U", "odoo", "-A", "trust", "-E", "UTF8", "--no-sync")
        lines = [f"{name} = {value}" for name, value in SETTINGS]
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write("\n".join([*lines, f"unix_socket_directories = '{self.home}'", ""]))
        self.start()

    def _run(self, tool, *arguments):
        return subprocess.run(
            [*self.as_user, self.tools / tool, *map(str, arguments)],
            check=True,
            cwd="/",
            capture_output=True,
            text=True,
        )

    @property
    def address(self):
        """What psycopg2 and the tools of PostgreSQL need to find it."""
        return {"host": str(self.home), "port": "5432", "user": "odoo"}

    @property
    def environment(self):
        return {**os.environ, "PGHOST": str(self.home), "PGPORT": "5432", "PGUSER": "odoo"}

    def start(self, tries=100):
        """Start it, again and again: what a killed one left in memory goes within moments."""
        for _ in range(tries):
            with contextlib.suppress(subprocess.CalledProcessError):
                self._run("pg_ctl", "-w", "-s", "-D", self.data, "-l", self.data / "log", "start")
                return
            time.sleep(0.2)
        raise TimeoutError((self.data / "log").read_text()[-2000:])

    def kill(self):
        """As a power switch would: the first process, and with it all the others."""
        pid = int((self.data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)

    def stop(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-w", "-s", "-D", self.data, "-m", "immediate", "stop")

    def remove(self):
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def copy_from_current(self, origin, name):
        """Database ``origin`` of the cluster that the tests run on, as ``name`` here."""
        subprocess.run(["createdb", name], check=True, env=self.environment)
        with subprocess.Popen(["pg_dump", "-Fc", origin], stdout=subprocess.PIPE) as dump:
            subprocess.run(
                ["pg_restore", "--no-owner", "-d", name], stdin=dump.stdout, check=True, env=self.environment
            )

    @contextlib.contextmanager
    def connection(self, name):
        """A connection that commits each statement."""
        connection = psycopg2.connect(dbname=name, **self.address)
        connection.autocommit = True
        try:
            with connection.cursor() as cr:
                yield cr
        finally:
            connection.close()

    def query(self, name, sql, *params):
        """Rows of ``sql``."""
        with self.connection(name) as cr:
            cr.execute(sql, params or None)
            return cr.fetchall()
