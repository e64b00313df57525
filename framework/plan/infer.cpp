// Infer: every node is made, and asked for the specs of what it will give.
#include <cmath>
#include <set>

#include "isolation/component.h"
#include "plan/copies.h"
#include "plan/draft.h"
#include "plan/edges.h"
#include "plan/function_model.h"
#include "plugin/registry.h"

namespace pellucid {
namespace {

/// More than any file system holds: a shape whose bytes exceed it is a mistake.
constexpr std::int64_t kMostBytes = std::int64_t{1} << 60;

std::shared_ptr<Component> component_of(const Draft& draft, const PlannedNode& node,
                                        Problems& findings) {
  auto made = draft.registry.make_component(*node.component, node.settings, findings);
  if (made) allow_time(*made, node.timeout);
  return remembered(recipe_for(node), std::move(made));
}

/// What is wrong with a spec by itself; empty where nothing is.
std::string fault_of(const Spec& spec) {
  if (spec.items < 1) return "has no items";
  if (spec.axes.size() != spec.shape.size())
    return "has " + std::to_string(spec.shape.size()) + " axes (" + shape_text(spec.shape) +
           "), but names '" + spec.axes + "'";
  if (std::set<char>(spec.axes.begin(), spec.axes.end()).size() != spec.axes.size())
    return "names an axis twice: '" + spec.axes + "'";
  std::int64_t bytes = spec.items;
  bool too_large = __builtin_mul_overflow(
      bytes, static_cast<std::int64_t>(c10::elementSize(spec.dtype)), &bytes);
  for (const std::int64_t length : spec.shape) {
    if (length < 1) return "would be empty: " + shape_text(spec.shape);
    too_large = too_large || __builtin_mul_overflow(bytes, length, &bytes);
  }
  if (too_large || bytes > kMostBytes)
    return "would be larger than any disk: " + std::to_string(spec.items) + " x " +
           shape_text(spec.shape);
  if (!spec.spacing.empty() && spec.spacing.size() != spec.shape.size())
    return "has " + std::to_string(spec.spacing.size()) + " spacings for " +
           std::to_string(spec.shape.size()) + " axes";
  for (const double spacing : spec.spacing)
    if (!std::isfinite(spacing) || spacing <= 0) return "has a spacing that is not above 0";
  return {};
}

std::string fault_of(const TableSpec& table) {
  if (table.items < 1) return "speaks of no items";
  if (table.rows_per_item < 0) return "has a negative number of rows";
  std::set<std::string> names{"item"};
  for (const Column& column : table.columns) {
    if (!names.insert(column.name).second)
      return "has two columns '" + column.name + "' ('item' is there by itself)";
    if (column.type == Column::Type::text && column.width < 1)
      return "has a column of texts '" + column.name + "' without a width";
  }
  return {};
}

PortType type_of(const Specs::Value& value, PortType declared) {
  if (std::holds_alternative<Spec>(value)) return PortType::tensor;
  if (std::holds_alternative<TableSpec>(value)) return PortType::table;
  return declared;
}

class Inference {
 public:
  explicit Inference(Draft& draft) : draft_(draft), plan_(draft.plan) {}

  void run() {
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i)
      if (inputs_are_sound(i)) draft_.facts[i].sound = infer(i);
      else draft_.facts[i].sound = false;
  }

 private:
  bool inputs_are_sound(std::size_t number) const {
    if (!draft_.facts[number].sound) return false;
    for (const PlannedInput& input : plan_.nodes[number].inputs)
      if (!draft_.facts[input.node].sound) return false;
    return true;
  }

  bool infer(std::size_t number) {
    PlannedNode& node = plan_.nodes[number];
    if (!count_items(node)) return false;
    const Inputs in = inputs_of(plan_, number);
    const bool answered = guarded(draft_.faults, node, [&] { ask(node, in); });
    if (!answered || !outputs_are_sound(node)) return false;
    if (node.component->kind == Kind::source) return take_source_items(node);
    if (node.component->kind == Kind::stage) return take_stage_items(node);
    return true;
  }

  static void ask(PlannedNode& node, const Inputs& in) {
    switch (node.component->kind) {
      case Kind::source:
      case Kind::stage:
      case Kind::procedure:
        dynamic_cast<const Worker&>(*node.instance).infer(in, node.outputs);
        break;
      case Kind::reducer: {
        const auto& reducer = dynamic_cast<const Reducer&>(*node.instance);
        reducer.infer(in, node.outputs);
        reducer.infer_state(in, node.state);
        break;
      }
      case Kind::sink:
        node.file_bytes = dynamic_cast<const Sink&>(*node.instance).check(in);
        break;
      default:
        dynamic_cast<Object&>(*node.instance).bind(in);
        note_bound(*node.instance, in);
    }
  }

  /// All inputs that count items count the same ones.
  bool count_items(PlannedNode& node) {
    const bool reads_at_random = node.component->kind == Kind::procedure;
    const PlannedInput* first = nullptr;
    for (const PlannedInput& input : node.inputs) {
      const ItemCount count = items_of(plan_, input);
      if (!count.per_item) continue;
      if (!first) {
        first = &input;
        node.items = count.items;
        node.first_item = count.first_item;
        node.per_item = true;
      } else if (count.items != node.items || count.first_item != node.first_item) {
        if (reads_at_random) return disown_items(node);
        complain_of_counts(node, *first, input);
        return false;
      }
    }
    node.object_per_block = is_object(node.component->kind) && node.items > 1;
    return true;
  }

  static bool disown_items(PlannedNode& node) {
    node.items = 1;
    node.first_item = 0;
    node.per_item = false;
    return true;
  }

  void complain_of_counts(const PlannedNode& node, const PlannedInput& a, const PlannedInput& b) {
    const ItemCount first = items_of(plan_, a), second = items_of(plan_, b);
    const auto told = [this](const PlannedInput& input, const ItemCount& count) {
      return "'" + input.port + "' (" + end_name(plan_.nodes[input.node], input.from) + ") has " +
             std::to_string(count.items) + " items" +
             (count.first_item > 0 ? " from item " + std::to_string(count.first_item) : "");
    };
    draft_.faults.add(b.where.file ? b.where : node.use_where, &node,
                      "all inputs must have the same items, or one item for all: " +
                          told(a, first) + ", " + told(b, second));
  }

  bool outputs_are_sound(const PlannedNode& node) {
    const std::size_t before = draft_.faults.count();
    for (const Port& port : node.component->ports().all())
      if (port.direction == Port::Direction::out) check_output(node, port);
    if (node.component->kind == Kind::reducer)
      for (const auto& [name, value] : node.state.all())
        complain_of(node, "the state '" + name + "'", value);
    return draft_.faults.count() == before;
  }

  void check_output(const PlannedNode& node, const Port& port) {
    const std::string name = "output '" + std::string(port.name) + "'";
    const auto found = node.outputs.all().find(port.name);
    if (found == node.outputs.all().end() ||
        std::holds_alternative<std::monostate>(found->second)) {
      complain(node, name + " has no spec; this is a fault of the component");
      return;
    }
    const auto* object = std::get_if<std::shared_ptr<const Component>>(&found->second);
    if ((object && (!*object || is_data(port.type))) ||
        (!object && type_of(found->second, port.type) != port.type)) {
      complain(node, name + " is declared as " + name_of(port.type) +
                         " and inferred as something else; this is a fault of the component");
      return;
    }
    complain_of(node, name, found->second);
  }

  void complain_of(const PlannedNode& node, const std::string& name, const Specs::Value& value) {
    std::string fault;
    if (const auto* spec = std::get_if<Spec>(&value)) fault = fault_of(*spec);
    if (const auto* table = std::get_if<TableSpec>(&value)) fault = fault_of(*table);
    if (!fault.empty()) complain(node, name + " " + fault);
  }

  void complain(const PlannedNode& node, const std::string& sentence) {
    draft_.faults.add(node.use_where, &node, sentence);
  }

  /// A source says how many items there are; `--items` may want some of them only.
  bool take_source_items(PlannedNode& node) {
    std::int64_t items = 0;
    for (const auto& [port, value] : node.outputs.all()) {
      const std::int64_t count = items_in(value);
      if (items != 0 && count != items) {
        complain(node, "all outputs of a source must have the same number of items, got " +
                           std::to_string(items) + " and " + std::to_string(count));
        return false;
      }
      items = count;
    }
    node.items = items;
    node.per_item = items > 1;
    if (node.per_item && !take_window(node)) return false;
    set_items(node);
    return true;
  }

  bool take_window(PlannedNode& node) {
    if (!draft_.options.items) return true;
    const auto [first, last] = *draft_.options.items;
    if (first >= node.items) {
      draft_.faults.add_of_option(
          "--items", "'" + node.name + "' has " + std::to_string(node.items) +
                         " items, numbered from 0, so there are none in " + std::to_string(first) +
                         ":" + std::to_string(last));
      return false;
    }
    node.first_item = first;
    node.items = std::min(node.items, last) - first;
    return true;
  }

  /// A stage gives as many items as it is given, whatever its specs were copied from.
  bool take_stage_items(PlannedNode& node) {
    for (const auto& [port, value] : node.outputs.all()) {
      const std::int64_t count = items_in(value);
      if (count == node.items || count == 1) continue;
      complain(node, "output '" + port + "' has " + std::to_string(count) +
                         " items, but the inputs have " + std::to_string(node.items) +
                         "; a stage gives one item for each");
      return false;
    }
    set_items(node);
    return true;
  }

  static std::int64_t items_in(const Specs::Value& value) {
    if (const auto* spec = std::get_if<Spec>(&value)) return spec->items;
    if (const auto* table = std::get_if<TableSpec>(&value)) return table->items;
    return 1;
  }

  static void set_items(PlannedNode& node) {
    Specs counted;
    for (const auto& [port, value] : node.outputs.all()) {
      const char* name = port.c_str();
      if (const auto* spec = std::get_if<Spec>(&value)) {
        Spec& copy = counted[Out<Tensor>{name, ""}] = *spec;
        copy.items = node.items;
      } else if (const auto* table = std::get_if<TableSpec>(&value)) {
        TableSpec& copy = counted[Out<Table>{name, ""}] = *table;
        copy.items = node.items;
      }
    }
    node.outputs = std::move(counted);
  }

  Draft& draft_;
  Plan& plan_;
};

/// What a function follows, from the nodes that it stands for.
std::shared_ptr<const FunctionSteps> steps_of(const Draft& draft, const PlannedFunction& function) {
  auto steps = std::make_shared<FunctionSteps>();
  steps->value_port = function.value_port;
  std::map<std::size_t, std::size_t> step_of;
  for (const std::size_t between : function.between) {
    const PlannedNode& node = draft.plan.nodes[between];
    FunctionSteps::Step step{node.name, node.use, node.instance, {}, {}};
    if (is_object(node.component->kind)) {
      const Registry* registry = &draft.registry;
      // The plan's nodes move while it is made.
      step.make = [registry, component = node.component, settings = node.settings,
                   recipe = recipe_for(node)]() {
        Problems ignored;  // the same settings have been found right before
        return remembered(recipe, registry->make_component(*component, settings, ignored));
      };
    }
    for (const PlannedInput& input : node.inputs) {
      FunctionSteps::Input given{input.port, input.open, false, {}, input.from};
      const auto inner = step_of.find(input.node);
      if (input.node == function.argument_node && input.from == function.argument_port)
        given.argument = true;
      else if (inner != step_of.end()) given.step = inner->second;
      else
        given.from =
            draft.plan.nodes[input.node].name + (input.from.empty() ? "" : "." + input.from);
      step.inputs.push_back(std::move(given));
    }
    step_of.emplace(between, steps->steps.size());
    steps->steps.push_back(std::move(step));
  }
  return steps;
}

}  // namespace

void make_components(Draft& draft) {
  for (std::size_t i = 0; i < draft.plan.nodes.size(); ++i) {
    PlannedNode& node = draft.plan.nodes[i];
    if (!node.component) continue;
    Problems findings;
    const bool made =
        guarded(draft.faults, node, [&] { node.instance = component_of(draft, node, findings); });
    draft.faults.add_findings(node, findings);
    if (!made || !findings.empty() || !node.instance) draft.facts[i].sound = false;
  }
  for (std::size_t i = 0; i < draft.plan.nodes.size(); ++i) {
    PlannedNode& node = draft.plan.nodes[i];
    if (!node.function || !draft.facts[i].sound) continue;
    for (const std::size_t between : node.function->between)
      if (!draft.facts[between].sound) draft.facts[i].sound = false;
    if (draft.facts[i].sound)
      node.instance = std::make_shared<FunctionModel>(steps_of(draft, *node.function));
  }
}

void infer(Draft& draft) { Inference(draft).run(); }

}  // namespace pellucid
