from . import ir_actions_report
from . import relance_letter
