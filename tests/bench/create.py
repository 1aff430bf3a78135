"""`python -m tests.bench.create VOLUME SECRETS`: creates the first database by the toolkit's code, for the oracle."""

import sys
from pathlib import Path

from bootstrap.mariadb import initialise
from bootstrap.mariadb.accounts import Accounts
from bootstrap.secret_files import SecretFolder, read_server_secrets
from bootstrap.storage.layout import Layout

if __name__ == "__main__":
    volume, folder = map(Path, sys.argv[1:])
    secrets = read_server_secrets(SecretFolder(folder))
    accounts = Accounts(
        secrets.root_password,
        secrets.agent_password,
        user=secrets.user,
        password=secrets.password,
        database=secrets.database,
        sst_password=secrets.sst_password,
    )
    initialise.create(Layout(volume), accounts, server=("mariadbd",), user=None, keep_fds=())
