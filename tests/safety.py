"""One record of everything the addons know, and one person of every kind, for the tests of safety."""

from datetime import timedelta

from odoo import Command
from odoo.tests import new_test_user
from odoo.tools import SQL

from .common import MONDAY
from .test_plan import FIRST, PlanCase

#: where the classes of our addons live
OURS = "odoo.addons.relance_douce"
#: who tries, from nobody to the manager
KINDS = ("public", "portal", "internal", "accounting", "auditor", "stranger", "reader", "user", "manager")


def our_models(env):
    """Name → class in the registry of the models that our addons define."""
    return {
        name: model
        for name, model in env.registry.items()
        if (model._original_module or "").startswith("relance_douce")
    }


class SafetyCase(PlanCase):
    """A house on a Monday: what the engine made, what people made, and who looks at it.

    ``reader`` is the salesperson of the customers, ``stranger`` a salesperson of others,
    ``accounting`` may do everything in the books, ``auditor`` may read all of them: neither has
    a right of ours.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.partner_id.country_id = cls.env.ref("base.fr")
        cls.company.write({"relance_active": True, "relance_approver_id": cls.manager.id})
        cls.people = {
            "public": cls.env.ref("base.public_user"),
            "portal": new_test_user(cls.env, "portal_person", "base.group_portal", name="Julie Client"),
            "internal": new_test_user(cls.env, "internal_person", "base.group_user", name="Iris Interne"),
            "accounting": new_test_user(
                cls.env, "accounting_person", "account.group_account_manager", name="Chef Comptable"
            ),
            "auditor": new_test_user(
                cls.env, "auditing_person", "account.group_account_readonly", name="Claire Contrôle"
            ),
            "stranger": new_test_user(
                cls.env,
                "strange_person",
                "base.group_user,relance_douce.group_relance_reader",
                name="Victor Vente",
            ),
            "reader": cls.salesperson,
            "user": cls.accountant,
            "manager": cls.manager,
        }
        cls.env["res.users"].union(*cls.people.values()).lang = "en_US"
        cls.payer.user_id = cls.salesperson
        cls.records = cls.make_records()
        cls.env.flush_all()

    @classmethod
    def make_records(cls):
        """Model → record. One customer owes, was reminded, and negotiates."""
        world = cls("runTest")
        env = cls.env
        reminded = cls.reminded = cls.customer("Client relancé", user_id=cls.salesperson.id)
        invoice = cls.invoice(reminded, MONDAY - timedelta(days=60), 300.0)
        world.run_day(MONDAY)
        env["relance.reminder"].search([("state", "=", "draft")]).action_approve()
        world.send(MONDAY)
        sent = world.reminders(reminded, state="sent")
        assert sent, "the reminder has to leave"
        # two customers whose message has not left
        waiting = cls.customer("Client en attente", user_id=cls.salesperson.id)
        late = cls.invoice(waiting, MONDAY - timedelta(days=60), 400.0)
        cls.line(late).write(
            {
                "relance_level_id": cls.levels["friendly"].id,
                "relance_level_date": MONDAY - timedelta(days=30),
            }
        )
        run = world.run_day(MONDAY)
        draft = world.reminders(waiting)
        assert draft.state == "draft", draft.state
        mail = env["relance.approval.mail"]._send(cls.company, cls.manager, world.noon(MONDAY))
        plan = world.plan(user=cls.accountant).sudo()
        # another one is signed and has told so
        signer = cls.customer("Client signataire", vat="FR40303265045", user_id=cls.salesperson.id)
        owed = cls.invoice(signer, MONDAY - timedelta(days=20), 900.0)
        active = world.active(moves=owed, count=3, first=FIRST).sudo()
        held = cls.line(cls.invoice(reminded, MONDAY - timedelta(days=10), 50.0))
        hold = env["relance.hold"].create(
            {
                "company_id": cls.company.id,
                "move_line_id": held.id,
                "reason": "paused",
                "note": "Inventaire",
                "until": MONDAY + timedelta(days=9),
            }
        )
        journal = env["account.journal"].search(
            [("type", "=", "general"), ("company_id", "=", cls.company.id)], limit=1
        )
        entry = env["account.move"].create(
            {
                "move_type": "entry",
                "journal_id": journal.id,
                "date": MONDAY - timedelta(days=40),
                "line_ids": [
                    Command.create(
                        {
                            "name": "Reprise",
                            "account_id": cls.receivable.id,
                            "partner_id": reminded.id,
                            "debit": 70.0,
                            "date_maturity": MONDAY - timedelta(days=40),
                        }
                    ),
                    Command.create({"name": "Reprise", "account_id": cls.income.id, "credit": 70.0}),
                ],
            }
        )
        entry.action_post()
        cls.line(entry).with_user(cls.manager).action_relance_include()
        inclusion = env["relance.inclusion"].search([], order="id desc", limit=1)
        takeover = world.take_over(signer)
        start = env["relance.start"].with_user(cls.manager)._for_company(cls.company).sudo()
        env.flush_all()
        views = {
            "relance.aged": env["relance.aged"].search([("move_id", "=", invoice.id)], limit=1),
            "relance.overdue": env["relance.overdue"].search([("partner_id", "=", reminded.id)], limit=1),
            "relance.today": env["relance.today"].search([("res_id", "=", draft.id)], limit=1),
            "relance.preview.line": env["relance.preview.line"].search([("move_id", "=", late.id)], limit=1),
        }
        policy = cls.policy.copy()
        cls.plan_active, cls.reminder_sent, cls.hold_line = active, sent, held
        return {
            **views,
            "relance.policy": policy,
            "relance.level": policy.level_ids[0],
            "relance.case": draft.case_id,
            "relance.reminder": draft,
            "relance.reminder.line": draft.line_ids[:1],
            "relance.run": run,
            "relance.hold": hold,
            "relance.inclusion": inclusion,
            "relance.approval.mail": mail,
            "relance.takeover": takeover,
            "relance.start": start,
            "relance.start.step": start.step_ids[:1],
            "relance.plan": plan,
            "relance.plan.line": plan.line_ids[:1],
            "relance.plan.claim": plan.claim_ids[:1],
            "relance.plan.message": active.message_log_ids[:1],
        }

    def take_over(self, customer):
        """A mass action over this customer."""
        rows = self.env["relance.overdue"].search([("partner_id", "=", customer.id)])
        action = rows.with_user(self.accountant).with_context(default_kind="paused").action_take_over()
        before = self.env["relance.takeover"].search([])
        wizards = self.env["relance.takeover.wizard"].with_user(self.accountant)
        wizards.with_context(**action["context"]).create(
            {"until": MONDAY + timedelta(days=9), "note": "Inventaire"}
        ).action_confirm()
        return self.env["relance.takeover"].search([]) - before

    # -- dialogs ------------------------------------------------------------------------------
    def dialog_values(self, user):
        """Model of a dialog → what it is filled with; dialogs of ``user`` are made on the way."""
        records, customer = self.records, self.reminded
        until = MONDAY + timedelta(days=9)
        return {
            "relance.as.of": {},
            "relance.cancel.wizard": {
                "reminder_ids": [Command.link(records["relance.reminder"].id)],
                "reason": "Accord oral",
            },
            "relance.log": {
                "partner_id": customer.id,
                "way": "call_out",
                "date": MONDAY,
                "note": "Il paiera.",
            },
            "relance.log.line": {"move_line_id": self.hold_line.id},
            "relance.pause.wizard": {
                "case_ids": [Command.link(records["relance.case"].id)],
                "until": until,
                "reason": "Inventaire",
            },
            "relance.plan.agree": {
                "plan_id": records["relance.plan"].id,
                "kind": "phone",
                "signed_by": "Jeanne Client",
            },
            "relance.plan.negotiate": {
                "company_id": self.company.id,
                "currency_id": self.company.currency_id.id,
                "partner_id": customer.id,
                "debtor_id": customer.id,
            },
            "relance.plan.negotiate.item": {"move_line_id": self.hold_line.id},
            "relance.plan.negotiate.line": {"kind": "payment", "amount": 50.0},
            "relance.plan.withdraw": {"plan_id": records["relance.plan"].id, "reason": "Erreur"},
            "relance.post": {"reminder_ids": [Command.link(records["relance.reminder"].id)], "date": MONDAY},
            "relance.preview": {"company_id": self.company.id, "date": MONDAY},
            "relance.preview.message": {
                "company_id": self.company.id,
                "partner_id": customer.id,
                "date": MONDAY,
            },
            "relance.start.approver": {"approver_id": self.manager.id, "weekday": "0"},
            "relance.start.bank": {"date": MONDAY},
            "relance.start.mentions": {"terms": "<p>Pénalités</p>"},
            "relance.takeover.import": {},
            "relance.takeover.import.line": {"status": "told", "sentence": "Rien"},
            "relance.takeover.wizard": {
                "kind": "paused",
                "row_ids": records["relance.overdue"].ids,
                "until": until,
            },
        }

    #: dialog line → its dialog and the field that leads there
    parents = {
        "relance.log.line": ("relance.log", "log_id"),
        "relance.plan.negotiate.item": ("relance.plan.negotiate", "wizard_id"),
        "relance.plan.negotiate.line": ("relance.plan.negotiate", "wizard_id"),
        "relance.takeover.import.line": ("relance.takeover.import", "import_id"),
    }

    def dialogs(self, user):
        """Model → (values, dialog) of ``user``, made with full rights."""
        made = {}
        values = self.dialog_values(user)
        # dialogs before their lines
        for model in sorted(values, key=lambda name: name in self.parents):
            if model in self.parents:
                parent, field = self.parents[model]
                values[model][field] = made[parent][1].id
            dialog = self.env[model].create(values[model])
            self.env.flush_all()
            # as if ``user`` had opened it, whose rights may not suffice for that
            self.env.cr.execute(
                SQL(
                    "UPDATE %s SET create_uid = %s WHERE id = %s",
                    SQL.identifier(dialog._table),
                    user.id,
                    dialog.id,
                )
            )
            dialog.invalidate_recordset(["create_uid"])
            made[model] = (values[model], dialog)
        return made
