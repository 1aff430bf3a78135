"""The user of a pod's processes: never root, as in Kubernetes with runAsUser."""

import functools
import os
import subprocess

SYSTEM_PATH = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""PATH for the programs of this machine, such as mariadbd."""

USER_NAMESPACE = ("unshare", "--user", "--map-user=12345", "--map-group=12345", "--")
"""A command with unshare(1) of util-linux; the uid has no entry in /etc/passwd, as in Kubernetes."""

OTHER_UID = (
    *("setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"),
    *("--inh-caps=+dac_override,+fowner", "--ambient-caps=+dac_override,+fowner", "--"),
)
"""The same uid by setpriv(1) of util-linux, for where user namespaces are not allowed (in a container, in a chroot).

Root still owns the lab's folders, so the processes keep root's capabilities to ignore permissions.
Therefore faults by permissions cannot be tested then.
"""

ROOT_OF_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount", "--")
"""A command with which a process may mount folders that nobody else sees."""


class NotInstalledError(Exception):
    """Something is missing; the message contains the command that installs it."""


def wrap_for_pod(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command as a pod's process runs it: never as root, as in Kubernetes with runAsUser.

    As root, every rsync SST fails with `mkdir ... Permission denied`, because wsrep_sst_rsync names no uid, and an
    rsync daemon that root starts changes to the user nobody (rsyncd.conf(5), uid).
    So root becomes an ordinary uid in a user namespace; outside of it root still owns the files.
    """
    return (*find_user_prefix(), *argv)


@functools.cache
def find_user_prefix() -> tuple[str, ...]:
    """Find the words before a command with which it does not run as root."""
    if os.geteuid() != 0:
        return ()
    return USER_NAMESPACE if _is_usable(USER_NAMESPACE) else OTHER_UID


def may_test_permissions() -> bool:
    """Whether file permissions have an effect on a pod's processes."""
    return find_user_prefix() != OTHER_UID


def may_run_pods() -> bool:
    """Whether this user is not root, or is root and may change to another uid."""
    return _is_usable(find_user_prefix())


def may_mount() -> bool:
    """Whether a process may mount folders in a namespace of its own."""
    return _is_usable(ROOT_OF_NAMESPACE)


def _is_usable(prefix: tuple[str, ...]) -> bool:
    try:
        return subprocess.run((*prefix, "true"), capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
