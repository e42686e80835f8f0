"""python -m ndm.cli"""

import sys

from ndm.cli.main import main

sys.exit(main())
