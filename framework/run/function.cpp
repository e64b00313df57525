#include "run/function.h"

#include <limits>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "buffers/checksum.h"
#include "buffers/table_layout.h"
#include "isolation/recipe.h"
#include "plan/function_model.h"

namespace pellucid {
namespace {

class FunctionRun {
 public:
  FunctionRun(const RunEnvironment& environment, std::size_t node,
              std::shared_ptr<const FunctionSteps> steps, Inputs side, Rows rows,
              ObjectOfRow object_of_row)
      : environment_(environment),
        node_(environment.plan->nodes[node]),
        function_(*node_.function),
        steps_(std::move(steps)),
        side_(std::move(side)),
        rows_(std::move(rows)),
        object_of_row_(std::move(object_of_row)) {}

  Tensor operator()(const Tensor& batch, std::int64_t item) {
    const std::int64_t row = item - rows_.block.first;
    if (row < 0 || row >= rows_.block.count)
      throw Error("the function was asked for item " + std::to_string(item) +
                  ", but was made for items " + std::to_string(rows_.block.first) + " to " +
                  std::to_string(rows_.block.first + rows_.block.count - 1));
    Rows variants;
    variants.block = {item, batch.size(0), std::nullopt};
    variants.items.assign(static_cast<std::size_t>(batch.size(0)), item);
    const std::string draw = function_.fresh ? next_call(item) : std::string();

    std::vector<Outputs> outputs(steps_->steps.size());
    std::vector<std::shared_ptr<Component>> objects(steps_->steps.size());
    for (std::size_t s = 0; s < steps_->steps.size(); ++s) {
      const FunctionSteps::Step& step = steps_->steps[s];
      const std::size_t node = function_.between[s];
      Inputs in = inputs(step, batch, item, outputs, objects);
      in.set_block(variants.block);
      if (step.make) {
        const auto make = [&](NodeContext& context) {
          objects[s] = step.make();
          auto& object = dynamic_cast<Object&>(*objects[s]);
          if (environment_.plan->nodes[node].used_here) {
            object.bind(in);
            object.prepare(in, context);
          }
          note_bound(object, in);
          note_prepared(object, in, context.facts());
        };
        call_node(environment_, node, variants, make, draw);
        continue;
      }
      outputs[s] = compute(environment_, node, in, variants, {}, draw);
      for (const auto& [port, value] : outputs[s].all())
        if (const Tensor* tensor = std::get_if<Tensor>(&value); tensor && tensor->defined())
          require_finite(*environment_.plan, node, port, *tensor,
                         first_nonfinite(tensor->detach().cpu()), variants);
    }
    return std::get<Tensor>(outputs.back().all().at(steps_->value_port));
  }

 private:
  // Counted for each node that calls and each item, so that draws depend neither on who else calls
  // nor on what an earlier process computed.
  std::string next_call(std::int64_t item) {
    const std::string& caller = calling_node();
    const std::lock_guard lock(calls_mutex_);
    return caller + "#" + std::to_string(++calls_[{caller, item}]);
  }

  std::shared_ptr<const Component> side_object(const Inputs::Edge& side, std::int64_t row) const {
    if (object_of_row_)
      for (const PlannedInput& input : node_.inputs)
        if (input.port == side.name) return object_of_row_(input, row);
    return side.object;
  }

  Inputs inputs(const FunctionSteps::Step& step, const Tensor& batch, std::int64_t item,
                const std::vector<Outputs>& outputs,
                const std::vector<std::shared_ptr<Component>>& objects) const {
    const Plan& plan = *environment_.plan;
    const std::int64_t row = item - rows_.block.first;
    Inputs in;
    std::vector<std::string> open;
    for (const FunctionSteps::Input& input : step.inputs) {
      Inputs::Edge edge;
      edge.name = input.port;
      if (input.open) open.push_back(input.port);
      if (input.argument) {
        Spec spec = *plan.tensor_spec(function_.argument_node, function_.argument_port);
        spec.items = batch.size(0);
        spec.dtype = batch.scalar_type();
        spec.shape.assign(batch.sizes().begin() + 1, batch.sizes().end());
        edge.spec = spec;
        edge.value = batch;
      } else if (input.step) {
        if (objects[*input.step]) {
          edge.object = objects[*input.step];
        } else {
          const auto& value = outputs[*input.step].all().at(input.from);
          if (const Tensor* tensor = std::get_if<Tensor>(&value)) {
            const Spec& planned = *plan.tensor_spec(function_.between[*input.step], input.from);
            Spec spec = planned;
            spec.items = tensor->size(0);
            spec.shape.assign(tensor->sizes().begin() + 1, tensor->sizes().end());
            edge.spec = spec;
            edge.value = *tensor;
          } else {
            edge.value = std::get<Table>(value);
            edge.spec = *plan.table_spec(function_.between[*input.step], input.from);
          }
        }
      } else {
        const Inputs::Edge& side = *side_.find(input.from);
        edge.spec = side.spec;
        if (side.object) edge.object = side_object(side, row);
        if (const Tensor* tensor = std::get_if<Tensor>(&side.value)) {
          Tensor value = *tensor;
          if (value.size(0) > 1) {
            std::vector<std::int64_t> shape = value.sizes().vec();
            shape[0] = batch.size(0);
            value = value.narrow(0, row, 1).expand(shape);
          }
          std::get<Spec>(edge.spec).items = value.size(0);
          edge.value = value;
        } else if (const Table* table = std::get_if<Table>(&side.value)) {
          TableSpec& spec = std::get<TableSpec>(edge.spec);
          edge.value = spec.items > 1 ? rows_of_items(*table, item, 1) : *table;
          spec.items = 1;
        }
      }
      in.add(std::move(edge));
    }
    in.set_open(std::move(open));
    return in;
  }

  const RunEnvironment& environment_;
  const PlannedNode& node_;
  const PlannedFunction& function_;
  std::mutex calls_mutex_;
  std::map<std::pair<std::string, std::int64_t>, std::uint64_t> calls_;
  std::shared_ptr<const FunctionSteps> steps_;
  Inputs side_;
  Rows rows_;
  ObjectOfRow object_of_row_;
};

}  // namespace

std::shared_ptr<Object> make_function(const RunEnvironment& environment, std::size_t index,
                                      const Inputs& in, const Rows& rows,
                                      const ObjectOfRow& object_of_row) {
  const PlannedNode& node = environment.plan->nodes[index];
  const auto steps = dynamic_cast<const FunctionModel&>(*node.instance).shared_steps();
  auto model = std::make_shared<FunctionModel>(steps);
  // Without side inputs that have items it serves every item, whoever made it.
  Rows all;
  all.block = {0, std::numeric_limits<std::int64_t>::max(), std::nullopt};
  const auto run =
      node.object_per_block
          ? std::make_shared<FunctionRun>(environment, index, steps, in, rows, object_of_row)
          : std::make_shared<FunctionRun>(environment, index, steps, in, all, ObjectOfRow());
  model->set_runner([run](const Tensor& batch, std::int64_t item) { return (*run)(batch, item); });
  return model;
}

}  // namespace pellucid
