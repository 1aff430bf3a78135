"""Whole clusters in the lab, broken on purpose."""
