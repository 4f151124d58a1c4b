"""What the tests share: a company with its people, customers, invoices, and days that pass."""

from datetime import date, datetime, timedelta

import pytz

from odoo import Command
from odoo.tests import TransactionCase, new_test_user

MONDAY = date(2026, 3, 2)


class RelanceCase(TransactionCase):
    """Own data, fixed dates, ordinary users."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env(context={**cls.env.context, "tracking_disable": True, "no_reset_password": True})
        cls.company = cls.env.company
        cls.company.write({"email": "compta@exemple.test", "phone": "04 72 00 00 00"})
        cls.company.partner_id.write({"street": "12 rue de la République", "zip": "69002", "city": "Lyon"})
        cls.company.resource_calendar_id.tz = "Europe/Paris"
        cls.accountant = new_test_user(
            cls.env,
            "accountant",
            "account.group_account_invoice,relance_douce.group_relance_user",
            name="Anne Comptable",
            email="anne@exemple.test",
        )
        cls.manager = new_test_user(
            cls.env,
            "manager",
            "account.group_account_manager,relance_douce.group_relance_manager",
            name="Paul Gérant",
            email="paul@exemple.test",
        )
        cls.salesperson = new_test_user(
            cls.env,
            "salesperson",
            "base.group_user,relance_douce.group_relance_reader",
            name="Sophie Vente",
            email="sophie@exemple.test",
        )
        cls.outsider = new_test_user(
            cls.env, "outsider", "account.group_account_invoice", name="Oscar Facture"
        )
        cls.company.relance_user_id = cls.accountant
        cls.policy = cls.env.ref("relance_douce.policy_business")
        cls.consumers = cls.env.ref("relance_douce.policy_consumer")
        cls.levels = {level.tone: level for level in cls.policy.with_context(active_test=False).level_ids}
        cls.receivable = cls.company.partner_id.property_account_receivable_id
        cls.income = cls.env["account.account"].search(
            [("account_type", "=", "income"), ("company_ids", "in", cls.company.ids)], limit=1
        )
        cls.bank = cls.env["account.journal"].search(
            [("type", "=", "bank"), ("company_id", "=", cls.company.id)], limit=1
        )

    # -- people and papers ----------------------------------------------------------------
    @classmethod
    def customer(cls, name="Client Exemple", **values):
        return cls.env["res.partner"].create(
            {
                "name": name,
                "is_company": True,
                "vat": "FR23334175221",
                "street": "1 rue de l'Exemple",
                "zip": "75001",
                "city": "Paris",
                "country_id": cls.env.ref("base.fr").id,
                "email": "client@client.test",
                "lang": "fr_FR",
                **values,
            }
        )

    def queries(self, action):
        """How many statements ``action`` needs when nothing is in memory."""
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        action()
        self.env.flush_all()
        return self.env.cr.sql_log_count - before

    @classmethod
    def invoice(cls, partner, due, amount=1200.0, dated=None, post=True, **values):
        """An invoice of ``amount``, tax free, due on ``due``."""
        dated = dated or due - timedelta(days=30)
        move = cls.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": partner.id,
                "invoice_date": dated,
                "date": dated,
                "invoice_payment_term_id": False,
                "invoice_date_due": due,
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": "Prestation",
                            "quantity": 1,
                            "price_unit": amount,
                            "account_id": cls.income.id,
                            "tax_ids": [Command.clear()],
                        }
                    )
                ],
                **values,
            }
        )
        if post:
            move.action_post()
        return move

    @classmethod
    def credit_note(cls, partner, amount, day, **values):
        return cls.invoice(partner, day, amount, dated=day, move_type="out_refund", **values)

    @classmethod
    def pay(cls, invoices, day, amount=None):
        """Register a payment of these invoices through the host's wizard."""
        wizard = (
            cls.env["account.payment.register"]
            .with_context(active_model="account.move", active_ids=invoices.ids)
            .create(
                {
                    "payment_date": day,
                    "journal_id": cls.bank.id,
                    **({"amount": amount} if amount else {}),
                }
            )
        )
        return wizard._create_payments()

    @classmethod
    def bank_line(cls, amount, day, partner=None):
        return cls.env["account.bank.statement.line"].create(
            {
                "journal_id": cls.bank.id,
                "date": day,
                "payment_ref": "Virement",
                "amount": amount,
                "partner_id": partner.id if partner else False,
            }
        )

    @classmethod
    def settle(cls, invoice, day, amount=None):
        """Book a bank line and match it with the invoice: what counts as paid for good."""
        line = cls.line(invoice)
        statement = cls.bank_line(amount or line.amount_residual, day, invoice.partner_id)
        suspense = statement.move_id.line_ids.filtered(
            lambda item: item.account_id == cls.bank.suspense_account_id
        )
        statement.move_id.button_draft()
        suspense.account_id = cls.receivable
        statement.move_id.action_post()
        (suspense + line).reconcile()
        return statement

    @classmethod
    def line(cls, invoice):
        return invoice.line_ids.filtered(lambda item: item.account_id.account_type == "asset_receivable")

    # -- days that pass -------------------------------------------------------------------
    def run_day(self, day):
        return self.env["relance.run"]._run(self.company, day)

    def noon(self, day, hour=11):
        """Naive UTC of ``hour`` o'clock in Paris."""
        local = pytz.timezone("Europe/Paris").localize(
            datetime.combine(day, datetime.min.time()).replace(hour=hour)
        )
        return local.astimezone(pytz.utc).replace(tzinfo=None)

    def send(self, day, hour=11):
        return self.env["relance.reminder"]._send_batch(now=self.noon(day, hour))

    def live_day(self, day):
        """One day of the house: run, approve, send, post, call."""
        run = self.run_day(day)
        drafts = self.env["relance.reminder"].search([("state", "=", "draft")])
        drafts.action_approve()
        self.send(day)
        ready = self.env["relance.reminder"].search([("state", "=", "ready")])
        prepared = ready.filtered("date_prepared")
        prepared.filtered(lambda one: one.channel == "letter").action_mark_posted(day)
        for call in prepared.filtered(lambda one: one.channel == "call"):
            call._lock_or_explain()
            call._set_sent(self.noon(day), "delivered")
        return run

    def live(self, start, days):
        for offset in range(days):
            self.live_day(start + timedelta(days=offset))

    def decide(self, day, partner=None):
        return self.env["relance.decision"]._decide(self.company, day, partner)

    def row(self, invoice, day):
        """The only row of the decision for the invoice, or None."""
        rows = [row for row in self.decide(day, invoice.partner_id) if row.move_id == invoice.id]
        self.assertLessEqual(len(rows), 1)
        return rows[0] if rows else None

    def reason(self, invoice, day):
        row = self.row(invoice, day)
        return row and row.reason

    def reminders(self, partner, **domain):
        return self.env["relance.reminder"].search(
            [("partner_id", "=", partner.id)] + [(field, "=", value) for field, value in domain.items()],
            order="id",
        )

    def sent(self, partner):
        """[(tone, local date)] of what left for this payer, in order."""
        return [
            (one.level_id.tone, one.contact_date)
            for one in self.reminders(partner, state="sent").sorted(lambda one: (one.contact_date, one.id))
        ]

    def days(self, count):
        return timedelta(days=count)
