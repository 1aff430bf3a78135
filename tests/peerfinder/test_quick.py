"""dnspython with the stand-in is dnspython without it, and does not import what it does not need."""

import subprocess
import sys

import pytest

START = "import sys; from peerfinder import imports; imports.start()\n"


def said(code: str) -> list[str]:
    """Run this in a Python of its own; give the words it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.split()


def test_to_read_a_message_imports_no_metadata() -> None:
    code = "import dns.message; print('dns.name' in sys.modules, 'importlib.metadata' in sys.modules)"

    assert said(START + code) == ["True", "False"]
    assert said("import sys\n" + code) == ["True", "True"], "dnspython asks no more: the stand-in can go"


@pytest.mark.parametrize(
    "asked",
    [
        "import dns._features as f; f.have('doh'), f.have('dnssec'), f.have('nonsense')",
        "import dns._features as f; f._requirements",
        "import dns.query; dns.query.have_doh",
        "import dns.resolver, dns.name; dns.name.from_text('mysql-0.galera.default.svc.cluster.local').to_wire()",
        "import dns.rdata, inspect, dns.rdtypes.IN.SRV as s; inspect.signature(s.SRV)",
        "import dns.name, inspect; inspect.signature(dns.name.Name.__init__), inspect.signature(dns.name.from_text)",
        "import dns.rdata; dns.rdata.from_text('IN', 'SRV', '0 1 2 a.').replace(port=5)",
    ],
    ids=[
        "features",
        "anything else of the module",
        "a module that asks when it is imported",
        "a name",
        "the parameters of a record",
        "the parameters of a name",
        "a record with another field",
    ],
)
def test_an_answer_is_dnspythons_own_for(asked: str) -> None:
    statement, _, value = asked.partition("; ")

    shown = f"{statement}\nprint({value})"

    assert said(f"{START}import dns.message\n{shown}") == said(shown)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="from 3.12 on Python's own dataclasses asks inspect")
def test_to_read_a_message_imports_no_inspect() -> None:
    code = "import dns.message, dns.rdtypes.IN.SRV; print('ast' in sys.modules)"

    assert said(START + code) == ["False"]
    assert said("import sys\n" + code) == ["True"], "dnspython asks no more: the stand-in can go"


def test_without_openssl_digests_are_the_same() -> None:
    code = "import dns.message, hashlib, hmac\nprint('_hashlib' in sys.modules)\n"
    code += "print(*(hashlib.new(name, b'x').hexdigest() for name in ('md5', 'sha1', 'sha256', 'sha512')))\n"
    code += "print(hmac.new(b'key', b'x', 'sha256').hexdigest())"

    without, with_it = said(START + "imports.without_openssl()\n" + code), said("import sys\n" + code)

    assert (without[0], with_it[0]) == ("False", "True")
    assert without[1:] == with_it[1:]


def test_who_needs_openssl_later_has_it() -> None:
    assert said(START + "imports.without_openssl()\nimport ssl, _hashlib\nprint('here')") == ["here"]


def test_a_python_without_digests_of_its_own_keeps_those_of_openssl() -> None:
    code = START + "sys.modules['_md5'] = None\nimports.without_openssl()\nimport hashlib\n"

    assert said(code + "print('_hashlib' in sys.modules)") == ["True"]


def test_who_has_dnspython_already_keeps_it() -> None:
    assert said("import dns._features as f\n" + START + "print(sys.modules['dns._features'] is f)") == ["True"]
