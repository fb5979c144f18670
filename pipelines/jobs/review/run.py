"""`mfp review`: the desk of a run and its page, until somebody ends it."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from dataclasses import replace

from actors.specs.checked import checked
from actors.specs.review import LOCAL_HOST, ReviewSpec
from infra.storage.files import Storage
from infra.storage.locations import expand_home
from pipelines.jobs.review.desk import Desk
from pipelines.jobs.review.server import Address, application, serve

_LOCAL = {LOCAL_HOST, "localhost", "::1"}


def run_review(spec: ReviewSpec, on_ready: Callable[[str, list[str]], object]) -> None:
    """Serve the page of a run; `on_ready` is told its address, and what a person has to know before it is used.

    Raises:
        OptionError: the port is taken, or the data set is another now.
        InfraError: the run, its data set or the decisions on it cannot be read.
    """
    spec = checked(ReviewSpec, spec)
    spec = replace(spec, run=expand_home(spec.run), reviewer=spec.reviewer.strip() or _login_name())
    desk = Desk(spec, Storage(spec.storage))
    warnings = []
    if not desk.tells_rivals_apart:
        warnings.append(
            f"the storage of {spec.run} does not honour create-only puts: of two people who decide on one object at "
            "the same moment the last one counts"
        )
    if spec.host not in _LOCAL:
        warnings.append(
            f"--host {spec.host}: whoever has the link sees the images and decides, and all goes over the network "
            "unencrypted; an SSH tunnel to the local address is safer"
        )
    address = Address.open(spec.host, spec.port)
    app = application(desk, address, spec.reviewer)
    on_ready(address.url, warnings)
    serve(app, address)


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in containers
        return "reviewer"
