"""Datadirs that real servers left behind, and how tests inspect them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql

from bootstrap.core.galera import grastate
from bootstrap.core.galera.grastate import GraState
from bootstrap.core.model.disk import NIL_UUID, Disk, JournalHints
from bootstrap.datadir import inspection
from bootstrap.mariadb.recover import Recover
from tests.support.bootstrap import servers
from tests.support.bootstrap.servers import Node

NO_SERVER = Recover(("no-such-server",))
"""Where the class must be found without a recovery."""


class Remains:
    """The datadirs that a sequence of real servers left; each is made when it is first needed."""

    def __init__(self) -> None:
        self.root = servers.workspace()
        self.made: dict[str, Path] = {}

    def __getitem__(self, name: str) -> Path:
        if name not in self.made:
            folder = self.root / name
            folder.mkdir()
            make: Callable[[Path], Path] = getattr(self, name)
            self.made[name] = make(folder)
        return self.made[name]

    def crashed(self, folder: Path) -> Path:
        """Killed while running, with a table of 12 MB."""
        with servers.node(folder, 1, data=servers.seed() / "data") as node:
            node.bootstrap()
            node.sql("CREATE TABLE app.big (id INT PRIMARY KEY, t VARCHAR(2000))")
            with node.connect() as connection, connection.cursor() as cursor:
                cursor.execute("USE app")
                cursor.execute("INSERT INTO big SELECT seq, REPEAT('x', 1500) FROM seq_1_to_8000")
            node.kill()
        return node.layout.data

    def clean(self, folder: Path) -> Path:
        """Started again at its position, and stopped cleanly."""
        with servers.node(folder, 1, data=self["crashed"]) as node:
            disk = inspect(node)
            assert disk.position
            node.bootstrap(f"--wsrep_start_position={disk.position}")
            node.sql("INSERT INTO app.big VALUES (0, 'one more')")
            node.stop()
        return node.layout.data

    def ddl_crash(self, folder: Path) -> Path:
        """Killed inside an ALTER TABLE."""
        with servers.node(folder, 1, data=self["clean"]) as node:
            node.bootstrap()
            ended: list[str] = []

            def alter() -> None:
                try:
                    node.sql("ALTER TABLE app.big ADD COLUMN c INT DEFAULT 1, FORCE, ALGORITHM=COPY")
                    ended.append("done")
                except pymysql.Error:
                    ended.append("lost")

            thread = threading.Thread(target=alter)
            thread.start()
            servers.wait_for(lambda: NIL_UUID in node.grastate or bool(ended), "the nil uuid")
            node.kill()
            thread.join()
            assert ended == ["lost"]
        return node.layout.data

    def sst_early(self, folder: Path) -> Path:
        return servers.killed_joiner(self["clean"], folder, late=False).layout.data

    def sst_late(self, folder: Path) -> Path:
        return servers.killed_joiner(self["clean"], folder, late=True).layout.data

    def sst_late_over_old_data(self, folder: Path) -> Path:
        return servers.killed_joiner(self["clean"], folder, late=True, joiner_data=self["crashed"]).layout.data

    def donor(self, folder: Path) -> Path:
        """A donor that was killed in the middle of its gift."""
        return self["sst_late"].parents[1].joinpath("donor", "data").rename(folder / "data")


def inspect(node: Node, *, joining: bool = False, initialised: bool = False, same_boot: bool = False) -> Disk:
    hints = JournalHints(joining=joining, same_boot=same_boot, initialised=initialised)
    return inspection.inspect(node.layout, node.recover(), hints)


@contextmanager
def mounted(folder: Path, data: Path | None) -> Iterator[Node]:
    with servers.node(folder, 2, data=data) as node:
        yield node


def state_of(data: Path) -> GraState:
    return grastate.parse((data / "grastate.dat").read_bytes())
