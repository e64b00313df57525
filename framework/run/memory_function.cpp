#include "run/memory_function.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include <pellucid/dataset.h>

#include "base/temporary_folder.h"
#include "buffers/result_file.h"
#include "buffers/table_layout.h"
#include "plan/edges.h"
#include "plan/function_model.h"
#include "plan/plan.h"
#include "run/node_call.h"
#include "run/pass.h"
#include "run/run.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

/// "restore.mean", where names of nodes may have dots themselves: the longest one counts.
Reference reference_of(const Document& document, const std::string& text) {
  Reference found;
  std::vector<std::string> names;
  for (const NodeText& node : document.nodes) {
    names.push_back(node.name);
    const bool fits = text == node.name || text.starts_with(node.name + ".");
    if (fits && node.name.size() > found.node.size()) {
      found.node = node.name;
      found.port = text.size() > node.name.size() ? text.substr(node.name.size() + 1) : "";
    }
  }
  if (!found.node.empty()) return found;
  const std::string nearest = nearest_name(text.substr(0, text.find('.')), names);
  throw ConfigError(
      "'" + text + "' names no node of the pipeline" +
      (nearest.empty() ? "; there are " + listed(names) : "; did you mean '" + nearest + "'?"));
}

/// A name that no node has.
std::string free_name(const Document& document) {
  std::string name = "function";
  const auto taken = [&](const NodeText& node) { return node.name == name; };
  while (std::any_of(document.nodes.begin(), document.nodes.end(), taken)) name += "_";
  return name;
}

Documents with_function(Documents documents, const std::string& name, const std::string& argument,
                        const std::string& value) {
  Document& document = documents.points.front();
  NodeText node;
  node.name = name;
  node.use = "pipeline/function";
  node.in = {{"argument", reference_of(document, argument)},
             {"value", reference_of(document, value)}};
  node.in_where.resize(node.in.size());
  document.nodes.push_back(std::move(node));
  return documents;
}

std::size_t number_of_node(const Plan& plan, const std::string& name) {
  for (std::size_t i = 0; i < plan.nodes.size(); ++i)
    if (plan.nodes[i].name == name) return i;
  throw Error("node '" + name + "' is not in the plan");
}

/// Node and port of what objects and functions need as tensors or tables.
using Places = std::set<std::pair<std::size_t, std::string>>;

void gather_places(const Plan& plan, std::size_t node, Places& places) {
  for (const PlannedInput& input : plan.nodes[node].inputs) {
    if (is_data(input.type)) places.insert({input.node, input.from});
    else gather_places(plan, input.node, places);
  }
}

/// The part of a pipeline that a function needs computed, with `places` kept.
Documents side_documents(Documents documents, const Plan& plan, std::size_t function,
                         const Places& places) {
  Document& document = documents.points.front();
  std::set<std::string> computed;
  for (std::size_t i = 0; i < plan.nodes.size(); ++i)
    if (plan.nodes[i].computed && i != function) computed.insert(plan.nodes[i].name);
  std::erase_if(document.nodes, [&](const NodeText& node) { return !computed.count(node.name); });
  document.keep.clear();
  for (const auto& [node, port] : places)
    document.keep.push_back({plan.nodes[node].name, port, {}});
  return documents;
}

class MemoryFunction final : public Model {
 public:
  MemoryFunction(const Documents& documents, std::shared_ptr<const Registry> registry,
                 const std::string& name)
      : registry_(std::move(registry)),
        plan_(planned(documents, *registry_, name)),
        function_(number_of_node(plan_, name)),
        environment_{&plan_, folder_.path(), nullptr, {}} {
    compute_sides(documents);
    prepare_steps(function_);
  }

  Spec range(const Spec& argument) const override {
    return dynamic_cast<const Model&>(*plan_.nodes[function_].instance).range(argument);
  }

  Tensor operator()(const Tensor& batch, std::int64_t item) const override {
    return (*model(item))(batch, item);
  }

 private:
  static Plan planned(const Documents& documents, const Registry& registry,
                      const std::string& name) {
    PlanOptions options;
    options.function = name;
    options.folder = fs::temp_directory_path();
    return make_plan(documents, registry, options);
  }

  void compute_sides(Documents documents) {
    Places places;
    gather_places(plan_, function_, places);
    if (places.empty()) return;
    RunRequest request;
    request.documents = side_documents(std::move(documents), plan_, function_, places);
    request.options.folder = folder_.path() / "run";
    const RunReport report = run_pipeline(std::move(request), *registry_);
    const fs::path result = report.summary.folder / "result.h5";
    for (const auto& place : places) {
      const std::string path = "/" + plan_.nodes[place.first].name + "/" + place.second;
      if (plan_.tensor_spec(place.first, place.second) != nullptr)
        tensors_[place] = std::make_unique<DatasetReader>(DatasetAddress{result, path});
      else tables_[place] = read_table(result, path);
    }
  }

  /// Stages between argument and value are prepared once; objects between, for every call.
  void prepare_steps(std::size_t function) {
    for (const std::size_t step : plan_.nodes[function].function->between) {
      const PlannedNode& node = plan_.nodes[step];
      if (node.function) prepare_steps(step);
      if (is_object(node.component->kind)) continue;
      const Rows none = Rows::of({node.first_item, 0, std::nullopt});
      call_node(environment_, step, none, [&](NodeContext& context) {
        node.instance->prepare(specs_of_inputs(step), context);
      });
    }
    for (const PlannedInput& input : plan_.nodes[function].inputs)
      if (plan_.nodes[input.node].function) prepare_steps(input.node);
  }

  Inputs specs_of_inputs(std::size_t index) {
    const auto& between = plan_.nodes[function_].function->between;
    return inputs_of(plan_, index, [&](const PlannedInput& input, Inputs::Edge& edge) {
      const bool inner = std::find(between.begin(), between.end(), input.node) != between.end();
      if (edge.object && !inner) edge.object = object(input, 0);
    });
  }

  /// The function with the side inputs of an item. The last one made is kept, because callers tend
  /// to stay with an item.
  std::shared_ptr<const Model> model(std::int64_t item) const {
    const std::lock_guard lock(mutex_);
    if (!model_ || item_ != item) {
      model_ = std::dynamic_pointer_cast<const Model>(made(function_, item));
      item_ = item;
    }
    return model_;
  }

  /// An object with the tensors of an item, prepared.
  std::shared_ptr<const Component> made(std::size_t index, std::int64_t item) const {
    Inputs in = inputs_of(plan_, index, [&](const PlannedInput& input, Inputs::Edge& edge) {
      const std::pair place{input.node, input.from};
      if (Spec* spec = std::get_if<Spec>(&edge.spec)) {
        edge.value = row(*tensors_.at(place), *spec, item);
        spec->items = 1;
      } else if (TableSpec* table = std::get_if<TableSpec>(&edge.spec)) {
        edge.value = rows_of_items(tables_.at(place), table->items == 1 ? 0 : item, 1);
        table->items = 1;
      } else {
        edge.object = object(input, item);
      }
    });
    in.set_block({item, 1, std::nullopt});
    return make_object(environment_, index, in, Rows::of(in.block()));
  }

  std::shared_ptr<const Component> object(const PlannedInput& input, std::int64_t item) const {
    if (!input.from.empty())
      throw Error("the object '" + plan_.nodes[input.node].name + "." + input.from +
                  "' is made by a run, so no function outside of a run can use it");
    const std::int64_t key = plan_.nodes[input.node].object_per_block ? item : 0;
    const auto known = objects_.find(input.node);
    if (known != objects_.end() && known->second.first == key) return known->second.second;
    auto object = made(input.node, key);
    objects_[input.node] = {key, object};
    return object;
  }

  static Tensor row(const DatasetReader& reader, const Spec& spec, std::int64_t item) {
    if (spec.items > 1 && item >= spec.items)
      throw ShapeError("the function was asked for item " + std::to_string(item) +
                       ", but the pipeline has " + std::to_string(spec.items));
    std::vector<std::int64_t> offset(reader.shape().size(), 0);
    std::vector<std::int64_t> size = reader.shape();
    offset[0] = spec.items > 1 ? item : 0;
    size[0] = 1;
    return reader.read(offset, size);
  }

  TemporaryFolder folder_;
  std::shared_ptr<const Registry> registry_;
  Plan plan_;
  std::size_t function_;
  RunEnvironment environment_;
  std::map<std::pair<std::size_t, std::string>, std::unique_ptr<DatasetReader>> tensors_;
  std::map<std::pair<std::size_t, std::string>, Table> tables_;
  mutable std::mutex mutex_;
  mutable std::map<std::size_t, std::pair<std::int64_t, std::shared_ptr<const Component>>> objects_;
  mutable std::shared_ptr<const Model> model_;
  mutable std::int64_t item_ = 0;
};

}  // namespace

std::shared_ptr<const Model> memory_function(const Documents& documents,
                                             std::shared_ptr<const Registry> registry,
                                             const std::string& argument,
                                             const std::string& value) {
  if (documents.points.size() != 1)
    throw ConfigError("a function needs a pipeline without a sweep; this one has " +
                      std::to_string(documents.points.size()) + " points");
  const std::string name = free_name(documents.points.front());
  return std::make_shared<MemoryFunction>(with_function(documents, name, argument, value),
                                          std::move(registry), name);
}

}  // namespace pellucid
