"""Fills a database that knows neither addon with open invoices, through the ORM only.

``python -m bench.ledger --conf C --db D --log F --size N --date DAY [--seed S] [--growth M]``

Without ``--growth`` all N invoices are overdue, 11 to 120 days, so that either side has a reason
to remind each of them: N/5 customers with five each. With it the ledger is that of a house that
keeps up: 2 % of the lines fall under a reminder on that day, the others are not due yet; and the
N invoices are multiplied to M by SQL (see ``copies.py``).
"""

import argparse
import logging
import sys
from datetime import date, timedelta
from pathlib import Path
from random import Random

import odoo.init  # noqa: F401  what Odoo needs before anything else
from odoo import Command

from bench.copies import check_copies, multiply
from bench.session import environment

PER_CUSTOMER = 5
BATCH = 250
#: one of so many lines is reminded on the day
ONE_DUE_IN = 50
TOWNS = (
    ("69003", "Lyon"),
    ("38000", "Grenoble"),
    ("42000", "Saint-Étienne"),
    ("74000", "Annecy"),
    ("01000", "Bourg-en-Bresse"),
)
COMPANY = {
    "name": "Fournitures du Lac SARL",
    "street": "3 quai de la Tournette",
    "zip": "74000",
    "city": "Annecy",
    "vat": "FR23334175221",
    "company_registry": "33417522100013",
    "phone": "+33 4 65 71 31 31",
    "email": "compta@fournitures-du-lac.example",
}


def customer(env, index):
    """Values of a customer: a company with an address and an e-mail."""
    postcode, town = TOWNS[index % len(TOWNS)]
    return {
        "name": f"Client {index:06}",
        "is_company": True,
        "vat": "FR23334175221",
        "street": f"{index % 200 + 1} rue du Port",
        "zip": postcode,
        "city": town,
        "country_id": env.ref("base.fr").id,
        "lang": "fr_FR",
        "email": f"client{index:06}@client.example",
        "phone": f"+33 4 65 71 {index // 100 % 100:02} {index % 100:02}",
    }


def overdue(day, index):
    """Due dates of the invoices to compare with: 11 to 120 days ago, evenly."""
    return day - timedelta(days=11 + index * 7 % 110)


def keeping_up(day, index):
    """Due dates of a house that keeps up: 2 % three days ago, the others in 10 to 69 days."""
    if index % ONE_DUE_IN == 0:
        return day - timedelta(days=3)
    return day + timedelta(days=10 + index * 7 % 60)


def invoice(partner_id, journal, income, due, amount, day):
    return {
        "move_type": "out_invoice",
        "partner_id": partner_id,
        "journal_id": journal.id,
        "invoice_date": min(due - timedelta(days=30), day),
        "invoice_payment_term_id": False,
        "invoice_date_due": due,
        "invoice_line_ids": [
            Command.create(
                {
                    "name": "Fournitures",
                    "price_unit": amount,
                    "account_id": income.id,
                    "tax_ids": [Command.clear()],
                }
            )
        ],
    }


def fill(env, size, day, seed, due_date):
    """``size`` posted invoices over a fifth as many customers."""
    random = Random(seed)
    company = env.company
    company.write({**COMPANY, "external_report_layout_id": env.ref("web.external_layout_standard").id})
    company.partner_id.lang = "fr_FR"
    company.resource_calendar_id.tz = "Europe/Paris"
    env.ref("base.user_root").email = COMPANY["email"]
    # nothing that a loaded ledger needs: neither side gains or loses by it
    env = env(context={**env.context, "tracking_disable": True, "mail_create_nolog": True})
    own = [("company_id", "=", company.id)]
    journal = env["account.journal"].search([*own, ("type", "=", "sale")], limit=1)
    income = env["account.account"].search(
        [("account_type", "=", "income"), ("company_ids", "in", company.ids)], limit=1
    )
    partners = env["res.partner"].create(
        [customer(env, index) for index in range(max(size // PER_CUSTOMER, 1))]
    )
    ids = partners.ids
    for start in range(0, size, BATCH):
        moves = env["account.move"].create(
            [
                invoice(
                    ids[index // PER_CUSTOMER % len(ids)],
                    journal,
                    income,
                    due_date(day, index),
                    round(random.uniform(50, 5000), 2),
                    day,
                )
                for index in range(start, min(start + BATCH, size))
            ]
        )
        moves.action_post()
        env.cr.commit()
        env.invalidate_all()
        print(f"{start + len(moves)}/{size}", file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conf", required=True)
    parser.add_argument("--db", required=True)
    parser.add_argument("--log", required=True, type=Path)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--date", type=date.fromisoformat, required=True)
    parser.add_argument("--seed", type=int, default=19)
    parser.add_argument("--growth", type=int, help="multiply the invoices to so many by SQL")
    arguments = parser.parse_args()
    with environment(arguments.conf, arguments.db, arguments.log) as env:
        due_date = keeping_up if arguments.growth else overdue
        fill(env, arguments.size, arguments.date, arguments.seed, due_date)
        if arguments.growth:
            multiply(env, arguments.growth // arguments.size)
            check_copies(env, arguments.date)
        # the server's own housekeeping would do it some minutes later
        env.cr.commit()
        env.cr._cnx.autocommit = True
        env.cr.execute("VACUUM ANALYZE")
    logging.shutdown()


if __name__ == "__main__":
    main()
