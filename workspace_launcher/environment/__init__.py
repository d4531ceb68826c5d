"""What is in an environment: packages, changes, secrets, recipes. Pure: it asks nothing of an engine."""
