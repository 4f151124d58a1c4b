"""What must be true of a house in which processes were killed, read from what it left behind."""

import json
from collections import defaultdict

from .house import DATABASE
from .mailserver import UNKNOWN

#: seconds between the last look at the books and the first word to the mail server
GRACE = 1.0

REMINDERS = """
    SELECT reminder.id, reminder.partner_id, payer.email, level.tone, reminder.state, reminder.channel,
           reminder.delivery_state, reminder.case_id, message.message_id, reminder.attempt,
           reminder.handover_date
      FROM relance_reminder reminder
      JOIN res_partner payer ON payer.id = reminder.partner_id
 LEFT JOIN relance_level level ON level.id = reminder.level_id
 LEFT JOIN mail_message message ON message.id = reminder.message_id
  ORDER BY reminder.id
"""
PLAN_MESSAGES = """
    SELECT one.id, plan.partner_id, one.kind, one.state, one.channel, message.message_id, plan.id
      FROM relance_plan_message one
      JOIN relance_plan plan ON plan.id = one.plan_id
 LEFT JOIN mail_message message ON message.id = one.message_id
"""
#: journal items whose level is not that of the last reminder that left, or that stand somewhere
#: though none did
WRONG_LEVELS = """
    SELECT aml.id, aml.relance_level_id, reached.level_id, reached.reminder_id
      FROM account_move_line aml
      JOIN account_account account ON account.id = aml.account_id
 LEFT JOIN LATERAL (
           SELECT content.level_id, content.reminder_id
             FROM relance_reminder_line content
             JOIN relance_reminder reminder ON reminder.id = content.reminder_id
            WHERE content.move_line_id = aml.id AND content.counts
         ORDER BY reminder.id DESC LIMIT 1) reached ON TRUE
     WHERE account.account_type = 'asset_receivable'
       AND ((reached.reminder_id IS NOT NULL AND aml.relance_level_id IS DISTINCT FROM reached.level_id)
            OR (reached.reminder_id IS NULL AND aml.relance_level_date >= CURRENT_DATE - 20))
"""
#: levels that count though their reminder never left, and the other way round
WRONG_COUNTS = """
    SELECT content.id, reminder.state, content.counts
      FROM relance_reminder_line content
      JOIN relance_reminder reminder ON reminder.id = content.reminder_id
     WHERE COALESCE(content.counts, FALSE)
           <> (reminder.state = 'sent' OR (reminder.state IN ('ready', 'cancelled') AND reminder.attempt > 1))
"""
ORPHANS = {
    "mail without a reminder": """
        SELECT mail.id FROM mail_mail mail
          JOIN mail_message message ON message.id = mail.mail_message_id
         WHERE message.model = 'relance.case'
           AND NOT EXISTS (SELECT 1 FROM relance_reminder one WHERE one.message_id = message.id)
           AND NOT EXISTS (SELECT 1 FROM relance_reminder one WHERE one.attempt > 1
                                                                AND one.case_id = message.res_id)
    """,
    "message without a mail": """
        SELECT message.id FROM mail_message message
         WHERE message.model IN ('relance.case', 'relance.plan') AND message.message_type = 'email_outgoing'
           AND NOT EXISTS (SELECT 1 FROM mail_mail mail WHERE mail.mail_message_id = message.id)
    """,
    "mail of a plan without its message": """
        SELECT mail.id FROM mail_mail mail
          JOIN mail_message message ON message.id = mail.mail_message_id
         WHERE message.model = 'relance.plan' AND message.message_type = 'email_outgoing'
           AND NOT EXISTS (SELECT 1 FROM relance_plan_message one WHERE one.message_id = message.id)
    """,
    "letter without a reminder": """
        SELECT id FROM ir_attachment letter
         WHERE res_model = 'relance.reminder'
           AND NOT EXISTS (SELECT 1 FROM relance_reminder one WHERE one.attachment_id = letter.id)
           AND NOT EXISTS (SELECT 1 FROM message_attachment_rel sent WHERE sent.attachment_id = letter.id)
    """,
    "two open cases": """
        SELECT partner_id FROM relance_case WHERE state = 'open'
      GROUP BY partner_id, company_id HAVING count(*) > 1
    """,
    "reminder without lines": """
        SELECT id FROM relance_reminder reminder
         WHERE NOT EXISTS (SELECT 1 FROM relance_reminder_line line WHERE line.reminder_id = reminder.id)
    """,
}
STUCK = {
    "lock": """
        SELECT pid, state, query FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()
           AND xact_start < now() - interval '60 s'
    """,
    "handing over": "SELECT id FROM relance_reminder WHERE handover_date IS NOT NULL",
    "handing over of a plan's message": "SELECT id FROM relance_plan_message WHERE handover_date IS NOT NULL",
    "delivery": """
        SELECT id FROM relance_reminder
         WHERE state = 'sent' AND delivery_state = 'pending'
    """,
    "draft or ready": """
        SELECT id, state FROM relance_reminder
         WHERE state = 'draft' OR (state = 'ready' AND date_prepared IS NULL)
    """,
}
CUSTOMERS = """
    SELECT partner.id, partner.email, sum(line.amount_residual)
      FROM res_partner partner
      JOIN account_move move ON move.partner_id = partner.id AND move.move_type = 'out_invoice'
      JOIN account_move_line line ON line.move_id = move.id
      JOIN account_account account ON account.id = line.account_id
                                  AND account.account_type = 'asset_receivable'
  GROUP BY partner.id
"""
NOTES = """
    SELECT model, res_id, body FROM mail_message
     WHERE model IN ('relance.case', 'relance.plan') AND body LIKE '%Message-ID%'
"""
#: what a claim of these reminders said, and what was left at the end
CLAIMS = """
    SELECT content.reminder_id, content.amount_residual, aml.amount_residual
      FROM relance_reminder_line content
      JOIN account_move_line aml ON aml.id = content.move_line_id
"""


class Audit:
    """
    :ivar wrong: sentences; empty where all is well
    :ivar figures: what was counted
    """

    def __init__(self, house):
        self.house = house
        self.wrong = []
        self.figures = {}
        self.taken = defaultdict(list)
        for one in house.postbox.taken:
            self.taken[one.message_id].append(one)
        self.diary = [json.loads(line) for line in house.diary.read_text().splitlines()]
        self.reminders = [
            dict(
                zip(
                    "id partner email tone state channel delivery case message attempt handover".split(),
                    row,
                    strict=True,
                )
            )
            for row in self.query(REMINDERS)
        ]
        self.plan_messages = self.query(PLAN_MESSAGES)
        self._count()
        self.check_copies()
        self.check_reminders()
        self.check_customers()
        self.check_nobody_who_paid()
        self.check_plans()
        self.check_records()

    def query(self, sql):
        return self.house.cluster.query(DATABASE, sql)

    def blame(self, text, *values):
        self.wrong.append(" ".join([text, *map(str, values)]))

    def _count(self):
        acts = defaultdict(int)
        for line in self.diary:
            acts[line["kind"] if line["outcome"] == "done" else f"{line['kind']}: {line['outcome']}"] += 1
        states = defaultdict(int)
        for one in self.reminders:
            states[f"{one['state']} {one['channel']} {one['delivery'] or '-'}"] += 1
        self.figures = {
            "customers": len(self.query(CUSTOMERS)),
            "kills": self.house.counts,
            "server_starts": sum(server.starts for server in self.house.servers),
            "mails_taken": len(self.house.postbox.taken),
            "messages_taken": len(self.taken),
            "second_copies": sum(len(copies) - 1 for copies in self.taken.values()),
            "untold": sum(not one.told for one in self.house.postbox.taken),
            "tricks": self.house.postbox.counts,
            "reminders": dict(states),
            "office": dict(acts),
            "notes": len(self.query(NOTES)),
        }

    # -- mails --------------------------------------------------------------------------------------
    def check_copies(self):
        """A second copy has the same Message-ID, the same recipient, and the case says so."""
        noted = {(model, thread) for model, thread, _body in self.query(NOTES)}
        threads = {one["message"]: ("relance.case", one["case"]) for one in self.reminders if one["message"]}
        threads |= {row[5]: ("relance.plan", row[6]) for row in self.plan_messages if row[5]}
        for message, copies in self.taken.items():
            if len({one.recipient for one in copies}) > 1:
                self.blame("one Message-ID for several recipients:", message)
            thread = threads.get(message)
            if not thread:
                self.blame("a mail that nobody knows:", message, copies)
            elif len(copies) > 1 and thread not in noted:
                self.blame("a second copy that no note speaks of:", message, copies)

    def check_reminders(self):
        """What is sent was taken by the server, and nothing else was."""
        for one in self.reminders:
            copies = self.taken.get(one["message"], ())
            if one["state"] == "sent" and one["delivery"] == "delivered" and not copies:
                self.blame("delivered, they say, but the server has no mail:", one)
            if one["state"] in ("cancelled", "draft", "lapsed") and copies:
                self.blame("did not leave, they say, but the server has its mail:", one)

    def check_customers(self):
        """Everybody who should be reminded was, once per level; the addresses that do not exist
        have their letter."""
        busy = {line["partner"] for line in self.diary}
        by_partner = defaultdict(list)
        for one in self.reminders:
            by_partner[one["partner"]].append(one)
        for partner, email, _residual in self.query(CUSTOMERS):
            own = by_partner[partner]
            left = [one for one in own if one["message"] in self.taken]
            for tone in {one["tone"] for one in left}:
                if sum(one["tone"] == tone for one in left) > 1:
                    self.blame("reminded twice at one level:", email, own)
            if partner in busy:
                continue
            if UNKNOWN.match(email):
                if [(one["state"], one["channel"], one["attempt"]) for one in own] != [
                    ("ready", "letter", 2)
                ]:
                    self.blame("no letter for an address that does not exist:", email, own)
            elif [(one["state"], one["delivery"]) for one in left] != [("sent", "delivered")]:
                self.blame("not reminded exactly once:", email, own)
            elif len(own) != 1:
                self.blame("more than one reminder:", email, own)

    def check_nobody_who_paid(self):
        """No mail began its way after the payment was booked, unless it claims only the rest."""
        paid = {
            line["partner"]: line
            for line in self.diary
            if line["kind"] in ("pay", "pay_part") and line["outcome"] == "done"
        }
        claims = defaultdict(list)
        for reminder, claimed, left in self.query(CLAIMS):
            claims[reminder].append((claimed, left))
        late = 0
        for one in self.reminders:
            line = paid.get(one["partner"])
            copies = self.taken.get(one["message"], ())
            if not line or not copies:
                continue
            after = [copy for copy in copies if copy.begun > line["committed"] + GRACE]
            late += bool(after)
            if after and line["kind"] == "pay":
                self.blame("paid before it left:", one, line, copies)
            elif after and any(claimed != left for claimed, left in claims[one["id"]]):
                self.blame("claims more than what was left when it left:", one, line, copies)
        self.figures["reminded_of_the_rest"] = late
        residuals = {partner: residual for partner, _email, residual in self.query(CUSTOMERS)}
        for partner, line in paid.items():
            if line["kind"] == "pay" and residuals[partner]:
                self.blame("a payment was lost:", line)

    def check_plans(self):
        """No reminder after the signature; each message about a plan once."""
        signed = {
            line["partner"]: line
            for line in self.diary
            if line["kind"] == "plan" and line["outcome"] == "done"
        }
        for one in self.reminders:
            line = signed.get(one["partner"])
            for copy in self.taken.get(one["message"], ()):
                if line and copy.begun > line["committed"] + GRACE:
                    self.blame("agreed on a plan before it left:", one, line, copy)
        kinds = defaultdict(int)
        for _id, partner, kind, state, channel, message, _plan in self.plan_messages:
            if message in self.taken:
                kinds[partner, kind] += 1
            elif state == "sent" and channel == "email":
                self.blame("a plan's message is sent, they say:", partner, kind)
        for (partner, kind), number in kinds.items():
            if number > 1:
                self.blame("a plan's message left twice:", partner, kind)
        self.figures["plan_messages"] = sum(kinds.values())

    def check_records(self):
        for name, sql in {
            "wrong level": WRONG_LEVELS,
            "wrong count": WRONG_COUNTS,
            **ORPHANS,
            **{f"stuck: {name}": sql for name, sql in STUCK.items()},
        }.items():
            rows = self.query(sql)
            if rows:
                self.blame(f"{name}:", len(rows), rows[:5])
