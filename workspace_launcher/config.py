"""F1: the settings, one small configurable per concern. Each help text says what a change opens."""

from __future__ import annotations

from ipaddress import IPv4Address

from traitlets import Bool, Bunch, CaselessStrEnum, Dict, Enum, Float, Int, List, TraitError, Type, Unicode, validate
from traitlets.config import Configurable


class EngineConfig(Configurable):
    """Which container engine, and how long to wait for it."""

    engine_class = Type(
        default_value="workspace_launcher.engine.docker_engine.DockerEngine",
        klass="workspace_launcher.engine.base.Engine",
        help="The engine's adapter.",
    ).tag(config=True)
    host = Unicode(
        "",
        help="Address of the engine: unix:///run/docker.sock, tcp://host:2376, ssh://user@host. Empty: what DOCKER_HOST, "
        "the current docker context or the default socket say, as for the docker command.",
    ).tag(config=True)
    shares_file_system = CaselessStrEnum(
        ["auto", "yes", "no"],
        default_value="auto",
        help="Whether the engine mounts the directories that this server sees. 'auto': yes at a Unix socket or an address of "
        "loopback, which may be wrong where that leads elsewhere (a tunnel, a virtual machine, a server in a container). With "
        "'no' the notebook directory of a workspace is a volume of the engine, one for each owner, and not the server's.",
    ).tag(config=True)
    publish_address = Unicode(
        "",
        help="IPv4 address of the engine's host on which each workspace's port is published, for engines on other machines. "
        "Whoever reaches that address reaches the workspaces, guarded by their tokens alone, and the way there is not "
        "encrypted: take one of a private network. Empty: loopback, which an engine behind ssh is reached on through ssh.",
    ).tag(config=True)
    timeout = Float(60.0, help="Seconds that the engine may take for an ordinary call.").tag(config=True)
    quick_workers = Int(8, help="Threads for calls that take milliseconds.").tag(config=True)
    slow_workers = Int(8, help="Threads for calls that take long: commits, logs, commands.").tag(config=True)

    @validate("publish_address")
    def _ipv4(self, proposal: Bunch) -> str:
        try:
            return str(IPv4Address(proposal.value)) if proposal.value else ""
        except ValueError:
            raise TraitError("EngineConfig.publish_address must be an IPv4 address.") from None

    def engine(self) -> object:
        """Make the adapter, an :class:`~workspace_launcher.engine.base.Engine`; nothing is asked of the engine yet."""
        return self.engine_class(
            host=self.host or None,
            shares_file_system={"yes": True, "no": False}.get(self.shares_file_system),
            publish_address=self.publish_address,
            timeout=self.timeout,
            quick_workers=self.quick_workers,
            slow_workers=self.slow_workers,
        )


class WorkspaceConfig(Configurable):
    """What a workspace is made of."""

    image = Unicode("workspace-launcher/lab:latest", help="Image of a workspace where none is asked for.").tag(
        config=True
    )
    images = Dict(
        per_key_traits=None,
        value_trait=Dict(),
        help="Further images that can be launched: reference to {title, description}. Only these, the default image and "
        "the caller's snapshots can be. 'launch' besides those has defaults for gpus, memory, shm_size and ports.",
    ).tag(config=True)
    images_file = Unicode(
        "", help="A JSON file of such images, besides those above; read again when it changes. Empty: none."
    ).tag(config=True)
    offer_ladder = Bool(
        True, help="Offer the images that the launcher can build (data science, TensorFlow, PyTorch)."
    ).tag(config=True)
    offer_gpu_images = Enum(
        ["auto", "always", "never"],
        default_value="auto",
        help="Whether to offer the ladder's images for GPUs; 'auto': where this machine has NVIDIA's driver.",
    ).tag(config=True)
    images_directory = Unicode(
        "", help="Where the recipes of the images are that the launcher can build. Empty: those that came with it."
    ).tag(config=True)
    allow_pull = Bool(
        False,
        help="Let users who are no administrators pull any image and launch from it. What runs in a container is not "
        "trusted anyway; what it opens is disk space and the network of the engine.",
    ).tag(config=True)
    notebook_directory = Unicode(
        "",
        help="Host directory that is mounted in workspaces. Empty: the server's root directory. The server's own secrets "
        "in it (runtime files, configuration) are hidden from workspaces. On a shared server it is for each user their own: "
        "'{user}' stands for their name, as in '/srv/notebooks/{user}', and '{home}' for their home directory where they have "
        "accounts on this machine. It is made where it is missing; nobody but root may be allowed to write in the directories "
        "above it.",
    ).tag(config=True)
    volume_roots = List(
        Unicode(),
        help="Host directories under which users may mount directories of their choice in workspaces. Whatever lies there "
        "can be read and changed by them with the rights of their account.",
    ).tag(config=True)
    publish_addresses = List(
        Unicode(),
        default_value=["127.0.0.1", "::1"],
        help="Addresses of the engine's host on which users may publish further ports of a workspace. Any but loopback opens "
        "what listens there to the network, without the launcher in between.",
    ).tag(config=True)
    publish_ports = Unicode(
        "1024-65535", help="Range of the host ports on which users may publish further ports of a workspace."
    ).tag(config=True)
    mount_point = Unicode(
        "/home/workspace/notebooks", help="Where the notebook directory appears inside a workspace."
    ).tag(config=True)
    home = Unicode("/home/workspace", help="Home directory inside a workspace.").tag(config=True)
    environment_group = Int(
        990, help="Group that may write the image's environment (/opt/conda); containers get it besides their own."
    ).tag(config=True)
    allow_root = Bool(
        True,
        help="Let users become root inside (sudo apt-get install). Right for a single-user server, whose user is the "
        "operator. With False all capabilities are dropped and no process can gain privileges.",
    ).tag(config=True)
    cpus = Float(0.0, help="Processors of a workspace where none are asked for; 0: no limit.").tag(config=True)
    memory = Unicode("", help="Memory of a workspace where none is asked for ('8g'). Empty: no limit.").tag(config=True)
    shm_size = Unicode(
        "",
        help="Size of /dev/shm where none is asked for. Empty: half of the memory limit, at most 8g; 1g without one.",
    ).tag(config=True)
    max_cpus = Float(0.0, help="Most processors that can be asked for; 0: what the machine has.").tag(config=True)
    max_memory = Unicode("", help="Most memory that can be asked for. Empty: what the machine has.").tag(config=True)
    max_snapshots = Int(0, help="Most snapshots an owner may have; 0: any number.").tag(config=True)
    max_snapshot_bytes = Int(
        0, help="Most bytes that an owner's snapshots may take, beyond what other images have too; 0: any number."
    ).tag(config=True)
    max_import_bytes = Int(
        64 << 30,
        help="Most bytes of a snapshot that a user imports from a file, unpacked; 0: nobody imports any. What is imported is "
        "as untrusted as what runs in workspaces anyway; what it opens is disk space.",
    ).tag(config=True)
    max_workspaces = Int(0, help="Most workspaces an owner may have; 0: any number.").tag(config=True)
    recipe_size = Unicode(
        "1g",
        help="Most bytes of files in a snapshot's recipe that no package explains; what goes beyond, largest first, is left "
        "out and named in the recipe's README.",
    ).tag(config=True)
    pids_limit = Int(4096, help="Most processes and threads in a workspace.").tag(config=True)
    port = Int(8888, help="Port that the image's JupyterLab listens on.").tag(config=True)
    ready_timeout = Float(60.0, help="Seconds a workspace's JupyterLab may take to answer for the first time.").tag(
        config=True
    )
    probe_interval = Float(0.01, help="Seconds between two looks whether it answers.").tag(config=True)
    stop_timeout = Int(5, help="Seconds a workspace may take to stop before it is killed.").tag(config=True)
    data_directory = Unicode(
        "",
        help="Where each workspace's token and configuration lie on the host. Empty: workspace-launcher/ in Jupyter's data "
        "directory.",
    ).tag(config=True)
    admins = List(
        Unicode(), help="Users that see everyone's workspaces; on a shared server they have the host too."
    ).tag(config=True)
    admin_groups = List(
        Unicode(), help="Groups of this machine whose members are such users, where users have accounts on it."
    ).tag(config=True)
    shared = Bool(
        False,
        help="This server has several users (jupyter workspace serve): it does not start where it cannot tell them apart, and "
        "gives them workspaces and nothing else of the host.",
    ).tag(config=True)


class GpuConfig(Configurable):
    """Which GPUs are given, to how many, and how."""

    attach = Enum(
        ["auto", "cdi", "runtime", "requests", "none"],
        default_value="auto",
        help="How the engine gives GPUs to workspaces: by CDI, by the runtime nvidia, or by device requests; 'auto': by what it "
        "has, in this order. 'none': workspaces get no GPUs.",
    ).tag(config=True)
    share = Int(
        1,
        min=1,
        max=64,
        help="Most workspaces that one GPU is given to at once. More than 1: they see one another's load, and each can use up "
        "the GPU's memory for all.",
    ).tag(config=True)
    capabilities = Unicode(
        "compute,utility", help="Parts of NVIDIA's driver that workspaces with a GPU may use, with commas between."
    ).tag(config=True)
    probe_image = Unicode(
        "", help="Image in which an engine on another machine is asked for its GPUs. Empty: the default image."
    ).tag(config=True)
    sample_interval = Float(
        1.0, min=0.1, help="Seconds between two looks at this machine's GPUs, while somebody follows them."
    ).tag(config=True)
    watch_interval = Float(
        30.0,
        min=0.0,
        help="Seconds between two looks into each running workspace whether its GPUs are still there; 0: never.",
    ).tag(config=True)
    probe_interval = Float(
        30.0, min=1.0, help="Seconds for which an answer of another machine about its GPUs is good."
    ).tag(config=True)


class ProxyConfig(Configurable):
    """How workspaces are reached."""

    workspace_domain = Unicode(
        "",
        help="Domain whose subdomains lead to this server (wildcard DNS): each workspace gets <id>.<domain> as its own "
        "origin. Empty: <id>.localhost for browsers that came by localhost.",
    ).tag(config=True)
    allow_shared_origin = Bool(
        True,
        help="Where no origin of its own can be had, serve a workspace to browsers on this server's. Scripts in the "
        "workspace can then act as its user on this server: forbid it where users do not trust their images.",
    ).tag(config=True)
    connect_timeout = Float(5.0, help="Seconds to connect to a workspace.").tag(config=True)
    first_byte_timeout = Float(300.0, help="Seconds until a workspace begins to answer a request.").tag(config=True)
    ticket_lifetime = Float(30.0, help="Seconds in which a browser must follow to a workspace's origin.").tag(
        config=True
    )
    session_lifetime = Float(7 * 86400.0, help="Seconds a browser stays signed in to a workspace's origin.").tag(
        config=True
    )
