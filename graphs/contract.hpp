#pragma once
// Contract: what a kind of stage declares once. Checking, defaults, `troupe kinds`, drawings and
// the reference page all come from it. Contracts live apart from the factories of stages, so that
// `check` and `plan` load nothing heavy. `Kinds` is an ordinary object that `main` fills; it must
// outlive every Plan made with it. Values; read-only after filling; any thread. A contract that
// contradicts itself (two options of one name, a default out of range) is our bug and aborts.
//
// Names the language itself understands: option `group_size` of the stage that admits, options
// `prompts_per_step` and `publish_every` of a learner, option `task` of a source (the task of all
// its prompts; `task_field` instead: every row names its own). Option `swap` belongs to all stages.
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graphs/value.hpp"

namespace troupe::graphs {

enum class MessageType { Prompt, Sample, Group, Weights, TextRequest, Text };
/// "prompt", "sample", "group", "weights", and of calls "text request", "text".
std::string_view name_of(MessageType type);

enum class Delivery { Queue, Latest };  // `->` bounded queue, `~>` the latest value

struct PortSpec {
  std::string name;
  MessageType type = MessageType::Sample;
  Delivery delivery = Delivery::Queue;
  bool required = false;  // inputs only: something must feed it
};

/// A port of `<->`: requests go to the service, and an answer comes back to each.
struct CallSpec {
  std::string name;
  MessageType request = MessageType::Prompt;
  MessageType answer = MessageType::Sample;
  std::string doc;  // one line
};

enum class OptionType {
  Bool,
  Integer,
  Real,
  String,
  Duration,      // "2s"
  ByteSize,      // "64MiB"
  Count,         // "256 samples", "8 groups", "400 steps"
  Path,          // a text; resolved relative to the graph file
  Model,         // the name of a [model.X]
  StageRef,      // the name of a [stage.X], of the family or judge-ness that the option asks
  StageWeights,  // { stage = number, ... }: judging stages upstream of this one
};
std::string_view name_of(OptionType type);

struct OptionSpec {
  std::string name;
  OptionType type = OptionType::String;
  bool list = false;  // [a, b]; one bare element is accepted as a list of one
  bool required = false;
  bool must_exist = false;             // Path: a file to read (checked when asked)
  bool leaves = false;                 // Path: a file that the stage writes; recipes may name it
  std::optional<Value> default_value;  // absent and not required: the option may be missing
  std::optional<double> low, high;     // inclusive; durations in seconds, sizes in bytes
  bool low_open = false;               // low itself is not allowed
  std::vector<std::string> choices;    // of texts
  std::optional<CountUnit> unit;       // Count: the only unit that makes sense
  std::string family;                  // StageRef: "dataset", "verifier"; empty: any stage
  std::string doc;                     // one line
};

struct Contract {
  std::string kind;                       // family.variant or family
  std::string doc;                        // one line
  std::vector<PortSpec> inputs, outputs;  // the first of a delivery is the default port
  std::vector<CallSpec> calls;            // out of the stage; each must lead to exactly one service
  std::vector<CallSpec> answers;          // what the stage does as a service of others
  std::vector<OptionSpec> options;
  bool admits = false;           // reads weights for samples: the gate stands before it
  bool accounts_groups = false;  // needs whole groups
  bool judges = false;           // its samples carry a verdict under the stage's name
  bool learns = false;           // consumes groups in steps; edges into it know staleness
  bool keeps_state = false;      // what it does depends on what it saw before (Stage::snapshot)
  bool swappable = false;        // may be replaced while the graph runs; keeps no state

  std::string family() const;  // the part before the dot
  /// No input queue: samples or prompts begin here.
  bool is_source() const;
  /// No output queue: samples end here.
  bool is_sink() const;
  const PortSpec* input(std::string_view name) const;
  const PortSpec* output(std::string_view name) const;
  /// The port meant when none is written.
  const PortSpec* default_input(Delivery delivery) const;
  const PortSpec* default_output(Delivery delivery) const;
  const OptionSpec* option(std::string_view name) const;
  const CallSpec* call(std::string_view name) const;
  const CallSpec* answer(std::string_view name) const;
};

/// Writes a contract down. `.range` and what follows it speak of the option before them.
class ContractBuilder {
 public:
  explicit ContractBuilder(std::string kind);

  ContractBuilder& doc(std::string text);
  ContractBuilder& in(std::string name, MessageType type);  // required
  ContractBuilder& out(std::string name, MessageType type);
  ContractBuilder& in_latest(std::string name, MessageType type);  // may stay unconnected
  ContractBuilder& out_latest(std::string name, MessageType type);
  ContractBuilder& admits();
  ContractBuilder& accounts_groups();
  ContractBuilder& judges();
  ContractBuilder& learns();
  ContractBuilder& keeps_state();
  ContractBuilder& swappable();
  /// A port by which the stage asks a service: calls("judge", Prompt, Sample, "asks for a mark").
  ContractBuilder& calls(std::string name, MessageType request, MessageType answer,
                         std::string doc);
  /// A port by which the stage serves others; its queues need not be connected then.
  ContractBuilder& answers(std::string name, MessageType request, MessageType answer,
                           std::string doc);

  /// Without a default: missing unless written. Texts with units are accepted for durations,
  /// sizes and counts: option("timeout", OptionType::Duration, "2s", "...").
  ContractBuilder& option(std::string name, OptionType type, std::string doc);
  ContractBuilder& option(std::string name, OptionType type, Value default_value, std::string doc);
  ContractBuilder& list(std::string name, OptionType element, std::string doc);
  ContractBuilder& list(std::string name, OptionType element, List default_value, std::string doc);
  /// A required option `model` that names a [model.X].
  ContractBuilder& uses_model(std::string doc = "the model it runs: the X of a [model.X]");

  ContractBuilder& range(double low, double high);
  ContractBuilder& at_least(double low);
  ContractBuilder& more_than(double low);
  ContractBuilder& choices(std::vector<std::string> texts);
  ContractBuilder& unit(CountUnit unit);
  ContractBuilder& family(std::string name);
  ContractBuilder& required();
  ContractBuilder& must_exist();
  ContractBuilder& leaves();

  operator Contract() const;

 private:
  OptionSpec& last();
  Contract contract_;
};

ContractBuilder contract(std::string kind);

/// The kinds that this program knows, in the order of registration.
class Kinds {
 public:
  /// Two contracts of one kind are a bug.
  void add(Contract contract);
  const Contract* find(std::string_view kind) const;
  const std::deque<Contract>& all() const { return contracts_; }

 private:
  std::deque<Contract> contracts_;  // addresses stay
};

}  // namespace troupe::graphs
