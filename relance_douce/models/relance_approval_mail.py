"""One mail a week with all that waits for approval, and the page behind its button.

The link in the mail is the right to approve exactly what the mail listed, as the person it was sent
to. Reading the page writes nothing; what has changed since is shown again before it is approved.
"""

import hashlib
import json
import logging
import secrets
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import format_amount, format_date
from odoo.tools.misc import hash_sign

from ..tools.race import done_or_logged
from ..tools.text import long_date, read_signed_token, same_secret
from . import relance_words as words

_logger = logging.getLogger(__name__)

LINK_SCOPE = "relance_douce-approval"
#: the link works until the mail of the next week has come, and a day more
LINK_DAYS = 8
#: rows of the table in the mail: more would make it longer than a mail should be
MAIL_ROWS = 50
#: bytes of the mail's HTML; coded for transport, and with its plain text, it stays below 60 KB
MAIL_SIZE = 38_000


class RelanceApprovalMail(models.Model):
    _name = "relance.approval.mail"
    _description = "Weekly Mail to the Approver"
    _order = "id desc"
    _rec_name = "date"

    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True, ondelete="cascade")
    user_id = fields.Many2one(
        "res.users", string="Sent to", required=True, readonly=True, index=True, ondelete="cascade"
    )
    date = fields.Date(required=True, readonly=True, help="Local date of the mail.")
    valid_until = fields.Datetime(required=True, readonly=True)
    secret = fields.Char(required=True, readonly=True, groups="base.group_system")
    fingerprints = fields.Json(
        readonly=True,
        groups="base.group_system",
        help="Reminder id → fingerprint of what it claimed and said when the mail left.",
    )

    # -- sending --------------------------------------------------------------------------------------
    @api.model
    @api.private
    def _cron_mail(self):
        """Hourly: the weekly mail of each company whose day has come, within its hours.

        Each company is a transaction; one that fails does not stop the others.
        """
        cron = self.env["ir.cron"]
        now = fields.Datetime.now()
        companies = self.env["res.company"]._relance_switched_on(now)
        cron._commit_progress(remaining=len(companies))
        for left, company in zip(reversed(range(len(companies))), companies, strict=True):
            self._mail_or_log(company, now)
            if not cron._commit_progress(1, remaining=left):
                return

    def _mail_or_log(self, company, now):
        what = f"The approval mail of {company.display_name}"
        done_or_logged(self.env, lambda: self._mail_if_due(company, now), _logger, what)

    @api.model
    @api.private
    def _mail_if_due(self, company, now):
        """Send the weekly mail if its day has come and it was not sent yet.

        On a day off it leaves on the next day that the company works. Where nothing waits for
        approval there is no mail that week.

        :param now: naive UTC
        :return: the ``relance.approval.mail``, empty if none left
        """
        date = company._relance_date(now)
        approver = company._relance_approver()
        if not self._is_due(company, date) or not company._relance_is_open(now):
            return self.browse()
        if not approver.active or not approver.email or not self._is_approver(approver, company):
            # the settings say what is wrong; once it is mended the mail leaves
            return self.browse()
        company.relance_approval_mailed_on = date
        return self._send(company, approver, now)

    @api.model
    def _is_due(self, company, date):
        """Whether the chosen day of the week has come since the last mail."""
        if not company.relance_approval_weekday:
            return False
        latest = date - timedelta(days=(date.weekday() - int(company.relance_approval_weekday)) % 7)
        mailed = company.relance_approval_mailed_on
        return not mailed or mailed < latest

    @api.model
    @api.private
    def _send(self, company, approver, now):
        """Mail everything that ``approver`` may approve for ``company``; nothing where nothing waits.

        :param now: naive UTC
        :return: the ``relance.approval.mail``
        """
        waiting = self._waiting(company, approver)
        if not waiting:
            return self.browse()
        mail = self.create(
            {
                "company_id": company.id,
                "user_id": approver.id,
                "date": company._relance_date(now),
                "valid_until": now + timedelta(days=LINK_DAYS),
                "secret": secrets.token_urlsafe(24),
                "fingerprints": {str(key): value for key, value in waiting._fingerprints().items()},
            }
        )
        mail._create_outgoing(waiting)
        return mail

    @api.model
    def _is_approver(self, user, company):
        """Whether ``user`` may approve anything for ``company`` at all."""
        return (
            user.active and user.has_group("relance_douce.group_relance_user") and company in user.company_ids
        )

    @api.model
    def _as_user(self, user, company):
        """An environment with the rights and the language of ``user``, in ``company`` only."""
        return (
            self.with_user(user)
            .with_context(allowed_company_ids=company.ids, lang=company._relance_lang(user))
            .env
        )

    @api.model
    def _waiting(self, company, user):
        """What waits for approval and ``user`` may approve, the largest amounts first."""
        drafts = self._as_user(user, company)["relance.reminder"].search(
            [("company_id", "=", company.id), ("state", "=", "draft")], order="balance_total desc, id"
        )
        return drafts._may_approve()

    def _create_outgoing(self, waiting):
        """The mail in the outbox; it is deleted once it left, for it carries a right."""
        self.ensure_one()
        env = self._as_user(self.user_id, self.company_id)
        mail = self.with_env(env).sudo()  # reads what the approver reads; the outbox is the host's
        env["mail.mail"].sudo().create(
            {
                "subject": mail._subject(waiting),
                "body_html": mail._body(waiting),
                "email_from": self.company_id.email_formatted or self.user_id.email_formatted,
                "email_to": self.user_id.email_formatted,
                "auto_delete": True,
            }
        )
        self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()

    def _subject(self, waiting):
        return self.env._(
            "%(company)s: reminders to approve (%(count)s), %(amount)s",
            company=self.company_id.name,
            count=len(waiting),
            amount=self._money(sum(waiting.mapped("balance_total"))),
        )

    def _body(self, waiting):
        """The mail as HTML; with fewer rows where it would grow too long."""
        self.ensure_one()
        _ = self.env._
        rows = waiting._approval_rows(self.date)
        total = self._money(sum(waiting.mapped("balance_total")))
        shown = MAIL_ROWS
        while True:
            body = self.env["ir.qweb"]._render(
                "relance_douce.approval_mail",
                {
                    "greeting": _("Hello %s,", self.user_id.name),
                    "intro": _(
                        "Waiting for your approval: %(reminders)s, %(total)s in all; the oldest is %(age)s.",
                        reminders=words.reminders(self.env, len(rows)),
                        total=total,
                        age=max(rows, key=lambda row: row["days"])["age"],
                    ),
                    "rows": rows[:shown],
                    "more": len(rows) > shown
                    and _("and %s more, listed on the page behind the button", len(rows) - shown),
                    "total": total,
                    "url": self._url(),
                    "advice": _(
                        "The button opens a page where you can leave out any of them; nothing is approved "
                        "before you press there. It works until %s and for you alone: please do not pass "
                        "this mail on.",
                        self._until_text(),
                    ),
                    "color": self.env["relance.letter"]._button_color(self.company_id),
                },
                minimal_qcontext=True,
            )
            if len(body.encode()) <= MAIL_SIZE or shown <= 1:
                return body
            shown = min(shown, len(rows)) // 2

    def _money(self, amount):
        return format_amount(self.env, amount, self.company_id.currency_id)

    def _until_text(self):
        """Last full day on which the link works."""
        return long_date(self.env, self.date + timedelta(days=LINK_DAYS - 1))

    # -- the link ---------------------------------------------------------------------------------------
    def _url(self):
        """The link of the button: signed, for this mail and this person, with an end."""
        self.ensure_one()
        token = hash_sign(
            self.env(su=True),
            LINK_SCOPE,
            [self.id, self.user_id.id, self.secret],
            expiration_hours=LINK_DAYS * 24,
        )
        return f"{self.get_base_url()}/relance/approval/{token}"

    @api.model
    @api.private
    def _from_token(self, token, now=None):
        """The mail that a link belongs to; empty where it is wrong, foreign or too old.

        :param now: naive UTC, default this moment
        """
        values = read_signed_token(self.env, LINK_SCOPE, token)
        if not isinstance(values, list) or len(values) != 3:
            return self.browse()
        number, user, secret = values
        # the signed link is the right to this one mail
        mail = self.sudo().browse(number).exists()
        if not mail or mail.user_id.id != user or not same_secret(secret, mail.secret):
            return self.browse()
        if mail.valid_until < (now or fields.Datetime.now()):
            return self.browse()
        return mail

    # -- the page ----------------------------------------------------------------------------------------
    def _works(self):
        """Whether the person may still approve; rights are those of today, not of the mail's day."""
        self.ensure_one()
        return self._is_approver(self.user_id, self.company_id)

    def _listed(self):
        """The reminders of the mail that its reader may see, with his own rights."""
        self.ensure_one()
        ids = [int(key) for key in self.fingerprints or {}]
        return self._as_user(self.user_id, self.company_id)["relance.reminder"].search(
            [("id", "in", ids)], order="balance_total desc, id"
        )

    def _page(self, date):
        """What the page shows.

        :param date: local date
        :return: dict: ``rows`` (those that wait, with ``changed``, ``fingerprint``, ``subject``,
            ``text`` and ``lines``), ``approved`` (names and amounts of those that were approved),
            ``gone`` (number of those that are neither)
        """
        self.ensure_one()
        listed = self._listed()
        drafts = listed.filtered(lambda one: one.state == "draft")._may_approve()
        fingerprints = drafts._fingerprints()
        texts = drafts._approval_texts()
        rows = []
        for row in drafts._approval_rows(date):
            key = row["reminder"].id
            known = self.fingerprints[str(key)]
            rows.append(
                {
                    **row,
                    "fingerprint": fingerprints[key],
                    "changed": not same_secret(known, fingerprints[key]),
                    "subject": texts[key][0],
                    "text": texts[key][1],
                    "lines": row["reminder"]._approval_lines(),
                }
            )
        approved = (listed - drafts).filtered("approved_by_id")
        return {
            "rows": rows,
            "approved": [
                {
                    "customer": one.partner_id.display_name,
                    "amount": self._money(one.balance_total),
                    "person": one.approved_by_id.name,
                }
                for one in approved
            ],
            "gone": len(self.fingerprints or {}) - len(drafts) - len(approved),
        }

    def _origin_text(self):
        """Whose mail of which day this is."""
        return self.env._(
            "%(company)s · mail of %(date)s to %(person)s",
            company=self.company_id.name,
            date=long_date(self.env, self.date),
            person=self.user_id.name,
        )

    def _page_intro(self, rows):
        return self.env._(
            "Untick what is not to leave, then press the button: %(reminders)s, %(total)s in all.",
            reminders=words.reminders(self.env, len(rows)),
            total=self._money(sum(row["reminder"].balance_total for row in rows)),
        )

    def _gone_text(self, count):
        """What the mail listed and nobody has to approve any more; empty if there is none."""
        return count and self.env._("Paid, cancelled or taken back since the mail: %s.", count)

    @api.private
    def _approve(self, seen):
        """Approve what the reader saw, in his name; what changed since he saw it stays.

        A second call finds nothing left to approve and changes nothing.

        :param seen: dict reminder id → fingerprint that his page showed
        :return: (approved ``relance.reminder``, those that changed meanwhile)
        """
        self.ensure_one()
        drafts = self._listed().filtered(lambda one: one.state == "draft" and one.id in seen)
        drafts = drafts._may_approve()
        if not drafts:
            return drafts, drafts
        # what somebody else is just deciding about is left to him
        drafts &= drafts.sudo().try_lock_for_update()
        now = drafts._fingerprints()
        same = drafts.filtered(lambda one: same_secret(seen[one.id], now[one.id]))
        if same:
            same.action_approve()
        return same, drafts - same


class RelanceReminder(models.Model):
    _inherit = "relance.reminder"

    def _fingerprints(self):
        """What each of these claims and says, as a short text that changes with it: dict id → text.

        The texts of the level are taken as they are written, so that the date of the day, which
        they may speak of, is no change.
        """
        result = {}
        for reminder in self:
            content = [
                reminder.channel,
                reminder.contact_id.id,
                reminder.level_id.id,
                reminder.lang,
                *reminder._fingerprint_text(),
                *(
                    [
                        line.move_line_id.id,
                        line.name,
                        str(line.date_maturity),
                        line.currency_id.id,
                        line.currency_id.round(line.amount_residual),
                        line.level_id.id,
                    ]
                    for line in reminder._claims().sorted("id")
                ),
            ]
            result[reminder.id] = hashlib.sha256(json.dumps(content).encode()).hexdigest()
        return result

    def _fingerprint_text(self):
        """The words of this reminder before placeholders are filled in."""
        self.ensure_one()
        if self.is_edited and self._text_field() in ("mail_body", "letter_body"):
            return [str(self.subject or ""), str(self.body or "")]
        # the text of a level is read by whoever reads its reminders
        source = self.level_id.sudo()._text_source().with_context(lang=self.lang)
        return [str(source.subject or ""), str(source[self._text_field()] or "")]

    def _approval_rows(self, date):
        """What a list of reminders to approve shows of each: list of dict.

        ``reminder``, ``customer``, ``level``, ``amount`` (text, company currency), ``days`` (oldest, at
        the local ``date``), ``age`` (the same in words), ``channel`` (its name)
        """
        channels = dict(self._fields["channel"]._description_selection(self.env))
        rows = []
        for reminder in self:
            due = [line.date_maturity for line in reminder._claims() if line.date_maturity]
            days = (date - min(due)).days if due else 0
            rows.append(
                {
                    "reminder": reminder,
                    "customer": reminder.partner_id.display_name,
                    "level": reminder.level_id.name,
                    "amount": format_amount(self.env, reminder.balance_total, reminder.currency_id),
                    "days": days,
                    "age": self.env._("%s late", words.days(self.env, days))
                    if days > 0
                    else self.env._("not due"),
                    "channel": channels.get(reminder.channel, ""),
                }
            )
        return rows

    def _approval_lines(self):
        """The invoices of one reminder as text: list of (number, due date, amount left)."""
        self.ensure_one()
        return [
            (
                line.name or "",
                format_date(self.env, line.date_maturity) if line.date_maturity else "",
                format_amount(self.env, line.amount_residual, line.currency_id),
            )
            for line in self._claims()
        ]

    def _approval_texts(self):
        """Subject and text of each as the customer would read them: dict id → (subject, text)."""
        texts = {}
        self.mapped("letter_data")  # for all of them at once, before each is written out
        for reminder in self:
            # one by one: a text that cannot be written must not hide the others
            texts[reminder.id] = (reminder.preview_subject or "", reminder.preview or "")
        return texts
