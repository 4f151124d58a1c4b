from . import portal
from . import approval
from . import aged
