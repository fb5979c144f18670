"""What the files of stand-in clones say: the interface of the `isegm` family, in small.

Each variant differs from the others in what the repositories differ in: how a checkpoint looks, what `load_is_model`
and `get_predictor` ask for, what a predictor keeps between clicks, and how it starts from a mask.
"""

from __future__ import annotations

from enum import StrEnum


class Family(StrEnum):
    """What a clone is like."""

    RITM = "ritm"
    FBRS = "fbrs"
    SIMPLECLICK = "simpleclick"
    CLICKSEG = "clickseg"
    EMC = "emc"


_CLICKER = """
import numpy as np


class Click:
    def __init__(self, is_positive, coords, indx=None):
        self.is_positive, self.coords, self.indx = is_positive, coords, indx


class Clicker:
    def __init__(self, gt_mask=None, click_indx_offset=0):
        self.click_indx_offset = click_indx_offset
        self.reset_clicks()

    def reset_clicks(self):
        self.made = np.zeros(2, dtype=np.int)  # a name that NumPy has lost
        self.clicks_list = []

    def add_click(self, click):
        row, column = click.coords
        assert type(row) is int and type(column) is int
        click.indx = self.click_indx_offset + int(self.made.sum())
        self.made[int(click.is_positive)] += 1
        self.clicks_list.append(click)

    def get_clicks(self, clicks_limit=None):
        return self.clicks_list[:clicks_limit]
"""

# The logit at a pixel: likeness to the colours under the clicks near it, what a convolution says, the map before.
_NET = """
import torch
from torch import nn
from torch.nn import functional as F


class Backbone(nn.Module):
    def __init__(self, positions):
        super().__init__()
        self.pos_embed = nn.Parameter(torch.full((1, 1, *positions), 0.5))
        self.img_size = (448, 448)

    def forward(self, image):
        if tuple(image.shape[2:]) != tuple(self.img_size):
            raise AssertionError(f"Input image size {tuple(image.shape[2:])} doesn't match model {self.img_size}")
        return F.interpolate(self.pos_embed, size=image.shape[2:], mode="bilinear", align_corners=True)


class Net(nn.Module):
    def __init__(self, with_prev_mask=True, positions=None):
        super().__init__()
        self.with_prev_mask = with_prev_mask
        self.texture = nn.Conv2d(3, 4, 3, padding=1, padding_mode="replicate")
        self.head = nn.Conv2d(4, 1, 1)
        self.reach = nn.Parameter(torch.tensor(0.3))
        if positions is not None:
            self.backbone = Backbone(positions)

    def forward(self, image, points, scale=1.0, bias=0.0):
        colours = image[:, :3]
        logits = 0.2 * self.head(torch.relu(self.texture(colours))) - 1
        if self.with_prev_mask:
            logits = logits + 1.5 * image[:, 3:4]
        if hasattr(self, "backbone"):
            logits = logits + self.backbone(colours)
        return (logits + self.evidence(colours, points)) * scale + bias

    def evidence(self, colours, points):
        height, width = colours.shape[2:]
        rows = torch.arange(height, device=colours.device).view(-1, 1)
        columns = torch.arange(width, device=colours.device).view(1, -1)
        maps = []
        for picture, clicks in zip(colours, points):
            total = torch.zeros((height, width), device=colours.device)
            for row, column, sign in clicks:
                at = (min(max(int(row), 0), height - 1), min(max(int(column), 0), width - 1))
                unlike = (picture - picture[:, at[0], at[1]].view(3, 1, 1)).abs().sum(0)
                away = ((rows - row) ** 2 + (columns - column) ** 2).double() ** 0.5 / (height + width)
                total = total + (sign * 6 * torch.exp(-4 * unlike - away / self.reach)).float()
            maps.append(total)
        return torch.stack(maps)[:, None]
"""

_ZOOM = '''
import torch
from torch.nn import functional as F


class ZoomIn:
    """Looks at the surroundings of the map before, in one size."""

    def __init__(self, target_size=400, skip_clicks=1, expansion_ratio=1.4, prob_thresh=0.49):
        self.target_size, self.skip_clicks = target_size, skip_clicks
        self.expansion_ratio, self.prob_thresh = expansion_ratio, prob_thresh
        self.reset()

    def reset(self):
        self.roi, self.prev = None, None

    def into(self, image, points):
        height, width = image.shape[2:]
        self.shape = (height, width)
        self.roi = (0, height, 0, width)
        if self.prev is not None and len(points) > self.skip_clicks:
            rows, columns = torch.nonzero(self.prev[0, 0] > self.prob_thresh, as_tuple=True)
            rows = rows.tolist() + [row for row, _, sign in points if sign > 0]
            columns = columns.tolist() + [column for _, column, sign in points if sign > 0]
            if rows:
                self.roi = (*self.grown(rows, height), *self.grown(columns, width))
        top, bottom, left, right = self.roi
        size = self.target_size
        if isinstance(size, int):
            longer = max(bottom - top, right - left)
            size = (max(1, round((bottom - top) * size / longer)), max(1, round((right - left) * size / longer)))
        crop = F.interpolate(image[:, :, top:bottom, left:right], size=size, mode="bilinear", align_corners=True)
        moved = [
            ((row - top) * size[0] / (bottom - top), (column - left) * size[1] / (right - left), sign)
            for row, column, sign in points
        ]
        return crop, moved

    def grown(self, places, size):
        middle, half = (min(places) + max(places)) / 2, self.expansion_ratio * (max(places) - min(places) + 8) / 2
        return max(0, round(middle - half)), min(size, round(middle + half) + 1)

    def out_of(self, prob):
        top, bottom, left, right = self.roi
        whole = torch.zeros((1, 1, *self.shape), device=prob.device)
        whole[:, :, top:bottom, left:right] = F.interpolate(
            prob, size=(bottom - top, right - left), mode="bilinear", align_corners=True
        )
        self.prev = whole
        return whole
'''

_PREDICTOR = """
import torch
from torch.nn import functional as F
from torchvision import transforms


class Predictor:
    takes_prev = True

    def __init__(self, model, device, zoom_in=None, with_flip=False):
        self.net, self.nets = model if isinstance(model, tuple) else (model, None)
        self.device, self.zoom_in, self.with_flip = device, zoom_in, with_flip
        self.original_image = None
        if self.takes_prev:
            self.prev_prediction = None

    def set_input_image(self, image):
        if self.zoom_in is not None:
            self.zoom_in.reset()
        self.original_image = transforms.ToTensor()(image).to(self.device).unsqueeze(0)
        self.prev_prediction = torch.zeros_like(self.original_image[:, :1])

    def get_prediction(self, clicker, prev_mask=None):
        clicks = clicker.get_clicks()
        points = [(*click.coords, 1 if click.is_positive else -1) for click in clicks]
        net = self.net if self.nets is None else self.nets[min(len(clicks), len(self.nets)) - 1]
        image = self.original_image
        if self.takes_prev:
            image = torch.cat((image, self.prev_prediction if prev_mask is None else prev_mask), dim=1)
        if self.zoom_in is not None:
            image, points = self.zoom_in.into(image, points)
        prob = torch.sigmoid(self.logits(net, image, points, clicks))
        if self.zoom_in is not None:
            prob = self.zoom_in.out_of(prob)
        if self.takes_prev:
            self.prev_prediction = prob
        return prob.cpu().numpy()[0, 0]

    def logits(self, net, image, points, clicks, **words):
        if not self.with_flip:
            return net(image, [points], **words)
        mirrored = [(row, image.shape[3] - column - 1, sign) for row, column, sign in points]
        both = net(torch.cat((image, image.flip(3))), [points, mirrored], **words)
        return (both[:1] + both[1:].flip(3)) / 2
"""

_RITM_UTILS = """
from pathlib import Path

import torch


def load_is_model(checkpoint, device, **kwargs):
    content = torch.load(checkpoint, map_location="cpu") if isinstance(checkpoint, (str, Path)) else checkpoint
    if isinstance(content, list):
        nets = [single(part, device) for part in content]
        return nets[0], nets
    return single(content, device)


def single(content, device):
    net = content["config"]["class"](**content["config"]["params"])
    net.load_state_dict(content["state_dict"], strict=False)
    for parameter in net.parameters():
        parameter.requires_grad = False
    return net.to(device).eval()
"""

_RITM = """
from isegm.inference.predictors.base import Predictor
from isegm.inference.zoom_in import ZoomIn


def get_predictor(
    net, brs_mode, device, prob_thresh=0.49, with_flip=True, zoom_in_params=dict(), predictor_params=None
):
    zoom_in = None if zoom_in_params is None else ZoomIn(**zoom_in_params)
    if brs_mode != "NoBRS":
        raise NotImplementedError
    return Predictor(net, device, zoom_in=zoom_in, with_flip=with_flip)
"""

_FBRS_UTILS = """
from pathlib import Path

import torch
from isegm.model.net import Net


def load_is_model(checkpoint, device, backbone="auto", **kwargs):
    state = torch.load(checkpoint, map_location="cpu") if isinstance(checkpoint, (str, Path)) else checkpoint
    net = Net(with_prev_mask=False)
    net.load_state_dict(state, strict=False)
    for parameter in net.parameters():
        parameter.requires_grad = False
    return net.to(device).eval()
"""

_FBRS = '''
import torch
from isegm.inference.predictors.base import Predictor
from isegm.inference.zoom_in import ZoomIn


class TensorPredictor(Predictor):
    takes_prev = False

    def set_input_image(self, image_nd):
        assert image_nd.dtype == torch.float32 and image_nd.shape[0] == 3
        if self.zoom_in is not None:
            self.zoom_in.reset()
        self.original_image = image_nd.to(self.device).unsqueeze(0)

    def get_prediction(self, clicker):
        return super().get_prediction(clicker)


class FeaturePredictor(TensorPredictor):
    """Fits a scale and a bias to the clicks, with gradients of its own."""

    def set_input_image(self, image_nd):
        super().set_input_image(image_nd)
        self.start = torch.tensor([1.0, 0.0])

    def logits(self, net, image, points, clicks):
        fitted = self.start.clone()
        for _ in range(3):
            with torch.enable_grad():
                fitted = fitted.detach().requires_grad_(True)
                logits = super().logits(net, image, points, clicks, scale=fitted[0], bias=fitted[1])
                at = [
                    sign * logits[0, 0, min(int(row), logits.shape[2] - 1), min(int(column), logits.shape[3] - 1)]
                    for row, column, sign in points
                ]
                loss = torch.nn.functional.softplus(self.prob_thresh - torch.stack(at)).sum()
                loss.backward()
            fitted = fitted.detach() - 0.05 * fitted.grad
        self.start = fitted
        return super().logits(net, image, points, clicks, scale=fitted[0], bias=fitted[1])


def get_predictor(
    net, brs_mode, device, prob_thresh=0.49, with_flip=True, zoom_in_params=dict(), predictor_params=None
):
    zoom_in = None if zoom_in_params is None else ZoomIn(**zoom_in_params)
    kinds = {"NoBRS": TensorPredictor, "f-BRS-B": FeaturePredictor}
    predictor = kinds[brs_mode](net, device, zoom_in=zoom_in, with_flip=with_flip)
    predictor.prob_thresh = prob_thresh
    return predictor
'''

_SIMPLECLICK_UTILS = """
from pathlib import Path

import torch


def load_is_model(checkpoint, device, eval_ritm, **kwargs):
    content = torch.load(checkpoint, map_location="cpu") if isinstance(checkpoint, (str, Path)) else checkpoint
    net = content["config"]["class"](**content["config"]["params"])
    net.load_state_dict(content["state_dict"], strict=True)
    for parameter in net.parameters():
        parameter.requires_grad = False
    net.head.bias += 1.0 if eval_ritm else 0.0  # so that the switch shows
    return net.to(device).eval()
"""

_POS_EMBED = """
import torch
from torch.nn import functional as F


def interpolate_pos_embed_inference(backbone, infer_img_size, device):
    if tuple(infer_img_size) == tuple(backbone.img_size):
        return
    size = (infer_img_size[0] // 16, infer_img_size[1] // 16)
    grown = F.interpolate(backbone.pos_embed, size=size, mode="bilinear", align_corners=False)
    backbone.pos_embed = torch.nn.Parameter(grown.to(device), requires_grad=False)
    backbone.img_size = tuple(infer_img_size)
"""

_CLICKSEG = '''
import torch
from torch.nn import functional as F
from isegm.inference.predictors.base import Predictor
from isegm.inference.zoom_in import ZoomIn


class FocalPredictor(Predictor):
    """Predicts in one size, then again around the newest click."""

    def __init__(self, *args, infer_size=256, focus_crop_r=None, **words):
        super().__init__(*args, **words)
        self.infer_size, self.focus_crop_r = infer_size, focus_crop_r

    def set_prev_mask(self, mask):
        self.prev_prediction = torch.from_numpy(mask)[None, None].to(self.device).float()

    def logits(self, net, image, points, clicks):
        height, width = image.shape[2:]
        side = self.infer_size
        small = F.interpolate(image, size=(side, side), mode="bilinear", align_corners=True)
        moved = [(row * side / height, column * side / width, sign) for row, column, sign in points]
        coarse = F.interpolate(super().logits(net, small, moved, clicks), size=(height, width), mode="bilinear")
        if self.focus_crop_r is None:
            return coarse
        reach = int(self.focus_crop_r * 16)
        row, column = (int(place) for place in points[-1][:2])
        top, left = max(0, row - reach), max(0, column - reach)
        window = image[:, :, top : row + reach, left : column + reach]
        near = [(y - top, x - left, sign) for y, x, sign in points]
        coarse[:, :, top : row + reach, left : column + reach] = super().logits(net, window, near, clicks)
        return coarse


def get_predictor(
    net, brs_mode, device, prob_thresh=0.49, infer_size=256, focus_crop_r=1.4, with_flip=False, zoom_in_params=dict(),
    predictor_params=None,
):
    zoom_in = None if zoom_in_params is None else ZoomIn(**zoom_in_params)
    words = dict(zoom_in=zoom_in, with_flip=with_flip, infer_size=infer_size)
    if brs_mode == "FocalClick":
        return FocalPredictor(net, device, focus_crop_r=focus_crop_r, **words)
    if brs_mode in ("NoBRS", "CDNet", "Baseline"):
        return FocalPredictor(net, device, **words)
    raise NotImplementedError
'''

_EMC = '''
import torch
from torch.nn import functional as F
from isegm.inference.predictors.base import Predictor
from isegm.inference.zoom_in import ZoomIn


class ClickAttPredictor(Predictor):
    """Hands what the network said of the last click to the network again; it does not zoom."""

    def __init__(self, model, device, infer_size=256, with_flip=False):
        super().__init__(model, device, with_flip=with_flip)
        self.infer_size = infer_size

    def set_input_image(self, image):
        super().set_input_image(image)
        self.prev_outputs = None

    def set_prev_mask(self, mask):
        self.prev_prediction = torch.from_numpy(mask)[None, None].to(self.device).float()

    def logits(self, net, image, points, clicks):
        height, width = image.shape[2:]
        side = self.infer_size
        small = F.interpolate(image, size=(side, side), mode="bilinear", align_corners=True)
        moved = [(row * side / height, column * side / width, sign) for row, column, sign in points]
        outputs = super().logits(net, small, moved, clicks)
        refined = outputs if self.prev_outputs is None else 0.8 * outputs + 0.2 * self.prev_outputs
        self.prev_outputs = outputs
        return F.interpolate(refined, size=(height, width), mode="bilinear")


def get_predictor(
    net, brs_mode, device, prob_thresh=0.49, infer_size=256, focus_crop_r=1.4, with_flip=True, zoom_in_params=dict(),
    predictor_params=None,
):
    side = zoom_in_params["target_size"] if "target_size" in zoom_in_params else 384
    if brs_mode == "EMC-Click":
        return ClickAttPredictor(net, device, infer_size=side, with_flip=with_flip)
    if brs_mode == "NoBRS":
        return Predictor(net, device, zoom_in=ZoomIn(**zoom_in_params), with_flip=with_flip)
    raise NotImplementedError
'''

# By family: inference/utils.py and inference/predictors/__init__.py.
_PARTS = {
    Family.RITM: (_RITM_UTILS, _RITM),
    Family.FBRS: (_FBRS_UTILS, _FBRS),
    Family.SIMPLECLICK: (_SIMPLECLICK_UTILS, _RITM),
    Family.CLICKSEG: (_RITM_UTILS, _CLICKSEG),
    Family.EMC: (_RITM_UTILS, _EMC),
}


def sources_of(family: Family) -> dict[str, str]:
    """Text by file, below the folder `isegm` of a clone."""
    utils, predictors = _PARTS[family]
    sources = {
        "inference/clicker.py": _CLICKER,
        "inference/zoom_in.py": _ZOOM,
        "inference/utils.py": utils,
        "inference/predictors/__init__.py": predictors,
        "inference/predictors/base.py": _PREDICTOR,
        "model/net.py": _NET,
    }
    if family is Family.SIMPLECLICK:
        sources["model/modeling/pos_embed.py"] = _POS_EMBED
    return sources
