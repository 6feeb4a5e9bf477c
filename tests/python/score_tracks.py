#!/usr/bin/env python3
"""Scores tracks with TrackEval: score_tracks.py DIR

Each folder of DIR holds gt.txt and result.txt, MOTChallenge text. Prints one JSON object: the figures by folder, under the
names `vokg eval --json` has for them. Needs trackeval and numpy."""

import json
import pathlib
import sys

import numpy
from trackeval.datasets._base_dataset import _BaseDataset
from trackeval.metrics import CLEAR, HOTA, Identity


def read(path, is_truth):
    """Rows by frame: (id, left, top, width, height). Of the truth those with flag 0 are left out."""
    frames = {}
    for line in path.read_text().splitlines():
        values = line.split(",")
        if not is_truth or float(values[6]) != 0:
            frames.setdefault(int(values[0]), []).append([int(values[1]), *map(float, values[2:6])])
    return frames


def places(frames):
    return {name: place for place, name in enumerate(sorted({row[0] for rows in frames.values() for row in rows}))}


def together(truth, result):
    """What the metrics of TrackEval read."""
    true_places, result_places = places(truth), places(result)
    data = {"gt_ids": [], "tracker_ids": [], "similarity_scores": []}
    for frame in range(1, max([0, *truth, *result]) + 1):
        rows, boxes = [], []
        for frames, place in ((truth, true_places), (result, result_places)):
            here = frames.get(frame, [])
            rows.append(numpy.array([place[row[0]] for row in here], dtype=int))
            boxes.append(numpy.array([row[1:] for row in here], dtype=float).reshape(-1, 4))
        data["gt_ids"].append(rows[0])
        data["tracker_ids"].append(rows[1])
        data["similarity_scores"].append(_BaseDataset._calculate_box_ious(*boxes, box_format="xywh"))
    data["num_timesteps"] = len(data["gt_ids"])
    data["num_gt_ids"], data["num_tracker_ids"] = len(true_places), len(result_places)
    data["num_gt_dets"] = sum(map(len, data["gt_ids"]))
    data["num_tracker_dets"] = sum(map(len, data["tracker_ids"]))
    return data


def score(folder):
    data = together(read(folder / "gt.txt", True), read(folder / "result.txt", False))
    quiet = {"PRINT_CONFIG": False}
    hota, clear = HOTA().eval_sequence(data), CLEAR(quiet).eval_sequence(data)
    identity = Identity(quiet).eval_sequence(data)
    figures = {ours: numpy.mean(hota[theirs]) for ours, theirs in
               (("hota", "HOTA"), ("deta", "DetA"), ("assa", "AssA"), ("loca", "LocA"))}
    figures |= {ours: clear[theirs] for ours, theirs in
                (("mota", "MOTA"), ("motp", "MOTP"), ("precision", "CLR_Pr"), ("recall", "CLR_Re"),
                 ("switches", "IDSW"), ("fragmentations", "Frag"))}
    figures |= {name: identity[name.upper()] for name in ("idf1", "idp", "idr")}
    return {name: float(figure) for name, figure in figures.items()}


# Its metrics announce themselves on stdout.
out, sys.stdout = sys.stdout, sys.stderr
scores = {folder.name: score(folder) for folder in sorted(pathlib.Path(sys.argv[1]).iterdir())}
json.dump(scores, out)
