"""What a crop model prepares is made as seldom as it can be, and changes no result."""

from __future__ import annotations

import gc
import random
import weakref
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from mfp.engine import Engine
from mfp.engine_settings import EngineSettings, Flip
from mfp.per_image import PerImage
from mfp.places import Places
from mfp.session import FinishedSession, Session
from tests.mfp.click_models import PreparingModel
from tests.mfp.session_factories import create_image, create_sessions, create_truth, outcomes

SIZES = [(96, 128), (280, 400), (128, 96)]


def sessions_on_shared_images(num_images: int = 3, num_objects: int = 4) -> list[Session]:
    """Objects of one image after the other, as a data set has them; keys are (image, object)."""
    images = [create_image(100 + idx, *SIZES[idx % len(SIZES)]) for idx in range(num_images)]
    template = create_sessions(1)[0]
    return [
        replace(
            template,
            key=(image_idx, number),
            image=image,
            truth=create_truth(10 * image_idx + number, *image.shape[:2]),
        )
        for image_idx, image in enumerate(images)
        for number in range(num_objects)
    ]


def run(model: PreparingModel, sessions: list[Session], **settings: object) -> list[FinishedSession]:
    settings = {"batch_size": 4, "zoom_size": 64} | settings
    return list(Engine(model, EngineSettings(**settings)).run(sessions))  # type: ignore[arg-type]


@pytest.fixture(params=["passes of a CPU", "whole batches"])
def passes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "whole batches":
        monkeypatch.setattr(Places, "sessions_per_pass", property(lambda self: self.batch_size))


@pytest.mark.usefixtures("passes")
@pytest.mark.parametrize("batch_size", [1, 3, 8])
@pytest.mark.parametrize("flip", ["on", "off"])
def test_each_region_of_an_image_is_prepared_once_for_all_its_sessions(batch_size: int, flip: Flip) -> None:
    model = PreparingModel()
    finished = run(model, sessions_on_shared_images(), batch_size=batch_size, flip=flip)
    places = {
        (session.key[0], record.region)  # type: ignore[index]
        for session in finished
        for record in session.clicks
    }
    num_turns = sum(len(session.clicks) for session in finished)
    assert len(places) < num_turns / 2, "regions stay and are shared, else this shows nothing"
    assert model.num_prepared == len(places) * (2 if flip == "on" else 1)


@pytest.mark.usefixtures("passes")
def test_without_zoom_an_image_is_prepared_once() -> None:
    model = PreparingModel()
    run(model, sessions_on_shared_images(), zoom=False, flip="off")
    assert model.num_prepared == 3


@pytest.mark.usefixtures("passes")
@pytest.mark.parametrize("flip", get_args(Flip))
def test_results_are_those_of_a_model_that_keeps_nothing_whatever_the_batch_and_the_order(flip: Flip) -> None:
    sessions = sessions_on_shared_images()
    expected = outcomes(run(PreparingModel(prepares=False), sessions, batch_size=1, flip=flip))
    assert len({repr(value) for value in expected.values()}) == len(sessions)
    for batch_size in (1, 2, 5, 16):
        shuffled = random.Random(batch_size).sample(sessions, len(sessions))
        assert outcomes(run(PreparingModel(), shuffled, batch_size=batch_size, flip=flip)) == expected


def test_features_of_images_that_no_session_uses_are_dropped() -> None:
    """At most those of a session each in flight, and of the whole of their images and of the newest."""
    model = PreparingModel()
    engine = Engine(model, EngineSettings(batch_size=2, zoom_size=64, flip="off"))
    list(engine.run(sessions_on_shared_images(num_images=12, num_objects=1)))
    assert model.most_alive <= 2 + 2 + 1
    gc.collect()
    assert len(model.alive) <= 1


def test_an_image_is_known_by_its_array_not_by_what_is_in_it() -> None:
    made: list[int] = []
    per_image = PerImage(lambda image: made.append(id(image)), num_newest=4)
    image = create_image(0, 8, 9)
    equal = image.copy()
    assert per_image.of(image) is per_image.of(image)
    assert per_image.of(equal) is not per_image.of(image)
    assert made == [id(image), id(equal)]


def test_the_newest_images_and_those_somebody_holds_keep_their_values() -> None:
    images = [create_image(seed, 8, 9) for seed in range(4)]
    made: list[int] = []
    per_image = PerImage(lambda image: made.append(image.size), num_newest=2)
    held = per_image.of(images[0])
    for image in images[1:]:
        per_image.of(image)
    assert per_image.of(images[0]) is held
    assert len(made) == 4
    per_image.of(images[3])
    assert len(made) == 4, "one of the two newest"
    per_image.of(images[1])
    assert len(made) == 5, "it was dropped"


def test_no_image_is_kept_alive_and_the_value_of_one_that_is_gone_goes_too() -> None:
    class Value:
        pass

    values: weakref.WeakSet[Value] = weakref.WeakSet()

    def make(_: object) -> Value:
        values.add(value := Value())
        return value

    per_image = PerImage(make, num_newest=100)
    for seed in range(20):
        image = np.full((4, 4, 3), seed, np.uint8)
        per_image.of(image)
        assert len(values) == 1
        del image
        assert not values
