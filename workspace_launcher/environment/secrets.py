"""What looks like a secret: one table of rules, by a file's path or by what is in it.

The rules are carried into the workspace by :mod:`~workspace_launcher.environment.scan`, so they are data: regular expressions
of Python 3.8. A finding names the file and the rule, never the text that was found.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..snapshot_models import SecretFinding
from .inside.rules import Rules


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule. One of its ``hints`` is in any path that it can match; or, in lower case, in any file."""

    name: str
    what: str
    path: str = ""
    content: str = ""
    hints: tuple[str, ...] = ()


RULES: tuple[Rule, ...] = (
    # By path: such a file is for secrets, whatever is in it.
    Rule("ssh_key", "a private SSH key", path=r"/\.ssh/(id_[^/.]+|identity)$", hints=("/.ssh/",)),
    Rule("netrc", "logins for hosts", path=r"/[._]netrc$", hints=("netrc",)),
    Rule("pypirc", "a login for a package index", path=r"/\.pypirc$", hints=("/.pypirc",)),
    Rule(
        "git_credentials",
        "logins for Git hosts",
        path=r"/(\.git-credentials|\.config/git/credentials)$",
        hints=("credentials",),
    ),
    Rule(
        "aws_credentials",
        "keys of AWS",
        path=r"/\.aws/(credentials|sso/cache/[^/]+\.json|cli/cache/[^/]+\.json)$",
        hints=("/.aws/",),
    ),
    Rule(
        "gcp_credentials",
        "a login of Google Cloud",
        path=r"/(gcloud/(credentials\.db|access_tokens\.db|application_default_credentials\.json|legacy_credentials/.+)|\.boto)$",
        hints=("/gcloud/", "/.boto"),
    ),
    Rule(
        "azure_credentials",
        "a login of Azure",
        path=r"/\.azure/(accessTokens\.json|msal_token_cache\.(json|bin)|service_principal_entries\.(json|bin))$",
        hints=("/.azure/",),
    ),
    Rule("kube_config", "a login for a Kubernetes cluster", path=r"/\.kube/config$", hints=("/.kube/",)),
    Rule(
        "huggingface_login",
        "a token of Hugging Face",
        path=r"/huggingface/(token|stored_tokens)$|/\.huggingface/token$",
        hints=("huggingface/",),
    ),
    Rule("kaggle_login", "a token of Kaggle", path=r"/\.?kaggle/kaggle\.json$", hints=("/kaggle.json",)),
    Rule(
        "tool_login",
        "a program's login",
        path=r"/(\.config/gh/hosts\.yml|\.config/rclone/rclone\.conf|\.vault-token|\.pgpass|\.my\.cnf|\.s3cfg|\.dockercfg"
        r"|\.terraform\.d/credentials\.tfrc\.json|jupyter_cookie_secret|jpserver-\d+\.json)$",
        hints=(
            "/hosts.yml",
            "/rclone.conf",
            "/.vault-token",
            "/.pgpass",
            "/.my.cnf",
            "/.s3cfg",
            "/.dockercfg",
            "/credentials.tfrc.json",
            "/jupyter_cookie_secret",
            "/jpserver-",
        ),
    ),
    Rule(
        "key_store",
        "a store of private keys",
        path=r"\.(p12|pfx|jks|keystore|ppk|kdbx)$|/\.gnupg/private-keys-v1\.d/.+$",
        hints=(".p12", ".pfx", ".jks", ".keystore", ".ppk", ".kdbx", "/.gnupg/"),
    ),
    Rule(
        "env_file",
        "a program's variables",
        path=r"/\.env(\.(?!example$|sample$|template$|dist$)[\w-]+)?$",
        hints=("/.env",),
    ),
    Rule(
        "shell_history",
        "what was typed in a shell",
        path=r"/\.(bash|zsh|sh|ash|ksh|python|sqlite|psql|mysql|node_repl|Rapp\.)_?history$|/fish_history$|/\.histfile$",
        hints=("history", "/.histfile"),
    ),
    Rule("ipython_history", "what was typed in notebooks", path=r"/history\.sqlite$", hints=("/history.sqlite",)),
    # By content: its shape gives it away.
    Rule(
        "private_key",
        "a private key",
        content=r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----",
        hints=("private key",),
    ),
    Rule(
        "aws_key",
        "a key of AWS",
        content=r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])|aws_secret_access_key[\"']?\s*[=:]\s*[\"']?[A-Za-z0-9/+]{40}",
        hints=("akia", "asia", "aws_secret_access_key"),
    ),
    Rule(
        "gcp_key",
        "a key of Google",
        content=r"(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])|(?<![A-Za-z0-9])ya29\.[A-Za-z0-9_-]{40}",
        hints=("aiza", "ya29."),
    ),
    Rule(
        "azure_key",
        "a key of Azure",
        content=r"(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{40,}={0,2}",
        hints=("accountkey=", "sharedaccesskey="),
    ),
    Rule(
        "github_token",
        "a token of GitHub",
        content=r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{22,})",
        hints=("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    ),
    Rule(
        "gitlab_token",
        "a token of GitLab",
        content=r"(?<![A-Za-z0-9])gl(?:pat|dt|rt)-[A-Za-z0-9_-]{20}",
        hints=("glpat-", "gldt-", "glrt-"),
    ),
    Rule(
        "huggingface_token", "a token of Hugging Face", content=r"(?<![A-Za-z0-9_])hf_[A-Za-z0-9]{30,}", hints=("hf_",)
    ),
    Rule(
        "openai_key",
        "a key of OpenAI or Anthropic",
        content=r"(?<![A-Za-z0-9_-])sk-(?:proj-|svcacct-|ant-[a-z0-9]+-)?[A-Za-z0-9_-]*[A-Za-z0-9]{20}[A-Za-z0-9_-]*",
        hints=("sk-",),
    ),
    Rule(
        "slack_token",
        "a token of Slack",
        content=r"(?<![A-Za-z0-9])xox[abeprs]-[A-Za-z0-9-]{10,}|hooks\.slack\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]+",
        hints=("xoxa-", "xoxb-", "xoxe-", "xoxp-", "xoxr-", "xoxs-", "hooks.slack.com"),
    ),
    Rule(
        "wandb_key",
        "a key of Weights & Biases",
        content=r"(?i)(?:wandb_api_key|wandb[\w. ]{0,20}(?:key|login))[\"']?\s*[=:(,]{1,2}\s*(?:key\s*=\s*)?[\"']?[0-9a-f]{40}(?![0-9a-f])",
        hints=("wandb",),
    ),
    Rule(
        "jupyter_token",
        "the token of a Jupyter server",
        content=r"[?&]token=[0-9a-f]{32,64}(?![0-9a-zA-Z])",
        hints=("token=",),
    ),
    Rule(
        "npm_token",
        "a login for a package registry",
        content=r"(?m)^[^#;\n]*_(?:authToken|auth|password)\s*=\s*[^\s$]{8,}",
        hints=("_authtoken", "_auth", "_password"),
    ),
    Rule(
        "docker_login",
        "logins for registries",
        content=r"\"(?:auth|identitytoken)\"\s*:\s*\"[A-Za-z0-9+/=._-]{8,}\"",
        hints=('"auth"', '"identitytoken"'),
    ),
    Rule(
        "url_password",
        "a password in an address",
        content=r"\b(?:https?|ftp|postgres(?:ql)?|mysql|mongodb(?:\+srv)?|redis|amqps?)://[A-Za-z0-9._%+-]+:(?!\$|<|\{|password@|pass@|passwd@|user@|secret@|x+@|\*+@)[^\s/@:\"'<>{}$]{6,}@[A-Za-z0-9.-]+",
        hints=("://",),
    ),
)

ASSIGNMENT = "high_entropy"
"""The rule of strings that are given to a name like ``api_key`` and look as if made by chance."""
_ASSIGNMENT = (
    r"(?i)(?:secret|token|passw(?:or)?d|passphrase|api_?-?key|access_?-?key|auth_?-?key|credential)s?[\w.-]{0,20}[\"']?\s{0,4}"
    r"(?:=|:|=>)\s{0,4}[\"']?([A-Za-z0-9+/_\-]{20,200}={0,2})(?![A-Za-z0-9+/_.(\[-])"
)
_ASSIGNMENT_HINTS = ("secret", "token", "passw", "passphrase", "key", "credential")
_NO_ASSIGNMENTS_IN = (
    r"(?:\.lock|\.ipynb|\.min\.js|\.map|\.svg|\.css|\.html?|\.sum|\.csv|\.tsv|/RECORD|/package-lock\.json|/npm-shrinkwrap\.json"
    r"|-lock\.ya?ml|/tokenizer[\w.-]*\.json|/vocab[\w.-]*)$"
)
"""Files that are full of hashes and identifiers."""
_ENTROPY = 3.7
"""Bits a character, over the string's own letters; English words have less than 3.5, random base64 of that length more than 4."""

WHAT = {**{rule.name: rule.what for rule in RULES}, ASSIGNMENT: "a string that may be a secret"}
"""What each rule finds, in words."""


def findings_by_path(paths: Iterable[str]) -> tuple[SecretFinding, ...]:
    """Return what is found by path alone."""
    found = Rules(table()).by_paths(paths)
    return tuple(SecretFinding(path, rule, WHAT[rule]) for path, rule in sorted(found.items()))


def table() -> dict[str, Any]:
    """Return the table as :class:`~workspace_launcher.environment.inside.rules.Rules` takes it."""
    return {
        "paths": [[rule.name, rule.path, list(rule.hints)] for rule in RULES if rule.path],
        "contents": [[rule.name, rule.content, list(rule.hints)] for rule in RULES if rule.content],
        "assignment": [ASSIGNMENT, _ASSIGNMENT, list(_ASSIGNMENT_HINTS), _NO_ASSIGNMENTS_IN, _ENTROPY],
    }
