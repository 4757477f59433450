#include "tests/simulations/random_flow.hpp"

namespace troupe::simulations {
namespace {

const std::vector<std::string> kTasks{"math", "code", "chat"};

}  // namespace

RandomFlow::RandomFlow(std::uint64_t seed) : rng_(seed, 41), learns_(rng_.below(4) != 0) {
  const std::uint64_t datasets = 1 + rng_.below(kTasks.size());
  Tasks tasks;
  std::string flow;
  for (std::uint64_t i = 0; i < datasets; ++i) {
    tasks.insert(kTasks[i]);
    sections_ += "[stage.ask_" + kTasks[i] +
                 "]\nkind = \"dataset.arithmetic\"\nhigh = 3\nheld_out_pairs = 0\ntemplate = "
                 "\"none\"\ntask = \"" +
                 kTasks[i] + "\"\nepochs = " + (learns_ ? "0" : "1") + "\n";
    flow += "  \"ask_" + kTasks[i] + " -> generate\",\n";
  }
  const std::string middle = sequence(3, tasks, Group::Any);
  std::string weights;
  for (const std::string& name : all_judges_)
    weights += (weights.empty() ? "" : ", ") + name + " = 1.0";
  const std::string group_size = std::to_string(2 + rng_.below(3));
  text_ = "format = 1\n[run]\nname = \"drawn\"\nseed = " + std::to_string(seed) +
          (learns_ ? "\nsteps = " + std::to_string(1 + rng_.below(5)) : "") +
          "\n[model.policy]\nload = \"none.gguf\"\n" + sections_ +
          "[stage.generate]\nkind = \"generator\"\nmodel = \"policy\"\nmax_new_tokens = 8\n"
          "group_size = " +
          group_size +
          "\n[stage.reward]\nkind = \"scorer.weighted\"\n"
          "weights = { " +
          weights + " }\n";
  if (!calls_.empty()) text_ += "[stage.oracle]\nkind = \"oracle\"\n";
  text_ += learns_ ? "[stage.learn]\nkind = \"learner.grpo\"\nmodel = \"policy\"\n"
                     "prompts_per_step = " +
                         std::to_string(1 + rng_.below(3)) + "\n"
                   : "[stage.learn]\nkind = \"sink.jsonl\"\npath = \"/dev/null\"\n";
  text_ += "[graph]\nflow = [\n" + flow + "  \"generate -> " + middle + " -> reward -> learn\",\n" +
           calls_ + (learns_ ? "  \"learn.weights ~> generate.weights\",\n" : "") + "]\n";
  if (learns_)
    text_ += "[edge.\"reward -> learn\"]\nmax_staleness = " + std::to_string(rng_.below(3)) + "\n";
}

std::string RandomFlow::judge(const Tasks& tasks) {
  const std::string name = "judge_" + std::to_string(++stages_);
  all_judges_.insert(name);
  for (const std::string& task : tasks) judges_[task].insert(name);
  sections_ += "[stage." + name + "]\n";
  const std::uint64_t kind = rng_.below(4);
  if (kind < 2) {
    sections_ += "kind = \"verifier.format\"\nrule = \"finished\"\ntimeout = \"50ms\"\n";
  } else if (kind == 2) {
    sections_ += "kind = \"asker\"\n";
    calls_ += "  \"" + name + " <-> oracle\",\n";
  } else {
    sections_ += "kind = \"verifier.judge\"\nworkers = " + std::to_string(1 + rng_.below(4)) + "\n";
    calls_ += "  \"" + name + " <-> oracle\",\n";
  }
  return name;
}

std::string RandomFlow::pass() {
  const std::string name = "pass_" + std::to_string(++stages_);
  sections_ += "[stage." + name + "]\nkind = \"pass\"\n";
  return name;
}

std::string RandomFlow::sequence(int depth, const Tasks& tasks, Group around) {
  if (depth == 0) return judge(tasks);
  switch (rng_.below(5)) {
    case 0:
      return judge(tasks);
    case 1:
      return pass() + " -> " + judge(tasks);
    case 2:
      return (rng_.below(2) == 0 ? pass() : judge(tasks)) + " -> " +
             group(depth - 1, tasks, Group::Any) + " -> " +
             (rng_.below(2) == 0 ? pass() : judge(tasks));
    case 3:
      return judge(tasks) + " -> " +
             group(depth - 1, tasks, around == Group::Join ? Group::Route : Group::Any);
    default:
      return group(depth - 1, tasks, around == Group::Route ? Group::Join : Group::Any);
  }
}

std::string RandomFlow::group(int depth, const Tasks& tasks, Group which) {
  if (which == Group::Any) which = rng_.below(2) == 0 ? Group::Join : Group::Route;
  if (which == Group::Join) {
    std::string out = "(";
    const std::uint64_t branches = 2 + rng_.below(2);
    for (std::uint64_t i = 0; i < branches; ++i)
      out += (i > 0 ? " & " : "") + sequence(depth, tasks, which);
    return out + ")";
  }
  const std::string first = *tasks.begin();
  std::string out = "[" + first + ": " + sequence(depth, {first}, which);
  Tasks left = tasks;
  left.erase(first);
  if (left.size() == 2 && rng_.below(2) == 0) {
    const std::string second = *left.begin();
    out += ", " + second + ": " + sequence(depth, {second}, which);
    left.erase(second);
  }
  if (!left.empty()) out += ", else: " + sequence(depth, left, which);
  return out + "]";
}

void RandomFlow::tighten(graphs::Plan& plan) {
  for (graphs::EdgePlan& edge : plan.edges) {
    if (edge.delivery != graphs::Delivery::Queue) continue;
    if (rng_.below(2) == 0) edge.capacity_items = 1 + rng_.below(3);
    const bool may_group = edge.type == graphs::MessageType::Sample && !edge.join &&
                           edge.converts == graphs::Conversion::None;
    edge.group = may_group && rng_.below(4) == 0;
  }
  for (graphs::CallPlan& call : plan.calls) {
    call.concurrency = 1 + rng_.below(4);
    call.deadline = std::chrono::milliseconds(40);
  }
}

}  // namespace troupe::simulations
