"""Who may create, read, write and delete what: the whole matrix, by trying."""

from psycopg2 import Error as DatabaseError

from odoo.exceptions import AccessError, UserError
from odoo.models import LOG_ACCESS_COLUMNS
from odoo.tests import tagged
from odoo.tools import mute_logger

from .safety import KINDS, SafetyCase, our_models

OPERATIONS = ("create", "read", "write", "unlink")

#: model: who may create, read, write and unlink (“crwu”) a record of a customer of ``reader``,
#: in the order of KINDS. Dialogs are each person's own.
MATRIX = """
                              public portal internal accounting auditor stranger reader user manager
relance.aged                  ----   ----   ----     ----       -r--    ----     -r--   -r-- -r--
relance.approval.mail         ----   ----   ----     ----       ----    ----     ----   ---- -r--
relance.as.of                 ----   ----   ----     ----       crwu    crwu     crwu   crwu crwu
relance.cancel.wizard         ----   ----   ----     ----       ----    ----     ----   crwu crwu
relance.case                  ----   ----   ----     ----       ----    ----     -r--   -rw- -rwu
relance.hold                  ----   ----   ----     ----       ----    ----     ----   -r-- -r--
relance.inclusion             ----   ----   ----     ----       ----    ----     ----   ---- -r--
relance.level                 ----   ----   ----     ----       ----    -r--     -r--   -r-- crwu
relance.log                   ----   ----   ----     ----       ----    crw-     crw-   crw- crw-
relance.log.line              ----   ----   ----     ----       ----    crwu     crwu   crwu crwu
relance.overdue               ----   ----   ----     ----       ----    ----     ----   -r-- -r--
relance.pause.wizard          ----   ----   ----     ----       ----    ----     ----   crwu crwu
relance.plan                  ----   ----   ----     ----       ----    ----     -r--   -rwu -rwu
relance.plan.agree            ----   ----   ----     ----       ----    ----     ----   crwu crwu
relance.plan.claim            ----   ----   ----     ----       ----    ----     -r--   -r-- -r--
relance.plan.line             ----   ----   ----     ----       ----    ----     -r--   crwu crwu
relance.plan.message          ----   ----   ----     ----       ----    ----     -r--   -r-- -r--
relance.plan.negotiate        ----   ----   ----     ----       ----    ----     ----   crwu crwu
relance.plan.negotiate.item   ----   ----   ----     ----       ----    ----     ----   crwu crwu
relance.plan.negotiate.line   ----   ----   ----     ----       ----    ----     ----   crwu crwu
relance.plan.withdraw         ----   ----   ----     ----       ----    ----     ----   crwu crwu
relance.policy                ----   ----   ----     ----       ----    -r--     -r--   -r-- crwu
relance.post                  ----   ----   ----     ----       ----    ----     ----   crwu crwu
relance.preview               ----   ----   ----     ----       ----    ----     ----   crwu crwu
relance.preview.line          ----   ----   ----     ----       ----    ----     ----   -r-- -r--
relance.preview.message       ----   ----   ----     ----       ----    ----     ----   -r-- -r--
relance.reminder              ----   ----   ----     ----       ----    ----     -r--   -rw- -rw-
relance.reminder.line         ----   ----   ----     ----       ----    ----     -r--   -r-- -r--
relance.run                   ----   ----   ----     ----       ----    ----     ----   -r-- -r--
relance.start                 ----   ----   ----     ----       ----    ----     ----   ---- -rw-
relance.start.approver        ----   ----   ----     ----       ----    ----     ----   ---- crwu
relance.start.bank            ----   ----   ----     ----       ----    ----     ----   ---- crwu
relance.start.mentions        ----   ----   ----     ----       ----    ----     ----   ---- crwu
relance.start.step            ----   ----   ----     ----       ----    ----     ----   ---- -r--
relance.takeover              ----   ----   ----     ----       ----    ----     ----   -r-- -r--
relance.takeover.import       ----   ----   ----     ----       ----    ----     ----   crwu crwu
relance.takeover.import.line  ----   ----   ----     ----       ----    ----     ----   crwu crwu
relance.takeover.wizard       ----   ----   ----     ----       ----    ----     ----   crwu crwu
relance.today                 ----   ----   ----     ----       ----    ----     -r--   -r-- -r--
"""

#: model → what a manager may write by hand of what is stored, beside the host's own fields of
#: chatter and activities; where the model is not named, nothing or, of policies, levels and
#: dialogs, everything
WRITTEN = {
    "relance.case": {"user_id", "paused_until", "pause_reason"},
    "relance.reminder": {"contact_id", "user_id", "subject", "body", "tracking_number"},
    "relance.plan": {
        *("contact_id", "user_id", "line_ids", "every", "cause", "cause_note", "means", "means_note"),
        *("current_on_time", "waive_penalties", "waive_percent"),
        *("signer_name", "signer_function", "signer_email", "signer_mobile", "link_channel"),
    },
    "relance.plan.line": {"sequence", "date_due", "amount", "kind", "note"},
    "relance.start": {"date_start"},
}
#: may be written as a whole
CONFIGURED = {"relance.policy", "relance.level"}
#: the host's own fields of threads and activities
OF_THE_HOST = ("message_follower_ids", "message_ids", "website_message_ids", "activity_ids")


@tagged("post_install", "-at_install")
class TestRights(SafetyCase):
    """Each right is tried on a real record, so that record rules and checks in Python count."""

    # -- how a right is tried -----------------------------------------------------------------
    def tries(self, action):
        """What the rights, or the record's state, have against ``action``; nothing of it stays."""
        savepoint = self.env.cr.savepoint(flush=False)
        try:
            action()
            self.env.flush_all()
        except (UserError, DatabaseError) as error:
            return error
        finally:
            savepoint.close(rollback=True)
            self.env.transaction.clear()
        return None

    def may(self, action):
        # what is refused for what it is, not for who asks, is no matter of rights
        return not isinstance(self.tries(action), AccessError)

    def values_of(self, record):
        """What it takes to make another one like ``record``."""
        names = [
            name
            for name, field in record._fields.items()
            if field.store
            and field.required
            and not field.default
            and name not in ("id", *LOG_ACCESS_COLUMNS)
        ]
        return record._convert_to_write({name: record[name] for name in names})

    def harmless(self, record):
        """A value to write that changes nothing, of a field that people may write if there is one."""
        stored = [
            name
            for name, field in record._fields.items()
            if field.store and field.type not in ("one2many", "many2many") and name != "id"
        ]
        people = sorted(WRITTEN.get(record._name, set()).intersection(stored))
        name = (people or stored)[0]
        return record._convert_to_write({name: record[name]})

    def rights(self, kind, record, values):
        """“crwu” with a dash for each right that is missing."""
        mine = record.with_user(self.people[kind]).with_context(allowed_company_ids=self.company.ids)
        plain = next(name for name in ("company_id", "create_date") if name in record._fields)
        harmless = self.harmless(record)
        actions = {
            "create": lambda: mine.browse().create(values),
            "read": lambda: mine.read([plain], load=None),
            "write": lambda: mine.write(harmless),
            "unlink": lambda: mine.unlink(),
        }
        self.assertEqual(
            self.may(actions["read"]),
            self.finds(mine),
            f"{kind}: {record._name} is found or is read, not both",
        )
        return "".join(name[0] if self.may(actions[name]) else "-" for name in OPERATIONS)

    def finds(self, record):
        try:
            return bool(record.search([("id", "=", record.id)]))
        except AccessError:
            return False

    def expected(self):
        header, *rows = MATRIX.strip("\n").splitlines()
        self.assertEqual(tuple(header.split()), KINDS)
        return {model: rights for model, *rights in map(str.split, rows)}

    # -- what is tried ------------------------------------------------------------------------
    def test_every_model_stands_in_the_matrix(self):
        models = {name for name, model in our_models(self.env).items() if not model._abstract}
        self.assertEqual(models, set(self.expected()), "decide who may do what with a new model")

    def test_every_model_and_every_group(self):
        tried = {}
        with mute_logger("odoo.sql_db", "odoo.models", "odoo.addons.base.models.ir_rule"):
            for model, record in self.records.items():
                self.assertEqual(len(record), 1, model)
                values = self.values_of(record)
                tried[model] = [self.rights(kind, record, values) for kind in KINDS]
            for kind in KINDS:
                for model, (values, dialog) in self.dialogs(self.people[kind]).items():
                    tried.setdefault(model, []).append(self.rights(kind, dialog, values))
        for model, rights in self.expected().items():
            with self.subTest(model):
                self.assertEqual(
                    dict(zip(KINDS, tried[model], strict=True)), dict(zip(KINDS, rights, strict=True))
                )

    def test_dialogs_are_ones_own(self):
        for model, (_values, dialog) in self.dialogs(self.people["user"]).items():
            for kind in ("reader", "manager"):
                mine = dialog.with_user(self.people[kind])
                plain = next(name for name in ("company_id", "create_date") if name in dialog._fields)
                with self.subTest(model=model, kind=kind):
                    self.assertFalse(self.finds(mine))
                    for action in (
                        lambda mine=mine, plain=plain: mine.read([plain]),
                        lambda mine=mine, dialog=dialog: mine.write(self.harmless(dialog)),
                    ):
                        self.assertFalse(self.may(action))

    def test_every_field_that_is_written_by_hand(self):
        with mute_logger("odoo.sql_db", "odoo.models"):
            for model, rights in self.expected().items():
                if "w" not in rights[-1] or model in CONFIGURED or model not in self.records:
                    continue
                with self.subTest(model):
                    self.assertEqual(self.fields_written(self.records[model]), WRITTEN[model])

    def fields_written(self, record):
        mine = record.with_user(self.manager)
        values = {
            name: [] if field.type == "one2many" else record._convert_to_write({name: record[name]})[name]
            for name, field in record._fields.items()
            if field.store and name not in ("id", *LOG_ACCESS_COLUMNS, *OF_THE_HOST)
        }
        return {
            name for name, value in values.items() if self.may(lambda n=name, v=value: mine.write({n: v}))
        }

    # -- what left stays as it was ------------------------------------------------------------
    def test_what_was_sent_is_not_rewritten(self):
        sent = self.reminder_sent.with_user(self.manager)
        for values in (
            {"subject": "Autre chose"},
            {"body": "<p>Autre chose</p>"},
            {"contact_id": self.payer.id},
            {"user_id": self.salesperson.id},
        ):
            with self.subTest(values):
                self.assertIn("stays as it was", str(self.tries(lambda v=values: sent.write(v))))

    def test_nobody_deletes_what_left_or_was_shown(self):
        for kind in KINDS:
            for record in (
                self.reminder_sent,
                self.reminder_sent.line_ids,
                self.reminder_sent.case_id,
                self.plan_active,
                self.plan_active.line_ids,
                self.plan_active.claim_ids,
                self.plan_active.message_log_ids,
            ):
                with self.subTest(kind=kind, model=record._name):
                    self.assertTrue(self.tries(record.with_user(self.people[kind]).unlink))

    def test_an_instalment_is_not_paid_by_hand(self):
        line = self.records["relance.plan.line"]
        plan = line.plan_id.with_user(self.accountant)
        for values in (
            {"amount_paid": 1.0},
            {"state": "paid"},
            {"date_paid": "2026-03-02"},
            {"by_money": True},
        ):
            with self.subTest(values):
                self.assertFalse(self.may(lambda v=values: line.with_user(self.accountant).write(v)))
                self.assertFalse(self.may(lambda v=values: plan.write({"line_ids": [(1, line.id, v)]})))
                self.assertFalse(
                    self.may(
                        lambda v=values: line.with_user(self.accountant).create(
                            {"plan_id": plan.id, "date_due": "2026-09-01", "amount": 1.0, **v}
                        )
                    )
                )
