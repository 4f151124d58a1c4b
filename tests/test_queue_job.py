"""Batches of sending on the real runner of OCA's queue_job, in a database of their own.

    dev/test --slow tests/test_queue_job.py -s

In the database of the other tests the scheduled action sends: that an addon gets all the work from it is
tested there, in test_cron.py. With ``-s`` each run says what it measured.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from unittest.mock import patch

import pytest

from odoo import SUPERUSER_ID, api, sql_db
from odoo.modules.registry import Registry
from odoo.tools import config

from dev.postbox import Postbox
from dev.webserver import end_process, free_port

from .crash.world import Copier, invoice, mail_server, open_day_and_night

pytestmark = pytest.mark.relance_slow

ROOT = Path(__file__).parents[1]
#: customers of the large house and of the small one; a share is 50 reminders
LARGE, SMALL = 600, 300
#: made by the ORM, of each of them; the others are their copies
MADE = 10
#: seconds within which everything has left
LONGEST = 420
JOB_STATES = "SELECT state, count(*) FROM queue_job WHERE method_name = '_send_share_job' GROUP BY state"


class House:
    """Two companies with reminders that are ready, and a mail server.

    :ivar env: environment of the superuser on the database of this house; the caller commits
    """

    def __init__(self, name, postbox):
        self.name, self.postbox = name, postbox
        self.process = None
        self.log = Path(os.environ.get("RELANCE_QUEUE_LOG") or config["data_dir"]) / f"{name}.log"

    @contextlib.contextmanager
    def office(self):
        """An environment whose work is committed at the end."""
        with Registry(self.name).cursor() as cr:
            yield api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True})

    def query(self, sql, *params):
        with sql_db.db_connect(self.name).cursor() as cr:
            cr.execute(sql, params or None)
            return cr.fetchall()

    # -- the world -----------------------------------------------------------------------------
    def furnish(self, large, small):
        with self.office() as env:
            mail_server(env, self.postbox.port)
            needed = [
                env.ref("relance_douce.ir_cron_send").id,
                env.ref("mail.ir_cron_mail_scheduler_action").id,
            ]
            env["ir.cron"].search([("id", "not in", needed)]).active = False
            first = env.company
            first.write({"name": "Maison Durand", "email": "compta@durand.example"})
            second = env["res.company"].create(
                {
                    "name": "Petite Maison",
                    "country_id": env.ref("base.fr").id,
                    "currency_id": first.currency_id.id,
                }
            )
            # not at once: Odoo would look up on the network whose domain that is
            second.email = "compta@petite.example"
            env["account.chart.template"].try_loading("fr", company=second, install_demo=False)
            for company in first + second:
                # mails of both speak French
                company.partner_id.lang = "fr_FR"
                company.relance_active = True
                open_day_and_night(company)
        for company, letter, count in ((first, "d", large), (second, "p", small)):
            with self.office() as env:
                self.customers(env, company.id, letter, count)
        with self.office() as env:
            env.cr.execute("ANALYZE")
        self.run()

    def customers(self, env, company_id, letter, count):
        env = env(context={**env.context, "allowed_company_ids": [company_id]})
        due = env.company._relance_date() - timedelta(days=6)
        income = env["account.account"].search(
            [("account_type", "=", "income"), ("company_ids", "in", company_id)], limit=1
        )
        partners = env["res.partner"].create(
            [
                {
                    "name": f"Client {letter}{index}",
                    "is_company": True,
                    "vat": "FR23334175221",
                    "email": f"{letter}{index}@client.example",
                    "lang": "fr_FR",
                }
                for index in range(MADE)
            ]
        )
        moves = env["account.move"].create([invoice(partner, due, 500, income) for partner in partners])
        moves.action_post()
        if count > MADE:
            Copier(env, partners, count // MADE - 1).run()

    def run(self):
        for company_id in self.companies():
            with self.office() as env:
                company = env["res.company"].browse(company_id)
                run = env["relance.run"]._run(company, company._relance_date())
                assert run.reminder_count, run.reason_counts

    def companies(self):
        return [company for [company] in self.query("SELECT id FROM res_company ORDER BY id")]

    # -- work ----------------------------------------------------------------------------------
    def start(self):
        """A server with the runner, as CONFIGURE.md says; one process, so that a kill takes all of it."""
        command = [
            sys.executable, "-m", "odoo", "-c", config.rcfile, "-d", self.name,
            "--db-filter", f"^{self.name}$", "--load", "base,web,queue_job", "--workers", "0",
            "--http-port", str(free_port()), "--max-cron-threads", "1", "--log-level", "info",
        ]  # fmt: skip
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "ODOO_QUEUE_JOB_CHANNELS": "root:4,root.relance:2"},
            )

    def kill(self):
        """kill -9: nobody has a chance to tidy up."""
        self.process.kill()
        self.process.wait()

    def fire(self):
        """The hour of the scheduled action has come."""
        with self.office() as env:
            env.ref("relance_douce.ir_cron_send")._trigger()

    def deal(self):
        """The scheduled action, in this process: no runner is there to take the jobs."""
        with self.office() as env:
            env.ref("relance_douce.ir_cron_send").method_direct_trigger()

    def wait(self, done, why):
        """Until ``done()``; how long it took, in seconds."""
        begun = time.monotonic()
        while not done():
            assert self.process.poll() is None, f"The server ended (log: {self.log})."
            assert time.monotonic() - begun < LONGEST, f"{why}: {self.facts()} (log: {self.log})"
            time.sleep(0.25)
        return time.monotonic() - begun

    # -- what is to be seen -----------------------------------------------------------------------
    def jobs(self):
        return dict(self.query(JOB_STATES))

    def states(self):
        """Number of reminders by company and state."""
        return {
            (company, state): count
            for company, state, count in self.query(
                "SELECT company_id, state, count(*) FROM relance_reminder GROUP BY 1, 2"
            )
        }

    def recipients(self):
        """How often each customer was written to."""
        return Counter(
            address
            for recipients, _mail in self.postbox.received
            for address in recipients
            if address.endswith("@client.example")
        )

    def facts(self):
        return self.jobs(), self.states(), len(self.recipients())

    def errors(self):
        return [
            line for line in self.log.read_text().splitlines() if " ERROR " in line or " CRITICAL " in line
        ]


@pytest.fixture(scope="module")
def origin():
    """The database with the queue and its addon, made anew when they have changed."""
    made = subprocess.run(
        ["bash", "-c", "source dev/lib.sh && test_db --queue"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return made.stdout


@contextlib.contextmanager
def copy_of(origin, name):
    store = Path(config["data_dir"]) / "filestore"

    def drop():
        Registry.delete(name)
        sql_db.close_db(name)
        subprocess.run(["dropdb", "--if-exists", "--force", name], check=True)
        shutil.rmtree(store / name, ignore_errors=True)

    drop()
    subprocess.run(["createdb", "-T", origin, name], check=True)
    # hard links: Odoo adds and removes files of the store, it never rewrites one
    shutil.copytree(store / origin, store / name, copy_function=os.link)
    # its registry is loaded here as by any process: without the machinery of Odoo's own tests
    ordinary = patch.object(config, "options", config.options.new_child({"test_enable": False}))
    try:
        with ordinary:
            yield
    finally:
        drop()


@pytest.fixture
def house(origin, request):
    """Two companies; ``indirect`` parametrisation says how many customers they have."""
    name = f"relance_queue_test_{os.getpid()}"
    with copy_of(origin, name), Postbox() as postbox:
        house = House(name, postbox)
        house.log.unlink(missing_ok=True)
        try:
            house.furnish(*getattr(request, "param", (LARGE, SMALL)))
            yield house
        finally:
            if house.process:
                end_process(house.process)
        if not os.environ.get("RELANCE_QUEUE_LOG"):
            house.log.unlink(missing_ok=True)


def say(**facts):
    print(facts)  # noqa: T201


# -- on the real runner ---------------------------------------------------------------------------


def test_every_reminder_leaves_once_though_the_server_is_killed(house):
    large, small = house.companies()
    house.start()
    house.fire()
    house.wait(lambda: house.jobs().get("done", 0) >= 3 and house.jobs().get("started"), "No job was begun")
    house.kill()
    # what was under way is as it was before: the transactions are gone with the server
    before, sent = house.jobs(), len(house.recipients())
    assert before.get("started", 0) + before.get("enqueued", 0), before
    assert sum(before.values()) == (LARGE + SMALL) // 50
    house.start()
    begun = time.monotonic()
    dead = (
        "SELECT count(*) FROM queue_job WHERE state <> 'done' AND retry > 0 OR state = 'done' AND retry > 1"
    )
    again = house.wait(lambda: house.query(dead)[0][0], "The killed jobs stay")
    house.wait(lambda: house.jobs() == {"done": sum(before.values())}, "Jobs are stuck")
    jobs_done = time.monotonic() - begun
    house.wait(lambda: len(house.recipients()) == LARGE + SMALL, "Mails are missing")
    say(
        killed_with=before,
        mails_before=sent,
        requeued_after=round(again, 1),
        all_done_after=round(jobs_done, 1),
    )
    # a second round of the hour finds nothing, and nothing comes late
    house.fire()
    time.sleep(5)
    end_process(house.process)
    assert house.states() == {(large, "sent"): LARGE, (small, "sent"): SMALL}
    assert set(house.recipients().values()) == {1}
    assert house.jobs() == {"done": sum(before.values())}
    assert house.query("SELECT DISTINCT channel, priority FROM queue_job") == [("root.relance", 10)]
    # companies take turns as long as both have something, in whatever order jobs end
    order = [company for [company] in house.query("SELECT company_id FROM queue_job ORDER BY id")]
    turns = SMALL // 50 * 2
    assert sorted(order[:2]) == [large, small]
    assert order == order[:2] * (turns // 2) + [large] * (len(order) - turns)
    begun_by = [
        company for [company] in house.query("SELECT company_id FROM queue_job ORDER BY date_started, id")
    ]
    say(begun_by=begun_by)
    # two at a time, and one of those that were killed comes later
    assert abs(begun_by[: turns // 2].count(small) - turns // 4) <= 2
    # each speaks for its own company, in its customer's language
    for recipients, mail in house.postbox.received:
        message = message_from_bytes(mail, policy=policy.default)
        host = "durand" if recipients[0].startswith("d") else "petite"
        assert host in str(message["From"]) + str(message["Reply-To"]), (recipients, message["From"])
    assert house.errors() == []


@pytest.mark.parametrize("house", [(200, 100)], indirect=True)
def test_jobs_that_wait_respect_stop(house):
    large, small = house.companies()
    house.deal()
    assert house.jobs() == {"pending": 6}
    house.deal()
    assert house.jobs() == {"pending": 6}
    with house.office() as env:
        run = env["relance.run"].search([("company_id", "=", large)])
        run.action_stop()
    house.start()
    house.wait(lambda: house.jobs() == {"done": 6}, "Jobs are stuck")
    assert house.states() == {(large, "ready"): 200, (small, "sent"): 100}
    results = house.query("SELECT result FROM queue_job WHERE company_id = %s", large)
    assert results == [("Traitées\u00a0: 0 relances sur 50",)] * 4
    with house.office() as env:
        env["relance.run"].browse(run.id).action_go_on()
    house.wait(lambda: house.states() == {(large, "sent"): 200, (small, "sent"): 100}, "It does not go on")
    house.wait(lambda: len(house.recipients()) == 300, "Mails are missing")
    assert house.jobs() == {"done": 10}
    assert set(house.recipients().values()) == {1}
    assert house.errors() == []


# -- the rules of a job ---------------------------------------------------------------------------


def job_of(env, company_id):
    """The job of this company, as the runner's controller loads it."""
    # imported here: the addon changes how Odoo's servers start, the other tests have theirs
    from odoo.addons.queue_job.job import Job

    [job] = env["queue.job"].search([("company_id", "=", company_id)])
    return Job.load(env, job.uuid)


@pytest.mark.parametrize("house", [(20, 10)], indirect=True)
def test_a_job_asks_the_rules_when_it_runs(house, caplog):
    from odoo.addons.queue_job.exception import RetryableJobError

    large, small = house.companies()
    house.deal()
    with house.office() as env:
        job = job_of(env, large)
        record = job.db_record()
        assert record.name == "Relances de Maison Durand\u00a0: 20 à envoyer"
        assert record.user_id == env.ref("relance_douce.ir_cron_send").user_id
        assert (record.channel, record.identity_key is not False) == ("root.relance", True)
        reminders = record.records
        assert reminders.env.company.id == large
        assert (reminders.env.lang, reminders.env.su) == ("fr_FR", True)
        action = record.related_action_open_record()
        assert env[action["res_model"]].search(action["domain"]) == reminders
        assert job.job_config.retry_pattern == {1: 10, 2: 30, 3: 120}
    nothing = "Traitées\u00a0: 0 relances sur 20"
    # reminders are off, or the house is closed, since it was put into the queue
    for change in ("relance_active", "attendance_ids"):
        with Registry(house.name).cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            company = env["res.company"].browse(large)
            if change == "relance_active":
                company.relance_active = False
            else:
                company.resource_calendar_id.attendance_ids.unlink()
            assert job_of(env, large).perform() == nothing, change
            cr.rollback()
    # another transaction is quicker, and commits after this one has begun to look
    with Registry(house.name).cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        slower = job_of(env, large)
        with house.office() as other:
            assert job_of(other, large).perform() == "Traitées\u00a0: 20 relances sur 20"
        with pytest.raises(RetryableJobError):
            slower.perform()
        cr.rollback()
    # run a second time it finds nothing, and so does the scheduled action
    with house.office() as env:
        assert job_of(env, large).perform() == nothing
    mails = "SELECT count(*) FROM mail_mail JOIN relance_reminder sent ON sent.message_id = mail_message_id"
    assert house.query(mails) == [(20,)]
    # anything else fails as it is
    with Registry(house.name).cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        failing = patch.object(type(env["relance.reminder"]), "_recheck", side_effect=ZeroDivisionError)
        with failing, pytest.raises(ZeroDivisionError):
            job_of(env, small).perform()
        cr.rollback()
    assert house.states() == {(large, "sent"): 20, (small, "ready"): 10}
    # the runner died with the job in hand, and stays away for hours: the scheduled action does it
    with house.office() as env:
        env.cr.execute(
            "UPDATE queue_job SET date_created = date_created - interval '4 hours', state = 'enqueued',"
            " date_enqueued = date_created - interval '3 hours' WHERE state = 'pending'"
        )
    with caplog.at_level("WARNING", "odoo.addons.relance_douce_queue_job"):
        house.deal()
    assert "does the job runner run" in caplog.text
    assert house.states() == {(large, "sent"): 20, (small, "sent"): 10}
    with house.office() as env:
        assert job_of(env, small).perform() == "Traitées\u00a0: 0 relances sur 10"
    # what is taken away leaves nothing in the queue
    with house.office() as env:
        env["ir.module.module"]._get("relance_douce_queue_job").button_immediate_uninstall()
    assert house.jobs() == {}
    assert house.query("SELECT name FROM queue_job_channel") == [("root",)]
    assert house.query("SELECT count(*) FROM queue_job_function WHERE method = '_send_share_job'") == [(0,)]
