"""The pods' volumes: what a starter finds on one, and what humans and storage do to it."""

from bootstrap.core.decision.persistent_state import PersistentState
from bootstrap.core.model.disk import STARTABLE, DataClass, Disk, Position
from bootstrap.core.participant.rounds import Opened
from tests.model.state import HISTORY, Copy, Node


def read_datadir(node: Node, kernel: int) -> Disk:
    """What a starter finds: a join that was open when the machine went down may have left fewer data than it seems."""
    if not is_own(node):
        return Disk(DataClass.FOREIGN)
    position = Position(node.uuid, len(node.log) - node.base) if node.log else None
    if node.journal.joining_boot_id and node.kernel != kernel and node.data in STARTABLE:
        return Disk(DataClass.SST_INTERRUPTED, position, transfer_may_be_complete=True, view=node.view)
    return Disk(node.data, position if node.data in STARTABLE else None, view=node.view)


def open_journal(node: Node) -> Opened:
    """What an agent finds: a journal that is not this pod's cannot be used."""
    return Opened(node.journal) if is_own(node) else Opened(None, "the volume is another pod's")


def is_own(node: Node) -> bool:
    """Whether the volume belongs to this pod."""
    return node.journal.pod == node.name


def new_journal(node: Node, number: int) -> PersistentState:
    """The journal of a new volume of this pod."""
    return PersistentState("cluster", node.name, volume_id=f"volume-{node.ordinal}-{number}")


def replace_volume(node: Node, number: int) -> Node:
    """The pod with an empty volume in the place of the old one."""
    journal = new_journal(node, number)
    return node._replace(
        log=(), data=DataClass.EMPTY, torn=False, journal=journal, kernel=0, uuid=HISTORY, base=0, view=None
    )


def copy_volume(node: Node) -> Copy:
    """A copy of all that is on the volume."""
    return Copy(node.ordinal, node.journal, node.log, node.data, node.kernel, node.uuid, node.base, node.view)


def put_copy(node: Node, copy: Copy) -> Node:
    """The pod with a copy of a volume in the place of its own, journal and all."""
    volume = copy._asdict()
    del volume["ordinal"]
    return node._replace(torn=False, **volume)


def put_data(node: Node, copy: Copy, number: int) -> Node:
    """The pod with the data of a copy on a new volume, as after a restore of the datadir alone."""
    return put_copy(node, copy._replace(journal=new_journal(node, number)))
