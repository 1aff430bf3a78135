"""Another cluster on the volumes of a lab's pods: real servers that this toolkit has never seen.

Like those of the Bitnami chart they have a binary log in the datadir, an administrator root@'%' and no root@localhost,
and nothing beside the datadir.  They run as the pods' user, on the pods' addresses and sockets.
"""

import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.lab import processes
from tests.lab.lab import Lab
from tests.lab.layout import PROVIDER_OPTIONS, write_more_options, write_user_options
from tests.lab.machine import command_path, find_provider
from tests.lab.pod import Pod
from tests.lab.user import wrap_for_pod

CNF = """\
[mysqld]
datadir={data}
socket={socket}
pid_file={folder}/pid
tmpdir={folder}
log_error={folder}/log
bind_address={ip}
skip_name_resolve=1
log_bin=mysql-bin
binlog_format=row
sync_binlog=0
innodb_autoinc_lock_mode=2
innodb_flush_log_at_trx_commit=2
innodb_buffer_pool_size=16M
innodb_log_file_size=8M
performance_schema=0
wsrep_on=ON
wsrep_provider={provider}
wsrep_cluster_name=galera
wsrep_cluster_address=gcomm://{peers}
wsrep_node_address={ip}
wsrep_node_name=R-mariadb-galera-{ordinal}
wsrep_sst_method=rsync
wsrep_sst_receive_address={ip}:4444
wsrep_provider_options="gmcast.listen_addr=tcp://{ip}:4567;ist.recv_addr={ip}:4568;{options}"
"""

ACCOUNTS = """\
FLUSH PRIVILEGES;
CREATE USER root@'%' IDENTIFIED BY '{root}';
GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;
CREATE DATABASE {database};
CREATE USER {user}@'%' IDENTIFIED BY '{password}';
GRANT ALL ON {database}.* TO {user}@'%';
DELETE FROM mysql.global_priv WHERE User IN ('root', '') AND Host <> '%';
"""


class Foreign:
    """Three servers of somebody else; `place` is the datadir on a volume."""

    def __init__(self, lab: Lab, place: str = "data") -> None:
        self.lab = lab
        self.place = place
        self.servers: dict[int, subprocess.Popen[bytes]] = {}

    def up(self) -> None:
        """Create the cluster; all members are Synced then."""
        for ordinal in range(3):
            pod = self.lab.create(ordinal)
            for folder in (self.data(pod), self.folder(pod), pod.folders.run):
                folder.mkdir(parents=True, exist_ok=True)
        first = self.lab.pod(0)
        install = ("--no-defaults", f"--datadir={self.data(first)}", "--auth-root-authentication-method=normal")
        self.run(first, ("mariadb-install-db", *install, "--skip-test-db", "--force"))
        names = ("root-password", "user", "password", "database")
        values = {name.partition("-")[0]: self.lab.layout.read_secret(name) for name in names}
        bootstrap = ("mariadbd", f"--defaults-file={self.configure(0)}", "--bootstrap", "--wsrep-on=OFF")
        self.run(first, (*bootstrap, "--skip-log-bin"), ACCOUNTS.format(**values))
        self.start(0, "--wsrep-new-cluster")
        self.lab.wait_synced(1)
        for ordinal in (1, 2):
            self.start(ordinal)
            self.lab.wait_synced(ordinal + 1)

    def start(self, ordinal: int, *arguments: str) -> None:
        """Start one server."""
        pod = self.lab.pod(ordinal)
        command = wrap_for_pod(("mariadbd", f"--defaults-file={self.configure(ordinal)}", *arguments))
        pod.folders.run.mkdir(parents=True, exist_ok=True)
        self.servers[ordinal] = subprocess.Popen(
            command, env=self.environment(pod), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def stop(self, order: Iterable[int] = (2, 1, 0)) -> None:
        """Stop the servers in order, one after the other, as a StatefulSet that is scaled to none."""
        for ordinal in order:
            server = self.servers.pop(ordinal)
            server.send_signal(signal.SIGTERM)
            assert server.wait(60) == 0

    def hand_over(self, options: str) -> None:
        """Make the pods those of this toolkit; their servers have these options, too.  All servers must have ended."""
        for server in self.servers.values():
            server.wait(30)
        for pod in self.lab.pods.values():
            pod.wipe_empty_dirs()
            write_user_options(pod)
            write_more_options(pod, options)

    def data(self, pod: Pod) -> Path:
        """The datadir of a pod."""
        return pod.folders.volume / self.place

    def folder(self, pod: Pod) -> Path:
        """Where a server has what is not data."""
        return pod.folders.root / "foreign"

    def configure(self, ordinal: int) -> Path:
        """Write a server's configuration."""
        pod = self.lab.pod(ordinal)
        cnf = self.folder(pod) / "my.cnf"
        values = {"data": self.data(pod), "socket": pod.folders.socket, "folder": self.folder(pod), "ip": pod.ip}
        peers = ",".join(self.lab.layout.ip(k) for k in range(3))
        more = {"provider": find_provider(), "peers": peers, "options": PROVIDER_OPTIONS}
        cnf.write_text(CNF.format(**values, **more, ordinal=ordinal))
        return cnf

    def environment(self, pod: Pod) -> dict[str, str]:
        """The environment of a server, with the mark by which the lab kills it."""
        return {"PATH": command_path(), "LANG": "C.UTF-8", processes.MARK: f"{pod.folders.root}/foreign"}

    def relocate_back(self) -> None:
        """Put the datadirs back to where these servers had them; all pods are off."""
        for pod in self.lab.pods.values():
            command = wrap_for_pod(("galera-bootstrap", "relocate", "--back"))
            subprocess.run(command, env=pod.env, check=True, capture_output=True)

    def run(self, pod: Pod, command: tuple[str, ...], text: str = "") -> None:
        """Run a program to its end."""
        done = subprocess.run(
            wrap_for_pod(command), env=self.environment(pod), input=text, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
