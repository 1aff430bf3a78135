"""The seven traps of dnspython's own stub resolver in a pod; each test says how our use of the library avoids one."""

import subprocess
import sys
from collections.abc import Iterable

import dns.message
import dns.rcode
import pytest

from peerfinder.core.names import Names, find_cluster_domain
from peerfinder.dns.lookup import find_peers
from peerfinder.dns.nameservers import Nameservers
from peerfinder.errors import AnswerInvalidError, LookupFailedError
from tests.dns.knot import Knot, numbered_pods, pods
from tests.dns.liar import Liar, answer, status
from tests.support.peerfinder.program import SUFFIX, fqdn

GALERA = Names("galera", "default", "cluster.local")


def test_trap_1_a_short_name_would_be_asked_as_it_is_so_the_full_name_is_asked() -> None:
    with Liar(lambda query, _: [answer(query, fqdn("mysql-0"))]) as liar:
        find_peers(GALERA, Nameservers.from_text(liar.nameserver), 5)

    assert [query.question[0].name.to_text() for query in liar.questions] == [f"{SUFFIX}."]


@pytest.mark.knot
def test_trap_2_a_name_without_data_would_end_the_search_so_there_is_no_search(knot: Knot) -> None:
    # A search list would ask for this name too, which exists and has no SRV record.
    shadow = [f"{SUFFIX}.default.svc 5 A 127.0.0.1", "galera 5 A 127.0.0.1"]
    knot.publish(pods("galera", numbered_pods(3)), shadow)

    assert len(find_peers(GALERA, Nameservers.from_text(knot.nameserver), 5)) == 3


def test_trap_3_one_servfail_would_end_it_so_the_next_server_is_asked() -> None:
    with (
        Liar(lambda query, _: [status(query, dns.rcode.SERVFAIL)]) as failing,
        Liar(lambda query, _: [answer(query, fqdn("mysql-0"))]) as good,
    ):
        found = find_peers(GALERA, Nameservers.from_text(f"{failing.nameserver},{good.nameserver}"), 5)

    assert list(found) == fqdn("mysql-0")


def test_trap_4_options_would_set_a_timeout_of_zero_and_edns_would_be_off() -> None:
    conf = "nameserver 127.0.0.1\noptions timeout:0 attempts:0 ndots:x use-vc\n"

    def slow(query: dns.message.Message, _over_tcp: bool) -> Iterable[bytes | float]:
        return [0.2, answer(query, fqdn("mysql-0"))]

    assert len(Nameservers.from_resolv_conf(conf).servers) == 1
    with Liar(slow) as liar:
        find_peers(GALERA, Nameservers.from_text(liar.nameserver), 5)
    assert liar.questions[0].edns == 0


def test_trap_5_a_bad_search_entry_or_nameserver_would_raise_so_it_is_passed_over() -> None:
    servers = "nameserver bogus\nNAMESERVER 10.0.0.1\nnameserver 10.0.0.2\n"
    conf = f"search a..b {'l' * 64} default.svc.cluster.local\n{servers}"

    assert find_cluster_domain(conf, "default") == "cluster.local"
    assert [server.host for server in Nameservers.from_resolv_conf(conf).servers] == ["10.0.0.2"]


@pytest.mark.parametrize("step", [3600, -3600])
def test_trap_6_a_step_of_the_wall_clock_would_end_a_lookup_so_only_the_monotonic_clock_counts(step: int) -> None:
    # The wall clock of this child jumps during the lookup; its module is replaced there and nowhere else.
    code = (
        "import sys, time\n"
        "real, calls = time.time, []\n"
        f"time.time = lambda: (calls.append(1), real() + {step} * len(calls))[1]\n"
        "from peerfinder.core.names import Names\n"
        "from peerfinder.dns.lookup import Nameservers, find_peers\n"
        "print(*find_peers(Names('galera', 'default', 'cluster.local'), Nameservers.from_text(sys.argv[1]), 20))\n"
    )

    def slow(query: dns.message.Message, _over_tcp: bool) -> Iterable[bytes | float]:
        return [0.3, answer(query, fqdn("mysql-0"))]

    with Liar(slow) as liar:
        done = subprocess.run(
            [sys.executable, "-c", code, liar.nameserver], capture_output=True, text=True, timeout=60, check=True
        )

    assert done.stdout.split() == fqdn("mysql-0")


def test_trap_7_names_would_come_back_unvalidated_so_one_bad_name_refuses_the_answer() -> None:
    forged = (b"a?pc.ignore_sb=true&pc.weight=7", *SUFFIX.encode().split(b"."))

    with (
        Liar(lambda query, _: [answer(query, [*fqdn("mysql-0"), forged])]) as liar,
        pytest.raises(AnswerInvalidError, match="ignore_sb"),
    ):
        find_peers(GALERA, Nameservers.from_text(liar.nameserver), 5)


def test_a_refused_answer_counts_as_unknown() -> None:
    assert issubclass(AnswerInvalidError, LookupFailedError)
