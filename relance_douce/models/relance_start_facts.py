"""The steps of the first start: what the books say about each, and what its buttons do."""

from psycopg2.extras import Json

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL, format_amount, format_date, html2plaintext

from ..tools.mentions import missing_mentions
from . import relance_words as words
from .relance_start import Fact


class RelanceStart(models.Model):
    _inherit = "relance.start"

    mail_error = fields.Char(readonly=True, help="Why the last test mail did not leave.")
    terms_before = fields.Json(
        readonly=True, help="Terms of the invoices before the mandatory mentions were added, to undo that."
    )

    def _money(self, amount):
        return format_amount(self.env, amount or 0.0, self.company_id.currency_id)

    # -- company details ----------------------------------------
    def _fact_company(self, date):
        company = self.company_id
        missing = company._relance_missing_identity()
        button = self.env._("Open the company") if company.has_access("write") else ""
        if missing:
            sentence = self.env._(
                "Missing: %s. Every letter shows them, and customers answer to them.",
                ", ".join(missing),
            )
            if not button:
                sentence = " ".join([sentence, self.env._("An administrator completes them.")])
            return Fact("todo", sentence, button)
        place = " ".join(filter(None, [company.zip, company.city]))
        return Fact("done", ", ".join(filter(None, [company.name, company.street, place])), "", button)

    def _do_company(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.company_id.name,
            "res_model": "res.company",
            "res_id": self.company_id.id,
            "view_mode": "form",
            "views": [(self.env.ref("base.view_company_form").id, "form")],
        }

    def _help_company(self):
        return self._do_company()

    # -- working hours and public holidays ----------------------------------------
    def _fact_calendar(self, date):
        _ = self.env._
        company = self.company_id
        calendar = company.resource_calendar_id
        if not calendar:
            return Fact("optional", _("No working hours are set: reminders leave at any hour of any day."))
        if not company._relance_clock_is_right(date):
            return Fact(
                "todo",
                _("“%(calendar)s” is set to the time of %(zone)s.", calendar=calendar.name, zone=calendar.tz),
                _("Set to Paris, add the public holidays"),
            )
        missing = company._relance_missing_holidays(date)
        if missing:
            first = min(missing)
            return Fact(
                "todo",
                _(
                    "Public holidays of the next 12 months that are no days off yet: %(count)s; the first is "
                    "%(name)s, %(date)s.",
                    count=len(missing),
                    name=missing[first],
                    date=company._relance_day_in_full(first),
                ),
                _("Add the public holidays"),
            )
        if company._relance_is_french():
            return Fact(
                "done",
                _(
                    "“%(calendar)s”, time of %(zone)s; the public holidays of the next 12 months are "
                    "entered.",
                    calendar=calendar.name,
                    zone=calendar.tz,
                ),
            )
        return self._fact_foreign_calendar(calendar, date)

    def _fact_foreign_calendar(self, calendar, date):
        """No holidays are known for this country: were any entered?"""
        count = self.env["resource.calendar.leaves"].search_count(
            self.company_id._relance_leaves_domain(date, fields.Date.add(date, years=1))
        )
        if count:
            sentence = self.env._(
                "“%(calendar)s”, time of %(zone)s; %(count)s days off in the next 12 months.",
                calendar=calendar.name,
                zone=calendar.tz,
                count=count,
            )
            return Fact("done", sentence)
        sentence = self.env._(
            "No public holiday of the next 12 months is entered: reminders would leave then."
        )
        return Fact("todo", sentence, self.env._("Open the days off"))

    def _do_calendar(self):
        company = self.company_id
        if not company._relance_is_french():
            action = self.env["ir.actions.act_window"]._for_xml_id(
                "resource.action_resource_calendar_leave_tree"
            )
            return {**action, "domain": [("resource_id", "=", False)], "context": {}}
        date = company._relance_date()
        if not company._relance_clock_is_right(date):
            # working hours are changed by administrators; their clock is no more than a fact
            company.resource_calendar_id.sudo().tz = "Europe/Paris"
        added = company._relance_add_holidays(date)
        text = (
            self.env._("Public holidays added: %s.", len(added))
            if added
            else self.env._("All public holidays were there already.")
        )
        self._allowed()._message_log(body=text)
        return self._notify(text)

    # -- bank ----------------------------------------
    def _fact_bank(self, date):
        _ = self.env._
        company = self.company_id.sudo()  # how far the bank is entered is no secret to a manager
        button, other = _("Entered up to today"), _("Another day…")
        newest = company._relance_bank_date(date) or (
            company.relance_bank_entered_until and min(company.relance_bank_entered_until, date)
        )
        limit = company.relance_bank_stale_days
        if not newest:
            sentence = _(
                "No bank statement is entered here: say up to which day payments are booked, so that nobody "
                "is reminded of what was paid."
            )
            return Fact("todo", sentence, button, other)
        age = (date - newest).days
        values = {
            "day": format_date(self.env, newest),
            "age": words.days(self.env, age),
            "limit": words.days(self.env, limit),
        }
        if limit and age > limit:
            sentence = _(
                "Payments are booked up to %(day)s, %(age)s ago: beyond %(limit)s nothing overdue leaves.",
                **values,
            )
            return Fact("todo", sentence, button, other)
        return Fact("done", _("Payments are booked up to %(day)s.", **values), "", other)

    def _do_bank(self):
        company = self.company_id
        company._relance_set_bank_entered(company._relance_date())

    def _help_bank(self):
        return self._dialog("relance.start.bank", self.env._("Bank entered until"))

    def _dialog(self, model, name, size="medium"):
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": model,
            "view_mode": "form",
            "target": "new",
            "context": {"default_company_id": self.company_id.id, "dialog_size": size},
        }

    # -- policies ----------------------------------------
    def _fact_policies(self, date):
        _ = self.env._
        served = self.company_id._relance_customers_by_policy()
        names = [
            _("%(policy)s: %(count)s", policy=policy.name or _("no policy at all"), count=count)
            for policy, count in served
        ]
        sentence = (
            _("Customers by policy: %s.", " · ".join(names)) if names else _("There is no customer yet.")
        )
        step = self._step("policies")
        if step.decided_on and not step.skipped:
            return Fact("done", sentence, "", _("See them"))
        return Fact("todo", sentence, _("These are right"), _("See them"))

    def _do_policies(self):
        self._step("policies")._confirm()

    def _help_policies(self):
        return self.env["ir.actions.act_window"]._for_xml_id("relance_douce.action_relance_policy")

    # -- who approves ----------------------------------------
    def _fact_approver(self, date):
        _ = self.env._
        company = self.company_id
        levels = company._relance_levels_to_approve()
        approver = company._relance_approver()
        if not levels:
            return Fact(
                "optional", _("No level needs approval: reminders leave by themselves."), "", _("Change")
            )
        if warning := company._relance_approval_warning():
            return Fact("todo", warning, _("Choose"))
        if not approver:
            names = ", ".join(dict.fromkeys(levels.sorted("delay_days").mapped("name")))
            return Fact("todo", _("To be approved before they leave: %s. By whom?", names), _("Choose"))
        parts = self._approver_sentences(approver, levels)
        if company.relance_approval_weekday:
            weekday = dict(company._relance_weekdays())[company.relance_approval_weekday]
            parts.append(_("Weekly mail: %s.", weekday.lower()))
        decided = self._step("approver").decided_on or company.relance_approver_id
        if decided:
            return Fact("done", " ".join(parts), "", _("Change"))
        return Fact("todo", " ".join(parts), _("Choose"))

    def _approver_sentences(self, approver, levels):
        """Who approves which levels: what needs a manager is not for everybody."""
        _ = self.env._

        def names(some):
            if self.company_id.relance_approve_all and some == levels:
                return _("every reminder")
            return ", ".join(dict.fromkeys(some.sorted("delay_days").mapped("name")))

        refused = self.company_id._relance_levels_refused(approver, levels)
        sentences = []
        if levels - refused:
            sentences.append(
                _("%(person)s approves: %(levels)s.", person=approver.name, levels=names(levels - refused))
            )
        if refused:
            sentences.append(_("A dunning manager approves: %s.", names(refused)))
        return sentences

    def _do_approver(self):
        return self._dialog("relance.start.approver", self.env._("Who approves"), "large")

    def _help_approver(self):
        return self._do_approver()

    # -- mentions on invoices ----------------------------------------
    def _printed_terms(self):
        """What every invoice of the company prints, as plain text."""
        company = self.company_id
        parts = [company.report_footer]
        if self._prints_terms():
            parts.append(company.invoice_terms)
        return "\n".join(html2plaintext(part) for part in parts if part)

    def _prints_terms(self):
        """Whether the terms stand on the invoices themselves, and not behind a link."""
        # which texts an invoice prints is no secret to whoever reads it
        switch = self.env["ir.config_parameter"].sudo().get_param("account.use_invoice_terms")
        return bool(switch) and self.company_id.terms_type == "plain"

    def _mention_names(self):
        _ = self.env._
        return {
            "rate": _("rate of the late-payment penalties"),
            "fee": _("fixed recovery fee of 40 €"),
            "discount": _("discount for early payment, or none"),
        }

    def _fact_mentions(self, date):
        _ = self.env._
        missing = missing_mentions(self._printed_terms())
        undo = _("Undo") if self._terms_may_be_undone() else ""
        if not missing:
            sentence = _("Invoices state the late-payment penalties, the fixed fee and the discount.")
            return Fact("done", sentence, "", undo)
        names = self._mention_names()
        sentence = _(
            "Your invoices do not state: %s. The law asks for it between professionals.",
            ", ".join(names[code] for code in missing),
        )
        return Fact("todo", sentence, _("See the model text"), undo)

    def _stored_terms(self):
        """The terms of the company in every language, as they are stored; None if there are none."""
        company = self.company_id
        company.flush_recordset(["invoice_terms"])
        return company._fields["invoice_terms"]._get_stored_translations(company)

    def _terms_may_be_undone(self):
        """Whether the terms are still those that were written here."""
        before = self.terms_before
        return bool(before) and before.get("after") == self._stored_terms()

    def _do_mentions(self):
        return self._dialog("relance.start.mentions", self.env._("Mandatory mentions on invoices"), "large")

    def _help_mentions(self):
        """Undo: the terms as they were."""
        start, before = self._allowed(), self.terms_before
        if not before:
            raise UserError(self.env._("There is nothing to undo."))
        if not self._terms_may_be_undone():
            raise UserError(
                self.env._(
                    "The terms were changed since, and stay as they are now: change them in the settings of "
                    "Invoicing."
                )
            )
        company = start.company_id
        company.flush_recordset(["invoice_terms"])
        # all languages at once, exactly as they were: no write of the host does that
        self.env.cr.execute(
            SQL(
                "UPDATE res_company SET invoice_terms = %s WHERE id = %s",
                Json(before["terms"]) if before["terms"] else None,
                company.id,
            )
        )
        company.invalidate_recordset(["invoice_terms"], flush=False)
        company.terms_type = before["type"]
        # read by invoices of every company; put back as it was found
        self.env["ir.config_parameter"].sudo().set_param("account.use_invoice_terms", before["switch"])
        start.terms_before = False
        text = self.env._("The terms on the invoices are as they were before.")
        start._message_log(body=text)
        return self._notify(text)

    def _langs(self):
        return [code for code, _name in self.env["res.lang"].get_installed()]

    # -- journals and accounts ----------------------------------------
    def _fact_accounts(self, date):
        _ = self.env._
        company = self.company_id
        inclusions = self.env["relance.inclusion"]
        lines, customers, balance = inclusions._left_out_totals(company, date)
        others = self._excluded_accounts_sentence()
        if lines:
            sentence = _(
                "Odoo leaves out the entries of general journals, such as opening balances: %(items)s of "
                "%(customers)s, %(amount)s.",
                items=words.items(self.env, lines),
                customers=words.customers(self.env, customers),
                amount=self._money(balance),
            )
            return Fact("todo", " ".join(filter(None, [sentence, others])), _("Chase them"), _("See them"))
        last = inclusions._last(company)
        if last:
            sentence = _(
                "Chased since %(date)s by decision of %(person)s: %(items)s.",
                items=words.items(self.env, last.line_count),
                date=format_date(self.env, last.create_date),
                person=last.user_id.name,
            )
            return Fact("done", " ".join(filter(None, [sentence, others])), "", _("Undo"))
        sentence = _("No open item is left out because of its journal.")
        return Fact("done", " ".join(filter(None, [sentence, others])))

    def _excluded_accounts_sentence(self):
        """What lies on receivable accounts that the settings leave alone: empty if nothing does."""
        company = self.company_id
        prefixes = company.relance_excluded_accounts
        if not prefixes:
            return ""
        [[count, balance]] = self.env.execute_query(
            SQL(
                """
                SELECT count(*), sum(aml.amount_residual)
                  FROM account_move_line aml
                  JOIN account_account account ON account.id = aml.account_id
                 WHERE aml.company_id = %(company)s
                   AND account.account_type = 'asset_receivable'
                   AND account.non_trade IS NOT TRUE
                   AND NOT (aml.account_id = ANY(%(accounts)s))
                   AND aml.reconciled IS NOT TRUE
                   AND aml.parent_state = 'posted'
                   AND aml.amount_residual > 0
                """,
                company=company.id,
                accounts=company._relance_account_ids(),
            )
        )
        if not count:
            return ""
        return self.env._(
            "On purpose, by the settings, accounts %(accounts)s are left alone: %(items)s, %(amount)s.",
            accounts=", ".join(prefix.strip() for prefix in prefixes.split(",")),
            items=words.items(self.env, count),
            amount=self._money(balance),
        )

    def _do_accounts(self):
        inclusion = self.env["relance.inclusion"]._include(self.company_id)
        self._allowed()._message_log(body=inclusion._sentence())
        return self._notify(inclusion._sentence())

    def _help_accounts(self):
        """See what is left out; where nothing is any more: undo."""
        company = self.company_id
        inclusions = self.env["relance.inclusion"]
        lines, _customers, _balance = inclusions._left_out_totals(company, company._relance_date())
        if lines:
            return self.env["ir.actions.act_window"]._for_xml_id("relance_douce.action_relance_left_out")
        last = inclusions._last(company)
        if not last:
            raise UserError(self.env._("There is nothing to undo."))
        last.action_undo()
        text = self.env._("Undone; resting again: %s.", words.items(self.env, last.line_count))
        self._allowed()._message_log(body=text)
        return self._notify(text)

    # -- audience ----------------------------------------
    def _unknown_domain(self):
        """Customers nobody knows to be professionals or consumers."""
        debtors = self.env["res.partner"].browse(
            [
                partner
                for [partner] in self.env.execute_query(
                    SQL(
                        """
                        SELECT id FROM res_partner
                         WHERE relance_audience = 'unknown' AND COALESCE(customer_rank, 0) = 0
                           AND id IN %s
                        """,
                        self.company_id._relance_debtors_query(),
                    )
                )
            ]
        )
        return (
            Domain("relance_audience", "=", "unknown")
            & (Domain("parent_id", "=", False) | Domain("is_company", "=", True))
            & Domain("company_id", "in", (False, self.company_id.id))
            & (Domain("customer_rank", ">", 0) | Domain("id", "in", debtors.ids))
        )

    def _fact_audience(self, date):
        self.env["res.partner"].flush_model()
        count = self.env["res.partner"].search_count(self._unknown_domain())
        if not count:
            return Fact("done", self.env._("Every customer is known as a professional, a consumer or other."))
        sentence = self.env._(
            "Neither known as professionals nor as consumers: %s. Until somebody says who they are, neither "
            "penalties nor the fixed fee are claimed from them.",
            words.customers(self.env, count),
        )
        return Fact("todo", sentence, self.env._("Qualify them"))

    def _do_audience(self):
        action = self.env["ir.actions.act_window"]._for_xml_id("relance_douce.action_relance_audience")
        return {**action, "domain": list(self._unknown_domain())}

    # -- who is overdue ----------------------------------------
    def _fact_overdue(self, date):
        _ = self.env._
        company = self.company_id
        decision = self.env["relance.decision"]
        decision._flush_for_decision()
        [[lines, customers, balance]] = self.env.execute_query(
            SQL(
                """
                SELECT count(*), count(DISTINCT partner_id), COALESCE(sum(balance_residual), 0)
                  FROM (%s) line
                 WHERE date_due < %s
                """,
                decision._open_lines_query(company, date),
                date,
            )
        )
        if not lines:
            return Fact("done", _("Nobody is overdue today."))
        sentence = _(
            "Late today: %(customers)s with %(items)s, %(amount)s. Say who was already reminded, is with the "
            "lawyer, or is not to be chased.",
            customers=words.customers(self.env, customers),
            items=words.items(self.env, lines),
            amount=self._money(balance),
        )
        label = _("Open the list") if self._action("action_relance_overdue") else ""
        step = self._step("overdue")
        if step.decided_on and not step.skipped:
            return Fact("done", sentence, "", label)
        return Fact("todo", sentence, label)

    def _action(self, name):
        """One of our actions, if it is there, for whoever opens it."""
        return self.env.ref(f"relance_douce.{name}", raise_if_not_found=False)

    def _run_action(self, name):
        action = self._action(name)
        if not action:
            raise UserError(self.env._("This screen is not installed."))
        # an action is no secret to whoever has a button for it; its records have their own rights
        return self.env["ir.actions.actions"]._for_xml_id(f"relance_douce.{name}")

    def _do_overdue(self):
        self._step("overdue")._confirm()
        return self._run_action("action_relance_overdue")

    def _help_overdue(self):
        return self._run_action("action_relance_overdue")

    # -- preview ----------------------------------------
    def _fact_preview(self, date):
        _ = self.env._
        label = _("Open the preview") if self._action("action_relance_preview") else ""
        if self.company_id._relance_preview_was_seen():
            return Fact("done", _("You have seen who is reminded first, and of what."), "", label)
        return Fact("todo", _("See who would be reminded, of what and why others are left alone."), label)

    def _do_preview(self):
        return self._run_action("action_relance_preview")

    def _help_preview(self):
        return self._do_preview()
