"""What workspaces are made of and with: build, tag, search, login, logout, registries, volumes, networks, prune."""

from __future__ import annotations

import sys
from argparse import Namespace
from getpass import getpass

from ..terminal import Terminal
from .snapshots import REFERENCE, finished
from .table import JSON, WAIT, UsageError, argument, verb
from .workspaces import size


@verb(
    "build",
    "Build an image of the catalogue, and first what it stands on.",
    argument("image", metavar="IMAGE", help="'datascience', or a reference that 'images' lists"),
    argument("--log", action="store_true", help="print what the build wrote, when it is over"),
    WAIT,
    JSON,
)
def build(terminal: Terminal, options: Namespace) -> None:
    """Build one."""
    client = terminal.client
    operation = client.build_image(_reference(terminal, options.image))
    if not (options.wait or options.log):
        terminal.say(f"{operation.target} is being built.", operation)
        return
    try:
        result = finished(terminal, operation)
    finally:
        if options.log:
            sys.stderr.write(client.operation_log(operation.id))
    terminal.say(f"{operation.target} is built.", result)


def _reference(terminal: Terminal, name: str) -> str:
    """Return the reference of an image of the catalogue that is named by its last part, else the name itself."""
    found = [
        row.reference
        for row in terminal.client.images()
        if row.buildable
        and name in (row.reference, _short(row.reference), _short(row.reference).removesuffix(":latest"))
    ]
    return found[0] if found else name


def _short(reference: str) -> str:
    return reference.rpartition("/")[2]


@verb("tag", "Give an image another name.", REFERENCE, argument("tag", metavar="NAME", help="the new name"), JSON)
def tag(terminal: Terminal, options: Namespace) -> None:
    """Tag one."""
    row = terminal.client.tag_image(options.reference, options.tag)
    terminal.say(f"{options.reference} is {row.reference} too.", row)


@verb("rmi", "Remove images of yours.", argument("references", metavar="IMAGE", nargs="+", help="their names"))
def rmi(terminal: Terminal, options: Namespace) -> int:
    """Remove some."""

    def remove(name: str) -> str:
        terminal.client.remove_image(name)
        return name

    removed, status = terminal.each(options.references, remove)
    for name in removed:
        terminal.say(f"{name} is removed.")
    return status


@verb(
    "search",
    "Search Docker Hub, or the registry that the term begins with.",
    argument("term", metavar="TERM", help="words, or 'registry.example/words'"),
    argument("-n", "--limit", type=int, default=25, metavar="N", help="at most so many"),
    JSON,
)
def search(terminal: Terminal, options: Namespace) -> None:
    """Search."""
    terminal.show(
        terminal.client.search_images(options.term, limit=options.limit),
        ("name", lambda row: row.name),
        ("stars", lambda row: row.stars or ""),
        ("official", lambda row: "yes" if row.official else ""),
        ("description", lambda row: row.description),
        empty="Nothing is found.",
    )


REGISTRY = argument("registry", nargs="?", default="", metavar="REGISTRY", help="its host; Docker Hub if left out")


@verb(
    "login",
    "Log in to a registry; the password is asked for, or read from standard input.",
    REGISTRY,
    argument("-u", "--username", metavar="NAME", help="asked for if left out"),
    argument("--password-stdin", action="store_true", help="read the password from standard input"),
)
def login(terminal: Terminal, options: Namespace) -> None:
    """Log in. A password is never an argument: others could read it there."""
    if options.password_stdin:
        if not options.username:
            raise UsageError("--password-stdin needs --username")
        username, password = options.username, sys.stdin.readline().rstrip("\r\n")
    else:
        username = options.username or input("Username: ")
        password = getpass("Password: ")
    terminal.client.log_in(options.registry, username, password)
    terminal.say(f"Logged in to {options.registry or 'Docker Hub'} as {username}.")


@verb("logout", "Log out of a registry.", REGISTRY)
def logout(terminal: Terminal, options: Namespace) -> None:
    """Log out."""
    terminal.client.log_out(options.registry)
    terminal.say(f"Logged out of {options.registry or 'Docker Hub'}.")


@verb("registries", "List the registries that you are logged in to.", JSON)
def registries(terminal: Terminal, options: Namespace) -> None:
    """List them."""
    terminal.show(
        terminal.client.registries(),
        ("registry", lambda row: row.registry),
        ("username", lambda row: row.username),
        empty="You are logged in to none. 'jupyter workspace login REGISTRY' does so.",
    )


CREATE = argument("-c", "--create", metavar="NAME", help="make one")
REMOVE = argument("-r", "--remove", metavar="NAME", help="remove one that nothing uses")


@verb("volumes", "List your volumes, make or remove one.", CREATE, REMOVE, JSON)
def volumes(terminal: Terminal, options: Namespace) -> None:
    """List, make or remove."""
    if options.create:
        made = terminal.client.create_volume(options.create)
        terminal.say(f"The volume {made.name} is made: 'launch --volume {made.name}:/path' mounts it.", made)
    elif options.remove:
        terminal.client.remove_volume(options.remove)
        terminal.say(f"The volume {options.remove} is removed.")
    else:
        terminal.show(
            terminal.client.volumes(),
            ("name", lambda row: row.name),
            ("size", lambda row: size(row.size)),
            ("used by", lambda row: ", ".join(row.used_by)),
            empty="No volumes. 'jupyter workspace volumes --create NAME' makes one.",
        )


@verb("networks", "List your networks, make or remove one.", CREATE, REMOVE, JSON)
def networks(terminal: Terminal, options: Namespace) -> None:
    """List, make or remove."""
    if options.create:
        made = terminal.client.create_network(options.create)
        terminal.say(f"The network {made.name} is made: 'launch --network {made.name}' joins it.", made)
    elif options.remove:
        terminal.client.remove_network(options.remove)
        terminal.say(f"The network {options.remove} is removed.")
    else:
        terminal.show(
            terminal.client.networks(),
            ("name", lambda row: row.name),
            ("workspaces", lambda row: ", ".join(row.workspaces)),
            empty="No networks. 'jupyter workspace networks --create NAME' makes one.",
        )


@verb(
    "prune",
    "Remove what nothing uses: stopped workspaces, volumes, networks, pulled images. Snapshots stay.",
    argument("kinds", nargs="*", metavar="KIND", help="workspaces, volumes, networks, images; all if left out"),
    argument("-n", "--dry-run", action="store_true", help="only tell what would be removed"),
    argument("-y", "--yes", action="store_true", help="do not ask"),
    JSON,
)
def prune(terminal: Terminal, options: Namespace) -> int:
    """Show what would go, ask, and remove it."""
    client, kinds = terminal.client, options.kinds or None
    would = client.prune(kinds, dry_run=True)
    if options.dry_run or not would:
        _show(terminal, would)
        return 0
    if not options.yes:
        if not sys.stdin.isatty():
            raise UsageError("without a terminal to ask at, prune needs --yes or --dry-run")
        _show(terminal, would)
        if input("Remove all of these? [y/N] ").strip().lower() not in ("y", "yes"):
            return 1
    _show(terminal, client.prune(kinds))
    return 0


def _show(terminal: Terminal, rows: object) -> None:
    terminal.show(
        rows,
        ("kind", lambda row: row.kind),
        ("name", lambda row: row.name),
        ("size", lambda row: size(row.size)),
        empty="Nothing is unused.",
    )
