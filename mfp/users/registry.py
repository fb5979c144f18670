"""The kinds of simulated users by name. Another one is a file beside this one and a line in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from mfp.users.boundary_user import BoundaryUser
from mfp.users.distance_weighted_user import DistanceWeightedUser
from mfp.users.jitter_user import JitterUser
from mfp.users.lazy_user import LazyUser
from mfp.users.options import read_options
from mfp.users.protocol_user import ProtocolUser
from mfp.users.simulated_user import SimulatedUser
from mfp.users.uniform_user import UniformUser
from mfp.users.wrong_label_user import WrongLabelUser

KINDS: Final[Mapping[str, type[SimulatedUser]]] = {
    kind.kind: kind
    for kind in (
        ProtocolUser,
        UniformUser,
        DistanceWeightedUser,
        BoundaryUser,
        JitterUser,
        WrongLabelUser,
        LazyUser,
    )
}


def user(kind: str, options: Mapping[str, str]) -> SimulatedUser:
    """A user of that kind with those options, values as they are written.

    Raises ValueError, one line, for an unknown kind, and for an option that is unknown, missing or out of its bounds.
    """
    if kind not in KINDS:
        raise ValueError(f"no simulated user is called {kind!r}; give one of {', '.join(KINDS)}")
    make: Callable[..., SimulatedUser] = KINDS[kind]
    try:
        return make(**read_options(KINDS[kind], options))
    except ValueError as error:
        raise ValueError(f"simulated user {kind!r}: {error}") from None


def parse(text: str) -> SimulatedUser:
    """The user that `KIND` or `KIND?option=value&option=value` means; `SimulatedUser.name` is the reverse.

    Raises ValueError, one line, as `user` does, and if the text is not written so.
    """
    kind, mark, tail = text.partition("?")
    options: dict[str, str] = {}
    for part in tail.split("&") if mark else ():
        name, equals, value = part.partition("=")
        if not (name and equals and value):
            raise ValueError(f"simulated user {text!r}: {part!r} is not written as option=value")
        if name in options:
            raise ValueError(f"simulated user {text!r}: {name} is given twice; give it once")
        options[name] = value
    return user(kind, options)
