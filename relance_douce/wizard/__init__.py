from . import base_partner_merge
from . import relance_cancel_wizard
from . import relance_pause_wizard
from . import relance_plan_negotiate
from . import relance_plan_negotiate_draw
from . import relance_plan_negotiate_recap
from . import relance_plan_agree
from . import relance_plan_withdraw
