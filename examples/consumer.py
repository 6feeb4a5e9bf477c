#!/usr/bin/env python3
"""A consumer of `vokg.deltas`: rebuilds the graph of every stream from Kafka alone.

python3 -m venv venv && venv/bin/pip install confluent-kafka
venv/bin/python examples/consumer.py 127.0.0.1:9092 vokg.deltas graph.state
reads on from where the state file ends, up to the end of the topic, and prints a line for each stream: the same JSON value
that `vokg export --format json` prints, with spaces between. examples/consumer.rs is the same in Rust.

- It reads committed records only.
- It collects deltas and applies them at the progress record, so that it never shows half a moment.
- It knows loss and repetition by (epoch, seq), whatever its offsets say, and by `lower` that an epoch's end is not lost.
- It goes on where a record was too large for the topic, and says which elements it does not know for that.
- It drops a stream that the store no longer has.
- It keeps its place with the graph, in one file that is replaced at once: so each record counts once, wherever it is killed.
"""

import json
import os
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition


class Stream:
    def __init__(self, kept=None):
        # The first record of all is the first of epoch 1.
        kept = kept or {"applied": [0, -1], "frontier": 0, "closed": True, "vertices": {}, "edges": {}, "unknown": []}
        self.applied, self.vertices, self.edges = kept["applied"], kept["vertices"], kept["edges"]
        self.unknown = set(kept.get("unknown", []))  # elements whose value the topic did not take
        self.frontier, self.closed = kept["frontier"], kept["closed"]
        self.forget_unapplied()

    def forget_unapplied(self):
        self.read = self.applied  # the place of the last record: epoch, seq
        self.deltas, self.since, self.snapshot = [], None, None

    def kept(self):
        place = {"applied": self.applied, "frontier": self.frontier, "closed": self.closed}
        return {**place, "vertices": self.vertices, "edges": self.edges, "unknown": sorted(self.unknown)}

    def take(self, record, partition, offset):
        place = [record["epoch"], record["seq"]]
        if record["kind"] == "snapshot":
            if record["phase"] == "begin":
                # All its records have the place it is as of.
                self.snapshot, self.since = "known" if place <= self.read else "taken", (partition, offset)
            elif self.snapshot == "taken":
                self.vertices, self.edges, self.unknown = {}, {}, set()
                # Where it ends, time and epoch are unknown.
                self.frontier, self.closed = None, False
                self.apply(place, record["count"])
            else:
                self.snapshot, self.since = None, None
            return
        if self.snapshot:
            if self.snapshot == "taken":
                self.deltas.append(record)
            return
        if place <= self.read:
            return
        ended = self.closed and self.read == self.applied
        goes_on = place == [self.read[0], self.read[1] + 1] and not ended
        # An epoch need not be closed before the next begins, but it ends with a progress record.
        begins = place == [self.read[0] + 1, 0] and not self.deltas
        if not (goes_on or begins):
            sys.exit(f"records of {record['stream']} are lost: {place} follows {self.read}")
        self.read, self.since = place, self.since or (partition, offset)
        if record["kind"] in ("delta", "refused"):
            self.deltas.append(record)
        elif record["kind"] == "progress":
            self.move(record)
            self.apply(place, record["count"])

    def move(self, progress):
        lower, frontier = progress["lower"], progress["frontier"]
        if self.frontier not in (None, lower):
            sys.exit(f"records of {progress['stream']} are lost: its time was {self.frontier}, now it goes on from {lower}")
        self.closed = frontier is None
        self.frontier = max([lower] + [delta["t"] + 1 for delta in self.deltas]) if self.closed else frontier

    def apply(self, place, count):
        if len(self.deltas) != count:
            sys.exit(f"{count} deltas were announced, {len(self.deltas)} came before {place}")
        for delta in self.deltas:
            self.change(delta)
        self.applied = place
        self.forget_unapplied()

    def change(self, delta):
        if delta["kind"] == "refused":
            id = delta["vokg_id"]
            self.vertices.pop(id, None)
            self.edges.pop(id, None)
            (self.unknown.add if delta["diff"] == 1 else self.unknown.discard)(id)
            return
        cud = delta["cud"]
        is_vertex, id = cud["type"] == "node", cud["ids"]["vokg_id"]
        elements = self.vertices if is_vertex else self.edges
        was_unknown = id in self.unknown
        self.unknown.discard(id)
        if delta["diff"] == -1:
            if was_unknown:
                return
            if id not in elements or elements.pop(id)["properties"] != delta["before"]:
                sys.exit(f"{id} never had the value that is taken back")
            return
        # The cause belongs to the change, not to the value.
        properties = {name: value for name, value in cud["properties"].items() if name != "caused_by"}
        if is_vertex:
            elements[id] = {"id": id, "label": cud["labels"][0], "properties": properties}
        else:
            ends = {end: cud[end]["ids"]["vokg_id"] for end in ("from", "to")}
            elements[id] = {"id": id, "kind": cud["rel_type"], **ends, "properties": properties}

    def graph(self, name):
        graph = {"stream": name, "at_us": None, "known_at": {"epoch": self.applied[0], "seq": self.applied[1]}}
        graph["vertices"] = [self.vertices[id] for id in sorted(self.vertices)]
        graph["edges"] = [self.edges[id] for id in sorted(self.edges)]
        return graph


def load(path):
    """The streams and offsets that are kept; at first none."""
    if not os.path.exists(path):
        return {}, {}
    try:
        with open(path) as file:
            kept = json.load(file)
        streams = {name: Stream(stream) for name, stream in kept["streams"].items()}
        return streams, {int(partition): int(offset) for partition, offset in kept["offsets"].items()}
    except OSError as error:
        sys.exit(f"{path} cannot be read: {error.strerror}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        sys.exit(f"{path} is no state of this consumer ({error!r}); delete it to read the topic from the beginning")


def save(path, streams, offsets):
    """Replaces the file at once; what is not applied yet is read again."""
    offsets = dict(offsets)
    for stream in streams.values():
        if stream.since:
            partition, offset = stream.since
            offsets[partition] = min(offsets[partition], offset)
    try:
        with open(path + ".new", "w") as file:
            json.dump({"offsets": offsets, "streams": {name: stream.kept() for name, stream in streams.items()}}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(path + ".new", path)
    except OSError as error:
        sys.exit(f"{path} cannot be written: {error.strerror}")


def main(brokers, topic, path):
    streams, offsets = load(path)
    troubles = []  # what the client says of brokers that are away
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "vokg-example",  # no group is joined and no offset committed
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",  # what is gone is told, and not passed over
            "log_level": 0,  # the client would say it again with every try
            "error_cb": lambda error: troubles.append(error.str()),
        }
    )
    try:
        found = consumer.list_topics(topic, 30).topics[topic]
    except KafkaException as error:
        consumer.poll(1)  # lets it say why
        sys.exit(f"{brokers} does not answer: {troubles[-1] if troubles else error.args[0].str()}")
    partitions = found.partitions
    if found.error and found.error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
        sys.exit(f"{brokers} does not show the topic {topic}: {found.error.str()}")
    if not partitions:
        sys.exit(f"{brokers} has no topic {topic}")
    consumer.assign([TopicPartition(topic, p, offsets.get(p, OFFSET_BEGINNING)) for p in partitions])
    ended = set()
    while len(ended) < len(partitions):
        message = consumer.poll(30)
        if message is None:
            sys.exit(f"{brokers} does not answer{': ' + troubles[-1] if troubles else ''}")
        if message.error():
            if message.error().code() == KafkaError._AUTO_OFFSET_RESET:
                sys.exit(f"{topic} does not have what follows the last record read: it was made again, or retention took "
                         f"that away; without {path} it is read from its beginning")
            if message.error().code() != KafkaError._PARTITION_EOF:
                sys.exit(str(message.error()))
            ended.add(message.partition())
            continue
        offsets[message.partition()] = message.offset() + 1
        if message.value() is None:
            streams.pop(message.key().decode().removeprefix("~progress/"), None)
            continue
        record = json.loads(message.value())
        stream = streams.setdefault(record["stream"], Stream())
        stream.take(record, message.partition(), message.offset())
    consumer.close()
    save(path, streams, offsets)
    for name in sorted(streams):
        if unknown := sorted(streams[name].unknown):
            print(f"{name} has {len(unknown)} elements that {topic} did not take: {unknown}", file=sys.stderr)
        print(json.dumps(streams[name].graph(name)))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: consumer.py BROKERS TOPIC STATE-FILE")
    main(*sys.argv[1:])
