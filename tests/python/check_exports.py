#!/usr/bin/env python3
"""Opens exports with the programs they are for: check_exports.py DIR

DIR holds graph.json, graph.graphml, graph.gexf, coco.json and pixels/<annotation id> (one byte a pixel, row by row,
1 where the mask is present). Needs networkx, pycocotools and numpy. Exits 1 and says why where something differs."""

import json
import pathlib
import sys

import networkx
import numpy
from pycocotools.coco import COCO


def check_graph(graph, expected, name):
    found = (graph.number_of_nodes(), graph.number_of_edges())
    wanted = (len(expected["vertices"]), len(expected["edges"]))
    assert found == wanted, f"{name}: {found} vertices and edges, expected {wanted}"
    assert graph.is_directed() or not wanted[1], f"{name}: not directed"
    for vertex in expected["vertices"]:
        attributes = graph.nodes[vertex["id"]]
        for key, value in vertex["properties"].items():
            if isinstance(value, (bool, int, float)):
                assert attributes[key] == value, f"{name}: {vertex['id']} {key} is {attributes[key]!r}, not {value!r}"
            if value is None:
                assert key not in attributes, f"{name}: {vertex['id']} {key} should be absent"
            # XML 1.0 has no control characters: U+FFFD stands for them.
            if isinstance(value, str):
                printable = "".join(c if c >= " " or c in "\t\n\r" else "\ufffd" for c in value)
                assert attributes[key] == printable, f"{name}: {vertex['id']} {key} is {attributes[key]!r}"
    ends = sorted((source, target) for source, target, *_ in graph.edges)
    assert ends == sorted((e["from"], e["to"]) for e in expected["edges"]), f"{name}: edges join other vertices"


def check_gexf_times(path, expected):
    space = "{http://gexf.net/1.3}"
    elements = list(networkx.readwrite.gexf.ElementTree(file=path).iter())
    spells = {e.get("id"): (e.get("start"), e.get("end")) for e in elements if e.tag in (space + "node", space + "edge")}
    for element in expected["vertices"] + expected["edges"]:
        start, end = spells[element["id"]]
        properties = element["properties"]
        assert float(start) == properties["valid_from_us"] / 1e6, f"{element['id']} starts at {start}"
        to = properties["valid_to_us"]
        assert (to is None) == (end is None), f"{element['id']} ends at {end}, not {to}"
        if to is not None:
            assert float(end) == max(to, properties["valid_from_us"]) / 1e6, f"{element['id']} ends at {end}"


def check_masks(directory):
    coco = COCO(str(directory / "coco.json"))
    compared = 0
    for annotation in coco.loadAnns(coco.getAnnIds()):
        pixels = directory / "pixels" / str(annotation["id"])
        if "segmentation" not in annotation:
            continue
        mask = coco.annToMask(annotation)
        expected = numpy.frombuffer(pixels.read_bytes(), dtype=numpy.uint8).reshape(mask.shape)
        assert (mask == expected).all(), f"annotation {annotation['id']}: {(mask != expected).sum()} pixels differ"
        assert annotation["area"] == mask.sum(), f"annotation {annotation['id']}: area {annotation['area']}"
        compared += 1
    assert compared == len(list((directory / "pixels").iterdir())), "not every mask was exported"
    return compared


def main():
    directory = pathlib.Path(sys.argv[1])
    expected = json.loads((directory / "graph.json").read_text())
    check_graph(networkx.read_graphml(directory / "graph.graphml"), expected, "GraphML")
    check_graph(networkx.read_gexf(directory / "graph.gexf", version="1.3"), expected, "GEXF")
    check_gexf_times(directory / "graph.gexf", expected)
    masks = check_masks(directory)
    print(f"{len(expected['vertices'])} vertices, {len(expected['edges'])} edges and {masks} masks are the same")


main()
