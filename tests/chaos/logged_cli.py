"""The command `mfp`, which also logs every hand-out of a shard: `python -m tests.chaos.logged_cli label ...`."""

from __future__ import annotations

import logging

from pipelines.__main__ import main

if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("actors").setLevel(logging.INFO)
    main()
