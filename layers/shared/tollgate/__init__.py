"""Tollgate: holds the worst case of every model call against a tenant's budget, and settles the true cost after it."""

VERSION = "0.1.0"
