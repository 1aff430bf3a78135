"""Probes of real pods: ready exactly while they can serve clients, alive whatever happens to the server."""

import contextlib
import http.client
import threading
import time
from collections.abc import Iterator

import pytest

from tests.lab import machine, report
from tests.lab.lab import Lab
from tests.lab.layout import HEALTH_PORT
from tests.lab.slow import slow_sst, undo_slow_sst

pytestmark = pytest.mark.galera

REFUSED = (0, "")
"""The result of a probe if no agent listens."""


def probe(lab: Lab, ordinal: int, path: str = "/readyz") -> tuple[int, str]:
    """Probe a pod as a kubelet does; returns status and answer."""
    connection = http.client.HTTPConnection(lab.pod(ordinal).ip, HEALTH_PORT, timeout=60)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode().strip()
        except (ConnectionRefusedError, ConnectionResetError):  # an agent may end while it handles the request
            return REFUSED


def probe_all(lab: Lab) -> list[str]:
    """Probe the readiness of all pods; returns their answers."""
    return [probe(lab, ordinal)[1] for ordinal in lab.pods]


class Kubelet:
    """Probes the liveness of every pod all the time, and keeps the failures."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.count = 0
        """The number of probes."""
        self.failures: list[tuple[int, tuple[int, str]]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            for ordinal in list(self.lab.pods):
                answer = probe(self.lab, ordinal, "/livez")
                self.count += 1
                if answer != (200, "live"):
                    self.failures.append((ordinal, answer))

    def __enter__(self) -> "Kubelet":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    machine.check()


@pytest.fixture(scope="module")
def shared() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


@pytest.fixture
def lab(shared: Lab) -> Lab:
    """Three pods that are ready."""
    shared.start_all()
    shared.scale(3)
    shared.wait_synced(3)
    shared.wait("all pods are ready", lambda: probe_all(shared) == ["ready"] * 3)
    return shared


@pytest.fixture
def kubelet(lab: Lab) -> Iterator[Kubelet]:
    """A kubelet that must see no failure, whatever the test does to the servers."""
    with Kubelet(lab) as kubelet:
        yield kubelet
    assert kubelet.count > 30
    assert kubelet.failures == []


def test_a_first_start_is_alive_all_the_time_and_ready_in_the_end() -> None:
    """In a lab of its own: the shared one has been started, stopped and killed by whichever test came before."""
    with Lab() as lab, Kubelet(lab) as kubelet:
        lab.up(3)
        lab.wait("all pods are ready", lambda: probe_all(lab) == ["ready"] * 3)
        assert all(server is not None and server.is_synced_in(3) for server in lab.read_servers().values())
    # Before an agent has started, connections are refused; every answer was "live".
    assert {answer for _, answer in kubelet.failures} <= {REFUSED}


def test_metrics_contain_the_size_of_the_cluster(lab: Lab) -> None:
    status, text = probe(lab, 1, "/metrics")
    assert status == 200
    assert {"galera_bootstrap_ready 1", "galera_bootstrap_cluster_size 3"} <= set(text.splitlines())


def test_healthz_in_the_pod_gives_the_same_answers(lab: Lab) -> None:
    assert report.run(lab.pod(0), "galera-bootstrap", "healthz") == "ready\n"
    assert report.run(lab.pod(0), "galera-bootstrap", "healthz", "--live") == "live\n"
    lab.pod(0).pause("mysql")
    try:
        lab.wait("the paused one is not ready", lambda: probe(lab, 0)[0] == 503)
        with pytest.raises(report.ReportFailedError, match="ended with 1"):
            report.run(lab.pod(0), "galera-bootstrap", "healthz")
    finally:
        lab.pod(0).resume("mysql")


@pytest.mark.usefixtures("kubelet")
def test_a_paused_server_is_not_ready_and_the_others_are(lab: Lab) -> None:
    lab.pod(2).pause("mysql")
    try:
        took = lab.wait("the paused one is not ready", lambda: probe(lab, 2) == (503, "silent"))
        assert took < 15
        lab.wait("the others go on", lambda: [probe(lab, k)[0] for k in (0, 1)] == [200, 200])
    finally:
        lab.pod(2).resume("mysql")
    lab.wait("it is ready again", lambda: probe(lab, 2)[0] == 200)


@pytest.mark.usefixtures("kubelet")
def test_a_killed_server_is_not_ready_until_it_is_synced_again(lab: Lab) -> None:
    lab.pod(1).kill_server()
    lab.wait("it is not ready", lambda: probe(lab, 1)[0] == 503)
    lab.wait("it is ready again", lambda: probe(lab, 1)[0] == 200)
    server = lab.read_server(1)
    assert server is not None
    assert server.is_synced_in(3)


@pytest.mark.usefixtures("kubelet")
def test_a_minority_is_alive_and_not_ready(lab: Lab) -> None:
    """Two are killed; the third is in no Primary Component and is stopped so that its disk counts; all return."""
    for ordinal in (0, 2):
        lab.pod(ordinal).kill_server()
    lab.wait("the survivor is non-primary", lambda: probe(lab, 1) == (503, "non-primary"))
    assert 200 not in [probe(lab, k)[0] for k in (0, 1, 2)]
    lab.wait("all pods are ready", lambda: probe_all(lab) == ["ready"] * 3)


def test_pods_that_wait_for_a_missing_pod_are_alive_and_not_ready(lab: Lab) -> None:
    def are_waiting() -> bool:
        return all('decision{kind="wait"} 1' in probe(lab, k, "/metrics")[1] for k in (0, 1))

    lab.kill_everything()
    lab.start_all([0, 1])
    lab.wait("both wait", lambda: are_waiting() and probe_all(lab) == ["stopped", "stopped", ""])
    with Kubelet(lab) as kubelet:
        lab.wait("enough probes", lambda: kubelet.count > 60)
        assert are_waiting()
        assert probe_all(lab) == ["stopped", "stopped", ""]
    assert {ordinal for ordinal, _ in kubelet.failures} == {2}


def test_a_joiner_in_a_state_transfer_is_alive_and_only_the_member_that_is_no_donor_is_ready(lab: Lab) -> None:
    donors, joiner = (lab.pod(0), lab.pod(1)), lab.pod(2)
    for donor in donors:
        slow_sst(donor, 2000)
    joiner.power_off()
    joiner.wipe_volume()
    joiner.start()
    with Kubelet(lab) as kubelet:
        lab.wait("a donor is out of service", lambda: "donor" in probe_all(lab))
        assert sorted(probe_all(lab)) == ["donor", "ready", "silent"]
        leave(lab, 0, "--at-most=1")
        for donor in donors:
            undo_slow_sst(donor)
        # A member that must stop meanwhile waits until the joiner is Synced.
        leave(lab, 0, "--at-most=60")
        joined = lab.read_server(2)
        assert joined is not None
        assert joined.local_state == "Synced"
        lab.wait("all pods are ready", lambda: probe_all(lab) == ["ready"] * 3)
    assert {failure for failure in kubelet.failures if failure[0] != 2} == set()
    assert {answer for _, answer in kubelet.failures} <= {REFUSED}


def test_a_member_that_must_stop_while_all_are_synced_only_waits_for_its_clients(lab: Lab) -> None:
    before = time.monotonic()
    leave(lab, 0, "--at-least=0.5", "--at-most=60")
    assert 0.5 <= time.monotonic() - before < 20


def leave(lab: Lab, ordinal: int, *options: str) -> None:
    """Do what a pod's preStop does."""
    report.run(lab.pod(ordinal), "galera-bootstrap", "leave", *("--at-least=0", *options), seconds=90)


def test_the_last_member_stays_ready_while_it_is_a_donor(lab: Lab) -> None:
    for ordinal in (1, 2):
        lab.pod(ordinal).stop()
    lab.wait("one is left", lambda: probe_all(lab) == ["ready", "", ""])
    slow_sst(lab.pod(0), 2000)
    lab.pod(1).wipe_volume()
    lab.pod(1).start()

    def is_donor() -> bool:
        server = lab.read_server(0)
        return server is not None and server.local_state == "Donor/Desynced"

    lab.wait("it is a donor", is_donor)
    lab.wait("its agent knows that it is a donor", lambda: "server_synced 0" in probe(lab, 0, "/metrics")[1])
    assert probe(lab, 0) == (200, "ready")
    undo_slow_sst(lab.pod(0))
    lab.wait("the joiner is ready", lambda: probe(lab, 1)[0] == 200)


def test_an_agent_that_is_restarted_is_ready_again_at_once(lab: Lab) -> None:
    lab.pod(0).containers["agent"].kill()
    took = lab.wait("the pod is ready", lambda: probe(lab, 0)[0] == 200)
    assert took < 15
