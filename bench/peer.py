"""The peer's steps: OCA ``account_credit_control``, used as its buttons use it."""

from bench.side import Side


class Peer(Side):
    def furnish(self, smtp_port, url=None):
        super().furnish(smtp_port, url)
        company = self.company
        self.policy.account_ids = self.env["account.account"].search(
            [("account_type", "=", "asset_receivable"), ("company_ids", "in", company.ids)]
        )
        company.credit_policy_id = self.policy

    @property
    def policy(self):
        return self.env.ref("account_credit_control.credit_control_3_time")

    def _new_run(self, day):
        return self.env["credit.control.run"].create({"date": day, "policy_ids": [(6, 0, self.policy.ids)]})

    def _group(self, run):
        """Mark the lines ready and make communications of them."""
        run.set_to_ready_lines()
        ready = run.line_ids.filtered(lambda line: line.state == "to_be_sent" and line.channel == "email")
        return self.env["credit.control.communication"]._generate_comm_from_credit_lines(ready)

    # -- decide and create
    def run(self):
        run = self._new_run(self.day)
        run.generate_credit_lines()
        return {"lines": len(run.line_ids), "messages": len(self._group(run))}

    # -- once more, over what nobody touched
    def set_second_run(self):
        self._new_run(self.day).generate_credit_lines()

    def second_run(self):
        run = self._new_run(self.day)
        run.generate_credit_lines()
        return {"lines": len(run.line_ids)}

    # -- writing mails
    def set_mails(self):
        run = self.env["credit.control.run"].search([], limit=1)
        return {"messages": len(self._group(run))}

    def _waiting(self, limit=None):
        """Communications that were not sent yet."""
        return self.env["credit.control.communication"].search(
            [("credit_control_line_ids.state", "=", "to_be_sent")], order="id", limit=limit
        )

    @property
    def _template(self):
        return self.env.ref("account_credit_control.email_template_credit_control_base")

    def prepare_mails(self):
        self._template.report_template_ids = [(5,)]

    def mails(self):
        communications = self._waiting()
        communications._generate_emails()
        return {"messages": len(communications)}

    def mails_pdf(self, count):
        communications = self._waiting(count)
        communications._generate_emails()
        return {"messages": len(communications)}

    def deliver(self):
        """Odoo sent these mails when the transaction was committed."""
        states = self.env["mail.mail"]._read_group([], ["state"], ["__count"])
        return dict(states)

    # -- letters on paper
    def letters(self, count):
        communications = self.env["credit.control.communication"].search([], order="id", limit=count)
        content, _kind = self.env["ir.actions.report"]._render_qweb_pdf(
            "account_credit_control.report_credit_control_summary", communications.ids
        )
        (self.folder / "peer-letters.pdf").write_bytes(content)
        return {"messages": len(communications)}

    # -- the run after 45 days
    def set_later(self):
        lines = self.env["credit.control.line"].search([("state", "in", ("to_be_sent", "queued"))])
        lines.write({"state": "sent"})
        return {"lines": len(lines)}

    def later(self):
        run = self._new_run(self.later_day)
        run.generate_credit_lines()
        return {"lines": len(run.line_ids)}
