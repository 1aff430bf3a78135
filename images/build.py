"""Builds the images: `python -m images.build`, or `ensure` in code that needs one. docs/images.md lists the results."""

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
from images.inputs import BASES, DEFAULT_SERIES, RECIPES, ROOT, SERIES, Recipe
from images.output import Image
from images.running import BuildError, cache_folder, only_builder, read_output, say, work

BUILDAH = (
    "buildah",
    "bud",
    "--format=oci",
    # No container runtime is needed, so it works on a workstation, in a container and with old cgroups.
    "--isolation=chroot",
    "--network=host",
    # All images that a Dockerfile names were pulled by digest before.
    "--pull=never",
    # The builder's version is no property of the image.
    "--identity-label=false",
)

MILESTONE = r"(\[\S+\] )?STEP \S+: (FROM|RUN|COPY|ADD)"
"""The lines of buildah's output that show its progress."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that end a build."""

PIP_CERT = "/pip-cert.pem"
"""Where a build finds this machine's certificate authorities for pip; no package puts its own there."""


@dataclass(frozen=True)
class Wish:
    """What the caller wants, apart from an image's name; two equal wishes give the same image."""

    version: str
    """The images' tag, and the version in their labels."""
    base: str | None = None
    """The name of a base image; None: Debian's, or the stand-in when no registry answers."""


@dataclass(frozen=True)
class Plan:
    """Everything that determines one image."""

    recipe: Recipe
    tag: str
    """The image's name in the local storage."""
    args: dict[str, str]
    """The build arguments. Each Dockerfile uses those that it needs."""
    epoch: int
    """Seconds since 1970: the time of every file."""
    key: str
    """Two plans with the same key give the same image."""


def ensure(name: str, *, version: str | None = None, base: str | None = None) -> str:
    """Build an image if anything has changed; returns its tag in the local storage, as localhost/galera-install:0.1.0.

    Another clone can move the tag at any time, so use `ensure_id` for an image that you run.
    Processes that call it at the same time wait for each other. Raises BuildError.
    """
    return ensure_image(name, version=version, base=base).tag


def ensure_id(name: str, *, version: str | None = None, base: str | None = None) -> str:
    """Do the same; returns the image's id, which stays right when the tag moves."""
    return ensure_image(name, version=version, base=base).id


def ensure_image(name: str, *, version: str | None = None, base: str | None = None) -> Image:
    """Build the image if needed, while no other process builds."""
    with only_builder(cache_folder()):
        plan = make_plan(name, Wish(version or inputs.version(), base))
        return Image(plan.tag, find_or_build(plan))


def rebuild(name: str, tag: str | None = None, *, version: str | None = None, base: str | None = None) -> str:
    """Build an image again though nothing changed here, with the packages that the archives have now.

    With a tag, the image gets only that name. Without a tag, it replaces the image that `ensure` would return.
    """
    with only_builder(cache_folder()):
        return build_again(name, Wish(version or inputs.version(), base), tag)


def build_again(name: str, wish: Wish, tag: str | None = None) -> str:
    """Do the work of `rebuild`; the caller must already be the only builder."""
    plan = make_plan(name, wish)
    replaced = None if tag else find_by_key(plan.key)
    image = build(plan, tag or plan.tag)
    if not tag:
        remember(plan.key, image)
        if replaced not in (None, image):
            with suppress(BuildError):  # it fails when a container still uses the image
                read_output(["buildah", "rmi", str(replaced)])
    return tag or plan.tag


def make_plan(name: str, wish: Wish) -> Plan:
    """Determine what the image is made of; this builds its parents and builds or pulls its base."""
    recipe = RECIPES[name]
    origin = inputs.origin(recipe)
    args = {"SOURCE_DATE_EPOCH": str(origin.epoch)}
    if name in BASES.values():
        key = inputs.key(recipe, (*BUILDAH, *debian.MMDEBSTRAP, recipe.suite), args)
        return Plan(recipe, debian.LOCAL.format(suite=recipe.suite), args, origin.epoch, key)
    base = fetch_base(wish, recipe.suite)
    args |= {"BASE": base.reference, "BASE_NAME": base.name, "BASE_DIGEST": base.digest}
    args |= {"CREATED": origin.created, "REVISION": origin.revision, "VERSION": wish.version}
    for parent in recipe.parents:
        # By id, because a tag can move, and the key would not change.
        args["TOOLS"] = find_or_build(make_plan(parent, wish))
    if recipe.series:
        args |= {"MARIADB_VERSION": SERIES[recipe.series].mariadb, "GALERA_VERSION": SERIES[recipe.series].galera}
    return Plan(recipe, recipe.tag(wish.version), args, origin.epoch, inputs.key(recipe, BUILDAH, args))


def fetch_base(wish: Wish, suite: str) -> debian.Base:
    """Bring the base with this Debian into the local storage: pulled from its registry, or the stand-in."""
    base = debian.find_base(wish.base, suite)
    if base is None:
        find_or_build(make_plan(BASES[suite], wish))
        base = debian.read_from_storage(debian.LOCAL.format(suite=suite))
    if not base.name.startswith("localhost/"):
        debian.pull(base)
    return base


def find_or_build(plan: Plan) -> str:
    """Return the id of an image with the plan's key, and put the plan's tag on it; builds one if there is none."""
    image = find_by_key(plan.key)
    if image is None:
        image = build(plan, plan.tag)
        remember(plan.key, image)
    elif image != find_in_storage(plan.tag):
        read_output(["buildah", "tag", image, plan.tag])
    return image


def find_by_key(key: str) -> str | None:
    """The id of the image that was built with this key, if the local storage still has it."""
    try:
        return find_in_storage(receipt_path(key).read_text())
    except FileNotFoundError:
        return None


def remember(key: str, image: str) -> None:
    """Note which image has a key. In a file, because images that are built on this one would inherit a label."""
    receipt_path(key).parent.mkdir(exist_ok=True)
    receipt_path(key).write_text(image)


def receipt_path(key: str) -> Path:
    """The file that names the image of a key."""
    return cache_folder() / "built" / key


def find_in_storage(image: str) -> str | None:
    """The id of an image in the local storage, given by id or tag; None when it is not there."""
    with suppress(BuildError):
        return debian.image_id(image)
    return None


def build(plan: Plan, tag: str) -> str:
    """Run buildah in a context with the recipe's files and nothing else; returns the image's id."""
    name = plan.recipe.name
    log = cache_folder() / f"{name}.log"
    say(f"{name}: building {tag}, key {plan.key[:12]}, log {log}")
    with TemporaryDirectory(prefix=f"{name}-") as folder:
        context = Path(folder)
        inputs.copy_context(plan.recipe, context, plan.epoch)
        if name in BASES.values():
            debian.make_rootfs(plan.recipe.suite, context / "rootfs.tar", cache_folder() / "mmdebstrap.log", plan.epoch)
        options = [
            f"--file={context / plan.recipe.dockerfile}",
            f"--timestamp={plan.epoch}",
            f"--tag={tag}",
            *(f"--build-arg={argument}={value}" for argument, value in sorted(plan.args.items())),
            *machine_options(context / plan.recipe.dockerfile),
        ]
        with remove_leftover_containers(plan.args.get("TOOLS")):
            work(name, [*BUILDAH, *options, folder], log, milestone=MILESTONE)
    say(f"{name}: {tag} is built")
    return debian.image_id(tag)


@contextmanager
def remove_leftover_containers(image: str | None) -> Iterator[None]:
    """Remove the container that buildah 1.28 leaves behind for a stage that is only copied from; it holds its image.

    --force-rm does not help, because it also removes the image.
    """
    before = working_containers(image)
    try:
        yield
    finally:
        for container in working_containers(image) - before:
            read_output(["buildah", "rm", container])


def working_containers(image: str | None) -> set[str]:
    """The ids of buildah's containers of an image."""
    listed = json.loads(read_output(["buildah", "containers", "--json"])) or ()
    return {container["id"] for container in listed if container["imageid"] == image}


def machine_options(dockerfile: Path) -> Iterator[str]:
    """Options with which pip in a build reaches PyPI as it does here, if the Dockerfile declares their arguments."""
    declared = dockerfile.read_text()
    if "ARG PIP_INDEX_URL" in declared and os.environ.get("PIP_INDEX_URL"):
        # Without a value, buildah takes it from its environment. The URL may have a password, and every user of the
        # machine can read the arguments of a process.
        yield "--build-arg=PIP_INDEX_URL"
    if "ARG PIP_CERT" in declared and (authorities := os.environ.get("PIP_CERT")):
        yield f"--volume={authorities}:{PIP_CERT}:ro"
        yield f"--build-arg=PIP_CERT={PIP_CERT}"


def refresh(names: list[str], wish: Wish) -> None:
    """Build the images again, in their order; first the stand-in for the base, if it is used."""
    suites = {RECIPES[each].suite for name in names for each in (name, *RECIPES[name].parents)}
    stand_ins = [BASES[suite] for suite in suites if debian.find_base(wish.base, suite) is None]
    for name in (name for name in RECIPES if name in (*stand_ins, *names)):
        build_again(name, wish)


def produce(names: list[str], options: argparse.Namespace) -> dict[str, Image]:
    """Do what the command line asks for, while no other process builds."""
    wish = Wish(options.version, options.base)
    with only_builder(cache_folder()):
        if options.fresh:
            refresh(names, wish)
        plans = {name: make_plan(name, wish) for name in names}
        images = {name: Image(plan.tag, find_or_build(plan)) for name, plan in plans.items()}
        if not options.no_dist:
            output.write(images, options.version, options.out)
    return images


def stop(number: int, _: object) -> None:
    """End because of a signal, and clean up on the way; another signal does not interrupt that."""
    for ignored in SIGNALS:
        signal.signal(ignored, signal.SIG_IGN)
    sys.exit(128 + number)


def fault(exc: OSError) -> str:
    """One sentence about an error of the operating system."""
    where = f"{exc.filename}: " if exc.filename else ""
    full = exc.errno in (errno.ENOSPC, errno.EDQUOT)
    way_out = ": make room, or choose other places with XDG_CACHE_HOME, TMPDIR and --out" if full else ""
    return f"{where}{exc.strerror or exc}{way_out}"


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m images.build", description="Build the container images.")
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help=f"images to build: {', '.join(RECIPES)} (default: all but the bases)")
    add(
        "--series",
        choices=SERIES,
        help=f"MariaDB of the server image (default: all of these; mysql-galera has {DEFAULT_SERIES})",
    )
    add("--base", metavar="REFERENCE", help=f"the base image (default: {debian.OFFICIAL}, else {debian.LOCAL})")
    add("--version", default=inputs.version(), help="the images' tag and version (default: the project's)")
    add("--fresh", action="store_true", help="build again though nothing changed here, with today's packages")
    add("--no-dist", action="store_true", help="write only to the local storage: no archive, no bill of materials")
    add("--out", type=Path, default=ROOT / "dist/images", metavar="FOLDER", help="for archives (default: dist/images)")
    return parser


def main() -> None:
    """Build, write dist/images and print the table of sizes; exit code 1 and one sentence when that fails."""
    parser = arguments()
    options = parser.parse_args()
    names = options.names or [name for name in RECIPES if name not in BASES.values()]
    if unknown := set(names) - RECIPES.keys():
        parser.error(f"there is no image {', '.join(sorted(unknown))}")
    if options.series:
        names = inputs.choose_series(names, options.series)
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP
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
