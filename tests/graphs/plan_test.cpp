// What the runtime reads off a plan: joins, accounted ways, capacities, the gate.
#include "graphs/plan.hpp"

#include "graphs/load.hpp"
#include "tests/catch.hpp"
#include "tests/graphs/test_kinds.hpp"

using namespace troupe;
using namespace troupe::graphs;

namespace {

struct Loaded {
  Kinds kinds = test_kinds();
  LoadResult result;

  explicit Loaded(const std::string& name, std::vector<std::string> sets = {}) {
    const std::string folder = std::string(TROUPE_SOURCE_DIR) + "/tests/golden/graphs/good/";
    result = load_graph(folder + name + ".toml", sets, kinds);
    INFO(result.rendered(false));
    REQUIRE(result.ok());
  }
  const Plan& plan() const { return *result.plan; }
  std::string stage(std::uint32_t index) const { return plan().stages[index].name; }
};

}  // namespace

TEST_CASE("branches_inside_branches_make_two_joins_with_one_entrance") {
  const Loaded loaded("nested");
  const Plan& plan = loaded.plan();
  REQUIRE(plan.joins.size() == 2);
  const JoinPlan& inner = plan.joins[plan.edge("a -> inner").join->join];
  const JoinPlan& outer = plan.joins[plan.edge("c -> outer").join->join];
  CHECK(inner.index != outer.index);
  CHECK(loaded.stage(inner.entrance.stage) == "generate");
  CHECK(loaded.stage(outer.entrance.stage) == "generate");
  CHECK(inner.entries.size() == 2);
  // The outer join begins with everything that leaves the entrance, also what is joined inside.
  CHECK(outer.entries.size() == 3);
  CHECK(plan.edge("generate -> a").fork == inner.index);
  CHECK(plan.edge("generate -> d").fork == outer.index);
  CHECK(plan.edge("d -> outer").join == BranchRef{outer.index, 1});
  CHECK_FALSE(plan.edge("inner -> c").join.has_value());
  for (const EdgePlan& edge : plan.edges) CHECK(edge.accounted);
}

TEST_CASE("sources_at_the_beginning_of_a_line_are_merged_and_not_joined") {
  const Loaded loaded("many_sources");
  const Plan& plan = loaded.plan();
  CHECK(plan.joins.size() == 1);
  for (const char* name : {"gsm8k -> generate", "math -> generate", "sums -> generate"}) {
    CHECK_FALSE(plan.edge(name).join.has_value());
    CHECK(plan.edge(name).accounted);
  }
}

TEST_CASE("branches_written_on_lines_of_their_own_are_joined_at_their_common_stage") {
  const Loaded loaded("two_lines_of_a_join");
  REQUIRE(loaded.plan().joins.size() == 1);
  CHECK(loaded.stage(loaded.plan().joins[0].entrance.stage) == "generate");
  // Two outputs of one stage are two ways for different samples: both are accounted.
  CHECK(loaded.plan().edge("parts -> short").accounted);
  CHECK(loaded.plan().edge("parts.long -> long").accounted);
}

TEST_CASE("of_two_edges_out_of_one_port_the_one_towards_the_learner_is_accounted") {
  const Loaded loaded("many_sources");
  const Plan& plan = loaded.plan();
  CHECK(plan.edge("reward -> keep").accounted);
  CHECK_FALSE(plan.edge("reward -> log").accounted);
  CHECK(plan.edge("reward -> log").when_full == WhenFull::DropOldest);
  CHECK(plan.edge("reward -> keep").converts == Conversion::AssembleGroups);
  CHECK(plan.edge("keep -> learn").converts == Conversion::None);
}

TEST_CASE("capacities_are_counted_in_what_travels") {
  const Loaded loaded("many_sources",
                      {"edge.\"reward -> keep\".capacity=[\"4 groups\", \"1MiB\"]"});
  const Plan& plan = loaded.plan();
  CHECK(plan.edge("reward -> keep").capacity_items == 64);  // samples, 16 a group
  CHECK(plan.edge("reward -> keep").capacity_bytes == 1u << 20);
  CHECK(plan.edge("keep -> learn").capacity_items == 64);  // groups
  CHECK(plan.edge("keep -> learn").capacity_bytes == 256u << 20);
  // Left out: room for all that may be in flight, 32 groups a step, at most 3 steps old.
  CHECK(plan.edge("check_math -> reward").capacity_items == 32u * 4 * 16);
  CHECK(plan.edge("gsm8k -> generate").capacity_items == 16);
}

TEST_CASE("the_gate_admits_what_staleness_allows_and_without_a_learner_what_fits") {
  const Loaded many("many_sources");
  REQUIRE(many.plan().gate);
  CHECK(many.plan().gate->max_staleness == 3);
  CHECK(many.plan().gate->publish_every == 4);
  CHECK(many.plan().gate->groups_in_flight_max == 128);
  CHECK(many.stage(*many.plan().gate->learner) == "learn");

  const Loaded sink("sink_only");
  REQUIRE(sink.plan().gate);
  CHECK_FALSE(sink.plan().gate->learner.has_value());
  CHECK(sink.plan().gate->prompts_per_step == 0);
  CHECK(sink.plan().gate->groups_in_flight_max == 16);
}

TEST_CASE("stages_that_nothing_uses_are_left_out_of_the_plan") {
  const Kinds kinds = test_kinds();
  const LoadResult result = load_graph(
      std::string(TROUPE_SOURCE_DIR) + "/tests/golden/graphs/two_unused_stages.toml", {}, kinds);
  REQUIRE(result.ok());
  CHECK(result.diagnostics.size() == 3);
  CHECK(result.plan->find_stage("out") == nullptr);
  CHECK(result.plan->models.size() == 1);
  for (const EdgePlan& edge : result.plan->edges) {
    CHECK(edge.to.stage < result.plan->stages.size());
  }
}
