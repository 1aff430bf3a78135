"""`python -m tests.bench.create VOLUME SECRETS`: creates the first database by the toolkit's code, for the oracle."""

import sys
from pathlib import Path

from bootstrap.mariadb import initialise
from bootstrap.secret_files import SecretFolder, read_server_secrets
from bootstrap.starter.first_start import read_accounts
from bootstrap.storage.layout import Layout

if __name__ == "__main__":
    volume, folder = map(Path, sys.argv[1:])
    accounts = read_accounts(read_server_secrets(SecretFolder(folder)))
    initialise.create(Layout(volume), accounts, server=("mariadbd",), user=None, keep_fds=())
