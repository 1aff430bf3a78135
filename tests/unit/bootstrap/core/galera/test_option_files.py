"""Where an option stands in the files, and the server's complaints about it."""

import pytest

from bootstrap.core.galera.option_files import Include, Line, find_complaint, find_named, find_replaced, parse

TEXT = """\
# a comment
ignored = before any group
[client]
socket = x
[mysqld]   ; ours
  max_connections = 5   # five
; another comment
skip-name-resolve
init_connect = "SET NAMES 'utf8' # no comment"
!includedir /etc/conf.d
[mariadb-10.11]
!include /etc/other.cnf
log_bin='x y'
[mariadb-backup]
port=1
[galera]
a =
"""


def test_the_servers_options_of_a_file_with_their_lines() -> None:
    found = list(parse("f", TEXT))
    assert found == [
        Line("f", 6, "--max_connections=5"),
        Line("f", 8, "--skip-name-resolve"),
        Line("f", 9, "--init_connect=SET NAMES 'utf8' # no comment"),
        Include("/etc/conf.d", is_folder=True),
        Include("/etc/other.cnf", is_folder=False),
        Line("f", 13, "--log_bin=x y"),
        Line("f", 17, "--a="),
    ]


def test_an_empty_line_counts_as_a_line() -> None:
    assert list(parse("f", "[mysqld]\n\n \t\nport=3307\n")) == [Line("f", 4, "--port=3307")]


@pytest.mark.parametrize(
    "group",
    ["mysqld", "server", "mariadb", "mariadbd", "galera", "client-server", "mariadbd-11.4", "mysqld ", "galera\t"],
)
def test_a_group_that_the_server_reads(group: str) -> None:
    assert list(parse("f", f"[{group}]\na=1\n"))


@pytest.mark.parametrize(
    "group",
    [
        "mysql",
        "client",
        "sst",
        "mariadb-backup",
        "mysqld_safe",
        "mysqld-",
        "embedded",
        " mysqld",
        " mysqld ",
        "\tmariadb",
    ],
)
def test_a_group_that_it_does_not_read(group: str) -> None:
    assert not list(parse("f", f"[{group}]\na=1\n"))


REQUIRED = "option '--foo_bar' requires an argument"
SUFFIX = "Unknown suffix 'Q' used for variable 'foo-bar' (value '64Q')"
GROUP = "Found option without preceding group in config file: /x.cnf at line: 1"
AMBIGUOUS = "ambiguous option '--foo_bar=1' (foo_bar_size, foo_bar_time)"
CHARSET = "Character set 'nosuch' is not a compiled character set"
FILES = "Could not increase number of max_open_files to more than 1024 (request: 4186)"
PRELOAD = "ERROR: ld.so: object 'libjemalloc.so.2' from LD_PRELOAD cannot be preloaded: ignored."
PRIV = "Failed to normalize the argument for --secure-file-priv."
TIME = "2026-11-30  3:48:44 0 "
COMPLAINTS = [
    ("1 0 [Warning] x\n1 0 [ERROR] mariadbd: unknown variable 'foo_bar=1'\n", 7, "unknown variable 'foo_bar=1'", 2),
    (f"1 0 [ERROR] {SUFFIX}\n1 0 [ERROR] Parsing options for plugin 'x' failed\n", 0, SUFFIX, 2),
    ("1 0 [ERROR] /usr/sbin/mariadbd: unknown variable 'foo_bar=1'\n", 7, "unknown variable 'foo_bar=1'", 2),
    ("1 0 [ERROR] mariadbd: unknown option '--loose-foo-bar'\n", 2, "unknown option '--loose-foo-bar'", 2),
    (f"2026-11-30  2:39:29 0 [ERROR] mysqld: {REQUIRED}\n", 3, REQUIRED, 2),
    (f"error: {GROUP}\nFatal error in defaults handling.\n", 1, GROUP, None),
    (f"error: {GROUP}\n", 0, GROUP, None),
    ("2026-11-30  2:39:29 0 [Warning] why\n", 1, "why", None),
    ("mariadbd: Can't read dir of '/x'\nFatal error in defaults handling.\n", 1, "Can't read dir of '/x'", None),
    (f"{TIME}[Warning] {FILES}\n{TIME}[ERROR] mariadbd: {AMBIGUOUS}\n", 3, AMBIGUOUS, 2),
    (f"{PRELOAD}\n{TIME}[ERROR] mariadbd: {AMBIGUOUS}\n", 3, AMBIGUOUS, 2),
    (f"{TIME}[ERROR] Buffered error: mariadbd: {REQUIRED}\n", 5, REQUIRED, 2),
    (f"{TIME}[Warning] {FILES}\n\n\amariadbd: {CHARSET}\n\amariadbd: {CHARSET}\n", 1, CHARSET, None),
    (f"{TIME}[Warning] {FILES}\n{TIME}[Warning] {PRIV}\n \n", 1, PRIV, None),
    ("1 0 [ERROR] Couldn't load plugins from 'x.so'.\n", 0, "", None),
    ("1 0 [Note] nothing of that kind\n", 0, "", None),
    ("", 0, "", None),
    ("", 7, "it ended with status 7", None),
]


@pytest.mark.parametrize(("errors", "status", "complaint", "number"), COMPLAINTS)
def test_a_complaint_and_the_line_that_it_names(errors: str, status: int, complaint: str, number: int | None) -> None:
    lines = list(parse("f", "[mysqld]\nfoo_bar=1\nother=2\n"))
    found = find_complaint(errors, status)
    assert found == complaint
    line = find_named(found, [line for line in lines if isinstance(line, Line)])
    assert (line.number if line else None) == number


def test_options_that_ours_replace_are_named_with_the_setting() -> None:
    lines = [
        Line("ours", 1, "--secure_file_priv=a"),
        Line("ours", 2, "--wsrep_node_name=of an earlier line of ours"),
        Line("yours", 3, "--wsrep_provider_options=gcache.size=5G"),
        Line("yours", 4, "--secure-file-priv=b"),
        Line("yours", 5, "--binlog_format=ROW"),
        Line("yours", 6, "--wsrep-node-name=x"),
        Line("yours", 7, "--skip_name_resolve"),
        Line("yours", 8, "--wsrep_on=1"),
        Line("yours", 9, "--skip-skip-name-resolve"),
        Line("yours", 10, "--skip-wsrep-on"),
        Line("yours", 11, "--innodb_flush_log_at_trx=0"),
        Line("yours", 12, "--ssl"),
        Line("yours", 13, "--binlog-format=row"),
        Line("yours", 14, "--wsrep_on=OFF"),
        Line("yours", 15, "--innodb_lock=1"),
        Line("yours", 16, "--disable_wsrep_on=0"),
        Line("yours", 17, "--skip_name_resolve=0"),
        Line("yours", 18, "--enable-wsrep-on=OFF"),
        Line("yours", 19, "--enable-wsrep-on=0"),
        Line("yours", 20, "--wsrep_provider=none"),
        Line("ours", 8, "--wsrep_provider=x.so"),
        Line("ours", 9, "--wsrep-provider-options="),
        Line("ours", 12, "--skip-name-resolve=ON"),
        Line("ours", 13, "--wsrep_on=ON"),
        Line("ours", 14, "--innodb_flush_log_at_trx_commit=1"),
        Line("ours", 15, "--ssl_key=x"),
        Line("ours", 16, "--ssl_cert=x"),
        Line("ours", 10, "--binlog-format=ROW"),
        Line("ours", 11, "--wsrep_node_name=y"),
    ]
    assert list(find_replaced(lines, "ours")) == [
        "yours:3 sets wsrep_provider_options, which has no effect: use GALERA_BOOTSTRAP_PROVIDER_OPTIONS",
        "yours:6 sets wsrep-node-name, which has no effect: this toolkit gives this option; remove it",
        "yours:9 sets skip-skip-name-resolve, which has no effect: this toolkit gives this option; remove it",
        "yours:10 sets skip-wsrep-on, which has no effect: this toolkit gives this option; remove it",
        "yours:11 sets innodb_flush_log_at_trx, which has no effect: use GALERA_BOOTSTRAP_FLUSH_LOG_AT_TRX_COMMIT",
        "yours:14 sets wsrep_on, which has no effect: this toolkit gives this option; remove it",
        "yours:17 sets skip_name_resolve, which has no effect: this toolkit gives this option; remove it",
        "yours:19 sets enable-wsrep-on, which has no effect: this toolkit gives this option; remove it",
        "yours:20 sets wsrep_provider, which has no effect: use GALERA_BOOTSTRAP_PROVIDER",
    ]
