from . import ir_actions_report
from . import relance_letter
from . import relance_plan_letter
from . import relance_plan_agreement
from . import relance_aged
from . import relance_aged_sheet
