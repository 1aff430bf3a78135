"""How a human's commands name the pods, and one thing to do with such commands."""

from typing import NamedTuple


class Place(NamedTuple):
    """Where the pods are, as a human's commands must name it."""

    namespace: str
    set_name: str
    """The StatefulSet."""
    service: str
    """The headless Service."""
    program: str = "/work-dir/galera-bootstrap"
    """This program, in the container `agent`."""
    data_root: str = "/var/lib/galera"
    """The volume's folder there."""
    secrets: str = "/etc/galera-secrets"
    """The Secret's folder there."""

    def kubectl(self, words: str) -> str:
        """A command of kubectl in this namespace."""
        return f"kubectl -n {self.namespace} {words}"

    def agent(self, pod: str, words: str) -> str:
        """A command in the container `agent` of a pod."""
        return self.kubectl(f"exec {pod} -c agent -- {words}")

    def ours(self, pod: str, words: str) -> str:
        """A command of this program in a pod."""
        return self.agent(pod, f"{self.program} {words}")

    def volume(self, pod: str) -> str:
        """A command that shows how full a pod's volume is, and by what."""
        return self.agent(pod, f"sh -c 'df -h {self.data_root}; du -sh {self.data_root}/*'")

    def processes(self, pod: str) -> str:
        """A command that shows who is connected to a pod's server."""
        show = f'MYSQL_PWD="$(cat {self.secrets}/root-password)" mariadb -u root -e "SHOW PROCESSLIST"'
        return self.kubectl(f"exec {pod} -c mysql -- sh -c '{show}'")

    def log(self, pod: str, container: str) -> str:
        """The last lines of a container; it may have ended and been started again."""
        return self.kubectl(f"logs {pod} -c {container} --tail=20")


class Step(NamedTuple):
    """One thing to do."""

    text: str
    """What, and why."""
    commands: tuple[str, ...] = ()
    """Commands that can be pasted into a shell."""
