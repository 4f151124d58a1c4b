from odoo import api, models


class IrActionsReport(models.Model):
    _inherit = "ir.actions.report"

    @api.private
    def _relance_letters(self, reminders):
        """The letters of these reminders, by one call of wkhtmltopdf.

        :return: dict reminder id → bytes of the PDF
        """
        self.ensure_one()
        report = self.with_context(force_report_rendering=True)
        streams = report._render_qweb_pdf_prepare_streams(self.report_name, {}, reminders.ids)
        return {reminder_id: streams[reminder_id]["stream"].getvalue() for reminder_id in reminders.ids}
