"""dnspython with the stub works as without it, and does not import what it does not need."""

import subprocess
import sys

import pytest

STUB = "import sys; from peerfinder import imports; imports.stub_dns_features()\n"

MESSAGE_WITHOUT_OPENSSL = STUB + "with imports.without_openssl(): import dns.message\n"


def run_python(code: str) -> list[str]:
    """Run this in a new Python process and return the words it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.split()


def test_reading_a_message_imports_no_metadata() -> None:
    code = "import dns.message; print('dns.name' in sys.modules, 'importlib.metadata' in sys.modules)"

    assert run_python(STUB + code) == ["True", "False"]
    assert run_python("import sys\n" + code) == ["True", "True"], "dnspython no longer searches: the stub can go"


@pytest.mark.parametrize(
    "code",
    [
        "import dns._features as f; f.have('doh'), f.have('dnssec'), f.have('nonsense')",
        "import dns._features as f; f._requirements",
        "import dns.query; dns.query.have_doh",
        "import dns.resolver, dns.name; dns.name.from_text('mysql-0.galera.default.svc.cluster.local').to_wire()",
        "import dns.rdata; dns.rdata.from_text('IN', 'SRV', '0 1 2 a.').replace(port=5)",
    ],
    ids=[
        "features",
        "any other attribute of the module",
        "a module that asks when it is imported",
        "a name",
        "a record with another field",
    ],
)
def test_the_stub_changes_no_answer_about(code: str) -> None:
    statement, _, value = code.partition("; ")
    shown = f"{statement}\nprint({value})"

    assert run_python(f"{STUB}import dns.message\n{shown}") == run_python(shown)


def test_a_dnspython_that_is_imported_already_is_left_alone() -> None:
    assert run_python("import dns._features as f\n" + STUB + "print(sys.modules['dns._features'] is f)") == ["True"]


def test_without_openssl_digests_are_the_same() -> None:
    code = "import dns.message, hashlib, hmac\nprint('_hashlib' in sys.modules)\n"
    code += "print(*(hashlib.new(name, b'x').hexdigest() for name in ('md5', 'sha1', 'sha256', 'sha512')))\n"
    code += "print(hmac.new(b'key', b'x', 'sha256').hexdigest())"

    without, with_openssl = run_python(MESSAGE_WITHOUT_OPENSSL + code), run_python("import sys\n" + code)

    assert (without[0], with_openssl[0]) == ("False", "True")
    assert without[1:] == with_openssl[1:]


def test_openssl_can_be_imported_after_the_block() -> None:
    assert run_python(MESSAGE_WITHOUT_OPENSSL + "import ssl, _hashlib\nprint('here')") == ["here"]


def test_a_python_without_digests_of_its_own_keeps_those_of_openssl() -> None:
    code = f"import sys; sys.modules['_md5'] = None\n{MESSAGE_WITHOUT_OPENSSL}print('_hashlib' in sys.modules)"

    assert run_python(code) == ["True"]


def test_openssl_that_is_loaded_already_stays() -> None:
    assert run_python("import _hashlib\n" + MESSAGE_WITHOUT_OPENSSL + "print('_hashlib' in sys.modules)") == ["True"]


def test_the_garbage_collector_runs_after_the_block_and_skips_what_was_imported() -> None:
    code = "import gc; from peerfinder import imports\n"
    code += "with imports.imports_stay(): print(gc.isenabled())\n"

    assert run_python(f"{code}print(gc.isenabled(), gc.get_freeze_count() > 0)") == ["False", "True", "True"]
