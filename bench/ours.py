"""Our own steps, as the scheduled actions take them, and the floors beneath them."""

import json
import subprocess
import time

from odoo.tools import SQL

from bench.session import moment
from bench.side import Side

#: what a run writes
RUN_TABLES = ("relance_case", "relance_reminder", "relance_reminder_line")


class Ours(Side):
    def furnish(self, smtp_port, url=None):
        super().furnish(smtp_port, url)
        self.company.write({"relance_active": True, "relance_user_id": self.env.ref("base.user_root").id})

    @property
    def reminders(self):
        return self.env["relance.reminder"]

    def _run(self, day):
        run = self.env["relance.run"]._run(self.company, day)
        self.run_id = run.id
        return {"lines": self._lines(run), "messages": run.reminder_count}

    def _lines(self, run):
        return self.env["relance.reminder.line"].search_count([("reminder_id.run_id", "=", run.id)])

    # -- decide and create
    def run(self):
        return self._run(self.day)

    def floors_run(self):
        return {"read": self._bare_read(), "insert": self._bare_insert()}

    def decide(self):
        """The decision alone: totals by reason, nothing written."""
        query = self.env["relance.decision"]._decision_query(self.company, self.day)
        rows = self.env.execute_query(
            SQL("SELECT reason, count(*) FROM (%s) decision GROUP BY reason ORDER BY 2 DESC", query)
        )
        return dict(rows)

    def floors_decide(self):
        return {"read": self._bare_read()}

    def explain(self, lines):
        """Where PostgreSQL spends the time of the decision."""
        query = self.env["relance.decision"]._decision_query(self.company, self.day)
        rows = self.env.execute_query(
            SQL(
                "EXPLAIN (ANALYZE, BUFFERS) SELECT reason, count(*) FROM (%s) decision GROUP BY reason", query
            )
        )
        (self.folder / f"decision-{lines}.plan.txt").write_text("\n".join(line for [line] in rows))

    # -- once more, over what nobody touched
    def set_second_run(self):
        self.run()

    def second_run(self):
        return self._run(self.day)

    def floors_second_run(self):
        return {"read": self._bare_read()}

    # -- writing mails
    def set_mails(self):
        return {"messages": self.reminders.search_count([("state", "=", "ready")])}

    def _send(self, day, limit=None):
        """What the hourly action does: batch after batch, until nothing is left."""
        done = 0
        size = min(self.reminders._batch_size, limit or self.reminders._batch_size)
        while limit is None or done < limit:
            sent = self.reminders._send_batch(limit=size, now=moment(day))
            if not sent:
                break
            done += sent
        return done

    def mails(self):
        self._send(self.day)
        return {"messages": self.reminders.search_count([("state", "=", "sent"), ("channel", "=", "email")])}

    def floors_mails(self):
        sent = self.reminders.search([("state", "=", "sent")], order="id")
        return {"send_mail_batch": self._bare_mails(sent)}

    def prepare_mails_pdf(self):
        self._levels().attach_letter = True

    def mails_pdf(self, count):
        self._send(self.day, count)
        sent = self.reminders.search([("state", "=", "sent")])
        return {"messages": len(sent.filtered("attachment_id"))}

    def floors_mails_pdf(self):
        sent = self.reminders.search([("state", "=", "sent")], order="id")
        return {"send_mail_batch": self._bare_mails(sent)}

    def _levels(self):
        return self.reminders.search([]).level_id

    def deliver(self):
        """The mails of the outbox over the wire, as the host's own action does it."""
        self.env["mail.mail"].process_email_queue()
        return dict(self.env["mail.mail"]._read_group([], ["state"], ["__count"]))

    def copy_mails(self):
        """The mails that left, once more as mails that nothing of ours looks at."""
        mails = self.env["mail.mail"].search([("state", "=", "sent")])
        copies = [mail.copy({"state": "outgoing"}) for mail in mails]
        return {"messages": len(copies)}

    # -- letters on paper
    def prepare_letters(self):
        chosen = self.reminders.search([("state", "=", "ready")], order="id")
        chosen.channel = "letter"

    def letters(self, count):
        letters = self.reminders.search([("state", "=", "ready")], order="id", limit=count)
        letters._process(self.company, moment(self.day))
        return {"messages": len(letters.filtered("attachment_id"))}

    # -- the run after 45 days
    def set_later(self):
        self._levels().attach_letter = False
        done = self._send(self.day)
        return {"messages": done}

    def later(self):
        return self._run(self.later_day)

    def floors_later(self):
        return {"read": self._bare_read(), "insert": self._bare_insert()}

    # -- the bare work -------------------------------------------------------------------
    def _timed(self, query):
        start = time.perf_counter()
        self.env.cr.execute(query)
        self.env.cr.fetchall()
        return time.perf_counter() - start

    def _bare_read(self):
        """Open lines joined to their invoices and customers, aggregated: the rows a decision reads."""
        self.env.flush_all()
        self.env.cr.execute("SET LOCAL jit = off")
        query = SQL(
            """
            SELECT count(*), sum(aml.amount_residual), max(aml.date_maturity), max(move.invoice_date),
                   count(DISTINCT customer.commercial_partner_id)
              FROM account_move_line aml
              JOIN account_move move ON move.id = aml.move_id
              JOIN res_partner customer ON customer.id = aml.partner_id
             WHERE aml.account_id = ANY(%s)
               AND aml.reconciled IS NOT TRUE
               AND aml.company_id = %s
               AND aml.parent_state = 'posted'
               AND aml.amount_residual > 0
               AND move.move_type IN ('out_invoice', 'out_receipt', 'entry')
               AND move.payment_state NOT IN ('paid', 'in_payment', 'reversed', 'invoicing_legacy')
            """,
            self.company._relance_account_ids(),
            self.company.id,
        )
        return min(self._timed(query) for _attempt in range(3))

    def _bare_insert(self):
        """As many rows as the run wrote, into empty tables with the same columns and indexes."""
        self.env.flush_all()
        seconds = 0.0
        origin = {
            "relance_case": SQL(
                "SELECT * FROM relance_case"
                " WHERE id IN (SELECT case_id FROM relance_reminder WHERE run_id = %s)",
                self.run_id,
            ),
            "relance_reminder": SQL("SELECT * FROM relance_reminder WHERE run_id = %s", self.run_id),
            "relance_reminder_line": SQL(
                "SELECT line.* FROM relance_reminder_line line"
                " JOIN relance_reminder reminder ON reminder.id = line.reminder_id"
                " WHERE reminder.run_id = %s",
                self.run_id,
            ),
        }
        for table in RUN_TABLES:
            bare = SQL.identifier(f"bench_{table}")
            self.env.cr.execute(SQL("CREATE TABLE %s (LIKE %s INCLUDING ALL)", bare, SQL.identifier(table)))
            start = time.perf_counter()
            self.env.cr.execute(SQL("INSERT INTO %s %s", bare, origin[table]))
            seconds += time.perf_counter() - start
        return seconds

    def _bare_mails(self, reminders):
        """The host's own batch: a mail template with the text of the level and the invoices below."""
        level = reminders[0].level_id._text_source()
        lang = reminders[0].lang
        body = level.with_context(lang=lang).mail_body
        template = self.env["mail.template"].create(
            {
                "name": "Bench",
                "model_id": self.env["ir.model"]._get("relance.reminder").id,
                "subject": level.with_context(lang=lang).subject,
                "body_html": f"{body}{TABLE}",
                "partner_to": "{{ object.contact_id.id }}",
                "lang": "{{ object.lang }}",
                "auto_delete": False,
            }
        )
        self.env.flush_all()
        self.env.invalidate_all()
        start = time.perf_counter()
        mails = template.send_mail_batch(reminders.ids)
        self.env.flush_all()
        self.env.cr.flush()
        seconds = time.perf_counter() - start
        if len(mails) != len(reminders):
            raise ValueError(f"send_mail_batch wrote {len(mails)} mails instead of {len(reminders)}")
        return seconds

    def print_alone(self, folder, program):
        """wkhtmltopdf on pages that were kept, and nothing else: seconds."""
        with open(f"{folder}/calls.json") as file:
            calls = json.load(file)
        start = time.perf_counter()
        for arguments in calls:
            subprocess.run([program, *arguments], check=True, capture_output=True)
        return {"seconds": time.perf_counter() - start, "calls": len(calls)}


TABLE = """
<table>
  <tr t-foreach="object.line_ids" t-as="line">
    <td t-out="line.name"/>
    <td t-out="format_date(line.date_invoice)"/>
    <td t-out="format_date(line.date_maturity)"/>
    <td t-out="format_amount(line.amount_total, line.currency_id)"/>
    <td t-out="format_amount(line.amount_residual, line.currency_id)"/>
  </tr>
</table>
"""
