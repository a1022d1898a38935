"""The specification's stack, built as it says: Keras Xception, the `mtcnn` package, a DCT block by
block, Grad-CAM by GradientTape.

Only where its code cannot run does this differ from it: the detector gets RGB, its thresholds where
version 1.0.0 takes them, and a pyramid that ends (see `pyramid`); the features are computed, which
the specification's `process_image` forgets. Weights are random, which takes the same time.

Reads `["what", "path"]` a line, answers JSON a line.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import version
from time import perf_counter
from typing import Any

import cv2
import keras
import numpy as np
import tensorflow as tf
from mtcnn import MTCNN
from mtcnn.stages import stage_pnet
from scipy import fftpack

LAST_MAPS = "block14_sepconv2_act"


def pyramid(width: int, height: int, min_face_size: int, scale_factor: float) -> np.ndarray:
    """The scales at which the picture is at least 12 px.

    The package counts them as if faces of 20 px were asked for; with any larger size its last
    levels are too small for the network, and it finds no face at all.
    """
    first = 12 / min_face_size
    n = int(np.log(12 / (min(width, height) * first)) / np.log(scale_factor)) + 1
    return first * scale_factor ** np.arange(n)


@lru_cache(maxsize=1)
def detector() -> MTCNN:
    stage_pnet.build_scale_pyramid = pyramid
    return MTCNN()


@lru_cache(maxsize=1)
def model() -> keras.Model:
    base = keras.applications.Xception(weights=None, include_top=False, input_shape=(224, 224, 3))
    x = keras.layers.GlobalAveragePooling2D()(base.output)
    x = keras.layers.Dropout(0.5)(keras.layers.Dense(512, activation="relu")(x))
    x = keras.layers.Dropout(0.3)(keras.layers.Dense(256, activation="relu")(x))
    return keras.Model(base.input, keras.layers.Dense(2, activation="softmax")(x))


def faces(image: np.ndarray) -> list[dict[str, Any]]:
    return detector().detect_faces(
        cv2.cvtColor(image, cv2.COLOR_BGR2RGB),
        min_face_size=40,
        threshold_pnet=0.6,
        threshold_rnet=0.7,
        threshold_onet=0.7,
    )


def cut(image: np.ndarray, box: list[int]) -> np.ndarray:
    x, y, width, height = box
    pad = int(0.3 * max(width, height))
    return image[max(0, y - pad) : y + height + pad, max(0, x - pad) : x + width + pad]


def prepared(face: np.ndarray) -> np.ndarray:
    resized = cv2.resize(face, (224, 224), interpolation=cv2.INTER_CUBIC)
    scaled = cv2.cvtColor(resized, cv2.COLOR_BGR2RGB).astype(np.float32) / 255
    return ((scaled - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225])[None].astype(np.float32)


def frequencies(face: np.ndarray) -> np.ndarray:
    grey = cv2.cvtColor(cv2.resize(face, (224, 224)), cv2.COLOR_BGR2GRAY).astype(np.float64)
    magnitude = np.abs(np.fft.fftshift(np.fft.fft2(grey)))
    y, x = np.ogrid[:224, :224]
    radius = np.sqrt((x - 112) ** 2 + (y - 112) ** 2)
    bins = np.minimum((radius / radius.max() * 128).astype(int), 127)
    profile = np.bincount(bins.ravel(), magnitude.ravel()) / np.bincount(bins.ravel())
    ratio = ((magnitude * (radius > 60)) ** 2).sum() / (magnitude**2).sum()
    share = magnitude / magnitude.sum()
    entropy = -(share * np.log(share + 1e-10)).sum()
    blocks = np.array(
        [
            fftpack.dct(fftpack.dct(grey[i : i + 8, j : j + 8].T, norm="ortho").T, norm="ortho")
            for i in range(0, 217, 8)
            for j in range(0, 217, 8)
        ]
    )
    ac = blocks.reshape(-1, 64)[:, 1:]
    return np.concatenate([profile, [ratio, entropy], ac.mean(0), ac.std(0), np.median(ac, 0)])


def gradcam(batch: np.ndarray, face: np.ndarray) -> str:
    network = model()
    both = keras.Model(network.input, [network.get_layer(LAST_MAPS).output, network.output])
    with tf.GradientTape() as tape:
        maps, predictions = both(batch)
        score = predictions[:, int(tf.argmax(predictions[0]))]
    weights = tf.reduce_mean(tape.gradient(score, maps), axis=(0, 1, 2))
    heat = tf.maximum(tf.squeeze(maps[0] @ weights[..., tf.newaxis]), 0)
    heat = (heat / (tf.math.reduce_max(heat) + 1e-9)).numpy()
    coloured = cv2.applyColorMap(
        np.uint8(255 * cv2.resize(heat, (face.shape[1], face.shape[0]))), cv2.COLORMAP_JET
    )
    shown = cv2.addWeighted(face, 0.6, coloured, 0.4, 0)
    return base64.b64encode(cv2.imencode(".jpg", shown)[1].tobytes()).decode()


def answer_faces(path: str) -> dict[str, Any]:
    [found] = faces(cv2.imread(path))
    x, y, width, height = map(int, found["box"])
    return {"box": [x, y, x + width, y + height]}


def answer_whole(path: str) -> dict[str, Any]:
    """Every step of the specification's `process_image`, and the milliseconds of each."""
    stages = {}

    def timed(name: str, step: Callable[..., Any], *arguments: Any) -> Any:
        started = perf_counter()
        result = step(*arguments)
        stages[name] = round((perf_counter() - started) * 1000, 1)
        return result

    with open(path, "rb") as file:  # noqa: PTH123
        data = np.frombuffer(file.read(), np.uint8)
    image = timed("media", cv2.imdecode, data, cv2.IMREAD_COLOR)
    found = timed("faces", faces, image)
    face = cut(image, max(found, key=lambda one: one["box"][2] * one["box"][3])["box"])
    batch = timed("preprocessing", prepared, face)
    timed("frequencies", frequencies, face)
    timed("network", lambda: model().predict(batch, verbose=0))
    timed("Grad-CAM", gradcam, batch, face)
    return {"stages_ms": stages}


def answer_versions(_: str) -> dict[str, str]:
    names = ("tensorflow-cpu", "keras", "mtcnn", "scipy", "opencv-python-headless", "numpy")
    return {name: version(name) for name in names}


ANSWERS = {"faces": answer_faces, "whole": answer_whole, "versions": answer_versions}

if __name__ == "__main__":
    # Whatever the libraries print must not stand between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        what, path = json.loads(line)
        print(json.dumps(ANSWERS[what](path)), file=answers, flush=True)
