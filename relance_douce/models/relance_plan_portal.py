"""What the customer does with his plan on the portal: he reads, signs, answers and pays."""

import base64
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_amount, format_datetime

from ..tools.text import long_date, same_secret, typed
from .relance_decision import PAYING_DAYS
from .relance_plan_sign import CODE_MINUTES

#: seconds until another code may be asked for, and codes per day: each one costs an SMS
CODE_PAUSE = 60
CODES_PER_DAY = 5
#: longest name, function and reason that a person types
NAME_SIZE = 120
WORDS_SIZE = 300
REASON_SIZE = 500
#: bytes of a drawn signature
SIGNATURE_SIZE = 500_000
#: the first instalment of a counter-proposal lies within so many months
COUNTER_MONTHS = 12


class RelancePlan(models.Model):
    _inherit = "relance.plan"

    signed_authority = fields.Boolean(string="States that he may bind the debtor", readonly=True, copy=False)
    code_day = fields.Date(readonly=True, copy=False, groups="base.group_system")
    code_count = fields.Integer(readonly=True, copy=False, groups="base.group_system")

    # -- who reads ----------------------------------------------------------------------------
    def _person_to_call(self):
        """Whoever answers the customer: in charge of the plan, else who signs the reminders."""
        self.ensure_one()
        return self.user_id or self.company_id.relance_user_id

    def _portal_sentence(self):
        """How the plan stands, in one sentence for the customer."""
        self.ensure_one()
        _ = self.env._
        values = {
            "company": self.company_id.name,
            "total": self._money(self.amount_total),
            "count": self.line_count,
            "date": long_date(self.env, self.date_start if self.state == "active" else self.date_closed),
        }
        if self.state == "proposed":
            return _("%(company)s offers you to pay %(total)s in %(count)s instalments.", **values)
        if self.state == "active":
            return _("Agreed on %(date)s: %(total)s in %(count)s instalments.", **values)
        if self.state == "kept":
            return _("Everything is paid, %(total)s. Thank you for keeping to what we agreed.", **values)
        if self.state == "broken":
            left = self._money(self._amount_accelerated())
            return _(
                "This plan ended on %(date)s because an instalment was not paid. "
                "%(left)s is due now. If there is a problem, please call us.",
                left=left,
                **values,
            )
        if self.state == "cancelled":
            return self._portal_cancelled_sentence(values["date"])
        return _("We are working on this plan: you will receive it shortly.")

    def _portal_cancelled_sentence(self, date):
        _ = self.env._
        sentences = {
            "expired": _("This offer expired on %s without a signature. Please call us for a new one.", date),
            "declined": _("You declined this offer on %s. If you change your mind, please call us.", date),
            "replaced": _("This plan was replaced by a new one on %s.", date),
            "settled": _(
                "The invoices of this plan were settled otherwise on %s. Nothing is left to do.", date
            ),
        }
        withdrawn = _("We withdrew this plan on %s. If you have a question, please call us.", date)
        return sentences.get(self.close_reason, withdrawn)

    def _portal_terms(self):
        """What the agreement says, in short sentences; its full text is the document."""
        self.ensure_one()
        _ = self.env._
        terms = [
            _("By signing you acknowledge that you owe %s for these invoices.", self._money(self.amount_debt))
        ]
        if self.amount_discount:
            terms.append(_("We reduce this amount by %s.", self._money(self.amount_discount)))
        means = {
            "transfer": _("You pay by bank transfer."),
            "standing_transfer": _("You pay by standing transfer, set up with your bank."),
            "direct_debit": _("We collect each instalment by direct debit."),
            "card": _("You pay by card, with the link that we send you before each instalment."),
            "cheques": _("We present the cheques that you handed over, one per instalment."),
        }
        terms.append(" ".join(filter(None, [means.get(self.means), self.means_note])))
        terms.append(_("You may pay earlier or more at any time, at no cost."))
        if self.current_on_time:
            terms.append(_("Your other invoices stay payable on their due dates."))
        if self.waive_penalties:
            terms.append(self._portal_waiver_term())
        terms.append(self._portal_break_term())
        return [term for term in terms if term]

    def _portal_break_term(self):
        """What the acceleration clause of the agreement means, in plain words."""
        _ = self.env._
        grace, notice = self._break_terms()
        mode = self._default_mode()
        if mode == "consumer":
            return _(
                "If an instalment is missed, we send you a friendly word first. If it is still unpaid "
                "%(grace)s days later, one of us looks at your situation and may give you %(notice)s days' "
                "notice in writing. Only after that may we end the plan; all that is left is due then.",
                grace=grace,
                notice=notice,
            )
        if notice and mode == "person":
            return _(
                "If an instalment is missed, we send you a friendly word first. If it is still unpaid "
                "%(grace)s days later, we may give you %(notice)s days' notice in writing, and after that "
                "end the plan; all that is left is due then.",
                grace=grace,
                notice=notice,
            )
        if notice:
            return _(
                "If an instalment is missed, we send you a friendly word first. If it is still unpaid "
                "%(grace)s days later, we give you %(notice)s days' notice in writing; after "
                "that all that is left is due at once.",
                grace=grace,
                notice=notice,
            )
        return _(
            "If an instalment is missed, we send you a friendly word first. If it is still unpaid %s days "
            "later, all that is left is due at once.",
            grace,
        )

    def _portal_waiver_term(self):
        _ = self.env._
        share = round(self.waive_percent)
        if not self._owes_penalties():
            return _("If you keep to this plan, we give up %s %% of the interest for late payment.", share)
        if share == 100:
            return _("If you keep to this plan, we give up all late-payment penalties.")
        return _("If you keep to this plan, we give up %s %% of the late-payment penalties.", share)

    def _money(self, amount):
        return format_amount(self.env, amount, self.currency_id)

    # -- signing ------------------------------------------------------------------------------
    def _needs_authority(self):
        """Somebody signs for a legal person: he says by what function, and that he may."""
        self.ensure_one()
        return self.debtor_id.is_company

    def _likely_signer(self):
        """The name to begin with: who spoke for the customer, or the person who owes."""
        self.ensure_one()
        return self.signer_name or ("" if self.debtor_id.is_company else self.debtor_id.name) or ""

    def _portal_signature(self):
        """Who agreed, when and how; empty before."""
        self.ensure_one()
        if not self.signed_on:
            return ""
        _ = self.env._
        date = format_datetime(
            self.env, self.signed_on, tz=self.company_id._relance_timezone().zone, dt_format="short"
        )
        values = {"name": self.signed_by, "date": date}
        sentences = {
            "portal": _("Signed online by %(name)s on %(date)s.", **values),
            "onsite": _("Signed in our presence by %(name)s on %(date)s.", **values),
            "paper": _("Signed on paper by %(name)s, recorded on %(date)s.", **values),
        }
        spoken = _("Agreed on the phone by %(name)s on %(date)s.", **values)
        return sentences.get(self.signed_kind, spoken)

    def _needs_code(self):
        self.ensure_one()
        return self._policy().plan_needs_code

    @api.private
    def _sign_online(self, answers, ip=None):
        """The customer signs on the portal: what he entered is checked, then the plan counts.

        A wrong code is counted even though it is refused, so the caller must not undo what
        this method wrote before it raised.

        :param answers: dict with ``offer`` (fingerprint of what he was shown), ``name``,
            ``function``, ``authority``, ``figures``, ``words``, ``code``, ``signature``
            (base64 of a PNG)
        :param ip: his address
        :return: whether this call was the one that signed; a second click changes nothing
        :raise UserError: says what to do
        """
        self.ensure_one()
        self._lock()
        offer = _line(answers.get("offer"))
        agreed = self.state == "active" and bool(offer) and same_secret(offer, self.signed_hash)
        if agreed and self.signed_kind != "phone":
            return False
        if not agreed:
            self._check_signable()
            self._check_shown(offer, self._offer_hash())
        self._check_answers(answers)
        with_code = self._needs_code()
        if with_code and not self._check_code(_line(answers.get("code"))):
            raise UserError(self.env._("This is not the code that we sent: please look again."))
        with self.env.cr.savepoint():
            return self._record_signature(answers, ip, offer, with_code, agreed)

    def _record_signature(self, answers, ip, offer, with_code, agreed):
        """Write down what was signed, as the agreement or, once agreed on the phone, beside it."""
        handwritten = self._needs_handwritten_sum()
        self.signed_authority = self._needs_authority()
        name, function = _line(answers.get("name")), _line(answers.get("function"))
        figures = _line(answers.get("figures")) if handwritten else None
        words = _line(answers.get("words"), WORDS_SIZE) if handwritten else None
        if agreed:
            self._sign_afterwards(
                answers["signature"],
                name,
                function,
                None,
                signed_kind="portal",
                signed_ip=ip,
                signed_sum=figures,
                signed_words=words,
                signed_with_code=with_code,
            )
            return True
        return self._accept(
            signed_by=name,
            signature=answers["signature"],
            kind="portal",
            function=function,
            ip=ip,
            offer=offer,
            figures=figures,
            words=words,
            with_code=with_code,
        )

    def _check_answers(self, answers):
        """Whether everything that a signature needs was entered.

        :raise UserError: says what is missing
        """
        self.ensure_one()
        _ = self.env._
        if not _line(answers.get("name")):
            raise UserError(_("Enter the name of who signs."))
        if self._needs_authority():
            if not _line(answers.get("function")):
                raise UserError(_("Enter your function, for example “Managing director”."))
            if answers.get("authority") is not True:
                raise UserError(
                    _(
                        "Please confirm that you may sign for %s, or let somebody sign who may.",
                        self.debtor_id.name,
                    )
                )
        if self._needs_handwritten_sum():
            self._check_sum(_line(answers.get("figures")), _line(answers.get("words"), WORDS_SIZE))
        if not _is_drawing(answers.get("signature")):
            raise UserError(_("Please draw your signature in the box."))

    # -- the one-time code --------------------------------------------------------------------
    @api.private
    def _send_code(self, now=None):
        now = now or fields.Datetime.now()
        # a code that could not be sent does not count
        with self.env.cr.savepoint():
            self._count_code(now)
            return super()._send_code(now)

    def _count_code(self, now):
        """Each code may be tried a few times, so how many codes there are is limited too.

        :raise UserError: says when to try again
        """
        self.ensure_one()
        if not self._needs_code():
            raise UserError(self.env._("No code is needed to sign this plan."))
        today = self.company_id._relance_date(now)
        count = self.code_count if self.code_day == today else 0
        sent = self.code_until and self.code_until - timedelta(minutes=CODE_MINUTES)
        if count and sent and now < sent + timedelta(seconds=CODE_PAUSE):
            raise UserError(self.env._("A code was sent just now: it can take a minute to arrive."))
        if count >= CODES_PER_DAY:
            raise UserError(
                self.env._("Several codes were sent today: please call us, we will help you sign.")
            )
        self.write({"code_day": today, "code_count": count + 1})

    def _deliver_code(self, code):
        """Send a one-time code; neither chatter nor log ever show it.

        :return: “sms” or “email”
        :raise UserError: nobody to send it to
        """
        self.ensure_one()
        plan = self.with_context(lang=self._customer_lang())
        if plan.signer_mobile:
            plan._deliver_code_by_sms(code)
            return "sms"
        if plan._code_email():
            plan._deliver_code_by_email(code)
            return "email"
        raise UserError(
            self.env._("We have neither a mobile number nor an e-mail address for your code: please call us.")
        )

    def _code_email(self):
        return self.signer_email or self.contact_id.email or self.debtor_id.email

    def _code_text(self, code):
        """The message that carries the code, in one sentence."""
        # one number, kept in one piece by whoever reads it aloud
        return self.env._(
            "%(company)s: %(code)s is your code to sign payment plan %(plan)s. "
            "It is valid for %(minutes)s minutes. Give it to nobody.",
            company=self.company_id.name,
            code=code,
            plan=self.name,
            minutes=CODE_MINUTES,
        )

    def _deliver_code_by_sms(self, code):
        """Into the host's queue, without a message in the chatter."""
        mobile = self.signer_mobile
        self.env["sms.sms"].sudo().create(  # the queue is the host's
            {
                "number": self.debtor_id._phone_format(number=mobile) or mobile,
                "body": self._code_text(code),
            }
        )
        self.env.ref("sms.ir_cron_sms_scheduler_action").sudo()._trigger()

    def _deliver_code_by_email(self, code):
        """A mail of its own that belongs to no record and is deleted once it left."""
        self.env["mail.mail"].sudo().create(  # the outbox is the host's
            {
                "subject": self.env._("Your code to sign"),
                "body_html": self.env["ir.qweb"]._render(
                    "relance_douce.plan_code_mail", {"plan": self, "text": self._code_text(code)}
                ),
                "email_from": self.company_id.email_formatted or self.env.user.email_formatted,
                "email_to": self._code_email(),
                "auto_delete": True,
            }
        )
        self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()

    def _code_target(self):
        """Where the code goes, as much of it as tells the customer where to look."""
        self.ensure_one()
        if self.signer_mobile:
            return f"•• {''.join(self.signer_mobile.split())[-4:]}"
        name, _at, domain = (self._code_email() or "").partition("@")
        return f"{name[:2]}••@{domain}" if domain else ""

    # -- other answers ------------------------------------------------------------------------
    @api.private
    def _decline_online(self, reason, ip=None):
        """The customer says no, and why.

        :return: whether this call was the one that declined
        :raise UserError: says what to do
        """
        reason = typed(reason, REASON_SIZE)
        if not reason:
            raise UserError(self.env._("Please tell us why, in a few words: it helps us find another way."))
        with self.env.cr.savepoint():
            return self._decline(reason, ip)

    @api.private
    def _counter_online(self, count, first_date, every=None, reason=None, ip=None):
        """The customer proposes other instalments; one proposal is answered before the next.

        :return: ``accepted`` or ``asked``
        :raise UserError: says what to do
        """
        self.ensure_one()
        if self.counter_state == "asked":
            raise UserError(self.env._("We have your proposal and will answer it: please give us a moment."))
        count, first_date = _number(count), _day(first_date)
        most = self._counter_most()
        if not 1 <= count <= most:
            raise UserError(self.env._("Choose between 1 and %s instalments, or call us.", most))
        if first_date and first_date > fields.Date.add(
            self.company_id._relance_date(), months=COUNTER_MONTHS
        ):
            raise UserError(self.env._("Choose a first day within the next months, or call us."))
        with self.env.cr.savepoint():
            return self._counter(count, first_date, every or None, typed(reason, REASON_SIZE), ip)

    def _counter_most(self):
        """As many instalments as the form takes; more are asked for by phone."""
        self.ensure_one()
        return max(self._policy().plan_max_count, self.line_count) * 2

    # -- paying -------------------------------------------------------------------------------
    def _is_collected(self):
        """We take the money ourselves: a debit, or the cheques he handed over."""
        self.ensure_one()
        return self.means in ("direct_debit", "cheques")

    def _open_claims(self):
        """What is still to be paid with money, as the books say."""
        self.ensure_one()
        return self.claim_ids.filtered(
            lambda claim: not claim.is_lost and claim.move_line_id.amount_residual_currency > 0
        )

    def _lines_to_pay(self):
        """Open instalments that are paid with money, in order."""
        self.ensure_one()
        return self.line_ids.filtered(
            lambda line: line.kind == "payment" and not self.currency_id.is_zero(line.amount_left)
        ).sorted(lambda line: (line.sequence, line.id))

    @api.private
    def _to_pay(self, line_id=None, everything=False):
        """What the customer pays now: the server alone decides about the amount.

        :param line_id: an instalment, default the next one
        :param everything: all that is left
        :return: (amount, instalments it is for)
        :raise UserError: nothing can be paid, and what to do
        """
        self.ensure_one()
        self._check_payable()
        lines = self._lines_to_pay()
        if not everything:
            lines = lines.filtered(lambda line: line.id == line_id) if line_id else lines[:1]
        open_amount = sum(self._open_claims().move_line_id.mapped("amount_residual_currency"))
        amount = self.currency_id.round(min(sum(lines.mapped("amount_left")), open_amount))
        if self.currency_id.compare_amounts(amount, 0) <= 0:
            raise UserError(self.env._("This is paid already: thank you."))
        return amount, lines

    def _check_payable(self):
        """Whether anything can be paid under this plan now.

        :raise UserError: says why not
        """
        self.ensure_one()
        _ = self.env._
        sentences = {
            "draft": _("This plan is still being prepared: we will send it to you shortly."),
            "kept": _("Everything is paid: thank you."),
            "broken": _("This plan has ended: please pay the invoices themselves, or call us."),
            "cancelled": _("This plan was cancelled: please pay the invoices themselves, or call us."),
        }
        if self.state in sentences:
            raise UserError(sentences[self.state])
        if self.state == "proposed":
            self._check_signable()

    def _payments_under_way(self):
        """What was paid and did not reach the books yet: list of (date, amount)."""
        self.ensure_one()
        since = fields.Datetime.now() - timedelta(days=PAYING_DAYS)
        moves = self.claim_ids.move_id
        transactions = moves.transaction_ids.filtered(
            lambda one: (
                one.last_state_change > since
                and (
                    one.state in ("pending", "authorized")
                    or (one.state == "done" and not one.is_post_processed)
                )
            )
        )
        payments = moves.matched_payment_ids.filtered(
            lambda one: one.state == "in_process" and not one.move_id and one.date > since.date()
        )
        return sorted(
            [(one.last_state_change.date(), one.amount) for one in transactions]
            + [(one.date, one.amount) for one in payments]
        )

    def _bank_details_to_pay(self):
        """The account to transfer to and what to quote, as on the letters; None without account."""
        self.ensure_one()
        return self.env["relance.letter"]._bank_details(self._bank_account(), self._payment_references())


def _is_drawing(signature):
    """Whether this is what the box makes of a signature: a PNG of sensible size."""
    try:
        picture = base64.b64decode(signature or "", validate=True)
    except (TypeError, ValueError):
        return False
    return picture.startswith(b"\x89PNG") and len(picture) < SIGNATURE_SIZE


def _line(text, size=NAME_SIZE):
    """What somebody typed into one line."""
    return " ".join(str(text or "").replace("\0", "").split())[:size]


def _number(value):
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return 0


def _day(value):
    try:
        return fields.Date.to_date(value)
    except (TypeError, ValueError):
        return None
