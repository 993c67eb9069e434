"""The environment of the functions' processes: the template's variables and this machine's own."""

import os
from collections.abc import Mapping
from pathlib import Path

from kili_export.local.stack.resources import Endpoints
from kili_export.local.stack.state_directory import Credentials
from kili_export.local.stack.template import APPLICATION, REGION, TemplateFunction

# Of the caller's environment, what a process needs to run at all and to reach Kili. The rest,
# AWS credentials and profiles above all, must not decide which S3 the functions write to.
_KEPT = (
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
    # The one program that functions run, where it lies elsewhere than in a layer.
    "FFMPEG_PATH",
)
_LOOPBACK = "127.0.0.1,localhost"


def process_environment() -> dict[str, str]:
    """What every child process gets."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, **direct_loopback(), "TZ": "UTC", "PYTHONUNBUFFERED": "1"}


def direct_loopback() -> dict[str, str]:
    """The variables that keep what stays on this machine away from proxies."""
    no_proxy = os.environ.get("NO_PROXY") or os.environ.get("no_proxy")
    shielded = _LOOPBACK if not no_proxy else f"{no_proxy},{_LOOPBACK}"
    return {"NO_PROXY": shielded, "no_proxy": shielded}


def stack_environment(
    state: Path, credentials: Credentials, endpoints: Endpoints
) -> dict[str, str]:
    """How functions and commands find this stack's state and servers, and nothing else."""
    return {
        "STATE_DIRECTORY": str(state),
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        **endpoints.environment(),
    }


def function_environment(function: TemplateFunction, aws: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of one function's processes, under the names that Lambda gives."""
    return {
        **process_environment(),
        **aws,
        **function.environment,
        "AWS_LAMBDA_FUNCTION_NAME": function.arn.rpartition(":")[2],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "LAMBDA_TASK_ROOT": str(APPLICATION),
    }
