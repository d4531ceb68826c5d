# What was typed goes with the container: it may be a secret, and is no part of an environment.
import os

c = get_config()  # noqa: F821 - IPython's own
c.HistoryManager.hist_file = f"/dev/shm/ipython-{os.getuid()}.sqlite"
