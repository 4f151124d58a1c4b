"""Requests that no browser sends to our addresses are refused before the host stumbles over them."""

import inspect

from werkzeug.exceptions import BadRequest, abort

from odoo import models
from odoo.http import Response, request


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _pre_dispatch(cls, rule, args):
        result = super()._pre_dispatch(rule, args)
        if inspect.unwrap(rule.endpoint).__module__.startswith("odoo.addons.relance_douce"):
            cls._relance_refuse_malformed()
        return result

    @classmethod
    def _relance_refuse_malformed(cls):
        """
        :raise HTTPException: 400
        """
        # the host takes whatever was uploaded under this name for a text
        if "csrf_token" in request.httprequest.files:
            raise BadRequest
        if request.dispatcher.routing_type == "jsonrpc":
            try:
                sent = request.get_json_data()
                is_call = isinstance(sent, dict) and isinstance(sent.get("params", {}), dict)
            except (ValueError, RecursionError):
                is_call = False
            if not is_call:
                # with a response, else the host would answer 200 and a traceback
                abort(Response("Invalid JSON-RPC data", status=400))

    @classmethod
    def _serve_fallback(cls):
        """No page has a null byte in its address; the host would ask the database for one."""
        return None if "\0" in request.httprequest.path else super()._serve_fallback()
