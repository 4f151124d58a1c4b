"""The customers of the house: a few made by the ORM, the others their copies in SQL.

python -m tests.crash.world CONF DATABASE COPIES SMTP_PORT
"""

import sys
from datetime import timedelta

from odoo.fields import Command
from odoo.tools import SQL

from .odoo_process import connect, transaction
from .servers import CRONS

#: ORM-made customers: tone of the level that each is due for
TONES = ["courtesy"] * 12 + ["friendly"] * 4 + ["attentive"] * 3 + ["courtesy"]
BEFORE = {"friendly": "courtesy", "attentive": "friendly"}
#: two invoices each
DOUBLE = (3, 13)


def furnish(env, port):
    """A company that is open day and night, a mail server, and no other scheduled action."""
    company = env.company
    company.write({"name": "Maison Durand", "email": "compta@maison.example", "relance_active": True})
    open_day_and_night(company)
    mail_server(env, port)
    crons = env["ir.cron"].browse([env.ref(xmlid).id for xmlid in CRONS])
    (env["ir.cron"].search([]) - crons).active = False
    crons.write({"interval_number": 1, "interval_type": "minutes"})


def open_day_and_night(company):
    company.resource_calendar_id.write(
        {
            "tz": "Europe/Paris",
            "attendance_ids": [
                Command.clear(),
                *(
                    Command.create(
                        {"name": "Ouvert", "dayofweek": str(day), "hour_from": start, "hour_to": start + 12}
                    )
                    for day in range(7)
                    for start in (0, 12)
                ),
            ],
        }
    )


def mail_server(env, port):
    """The only one, on this machine."""
    env["ir.mail_server"].search([]).active = False
    env["ir.mail_server"].create(
        {"name": "local", "smtp_host": "127.0.0.1", "smtp_port": port, "smtp_encryption": "none"}
    )


def invoice(partner, due, amount, income):
    """Values of an invoice of one line."""
    issued = due - timedelta(days=30)
    content = {
        "name": "Prestation",
        "price_unit": amount,
        "account_id": income.id,
        "tax_ids": [Command.clear()],
    }
    return {
        "move_type": "out_invoice",
        "partner_id": partner.id,
        "invoice_date": issued,
        "date": issued,
        "invoice_payment_term_id": False,
        "invoice_date_due": due,
        "invoice_line_ids": [Command.create(content)],
    }


def customers(env):
    """One customer per tone, with his late invoices."""
    today = env.company._relance_date()
    income = env["account.account"].search(
        [("account_type", "=", "income"), ("company_ids", "in", env.company.ids)], limit=1
    )
    levels = {level.tone: level for level in env.ref("relance_douce.policy_business").level_ids}
    partners = env["res.partner"].create(
        [
            {
                "name": f"Client {index}",
                "is_company": True,
                "vat": "FR23334175221",
                "email": f"c{index}@client.example",
                "street": "1 rue de la Paix",
                "zip": "75002",
                "city": "Paris",
                "country_id": env.ref("base.fr").id,
                "lang": "fr_FR",
            }
            for index in range(len(TONES))
        ]
    )
    for index, (partner, tone) in enumerate(zip(partners, TONES, strict=True)):
        due = today - timedelta(days=levels[tone].delay_days + 5)
        moves = env["account.move"].create(
            [invoice(partner, due, 500 + 10 * index, income) for _ in range(2 if index in DOUBLE else 1)]
        )
        moves.action_post()
        if tone in BEFORE:
            lines = moves.line_ids.filtered(lambda line: line.account_id.account_type == "asset_receivable")
            lines.write(
                {
                    "relance_level_id": levels[BEFORE[tone]].id,
                    "relance_level_date": today - timedelta(days=40),
                }
            )
    return partners


class Copier:
    """Copies of whole customers, row by row: what the ORM reads it cannot tell from its own."""

    def __init__(self, env, partners, copies):
        self.env, self.copies = env, copies
        self.moves = env["account.move"].search([("partner_id", "in", partners.ids)])
        self.ids = {
            "res_partner": partners.ids,
            "account_move": self.moves.ids,
            "account_move_line": self.moves.line_ids.ids,
        }
        #: further than the highest number that there is: copy n of row i is i + n × this
        self.step = {
            table: env.execute_query(SQL("SELECT max(id) FROM %s", SQL.identifier(table)))[0][0]
            for table in self.ids
        }

    def shifted(self, column, table):
        return SQL("t.%s + n * %s", SQL.identifier(column), self.step[table])

    def copy(self, table, **changed):
        columns = [
            name
            for [name] in self.env.execute_query(
                SQL(
                    "SELECT column_name FROM information_schema.columns"
                    " WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER'",
                    table,
                )
            )
        ]
        changed = {name: value for name, value in changed.items() if name in columns}
        self.env.cr.execute(
            SQL(
                "INSERT INTO %s (%s) SELECT %s FROM %s t, generate_series(1, %s) n WHERE t.id IN %s",
                SQL.identifier(table),
                SQL(", ").join(map(SQL.identifier, columns)),
                SQL(", ").join(changed.get(name, SQL("t.%s", SQL.identifier(name))) for name in columns),
                SQL.identifier(table),
                self.copies,
                tuple(self.ids[table]),
            )
        )
        self.env.cr.execute(
            SQL("SELECT setval(%s, (SELECT max(id) FROM %s))", f"{table}_id_seq", SQL.identifier(table))
        )

    def run(self):
        self.env.flush_all()
        # the copies are consistent by construction: no need to check each of their references
        self.env.cr.execute("SET LOCAL session_replication_role = replica")
        address = SQL("replace(t.email, '@', '.n' || n || '@')")
        self.copy(
            "res_partner",
            id=self.shifted("id", "res_partner"),
            commercial_partner_id=self.shifted("commercial_partner_id", "res_partner"),
            name=SQL("t.name || ' n' || n"),
            complete_name=SQL("t.complete_name || ' n' || n"),
            email=address,
            email_normalized=address,
        )
        partner = {
            name: self.shifted(name, "res_partner")
            for name in ("partner_id", "commercial_partner_id", "partner_shipping_id")
        }
        self.copy(
            "account_move",
            id=self.shifted("id", "account_move"),
            name=SQL("t.name || '-' || n"),
            payment_reference=SQL("t.payment_reference || '-' || n"),
            sequence_prefix=SQL("t.sequence_prefix || n || '/'"),
            access_token=SQL("NULL"),
            **partner,
        )
        self.copy(
            "account_move_line",
            id=self.shifted("id", "account_move_line"),
            move_id=self.shifted("move_id", "account_move"),
            move_name=SQL("t.move_name || '-' || n"),
            partner_id=partner["partner_id"],
        )
        self.env.invalidate_all()


def main():
    name = connect()
    copies, port = map(int, sys.argv[3:5])
    with transaction(name) as env:
        furnish(env, port)
        partners = customers(env)
        Copier(env, partners, copies).run()
    with transaction(name) as env:
        env.cr.execute("ANALYZE")


if __name__ == "__main__":
    main()
