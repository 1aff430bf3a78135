"""The stage of a reader: a clone's manifests in a folder, kubectl in the PATH, and the steps that are not commands."""

import re
import shutil
from pathlib import Path

from images.inputs import version
from tests.kubernetes.database import SOCKET, Database
from tests.kubernetes.kubectl import Kubectl
from tests.kubernetes.waiting import ClusterError, wait
from tests.paths import ROOT
from tests.support.guide import by_hand
from tests.support.guide.pages import GUIDE, How, blocks
from tests.support.guide.runner import Shell
from tests.support.manifests.registry import REGISTRY as RELEASED

NAMESPACES = ("db", "try", "old")
"""The namespaces of the pages, without the lab's, because that may belong to other tests in the same cluster."""

REGISTRY = "registry.example"
"""The reader's registry."""

SERVER = f"{REGISTRY}/mysql-galera:{version()}"

NEXT = "0.1.1"
"""The tag of the release to which the pages upgrade; here the same image under another name."""

CLIENT = "docker.io/library/mariadb:11.8.8"
"""The image with `mariadb-dump` in the pages; here its look-alike."""

OWN_OVERLAY = f"""\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: db
resources:
  - namespace.yaml
  - ../../base
components:
  - ../../components/tls
images:
  - name: {RELEASED}/galera-install
    newName: {REGISTRY}/galera-install
    newTag: {version()}
  - name: {RELEASED}/mysql-galera
    newName: {REGISTRY}/mysql-galera
    newTag: {version()}
patches:
  - path: secret.yaml
  - path: stateful-set.yaml
"""
"""The overlay of a reader whose cluster has only the default StorageClass, and little memory."""


ORDERS = """\
USE app;
CREATE TABLE orders (id INT PRIMARY KEY, what VARCHAR(40));
INSERT INTO orders SELECT seq, CONCAT('order ', seq) FROM seq_1_to_500;
"""


class Stage:
    """The folder, the shell in it, and the cluster."""

    def __init__(self, kubectl: Kubectl, folder: Path) -> None:
        """Make the folder if it does not exist."""
        self.kubectl = kubectl
        self.folder = folder
        self.followed: list[str] = []
        """The pages that were followed to their end."""
        self.stuck = ""
        """The page that was not followed to its end; empty if all were."""
        self.manifests = folder / "manifests"
        if not folder.exists():
            shutil.copytree(ROOT / "manifests", self.manifests)
        programs = folder / "programs"
        programs.mkdir(exist_ok=True)
        script = programs / "kubectl"
        # As a variable, because kubectl takes no option before the name of a plugin.
        words = [word for word in kubectl.command if not word.startswith("--kubeconfig=")]
        config = "".join(
            f"export KUBECONFIG={word.partition('=')[2]}\n" for word in kubectl.command if word not in words
        )
        script.write_text(f'#!/bin/sh\n{config}exec {" ".join(words)} "$@"\n')
        script.chmod(0o755)
        (programs / "kubectl-galera").symlink_to(ROOT / "scripts/plugin/kubectl-galera")
        functions = "\n".join(block.text for block in blocks(GUIDE / "README.md") if block.how is How.FIRST)
        steps = {
            "edit the overlay": self.edit_the_overlay,
            "have some rows": self.have_some_rows,
            "compare the restored rows": self.compare_the_restored_rows,
            "compare the moved rows": self.compare_the_moved_rows,
            "lose mysql-2": self.lose_the_newest,
            "let mysql-2 come back": self.let_it_come_back,
            "run an old server": lambda: by_hand.run_an_old_server(kubectl, SERVER),
            "write to the old server": lambda: by_hand.ask_old(
                kubectl, "INSERT INTO shop.items (name) VALUES ('late')"
            ),
        }
        self.shell = Shell(folder, programs, steps, functions)

    def clean(self) -> None:
        """Remove the pages' namespaces, without waiting for their end."""
        self.kubectl("delete", "namespace", *NAMESPACES, "--ignore-not-found", "--wait=false")

    def edit_the_overlay(self) -> None:
        """Set images, sizes and storage, as the page on installation says."""
        mine = self.manifests / "overlays/mine"
        (mine / "kustomization.yaml").write_text(OWN_OVERLAY)
        shutil.copy(self.manifests / "overlays/lab/stateful-set.yaml", mine)

    def have_some_rows(self) -> None:
        """Create an application's table."""
        self.sql("db", "mysql-0", ORDERS)

    def compare_the_restored_rows(self) -> None:
        """Check that the restored cluster has the rows of the real one."""
        ask = "SELECT COUNT(*) FROM app.orders; CHECKSUM TABLE app.orders"
        assert self.sql("try", "mysql-1", ask) == self.sql("db", "mysql-1", ask)
        assert self.sql("try", "mysql-1", "SELECT COUNT(*) FROM app.orders") == "500\n"

    def compare_the_moved_rows(self) -> None:
        """Check that all members made from a copy of the old server have its rows."""
        ask = "SELECT COUNT(*) FROM shop.items; CHECKSUM TABLE shop.items"
        old = by_hand.ask_old(self.kubectl, ask)
        assert old.startswith("1001\n"), old
        assert [self.sql("try", pod, ask) for pod in ("mysql-0", "mysql-1", "mysql-2")] == [old] * 3

    def lose_the_newest(self) -> None:
        """Stop all members, mysql-2 last, with a row that only it has; then only the nodes of the others come back."""
        within = self.kubectl.in_namespace("db")
        nodes = {pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in Database(within).pods()}
        assert nodes["mysql-2"] not in (nodes["mysql-0"], nodes["mysql-1"]), f"each pod needs its own node: {nodes}"
        others = {nodes["mysql-0"], nodes["mysql-1"]}
        self.kubectl("cordon", *others)
        for left, pod in ((2, "mysql-0"), (1, "mysql-1")):
            within("delete", "pod", pod, "--timeout=90s", seconds=90)
            self.wait_status("mysql-2", rf"{left} of 3 Synced")
        self.sql("db", "mysql-2", "INSERT INTO app.orders VALUES (501, 'only mysql-2 has it')")
        self.kubectl("cordon", nodes["mysql-2"])
        within("delete", "pod", "mysql-2", "--force", "--grace-period=0", "--timeout=90s", seconds=90)
        self.kubectl("uncordon", *others)
        for pod in ("mysql-0", "mysql-1"):
            self.wait_status(pod, "#all-heard")

    def let_it_come_back(self) -> None:
        """Let the node of mysql-2 come back."""
        self.kubectl("uncordon", "--selector=kubernetes.io/os")
        self.wait_status("mysql-2", "#beyond-fork")

    def wait_status(self, pod: str, pattern: str) -> None:
        """Wait until the status of a pod's agent matches the pattern."""

        def is_matching() -> bool:
            try:
                ask = ("exec", pod, "--container=agent", "--", "/work-dir/galera-bootstrap", "status")
                return re.search(pattern, self.kubectl.in_namespace("db")(*ask)) is not None
            except ClusterError:
                return False  # the agent has not started

        wait(f"{pod}: {pattern}", is_matching, seconds=240)

    def sql(self, namespace: str, pod: str, statements: str) -> str:
        """Run statements on a member as root; returns the output."""
        ask = f'MYSQL_PWD="$(cat /etc/galera-secrets/root-password)" exec mariadb --socket={SOCKET} --user=root -BN'
        within = self.kubectl.in_namespace(namespace)
        return within("exec", "--stdin", pod, "--container=mysql", "--", "sh", "-c", ask, stdin=statements)
