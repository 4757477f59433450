#include "graphs/contract.hpp"

#include <algorithm>
#include <utility>

namespace troupe::graphs {
namespace {

template <class Specs>
auto* find_named(Specs& specs, std::string_view name) {
  const auto found =
      std::find_if(specs.begin(), specs.end(), [&](const auto& spec) { return spec.name == name; });
  return found == specs.end() ? nullptr : &*found;
}

const PortSpec* first_of(const std::vector<PortSpec>& ports, Delivery delivery) {
  const auto found = std::find_if(ports.begin(), ports.end(),
                                  [&](const PortSpec& port) { return port.delivery == delivery; });
  return found == ports.end() ? nullptr : &*found;
}

/// Defaults are written like a graph writes them.
Value with_unit(OptionType type, Value value, const std::string& option) {
  const std::string* text = value.get_if<std::string>();
  if (type == OptionType::Real && value.get_if<std::int64_t>()) return Value(value.as_real());
  if (!text) return value;
  const std::string message = "default of option " + option + " has no such unit: " + *text;
  if (type == OptionType::Duration) {
    const auto parsed = parse_duration(*text);
    TROUPE_ASSERT(parsed.has_value(), message);
    return *parsed;
  }
  if (type == OptionType::ByteSize) {
    const auto parsed = parse_byte_size(*text);
    TROUPE_ASSERT(parsed.has_value(), message);
    return *parsed;
  }
  if (type == OptionType::Count) {
    const auto parsed = parse_count(*text);
    TROUPE_ASSERT(parsed.has_value(), message);
    return *parsed;
  }
  return value;
}

}  // namespace

std::string_view name_of(MessageType type) {
  switch (type) {
    case MessageType::Prompt:
      return "prompt";
    case MessageType::Sample:
      return "sample";
    case MessageType::Group:
      return "group";
    case MessageType::Weights:
      return "weights";
    case MessageType::TextRequest:
      return "text request";
    case MessageType::Text:
      return "text";
  }
  return "";
}

std::string_view name_of(OptionType type) {
  switch (type) {
    case OptionType::Bool:
      return "bool";
    case OptionType::Integer:
      return "integer";
    case OptionType::Real:
      return "number";
    case OptionType::String:
      return "text";
    case OptionType::Duration:
      return "duration";
    case OptionType::ByteSize:
      return "size";
    case OptionType::Count:
      return "count";
    case OptionType::Path:
      return "path";
    case OptionType::Model:
      return "model";
    case OptionType::StageRef:
      return "stage";
    case OptionType::StageWeights:
      return "weights of stages";
  }
  return "";
}

std::string Contract::family() const { return kind.substr(0, kind.find('.')); }

bool Contract::is_source() const { return first_of(inputs, Delivery::Queue) == nullptr; }
bool Contract::is_sink() const { return first_of(outputs, Delivery::Queue) == nullptr; }
const PortSpec* Contract::input(std::string_view name) const { return find_named(inputs, name); }
const PortSpec* Contract::output(std::string_view name) const { return find_named(outputs, name); }
const PortSpec* Contract::default_input(Delivery delivery) const {
  return first_of(inputs, delivery);
}
const PortSpec* Contract::default_output(Delivery delivery) const {
  return first_of(outputs, delivery);
}
const OptionSpec* Contract::option(std::string_view name) const {
  return find_named(options, name);
}
const CallSpec* Contract::call(std::string_view name) const { return find_named(calls, name); }
const CallSpec* Contract::answer(std::string_view name) const { return find_named(answers, name); }

ContractBuilder contract(std::string kind) { return ContractBuilder(std::move(kind)); }

ContractBuilder::ContractBuilder(std::string kind) {
  TROUPE_ASSERT(!kind.empty(), "a contract needs the name of its kind");
  contract_.kind = std::move(kind);
}

ContractBuilder& ContractBuilder::doc(std::string text) {
  contract_.doc = std::move(text);
  return *this;
}

ContractBuilder& ContractBuilder::in(std::string name, MessageType type) {
  TROUPE_ASSERT(!contract_.input(name), "two inputs named " + name);
  contract_.inputs.push_back({std::move(name), type, Delivery::Queue, true});
  return *this;
}

ContractBuilder& ContractBuilder::out(std::string name, MessageType type) {
  TROUPE_ASSERT(!contract_.output(name), "two outputs named " + name);
  contract_.outputs.push_back({std::move(name), type, Delivery::Queue, false});
  return *this;
}

ContractBuilder& ContractBuilder::in_latest(std::string name, MessageType type) {
  TROUPE_ASSERT(!contract_.input(name), "two inputs named " + name);
  contract_.inputs.push_back({std::move(name), type, Delivery::Latest, false});
  return *this;
}

ContractBuilder& ContractBuilder::out_latest(std::string name, MessageType type) {
  TROUPE_ASSERT(!contract_.output(name), "two outputs named " + name);
  contract_.outputs.push_back({std::move(name), type, Delivery::Latest, false});
  return *this;
}

ContractBuilder& ContractBuilder::admits() {
  contract_.admits = true;
  return *this;
}
ContractBuilder& ContractBuilder::accounts_groups() {
  contract_.accounts_groups = true;
  return *this;
}
ContractBuilder& ContractBuilder::judges() {
  contract_.judges = true;
  return *this;
}
ContractBuilder& ContractBuilder::learns() {
  contract_.learns = true;
  return *this;
}

ContractBuilder& ContractBuilder::keeps_state() {
  contract_.keeps_state = true;
  return *this;
}
ContractBuilder& ContractBuilder::swappable() {
  contract_.swappable = true;
  return *this;
}

ContractBuilder& ContractBuilder::calls(std::string name, MessageType request, MessageType answer,
                                        std::string doc) {
  TROUPE_ASSERT(!contract_.call(name), "two calls named " + name);
  contract_.calls.push_back({std::move(name), request, answer, std::move(doc)});
  return *this;
}

ContractBuilder& ContractBuilder::answers(std::string name, MessageType request, MessageType answer,
                                          std::string doc) {
  TROUPE_ASSERT(!contract_.answer(name), "two answers named " + name);
  contract_.answers.push_back({std::move(name), request, answer, std::move(doc)});
  return *this;
}

ContractBuilder& ContractBuilder::option(std::string name, OptionType type, std::string doc) {
  TROUPE_ASSERT(!contract_.option(name) && name != "kind" && name != "swap",
                "option declared twice: " + name);
  OptionSpec spec;
  spec.name = std::move(name);
  spec.type = type;
  spec.doc = std::move(doc);
  contract_.options.push_back(std::move(spec));
  return *this;
}

ContractBuilder& ContractBuilder::option(std::string name, OptionType type, Value default_value,
                                         std::string doc) {
  option(std::move(name), type, std::move(doc));
  last().default_value = with_unit(type, std::move(default_value), last().name);
  return *this;
}

ContractBuilder& ContractBuilder::list(std::string name, OptionType element, std::string doc) {
  option(std::move(name), element, std::move(doc));
  last().list = true;
  return *this;
}

ContractBuilder& ContractBuilder::list(std::string name, OptionType element, List default_value,
                                       std::string doc) {
  list(std::move(name), element, std::move(doc));
  for (Value& item : default_value) item = with_unit(element, std::move(item), last().name);
  last().default_value = Value(std::move(default_value));
  return *this;
}

ContractBuilder& ContractBuilder::uses_model(std::string doc) {
  option("model", OptionType::Model, std::move(doc));
  return required();
}

ContractBuilder& ContractBuilder::range(double low, double high) {
  TROUPE_ASSERT(low <= high, "empty range of option " + last().name);
  last().low = low;
  last().high = high;
  return *this;
}
ContractBuilder& ContractBuilder::at_least(double low) {
  last().low = low;
  return *this;
}
ContractBuilder& ContractBuilder::more_than(double low) {
  last().low = low;
  last().low_open = true;
  return *this;
}
ContractBuilder& ContractBuilder::choices(std::vector<std::string> texts) {
  last().choices = std::move(texts);
  return *this;
}
ContractBuilder& ContractBuilder::unit(CountUnit unit) {
  last().unit = unit;
  return *this;
}
ContractBuilder& ContractBuilder::family(std::string name) {
  last().family = std::move(name);
  return *this;
}
ContractBuilder& ContractBuilder::required() {
  TROUPE_ASSERT(!last().default_value, "a required option has no default: " + last().name);
  last().required = true;
  return *this;
}
ContractBuilder& ContractBuilder::leaves() {
  TROUPE_ASSERT(last().type == OptionType::Path, "only a file can be left: " + last().name);
  last().leaves = true;
  return *this;
}
ContractBuilder& ContractBuilder::must_exist() {
  last().must_exist = true;
  return *this;
}

ContractBuilder::operator Contract() const {
  TROUPE_ASSERT(!(contract_.keeps_state && contract_.swappable),
                contract_.kind + " keeps state and would lose it in a swap");
  return contract_;
}

OptionSpec& ContractBuilder::last() {
  TROUPE_ASSERT(!contract_.options.empty(), "no option before this: " + contract_.kind);
  return contract_.options.back();
}

void Kinds::add(Contract contract) {
  TROUPE_ASSERT(find(contract.kind) == nullptr, "kind registered twice: " + contract.kind);
  contracts_.push_back(std::move(contract));
}

const Contract* Kinds::find(std::string_view kind) const {
  const auto found = std::find_if(contracts_.begin(), contracts_.end(),
                                  [&](const Contract& c) { return c.kind == kind; });
  return found == contracts_.end() ? nullptr : &*found;
}

}  // namespace troupe::graphs
