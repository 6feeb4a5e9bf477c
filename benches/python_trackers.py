#!/usr/bin/env python3
"""Runs the packaged trackers that are installed over real sequences: python_trackers.py SEQUENCES OUT

Writes OUT/TRACKER/SEQUENCE.txt and prints frames a second, time inside the tracker only. Trackers of one round get the
boxes above the threshold their authors use for the detector in question; those of two rounds get all. Else they run at their defaults.
No camera motion: there are no pictures."""
import configparser
import pathlib
import sys
import time
import warnings

import numpy
import supervision

warnings.simplefilter("ignore")


def packaged():
    """Name, what makes it for a frame rate, what it is called with, and whether it takes weak boxes."""
    try:
        import trackers
    except ImportError:
        # Its threshold would let weak boxes begin tracks; this is the one of the paper.
        make = lambda fps: supervision.ByteTrack(track_activation_threshold=0.6, frame_rate=round(fps))
        yield "supervision-ByteTrack", make, lambda tracker, boxes: tracker.update_with_detections(boxes), True
        return
    update = lambda tracker, boxes: tracker.update(boxes)
    yield "trackers-SORT", lambda fps: trackers.SORTTracker(frame_rate=fps), update, False
    yield "trackers-ByteTrack", lambda fps: trackers.ByteTrackTracker(frame_rate=fps), update, True
    yield "trackers-OC-SORT", lambda fps: trackers.OCSORTTracker(frame_rate=fps), update, False
    yield "trackers-BoT-SORT", lambda fps: trackers.BoTSORTTracker(frame_rate=fps, enable_cmc=False), update, True


def threshold(name):
    return 0.6 if name.startswith("MOT17") else 0.5 if name.startswith("KITTI") else -numpy.inf


def frames_of(folder, least):
    rows = numpy.loadtxt(folder / "det/det.txt", delimiter=",", usecols=range(7), ndmin=2)
    rows = rows[rows[:, 6] >= least]
    for frame in range(1, int(rows[:, 0].max()) + 1):
        left, top, width, height, score = rows[rows[:, 0] == frame][:, 2:7].T
        corners = numpy.stack([left, top, left + width, top + height], axis=1)
        yield supervision.Detections(xyxy=corners, confidence=score, class_id=numpy.zeros(len(score), dtype=int))


def main(sequences, out):
    folders = sorted(path.parent.parent for path in pathlib.Path(sequences).glob("*/det/det.txt"))
    for name, make, update, weak in packaged():
        seconds, count = 0.0, 0
        (pathlib.Path(out) / name).mkdir(parents=True, exist_ok=True)
        for folder in folders:
            about = configparser.ConfigParser()
            about.read(folder / "seqinfo.ini")
            tracker = make(float(about["Sequence"]["frameRate"]))
            frames = list(frames_of(folder, -numpy.inf if weak else threshold(folder.name)))
            begun = time.perf_counter()
            tracked = [update(tracker, boxes) for boxes in frames]
            seconds += time.perf_counter() - begun
            count += len(frames)
            with open(pathlib.Path(out) / name / f"{folder.name}.txt", "w") as text:
                for frame, boxes in enumerate(tracked, 1):
                    for (left, top, right, bottom), score, track in zip(boxes.xyxy, boxes.confidence, boxes.tracker_id):
                        if track >= 0:
                            row = f"{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f},{score:.3f}"
                            text.write(f"{frame},{track},{row},-1,-1,-1\n")
        print(f"{name:24} {count / seconds:9.0f} frames/s")


main(*sys.argv[1:])
