"""What runs inside of a workspace, by the workspace's own Python (3.8 or later, standard library only): it looks it over.

:mod:`..scan` sends the text of these modules along. Whoever reads the answer must take it for hostile.
"""
