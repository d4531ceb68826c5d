# PYTHON_ARGCOMPLETE_OK
"""``jupyter workspace``: words to verbs, errors to exit statuses. 0 done, 1 refused or failed, 2 wrong usage."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from ..errors import LauncherError
from .terminal import Terminal
from .verbs import VERBS, UsageError

INTERRUPTED = 130
"""What shells make of a command that Ctrl-C ended."""

EPILOG = """\
The server is the one that runs here; --url and --token, or JUPYTER_TOKEN, name another.
Completion: eval "$(register-python-argcomplete jupyter)" in bash.
"""


class _Version(argparse.Action):
    """Prints the version; looked up when asked for, as it takes a while."""

    def __call__(self, parser: argparse.ArgumentParser, *rest: Any) -> NoReturn:
        from ..version import __version__

        print(__version__)
        parser.exit()


def build_parser(prog: str = "jupyter workspace") -> argparse.ArgumentParser:
    """Return the parser of the whole table of verbs, for the command that it is typed as."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    group = common.add_argument_group("server")
    group.add_argument("--url", metavar="URL", help="the Jupyter server's address, as a browser shows it")
    group.add_argument(
        "--token", metavar="TOKEN", help="its token (better in JUPYTER_TOKEN, where 'ps' does not show it)"
    )
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Launch and use workspaces: containers of your own, with JupyterLab in them.",
        epilog=EPILOG,
        parents=[common],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", dest="verb")
    for verb in VERBS.values():
        words = verbs.add_parser(verb.name, help=verb.summary, description=verb.summary, parents=[common])
        for argument in verb.arguments:
            argument.add_to(words)
        words.set_defaults(words=words)
    return parser


def read(parser: argparse.ArgumentParser, typed: Sequence[str]) -> argparse.Namespace:
    """Return what was typed, without the program's name, as options; wrong usage exits with status 2."""
    typed = list(typed)
    if typed[:1] == ["serve"] and typed[1:2] not in (["--"], ["--help"], ["-h"]):
        typed.insert(1, "--")  # its options are the server's
    # Not left to argparse, which loses what is behind -- where options come between.
    behind = typed.index("--") if "--" in typed else len(typed)
    options = parser.parse_args(typed[:behind])
    command = typed[behind + 1 :]
    if "command" in options:
        options.command = [*options.command, *command]
    elif command:
        (options.words if options.verb else parser).error("there is no command to give behind --")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (without the program's name) and return the exit status."""
    parser = build_parser()
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)
    options = read(parser, sys.argv[1:] if arguments is None else arguments)
    if options.verb is None:
        parser.print_help(sys.stderr)
        return 2
    terminal = Terminal(
        url=getattr(options, "url", None),
        token=getattr(options, "token", None),
        as_json=getattr(options, "json", False),
    )
    try:
        status = VERBS[options.verb].action(terminal, options) or 0
        sys.stdout.flush()  # here, where a reader that has gone is no error
        return status
    except UsageError as error:
        options.words.print_usage(sys.stderr)
        print(f"{options.words.prog}: error: {error}", file=sys.stderr)
        return 2
    except LauncherError as error:
        terminal.fail(error.message, error.reason)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read has seen enough; nothing may be flushed to them at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    finally:
        terminal.close()


if __name__ == "__main__":
    sys.exit(main())
