"""The page behind the button of the weekly approval mail."""

import re

from odoo import http
from odoo.http import request

#: what a box of the page sends: the reminder and what was seen of it
SEEN = re.compile(r"(\d{1,18}):([0-9a-f]{64})", re.ASCII)


class ApprovalPage(http.Controller):
    """Approving without logging in: the link is the right, reading writes nothing.

    Programs that look through mails follow their links; only the button of the page approves.
    """

    @http.route("/relance/approval/<string:token>", type="http", auth="public", methods=["GET"])
    def approval_page(self, token, done=None, changed=None, **kwargs):
        mail, refusal = self._open(token)
        if refusal:
            return refusal
        date = mail.company_id._relance_date()
        page = mail._page(date)
        return self._render(
            "relance_douce.approval_page",
            {
                **page,
                "mail": mail,
                "company": mail.company_id,
                "title": request.env._("Reminders to approve"),
                "action": f"/relance/approval/{token}",
                "notes": self._notes(mail, done, changed),
                "origin": mail._origin_text(),
                "intro": mail._page_intro(page["rows"]),
                "gone": mail._gone_text(page["gone"]),
            },
        )

    @http.route("/relance/approval/<string:token>", type="http", auth="public", methods=["POST"])
    def approval_submit(self, token, **kwargs):
        mail, refusal = self._open(token)
        if refusal:
            return refusal
        approved, changed = mail._approve(self._seen())
        return request.redirect(
            f"/relance/approval/{token}?done={len(approved)}&changed={len(changed)}", code=303
        )

    def _seen(self):
        """What the visitor ticked: reminder id → fingerprint of what he saw."""
        found = map(SEEN.fullmatch, request.httprequest.form.getlist("reminder"))
        return {int(match[1]): match[2] for match in found if match}

    def _open(self, token):
        """(mail, None), or (None, a friendly page) where the link does not work for this visitor."""
        _ = request.env._
        mail = request.env["relance.approval.mail"]._from_token(token)
        if not mail:
            return None, self._notice(
                _("This link is no longer valid"),
                _(
                    "Links in approval mails work for a week and for what they listed. What still waits is "
                    "in the next mail, and in Odoo at any time."
                ),
                410,
            )
        company = mail.company_id
        request.update_context(lang=company._relance_lang(mail.user_id))
        _ = request.env._
        visitor = request.env.user
        if visitor._is_internal() and visitor != mail.user_id:
            return None, self._notice(
                _("This link is for %s", mail.user_id.name),
                _(
                    "You are logged in as %s. Approve in Odoo with your own rights, or log out to use "
                    "this link.",
                    visitor.name,
                ),
                403,
                company,
            )
        if not mail._works():
            return None, self._notice(
                _("You can no longer approve here"),
                _("Your right to approve reminders has ended. Please ask who administers Odoo."),
                403,
                company,
            )
        return mail.with_context(lang=request.env.lang), None

    def _notes(self, mail, done, changed):
        """What the last press did, in sentences."""
        _ = request.env._
        notes = []
        if done := self._number(done):
            notes.append(_("Approved: %s. They leave within your office hours.", done))
        if changed := self._number(changed):
            notes.append(
                _("Changed while you were reading, and not approved: %s. Look at them again.", changed)
            )
        return notes

    def _number(self, text):
        return int(text) if re.fullmatch(r"\d{1,4}", text or "", re.ASCII) else 0

    def _notice(self, title, text, status, company=None):
        return self._render(
            "relance_douce.approval_notice",
            {"title": title, "text": text, "company": company},
            status=status,
        )

    def _render(self, template, values, **options):
        """A page of ours, in the language of its reader; neither kept nor told to anybody else."""
        values = {"html_data": {"lang": (request.env.lang or "en_US").replace("_", "-")}, **values}
        response = request.render(template, values, **options)
        response.headers.update(
            {
                "Cache-Control": "no-store",
                "Referrer-Policy": "no-referrer",
                "X-Robots-Tag": "noindex, nofollow",
            }
        )
        return response
