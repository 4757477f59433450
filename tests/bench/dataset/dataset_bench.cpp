// What opening a data file costs, and drawing shuffled prompts from it: seconds, and how much the
// memory of the process grows. Makes JSON lines of TROUPE_BENCH_MB (200) megabytes in the folder
// for temporary files and removes them, or reads TROUPE_BENCH_FILE (any kind; TROUPE_BENCH_OPTIONS
// are lines for its stage).
#include <malloc.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "actors/stages/dataset/dataset.hpp"
#include "actors/stages/kinds.hpp"
#include "graphs/load.hpp"
#include "schemas/base/rng.hpp"

using namespace troupe;

namespace {

double seconds_since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

double resident_mb() {
  std::ifstream status("/proc/self/statm");
  double pages = 0, resident = 0;
  status >> pages >> resident;
  return resident * 4096 / 1e6;
}

std::string make_file(std::uint64_t megabytes) {
  const auto path = std::filesystem::temp_directory_path() / "troupe-bench-dataset.jsonl";
  std::ofstream out(path, std::ios::binary);
  const std::string filling(900, 'x');
  for (std::uint64_t i = 0; i < megabytes * 1000; ++i)
    out << R"({"question": "What is )" << i << " + " << i << "? " << filling << R"(", "answer": ")"
        << 2 * i << "\"}\n";
  return path.string();
}

std::string text_of(const char* variable, const char* otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : text;
}

}  // namespace

int main() {
  std::string path = text_of("TROUPE_BENCH_FILE", "");
  const bool made = path.empty();
  if (made) path = make_file(std::stoull(text_of("TROUPE_BENCH_MB", "200")));
  const std::string extension = std::filesystem::path(path).extension();
  const std::string kind = extension == ".parquet" ? "parquet"
                           : extension == ".csv"   ? "csv"
                                                   : "jsonl";
  runtime::KindSet kinds;
  stages::KindRegistry registry(kinds);
  stages::register_kinds(registry);
  const std::string graph =
      "format = 1\n[run]\nname = \"b\"\n[model.policy]\nload = \"x\"\n[stage.data]\nkind = "
      "\"dataset." +
      kind + "\"\npath = \"" + path + "\"\n" + text_of("TROUPE_BENCH_OPTIONS", "") +
      "\n[stage.generate]\nkind = \"generator\"\nmodel = \"policy\"\n[stage.log]\nkind = "
      "\"sink.jsonl\"\npath = \"/dev/null\"\n[graph]\nflow = [\"data -> generate -> log\"]\n";
  const auto loaded = graphs::load_graph_text(graph, "bench.toml", {}, kinds.contracts());
  if (!loaded.ok()) return std::fputs(loaded.rendered(false).c_str(), stderr), 1;
  runtime::StageContext context;
  context.plan = &*loaded.plan;
  context.stage = &loaded.plan->stage("data");
  context.disk = &real_disk();

  malloc_trim(0);
  const double before = resident_mb();
  auto began = std::chrono::steady_clock::now();
  const auto dataset = stages::open_dataset(context);
  if (!dataset.ok()) return std::fputs((dataset.error().text() + "\n").c_str(), stderr), 1;
  const double open_seconds = seconds_since(began);
  malloc_trim(0);
  const double grown = resident_mb() - before;
  const auto rows = (*dataset)->size();
  std::printf("%s: %.0f MB, %llu rows; opened in %.2f s; memory grew by %.1f MB\n", path.c_str(),
              static_cast<double>(std::filesystem::file_size(path)) / 1e6,
              static_cast<unsigned long long>(rows), open_seconds, grown);
  Rng rng(1);
  const std::uint64_t draws = 100'000;
  std::uint64_t bytes = 0;
  began = std::chrono::steady_clock::now();
  for (std::uint64_t i = 0; i < draws; ++i) {
    const auto prompt = (*dataset)->prompt(rng.below(rows), 0);
    if (!prompt.ok()) return std::fputs((prompt.error().text() + "\n").c_str(), stderr), 1;
    bytes += prompt->question.size();
  }
  std::printf("%.0f shuffled prompts/s (%.0f bytes each)\n",
              static_cast<double>(draws) / seconds_since(began),
              static_cast<double>(bytes) / static_cast<double>(draws));
  if (made) std::filesystem::remove(path);
  return 0;
}
