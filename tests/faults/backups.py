"""What happens to backups and to a cluster's log, from the lab: made, sent, proven, and everything else lost."""

from pathlib import Path

from tests.lab.companion import Companion, start_backup
from tests.lab.lab import Lab


def run(lab: Lab, number: int, *argv: str) -> tuple[int, str]:
    """Run a command beside the members; returns its exit code and its log."""
    with Companion(lab, number, "galera-bootstrap", *argv) as job:
        return job.process.wait(180), job.read_log()


def back_up(lab: Lab, folder: Path, secret: Path) -> str:
    """Make a backup and send it; returns the log of both."""
    with start_backup(lab, folder, "--keep=1") as guest:
        assert guest.process.wait(120) == 0, guest.read_log()[-3000:]
        copied = guest.read_log()
    code, log = run(lab, 1, "send", f"--from={folder}", f"--repository={secret}")
    assert code == 0, log
    return copied + log


def lose_everything(lab: Lab, *folders: Path) -> None:
    """Delete all pods, all their claims, and the copies beside them."""
    for ordinal in sorted(lab.pods):
        pod = lab.pod(ordinal)
        lab.delete(ordinal, force=True)
        pod.wipe_volume()
    for folder in folders:
        folder.rename(folder.with_name("lost"))


def prove(lab: Lab, folder: Path, secret: Path, *options: str) -> tuple[int, str]:
    folder.mkdir(exist_ok=True)
    return run(lab, 2, "prove", f"--in={folder}", f"--repository={secret}", *options)
