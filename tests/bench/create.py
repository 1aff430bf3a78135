"""`python -m tests.bench.create VOLUME SECRETS`: the first database, by the toolkit's own code, for the oracle."""

import sys
from pathlib import Path

from bootstrap.mariadb import initialise
from bootstrap.mariadb.accounts import Accounts
from bootstrap.secret_files import read_secrets
from bootstrap.storage.layout import Layout

if __name__ == "__main__":
    volume, folder = map(Path, sys.argv[1:])
    told = read_secrets(folder)
    accounts = Accounts(
        told.root_password,
        told.agent_password,
        user=told.user,
        password=told.password,
        database=told.database,
        sst_password=told.sst_password,
    )
    initialise.create(Layout(volume), accounts, server=("mariadbd",), user=None, keep_fds=())
