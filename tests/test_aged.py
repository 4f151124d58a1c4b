"""The aged balance against the journal items: whatever happened, on whatever date, to the cent."""

import io
import json
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from urllib.parse import unquote

import openpyxl
from freezegun import freeze_time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo import Command, http
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from .common import MONDAY, RelanceCase

BOUNDS = (("current", 0), ("late_30", 30), ("late_60", 60), ("late_90", 90), ("late_older", 10**6))
YEAR_END = date(2025, 12, 31)


def money(amount):
    return round(Decimal(str(amount or 0)), 2)


class AgedCase(RelanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.startClassPatcher(freeze_time(f"{MONDAY} 10:00:00"))
        cls.customer_one = cls.customer("Atelier Moreau")
        cls.customer_two = cls.customer("Brasserie du Port")
        cls.suspense = cls.bank.suspense_account_id
        cls.misc = cls.env["account.journal"].search(
            [("type", "=", "general"), ("company_id", "=", cls.company.id)], limit=1
        )
        # a payment that has an entry of its own, as where outstanding accounts are in use
        cls.bank.inbound_payment_method_line_ids.payment_account_id = cls.suspense
        cls.dollar = cls.currency("USD", {"2025-01-01": 1.10, "2025-12-01": 1.25, "2026-02-01": 1.05})
        cls.pound = cls.currency("GBP", {"2025-01-01": 0.85, "2026-01-01": 0.80})

    @classmethod
    def currency(cls, name, rates):
        """A currency with these dated rates, in its units per euro."""
        currency = cls.env.ref(f"base.{name}")
        currency.active = True
        currency.rate_ids.unlink()
        cls.env["res.currency.rate"].create(
            [{"currency_id": currency.id, "name": day, "rate": rate} for day, rate in rates.items()]
        )
        return currency

    def entry(self, partner, amount, day, currency=None, due=False, account=None, post=True):
        """A general entry that debits the customer's account by ``amount`` of ``currency``."""
        currency = currency or self.company.currency_id
        balance = currency._convert(amount, self.company.currency_id, self.company, day)
        return self._entry(partner, amount, balance, day, currency, due, account, post)

    def _entry(self, partner, amount, balance, day, currency, due, account, post):
        partner_id = partner.id if partner else False
        move = self.env["account.move"].create(
            {
                "journal_id": self.misc.id,
                "date": day,
                "line_ids": [
                    Command.create(
                        {
                            "account_id": (account or self.receivable).id,
                            "partner_id": partner_id,
                            "currency_id": currency.id,
                            "amount_currency": amount,
                            "balance": balance,
                            "date_maturity": due,
                        }
                    ),
                    Command.create(
                        {
                            "account_id": self.suspense.id,
                            "currency_id": currency.id,
                            "amount_currency": -amount,
                            "balance": -balance,
                        }
                    ),
                ],
            }
        )
        if post:
            move.action_post()
        return move

    def payment(self, partner, amount, day, currency=None, post=True):
        """A customer payment with its entry, matched with nothing."""
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": partner.id,
                "amount": amount,
                "date": day,
                "journal_id": self.bank.id,
                **({"currency_id": currency.id} if currency else {}),
            }
        )
        if post:
            payment.action_post()
        return payment

    def match(self, *moves):
        """Match the open receivable items of these moves."""
        lines = self.env["account.move.line"]
        for move in moves:
            lines += self.line(move).filtered(lambda line: not line.reconciled)
        lines.reconcile()

    # -- the balance, and the same from the journal items -----------------------------------
    def aged(self, day, user=None, **context):
        model = self.env["relance.aged"]
        return (model.with_user(user) if user else model).with_context(relance_as_of=str(day), **context)

    def rows(self, day, partner=None, user=None):
        domain = [("partner_id", "=", partner.id)] if partner else []
        return self.aged(day, user).search(domain)

    def amounts(self, day, partner):
        """Bucket → amount, without those that are empty."""
        measures = [f"amount_{bucket}" for bucket, _last in BOUNDS]
        [values] = self.aged(day)._read_group(
            [("partner_id", "=", partner.id)], [], [f"{measure}:sum" for measure in measures]
        )
        return {
            bucket: amount for (bucket, _last), amount in zip(BOUNDS, values, strict=True) if money(amount)
        }

    def items(self, day, companies=None):
        """The posted trade receivable items dated up to ``day``."""
        return self.env["account.move.line"].search(
            [
                ("account_id.account_type", "=", "asset_receivable"),
                ("account_id.non_trade", "=", False),
                ("parent_state", "=", "posted"),
                ("date", "<=", day),
                ("company_id", "in", (companies or self.company).ids),
            ]
        )

    def replayed(self, day):
        """Item → (balance left, left in its currency, bucket), by replaying every matching."""
        items = self.items(day)
        left = {item.id: [money(item.balance), money(item.amount_currency)] for item in items}
        for partial in self.env["account.partial.reconcile"].search([]):
            debit, credit = partial.debit_move_id, partial.credit_move_id
            if debit.id in left and credit.id in left:
                left[debit.id][0] -= money(partial.amount)
                left[debit.id][1] -= money(partial.debit_amount_currency)
                left[credit.id][0] += money(partial.amount)
                left[credit.id][1] += money(partial.credit_amount_currency)
        found = {}
        for item in items:
            age = (day - (item.date_maturity or item.date)).days
            bucket = next(name for name, last in BOUNDS if age <= last)
            if any(left[item.id]):
                found[item.id] = (*left[item.id], bucket)
        return found

    def check(self, day, by_customer=True):
        """The balance of ``day`` is what the journal items say.

        :param by_customer: also per customer; not where items of two customers were matched
        """
        self.env.flush_all()
        self.env.invalidate_all()
        rows = self.rows(day)
        expected = self.replayed(day)
        self.assertEqual(
            {
                row.id: (money(row.amount_residual), money(row.amount_residual_currency), row.bucket)
                for row in rows
            },
            expected,
            f"as of {day}",
        )
        for row in rows:
            for bucket, _last in BOUNDS:
                amount = row.amount_residual if bucket == row.bucket else 0
                self.assertEqual(row[f"amount_{bucket}"], amount)
            self.assertEqual(row.amount_overdue, 0 if row.bucket == "current" else row.amount_residual)
            self.assertEqual(row.amount_credit, min(row.amount_residual, 0))
        # the ledger knows neither residuals nor matchings: balances of items, added up
        ledger, accounts = defaultdict(Decimal), defaultdict(Decimal)
        for item in self.items(day):
            ledger[item.partner_id.commercial_partner_id] += money(item.balance)
            accounts[item.account_id] += money(item.balance)
        aged = self.aged(day)
        self.assertEqual(
            {
                account: money(total)
                for account, total in aged._read_group([], ["account_id"], ["amount_residual:sum"])
                if money(total)
            },
            {account: total for account, total in accounts.items() if total},
        )
        if by_customer:
            self.assertEqual(
                {
                    partner: money(total)
                    for partner, total in aged._read_group([], ["partner_id"], ["amount_residual:sum"])
                    if money(total)
                },
                {partner: total for partner, total in ledger.items() if total},
            )
        return rows


@tagged("post_install", "-at_install")
class TestAgedBalance(AgedCase):
    def test_ages_are_counted_from_the_due_date(self):
        for days in (-1, 0, 1, 30, 31, 60, 61, 90, 91):
            self.invoice(self.customer_one, MONDAY - self.days(days), 100 + days, dated=date(2025, 11, 1))
        self.assertEqual(
            self.amounts(MONDAY, self.customer_one),
            {
                "current": 99 + 100,
                "late_30": 101 + 130,
                "late_60": 131 + 160,
                "late_90": 161 + 190,
                "late_older": 191,
            },
        )
        rows = self.check(MONDAY)
        self.assertEqual(sorted(rows.mapped("days_late")), [0, 0, 1, 30, 31, 60, 61, 90, 91])
        # a day later everything is a day older
        self.assertEqual(
            self.amounts(MONDAY + self.days(1), self.customer_one),
            {
                "current": 99,
                "late_30": 100 + 101,
                "late_60": 130 + 131,
                "late_90": 160 + 161,
                "late_older": 190 + 191,
            },
        )

    def test_part_payments_count_from_the_day_they_are_booked(self):
        invoice = self.invoice(self.customer_one, date(2025, 12, 20), 1000, dated=date(2025, 11, 20))
        for day, amount in ((date(2025, 12, 30), 300), (date(2026, 1, 5), 450), (date(2026, 2, 2), 250)):
            self.match(invoice, self.entry(self.customer_one, -amount, day))
        self.assertEqual(invoice.amount_residual, 0)
        for day, left in (
            (date(2025, 11, 19), {}),
            (date(2025, 11, 20), {"current": 1000}),
            (date(2025, 12, 29), {"late_30": 1000}),
            (YEAR_END, {"late_30": 700}),
            (date(2026, 1, 5), {"late_30": 250}),
            (date(2026, 2, 1), {"late_60": 250}),
            (date(2026, 2, 2), {}),
        ):
            self.assertEqual(self.amounts(day, self.customer_one), left, day)
            self.check(day)

    def test_an_early_payment_and_one_dated_later(self):
        early = self.entry(self.customer_one, -400, date(2025, 12, 1))
        invoice = self.invoice(self.customer_one, date(2026, 1, 31), 400, dated=date(2026, 1, 1))
        self.match(invoice, early)
        self.match(
            self.invoice(self.customer_one, date(2026, 1, 31), 90, dated=date(2026, 1, 1)),
            self.entry(self.customer_one, -90, MONDAY + self.days(20)),
        )
        # the payment stood alone until the invoice was booked
        self.assertEqual(self.amounts(YEAR_END, self.customer_one), {"late_30": -400})
        # what is matched with a payment of a later day is open until then
        self.assertEqual(self.amounts(MONDAY, self.customer_one), {"late_30": 90})
        for day in (YEAR_END, date(2026, 1, 1), MONDAY, MONDAY + self.days(20)):
            self.check(day)

    def test_exchange_differences(self):
        invoice = self.invoice(
            self.customer_one, date(2026, 1, 15), 1000, dated=date(2025, 12, 15), currency_id=self.dollar.id
        )
        self.assertEqual(self.line(invoice).balance, 800)
        self.match(invoice, self.entry(self.customer_one, -400, date(2026, 1, 10), self.dollar))
        self.match(invoice, self.entry(self.customer_one, -600, date(2026, 2, 10), self.dollar))
        self.assertEqual(invoice.amount_residual, 0)
        self.assertTrue(invoice.line_ids.matched_credit_ids.exchange_move_id)
        for day, dollars, euros in (
            (YEAR_END, 1000, 800),
            (date(2026, 1, 31), 600, 480),
            (date(2026, 2, 9), 600, 480),
        ):
            row = self.check(day)
            self.assertEqual((row.amount_residual_currency, row.amount_residual), (dollars, euros))
            self.assertEqual(row.currency_id, self.dollar)
        # the host books the difference on the last day of a past month: until then the ledger
        # shows it, and nothing is left in dollars
        for day in (date(2026, 2, 10), date(2026, 2, 27)):
            row = self.check(day)
            self.assertEqual((row.amount_residual_currency, row.amount_residual), (0, -91.43))
        self.assertFalse(self.check(date(2026, 2, 28)))

    def test_an_exchange_difference_booked_after_a_closed_period(self):
        invoice = self.invoice(
            self.customer_one, date(2026, 1, 15), 1000, dated=date(2025, 12, 15), currency_id=self.dollar.id
        )
        payment = self._entry(
            self.customer_one, -1000, -790, date(2025, 12, 21), self.dollar, False, None, True
        )
        self.company.fiscalyear_lock_date = date(2026, 1, 31)
        self.match(invoice, payment)
        exchange = self.line(invoice).matched_credit_ids.exchange_move_id
        self.assertGreater(exchange.date, date(2026, 1, 31))
        for day in (date(2025, 12, 21), YEAR_END, date(2026, 1, 31)):
            row = self.check(day)
            self.assertEqual(
                (row.move_id, row.amount_residual_currency, row.amount_residual), (invoice, 0, 10)
            )
        self.check(date(2025, 12, 20))
        self.assertFalse(self.check(exchange.date))

    def test_a_payment_in_another_currency(self):
        invoice = self.invoice(
            self.customer_one, date(2026, 1, 15), 1000, dated=date(2025, 12, 15), currency_id=self.dollar.id
        )
        self.match(invoice, self.entry(self.customer_one, -500, date(2026, 1, 10)))
        self.match(invoice, self.entry(self.customer_one, -100, date(2026, 2, 15), self.pound))
        for day in (YEAR_END, date(2026, 1, 10), date(2026, 2, 14), date(2026, 2, 15), MONDAY):
            self.check(day)

    def test_credit_notes_and_reversals_of_a_later_day(self):
        invoice = self.invoice(self.customer_one, date(2025, 12, 10), 700)
        note = self.credit_note(self.customer_one, 200, date(2026, 1, 8))
        self.match(invoice, note)
        reversed_one = self.invoice(self.customer_two, date(2025, 12, 10), 300)
        self.env["account.move.reversal"].with_context(
            active_model="account.move", active_ids=reversed_one.ids
        ).create({"date": date(2026, 1, 20), "journal_id": reversed_one.journal_id.id}).modify_moves()
        self.assertEqual(reversed_one.payment_state, "reversed")
        self.assertEqual(self.amounts(YEAR_END, self.customer_one), {"late_30": 700})
        self.assertEqual(self.amounts(date(2026, 1, 8), self.customer_one), {"late_30": 500})
        self.assertEqual(self.amounts(date(2026, 1, 19), self.customer_two), {"late_60": 300})
        self.assertEqual(self.amounts(date(2026, 1, 20), self.customer_two), {})
        for day in (YEAR_END, date(2026, 1, 8), date(2026, 1, 19), MONDAY):
            self.check(day)

    def test_instalments_of_a_payment_term(self):
        term = self.env["account.payment.term"].create(
            {
                "name": "Trois fois",
                "line_ids": [
                    Command.create({"value": "percent", "value_amount": part, "nb_days": days})
                    for part, days in ((30, 0), (30, 30), (40, 60))
                ],
            }
        )
        self.invoice(
            self.customer_one,
            None or date(2026, 1, 1),
            1000,
            dated=date(2026, 1, 1),
            invoice_payment_term_id=term.id,
        )
        self.assertEqual(
            self.amounts(date(2026, 2, 10), self.customer_one),
            {"current": 400, "late_30": 300, "late_60": 300},
        )
        self.check(date(2026, 2, 10))

    def test_credits_count_from_their_due_date_or_their_own(self):
        self.entry(self.customer_one, -150, MONDAY - self.days(40))
        self.payment(self.customer_one, 60, MONDAY - self.days(5))
        self.credit_note(self.customer_one, 25, MONDAY - self.days(70), invoice_date_due=MONDAY)
        rows = self.check(MONDAY)
        self.assertEqual(
            self.amounts(MONDAY, self.customer_one), {"late_60": -150, "late_30": -60, "current": -25}
        )
        self.assertEqual(sum(rows.mapped("amount_credit")), -235)
        # a credit is never late
        self.assertEqual(set(rows.mapped("days_late")), {0})
        self.assertFalse(self.aged(MONDAY).search([("days_late", ">", 0)]))

    def test_a_matched_payment_reset_to_draft_is_not_in_the_ledger(self):
        """The host keeps the matching, and says that nothing is left; the ledger does not."""
        invoice = self.invoice(self.customer_one, date(2025, 12, 10), 500)
        payment = self.entry(self.customer_one, -500, date(2026, 1, 10))
        self.match(invoice, payment)
        payment.button_draft()
        self.assertTrue(self.line(invoice).matched_credit_ids)
        self.assertEqual(self.line(invoice).amount_residual, 0)
        row = self.check(MONDAY)
        self.assertEqual((row.move_id, row.amount_residual), (invoice, 500))
        payment.action_post()
        self.assertFalse(self.check(MONDAY))
        self.check(YEAR_END)

    def test_what_is_not_posted_is_not_owed(self):
        self.invoice(self.customer_one, date(2025, 12, 10), 500, post=False)
        cancelled = self.invoice(self.customer_one, date(2025, 12, 10), 500)
        cancelled.button_draft()
        cancelled.button_cancel()
        self.assertFalse(self.check(MONDAY))

    def test_future_entries_wait_for_their_day(self):
        self.invoice(self.customer_one, MONDAY + self.days(40), 500, dated=MONDAY + self.days(10))
        self.assertFalse(self.check(MONDAY))
        self.assertEqual(self.amounts(MONDAY + self.days(10), self.customer_one), {"current": 500})
        self.assertEqual(self.amounts(MONDAY + self.days(41), self.customer_one), {"late_30": 500})

    def test_archived_customers_and_entries_without_one(self):
        self.invoice(self.customer_one, date(2025, 12, 10), 500)
        self.customer_one.active = False
        self.entry(None, -80, date(2026, 1, 10))
        rows = self.check(MONDAY)
        self.assertEqual(len(rows), 2)
        [(partner, total), (nobody, credit)] = self.aged(MONDAY)._read_group(
            [], ["partner_id"], ["amount_residual:sum"], order="amount_residual:sum desc"
        )
        self.assertEqual((partner, total, credit), (self.customer_one, 500, -80))
        self.assertFalse(nobody)

    def test_items_of_two_customers_matched_with_each_other(self):
        invoice = self.invoice(self.customer_one, date(2025, 12, 10), 500)
        self.match(invoice, self.entry(self.customer_two, -500, date(2026, 1, 10)))
        self.assertFalse(self.check(MONDAY, by_customer=False))
        self.assertEqual(len(self.check(date(2026, 1, 9))), 1)

    def test_cash_basis_taxes_change_nothing(self):
        self.company.tax_exigibility = True
        transition = self.env["account.account"].create(
            {
                "name": "TVA en attente",
                "code": "445800T",
                "account_type": "liability_current",
                "reconcile": True,
            }
        )
        tax = self.env["account.tax"].create(
            {
                "name": "20 % encaissements",
                "amount": 20,
                "tax_exigibility": "on_payment",
                "cash_basis_transition_account_id": transition.id,
            }
        )
        invoice = self.invoice(self.customer_one, date(2025, 12, 10), 1000, post=False)
        invoice.invoice_line_ids.tax_ids = tax
        invoice.action_post()
        self.match(invoice, self.entry(self.customer_one, -700, date(2026, 1, 10)))
        self.assertTrue(invoice.tax_cash_basis_created_move_ids)
        self.assertEqual(self.amounts(YEAR_END, self.customer_one), {"late_30": 1200})
        self.assertEqual(self.amounts(MONDAY, self.customer_one), {"late_90": 500})
        self.check(YEAR_END)
        self.check(MONDAY)

    def test_accounts_left_alone_belong_to_the_balance_other_debtors_do_not(self):
        doubtful, other = (
            self.env["account.account"].create(
                {
                    "name": code,
                    "code": code,
                    "account_type": "asset_receivable",
                    "reconcile": True,
                    "non_trade": non_trade,
                }
            )
            for code, non_trade in (("416900", False), ("467900", True))
        )
        self.entry(self.customer_one, 300, date(2025, 12, 10), account=doubtful)
        self.entry(self.customer_one, 70, date(2025, 12, 10), account=other)
        self.entry(self.customer_one, 1000, date(2025, 12, 10))
        self.check(MONDAY)
        aged = self.aged(MONDAY)
        self.assertEqual(sum(aged.search([]).mapped("amount_residual")), 1300)
        self.assertEqual(aged.search([("is_chased", "=", True)]).account_id, self.receivable)
        self.assertEqual(aged.search([("is_chased", "=", False)]).account_id, doubtful)
        self.company.relance_excluded_accounts = False
        self.assertEqual(len(aged.search([("is_chased", "=", True)])), 2)
        self.assertEqual(
            {chased for chased, _count in aged._read_group([], ["is_chased"], ["__count"])}, {True}
        )

    def test_who_owes_and_who_sells(self):
        chain = self.customer("Enseigne")
        self.customer_one.write({"relance_payer_id": chain.id, "user_id": self.manager.id})
        shop = self.env["res.partner"].create(
            {"name": "Magasin de Lyon", "parent_id": self.customer_one.id, "type": "invoice"}
        )
        invoice = self.invoice(shop, date(2025, 12, 10), 500, invoice_user_id=self.salesperson.id)
        self.entry(self.customer_one, -20, date(2026, 1, 10))
        row, credit = self.rows(MONDAY)
        self.assertEqual(
            (row.partner_id, row.establishment_id, row.payer_id, row.user_id, row.move_id),
            (self.customer_one, shop, chain, self.salesperson, invoice),
        )
        self.assertEqual(
            (credit.partner_id, credit.establishment_id, credit.payer_id, credit.user_id),
            (self.customer_one, self.customer_one, chain, self.manager),
        )

    def test_level_and_reason(self):
        invoice = self.invoice(self.customer_one, MONDAY - self.days(3))
        later = self.invoice(self.customer_two, MONDAY + self.days(20), dated=MONDAY - self.days(10))
        self.entry(self.customer_two, -5, MONDAY - self.days(1))
        self.live_day(MONDAY)
        level = self.line(invoice).relance_level_id
        self.assertTrue(level)
        day = MONDAY + self.days(1)
        groups = {
            (level, reason): amount
            for level, reason, amount in self.aged(day)._read_group(
                [], ["level_id", "reason"], ["amount_residual:sum"]
            )
        }
        decided = {row.move_id: row.reason for row in self.decide(day)}
        self.assertEqual(
            groups,
            {
                (level, decided[invoice.id]): 1200,
                (level.browse(), decided[later.id]): 1200,
                (level.browse(), False): -5,
            },
        )
        self.assertEqual(
            set(self.aged(day).search([("reason", "=", decided[invoice.id])]).move_id.ids),
            {move for move, reason in decided.items() if reason == decided[invoice.id]},
        )
        self.assertEqual(self.aged(day).search([("reason", "=", False)]).amount_residual, -5)
        self.assertEqual(self.rows(day, self.customer_one).reason, decided[invoice.id])
        self.assertEqual(self.rows(day, self.customer_one).tone, level.tone)

    def test_the_decision_is_asked_only_for_the_reason(self):
        self.invoice(self.customer_one, MONDAY - self.days(3))
        aged = self.aged(MONDAY)
        plain = aged._search([("amount_residual", ">", 0)]).select()
        self.assertNotIn("relance_policy", plain.code)
        self.assertIn("relance_policy", aged._search([("reason", "=", "climb")]).select().code)

    def test_the_date_without_a_date_is_that_of_the_company(self):
        self.invoice(self.customer_one, MONDAY)
        with freeze_time("2026-03-02 22:30:00"):
            # in Paris it is still Monday
            self.assertEqual(self.env["relance.aged"].search([]).days_late, 0)
        self.env.invalidate_all()
        with freeze_time("2026-03-02 23:30:00"):
            self.assertEqual(self.env["relance.aged"].search([]).days_late, 1)

    def test_no_date_says_so(self):
        for wrong in ("demain", "2025-13-01", ["2025-01-01"], 5):
            with self.assertRaisesRegex(UserError, "no date"):
                self.env["relance.aged"].with_context(relance_as_of=wrong).search([])

    def test_two_dates_do_not_mix(self):
        invoice = self.invoice(self.customer_one, date(2025, 12, 10), 500)
        self.match(invoice, self.entry(self.customer_one, -200, date(2026, 1, 10)))
        then, now = self.rows(YEAR_END), self.rows(MONDAY)
        self.assertEqual((then.id, then.amount_residual), (now.id, 500))
        self.assertEqual((now.amount_residual, then.bucket, now.bucket), (300, "late_30", "late_90"))

    def test_every_field_groups_and_sorts(self):
        self.invoice(self.customer_one, date(2025, 12, 10), 500)
        aged = self.aged(MONDAY)
        for name, field in aged._fields.items():
            if field.store and name != "id":
                aged.search([], order=f"{name} desc")
            if field.store and field.type in ("many2one", "selection", "boolean", "char"):
                [group] = aged._read_group([], [name], ["amount_residual:sum"])
                self.assertEqual(group[1], 500, name)

    def test_document_of_a_row(self):
        invoice = self.invoice(self.customer_one, date(2025, 12, 10), 500)
        payment = self.payment(self.customer_one, 60, date(2026, 1, 10))
        statement = self.settle(self.invoice(self.customer_two, date(2025, 12, 10), 50), MONDAY, 80)
        aged = self.aged(MONDAY, self.accountant)
        for record, document in (
            (invoice, invoice),
            (payment.move_id, payment),
            (statement.move_id, statement.move_id),
        ):
            action = aged.search([("move_id", "=", record.id)]).action_open_document()
            self.assertEqual((action["res_model"], action["res_id"]), (document._name, document.id))


EVENT = st.one_of(
    st.tuples(st.just("invoice"), st.integers(0, 1), st.integers(-150, 20), st.integers(-10, 60),
              st.integers(1, 500_000), st.sampled_from(["EUR", "USD", "GBP", "term"])),
    st.tuples(st.just("credit_note"), st.integers(0, 1), st.integers(-150, 20), st.integers(1, 200_000),
              st.sampled_from(["EUR", "USD"])),
    st.tuples(st.just("pay"), st.integers(0, 9), st.integers(-150, 20), st.integers(1, 130),
              st.sampled_from(["same", "EUR", "USD"])),
    st.tuples(st.just("payment"), st.integers(0, 1), st.integers(-150, 20), st.integers(1, 300_000)),
    st.tuples(st.just("match"), st.integers(0, 1), st.sampled_from(["all", "EUR", "USD"])),
    st.tuples(st.just("unmatch"), st.integers(0, 9)),
    st.tuples(st.just("reverse"), st.integers(0, 9), st.integers(-100, 20)),
    st.tuples(st.just("draft"), st.integers(0, 9)),
    st.tuples(st.just("repost"), st.integers(0, 9)),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("archive"), st.integers(0, 1)),
    st.tuples(st.just("nobody"), st.integers(-150, 20), st.integers(-90_000, 90_000)),
)  # fmt: skip


@tagged("post_install", "-at_install")
class TestAgedHistories(AgedCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.term = cls.env["account.payment.term"].create(
            {
                "name": "Trois fois",
                "line_ids": [
                    Command.create({"value": "percent", "value_amount": part, "nb_days": days})
                    for part, days in ((33.33, 0), (33.33, 30), (33.34, 60))
                ],
            }
        )

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(
        st.lists(EVENT, min_size=5, max_size=16),
        st.lists(st.integers(-160, 40), min_size=2, max_size=4),
    )
    def test_any_history_on_any_day(self, events, days):
        with self.env.cr.savepoint() as savepoint:
            self.moves = self.env["account.move"]
            # something for the first events to work on
            self._invoice(0, -120, 30, 123_457, "USD")
            self._invoice(1, -90, 30, 50_000, "EUR")
            self._pay(0, -60, 50, "EUR")
            self._pay(1, -50, 100, "same")
            for kind, *values in events:
                getattr(self, f"_{kind}")(*values)
            for offset in sorted({*days, 0}):
                self.check(MONDAY + self.days(offset))
            savepoint.rollback()
            self.env.invalidate_all()

    def _day(self, offset):
        return MONDAY + self.days(offset)

    def _who(self, index):
        return (self.customer_one, self.customer_two)[index]

    def _one(self, index, **wanted):
        """One of the moves made so far of which ``wanted`` is true, or none."""
        moves = self.moves.filtered_domain([(name, "=", value) for name, value in wanted.items()])
        return moves[index % len(moves)] if moves else moves

    def _invoice(self, who, dated, terms, cents, currency):
        values = {}
        if currency == "term":
            values["invoice_payment_term_id"] = self.term.id
        elif currency != "EUR":
            values["currency_id"] = self.env.ref(f"base.{currency}").id
        dated = self._day(dated)
        due = dated + self.days(max(terms, 0))
        self.moves += self.invoice(self._who(who), due, cents / 100, dated=dated, **values)

    def _credit_note(self, who, day, cents, currency):
        self.moves += self.credit_note(
            self._who(who), cents / 100, self._day(day), currency_id=self.env.ref(f"base.{currency}").id
        )

    def _pay(self, index, day, percent, currency):
        """Pay part of an open invoice, all of it or more, in its currency or another, and match."""
        move = self._one(index, move_type="out_invoice", state="posted")
        line = self.line(move).filtered(lambda item: not item.reconciled)[:1]
        if not line:
            return
        used = line.currency_id if currency == "same" else self.env.ref(f"base.{currency}")
        amount = used.round(
            line.currency_id._convert(abs(line.amount_residual_currency), used, self.company, self._day(day))
            * percent
            / 100
        )
        if not amount:
            return
        entry = self.entry(move.commercial_partner_id, -amount, self._day(day), used)
        self.moves += entry
        (line + self.line(entry)).reconcile()

    def _payment(self, who, day, cents):
        self.moves += self.payment(self._who(who), cents / 100, self._day(day)).move_id

    def _match(self, who, currency):
        lines = self.env["account.move.line"].search(
            [
                ("partner_id", "=", self._who(who).id),
                ("account_id", "=", self.receivable.id),
                ("parent_state", "=", "posted"),
                ("reconciled", "=", False),
                *([] if currency == "all" else [("currency_id.name", "=", currency)]),
            ]
        )
        if len(lines) > 1:
            lines.reconcile()

    def _unmatch(self, index):
        move = self._one(index, state="posted")
        self.line(move).remove_move_reconcile()

    def _reverse(self, index, day):
        move = self._one(index, move_type="out_invoice", state="posted")
        if move and move.payment_state == "not_paid":
            self.moves += move._reverse_moves([{"date": self._day(day)}], cancel=True)

    def _draft(self, index):
        self._one(index, state="posted").button_draft()

    def _repost(self, index):
        self._one(index, state="draft").action_post()

    def _cancel(self, index):
        self._one(index, state="draft").button_cancel()

    def _archive(self, who):
        self._who(who).active = False

    def _nobody(self, day, cents):
        if cents:
            self.moves += self.entry(None, cents / 100, self._day(day))


@tagged("post_install", "-at_install")
class TestAgedRights(AgedCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer_one.user_id = cls.salesperson
        for partner, amount in ((cls.customer_one, 500), (cls.customer_two, 300)):
            cls.invoice(partner, date(2025, 12, 10), amount)
        cls.bookkeeper = new_test_user(cls.env, "bookkeeper", "account.group_account_readonly")

    def seen(self, user):
        return self.rows(MONDAY, user=user).partner_id

    def test_who_sees_what(self):
        everybody = self.customer_one + self.customer_two
        for user in (self.accountant, self.manager, self.bookkeeper):
            self.assertEqual(self.seen(user), everybody, user.name)
        self.assertEqual(self.seen(self.salesperson), self.customer_one)
        self.customer_one.user_id = False
        self.assertFalse(self.seen(self.salesperson))
        self.customer_two.relance_user_id = self.salesperson
        self.assertEqual(self.seen(self.salesperson), self.customer_two)
        with self.assertRaises(AccessError):
            self.seen(self.outsider)

    def test_a_salesperson_reads_her_rows_as_the_screen_does(self):
        """She may read neither entries nor accounts: their names are no secret, what is in them is."""
        aged = self.aged(MONDAY, self.salesperson)
        result = aged.web_search_read(
            [],
            {
                name: {"fields": {"display_name": {}}} if field.type == "many2one" else {}
                for name, field in aged._fields.items()
                if field.store or name == "tone"
            },
        )
        [row] = result["records"]
        self.assertEqual(row["amount_residual"], 500)
        self.assertTrue(row["move_id"]["display_name"])
        for name in ("partner_id", "payer_id", "user_id", "account_id", "journal_id", "level_id", "reason"):
            [group] = aged.formatted_read_group([], [name], ["amount_residual:sum"])
            self.assertEqual(group["amount_residual:sum"], 500, name)
        action = aged.search([]).action_open_document()
        self.assertEqual((action["res_model"], action["res_id"]), ("res.partner", self.customer_one.id))

    def test_other_rows_cannot_be_opened(self):
        row = self.rows(MONDAY, self.customer_two)
        with self.assertRaises(AccessError):
            row.with_user(self.salesperson).action_open_document()
        with self.assertRaises(AccessError):
            row.with_user(self.outsider).action_open_document()

    def test_a_reader_of_accounting_needs_no_right_on_reminders(self):
        aged = self.aged(MONDAY, self.bookkeeper)
        self.assertEqual(sum(aged.search([]).mapped("amount_residual")), 800)
        for name in ("level_id", "reason", "payer_id", "is_chased"):
            with self.assertRaises(AccessError):
                aged._read_group([], [name], ["__count"])
        views = aged.get_views([(False, "list"), (False, "search"), (False, "kanban")])
        for view in views["views"].values():
            for name in ("level_id", "reason", "payer_id", "is_chased"):
                self.assertNotIn(f'"{name}"', view["arch"])

    def test_nobody_writes(self):
        row = self.rows(MONDAY, self.customer_one)
        for action in (
            lambda: row.with_user(self.manager).write({"name": "x"}),
            lambda: row.with_user(self.manager).unlink(),
            lambda: self.aged(MONDAY, self.manager).create({"name": "x"}),
        ):
            with self.assertRaises(AccessError):
                action()

    def test_companies(self):
        other = self.env["res.company"].create({"name": "Filiale", "currency_id": self.pound.id})
        account = (
            self.env["account.account"]
            .with_company(other)
            .create(
                {
                    "name": "Clients",
                    "code": "411000",
                    "account_type": "asset_receivable",
                    "company_ids": [Command.set(other.ids)],
                }
            )
        )
        income = account.copy({"name": "Ventes", "code": "701000", "account_type": "income"})
        journal = self.env["account.journal"].create(
            {"name": "OD", "code": "OD", "type": "general", "company_id": other.id}
        )
        move = self.env["account.move"].create(
            {
                "journal_id": journal.id,
                "company_id": other.id,
                "date": date(2025, 12, 1),
                "line_ids": [
                    Command.create(
                        {"account_id": account.id, "partner_id": self.customer_one.id, "balance": 77}
                    ),
                    Command.create({"account_id": income.id, "balance": -77}),
                ],
            }
        )
        move.action_post()
        self.assertEqual(sum(self.rows(MONDAY, user=self.accountant).mapped("amount_residual")), 800)
        self.accountant.company_ids += other
        both = self.aged(MONDAY, self.accountant, allowed_company_ids=(self.company + other).ids)
        groups = both._read_group([], ["company_id", "company_currency_id"], ["amount_residual:sum"])
        self.assertEqual(
            {company: (currency, amount) for company, currency, amount in groups},
            {self.company: (self.company.currency_id, 800), other: (self.pound, 77)},
        )
        alone = both.with_context(allowed_company_ids=other.ids)
        self.assertEqual(alone.search([]).move_id, move)
        # the accounts that are chased are those of each company
        other.relance_excluded_accounts = "411"
        self.env.flush_all()
        self.assertEqual(both.search([("is_chased", "=", False)]).move_id, move)
        self.assertEqual(len(both.search([("is_chased", "=", True)])), 2)
        self.assertEqual(both.search([("reason", "!=", False)]).company_id, self.company)
        book = self.workbook(both)
        self.assertEqual(book.sheetnames, [company.name for company in self.company + other])
        self.assertIn("GBP", book["Filiale"]["A3"].value)

    def test_names_of_companies_that_are_no_names_of_sheets(self):
        companies = self.company
        for name in ("Durand", "DURAND", "A" * 30 + "'b", "History", "[:?]", "' d'Aix '"):
            companies += self.env["res.company"].create({"name": name})
        self.accountant.company_ids += companies
        aged = self.aged(MONDAY, self.accountant, allowed_company_ids=companies.ids)
        names = self.workbook(aged).sheetnames
        self.assertEqual(len({name.casefold() for name in names}), len(companies))
        self.assertEqual(names[1], "Durand")
        self.assertEqual(names[-1], "d'Aix")
        self.assertTrue(names[2].startswith("DURAND "))
        self.assertEqual(names[3], "A" * 30)

    def workbook(self, aged):
        content, _name = aged._sheet([])
        return openpyxl.load_workbook(io.BytesIO(content))


@tagged("post_install", "-at_install")
class TestAsOf(AgedCase):
    def open(self, **context):
        return Form(self.env["relance.as.of"].with_user(self.accountant).with_context(**context))

    def test_quick_choices(self):
        for choice, day in (
            ("today", MONDAY),
            ("month", date(2026, 2, 28)),
            ("quarter", YEAR_END),
            ("year", YEAR_END),
        ):
            form = self.open()
            form.choice = choice
            self.assertEqual(form.date, day)
        # the fiscal year of the company, not that of the calendar
        self.company.write({"fiscalyear_last_month": "6", "fiscalyear_last_day": 30})
        form = self.open()
        form.choice = "year"
        self.assertEqual(form.date, date(2025, 6, 30))

    def test_a_date_typed_in(self):
        form = self.open()
        self.assertEqual((form.choice, form.date), ("month", date(2026, 2, 28)))
        form.date = date(2025, 11, 11)
        self.assertEqual(form.choice, "other")
        action = form.save().action_open()
        self.assertEqual(action["context"]["relance_as_of"], "2025-11-11")
        self.assertEqual(action["context"]["search_default_group_partner"], 1)
        form = self.open(default_choice="other", default_date="2025-11-11")
        self.assertEqual((form.choice, form.date), ("other", date(2025, 11, 11)))

    def test_the_date_is_in_the_title(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.accountant.lang = "en_US"
        wizard = self.open(default_choice="quarter").save()
        self.assertEqual(wizard.action_open()["name"], "Aged balance as of 31 December 2025")
        today = self.open(default_choice="today").save().action_open()
        self.assertEqual(today["name"], "Aged balance")
        self.assertNotIn("relance_as_of", str(today["context"]))

    def test_in_its_own_place(self):
        wizard = self.open(default_choice="quarter").save().with_context(relance_in_place=True)
        action = wizard.action_open()
        self.assertEqual(action["type"], "ir.actions.act_window_close")
        self.assertEqual(action["infos"]["relance_aged"]["context"]["relance_as_of"], "2025-12-31")

    def test_no_date(self):
        form = self.open()
        form.date = False
        with self.assertRaisesRegex(UserError, "Choose the date"):
            form.save().action_open()


@tagged("post_install", "-at_install")
class TestAgedExport(AgedCase, HttpCase):
    NASTY = '=HYPERLINK("http://example.test","Cliquez")'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.exporter = new_test_user(
            cls.env,
            "exporter",
            "account.group_account_invoice,relance_douce.group_relance_user,base.group_allow_export,"
            "base.group_multi_currency",
        )
        cls.nasty = cls.customer(cls.NASTY)
        cls.invoice(cls.nasty, date(2025, 12, 10), 1234.56)
        cls.invoice(cls.customer_one, date(2025, 12, 30), 400.10)
        cls.invoice(cls.customer_one, date(2026, 1, 30), 99.90, dated=date(2025, 12, 30))
        cls.credit_note(cls.customer_one, 50, date(2025, 12, 20))
        cls.invoice(
            cls.customer_two, date(2025, 9, 10), 1000, dated=date(2025, 9, 1), currency_id=cls.dollar.id
        )

    def post(self, url, payload, user="exporter"):
        self.authenticate(user, user)
        return self.url_open(
            url, data={"data": json.dumps(payload), "csrf_token": http.Request.csrf_token(self)}
        )

    def sheet(self, user="exporter", **payload):
        response = self.post(
            "/relance_douce/aged_balance",
            {"domain": [], "groupby": [], "context": {"relance_as_of": str(YEAR_END)}, **payload},
            user,
        )
        self.assertEqual(response.status_code, 200, response.text)
        self.assertIn("31 December 2025.xlsx", unquote(response.headers["Content-Disposition"]))
        book = openpyxl.load_workbook(io.BytesIO(response.content))
        values = openpyxl.load_workbook(io.BytesIO(response.content), data_only=True)
        return book.active, [list(row) for row in values.active.iter_rows(values_only=True)]

    def test_a_tidy_sheet(self):
        formulas, rows = self.sheet()
        self.assertEqual(rows[0][0], self.company.name)
        self.assertEqual(rows[1][0], "Aged balance as of 31 December 2025")
        self.assertIn("EUR", rows[2][0])
        self.assertEqual(
            rows[4],
            ["Customer", "Currency", "Not due", "1–30 days", "31–60 days", "61–90 days", "Over 90 days",
             "Total", "Total in currency"],
        )  # fmt: skip
        self.assertEqual(
            rows[5:],
            [
                [self.NASTY, "EUR", 0, 1234.56, 0, 0, 0, 1234.56, 1234.56],
                ["Atelier Moreau", "EUR", 99.9, 350.1, 0, 0, 0, 450, 450],
                ["Total EUR", "EUR", 99.9, 1584.66, 0, 0, 0, 1684.56, 1684.56],
                [None] * 9,
                ["Brasserie du Port", "USD", 0, 0, 0, 0, 909.09, 909.09, 1000],
                ["Total USD", "USD", 0, 0, 0, 0, 909.09, 909.09, 1000],
                [None] * 9,
                ["Total", None, 99.9, 1584.66, 0, 0, 909.09, 2593.65, None],
            ],
        )
        # a name stays a name, a total adds up, and leaves out other totals
        self.assertEqual(formulas["A6"].data_type, "s")
        self.assertEqual(formulas["H8"].value, "=SUBTOTAL(9,H6:H7)")
        self.assertEqual(formulas["H13"].value, "=SUBTOTAL(9,H6:H12)")
        self.assertEqual(formulas.freeze_panes, "B6")
        self.assertTrue(formulas["H6"].number_format.startswith("#,##0.00;"))
        self.assertEqual(formulas.print_title_rows, "$5:$5")

    def test_with_the_filters_and_rows_of_the_list(self):
        _formulas, rows = self.sheet(
            domain=[("partner_id", "=", self.customer_one.id)], groupby=["bucket", "user_id"]
        )
        self.assertEqual(rows[4][0], "Salesperson")
        self.assertEqual([row[0] for row in rows[5:]], ["OdooBot", "Total"])
        self.assertEqual(rows[-1][-2:], [450, 450])

    def test_an_empty_sheet_says_zero(self):
        _formulas, rows = self.sheet(domain=[("partner_id", "=", False)])
        self.assertEqual(rows[5], ["Total", None, 0, 0, 0, 0, 0, 0, 0])

    def test_who_takes_it_away(self):
        """The accountant may; a salesperson only with the right to export, and her own customers."""
        self.sheet(user="accountant")
        self.customer_two.user_id = self.salesperson
        with mute_logger("odoo.http"):
            response = self.post(
                "/relance_douce/aged_balance", {"domain": [], "context": {}}, user="salesperson"
            )
        self.assertEqual(response.status_code, 403)
        self.assertIn("right to export", response.text)
        self.salesperson.group_ids += self.env.ref("base.group_allow_export")
        _formulas, rows = self.sheet(user="salesperson")
        self.assertEqual([row[0] for row in rows[5:]], ["Brasserie du Port", "Total"])
        with mute_logger("odoo.http"):
            response = self.post(
                "/relance_douce/aged_balance", {"domain": [], "context": {}}, user="outsider"
            )
        self.assertEqual(response.status_code, 403)

    def test_a_question_of_something_else_than_the_view(self):
        self.authenticate("exporter", "exporter")
        for data in (
            "",
            "{",
            "[]",
            "null",
            "{}",
            '{"domain": 1, "context": {}}',
            '{"domain": [], "context": []}',
        ):
            response = self.url_open(
                "/relance_douce/aged_balance",
                data={"data": data, "csrf_token": http.Request.csrf_token(self)},
            )
            self.assertEqual(response.status_code, 400, data)
            self.assertIn("export it there", response.text)

    def test_the_list_export_of_the_host(self):
        """Grouped as on the screen: a heading per customer with its sums, the rows below."""
        fields = [
            {"name": name, "label": label, "type": kind}
            for name, label, kind in (
                ("move_id", "Document", "many2one"),
                ("date_due", "Due", "date"),
                ("amount_current", "Not due", "monetary"),
                ("amount_late_30", "1–30", "monetary"),
                ("amount_residual", "Total", "monetary"),
            )
        ]
        response = self.post(
            "/web/export/xlsx",
            {
                "model": "relance.aged",
                "fields": fields,
                "ids": False,
                "domain": [["amount_residual_currency", "!=", 1000]],
                "groupby": ["partner_id"],
                "context": {"relance_as_of": str(YEAR_END)},
                "import_compat": False,
            },
        )
        self.assertEqual(response.status_code, 200)
        rows = list(openpyxl.load_workbook(io.BytesIO(response.content)).active.iter_rows(values_only=True))
        heading = next(row for row in rows if str(row[0]).startswith("Atelier Moreau (3)"))
        self.assertEqual(heading[2:], (99.9, 350.1, 450))
        self.assertEqual(len(rows), 1 + 2 + 4)
        self.assertEqual(
            sum(row[4] for row in rows if str(row[0]).startswith("INV/")), 400.10 + 99.90 + 1234.56
        )

    def test_the_pivot_export_of_the_host(self):
        """What the pivot sends, as the browser builds it from its groups."""
        response = self.post(
            "/web/pivot/export_xlsx",
            {
                "model": "relance.aged",
                "title": "Aged balance",
                "col_group_headers": [[{"title": "Total", "width": 2, "height": 1}]],
                "measure_headers": [{"title": "Total", "is_bold": False}, {"title": "x", "is_bold": True}],
                "rows": [{"title": "Atelier Moreau", "indent": 1, "values": [{"value": 450}, {"value": 1}]}],
                "measure_count": 2,
            },
        )
        self.assertEqual(response.status_code, 200)
        sheet = openpyxl.load_workbook(io.BytesIO(response.content)).active
        self.assertEqual(sheet["B3"].value, 450)


@tagged("post_install", "-at_install")
class TestAgedTours(RelanceCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # the words of the tours
        (cls.accountant + cls.salesperson).lang = "en_US"
        cls.last_year = date(cls.company._relance_date().year - 1, 12, 31)
        chain = cls.customer("Group of shops", lang="en_US")
        cls.lyon, cls.nice = (
            cls.customer(name, lang="en_US", relance_payer_id=chain.id)
            for name in ("Shop in Lyon", "Shop in Nice")
        )
        due = cls.last_year - timedelta(days=40)
        cls.invoice(cls.lyon, due, 1000)
        paid = cls.invoice(cls.nice, due, 1100)
        cls.settle(paid, cls.last_year + timedelta(days=1), 600)

    def test_accountant_goes_to_an_earlier_date(self):
        self.start_tour("/odoo/aged-balance", "relance_aged_tour", login="accountant")

    def test_salesperson_sees_her_own_customers(self):
        self.lyon.user_id = self.salesperson
        self.start_tour("/odoo/aged-balance", "relance_aged_reader_tour", login="salesperson")

    def test_a_date_on_which_nothing_was_owed(self):
        self.start_tour("/odoo/aged-balance", "relance_aged_empty_tour", login="accountant")
