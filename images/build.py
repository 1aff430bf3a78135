"""Builds the images: python -m images.build, or `ensure` for whoever needs one. docs/images.md tells what comes out."""

import argparse
import errno
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from images import debian, inputs, output
from images.inputs import RECIPES, ROOT, Recipe
from images.output import Image
from images.running import BuildError, answer, only_builder, say, work

BUILDAH = (
    "buildah",
    "bud",
    "--format=oci",
    # Without a container runtime: the same on a workstation, in a container and where cgroups are old.
    "--isolation=chroot",
    "--network=host",
    # Whatever a Dockerfile names has been pulled by its digest before.
    "--pull=never",
    # The builder's version is no property of the image.
    "--identity-label=false",
)

MILESTONE = r"(\[\S+\] )?STEP \S+: (FROM|RUN|COPY|ADD)"
"""The lines of buildah's output that tell a human where it is."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends a build from outside."""

PIP_CERT = "/pip-cert.pem"
"""Where a build finds this machine's certificate authorities for pip; not where a package puts its own."""


@dataclass(frozen=True)
class Wish:
    """What is asked for beyond an image's name; two equal wishes give the same image."""

    version: str
    """The images' tag, and the version that their labels tell."""
    base: str | None = None
    """A base image by name; None for Debian's, or the stand-in when no registry answers."""


@dataclass(frozen=True)
class Plan:
    """All that decides on one image."""

    recipe: Recipe
    tag: str
    """Its name in the local storage."""
    args: dict[str, str]
    """The Dockerfile's build arguments. Each Dockerfile takes those that it needs."""
    epoch: int
    """Seconds since 1970: the time of every file."""
    key: str


def ensure(name: str, *, version: str | None = None, base: str | None = None) -> str:
    """The tag of an image in the local storage, as localhost/galera-install:0.1.0; built if anything changed.

    Another clone can move the tag at any time: what is to be run is named by `ensure_id`.
    Processes that call it at once wait for each other. Raises BuildError.
    """
    return ensured(name, version, base).tag


def ensure_id(name: str, *, version: str | None = None, base: str | None = None) -> str:
    """The same image's id, which names it whatever happens to the tag."""
    return ensured(name, version, base).id


def ensured(name: str, version: str | None, base: str | None) -> Image:
    """Have the image, and nobody else build meanwhile."""
    with only_builder(cache_folder()):
        it = plan(name, Wish(version or inputs.version(), base))
        return Image(it.tag, made(it))


def rebuild(name: str, tag: str | None = None, *, version: str | None = None, base: str | None = None) -> str:
    """Build an image anew though nothing changed here, with what the archives of packages hold now.

    With a tag, the image gets that name alone; without, it takes the place of the one that `ensure` would give.
    """
    with only_builder(cache_folder()):
        return anew(name, Wish(version or inputs.version(), base), tag)


def anew(name: str, wish: Wish, tag: str | None = None) -> str:
    """The same for whoever is the only builder already."""
    it = plan(name, wish)
    replaced = None if tag else with_key(it.key)
    image = build(it, tag or it.tag)
    if not tag:
        remember(it.key, image)
        if replaced not in (None, image):
            with suppress(BuildError):  # a container still uses it
                answer(["buildah", "rmi", str(replaced)])
    return tag or it.tag


def plan(name: str, wish: Wish) -> Plan:
    """Decide what the image is made of; its parents and its base are built or pulled for that."""
    recipe = RECIPES[name]
    origin = inputs.origin(recipe)
    args = {"SOURCE_DATE_EPOCH": str(origin.epoch)}
    if name == "base":
        key = inputs.key(recipe, (*BUILDAH, *debian.MMDEBSTRAP), args)
        return Plan(recipe, debian.LOCAL, args, origin.epoch, key)
    base = base_of(wish)
    args |= {"BASE": base.reference, "BASE_NAME": base.name, "BASE_DIGEST": base.digest}
    args |= {"CREATED": origin.created, "REVISION": origin.revision, "VERSION": wish.version}
    for parent in recipe.parents:
        # By id: a tag can be moved, and the key would not notice.
        args["TOOLS"] = made(plan(parent, wish))
    tag = f"localhost/{name}:{wish.version}"
    return Plan(recipe, tag, args, origin.epoch, inputs.key(recipe, BUILDAH, args))


def base_of(wish: Wish) -> debian.Base:
    """The base in the local storage: pulled from its registry, or the stand-in."""
    base = debian.wanted(wish.base)
    if base is None:
        made(plan("base", wish))
        base = debian.in_storage(debian.LOCAL)
    if not base.name.startswith("localhost/"):
        debian.pull(base)
    return base


def made(it: Plan) -> str:
    """The id of an image of the plan's key, one that is there, else a new one; the plan's tag is put on it."""
    there = with_key(it.key)
    if there is None:
        there = build(it, it.tag)
        remember(it.key, there)
    elif there != in_storage(it.tag):
        answer(["buildah", "tag", there, it.tag])
    return there


def with_key(key: str) -> str | None:
    """The id of the image that was built with this key, if the local storage still has it."""
    try:
        return in_storage(receipt(key).read_text())
    except FileNotFoundError:
        return None


def remember(key: str, image: str) -> None:
    """Note which image a key has come to. In a file, because a label would be inherited by what others build on it."""
    receipt(key).parent.mkdir(exist_ok=True)
    receipt(key).write_text(image)


def receipt(key: str) -> Path:
    """The file that names a key's image."""
    return cache_folder() / "built" / key


def in_storage(image: str) -> str | None:
    """The id of an image in the local storage, by id or tag; None when it is not there."""
    with suppress(BuildError):
        return debian.image_id(image)
    return None


def build(it: Plan, tag: str) -> str:
    """One run of buildah, in a context that holds the recipe's files and nothing else; the image's id."""
    name = it.recipe.name
    log = cache_folder() / f"{name}.log"
    say(f"{name}: building {tag}, key {it.key[:12]}, log {log}")
    with TemporaryDirectory(prefix=f"{name}-") as folder:
        context = Path(folder)
        inputs.copy_context(it.recipe, context, it.epoch)
        if name == "base":
            debian.make_rootfs(context / "rootfs.tar", cache_folder() / "mmdebstrap.log", it.epoch)
        options = [
            f"--file={context / it.recipe.dockerfile}",
            f"--timestamp={it.epoch}",
            f"--tag={tag}",
            *(f"--build-arg={argument}={value}" for argument, value in sorted(it.args.items())),
            *of_this_machine(context / it.recipe.dockerfile),
        ]
        with no_container_left_of(it.args.get("TOOLS")):
            work(name, [*BUILDAH, *options, folder], log, milestone=MILESTONE)
    say(f"{name}: {tag} is built")
    return debian.image_id(tag)


@contextmanager
def no_container_left_of(image: str | None) -> Iterator[None]:
    """Remove the working container that buildah 1.28 leaves of a stage that is only copied from; it holds its image.

    --force-rm is no way out: that one removes the image, too.
    """
    before = working_containers(image)
    try:
        yield
    finally:
        for container in working_containers(image) - before:
            answer(["buildah", "rm", container])


def working_containers(image: str | None) -> set[str]:
    """The ids of buildah's containers of an image."""
    listed = json.loads(answer(["buildah", "containers", "--json"])) or ()
    return {container["id"] for container in listed if container["imageid"] == image}


def of_this_machine(dockerfile: Path) -> Iterator[str]:
    """Options that let pip reach PyPI in a build as it does here; for a Dockerfile that declares the arguments."""
    declared = dockerfile.read_text()
    if "ARG PIP_INDEX_URL" in declared and os.environ.get("PIP_INDEX_URL"):
        # Without a value buildah takes it from its environment: it may have a password, and everybody reads arguments.
        yield "--build-arg=PIP_INDEX_URL"
    if "ARG PIP_CERT" in declared and (authorities := os.environ.get("PIP_CERT")):
        yield f"--volume={authorities}:{PIP_CERT}:ro"
        yield f"--build-arg=PIP_CERT={PIP_CERT}"


def cache_folder() -> Path:
    """Logs and the lock; the images themselves are in the containers storage. Raises BuildError when it cannot be."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "peerfinder-images"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise BuildError(
            f"the folder for logs cannot be made: {folder}: {exc.strerror}. Name another place by XDG_CACHE_HOME"
        ) from exc
    return folder


def refresh(names: list[str], wish: Wish) -> None:
    """Build the images anew, in their order; the stand-in for the base first if it is used."""
    stand_in = ["base"] if debian.wanted(wish.base) is None else []
    for name in (name for name in RECIPES if name in (*stand_in, *names)):
        anew(name, wish)


def produce(names: list[str], options: argparse.Namespace) -> dict[str, Image]:
    """All that the command line asks for, while nobody else builds."""
    wish = Wish(options.version, options.base)
    with only_builder(cache_folder()):
        if options.fresh:
            refresh(names, wish)
        plans = {name: plan(name, wish) for name in names}
        images = {name: Image(it.tag, made(it)) for name, it in plans.items()}
        if not options.no_dist:
            output.write(images, options.version, options.out)
    return images


def stop(number: int, _: object) -> None:
    """End as the signal asks, with all cleaned up on the way out; another signal does not interrupt that."""
    for ignored in SIGNALS:
        signal.signal(ignored, signal.SIG_IGN)
    sys.exit(128 + number)


def fault(exc: OSError) -> str:
    """One sentence on what the operating system has refused."""
    where = f"{exc.filename}: " if exc.filename else ""
    full = exc.errno in (errno.ENOSPC, errno.EDQUOT)
    way_out = ": make room, or name other places by XDG_CACHE_HOME, TMPDIR and --out" if full else ""
    return f"{where}{exc.strerror or exc}{way_out}"


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m images.build", description="Build the container images.")
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help=f"images to build: {', '.join(RECIPES)} (default: all but base)")
    add("--base", metavar="REFERENCE", help=f"the base image (default: {debian.OFFICIAL}, else {debian.LOCAL})")
    add("--version", default=inputs.version(), help="the images' tag and version (default: the project's)")
    add("--fresh", action="store_true", help="build again though nothing changed here: takes today's packages")
    add("--no-dist", action="store_true", help="only the local storage: no archive, no bill of materials")
    add("--out", type=Path, default=ROOT / "dist/images", metavar="FOLDER", help="default: dist/images")
    return parser


def main() -> None:
    """Build, write dist/images and the table of sizes; exit code 1 with a sentence when that fails."""
    parser = arguments()
    options = parser.parse_args()
    names = options.names or [name for name in RECIPES if name != "base"]
    if unknown := set(names) - RECIPES.keys():
        parser.error(f"there is no image {', '.join(sorted(unknown))}")
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, stop)
    try:
        images = produce(names, options)
    except BuildError as exc:
        sys.exit(f"images: {exc}")
    except OSError as exc:
        sys.exit(f"images: {fault(exc)}")
    print("\n".join(image.tag for image in images.values()))


if __name__ == "__main__":
    main()
