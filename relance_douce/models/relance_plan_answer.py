"""What the customer answers instead of signing: no, or other instalments."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import format_amount, format_date

from ..tools import schedule
from ..tools.text import typed


class RelancePlan(models.Model):
    _inherit = "relance.plan"

    counter_state = fields.Selection(
        [("asked", "Asked"), ("accepted", "Accepted"), ("refused", "Refused")],
        string="Counter-proposal",
        readonly=True,
        copy=False,
    )
    counter_offer = fields.Json(readonly=True, copy=False)
    counter_text = fields.Text(
        string="What the customer proposes", compute="_compute_counter_text", help="And why."
    )

    @api.depends("counter_offer")
    def _compute_counter_text(self):
        for plan in self:
            offer = plan.counter_offer
            plan.counter_text = offer and plan._counter_sentence(offer)

    def _counter_sentence(self, offer):
        lines = offer["lines"]
        text = self.env._(
            "%(count)s instalments, the first of %(amount)s on %(date)s, the last on %(last)s.",
            count=len(lines),
            amount=format_amount(self.env, lines[0][1], self.currency_id),
            date=format_date(self.env, lines[0][0]),
            last=format_date(self.env, lines[-1][0]),
        )
        return f"{text}\n{offer['reason']}" if offer.get("reason") else text

    # -- what the customer does instead -----------------------------------------------------------
    @api.private
    def _decline(self, reason, ip=None):
        """The customer says no, with a reason; whoever is in charge is told.

        :return: whether this call was the one that declined
        """
        self.ensure_one()
        self._lock()
        if self.state == "cancelled" and self.close_reason == "declined":
            return False
        self._check_signable()
        self._set_cancelled("declined", typed(reason, 500))
        house = self._in_house_language()
        house._message_log(body=house.env._("Declined by the customer: %s", self.close_note or "–"))
        self._tell_user("declined", self.close_note)
        return True

    @api.private
    def _counter(self, count, first_date, every=None, reason=None, ip=None):
        """The customer proposes other instalments.

        Within the limits, and where the policy allows it, they become the offer at once;
        otherwise a person decides.

        :return: ``accepted`` or ``asked``
        :raise UserError: says what is wrong, to the customer
        """
        self.ensure_one()
        self._lock()
        self._check_signable()
        every = every or self.every
        first_date = fields.Date.to_date(first_date)
        if not first_date or first_date < self.company_id._relance_date():
            raise UserError(self.env._("Choose a first day that is today or later."))
        parts = self._in_words(
            schedule.split,
            self._exact(self.currency_id, self._amount_to_cover()),
            count,
            first_date,
            every,
            self.currency_id.decimal_places,
            currency=self.currency_id,
        )
        offer = {
            "lines": [[str(day), float(amount)] for day, amount in parts],
            "every": every,
            "reason": typed(reason),
        }
        house = self._in_house_language()
        house._message_log(body=house.env._("The customer proposes: %s", house._counter_sentence(offer)))
        policy = self._policy()
        exceeded = policy._plan_limits_exceeded(
            self.company_id, self.currency_id, parts, self.company_id._relance_date()
        )
        special = self.line_ids.filtered(lambda line: line.kind != "payment")
        if policy.plan_accept_counter and not exceeded and not special:
            self._take_counter(offer)
            return "accepted"
        self.write(
            {
                "counter_offer": offer,
                "counter_state": "asked",
                # he waits for our answer, so the offer does not expire meanwhile
                **self._rest_values(),
            }
        )
        tell = house._tell_manager if exceeded else house._tell_user
        tell("counter", house._counter_sentence(offer))
        return "asked"

    def _take_counter(self, offer):
        """What the customer proposed is the offer now; he signs it himself."""
        self.line_ids.unlink()
        self.write(
            {
                "line_ids": [
                    Command.create({"sequence": number, "date_due": day, "amount": amount})
                    for number, (day, amount) in enumerate(offer["lines"], 1)
                ],
                "every": offer["every"],
                "revision": self.revision + 1,
                "counter_state": "accepted",
                "counter_offer": offer,
            }
        )

    def action_accept_counter(self):
        """What the customer proposed becomes the offer; beyond the limits only for managers."""
        for plan in self._allowed("proposed"):
            plan._lock()
            if plan.counter_state != "asked":
                raise UserError(self.env._("There is no counter-proposal to answer: reload the page."))
            days = [(fields.Date.to_date(day), amount) for day, amount in plan.counter_offer["lines"]]
            if plan._policy()._plan_limits_exceeded(
                plan.company_id, plan.currency_id, days, plan.company_id._relance_date()
            ):
                self._check_manager()
            plan._take_counter(plan.counter_offer)
            plan.write(plan._rest_values())
            plan.activity_ids.unlink()
            plan._message_log(body=self.env._("Counter-proposal accepted by %s.", self.env.user.name))
            plan._create_messages_of("proposal")._send_now()
        return True

    def action_refuse_counter(self):
        """The offer stands as it was; the customer is told kindly."""
        for plan in self._allowed("proposed"):
            plan._lock()
            if plan.counter_state != "asked":
                raise UserError(self.env._("There is no counter-proposal to answer: reload the page."))
            plan.write({"counter_state": "refused", **plan._rest_values()})
            plan.message_log_ids.filtered(lambda one: one.kind == "counter_refused")._set_void()
            plan.activity_ids.unlink()
            plan._message_log(body=self.env._("Counter-proposal refused by %s.", self.env.user.name))
            plan._create_messages_of("counter_refused")._send_now()
        return True
