"""Builds the programs of Kubernetes that are in no Debian package, from the Go module proxy, outside of the clone.

Go refuses `go install k8s.io/kubernetes/...@version`, because its go.mod points at folders beside it (`staging`).
Each of these folders is published as a module too, so a go.mod of our own requires Kubernetes and replaces them.
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from images.running import BuildError, only_builder, read_output, say, work

PROGRAMS = Path(__file__).parent / "programs"
"""Our own Go source."""

STAGING = "./staging/src/"
"""The folder with which go.mod of Kubernetes replaces a module of its own repository."""

GO_ENV = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=mod -trimpath -buildvcs=false"}
"""Static programs without paths of this machine, so that Go's own cache works for every folder."""


@dataclass(frozen=True)
class Bundle:
    """Programs that Go builds in one run."""

    name: str
    version: str
    programs: tuple[str, ...]
    module: str | None = None
    """The upstream module whose go.mod is used; None for our own source without dependencies."""
    published: str | None = None
    """The name of that module in the proxy, if it is another one."""
    packages: tuple[str, ...] = (".",)
    """The Go packages of the programs; `.` is our own source in programs/NAME."""
    ldflags: str = "-s -w"
    edition: int = 1
    """The number of our own source: raise it with each change, so that older programs are not used any more."""

    @property
    def folder(self) -> Path:
        """The folder of the built programs; it has all of them, or does not exist."""
        edition = f"-{self.edition}" if self.edition > 1 else ""
        return cache_folder() / f"{self.name}-{self.version}{edition}"

    @property
    def is_ready(self) -> bool:
        """Whether the programs are built."""
        return self.folder.is_dir()


def kubernetes(version: str) -> Bundle:
    """The control plane, the node's programs and kubectl."""
    programs = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")
    major, minor, _ = version.split(".")
    values = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    stamps = " ".join(f"-X k8s.io/component-base/version.{key}={value}" for key, value in values.items())
    return Bundle(
        "kubernetes",
        version,
        programs,
        module="k8s.io/kubernetes",
        packages=tuple(f"k8s.io/kubernetes/cmd/{program}" for program in programs),
        ldflags=f"-s -w {stamps}",
    )


BUNDLES = (
    Bundle("pause", "1", ("pause",)),
    Bundle("coredns", "1.14.7", ("coredns",), module="github.com/coredns/coredns"),
    # 1.36 is the newest minor version whose whole chain was tried on a machine with cgroups v1.
    kubernetes("1.36.3"),
)
"""The programs that every cluster needs."""

POLICIES = Bundle(
    "kube-router",
    "2.2.1",
    ("kube-router",),
    module="github.com/cloudnativelabs/kube-router/v2",
    published="github.com/k3s-io/kube-router/v2",  # k3s runs this one; the proxy does not have the original
    edition=2,
)
"""For a cluster that enforces network policies."""

PROVISIONER = Bundle(
    "local-path-provisioner",
    "0.0.30",
    ("local-path-provisioner",),
    module="github.com/rancher/local-path-provisioner",
    packages=("github.com/rancher/local-path-provisioner",),
)
"""For a cluster that makes volumes on demand."""

ALL = (*BUNDLES, POLICIES, PROVISIONER)


def cache_folder() -> Path:
    """The cache of the user, not of the clone, because a build takes longer than everything else here together."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "peerfinder-kubernetes"


def list_missing(bundles: Iterable[Bundle] = BUNDLES) -> list[str]:
    """The bundles that are not built, as `kubernetes-1.36.3`."""
    return [bundle.folder.name for bundle in bundles if not bundle.is_ready]


def program(name: str) -> Path:
    """The path of a built program."""
    return next(bundle.folder / name for bundle in ALL if name in bundle.programs)


def ensure() -> None:
    """Build missing programs: 10 to 30 minutes on two cores the first time.  Raises BuildError."""
    ensure_all(ALL)


def ensure_all(bundles: Iterable[Bundle]) -> None:
    """Build those bundles that are missing."""
    with only_builder(cache_folder()):
        for bundle in bundles:
            if not bundle.is_ready:
                build(bundle)


def build(bundle: Bundle) -> None:
    """Run Go once.  An interrupted run leaves no programs, and with Go's cache the next one continues."""
    if shutil.which("go") is None:
        raise BuildError("go is not installed: install it (https://go.dev/dl), Kubernetes is built from source")
    source = lay_out(bundle)
    fresh = cache_folder() / f"{bundle.folder.name}.part"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    log = cache_folder() / f"{bundle.folder.name}.log"
    say(f"{bundle.folder.name}: building {', '.join(bundle.programs)}, log {log}")
    # With -v Go prints each package that it compiles, which shows the progress.
    argv = ["go", "-C", str(source), "build", "-v", "-ldflags", bundle.ldflags, "-o", f"{fresh}/", *bundle.packages]
    work(bundle.name, argv, log, milestone=r"k8s\.io/kubernetes/cmd/[a-z-]+$", env={**os.environ, **GO_ENV})
    absent = [name for name in bundle.programs if not (fresh / name).is_file()]
    if absent:
        raise BuildError(f"{bundle.folder.name}: Go has not built {', '.join(absent)}; see {log}")
    fresh.rename(bundle.folder)
    shutil.rmtree(source)
    say(f"{bundle.folder.name}: ready in {bundle.folder}")


def lay_out(bundle: Bundle) -> Path:
    """Make the folder that Go builds in: our source, and a go.mod with the versions that upstream tested together."""
    source = cache_folder() / f"{bundle.folder.name}.source"
    shutil.rmtree(source, ignore_errors=True)
    own = PROGRAMS / bundle.name
    if own.is_dir():
        shutil.copytree(own, source)
    else:
        source.mkdir(parents=True)
    if bundle.module:
        wanted = f"{bundle.published or bundle.module}@v{bundle.version}"
        say(f"{bundle.folder.name}: asking the Go module proxy for {wanted}")
        upstream = json.loads(read_output(["go", "mod", "download", "-json", wanted]))
        described = json.loads(read_output(["go", "mod", "edit", "-json", upstream["GoMod"]]))
        (source / "go.mod").write_text(go_mod(bundle, described))
        shutil.copyfile(Path(upstream["Dir"]) / "go.sum", source / "go.sum")
        (source / "go.sum").chmod(0o644)  # the module cache is read-only
    return source


def go_mod(bundle: Bundle, upstream: Mapping[str, Any]) -> str:
    """Write a go.mod that requires the bundle's module, and all modules of `upstream` at the same versions.

    `upstream` is that module's own go.mod, as `go mod edit -json` prints it.  Modules of its repository's staging
    folder are replaced by their published versions: v1.36.3 of Kubernetes has v0.36.3 of each.
    """
    staged = set(staging(upstream))
    published = f"v0.{bundle.version.partition('.')[2]}"
    required = {str(bundle.module): f"v{bundle.version}"}
    for need in rows(upstream, "Require"):
        required[need["Path"]] = published if need["Path"] in staged else need["Version"]
    lines = [f"module peerfinder.test/{bundle.name}", f"go {upstream['Go']}"]
    lines += [f"godebug {setting['Key']}={setting['Value']}" for setting in rows(upstream, "GoDebug")]
    lines += [f"require {path} {version}" for path, version in required.items()]
    lines += [f"replace {path} => {path} {published}" for path in sorted(staged)]
    if bundle.published:
        lines.append(f"replace {bundle.module} => {bundle.published} v{bundle.version}")
    return "\n".join(lines) + "\n"


def staging(upstream: Mapping[str, Any]) -> Iterator[str]:
    """The modules that upstream replaces by folders of its own repository.  Raises BuildError for any other folder."""
    for rule in rows(upstream, "Replace"):
        old, new = rule["Old"]["Path"], rule["New"]["Path"]
        if new != STAGING + old:
            raise BuildError(f"upstream's go.mod replaces {old} by {new}, which is not published: adapt go_mod()")
        yield old


def rows(upstream: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """A list in the output of `go mod edit -json`, in which an empty list is missing or null."""
    found = upstream.get(key) or []
    assert isinstance(found, list)
    return found
