"""The names of our own commands: each is a module here, with a click command of that name. Imports nothing."""

COMMANDS = ("peers", "doctor", "healthz", "witness")
