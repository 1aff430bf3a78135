"""Measurements of this toolkit, in the same run as what it is compared with."""
