"""The metrics of a pod of the lab, read as Prometheus reads them."""

import contextlib
import http.client

from prometheus_client.parser import text_string_to_metric_families

from tests.lab.lab import Lab
from tests.lab.layout import HEALTH_PORT

Metrics = dict[tuple[str, ...], float]
"""(name, values of the labels) -> value."""


def read_metrics(lab: Lab, ordinal: int) -> Metrics:
    """Read a pod's metrics; empty if no agent listens."""
    connection = http.client.HTTPConnection(lab.pod(ordinal).ip, HEALTH_PORT, timeout=60)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        except (ConnectionRefusedError, ConnectionResetError):  # an agent may end while it handles the request
            return {}
    return parse_metrics(text, "galera_bootstrap_")


def parse_metrics(text: str, prefix: str = "") -> Metrics:
    """Parse what was scraped, without the prefix of the names."""
    return {
        (sample.name.removeprefix(prefix), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
