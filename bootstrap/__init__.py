"""Decide safely, without a Kubernetes operator, whether a Galera node bootstraps, joins, waits or holds."""

__version__ = "0.1.0"
"""The version of both packages. pyproject.toml and images/ read it from the text of this file."""
