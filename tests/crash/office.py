"""What people do meanwhile: payments, plans that are signed, approvals.

    python -m tests.crash.office CONF DATABASE SEED DIARY STOP

Each act is a transaction that is tried again when the database goes away or somebody was
quicker, as a person would. The diary says what is certain: a line of JSON per act, with the
moment (:func:`time.time`) by which it was surely committed.
"""

import contextlib
import json
import logging
import random
import sys
import time
from datetime import timedelta
from pathlib import Path

import psycopg2

from odoo.exceptions import UserError

from .odoo_process import connect, transaction

PAYMENTS = 150
PLANS = 25


class Office:
    def __init__(self, name, seed, diary):
        self.name = name
        self.random = random.Random(seed)
        self.diary = Path(diary)
        #: what is paid, in part, or agreed on, each customer once
        self.customers = []
        self.left = {"pay": PAYMENTS * 2 // 3, "pay_part": PAYMENTS // 3, "plan": PLANS}

    def write(self, **line):
        with self.diary.open("a") as diary:
            diary.write(json.dumps(line) + "\n")

    def open_up(self):
        with transaction(self.name) as env:
            self.customers = [
                partner.id
                for [partner] in env["account.move"]._read_group(
                    [("move_type", "=", "out_invoice"), ("state", "=", "posted")], ["partner_id"]
                )
            ]
        self.random.shuffle(self.customers)

    def work(self, until_told):
        while not self.customers:
            # the database may be away just when the office opens
            with contextlib.suppress(psycopg2.Error):
                self.open_up()
        while not until_told():
            self.approve()
            kinds = [kind for kind, left in self.left.items() if left]
            if kinds:
                kind = self.random.choice(kinds)
                self.left[kind] -= 1
                self.act(kind, self.customers.pop())
            time.sleep(self.random.uniform(0, 0.6))
        self.approve()

    def act(self, kind, partner_id):
        """One act, until it is surely done or surely refused."""
        for _ in range(60):
            begun = time.time()
            try:
                if self.is_done(kind, partner_id):
                    done = "done"
                    break
                with transaction(self.name) as env:
                    getattr(self, kind)(env, env["res.partner"].browse(partner_id))
                done = "done"
                break
            except UserError as error:
                done = str(error)
                break
            except psycopg2.Error:
                time.sleep(0.3)
        else:
            done = "given up"
        self.write(kind=kind, partner=partner_id, begun=begun, committed=time.time(), outcome=done)

    def is_done(self, kind, partner_id):
        """Whether an earlier try was committed though nobody could say so."""
        with transaction(self.name) as env:
            if kind == "plan":
                return bool(
                    env["relance.plan"].search([("partner_id", "=", partner_id), ("state", "=", "active")])
                )
            return bool(env["account.payment"].search([("partner_id", "=", partner_id)]))

    def invoices(self, env, partner):
        return env["account.move"].search(
            [("partner_id", "=", partner.id), ("move_type", "=", "out_invoice"), ("state", "=", "posted")]
        )

    def pay(self, env, partner, part=None):
        moves = self.invoices(env, partner)
        wizard = (
            env["account.payment.register"]
            .with_context(active_model="account.move", active_ids=moves.ids)
            .create({"payment_date": env.company._relance_date(), "group_payment": True})
        )
        if part:
            wizard.amount = wizard.amount * part
        wizard._create_payments()

    def pay_part(self, env, partner):
        self.pay(env, partner, 0.4)

    def plan(self, env, partner):
        lines = self.invoices(env, partner).line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        )
        first = env.company._relance_date() + timedelta(days=10)
        plan = env["relance.plan"]._create_for(lines, 3, first)
        plan.action_propose()
        if plan.state == "proposed":
            plan.action_accept(signed_by="Camille Petit")

    def approve(self):
        """Everything that waits for it, in one go, as from the list."""
        with contextlib.suppress(psycopg2.Error), transaction(self.name) as env:
            env["relance.reminder"].search([("state", "=", "draft")], limit=80).action_approve()


def main():
    name = connect()
    logging.disable(logging.CRITICAL)
    seed, diary, stop = sys.argv[3:6]
    Office(name, int(seed), diary).work(Path(stop).exists)


if __name__ == "__main__":
    main()
