"""What someone puts into a shard costs its own sample: the samples before and after it are read as ever."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from infra.errors import Reason, SampleError
from infra.shards import tar_stream
from infra.shards.image_file import decode_image
from infra.shards.sample import QuarantinedSample, Sample
from infra.shards.sample_document import dump_document
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage
from tests.infra.sample_factory import encoded, random_pixels, sample

STORAGE = Storage()
FOLDER = "memory://hostile-shards"
PIXELS = random_pixels(12, 16)
OBJECTS = json.loads(dump_document("x", sample("x"), []))


@dataclass(frozen=True)
class Member:
    """A member of a tar."""

    name: str
    content: bytes = b""
    kind: bytes = tarfile.REGTYPE
    target: str = ""


def members_of(key: str) -> list[Member]:
    good = sample(key)
    return [Member(f"{key}.png", good.image_bytes), Member(f"{key}.json", dump_document(key, good, []))]


def as_tar(members: Sequence[Member]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member in members:
            info = tarfile.TarInfo(member.name)
            info.size, info.type, info.linkname = len(member.content), member.kind, member.target
            tar.addfile(info, io.BytesIO(member.content))
    return stream.getvalue()


def read(members: Sequence[Member]) -> list[Sample | QuarantinedSample]:
    """Read a shard with a good sample before the members and one after them."""
    url = f"{FOLDER}/shard.tar"
    STORAGE.write_bytes(url, as_tar([*members_of("a"), *members, *members_of("z")]))
    first, *others, last = read_shard(STORAGE, url)
    for neighbour, key in ((first, "a"), (last, "z")):
        assert isinstance(neighbour, Sample)
        assert (neighbour.key, len(neighbour.objects)) == (key, 2)
    return others


def reason_of(items: Sequence[Sample | QuarantinedSample]) -> str:
    """The reason of the only record, or that of decoding the only sample."""
    (item,) = items
    if isinstance(item, QuarantinedSample):
        return item.reason
    with pytest.raises(SampleError) as caught:
        decode_image(item.image_bytes)
    return caught.value.reason


def picture(name: str, content: bytes) -> list[Member]:
    return [Member(name, content)]


def document(**change: object) -> list[Member]:
    return [
        Member("h.png", encoded(PIXELS)),
        Member("h.json", json.dumps(OBJECTS | {"key": "h"} | change).encode()),
    ]


def png_of_size(width: int, height: int) -> bytes:
    """A few bytes that say they are a picture of any size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100_000)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


HALF = encoded(PIXELS)[:-200]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        (picture("h.jpg", b""), Reason.UNDECODABLE_IMAGE),
        (picture("h.png", HALF), Reason.UNDECODABLE_IMAGE),
        (picture("h.jpg", b"GIF89a" + bytes(20)), Reason.UNDECODABLE_IMAGE),
        (picture("h.png", png_of_size(60_000, 60_000)), Reason.IMAGE_TOO_LARGE),
        (picture("h.png", png_of_size(2**31 - 1, 2**31 - 1)), Reason.IMAGE_TOO_LARGE),
        (picture("h.png", as_tar(members_of("inner"))), Reason.UNDECODABLE_IMAGE),
        (document(height=13), Reason.MASK_SIZE_MISMATCH),
        (document(height=float("nan")), Reason.BAD_METADATA),
        (document(height="12"), Reason.BAD_METADATA),
        (document(objects={"a": 1}), Reason.BAD_METADATA),
        (document(objects=[None]), Reason.BAD_METADATA),
        ([Member("h.json", b"[" * 100_000)], Reason.BAD_METADATA),
        ([Member("h.json", b"\xff\xfe{}")], Reason.BAD_METADATA),
        ([Member("h.json", b'{"height": 1e999}')], Reason.MISSING_IMAGE),
        ([*document(), Member("h.jpg", encoded(PIXELS, "JPEG"))], Reason.BAD_METADATA),
    ],
)
def test_a_hostile_sample_is_a_record_with_its_reason(members: list[Member], reason: Reason) -> None:
    assert reason_of(read(members)) == reason


def huge_document() -> list[Member]:
    return [
        Member("h.png", encoded(PIXELS)),
        Member("h.json", b'{"attributes": [' + b"0," * 50_000_000 + b"0]}"),
    ]


def test_a_json_of_100_megabytes_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []
    loads: Callable[..., object] = json.loads

    def counting(data: bytes) -> object:
        parsed.append(len(data))
        return loads(data)

    monkeypatch.setattr("infra.shards.sample_document.json.loads", counting)
    (item,) = read(huge_document())
    assert isinstance(item, QuarantinedSample)
    assert item.reason == Reason.BAD_METADATA
    assert item.detail == f"a member .json of more than {tar_stream.MAX_DOCUMENT_BYTES} bytes"
    assert max(parsed) < 10_000


@pytest.mark.parametrize(
    "member",
    [
        Member("h.png", kind=tarfile.SYMTYPE, target="/etc/passwd"),
        Member("h.png", kind=tarfile.LNKTYPE, target="a.png"),
        Member("h.png", kind=tarfile.CHRTYPE),
        Member("h.png", kind=tarfile.FIFOTYPE),
        Member("h.png", kind=tarfile.DIRTYPE),
        Member("h.exe", b"MZ"),
        Member(".png", encoded(PIXELS)),
        Member("inner.tar", as_tar(members_of("inner"))),
    ],
)
def test_links_devices_and_other_files_are_passed_over(member: Member) -> None:
    assert read([member]) == []


@pytest.mark.parametrize(
    "key",
    ["../../etc/passwd", "/etc/passwd", "C:/x", "ä/日本語/🙂", "k" * 5000, "x\ny", "-rf", "$(id)", "a b'\""],
)
def test_a_key_is_a_name_and_nothing_else(key: str) -> None:
    (item,) = read([Member(f"{key}.png", encoded(PIXELS))])
    assert isinstance(item, Sample)
    assert item.key == key


def test_a_key_of_the_documents_own_may_repeat_once(monkeypatch: pytest.MonkeyPatch) -> None:
    (item,) = read(document(key="a"))
    assert isinstance(item, QuarantinedSample)
    assert (item.key, item.reason) == ("a", Reason.DUPLICATE_KEY)


def test_members_out_of_order_set_both_halves_aside_or_join() -> None:
    image, text = members_of("h")
    other = members_of("i")
    items = read([image, *other, text])
    assert [item.key for item in items] == ["h", "i", "h"]
    assert isinstance(items[0], Sample)
    assert not items[0].objects
    assert isinstance(items[2], QuarantinedSample)
    assert items[2].reason == Reason.MISSING_IMAGE


@pytest.mark.parametrize(
    ("mode", "image_format"),
    [
        ("CMYK", "JPEG"),
        ("L", "JPEG"),
        ("P", "PNG"),
        ("RGBA", "PNG"),
        ("LA", "PNG"),
        ("1", "PNG"),
        ("RGBA", "WEBP"),
    ],
)
@pytest.mark.parametrize("name", ["h.jpg", "h.png", "h.webp"])
def test_every_kind_of_picture_is_read_whatever_its_name(mode: str, image_format: str, name: str) -> None:
    stream = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(stream, image_format)
    (item,) = read([Member(name, stream.getvalue())])
    assert isinstance(item, Sample)
    assert decode_image(item.image_bytes).shape == (12, 16, 3)


def test_of_an_animation_the_first_frame_counts() -> None:
    frames = [Image.fromarray(np.full((12, 16, 3), value, np.uint8)) for value in (200, 20)]
    stream = io.BytesIO()
    frames[0].save(stream, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    (item,) = read([Member("h.webp", stream.getvalue())])
    assert isinstance(item, Sample)
    assert int(decode_image(item.image_bytes).mean()) == 200
