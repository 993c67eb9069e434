"""Lets something be done by another user of the machine, who belongs to no group of ours."""

import json
import os
import pwd
import warnings
from collections.abc import Callable
from typing import Any

import pytest


def as_nobody(act: Callable[[], Any]) -> Any:
    """What `act` answers, as JSON, in a process of the user nobody. Skips where we are not root."""
    if os.geteuid() != 0:
        pytest.skip("only root can act as another user")
    nobody = pwd.getpwnam("nobody")
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # The child runs one function and ends; it takes no lock of another thread.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _act(act, nobody, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    assert status == 0, answer
    return json.loads(answer)


def _act(act: Callable[[], Any], user: pwd.struct_passwd, writing: int) -> None:
    """Never returns."""
    status = 1
    try:
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        os.write(writing, json.dumps(act()).encode())
        status = 0
    except BaseException as error:  # noqa: BLE001 the parent shows it
        os.write(writing, repr(error).encode())
    finally:
        os._exit(status)
