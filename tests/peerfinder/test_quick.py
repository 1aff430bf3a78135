"""dnspython with the stand-in is dnspython without it, and does not import what it does not need."""

import subprocess
import sys

import pytest

START = "import sys; from peerfinder import quick; quick.start()\n"


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
    ],
    ids=["features", "anything else of the module", "a module that asks when it is imported", "a name"],
)
def test_an_answer_is_dnspythons_own_for(asked: str) -> None:
    statement, _, value = asked.partition("; ")

    shown = f"{statement}\nprint({value})"

    assert said(f"{START}import dns.message\n{shown}") == said(shown)


def test_who_has_dnspython_already_keeps_it() -> None:
    assert said("import dns._features as f\n" + START + "print(sys.modules['dns._features'] is f)") == ["True"]
