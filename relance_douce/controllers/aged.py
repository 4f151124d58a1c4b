import json

from werkzeug.exceptions import BadRequest

from odoo import http
from odoo.exceptions import AccessError
from odoo.http import content_disposition, request

#: what the browser's context may decide here
CONTEXT_KEYS = ("allowed_company_ids", "lang", "tz", "relance_as_of")


class AgedBalance(http.Controller):
    """The aged balance as a sheet."""

    @http.route("/relance_douce/aged_balance", type="http", auth="user", methods=["POST"], readonly=True)
    def aged_balance(self, data=None, **kwargs):
        """:param data: json of ``domain``, ``groupby`` and ``context`` of the view"""
        asked = self._asked(data)
        if not request.env["relance.aged"]._may_take_away():
            raise AccessError(request.env._("You need the right to export data: ask an administrator."))
        context = {key: asked["context"][key] for key in CONTEXT_KEYS if key in asked["context"]}
        aged = request.env["relance.aged"].with_context(**context)
        content, name = aged._sheet(asked["domain"], asked.get("groupby") or ())
        return request.make_response(
            content,
            headers=[
                ("Content-Type", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
                ("Content-Disposition", content_disposition(name)),
            ],
        )

    def _asked(self, data):
        """What the view asks for.

        :raise BadRequest: this was written by something else than the view
        """
        try:
            asked = json.loads(data)
        except (TypeError, ValueError, RecursionError):
            asked = None
        kinds = {"domain": list, "context": dict, "groupby": (list, type(None))}
        if not isinstance(asked, dict) or not all(
            isinstance(asked.get(key), kind) for key, kind in kinds.items()
        ):
            raise BadRequest(request.env._("Open the aged balance and export it there."))
        return asked
