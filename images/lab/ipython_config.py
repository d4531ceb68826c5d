import os
import sys

c = get_config()  # noqa: F821 - IPython's own
# For %load_ext workspace_launcher. Nothing else need look there for what it imports.
sys.path.append("/opt/conda/share/workspace-launcher")
# What was typed goes with the container: it may be a secret, and is no part of an environment.
c.HistoryManager.hist_file = f"/dev/shm/ipython-{os.getuid()}.sqlite"
