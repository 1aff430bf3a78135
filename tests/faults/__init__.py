"""Whole clusters in the lab that are broken on purpose."""
