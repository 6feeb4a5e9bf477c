#!/usr/bin/env python3
"""Folds the delta log of one stream into its graph, as docs/delta-format.md explains it.

vokg export --data DIR --stream S --format jsonl | python3 examples/fold.py
prints the JSON value that `vokg export --data DIR --stream S --format json` prints. It takes a whole log: where
retention dropped the beginning, the rest does not fold to the graph."""

import json
import sys

vertices, edges = {}, {}


def apply(diff, cud, before):
    is_vertex = cud["type"] == "node"
    elements, id = vertices if is_vertex else edges, cud["ids"]["vokg_id"]
    if diff == -1:
        if elements.pop(id)["properties"] != before:
            sys.exit(f"{id} never had the value that is taken back")
        return
    # The cause belongs to the change, not to the value.
    properties = {name: value for name, value in cud["properties"].items() if name != "caused_by"}
    if is_vertex:
        elements[id] = {"id": id, "label": cud["labels"][0], "properties": properties}
        return
    ends = {end: cud[end]["ids"]["vokg_id"] for end in ("from", "to")}
    if not vertices.keys() >= set(ends.values()):
        sys.exit(f"{id} came before one of its ends {ends}")
    elements[id] = {"id": id, "kind": cud["rel_type"], **ends, "properties": properties}


# The first line is the first of epoch 1, and begins at time 0.
stream, epoch, seq, is_closed, unclosed, frontier, last_t = None, 0, -1, True, 0, 0, -1
for line in open(sys.argv[1]) if len(sys.argv) > 1 else sys.stdin:
    record = json.loads(line)
    place = record["epoch"], record["seq"]
    follows = place == (epoch, seq + 1) and not is_closed
    # An epoch need not be closed before the next begins, but it ends with a progress record.
    begins = place == (epoch + 1, 0) and not unclosed
    if stream is None and place != (1, 0):
        sys.exit(f"the log of {record['stream']} begins at {place[0]}-{place[1]} and not at 1-0: what is older was dropped by "
                 "retention ([store] keep_secs, keep_bytes) or is missing. Fold a whole log, or take the graph as the store has "
                 "it from `vokg export --format json`")
    if not (follows or begins) or stream not in (None, record["stream"]):
        sys.exit(f"something is missing after {stream}, epoch {epoch}, seq {seq}: {line}")
    stream, epoch, seq = record["stream"], *place
    if record["kind"] == "delta":
        apply(record["diff"], record["cud"], record.get("before"))
        unclosed, last_t, is_closed = unclosed + 1, record["t"], False
    elif record["kind"] == "progress":
        if record["count"] != unclosed:
            sys.exit(f"{record['count']} deltas were announced, {unclosed} came: {line}")
        if record["lower"] != frontier:
            sys.exit(f"the end of an epoch is missing: time goes on from {record['lower']}, it was at {frontier}: {line}")
        is_closed = record["frontier"] is None
        unclosed, frontier = 0, max(frontier, last_t + 1) if is_closed else record["frontier"]

graph = {"stream": stream, "at_us": None, "known_at": {"epoch": epoch, "seq": seq}}
graph["vertices"] = [vertices[id] for id in sorted(vertices)]
graph["edges"] = [edges[id] for id in sorted(edges)]
print(json.dumps(graph))
