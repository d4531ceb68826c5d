"""``%workspace`` and ``%%workspace``: the terminal's verbs in a notebook, and cells that run in a workspace."""
