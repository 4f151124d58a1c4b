"""Several processes send one run: everybody is written to once, and nobody by two of them.

dev/test --slow tests/test_workers.py -s
"""

import re
import time
from collections import Counter

import pytest

from odoo.tools import config

from .crash.audit import ORPHANS
from .crash.house import DATABASE, House
from .crash.mailserver import UNKNOWN

#: copies of each of the 20 customers that the ORM makes
COPIES = 29
#: seconds for all of it, on a machine with other work
PATIENCE = 300
#: who wrote which message: the backend of each transaction is noted by the database itself
NOTE_BACKENDS = """
    CREATE TABLE who_sent (reminder_id integer, partner_id integer, pid integer, at timestamptz);
    CREATE FUNCTION note_who_sent() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO who_sent VALUES (NEW.id, NEW.partner_id, pg_backend_pid(), clock_timestamp());
        RETURN NEW;
    END $$;
    CREATE TRIGGER note_who_sent AFTER UPDATE OF state ON relance_reminder FOR EACH ROW
        WHEN (OLD.state = 'ready' AND NEW.state = 'sent') EXECUTE FUNCTION note_who_sent();
"""
#: the second worker that the addon ships, and one more as somebody has it who duplicates the action
SWITCH_ON = """
    UPDATE ir_cron SET active = TRUE
     WHERE id IN (SELECT res_id FROM ir_model_data
                   WHERE module = 'relance_douce' AND name LIKE 'ir_cron_send%');
    INSERT INTO ir_cron (ir_actions_server_id, cron_name, user_id, active, interval_number, interval_type,
                         nextcall, priority, failure_count)
    SELECT ir_actions_server_id, cron_name || ' (copy)', user_id, TRUE, interval_number, interval_type,
           nextcall, priority, 0
      FROM ir_cron
     WHERE id = (SELECT res_id FROM ir_model_data WHERE module = 'relance_douce' AND name = 'ir_cron_send');
"""
#: nobody sends before all are there
SWITCH_OFF = """
    UPDATE ir_cron SET active = FALSE
     WHERE id = (SELECT res_id FROM ir_model_data WHERE module = 'relance_douce' AND name = 'ir_cron_send')
"""
DUE = """
    INSERT INTO ir_cron_trigger (cron_id, call_at)
    SELECT cron.id, now() AT TIME ZONE 'UTC' FROM ir_cron cron
      JOIN ir_act_server action ON action.id = cron.ir_actions_server_id
     WHERE action.code LIKE %s AND cron.active
       AND NOT EXISTS (SELECT 1 FROM ir_cron_trigger due WHERE due.cron_id = cron.id)
"""


class Works(House):
    """The house of the crash tests, where nobody is killed."""

    copies = COPIES

    def query(self, sql, *params):
        return self.cluster.query(DATABASE, sql, *params)

    def execute(self, sql, *params):
        with self.cluster.connection(DATABASE) as cr:
            cr.execute(sql, params or None)

    def call(self, code):
        """These scheduled actions are due; every server looks at once."""
        self.execute(DUE, f"%{code}%")
        with self.cluster.connection("postgres") as cr:
            cr.execute("SELECT pg_notify('cron_trigger', %s)", [DATABASE])

    def wait_until(self, done, code):
        end = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < end, f"{code} did not come to its end."
            self.call(code)
            time.sleep(1)


@pytest.mark.relance_slow
def test_one_run_and_several_workers():
    origin = config["db_name"]
    origin = origin[0] if isinstance(origin, list) else origin
    with Works(1, origin) as house:
        house.execute(NOTE_BACKENDS)
        house.execute(SWITCH_OFF)
        house.servers[0].start()
        house.wait_until(lambda: house.query("SELECT 1 FROM relance_run"), "_cron_run")
        for server in house.servers:
            server.revive()
        house.wait_until(
            lambda: all("Worker WorkerCron" in server.log.read_text() for server in house.servers),
            "_cron_run",
        )
        house.execute(SWITCH_ON)
        house.wait_until(
            lambda: (
                house.query(
                    "SELECT count(*) > 0 AND count(*) FILTER (WHERE state = 'ready'"
                    " AND date_prepared IS NULL) = 0 FROM relance_reminder"
                )
                == [(True,)]
            ),
            "_cron_send",
        )
        house.wait_until(
            lambda: house.query("SELECT count(*) FROM mail_mail WHERE state = 'outgoing'") == [(0,)],
            "process_email_queue",
        )
        judge(house)


def judge(house):
    """Everybody once, by more than one worker, no payer in two hands, nothing left behind."""
    sent = house.query("SELECT reminder_id, partner_id, pid FROM who_sent")
    shares = Counter(pid for _reminder, _partner, pid in sent)
    print("reminders by backend:", dict(shares))  # noqa: T201
    # who has to be approved first waits for somebody
    [[customers]] = house.query(
        "SELECT count(DISTINCT partner_id) FROM relance_reminder WHERE state <> 'draft'"
    )
    [[waiting]] = house.query("SELECT count(DISTINCT partner_id) FROM relance_reminder WHERE state = 'draft'")
    assert customers > 500
    assert customers + waiting == 20 * (house.copies + 1)
    assert len(sent) == len({reminder for reminder, _partner, _pid in sent}) == customers
    assert len({partner for _reminder, partner, _pid in sent}) == customers
    # a share of one is an accident; a tenth is work
    assert sum(count >= customers / 10 for count in shares.values()) > 1, shares
    recipients = Counter(one.recipient for one in house.postbox.taken if not UNKNOWN.match(one.recipient))
    assert set(recipients.values()) == {1}, recipients.most_common(3)
    for name, sql in ORPHANS.items():
        assert not house.query(sql), name
    for server in house.servers:
        # but for the addresses that do not exist, of which the host itself tells
        errors = re.findall(
            r"^.* (?:ERROR|CRITICAL) (?!.*failed sending mail).*$", server.log.read_text(), re.M
        )
        assert not errors, errors[:3]
