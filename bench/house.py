"""Databases, processes and the mail server that the bench works with."""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from dev.webserver import NotStarted, end_process, web_server

ROOT = Path(__file__).parents[1]
HERE = ROOT / "bench"
HOST = Path(os.environ["BENCH_HOST"]) if "BENCH_HOST" in os.environ else ROOT / ".host"
CONF = HOST / "odoo.conf"
FOLDER = HOST / "bench"
PEER_CONF = FOLDER / "peer.conf"
PEER = "account_credit_control"
#: in the names of our databases, so that two working copies may share a server
KEY = hashlib.sha1(str(ROOT).encode()).hexdigest()[:8]


class Failure(Exception):
    """The bench cannot go on; the message says why."""


def call(*command, log, **options):
    """Run a program whose output matters only when it fails.

    :raise Failure: with the last lines it wrote
    """
    with open(log, "wb") as file:
        code = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, **options).returncode
    if code:
        lines = Path(log).read_text(errors="replace").splitlines()[-8:]
        raise Failure("\n".join([f"{Path(command[0]).name} failed (log: {log}):", *lines]))


def odoo(*arguments, log, conf=CONF):
    # a command, where there is one, stands before the options
    command = [arguments[0]] if not arguments[0].startswith("-") else []
    rest = arguments[len(command) :]
    call(sys.executable, "-m", "odoo", *command, "-c", str(conf), *rest, log=log)


def databases(prefix):
    query = f"SELECT datname FROM pg_database WHERE datname LIKE '{prefix}%' ESCAPE '\\'"
    output = subprocess.run(
        ["psql", "-d", "postgres", "-Atc", query], check=True, capture_output=True, text=True
    ).stdout
    return output.split()


def prefix(name=""):
    return f"relance_bench_{KEY}_{name}".replace("_", "\\_")


def drop(name):
    with contextlib.suppress(Failure):
        odoo("db", "drop", name, log=FOLDER / "drop.log")


def peer_addon():
    """The peer's addon from the package index, in a folder of its own: the path of its addons."""
    wanted = (HERE / "peer.txt").read_text()
    folder = FOLDER / "peer"
    stamp = folder / "wanted"
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        call(
            sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps",
            "--target", str(folder), "-r", str(HERE / "peer.txt"), log=FOLDER / "pip.log",
        )  # fmt: skip
        stamp.write_text(wanted)
    addons = folder / "odoo" / "addons"
    lines = [
        f"addons_path = {addons}" if line.startswith("addons_path") else line
        for line in CONF.read_text().splitlines()
    ]
    PEER_CONF.write_text("\n".join(lines) + "\n")
    return addons


def ledger(size, day, seed, growth=None):
    """A database with the invoices and neither addon; kept, so that it is loaded once only.

    :param size: invoices made by the ORM
    :param growth: how many there are in the end, by SQL copies
    :return: its name
    """
    sources = [HERE / "ledger.py", HERE / "copies.py", HERE / "session.py", ROOT / "dev" / "db"]
    parts = [str(day), str(seed), *(source.read_text() for source in sources)]
    key = hashlib.sha1("\n".join(parts).encode()).hexdigest()[:8]
    name = f"relance_bench_{KEY}_{'growth' if growth else 'size'}_{growth or size}_{key}"
    if name in databases(prefix()):
        return name
    # of another day, or made by what has changed since
    for old in databases(prefix(f"{'growth' if growth else 'size'}_{growth or size}_")):
        drop(old)
    say(f"Loading {growth or size:,} invoices …".replace(",", "\u202f"))
    new = f"relance_bench_{KEY}_new"
    call(str(ROOT / "dev" / "db"), new, "--bare", log=FOLDER / "db.log")
    call(
        sys.executable, "-m", "bench.ledger", "--conf", str(CONF), "--db", new,
        "--log", str(FOLDER / "ledger-odoo.log"), "--size", str(size), "--date", str(day),
        "--seed", str(seed), *(["--growth", str(growth)] if growth else []), log=FOLDER / "ledger.log",
    )  # fmt: skip
    odoo("db", "rename", new, name, log=FOLDER / "rename.log")
    return name


def copy_with(origin, kind):
    """A copy of ``origin`` with the addon of one side: its name."""
    name = f"relance_bench_{KEY}_{kind}"
    drop(name)
    odoo("db", "duplicate", origin, name, log=FOLDER / "duplicate.log")
    conf, addon = (PEER_CONF, PEER) if kind == "peer" else (CONF, "relance_douce")
    odoo(
        "-d", name, "-i", addon, "--stop-after-init", "--no-http", "--log-level=warn",
        log=FOLDER / f"install-{kind}.log", conf=conf,
    )  # fmt: skip
    subprocess.run(["psql", "-q", "-d", name, "-c", "VACUUM ANALYZE"], check=True, capture_output=True)
    return name


@contextlib.contextmanager
def server(database, conf):
    """Odoo's web server on this database, for the style sheets of its PDFs: its address."""
    log = FOLDER / "server.log"
    try:
        with web_server(conf, database, log) as (address, _process):
            yield address
    except NotStarted:
        raise Failure(f"The web server did not start (log: {log}).") from None


class Worker:
    """One side in a process of its own; see ``worker.py``."""

    def __init__(self, side, database, day):
        self.side = side
        self.keep_file = FOLDER / f"{side}.keep"
        self.keep_file.write_text("")
        self.log = FOLDER / f"{side}.err"
        environment = {
            **os.environ,
            "PATH": f"{HERE / 'bin'}:{os.environ['PATH']}",
            "BENCH_WKHTMLTOPDF": shutil.which("wkhtmltopdf"),
            "BENCH_PDF_LOG": str(FOLDER / f"{side}.pdf.log"),
            "BENCH_PDF_KEEP": str(self.keep_file),
        }
        conf = PEER_CONF if side == "peer" else CONF
        with open(self.log, "wb") as errors:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "bench.worker", side, "--conf", str(conf), "--db", database,
                    "--folder", str(FOLDER), "--date", str(day),
                ],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment,
            )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        end_process(self.process)

    def ask(self, step, measure=False, keep=False, profile=False, **arguments):
        """Let the side do ``step``.

        :param measure: answer with what it cost
        :param keep: commit instead of rolling back
        """
        order = {"do": step, "measure": measure, "keep": keep, "profile": profile, "with": arguments}
        try:
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except OSError:
            answer = ""
        if not answer:
            lines = self.log.read_text(errors="replace").splitlines()[-12:]
            raise Failure("\n".join([f"{self.side} stopped at “{step}” (log: {self.log}):", *lines]))
        return json.loads(answer)

    @contextlib.contextmanager
    def pages_kept(self, folder):
        """Within, what wkhtmltopdf is given is kept in ``folder``."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.keep_file.write_text(str(folder))
        try:
            yield
        finally:
            self.keep_file.write_text("")


def say(text):
    print(text, file=sys.stderr, flush=True)
