from odoo import models


class RelanceScreenMixin(models.AbstractModel):
    """What reminders and payment plans open from their buttons."""

    _name = "relance.screen.mixin"
    _description = "Screens of a Dunning Record"

    #: external id of the window action that lists these records
    _list_action = None

    def _open_action(self):
        """The form of this record, or the list of these."""
        action = self.env["ir.actions.act_window"]._for_xml_id(self._list_action)
        if len(self) == 1:
            return {
                **action,
                "view_mode": "form",
                "views": [(False, "form")],
                "res_id": self.id,
                "context": {},
            }
        return {**action, "domain": [("id", "in", self.ids)], "context": {}}

    def action_open_case(self):
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "res_model": "relance.case",
            "res_id": self.case_id.id,
            "view_mode": "form",
        }

    def _wizard_action(self, model, name, **defaults):
        """A dialog that asks for what an action needs.

        :param defaults: values to begin with
        :raise AccessError: the action behind it would be refused
        """
        self.check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": model,
            "view_mode": "form",
            "target": "new",
            "context": {f"default_{field}": value for field, value in defaults.items()},
        }
