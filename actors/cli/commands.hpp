#pragma once
// The commands, one file each. Each takes its arguments and returns the exit status.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace troupe::cli {

struct GraphArguments {
  std::string file;
  std::vector<std::string> overlays;  // --with
  std::vector<std::string> sets;
  bool json = false;
};

int check(const GraphArguments& arguments);
int plan(const GraphArguments& arguments);
/// Graph files or runs; --with and --set change the second.
int plan_difference(const std::string& before, const GraphArguments& after);
int draw(const GraphArguments& arguments, const std::string& format);
/// Runs the [[test]] tables, or the one named `only`.
int test(const GraphArguments& arguments, const std::string& only);
int kinds(const std::string& kind, bool json);
int explain(const std::string& code);
int schema();
/// `examples`: a folder with outputs of `troupe check`; empty: no examples.
int reference(const std::string& examples);
int run(const GraphArguments& arguments, bool quiet);
int resume(const std::string& run, const std::vector<std::string>& sets, bool quiet);
int status(const std::string& run, bool json);

struct SampleArguments {
  std::string run;
  std::string id;  // print the whole life of this one
  std::string step, version, prompt, question, text;
  std::vector<std::string> rewards, verdicts, ends;
  std::string sort, by, export_file;
  std::optional<std::uint64_t> limit;
  bool first = false, full = false, all_lives = false, count = false, json = false;
};
int samples(const SampleArguments& arguments);
int stop(const std::string& run, bool now);
/// `target.file` may also be a run.
int eval(const GraphArguments& target, const std::string& model);

}  // namespace troupe::cli
