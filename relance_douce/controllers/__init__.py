from . import portal
from . import approval
