"""The table of secrets: each rule finds what it is for, and leaves alone what looks like it."""

from __future__ import annotations

import pytest

from workspace_launcher.environment import secrets
from workspace_launcher.environment.inside.rules import Rules

RULES = Rules(secrets.table())
HEX = "0123456789abcdef"

PATHS = {
    "ssh_key": ["/home/w/.ssh/id_ed25519", "/root/.ssh/identity"],
    "netrc": ["/home/w/.netrc"],
    "pypirc": ["/home/w/.pypirc"],
    "git_credentials": ["/home/w/.git-credentials", "/home/w/.config/git/credentials"],
    "aws_credentials": ["/home/w/.aws/credentials", "/home/w/.aws/sso/cache/0af.json"],
    "gcp_credentials": ["/home/w/.config/gcloud/application_default_credentials.json", "/home/w/.boto"],
    "azure_credentials": ["/home/w/.azure/msal_token_cache.json"],
    "kube_config": ["/home/w/.kube/config"],
    "huggingface_login": ["/home/w/.cache/huggingface/token", "/home/w/.huggingface/token"],
    "kaggle_login": ["/home/w/.kaggle/kaggle.json"],
    "tool_login": [
        "/home/w/.config/gh/hosts.yml",
        "/home/w/.config/rclone/rclone.conf",
        "/home/w/.vault-token",
        "/home/w/.pgpass",
        "/home/w/.my.cnf",
        "/home/w/.s3cfg",
        "/home/w/.dockercfg",
        "/home/w/.terraform.d/credentials.tfrc.json",
        "/home/w/.local/share/jupyter/runtime/jupyter_cookie_secret",
        "/home/w/.local/share/jupyter/runtime/jpserver-7.json",
    ],
    "key_store": ["/srv/a.p12", "/srv/b.kdbx", "/home/w/.gnupg/private-keys-v1.d/0A.key"],
    "env_file": ["/home/w/app/.env", "/home/w/app/.env.local"],
    "shell_history": ["/home/w/.bash_history", "/home/w/.python_history", "/home/w/.histfile"],
    "ipython_history": ["/home/w/.ipython/profile_default/history.sqlite"],
}
CONTENTS = {
    "private_key": ["-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn", "x\n-----BEGIN RSA PRIVATE KEY-----"],
    "aws_key": ["id = AKIAIOSFODNN7EXAMPLE\n", 'aws_secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEYAB"'],
    "gcp_key": ["AIza" + "a" * 35, "ya29." + "b" * 40],
    "azure_key": ["AccountKey=" + "a1B2" * 12 + "=="],
    "github_token": ["ghp_" + "a1B2" * 9, "github_pat_" + "a" * 22],
    "gitlab_token": ["glpat-" + "a" * 20],
    "huggingface_token": ["hf_" + "a" * 30],
    "openai_key": ["sk-proj-" + "a1" * 15, "sk-ant-api03-" + "a1" * 20],
    "slack_token": ["xoxb-123456789012-abcdef", "https://hooks.slack.com/services/T01/B02/abc"],
    "wandb_key": ['WANDB_API_KEY="' + HEX * 2 + HEX[:8] + '"'],
    "jupyter_token": [f"http://127.0.0.1:8888/lab?token={HEX * 3}\n"],
    "npm_token": ["//registry.example/:_authToken=abcdefgh-1234\n"],
    "docker_login": ['{"auths": {"r.example": {"auth": "am86c2VjcmV0"}}}'],
    "url_password": ["git clone https://jo:hunter2secret@git.example/x.git"],
    secrets.ASSIGNMENT: ['api_key = "q8Zr4Lk2VxW0tYb7Nc5Jd1Gf"', "PASSWORD: 9fK2-mXz7Qw4Rt8Yp3Ls6Vb1"],
}
INNOCENT = [
    "token = tokenizer.encode(text)\n",
    "password = getpass.getpass('Password: ')\n",
    "secret_key_file = '/run/secrets/some_file_name'\n",
    "https://user:password@example.org is how one writes it\n",
    "api_key = os.environ['API_KEY']\n",
    "the key is the_name_of_a_long_setting_here\n",
    "sk-learn and hf_transfer, ghp_short\n",
    "?token=<your token>\n",
]


def test_each_rule_has_an_example_here() -> None:
    by_path = {rule.name for rule in secrets.RULES if rule.path}
    by_content = {rule.name for rule in secrets.RULES if rule.content} | {secrets.ASSIGNMENT}
    assert by_path == set(PATHS) and by_content == set(CONTENTS)
    assert set(secrets.WHAT) == by_path | by_content


@pytest.mark.parametrize("rule", PATHS)
def test_found_by_path(rule: str) -> None:
    among = [f"/srv/others/{number}.txt" for number in range(50)]
    assert RULES.by_paths([*among, *PATHS[rule], *among]) == dict.fromkeys(PATHS[rule], rule)
    assert [one.what for one in secrets.findings_by_path(PATHS[rule][:1])] == [secrets.WHAT[rule]]


@pytest.mark.parametrize("rule", CONTENTS)
def test_found_by_content(rule: str) -> None:
    for text in CONTENTS[rule]:
        data = f"first line\n{text}".encode()
        assert RULES.by_content("/home/w/file.txt", data) == rule, text
        assert RULES.may_find(b"x" * 5000 + data), "a hint must be in whatever the rule finds"


@pytest.mark.parametrize("text", INNOCENT)
def test_left_alone(text: str) -> None:
    assert RULES.by_content("/home/w/file.py", text.encode()) is None


def test_paths_that_are_alike_are_left_alone() -> None:
    alike = [
        "/home/w/.ssh/id_ed25519.pub",
        "/home/w/.ssh/known_hosts",
        "/home/w/.aws/config",
        "/home/w/app/.env.example",
        "/opt/x/history.py",
        "/srv/netrc.md",
        "/srv/environment.yml",
        "/srv/a.p12.txt",
    ]
    assert RULES.by_paths(alike) == {}


def test_what_is_no_text_is_not_looked_into() -> None:
    assert RULES.by_content("/srv/x", b"\0" + CONTENTS["aws_key"][0].encode()) is None


def test_a_name_with_a_line_break_hides_nothing() -> None:
    path = "/home/w/a\nb/.netrc"
    assert RULES.by_paths([path]) == {path: "netrc"}
