"""python -m ndm.cli"""

import sys

from ndm.cli import main

sys.exit(main())
