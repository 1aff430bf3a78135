"""The first start of a new cluster, by the one pod that was permitted to create its database."""

from bootstrap.core.galera import file_options
from bootstrap.mariadb import first_scripts, initialise, time_zones
from bootstrap.mariadb.accounts import Accounts
from bootstrap.mariadb.first_scripts import Runner
from bootstrap.mariadb.initialise import ScriptRun
from bootstrap.mariadb.recover import Recover
from bootstrap.secret_files import ServerSecrets
from bootstrap.settings import Settings
from bootstrap.starter.pod import Pod

SOCKET = "first-start.sock"
"""In the run folder, with a name that the agent does not know: it must not take this server for the member."""


def find_scripts(settings: Settings) -> first_scripts.Scripts:
    """The scripts for a first start."""
    return first_scripts.find(settings.initdb_dir, may_run_shell=settings.initdb_shell)


def create(pod: Pod, recover: Recover) -> None:
    """Create the first database; raises InitialisationFailedError."""
    settings = pod.settings
    pod.log("creating the first database")
    arguments = (*recover.read_arguments(), *recover.more)
    accounts, scripts = read_accounts(pod.secrets), find_scripts(settings)
    for line in scripts.left_out:
        pod.log(line)
    runner = Runner(settings.run_dir / SOCKET, accounts, may_run_shell=settings.initdb_shell, log=pod.log)
    initialise.create(
        pod.layout,
        accounts,
        server=(settings.mariadbd,),
        user=settings.server_user or None,
        keep_fds=recover.keep_fds,
        shape=file_options.find_shape(arguments),
        more_sql=time_zones.build_sql(arguments),
        scripts=ScriptRun(scripts.files, runner, (*recover.command, *recover.more)),
    )


def read_accounts(secrets: ServerSecrets) -> Accounts:
    """The accounts that may log in, by the Secret; raises SettingInvalidError."""
    return Accounts(
        secrets.root_password,
        secrets.agent_password,
        user=secrets.user,
        password=secrets.password,
        database=secrets.database,
        sst_password=secrets.sst_password,
        more=secrets.more,
    )
