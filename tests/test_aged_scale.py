"""The aged balance costs as many queries for many open lines as for few."""

import time
from datetime import timedelta

import pytest

from odoo.tests import tagged
from odoo.tools import SQL

from .common import MONDAY
from .test_scale import ScaleCase

#: dates of an invoice and its items
DATES = ("date", "date_maturity", "invoice_date")
#: what the list asks for, grouped by customer
MEASURES = [
    f"amount_{name}:{function}"
    for name in ("current", "late_30", "late_60", "late_90", "late_older", "residual")
    for function in ("sum", "sum_currency")
]


class AgedScaleCase(ScaleCase):
    def aged(self, day=MONDAY):
        return self.env["relance.aged"].with_context(relance_as_of=str(day))

    def by_customer(self, day=MONDAY):
        """The list as it opens: groups with their sums, the first page of one of them."""
        aged = self.aged(day)
        result = aged.web_read_group(
            [],
            ["partner_id"],
            [*MEASURES, "company_currency_id:array_agg_distinct"],
            order="amount_overdue desc",
            limit=1000,
        )
        partner = result["groups"][0]["partner_id"][0]
        aged.web_search_read(
            [("partner_id", "=", partner)],
            {"move_id": {"fields": {"display_name": {}}}, "date_due": {}, "amount_residual": {}},
            limit=80,
        )
        return result

    def pivot(self, day=MONDAY):
        return self.aged(day).formatted_read_grouping_sets(
            [], [[], ["bucket"], ["partner_id"], ["partner_id", "bucket"]], ["amount_residual:sum"]
        )

    def by_reason(self, day=MONDAY):
        return self.aged(day).formatted_read_group([], ["reason"], ["amount_residual:sum"])

    def sheet(self, day=MONDAY):
        return self.aged(day)._sheet([])

    @property
    def actions(self):
        """What people ask of the balance: name → function."""
        return {"list": self.by_customer, "pivot": self.pivot, "reason": self.by_reason, "sheet": self.sheet}

    def count_each(self, actions):
        """Queries of each, once it is warm: dict name → number."""
        few = {}
        for name, action in actions.items():
            action()
            few[name] = self.queries(action)
        return few


@tagged("post_install", "-at_install")
class TestAgedScale(AgedScaleCase):
    def test_queries_do_not_grow(self):
        self.load(4, 2)
        earlier = MONDAY - timedelta(days=20)
        actions = {**self.actions, "list of an earlier day": lambda: self.by_customer(earlier)}
        few = self.count_each(actions)
        partners = self.load(50, 5)
        move = self.env["account.move"].search([("partner_id", "in", partners.ids)], limit=60)
        self.settle_many(move)
        for name, action in actions.items():
            # the user and his company may have to be read again
            self.assertLessEqual(self.queries(action), few[name] + 2, name)
        self.assertEqual(len(self.by_customer()["groups"]), 54)
        self.assertLessEqual(few["list"], 12)

    def settle_many(self, moves):
        """Payments of all these, in a few entries, matched."""
        for move in moves[:10]:
            self.settle(move, MONDAY - timedelta(days=1))

    @pytest.mark.relance_slow
    def test_a_hundred_thousand_open_lines(self):
        """Invoices of the ORM, copied by SQL: 100 000 open, as many paid long ago or lately."""
        self.load(250, 2)
        actions = self.actions
        few = self.count_each(actions)
        originals = self.env["account.move"].search([("move_type", "=", "out_invoice")], limit=500)
        self.copy_ledger(originals, 1, 200)
        self.copy_ledger(originals, 1000, 1199, paid=True)
        self.env.cr.execute("ANALYZE account_move; ANALYZE account_move_line")
        self.env.cr.execute("ANALYZE account_partial_reconcile")
        self.env.invalidate_all()
        self.assertGreaterEqual(self.aged().search_count([]), 100_000)
        for name, action in actions.items():
            for day in (MONDAY, MONDAY - timedelta(days=30)):
                start = time.monotonic()
                action(day)  # as among few lines: once before the statements are counted
                duration = time.monotonic() - start
                count = self.queries(lambda action=action, day=day: action(day))
                print(f"100 000 open lines, {name} of {day}: {count} queries, {duration:.1f} s")
                self.assertLessEqual(count, few[name] + 2, name)
        start = time.monotonic()
        amount = sum(self.aged().search([]).mapped("amount_residual"))
        print(f"100 000 rows read: {time.monotonic() - start:.1f} s, {amount:.2f}")
        for day in (MONDAY, MONDAY - timedelta(days=30)):
            self.check_plan(day)
            self.check_total(day)

    def check_total(self, day):
        [[total]] = self.aged(day)._read_group([], [], ["amount_residual:sum"])
        [[ledger]] = self.env.execute_query(
            SQL(
                """
                SELECT sum(item.balance)
                  FROM account_move_line item
                  JOIN account_account account ON account.id = item.account_id
                 WHERE account.account_type = 'asset_receivable' AND NOT account.non_trade
                   AND item.parent_state = 'posted' AND item.date <= %s
                """,
                day,
            )
        )
        self.assertEqual(self.company.currency_id.round(total), float(ledger))

    def check_plan(self, day):
        """Open items are found by their index: settled ones are not read."""
        query = self.aged(day)._search([]).select("partner_id", "sum(amount_residual)")
        lines = self.env.execute_query(SQL("EXPLAIN (ANALYZE, COSTS OFF) %s GROUP BY partner_id", query))
        plan = "\n".join(line for [line] in lines)
        print(plan)
        self.assertIn("account_move_line_unreconciled_index", plan)
        self.assertNotIn("Seq Scan on account_move_line", plan)

    # -- many rows by SQL, from a few of the ORM -------------------------------------------------
    def copy_ledger(self, originals, first, last, paid=False):
        """Copies number ``first`` to ``last`` of these invoices, older by up to 120 days.

        :param paid: each with an entry of the next day, of one in ten of last week, that pays it
        """
        items = originals.line_ids
        # the newest number of its kind is unused in any table
        self.step = max(items.ids + originals.ids) + 1
        self.numbers = SQL("generate_series(%s, %s) AS copy (number)", first, last)
        earlier = {name: SQL("%s - copy.number %% 120", SQL.identifier(name)) for name in DATES}
        settled = {"amount_residual": 0, "amount_residual_currency": 0, "reconciled": True} if paid else {}
        self.copy("account_move", originals, 0, invoice_date=earlier["invoice_date"], date=earlier["date"])
        self.copy("account_move_line", items, 0, **earlier, **settled)
        if not paid:
            return
        day = SQL(
            "CASE WHEN copy.number %% 10 = 0 THEN %s ELSE date - copy.number %% 120 + 1 END",
            MONDAY - timedelta(days=5),
        )
        # the payments have the numbers after those of the invoices
        self.copy("account_move", originals, last, move_type="entry", date=day)
        opposite = {name: SQL("-%s", SQL.identifier(name)) for name in ("balance", "amount_currency")}
        swapped = {"debit": SQL("credit"), "credit": SQL("debit")}
        self.copy(
            "account_move_line", items, last, date=day, date_maturity=day, **opposite, **swapped, **settled
        )
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO account_partial_reconcile (
                    debit_move_id, credit_move_id, debit_currency_id, credit_currency_id, company_id,
                    amount, debit_amount_currency, credit_amount_currency, max_date)
                SELECT invoice.id, payment.id, invoice.currency_id, payment.currency_id, invoice.company_id,
                       invoice.balance, invoice.amount_currency, invoice.amount_currency, payment.date
                  FROM %(numbers)s, account_move_line original
                  JOIN account_account account ON account.id = original.account_id
                  JOIN account_move_line invoice ON TRUE
                  JOIN account_move_line payment ON TRUE
                 WHERE original.id IN %(items)s AND account.account_type = 'asset_receivable'
                   AND invoice.id = original.id + copy.number * %(step)s
                   AND payment.id = original.id + (copy.number + %(last)s) * %(step)s
                """,
                numbers=self.numbers,
                items=tuple(items.ids),
                last=last,
                step=self.step,
            )
        )

    def copy(self, table, records, offset, **changes):
        """Copies of these rows; ids and the invoices of items move on by ``step`` per number."""
        number = SQL("(copy.number + %s)", offset)
        changes = {
            "id": SQL("id + %s * %s", number, self.step),
            "move_id": SQL("move_id + %s * %s", number, self.step),
            "name": SQL("name || '/' || %s", number),
            "move_name": SQL("move_name || '/' || %s", number),
            "sequence_number": SQL("%s * 1000 + id", number),
            "access_token": None,
            **changes,
        }
        columns = [
            column
            for [column] in self.env.execute_query(
                SQL("SELECT column_name FROM information_schema.columns WHERE table_name = %s", table)
            )
        ]
        self.env.cr.execute(
            SQL(
                "INSERT INTO %s (%s) SELECT %s FROM %s, %s WHERE id IN %s",
                SQL.identifier(table),
                SQL(", ").join(map(SQL.identifier, columns)),
                SQL(", ").join(
                    SQL("%s", changes[name]) if name in changes else SQL.identifier(name) for name in columns
                ),
                SQL.identifier(table),
                self.numbers,
                tuple(records.ids),
            )
        )
