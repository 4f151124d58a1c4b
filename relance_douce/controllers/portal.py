import math

from odoo import fields, http
from odoo.exceptions import UserError, ValidationError
from odoo.http import content_disposition, request
from odoo.tools import format_amount

from odoo.addons.account_payment.controllers.payment import PaymentPortal
from odoo.addons.account_payment.controllers.portal import PortalAccount
from odoo.addons.payment.controllers.post_processing import PaymentPostProcessing
from odoo.addons.portal.controllers.portal import pager as portal_pager

from ..tools.text import long_date


class PlanPortal(PortalAccount, PaymentPortal):
    """Payment plans as the customer sees them.

    Portal users have no access to the model: each route asks the plan whether this link, or
    this customer, may open it, and goes on with full rights only then.
    """

    # -- which plan, for whom, in which language --------------------------------------------------
    def _open_plan(self, plan_id, access_token):
        """The plan if this visitor may open it, else nothing: which plans exist is no secret told."""
        if not (isinstance(access_token, str) and access_token.isascii()):
            access_token = None  # of no link of ours
        # sudo: portal users have no rights on plans, _may_open decides
        plan = request.env["relance.plan"].sudo().browse(plan_id).exists()
        if not plan or not plan._may_open(access_token, self._customer()):
            return plan.browse()
        return plan.with_company(plan.company_id)

    def _customer(self):
        """Who is logged in; nobody for a visitor, who only has his link."""
        return None if request.env.user._is_public() else request.env.user.partner_id

    def _refused(self, access_token, path):
        """The answer to a wrong link: the same whether or not there is such a plan."""
        if self._customer():
            return request.redirect("/my")
        if not access_token:
            return request.redirect_query("/web/login", {"redirect": path})
        return self._notice(request.env._("This link does not work"), self._link_help(), status=404)

    def _link_help(self):
        return request.env._(
            "Perhaps part of it was lost on the way. Please open it again from our message, or call us."
        )

    def _render(self, template, values, **options):
        """A page of ours; it names its language for whoever has it read aloud."""
        lang = request.env.lang.replace("_", "-")
        return request.render(
            f"relance_douce.{template}",
            {"html_data": {"lang": lang}, "no_breadcrumbs": not self._customer(), **values},
            **options,
        )

    def _notice(self, title, text, company=None, person=None, status=200):
        """A page with a sentence and somebody to call, instead of an error."""
        return self._render(
            "portal_plan_notice",
            {
                "title": title,
                "text": text,
                "person": person or request.env["res.users"],
                "res_company": company or request.env.company,
            },
            status=status,
        )

    def _speak(self, lang):
        """Let a visitor read the language of the customer, until he chooses another one.

        :return: where to go for that, or None
        """
        lang = request.env["ir.http"].get_nearest_lang(lang)  # of those that pages come in
        if not lang or lang == request.lang.code:
            return None
        if self._customer() or request.session.get("relance_lang"):
            return None
        request.session["relance_lang"] = lang
        path = request.httprequest.path
        if request.httprequest.query_string:
            path += f"?{request.httprequest.query_string.decode()}"
        default = request.env["ir.http"]._get_default_lang()
        if lang == default.code and not request.httprequest.cookies:
            # whoever keeps no cookies would be sent here again and again
            request.lang = default
            request.update_context(lang=lang)
            return None
        response = request.redirect(request.env["ir.http"]._url_lang(path, lang))
        response.set_cookie("frontend_lang", lang)
        return response

    def _page_values(self, plan, access_token=None):
        """What every page about ``plan`` shows."""
        return {
            "plan": plan,
            "title": f"{request.env._('Payment plan')} {plan.name} · {plan.company_id.name}",
            "page_name": "plan",
            "person": plan._person_to_call(),
            "res_company": plan.company_id,  # its logo and name
            "currency": plan.currency_id,
            "long_date": lambda date: long_date(request.env, date),
            "money": plan._money,
            "token": access_token,
            "is_employee": request.env.user._is_internal(),
        }

    # -- home and list ------------------------------------------------------------------------
    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "plan_count" in counters:
            values["plan_count"] = self._my_plans().search_count(self._my_plans_domain())
        if "plan_to_sign_count" in counters:
            values["plan_to_sign_count"] = self._my_plans().search_count(
                [*self._my_plans_domain(), ("state", "=", "proposed")]
            )
        return values

    def _my_plans(self):
        # sudo: portal users have no rights on plans, the domain holds those of their own company
        return request.env["relance.plan"].sudo()

    def _my_plans_domain(self):
        return self._my_plans()._of_customer(request.env.user.partner_id)

    def _get_overdue_invoices_domain(self, partner_id=None):
        """Whoever keeps his plan is not asked to pay its invoices at once."""
        # sudo: which of his own invoices are in a plan
        covered = (
            request.env["relance.plan.claim"]
            .sudo()
            .search(
                [
                    ("live", "=", "active"),
                    ("move_id.partner_id", "=", partner_id or request.env.user.partner_id.id),
                ]
            )
        )
        return [
            *super()._get_overdue_invoices_domain(partner_id),
            ("id", "not in", covered.move_id.ids),
        ]

    @http.route(["/my/plans", "/my/plans/page/<int:page>"], type="http", auth="user", website=True)
    def portal_my_plans(self, page=1, **kwargs):
        plans, domain = self._my_plans(), self._my_plans_domain()
        pager = portal_pager(
            url="/my/plans", total=plans.search_count(domain), page=page, step=self._items_per_page
        )
        return self._render(
            "portal_my_plans",
            {
                **self._prepare_portal_layout_values(),
                "plans": plans.search(domain, limit=self._items_per_page, offset=pager["offset"]),
                "pager": pager,
                "page_name": "plan",
                "long_date": lambda date: long_date(request.env, date),
            },
        )

    # -- the page of a plan ---------------------------------------------------------------------
    @http.route("/my/plans/<int:plan_id>", type="http", auth="public", website=True, methods=["GET"])
    def portal_plan(self, plan_id, access_token=None, done=None, **kwargs):
        plan = self._open_plan(plan_id, access_token)
        if not plan:
            return self._refused(access_token, f"/my/plans/{plan_id}")
        if redirect := self._speak(plan._customer_lang()):
            return redirect
        if self._is_over(plan):
            return self._over(plan)
        return self._render(
            "portal_plan_page",
            {
                **self._page_values(plan, access_token),
                **self._plan_values(plan),
                "done": done,
                "transaction": self._transaction_just_made(plan),
            },
        )

    def _plan_values(self, plan):
        """What the page of ``plan`` shows besides its records."""
        _ = request.env._
        money = plan._money
        return {
            "to_pay": plan._lines_to_pay(),
            "under_way": self._under_way(plan),
            "code_text": _("We send it to %s.", plan._code_target()),
            "bank": plan._bank_details_to_pay(),
            "successor": plan.replaced_by_ids.filtered(
                lambda one: one.state in ("proposed", "active") and one.debtor_id == plan.debtor_id
            )[:1],
            "rhythms": plan._fields["every"]._description_selection(request.env),
            "progress_text": _(
                "%(paid)s received, %(left)s left.",
                paid=money(plan.amount_total - plan.amount_left),
                left=money(plan.amount_left),
            ),
            "late_text": _("In all, %s is late.", money(plan.amount_late)),
            "signer": plan._likely_signer(),
            "authority_text": _("I state that I may sign for %s.", plan.debtor_id.name),
            "sign_label": _("I agree to pay %s and sign", money(plan.amount_total)),
            "signed_text": plan._portal_signature(),
            "failed_text": _("This did not reach us. Please check your connection and try again."),
        }

    def _is_over(self, plan):
        """Offers end for everybody, links to closed plans for those who are not logged in."""
        return plan._link_is_expired() and (plan.state == "proposed" or not self._customer())

    def _over(self, plan):
        if plan.state == "proposed":
            text = request.env._(
                "It was valid until %s. Please contact us: we will find a new one.",
                long_date(request.env, plan.date_valid),
            )
            title = request.env._("This offer has expired")
        else:
            text = request.env._("This plan ended a while ago. If you have a question, please contact us.")
            title = request.env._("This link has expired")
        return self._notice(title, text, plan.company_id, plan._person_to_call(), status=410)

    def _under_way(self, plan):
        """What was paid and is not in the books yet, in sentences."""
        return [
            request.env._("Your payment of %s is on its way to us.", plan._money(amount))
            for _day, amount in plan._payments_under_way()
        ]

    def _transaction_just_made(self, plan):
        """The payment that this visitor comes back from."""
        monitored = request.session.get(PaymentPostProcessing.MONITORED_TX_ID_KEY)
        # sudo: whoever made this payment may see what became of it
        transaction = request.env["payment.transaction"].sudo().browse(monitored).exists()
        since = fields.Datetime.subtract(fields.Datetime.now(), hours=1)
        recent = transaction.filtered(lambda one: one.last_state_change > since)
        return recent.filtered(lambda one: one.invoice_ids & plan.claim_ids.move_id)

    @http.route(
        "/my/plans/<int:plan_id>/agreement", type="http", auth="public", website=True, methods=["GET"]
    )
    def portal_plan_agreement(self, plan_id, access_token=None, **kwargs):
        """The signed agreement, before that the text of the offer, as PDF."""
        plan = self._open_plan(plan_id, access_token)
        if not plan:
            return self._refused(access_token, f"/my/plans/{plan_id}/agreement")
        if plan.state == "draft" or self._is_over(plan):
            return request.redirect(plan.get_portal_url())
        content = plan.agreement_id.raw or plan._render_agreement()
        if not content:
            return self._notice(
                request.env._("The document cannot be printed right now"),
                request.env._("Please try again later, or ask us for it."),
                plan.company_id,
                plan._person_to_call(),
            )
        return request.make_response(
            content,
            [
                ("Content-Type", "application/pdf"),
                ("Content-Length", len(content)),
                ("Content-Disposition", content_disposition(plan._agreement_filename())),
            ],
        )

    # -- what the customer answers --------------------------------------------------------------
    def _answer(self, plan_id, access_token, act, offer=None):
        """Do what the customer asks for; what is wrong comes back as a sentence.

        :param act: function of the plan, gives the values to answer with
        :param offer: fingerprint of what he was shown
        """
        plan = self._open_plan(plan_id, access_token)
        if not plan:
            return {"error": self._link_help()}
        if request.env.user._is_internal():
            return {
                "error": request.env._(
                    "You are logged in as an employee: only the customer answers here. Use “Agreed on the "
                    "phone” or “Signed on paper” on the plan."
                )
            }
        try:
            return act(plan)
        except UserError as error:
            # database errors are not caught: the host tries such a request again
            return {
                "error": error.args[0],
                # what he looks at is not what is offered any more
                "stale": plan.state != "proposed" or bool(offer and offer != plan._offer_hash()),
            }

    @http.route("/my/plans/<int:plan_id>/sign", type="jsonrpc", auth="public", website=True)
    def portal_plan_sign(self, plan_id, access_token=None, **answers):
        def sign(plan):
            plan._sign_online(answers, request.httprequest.remote_addr)
            return {"redirect": plan.get_portal_url(query_string="&done=signed")}

        return self._answer(plan_id, access_token, sign, answers.get("offer"))

    @http.route("/my/plans/<int:plan_id>/code", type="jsonrpc", auth="public", website=True)
    def portal_plan_code(self, plan_id, access_token=None, **kwargs):
        def send(plan):
            if plan._send_code() == "sms":
                message = request.env._("We sent you a code by SMS to %s.", plan._code_target())
            else:
                message = request.env._("We sent you a code by e-mail to %s.", plan._code_target())
            return {"message": message}

        return self._answer(plan_id, access_token, send)

    @http.route("/my/plans/<int:plan_id>/decline", type="jsonrpc", auth="public", website=True)
    def portal_plan_decline(self, plan_id, access_token=None, reason=None, **kwargs):
        def decline(plan):
            plan._decline_online(reason, request.httprequest.remote_addr)
            return {"redirect": plan.get_portal_url()}

        return self._answer(plan_id, access_token, decline)

    @http.route("/my/plans/<int:plan_id>/counter", type="jsonrpc", auth="public", website=True)
    def portal_plan_counter(
        self, plan_id, access_token=None, count=None, first_date=None, every=None, reason=None, **kwargs
    ):
        def counter(plan):
            plan._counter_online(count, first_date, every, reason, request.httprequest.remote_addr)
            return {"redirect": plan.get_portal_url()}

        return self._answer(plan_id, access_token, counter)

    # -- paying -----------------------------------------------------------------------------------
    @http.route("/my/plans/<int:plan_id>/pay", type="http", auth="public", website=True, methods=["GET"])
    def portal_plan_pay(self, plan_id, access_token=None, line=None, everything=None, **kwargs):
        plan = self._open_plan(plan_id, access_token)
        if not plan:
            return self._refused(access_token, f"/my/plans/{plan_id}/pay")
        if redirect := self._speak(plan._customer_lang()):
            return redirect
        if self._is_over(plan):
            return self._over(plan)
        try:
            values = self._pay_values(plan, access_token, line, everything)
        except UserError as error:
            values = {"error": error.args[0]}
        return self._render("portal_plan_pay", {**self._page_values(plan, access_token), **values})

    def _pay_values(self, plan, access_token, line, everything):
        """The host's payment form over all invoices of the plan that are still open.

        :raise UserError: nothing can be paid
        """
        amount, lines = plan._to_pay(self._cast_as_int(line), bool(everything))
        values = self._get_common_page_view_values(
            {
                "partner": plan.debtor_id,
                "company": plan.company_id,
                "total_amount": amount,
                "currency": plan.currency_id,
                "payment_reference": plan.name,
                "landing_route": plan.get_portal_url(),
                "transaction_route": self._transaction_route(plan, line, everything),
            },
            access_token or plan.access_token,
        )
        return {
            **values,
            "amount": amount,
            "lines": lines,
            "everything": bool(everything),
            "bank": plan._bank_details_to_pay(),
            "under_way": self._under_way(plan),
        }

    def _transaction_route(self, plan, line, everything):
        if everything:
            return f"/my/plans/{plan.id}/transaction?everything=1"
        line = self._cast_as_int(line)
        return f"/my/plans/{plan.id}/transaction{f'?line={line}' if line else ''}"

    @http.route("/my/plans/<int:plan_id>/transaction", type="jsonrpc", auth="public", website=True)
    def portal_plan_transaction(self, plan_id, access_token=None, amount=None, **kwargs):
        """Prepare a payment; the amount is the plan's, not the visitor's.

        :raise ValidationError: the link is wrong, or what he saw is no longer to be paid
        """
        plan = self._open_plan(plan_id, access_token)
        if not plan:
            raise ValidationError(self._link_help())
        asked = request.httprequest.args
        to_pay, _lines = plan._to_pay(self._cast_as_int(asked.get("line")), bool(asked.get("everything")))
        seen = self._cast_as_float(amount)
        if seen is None or not math.isclose(seen, to_pay, abs_tol=plan.currency_id.rounding / 2):
            raise ValidationError(
                request.env._("The amount to pay has changed: please reload the page and look at it again.")
            )
        kwargs.pop("payment_reference", None)  # of the host's form; ours is the plan's
        self._validate_transaction_kwargs(kwargs)
        # where the payment ends is ours to say as well
        kwargs |= {"amount": to_pay, "landing_route": plan.get_portal_url()}
        partner = self._customer() or plan.debtor_id
        return self._process_transaction(
            partner.id, plan.currency_id.id, plan._open_claims().move_id.ids, plan.name, **kwargs
        )

    # -- the offer in a reminder --------------------------------------------------------------------
    @http.route(
        "/my/plans/offer/<string:offer>", type="http", auth="public", website=True, methods=["GET", "POST"]
    )
    def portal_plan_offer(self, offer, **kwargs):
        """The plan that a reminder offered: reading creates nothing, the button does.

        Programs that look through mails follow their links, so that a visit alone means nothing.
        """
        reminder = request.env["relance.reminder"]._from_plan_link(offer)
        if not reminder:
            return self._notice(
                request.env._("This link is no longer valid"),
                request.env._("Please call us: we will find a plan that suits you."),
                status=410,
            )
        reading = request.httprequest.method != "POST"
        if reading and (redirect := self._speak(reminder.lang)):
            return redirect
        if reminder.plan_id.state in ("proposed", "active"):
            return request.redirect(reminder.plan_id.get_portal_url())
        if reading:
            return self._render("portal_plan_offer", self._offer_values(reminder))
        try:
            with request.env.cr.savepoint():
                plan = reminder.with_company(reminder.company_id)._accept_plan_offer()
        except UserError:
            # its words are for whoever draws plans
            return self._notice(
                request.env._("This offer can no longer be taken up"),
                request.env._(
                    "We spoke about it already, or what you owe has changed meanwhile. Please call us: we "
                    "will find a new one."
                ),
                reminder.company_id,
                self._person_of(reminder),
            )
        return request.redirect(plan.get_portal_url())

    def _person_of(self, reminder):
        return reminder.user_id or reminder.company_id.relance_user_id

    def _offer_values(self, reminder):
        offer = reminder._plan_offer()
        return {
            "offer": offer,
            "offer_text": request.env._(
                "%(company)s offers you to pay %(total)s in %(count)s instalments.",
                company=reminder.company_id.name,
                total=format_amount(request.env, offer["total"], offer["currency"]),
                count=len(offer["lines"]),
            ),
            "person": self._person_of(reminder),
            "title": f"{request.env._('Payment plan')} · {reminder.company_id.name}",
            "res_company": reminder.company_id,  # its logo and name
            "long_date": lambda date: long_date(request.env, date),
            "money": lambda amount: format_amount(request.env, amount, offer["currency"]),
        }
