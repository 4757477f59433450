"""Makes data/tensorboard.events with TensorBoard's own code, and checks files that Troupe wrote.

    python tests/observe/make_events.py                 # writes data/tensorboard.events
    python tests/observe/make_events.py --check FOLDER  # prints the scalars TensorBoard reads there

A development tool: it needs the PyPI package tensorboard (made with 2.21.0); the tests do not.
"""
import pathlib
import sys

from tensorboard.backend.event_processing import event_accumulator
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter


def make(path):
    with open(path, "wb") as file:
        writer = RecordWriter(file)
        events = [event_pb2.Event(wall_time=1.7e9, file_version="brain.Event:2")]
        for step in (1, 2, 300):
            value = summary_pb2.Summary.Value
            summary = summary_pb2.Summary(value=[
                value(tag="accuracy", simple_value=step / 8),
                value(tag="reward/mean", simple_value=-0.1 * step),
            ])
            events.append(event_pb2.Event(wall_time=1.7e9 + step, step=step, summary=summary))
        for event in events:
            writer.write(event.SerializeToString(deterministic=True))
        writer.flush()


def check(folder):
    accumulator = event_accumulator.EventAccumulator(folder)
    accumulator.Reload()
    for tag in sorted(accumulator.Tags()["scalars"]):
        for event in accumulator.Scalars(tag):
            print(tag, event.step, event.value, event.wall_time)


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        check(sys.argv[2])
    else:
        make(pathlib.Path(__file__).parent / "data" / "tensorboard.events")
