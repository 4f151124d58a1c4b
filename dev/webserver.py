"""Odoo's web server in a process of its own, for those who need one beside them."""

import contextlib
import socket
import subprocess
import sys
import time
import urllib.request

SECONDS_TO_START = 120
SECONDS_TO_STOP = 20


class NotStarted(Exception):
    """The server ended, or does not answer in time; its log says why."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def web_server(conf, database, log, port=None, cron_threads=0):
    """A server of this database only, until the end of the block.

    :param port: a free one unless it is given
    :return: its address and its process
    :raise NotStarted: where it does not answer
    """
    port = port or free_port()
    # a session of its own: Ctrl-C is the caller's, who ends it in order
    process = subprocess.Popen(
        [
            sys.executable, "-m", "odoo", "-c", str(conf), "-d", database, "--db-filter", f"^{database}$",
            "--http-port", str(port), "--max-cron-threads", str(cron_threads), "--log-level=warn",
            "--logfile", str(log),
        ],
        start_new_session=True,
    )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/web/health", process)
        yield address, process
    finally:
        end_process(process)


def _wait_for(url, process):
    end = time.monotonic() + SECONDS_TO_START
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url, timeout=5).close()
            return
        time.sleep(0.3)
    raise NotStarted


def end_process(process):
    """Politely, then not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
