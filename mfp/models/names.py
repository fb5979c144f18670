"""The names of models and networks, for whoever wants no more than those: nothing is loaded for them."""

from __future__ import annotations

ANALYTIC = "analytic"
"""The click model that is a formula."""

TRAINABLE_NAMES = ("vit_b", "hrnet18", "resnet34", "lite0")
"""Networks that can be trained by name; `mfp.models.registry` holds their configurations."""
