"""What runs inside of an image to prove it: programs for the image's own Python, with its standard library alone."""

from __future__ import annotations

_OWN_FOLDER_LEFT_OUT = """
import sys
sys.path[:] = [path for path in sys.path if path]
"""

STATUS = (
    _OWN_FOLDER_LEFT_OUT
    + r"""
import os, time, urllib.error, urllib.request
url, seconds = sys.argv[1], float(sys.argv[2])
with open(os.environ["JUPYTER_TOKEN_FILE"]) as file:
    request = urllib.request.Request(url, headers={"Authorization": "token " + file.read()})
plain = urllib.request.build_opener(urllib.request.ProxyHandler({}))
end = time.monotonic() + seconds
while True:
    try:
        with plain.open(request, timeout=5) as answer:
            if answer.status == 200:
                sys.exit(0)
            last = answer.status
    except (OSError, urllib.error.URLError) as error:
        last = error
    if time.monotonic() > end:
        sys.exit("It was not ready after %.0f s: %s." % (seconds, last))
    time.sleep(0.02)
"""
)
"""``URL SECONDS``: ends with 0 as soon as a Jupyter server answers its status there, with 1 and why where it does not."""

_DISTRIBUTIONS = (
    _OWN_FOLDER_LEFT_OUT
    + r"""
import importlib.metadata, json, re
found = {}
for one in importlib.metadata.distributions():
    name = one.metadata["Name"]
    if name:
        found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), one)
"""
)

VERSIONS = _DISTRIBUTIONS + "\nprint(json.dumps({name: one.version for name, one in found.items()}))\n"
"""Writes the distributions that Python finds as a JSON object: name to version."""

IMPORTS = (
    _DISTRIBUTIONS
    + r"""
import concurrent.futures, subprocess
known, seconds = json.loads(sys.argv[1]), float(sys.argv[2])
IMPORT = "import sys, importlib; sys.path[:] = [p for p in sys.path if p]; importlib.import_module(sys.argv[1])"
ASIDE = {"test", "tests", "doc", "docs", "example", "examples", "benchmarks"}

def modules(one):
    files = [file.parts for file in one.files or () if file.suffix in (".py", ".so") and ".." not in file.parts]
    folders = {parts[:-1] for parts in files if parts[-1] == "__init__.py"}
    tops = {parts for parts in folders if not any(parts[:end] in folders for end in range(1, len(parts)))}
    names = {".".join(parts) for parts in tops} | {parts[0].split(".")[0] for parts in files if len(parts) == 1}
    if one.files is None:
        names = set((one.read_text("top_level.txt") or "").split())
    right = (name for name in names if all(part.isidentifier() for part in name.split(".")))
    return sorted(name for name in right if name.split(".")[0] not in ASIDE)

def attempt(asked):
    package, module = asked
    try:
        done = subprocess.run(
            [sys.executable, "-c", IMPORT, module],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=seconds,
        )
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        error = (lines[-1] if lines else "It ended with exit code %d." % done.returncode) if done.returncode else None
        trace = lines[-30:] if done.returncode else []
    except subprocess.TimeoutExpired:
        error, trace = "It did not end within %.0f s." % seconds, []
    return {"package": package, "module": module, "error": error and error[:500], "trace": [line[:500] for line in trace]}

wanted = [(name, module) for name, one in sorted(found.items()) if known.get(name) != one.version for module in modules(one)]
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    for result in pool.map(attempt, wanted):
        print(json.dumps(result), flush=True)
"""
)
"""``JSON SECONDS``: imports the modules of all distributions but those of the JSON object (name to version).

Each in a process of its own, with so many seconds; writes a JSON object a line: package, module, error or null, trace.
"""
