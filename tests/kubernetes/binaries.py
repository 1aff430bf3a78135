"""Programs of Kubernetes that no package of Debian has: built from the Go module proxy, kept outside of the clone.

`go install k8s.io/kubernetes/...@version` is refused, because its go.mod points at folders beside it (`staging`).
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
"""Go source of our own."""

STAGING = "./staging/src/"
"""What go.mod of Kubernetes puts in place of a module that lives in its own repository."""

GO_ENV = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=mod -trimpath -buildvcs=false"}
"""Static programs; without paths of this machine, so that Go's own cache serves every folder."""


@dataclass(frozen=True)
class Bundle:
    """Programs that one run of Go builds."""

    name: str
    version: str
    programs: tuple[str, ...]
    module: str | None = None
    """The upstream module whose go.mod is followed; None for source of our own without dependencies."""
    published: str | None = None
    """Where the proxy has that module, when that is not by its own name."""
    packages: tuple[str, ...] = (".",)
    """The Go packages of the programs; `.` is our own source in programs/NAME."""
    ldflags: str = "-s -w"
    edition: int = 1
    """Of our own source: raised with a change of it, so that what was built before is not taken for it."""

    @property
    def folder(self) -> Path:
        """Where the programs are once they are built; all of them or none."""
        edition = f"-{self.edition}" if self.edition > 1 else ""
        return cache_folder() / f"{self.name}-{self.version}{edition}"

    @property
    def ready(self) -> bool:
        """Whether they are built."""
        return self.folder.is_dir()


def kubernetes(version: str) -> Bundle:
    """The control plane, the node's programs and kubectl."""
    programs = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")
    major, minor, _ = version.split(".")
    told = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    stamps = " ".join(f"-X k8s.io/component-base/version.{key}={value}" for key, value in told.items())
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
"""What every cluster needs."""

POLICIES = Bundle(
    "kube-router",
    "2.2.1",
    ("kube-router",),
    module="github.com/cloudnativelabs/kube-router/v2",
    published="github.com/k3s-io/kube-router/v2",  # what k3s runs; the proxy does not have the original
    edition=2,
)
"""For a cluster that is asked to enforce network policies."""

PROVISIONER = Bundle(
    "local-path-provisioner",
    "0.0.30",
    ("local-path-provisioner",),
    module="github.com/rancher/local-path-provisioner",
    packages=("github.com/rancher/local-path-provisioner",),
)
"""For a cluster that is asked for volumes on demand."""

ALL = (*BUNDLES, POLICIES, PROVISIONER)


def cache_folder() -> Path:
    """Of the user, not of the clone: a build takes longer than everything else here together."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "peerfinder-kubernetes"


def missing(bundles: Iterable[Bundle] = BUNDLES) -> list[str]:
    """Those of them that are not built, as `kubernetes-1.36.3`."""
    return [bundle.folder.name for bundle in bundles if not bundle.ready]


def program(name: str) -> Path:
    """Where a built program is."""
    return next(bundle.folder / name for bundle in ALL if name in bundle.programs)


def ensure() -> None:
    """Build what is missing: 10 to 30 minutes on two cores the first time.  Raises BuildError."""
    ensure_all(ALL)


def ensure_all(bundles: Iterable[Bundle]) -> None:
    """Build those of them that are missing."""
    with only_builder(cache_folder()):
        for bundle in bundles:
            if not bundle.ready:
                build(bundle)


def build(bundle: Bundle) -> None:
    """One run of Go.  An interrupted one leaves no programs, and Go's cache lets the next one go on from there."""
    if shutil.which("go") is None:
        raise BuildError("go is not installed here: Kubernetes is built from source and needs it (https://go.dev/dl)")
    source = lay_out(bundle)
    fresh = cache_folder() / f"{bundle.folder.name}.part"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    log = cache_folder() / f"{bundle.folder.name}.log"
    say(f"{bundle.folder.name}: building {', '.join(bundle.programs)}, log {log}")
    # -v names each package that is compiled, which is the sign of life.
    argv = ["go", "-C", str(source), "build", "-v", "-ldflags", bundle.ldflags, "-o", f"{fresh}/", *bundle.packages]
    work(bundle.name, argv, log, milestone=r"k8s\.io/kubernetes/cmd/[a-z-]+$", env={**os.environ, **GO_ENV})
    absent = [name for name in bundle.programs if not (fresh / name).is_file()]
    if absent:
        raise BuildError(f"{bundle.folder.name}: Go has built all but {', '.join(absent)}; see {log}")
    fresh.rename(bundle.folder)
    shutil.rmtree(source)
    say(f"{bundle.folder.name}: ready in {bundle.folder}")


def lay_out(bundle: Bundle) -> Path:
    """The folder that Go builds in: our source, and a go.mod with the versions that upstream has tested together."""
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
    """A go.mod that requires the bundle's module and, at the same versions, all that `upstream` requires.

    `upstream` is that module's own go.mod as `go mod edit -json` tells it.  Modules of its repository's staging folder
    are replaced by what is published of them: v1.36.3 of Kubernetes has v0.36.3 of each.
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
            raise BuildError(f"upstream's go.mod replaces {old} by {new}, which is no published module: adapt go_mod()")
        yield old


def rows(upstream: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """A list of `go mod edit -json`, which leaves out or nulls the empty ones."""
    found = upstream.get(key) or []
    assert isinstance(found, list)
    return found
