"""The peer of bench_pipeline: five trivial Ray actors that pass the same samples. Prints one JSON
object: samples per second of four ways of using Ray, each measured `--repeats` times.
  sync     one sample at a time, every call waited for
  chain    one call per sample and stage, results handed on as object references, many in flight
  groups   the same with the eight samples of a group in one call
  batches  the same with 64 samples in one call, as if a stage could wait for so many
Usage: ray_pipeline.py SAMPLE_FILE [--seconds S] [--repeats N] [--window CALLS]"""
import argparse
import json
import os
import time

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_DEDUP_LOGS", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
import ray  # noqa: E402

GROUP, BATCH = 8, 64


@ray.remote(num_cpus=0)
class Questions:
    def __init__(self):
        self.row = 0

    def take(self):
        self.row += 1
        return self.row


@ray.remote(num_cpus=0)
class Make:
    def __init__(self, sample):
        self.sample = sample

    def one(self, prompt):
        return self.sample

    def group(self, prompt):
        return [self.sample] * GROUP

    def batch(self, prompt):
        return [self.sample] * BATCH


@ray.remote(num_cpus=0)
class Judge:
    """Verifier and scorer alike: adds eight bytes to what came."""

    def one(self, sample):
        return sample + b"verdict."

    def group(self, samples):
        return [sample + b"verdict." for sample in samples]


@ray.remote(num_cpus=0)
class Count:
    def __init__(self):
        self.samples = 0

    def one(self, sample):
        self.samples += 1
        return self.samples

    def group(self, samples):
        self.samples += len(samples)
        return self.samples


def sync(stages, _window):
    questions, make, check, reward, count = stages
    prompt = ray.get(questions.take.remote())
    for _ in range(GROUP):
        sample = ray.get(make.one.remote(prompt))
        sample = ray.get(check.one.remote(sample))
        sample = ray.get(reward.one.remote(sample))
        ray.get(count.one.remote(sample))
    return GROUP


def chain(stages, window):
    questions, make, check, reward, count = stages
    prompts = [questions.take.remote() for _ in range(window // GROUP)]
    ray.get([count.one.remote(reward.one.remote(check.one.remote(make.one.remote(prompt))))
             for prompt in prompts for _ in range(GROUP)])
    return window // GROUP * GROUP


def groups(stages, window):
    questions, make, check, reward, count = stages
    prompts = [questions.take.remote() for _ in range(window)]
    ray.get([count.group.remote(reward.group.remote(check.group.remote(make.group.remote(prompt))))
             for prompt in prompts])
    return window * GROUP


def batches(stages, window):
    questions, make, check, reward, count = stages
    prompts = [questions.take.remote() for _ in range(window)]
    ray.get([count.group.remote(reward.group.remote(check.group.remote(make.batch.remote(prompt))))
             for prompt in prompts])
    return window * BATCH


def rates(way, stages, arguments):
    way(stages, arguments.window)
    values = []
    for _ in range(arguments.repeats):
        done, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < arguments.seconds:
            done += way(stages, arguments.window)
        values.append(done / (time.perf_counter() - begin))
    return values


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sample")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--window", type=int, default=256)
    arguments = parser.parse_args()
    with open(arguments.sample, "rb") as file:
        sample = file.read()
    ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False,
             configure_logging=False)
    stages = [Questions.remote(), Make.remote(sample), Judge.remote(), Judge.remote(),
              Count.remote()]
    found = {way.__name__: rates(way, stages, arguments) for way in (sync, chain, groups, batches)}
    ray.shutdown()
    print(json.dumps({"version": ray.__version__, "sample_bytes": len(sample), **found}))


if __name__ == "__main__":
    main()
