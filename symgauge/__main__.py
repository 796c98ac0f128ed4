import sys

from symgauge.cli.main import main

sys.exit(main())
