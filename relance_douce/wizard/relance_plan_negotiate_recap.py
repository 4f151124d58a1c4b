"""What whoever negotiates reads aloud before the customer says yes."""

from odoo import api, models
from odoo.tools import format_amount

from ..tools.text import long_date

#: so many different amounts in a row are read aloud one by one
MOST_RUNS = 5


class RelancePlanNegotiate(models.TransientModel):
    _inherit = "relance.plan.negotiate"

    def _money(self, amount):
        return format_amount(self.env, amount, self.currency_id)

    @api.depends(
        "notice",
        "needs_approval",
        "item_ids.agrees",
        "line_ids.date_due",
        "line_ids.amount",
        "line_ids.kind",
        "line_ids.note",
        "means",
        "current_on_time",
        "waive_penalties",
        "waive_percent",
        "link_channel",
        "signer_email",
        "signer_mobile",
    )
    def _compute_recap(self):
        for wizard in self:
            wizard.recap = False if wizard.notice else " ".join(wizard._recap_sentences())

    def _recap_sentences(self):
        _ = self.env._
        names = self.item_ids.filtered("agrees").mapped("name")
        yield (
            _(
                "You owe us %(amount)s for %(invoices)s.",
                amount=self._money(self.amount_owed),
                invoices=", ".join(names),
            )
            if len(names) <= 3
            else _(
                "You owe us %(amount)s for %(count)s invoices.",
                amount=self._money(self.amount_owed),
                count=len(names),
            )
        )
        yield _("You pay %s.", self._recap_schedule())
        if self.means:
            yield self._recap_means()
        if self.current_on_time:
            yield _("Your current invoices are paid on time as usual.")
        if self.waive_penalties:
            yield (
                _("If you keep this plan, we give up the late-payment penalties.")
                if self.waive_percent >= 100
                else _(
                    "If you keep this plan, we give up %s %% of the late-payment penalties.",
                    round(self.waive_percent),
                )
            )
        yield from self._recap_next()

    def _recap_schedule(self):
        """“500 € today, then 6 times 500 €, from 5 January to 5 June, then 100 € on 5 July”."""
        _ = self.env._
        rows = self._instalments()
        said = []
        if rows and self._is_today(rows[0]):
            said.append(_("%s today", self._money(rows[0]["amount"])))
            rows = rows[1:]
        runs = self._recap_runs(rows)
        if len(runs) > MOST_RUNS:
            amounts = [row["amount"] for row in rows]
            said.append(
                _(
                    "%(count)s instalments of %(least)s to %(most)s, from %(first)s to %(last)s",
                    count=len(rows),
                    least=self._money(min(amounts)),
                    most=self._money(max(amounts)),
                    first=long_date(self.env, rows[0]["date_due"]),
                    last=long_date(self.env, rows[-1]["date_due"]),
                )
            )
        else:
            said += [self._recap_run(run) for run in runs]
        return _(", then ").join(said)

    def _recap_runs(self, rows):
        """Rows that follow each other and say the same but for the date, together."""
        runs = []
        for row in rows:
            said = (row["amount"], row["kind"], row["note"] or "")
            if runs and said == runs[-1][0]:
                runs[-1][1].append(row)
            else:
                runs.append((said, [row]))
        return [run for _said, run in runs]

    def _recap_run(self, run):
        _ = self.env._
        amount = self._money(run[0]["amount"])
        if run[0]["kind"] != "payment":
            kinds = dict(self.line_ids._fields["kind"]._description_selection(self.env))
            how = ", ".join(filter(None, [kinds[run[0]["kind"]].lower(), run[0]["note"]]))
            amount = f"{amount} ({how})"
        if len(run) == 1:
            return _("%(amount)s on %(date)s", amount=amount, date=long_date(self.env, run[0]["date_due"]))
        return _(
            "%(count)s times %(amount)s, from %(first)s to %(last)s",
            count=len(run),
            amount=amount,
            first=long_date(self.env, run[0]["date_due"]),
            last=long_date(self.env, run[-1]["date_due"]),
        )

    def _recap_means(self):
        _ = self.env._
        return {
            "transfer": _("You pay by bank transfer."),
            "standing_transfer": _("You set up a standing transfer with your bank."),
            "direct_debit": _("We collect the instalments by direct debit."),
            "card": _("You pay by card, with the link in each message."),
            "cheques": _("You hand over the cheques now; each is cashed on its date."),
        }.get(self.means, "")

    def _recap_next(self):
        _ = self.env._
        if self.discount_amount:
            yield _("I ask for the discount and come back to you.")
            return
        if self.needs_approval:
            yield _("This has to be confirmed here first; you will hear from us shortly.")
            return
        address = {"email": self.signer_email, "sms": self.signer_mobile}.get(self.link_channel)
        yield (
            _(
                "You receive it now at %(address)s, to be signed until %(date)s.",
                address=address,
                date=long_date(self.env, self.date_valid),
            )
            if address
            else _("You receive it by post, to be signed until %s.", long_date(self.env, self.date_valid))
        )
        yield _("Do you agree?")
