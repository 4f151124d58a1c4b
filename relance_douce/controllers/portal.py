from odoo.addons.portal.controllers.portal import CustomerPortal


class PlanPortal(CustomerPortal):
    """Payment plans as the customer sees them."""
