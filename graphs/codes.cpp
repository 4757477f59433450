// What `troupe explain CODE` says. Every code of codes.hpp has an entry here (a test holds them
// together).
#include "graphs/codes.hpp"

#include <array>
#include <string>
#include <vector>

#include "graphs/diagnostic.hpp"

namespace troupe::graphs {
namespace {

struct Explanation {
  std::string_view code, title, text;
};

constexpr std::array kExplanations = {
    Explanation{codes::kUnreadable, "the file cannot be read",
                R"(
There is no such file, it is a folder, it is larger than 1 MiB, or the system refused. Check the
path; `ls -l FILE` shows who may read it.)"},
    Explanation{codes::kSyntax, "this is not TOML",
                R"(
The file breaks a rule of TOML itself, so nothing after that place can be understood. The usual
reasons: a text without quotes, a number with a unit outside quotes, a list or text that is not
closed.

    timeout = 2s        # wrong
    timeout = "2s"      # right)"},
    Explanation{codes::kDefinedTwice, "defined twice",
                R"(
Two sections or two keys of one name. Two stages of one kind need two names:

    [stage.check_math]
    [stage.check_format])"},
    Explanation{codes::kFormat, "the format is missing or unknown",
                R"(
Every graph file says which version of the language it is written in:

    format = 1

A newer Troupe may know more formats; this one knows format 1.)"},
    Explanation{codes::kUnknownSection, "unknown section",
                R"(
A graph has `format`, [run], [model.NAME], [stage.NAME], [graph] and [edge."a -> b"]. A key that
stands above the first section belongs to none: move it below its section.)"},
    Explanation{codes::kUnknownKey, "unknown option",
                R"(
No option of this name exists here. It is an error and not a warning, because a misspelled option
would silently leave the default in force. `troupe kinds KIND` lists the options of a kind.)"},
    Explanation{codes::kMissingKey, "a required option is missing",
                R"(
This option has no default that would make sense. `troupe kinds KIND` says what it means.)"},
    Explanation{codes::kWrongType, "a value of the wrong type",
                R"(
TOML knows texts ("..."), integers (8), numbers (0.5), true and false, lists ([...]) and tables
({ a = 1 }). The option wants another of them than it got.)"},
    Explanation{codes::kWrongUnit, "a missing or wrong unit",
                R"(
Durations, sizes and counts are written with their unit, in quotes:

    timeout  = "2s"            # ns us ms s m h d
    buffer   = "64MiB"         # B KiB MiB GiB TiB kB MB GB TB
    capacity = "256 samples"   # samples groups prompts steps)"},
    Explanation{codes::kOutOfRange, "out of range",
                R"(
The value lies outside of what the option allows; the message says the range.)"},
    Explanation{codes::kNotAChoice, "not one of the choices",
                R"(
The option takes one of a few texts; the message lists them.)"},
    Explanation{codes::kBadSet, "a --set that cannot be applied",
                R"(
--set changes one value before the graph is checked:

    --set stage.generate.temperature=0.8
    --set run.name=second-try
    --set 'edge."reward -> learn".max_staleness=1'

The value is TOML, or, if it is not, a text. A stage or model must exist; an option of it need
not have been written in the file.)"},
    Explanation{codes::kBadName, "a name that cannot be used",
                R"(
Names of stages and models stand in the flow, so they have letters, digits, `_` and `-` only,
begin with a letter or `_`, and are at most 64 long. `else` is a word of the language.)"},
    Explanation{codes::kNoSuchFile, "a file that does not exist",
                R"(
A model or data file is not there. A relative path in a graph file counts from the folder of that
file; one given with --set counts from where the command runs.)"},
    Explanation{codes::kNotSupportedYet, "not supported yet",
                R"(
The language has this, and this version of Troupe cannot do it yet. It is refused, because a run
that ignored it would do something else than what is written.)"},
    Explanation{codes::kOneOf, "keys that exclude or need each other",
                R"(
A model has weights of its own (`load`) or copies another (`from`, with `refresh` as often as
wanted), never both:

    [model.policy]
    load = "models/smollm2.gguf"
    [model.reference]
    from = "policy"
    refresh = "400 steps")"},
    Explanation{codes::kNoBase, "a file that another one needs cannot be read",
                R"(
`extends = "base.toml"` counts from the folder of the file that says it; --with from where the
command runs.)"},
    Explanation{codes::kExtendsCycle, "files that extend each other",
                R"(
What a file extends lies below it, so the lowest extends nothing. Move what all of them share into
a file of its own, and extend that.)"},
    Explanation{codes::kExtendsTooDeep, "too many files on each other",
                R"(
At most 16 files lie on each other by `extends`. More is a mistake, or cannot be followed by a
reader.)"},
    Explanation{codes::kOverlayExtends, "an overlay that extends a file",
                R"(
A file of --with lies over the graph, whatever that graph extends. What it would extend itself would
lie over the graph too, and undo it. Repeat --with to lay several files over a graph.)"},
    Explanation{codes::kNothingToRemove, "nothing to remove",
                R"(
`remove = ["stage.check_format", "stage.generate.stop", 'edge."reward -> log"']` takes away what the
files below brought, before this file says its own. Each text names a section or a key as --set
does; a test by its name: 'test."the name"'.)"},
    Explanation{codes::kPhaseTwice, "two phases of one name",
                R"(
Later phases name what a phase leaves by its name, so every phase needs its own.)"},
    Explanation{codes::kUnknownPhase, "an artifact of a phase that is not done by then",
                R"(
"@phase/artifact" names what an earlier [[phase]] leaves. Phases run in the order of the file.)"},
    Explanation{codes::kUnknownArtifact, "an artifact that its phase does not leave",
                R"(
A phase with a learner leaves `checkpoint`: the folder of the trained model. A stage that writes a
file (sink.jsonl) leaves it under the file's own name. `troupe plan` of the recipe lists them.)"},
    Explanation{codes::kNoPhases, "a recipe without phases",
                R"(
A recipe is a list of [[phase]] tables, each with a `name` and the `graph` that it runs.)"},
    Explanation{codes::kNotAGraph, "a recipe where a graph is needed",
                R"(
The file has [recipe] or [[phase]]: it orders graphs and is none itself. `check`, `plan`, `draw` and
`test` take recipes; a phase's graph must be a graph.)"},
    Explanation{codes::kTestTwice, "two tests of one name",
                R"(
Reports name tests, and --only chooses one by its name. A file that lies over another replaces a
test of the same name; within one file names are unique.)"},
    Explanation{codes::kTestTarget, "a test that sends where it cannot",
                R"(
A test sends finished completions: to a verifier, a scorer or a filter, which single samples reach
from another stage. Prompts and whole groups cannot be sent, and a learner or a sink is an end where
nothing more is said of a sample. `from` says which way, where several lead into the stage.)"},
    Explanation{codes::kTestExpects, "a test that expects what can never be said",
                R"(
A verdict comes from a stage that judges and that the samples reach; a reward from a scorer behind
the stage that they are sent to. A test that expects nothing cannot fail.)"},
    Explanation{codes::kTestNeedsModel, "a test that would load a model",
                R"(
Tests take moments and need no weights. What stands behind the stage that the samples are sent to
may therefore not run a model, except for learners, where a test ends.)"},
    Explanation{codes::kTestSamples, "samples of a test, and values for them",
                R"(
`text` is one completion, or a list of them: the samples of one prompt, 1 to 1024. Other lists of
the test have one value for each of them, in their order; a value without [ ] holds for all.)"},
    Explanation{codes::kMemoryLimit, "more memory than [run] memory allows",
                R"(
What models, engines and full queues need together is more than the graph says it may use. Nothing
was loaded. `troupe plan FILE` shows the sum row by row; the message names the largest row and
options that make it fit. The computed sum is an upper bound: real peaks are a little below.)"},
    Explanation{codes::kMachineTooSmall, "more memory than this machine has",
                R"(
The run would be killed, or would make the machine crawl, in the middle of its work, so it does not
begin. `troupe plan FILE` shows the sum row by row. In a container, what counts is the container's
limit. `troupe check` only warns of this (W0613): the graph may be for another machine.)"},
    Explanation{codes::kExactCall, "exact, and a call to a service that learns",
                R"(
In an exact run a generator changes its weights when a group of a newer version comes to it, so that
every sample is made by the same weights in every run. A call belongs to no group: which weights
answer it would depend on timing. Let the service run a model of its own that gets no weights, or
give up `exact`.)"},
    Explanation{codes::kUnknownKind, "unknown kind",
                R"(
`kind` says what a stage does. `troupe kinds` lists the kinds of this program; a kind of your own
must be registered first (CONTRIBUTING.md).)"},
    Explanation{codes::kUnknownStage, "unknown stage",
                R"(
The flow, or an option, names a stage that no [stage.NAME] declares.)"},
    Explanation{codes::kUnknownPort, "unknown port",
                R"(
`stage.port` names an input (right of an arrow) or an output (left of one). `troupe kinds KIND`
lists the ports; most stages need none written.)"},
    Explanation{codes::kUnknownModel, "unknown model",
                R"(
An option names a model that no [model.NAME] declares.)"},
    Explanation{codes::kWrongFamily, "a stage of the wrong family",
                R"(
The option names a stage, and wants one of a family: the part of a kind before its dot.
`verifiers = [...]` takes verifier.* stages, `questions = ...` a dataset.* stage.)"},
    Explanation{codes::kUnknownEdge, "an edge that the flow does not have",
                R"(
[edge."a -> b"] sets options of an edge that the flow draws. `a` and `b` are the two stages right
and left of one arrow, also inside ( & ):

    flow = ["generate -> (check_math & check_format) -> reward"]
    [edge."generate -> check_math"]
    [edge."check_format -> reward"])"},
    Explanation{codes::kEdgeTwice, "two sections for one edge",
                R"(
Both [edge."a -> b"] and [edge."a.port -> b"] speak of the same edge. Write one.)"},
    Explanation{codes::kExpectedStage, "a stage is missing in the flow",
                R"(
Arrows and `&` stand between stages: a -> b, (a & b).)"},
    Explanation{codes::kExpectedArrow, "an arrow is missing in the flow",
                R"(
Two stages follow each other without an arrow. `->` is a queue, `~>` the latest value.)"},
    Explanation{codes::kUnbalanced, "brackets that do not match",
                R"(
Every `(` has its `)`, and `&` stands only between them: a -> (b & c) -> d.)"},
    Explanation{codes::kUnexpectedCharacter, "a character without meaning in a flow",
                R"(
A flow has names, `stage.port`, `->`, `~>` and `( & )`.)"},
    Explanation{codes::kNothingConnected, "a line that connects nothing",
                R"(
A line of the flow has at least one arrow. A stage that another names as an option (data of an
evaluator) needs no line.)"},
    Explanation{codes::kTooDeep, "brackets too deep",
                R"(
Brackets are nested more than 32 deep. Split the line; several lines may name one stage.)"},
    Explanation{codes::kNoFlow, "no stages or no flow",
                R"(
A graph needs stages, and a flow that connects them:

    [graph]
    flow = ["questions -> generate -> check -> reward -> learn"])"},
    Explanation{codes::kMisplacedCall, "a call not at the end of a line",
                R"(
`a <-> b` says that `a` asks the service `b`. Samples go on from `a`, so a line that went on behind
`b` could be read two ways. A call stands on a line of its own, or at the end of one, and outside of
brackets:

    "generate -> check -> reward"
    "check <-> judge")"},
    Explanation{codes::kMisplacedRoute, "a route where nothing can be parted",
                R"(
`x -> [math: a, code: b, else: c]` sends what leaves x down one branch by the task of its prompt. So
a stage stands before it, and the arrow is `->`: weights and calls have no task.)"},
    Explanation{codes::kTaskTwice, "one task in two branches",
                R"(
A sample goes down exactly one branch of a route, so every task, and `else`, stands in one branch
only. To send it into several stages, make them one branch: [math: (a & b), else: c].)"},
    Explanation{codes::kTooMany, "too many",
                R"(
Limits, far beyond what a person can read, that keep a generated or broken file from taking the
machine: 4,096 stages, 16,384 edges, 256 branches in one bracket, 256 tasks in one route, 4,096
connections by one arrow, 100 problems told at once.)"},
    Explanation{codes::kTypeMismatch, "messages of the wrong type",
                R"(
An edge carries prompts, samples, groups or weights. Samples become groups, and groups samples,
by themselves where the next stage needs it; nothing else is converted. A generator makes samples
of prompts. Of a call, the requests and the answers must both be what the service takes and gives.)"},
    Explanation{codes::kWrongArrow, "the wrong arrow",
                R"(
`->` connects queues: everything arrives, in order, and a full queue slows its producer. `~>`
connects latest values: only the newest counts (weights). `<->` is a call: requests one way, answers
back. A port is one of the three; `troupe kinds KIND` says which.)"},
    Explanation{codes::kConnectedTwice, "connected twice",
                R"(
The same output leads twice into the same input, so every sample would come twice.)"},
    Explanation{codes::kCycle, "a cycle of queues",
                R"(
Every stage of the cycle could wait for room in the next, for ever. What goes back is a state
(weights, a schedule), not a queue: use `~>`:

    learn.weights ~> generate.weights)"},
    Explanation{codes::kNotFed, "an input that nothing feeds",
                R"(
The stage needs messages on this input, and no arrow leads there; or it calls a service, and no
`<->` says which. It could not do anything.)"},
    Explanation{codes::kJoinCannotFill, "a join that cannot fill",
                R"(
`x -> (a & b) -> y`: every sample that leaves x goes into every branch, and y gets it once, when
all branches have brought it. So every sample must end every branch exactly once, or y would wait
for ever. These break that: a branch fed by another stage too; a stage with two outputs of which one
leads elsewhere; a route without a branch for some task; an edge that may drop. A sample that a
stage filters is no harm: the join is told of its end.)"},
    Explanation{codes::kBranchesInARow, "branches that lead straight into branches",
                R"(
Between two brackets stands a stage that gets the joined samples, or parts them:

    generate -> (a & b) -> reward -> [math: c, else: d] -> sink)"},
    Explanation{codes::kGroupsInBranch, "groups inside a branch",
                R"(
The branches of ( & ) are joined sample by sample, so that they may neither assemble groups nor
split them. Put what works on groups behind the join.)"},
    Explanation{codes::kSeveralGates, "two admission gates",
                R"(
The gate stands before the first stage that reads weights to make samples. Two such stages side
by side would need two gates that know of each other; that is not supported yet.)"},
    Explanation{codes::kTwoProducers, "two producers of one latest value",
                R"(
`~>` keeps the newest value. With two producers, which one is newest is chance.)"},
    Explanation{codes::kSampleTwice, "the same samples by two ways",
                R"(
Two edges out of one port copy every sample, and both copies arrive here. One is accounted, the
other only observes, and a stage cannot tell. Join the ways with ( & ), or end the observing one
in a sink.)"},
    Explanation{codes::kNoGroups, "groups out of nothing",
                R"(
The stage compares the samples of one prompt. Only a generator makes groups: it must stand
somewhere before.)"},
    Explanation{codes::kNoNewWeights, "new weights never arrive",
                R"(
The learner trains the model that the generator runs, but no `~>` leads from one to the other:
all samples would come from the first weights, ever older, and the gate would soon admit none.
Add the line that the message shows.)"},
    Explanation{codes::kGoesNowhere, "samples that go nowhere",
                R"(
Every sample ends somewhere with a reason: trained, delivered to a sink, filtered. An output
without an arrow has no such end; of several outputs, each needs one.)"},
    Explanation{codes::kNoBranch, "a task without a branch",
                R"(
Every sample that comes to a route needs a branch, or it would have no end. The tasks are known from
the option `task` of the datasets before it; where rows name their own (`task_field`), any task may
come, and only `else` takes them all. A route that only observes may leave tasks out.)"},
    Explanation{codes::kCallCycle, "a cycle of calls",
                R"(
A stage that waits for an answer still holds what it was asked itself. Around a cycle all could wait
for each other, for ever. A service that the flow leads to may be called: that is no cycle of
calls.)"},
    Explanation{codes::kTwoServices, "two services at one port",
                R"(
A stage sends a request to the one service that its port leads to. Two would need a rule for whom to
ask.)"},
    Explanation{codes::kGroupCannotFill, "a group that cannot become whole",
                R"(
A stage that takes groups, and an edge with `group = true`, wait until every sample of a group has
come or has ended. If some leave another way (by another output of a stage) or are dropped, the rest
waits for ever. A route does no harm: all samples of a group have one task.)"},
    Explanation{codes::kNoReward, "samples that get no reward",
                R"(
The reward is the weighted sum of the verdicts that a sample got. On a branch of a route where no
weighed stage judges, there is none, and all its samples would end as unscorable.)"},
    Explanation{codes::kCapacityBelowGroup, "an edge smaller than a group",
                R"(
The stage behind the edge waits for whole groups. If not even one fits, it waits for ever.
`capacity` counts samples, groups or prompts: "8 groups" are 8 times group_size samples.)"},
    Explanation{codes::kStalenessElsewhere, "max_staleness where no learner reads",
                R"(
Staleness is the learner's version minus the oldest version in a sample, so it is set on the edge
into the learner, and the gate keeps it.)"},
    Explanation{codes::kDropsAccounted, "dropping accounted samples",
                R"(
Of the edges out of one port exactly one is accounted: the one on the way to a learner, else the
first in the flow. Its samples must all end with a reason. Only the others, which observe, may
drop.)"},
    Explanation{codes::kStalenessUnreachable, "publish_every against max_staleness",
                R"(
With publish_every = n, the last of n steps consumes samples of weights that are n - 1 steps old.
max_staleness must allow that.)"},
    Explanation{codes::kBadWeight, "a weight of something that is no verdict here",
                R"(
The keys of `weights` are stages that judge (`troupe kinds` shows which do) and that stand before
the scorer in the flow.)"},
    Explanation{codes::kPolicyOnLatest, "options on a `~>` edge",
                R"(
A `~>` edge holds exactly one value: the newest. It has no capacity to set.)"},
    Explanation{codes::kGroupElsewhere, "`group` where nothing is kept together",
                R"(
`group = true` makes an edge of samples deliver the samples of one group one after another, once all
have come. It means something between two stages that take samples; a stage that takes groups gets
them whole anyway, and a join puts samples together one by one.)"},
    Explanation{codes::kNotSwappable, "a stage that cannot be swapped",
                R"(
`swap = true` says that you will replace this stage, or its options, while the graph runs. During a
swap the old and the new version run side by side, which a stage can only do if nothing depends on
what it saw before. Verifiers, scorers and filters can; a learner or a dataset cannot.)"},
    Explanation{codes::kUnusedStage, "an unused stage",
                R"(
Nothing names the stage, so a run leaves it out. A warning.)"},
    Explanation{codes::kStaleReader, "a reader without new weights",
                R"(
The stage runs the model that is trained, but sees only its first weights. A warning, because
comparing with the start may be what is wanted.)"},
    Explanation{codes::kUnweightedVerdict, "a verdict without weight",
                R"(
The stage judges every sample, and no scorer weighs its verdict. Weight 0.0 records it without
counting it. A warning.)"},
    Explanation{codes::kGroupOfOne, "groups of one",
                R"(
The learner compares the samples of a group; with one sample every advantage is 0. A warning.)"},
    Explanation{codes::kUnusedModel, "an unused model",
                R"(
No stage names the model; it is not loaded. A warning.)"},
    Explanation{codes::kNeverTaken, "a branch that no sample takes",
                R"(
No dataset before the route sends this task, or the branches around it take other ones only. A
misspelled task is the usual reason. A warning.)"},
    Explanation{codes::kUnmixedWeight, "a weight of a dataset that meets no other",
                R"(
`weight` says how often a dataset has its turn where several lead into one stage ("a -> generate",
"b -> generate"). This one leads nowhere together with another, so the weight changes nothing. A
warning.)"},
    Explanation{codes::kSameData, "trained and measured on the same file",
                R"(
The evaluator's questions come from the file that is trained on, and nothing keeps rows apart, so
its accuracy would show what was learned by heart. Give both datasets the same test_fraction, and
one of them split = "train", the other split = "test". A warning.)"},
    Explanation{codes::kMachineIsSmaller, "this machine has less memory",
                R"(
The graph is right, but a run of it would need more memory than the machine that checks it has:
`troupe run` would refuse here (E0191). A warning, because it may be meant for another machine.)"},
};

}  // namespace

std::string explain(std::string_view code) {
  for (const Explanation& entry : kExplanations) {
    if (entry.code != code) continue;
    return std::string(entry.code) + ": " + std::string(entry.title) + "\n\n" +
           std::string(entry.text.substr(1)) + "\n";  // begins with a line break
  }
  return "";
}

std::vector<std::string_view> all_codes() {
  std::vector<std::string_view> out;
  for (const Explanation& entry : kExplanations) out.push_back(entry.code);
  return out;
}

}  // namespace troupe::graphs
