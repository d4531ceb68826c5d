"""The pages of the reference that are made from the code: ``extension.py`` puts what the others write into them."""
