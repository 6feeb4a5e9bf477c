#!/usr/bin/env python3
"""Runs commands in turn, A B A B ..., and prints the median of each figure and the ratio to the first command.

usage: compare.py [-n ROUNDS] [--fps] NAME COMMAND [NAME COMMAND ...]

Figures: wall and CPU (user + system) seconds of the whole process, peak memory, and with --fps the member "fps" of
the JSON object the command prints last. Ratios are taken round by round, so a machine whose speed drifts does not
spoil them. One warm-up round is not counted.
"""
import json
import os
import subprocess
import sys
import time
from statistics import median


def run(command):
    started = time.perf_counter()
    process = subprocess.Popen(["sh", "-c", "exec " + command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command}: failed with status {status}")
    figures = {
        "wall_s": time.perf_counter() - started,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
    }
    return figures, output


def fps_of(output):
    lines = [line for line in output.decode().splitlines() if line.startswith("{")]
    return float(json.loads(lines[-1])["fps"])


def main():
    arguments, rounds, with_fps = sys.argv[1:], 5, False
    while arguments and arguments[0].startswith("-"):
        option = arguments.pop(0)
        if option == "-n":
            rounds = int(arguments.pop(0))
        elif option == "--fps":
            with_fps = True
        else:
            sys.exit(__doc__)
    if len(arguments) < 2 or len(arguments) % 2:
        sys.exit(__doc__)
    os.environ["RUST_BACKTRACE"] = "0"
    commands = list(zip(arguments[::2], arguments[1::2]))
    figures = {name: [] for name, _ in commands}
    for round_number in range(rounds + 1):
        for name, command in commands:
            measured, output = run(command)
            if with_fps:
                measured["fps"] = fps_of(output)
            if round_number > 0:
                figures[name].append(measured)
    first = commands[0][0]
    for figure in figures[first][0]:
        for name, _ in commands:
            values = [measured[figure] for measured in figures[name]]
            ratios = [m[figure] / max(f[figure], 1e-9) for m, f in zip(figures[name], figures[first])]
            spread = f"{min(values):.2f} to {max(values):.2f}"
            print(f"{figure:8} {name:28} {median(values):9.2f}  ({spread})  x{median(ratios):.2f}")


main()
