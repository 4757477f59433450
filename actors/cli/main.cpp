#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>

#include "actors/cli/commands.hpp"
#include "actors/cli/context.hpp"

namespace {

using troupe::cli::GraphArguments;

CLI::App* graph_command(CLI::App& app, const char* name, const char* doc, GraphArguments& arguments,
                        const char* target = "FILE", const char* target_doc = "the graph file") {
  CLI::App* command = app.add_subcommand(name, doc);
  command->add_option(target, arguments.file, target_doc)->required();
  command
      ->add_option("--with", arguments.overlays,
                   "lay this file over the graph, before --set (repeatable)")
      ->allow_extra_args(false);
  command
      ->add_option("--set", arguments.sets,
                   "change one value: stage.generate.temperature=0.8 (repeatable)")
      ->allow_extra_args(false);
  return command;
}

void samples_command(CLI::App& app, troupe::cli::SampleArguments& asked,
                     std::function<void()> callback) {
  CLI::App* command =
      app.add_subcommand("samples", "the samples of a run, and what became of them");
  command->add_option("RUN", asked.run, "a run directory, or a name under runs/")->required();
  command->add_option("--id", asked.id, "the whole life of one sample, such as 0.0.17/3");
  command->add_option("--step", asked.step, "trained by a step: 7, 10..20, 10.. or ..20");
  command->add_option("--version", asked.version, "written by weights of these steps");
  command->add_option("--reward", asked.rewards, "such as '>=0.5' (repeatable)")
      ->allow_extra_args(false);
  command
      ->add_option("--verdict", asked.verdicts,
                   "check_math=0, 'check_math>=0.5' or check_math=timeout (repeatable)")
      ->allow_extra_args(false);
  command->add_option("--end", asked.ends, "trained, filtered, failed ... (repeatable)")
      ->allow_extra_args(false);
  command->add_option("--prompt", asked.prompt,
                      "of one prompt, such as 0.0.17, or of questions with this text");
  command->add_option("--question", asked.question, "a regular expression found in the question");
  command->add_option("--text", asked.text, "a regular expression found in the completion");
  command->add_option("--sort", asked.sort, "order by this before --limit; else as they ended")
      ->check(CLI::IsMember({"reward", "tokens", "step"}));
  command->add_option("--limit", asked.limit, "so many: the last ones, in that order (10)")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{100'000}));
  command->add_flag("--first", asked.first, "the first ones instead of the last");
  command->add_flag("--full", asked.full, "whole texts, however long");
  command->add_flag("--all-lives", asked.all_lives, "also what a resumed run made again");
  command->add_flag("--count", asked.count, "only how many");
  command->add_option("--by", asked.by, "a table of how many, by this")
      ->check(CLI::IsMember({"end", "reason", "verdict", "step", "version", "finish"}));
  command->add_flag("--json", asked.json, "one JSON object a line");
  command->add_option("--export", asked.export_file, "write them to this new file, as --json");
  command->callback(std::move(callback));
}

}  // namespace

int main(int argc, char** argv) {
  using namespace troupe;
  using namespace troupe::cli;
  CLI::App app{"Troupe trains reasoning models as a dataflow of actors."};
  app.require_subcommand(1);
  app.set_version_flag("--version", kVersion);
  app.footer("Exit: 0 done, 1 the run failed, 2 usage, 78 configuration, 130 interrupted.");
  GraphArguments graph;
  std::string name, format = "text", model, kind, examples;
  std::vector<std::string> sets, pair;
  bool quiet = false, exact = false, now = false, json = false;
  SampleArguments wanted;
  int result = kDone;

  CLI::App* command = graph_command(app, "check", "all problems of a graph file", graph);
  command->add_flag("--json", graph.json, "as JSON");
  command->callback([&] { result = check(graph); });

  command = graph_command(app, "plan", "the resolved form: every value and its origin", graph);
  command->add_flag("--json", graph.json, "as JSON");
  command->get_option("FILE")->required(false);
  auto* diff = command->add_option("--diff", pair,
                                   "what differs between two graph files or runs; --with and --set "
                                   "change the second");
  diff->expected(2)->type_name("A B")->excludes(command->get_option("FILE"));
  command->callback([&, diff] {
    if (diff->count() == 0 && graph.file.empty()) throw CLI::RequiredError("FILE, or --diff A B,");
    if (diff->count() > 0) graph.file = pair.at(1);
    result = diff->count() > 0 ? plan_difference(pair.at(0), graph) : plan(graph);
  });

  command = graph_command(app, "draw", "the flow as a picture", graph);
  command->add_option("--format", format, "text, dot, mermaid or svg")
      ->check(CLI::IsMember({"text", "dot", "mermaid", "svg"}));
  command->callback([&] { result = draw(graph, format); });

  command = graph_command(app, "test", "run the [[test]] tables of a graph", graph);
  command->add_option("--only", name, "the test of this name");
  command->add_flag("--json", graph.json, "as JSON");
  command->callback([&] { result = test(graph, name); });

  command = app.add_subcommand("kinds", "the kinds of stages, their ports and options");
  command->add_option("KIND", kind, "one kind");
  command->add_flag("--json", json, "as JSON");
  command->callback([&] { result = kinds(kind, json); });

  command = app.add_subcommand("explain", "what an error code means");
  command->add_option("CODE", kind, "such as E0107")->required();
  command->callback([&] { result = explain(kind); });

  command = app.add_subcommand("schema", "a JSON schema of graph files, for editors");
  command->callback([&] { result = schema(); });

  command = app.add_subcommand("reference", "all kinds, options and codes as a Markdown page");
  command->add_option(
      "--examples", examples,
      "a folder of outputs of `troupe check` (*.txt): messages to show as examples");
  command->callback([&] { result = reference(examples); });

  command = graph_command(app, "run", "run a graph to its end", graph);
  command->add_flag("--quiet", quiet, "no progress, only the summary");
  command->add_flag("--exact", exact,
                    "the same bytes of weights in every run: short for --set run.exact=true");
  command->callback([&] {
    if (exact) graph.sets.push_back("run.exact=true");
    result = run(graph, quiet);
  });

  command = app.add_subcommand("resume", "go on with a run that stopped, failed or crashed");
  command->add_option("RUN", name, "a run directory, or a name under runs/")->required();
  command->add_option("--set", sets, "change one value, e.g. run.steps=200")
      ->allow_extra_args(false);
  command->add_flag("--quiet", quiet, "no progress, only the summary");
  command->callback([&] { result = resume(name, sets, quiet); });

  command = app.add_subcommand("status", "the equation, the step, the state of a run");
  command->add_option("RUN", name, "a run directory, or a name under runs/")->required();
  command->add_flag("--json", json, "as JSON");
  command->callback([&] { result = status(name, json); });

  samples_command(app, wanted, [&] { result = samples(wanted); });

  command = app.add_subcommand("stop", "stop a run: finish what is in flight and save");
  command->add_option("RUN", name, "a run directory, or a name under runs/")->required();
  command->add_flag("--now", now, "at once, without finishing or saving");
  command->callback([&] { result = stop(name, now); });

  command = graph_command(app, "eval", "evaluate a graph's model, or a run's newest checkpoint",
                          graph, "TARGET", "a graph file, or a run directory");
  command->add_option("--model", model, "evaluate this model instead: a folder or a .gguf");
  command->add_flag("--json", graph.json, "as JSON");
  command->callback([&] { result = eval(graph, model); });

  // A mistyped command deserves better than "a subcommand is required".
  const std::string first = argc > 1 ? argv[1] : "";
  if (first.empty() || first.front() != '-') {
    std::string names;
    bool known = false;
    for (const CLI::App* one : app.get_subcommands([](const CLI::App*) { return true; })) {
      names += " " + one->get_name();
      known |= one->get_name() == first;
    }
    const std::string message =
        first.empty() ? "a command is missing" : "there is no command '" + first + "'";
    if (!known)
      return complain(Error{ErrorCode::InvalidArgument, message,
                            "The commands are:" + names + "; `troupe COMMAND --help` tells more"},
                      kUsage);
  }
  app.failure_message([](const CLI::App* failed, const CLI::Error& e) {
    // The command that was meant, for its own help.
    while (!failed->get_subcommands().empty()) failed = failed->get_subcommands().front();
    const std::string asked = failed->get_parent() == nullptr ? "" : " " + failed->get_name();
    return "error: " + std::string(e.what()) + "\n  help: troupe" + asked +
           " --help lists what may stand here\n";
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const int code = app.exit(e);
    return code == 0 ? kDone : kUsage;
  }
  return result;
}
