#include "plan/function_model.h"

#include <utility>

#include <pellucid/stamp.h>
#include <pellucid/version.h>

#include "plugin/registry.h"

namespace pellucid {
namespace {

struct FunctionSettings {
  bool fresh = false;

  static const Schema<FunctionSettings>& schema() {
    static const Schema<FunctionSettings> rows{
        {"fresh", &FunctionSettings::fresh, "", "new draws at each call, not those of the item"},
    };
    return rows;
  }
};

const Ports& function_ports() {
  static const Ports ports{
      In<Tensor>{"argument", "what the function is called with; a reference, nothing is computed"},
      In<Tensor>{"value", "what it gives; a reference, nothing is computed"}};
  return ports;
}

/// Checks settings for `pellucid describe` and the schema; the planner makes the instance itself,
/// because what it is follows from the nodes around it.
std::unique_ptr<Component> create_function(const Value& settings, Problems& problems) {
  const std::size_t before = problems.size();
  FunctionSettings::schema().parse(settings, problems);
  if (problems.size() != before) return nullptr;
  return std::make_unique<FunctionModel>(std::make_shared<const FunctionSteps>());
}

const std::vector<Field>& function_fields() { return FunctionSettings::schema().fields(); }

constexpr const char* kManual =
    "function: a part of the pipeline as a black box, tensors in and tensors out\n"
    "\n"
    "  The nodes between `argument` and `value`, run in memory on the tensors that its user hands\n"
    "  over. Every row of a batch is a variant of one item: other inputs, objects and draws are "
    "those\n"
    "  of that item.\n"
    "\n"
    "Inputs (references, not edges: nothing is computed for them)\n"
    "  argument   what the function is called with\n"
    "  value      what it gives\n"
    "Settings (keys in a pipeline file)\n"
    "  fresh      new draws at each call, not those of the item       default false\n"
    "\n"
    "Errors\n"
    "  ConfigError  the value does not depend on the argument; something between the two needs "
    "all\n"
    "               items (a reducer, a procedure) or writes files (while planning)\n";

using Produced = std::vector<Specs>;

Inputs::Edge edge_of(const FunctionSteps::Input& input, const Spec& argument, const Inputs& side,
                     const Produced& produced,
                     const std::vector<std::shared_ptr<const Component>>& objects) {
  Inputs::Edge edge;
  if (input.argument) {
    edge.spec = argument;
  } else if (!input.step) {
    const Inputs::Edge* known = side.find(input.from);
    if (!known) throw Error("input '" + input.from + "' of the function is not bound");
    edge = *known;
    if (auto* spec = std::get_if<Spec>(&edge.spec)) spec->items = 1;
    if (auto* table = std::get_if<TableSpec>(&edge.spec)) table->items = 1;
  } else if (input.from.empty()) {
    edge.object = objects[*input.step];
  } else {
    const Specs::Value& value = produced[*input.step].all().at(input.from);
    if (const auto* spec = std::get_if<Spec>(&value)) edge.spec = *spec;
    if (const auto* table = std::get_if<TableSpec>(&value)) edge.spec = *table;
  }
  edge.name = input.port;
  return edge;
}

}  // namespace

const ComponentDescriptor& function_component() {
  static const ComponentDescriptor descriptor{sizeof(ComponentDescriptor),
                                              "function",
                                              "A part of the pipeline as a black box",
                                              Kind::model,
                                              &function_ports,
                                              &create_function,
                                              kManual,
                                              &function_fields};
  return descriptor;
}

void register_function_component() {
  static const ComponentDescriptor* const components[]{&function_component(), nullptr};
  static const PluginDescriptor core{sizeof(PluginDescriptor), PELLUCID_ABI_STAMP, "pipeline",
                                     kVersion, components};
  static const bool once = (Registry::register_builtin(core), true);
  static_cast<void>(once);
}

FunctionModel::FunctionModel(std::shared_ptr<const FunctionSteps> steps)
    : steps_(std::move(steps)) {}
FunctionModel::~FunctionModel() = default;

void FunctionModel::bind(const Inputs& specs) { side_ = specs; }

Spec FunctionModel::range(const Spec& argument) const {
  Spec row = argument;
  row.items = 1;
  Produced produced(steps_->steps.size());
  std::vector<std::shared_ptr<const Component>> objects(steps_->steps.size());
  for (std::size_t i = 0; i < steps_->steps.size(); ++i) {
    const FunctionSteps::Step& step = steps_->steps[i];
    Inputs in;
    std::vector<std::string> open;
    for (const FunctionSteps::Input& input : step.inputs) {
      in.add(edge_of(input, row, side_, produced, objects));
      if (input.open) open.push_back(input.port);
    }
    in.set_open(std::move(open));
    in.set_block({0, 1, {}});
    try {
      if (step.make) {
        const std::shared_ptr<Component> object = step.make();
        dynamic_cast<Object&>(*object).bind(in);
        objects[i] = object;
      } else {
        dynamic_cast<const Worker&>(*step.instance).infer(in, produced[i]);
      }
    } catch (const Error& error) {
      throw ShapeError("in the function, at '" + step.name + "' (" + step.use +
                       "): " + error.sentence());
    }
  }
  if (steps_->steps.empty()) throw Error("the function has no nodes yet");
  Spec value = std::get<Spec>(produced.back().all().at(steps_->value_port));
  value.items = argument.items;
  return value;
}

Tensor FunctionModel::operator()(const Tensor& batch, std::int64_t item) const {
  if (!runner_) throw Error("a function of the pipeline computes only while the pipeline runs");
  return runner_(batch, item);
}

}  // namespace pellucid
