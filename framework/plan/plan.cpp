#include "plan/plan.h"

#include <algorithm>

#include "plan/blocks.h"
#include "plan/draft.h"
#include "plan/function_model.h"

namespace pellucid {
namespace {

void take_settings(Draft& draft) {
  Plan& plan = draft.plan;
  plan.settings = draft.documents.points.front().settings;
  plan.items = draft.options.items;
  plan.until = draft.options.until;
  plan.sweep_axes = draft.documents.axes;
  plan.sources = draft.documents.sources;
  plan.memory = plan.settings.memory.value_or(available_memory() / 2);
  plan.workers = std::max(1, plan.settings.workers);
  plan.threads = std::max(1, plan.settings.threads.value_or(available_threads()) / plan.workers);
}

/// The pipeline of a point as YAML that starts from no folder: every input path is absolute.
std::string resolved_text(const Draft& draft, std::size_t point) {
  Document document = draft.documents.points[point];
  std::map<std::string, const PlannedNode*> planned;
  for (const std::size_t node : draft.point_nodes[point])
    planned.emplace(draft.plan.nodes[node].name, &draft.plan.nodes[node]);
  for (NodeText& text : document.nodes) {
    const auto found = planned.find(text.name);
    if (found != planned.end() && !text.with.is_null()) text.with = found->second->settings;
  }
  return to_yaml(document);
}

void make_points(Draft& draft) {
  Plan& plan = draft.plan;
  for (std::size_t i = 0; i < draft.documents.points.size(); ++i) {
    const Document& document = draft.documents.points[i];
    plan.points.push_back({document.label, document.labels, resolved_text(draft, i), {}});
  }
}

/// After `select`: which nodes each point uses, and which nodes are of one point alone.
void assign_points(Draft& draft) {
  Plan& plan = draft.plan;
  for (std::size_t i = 0; i < plan.points.size(); ++i) {
    plan.points[i].nodes = draft.point_nodes[i];
    std::sort(plan.points[i].nodes.begin(), plan.points[i].nodes.end());
  }
  if (plan.points.size() < 2) return;
  for (std::size_t i = 0; i < plan.nodes.size(); ++i)
    if (draft.facts[i].points.size() == 1)
      plan.nodes[i].point = plan.points[draft.facts[i].points.front()].label;
}

template <class T>
const T* output_as(const Plan& plan, std::size_t node, const std::string& port) {
  const auto& outputs = plan.nodes.at(node).outputs.all();
  const auto found = outputs.find(port);
  return found == outputs.end() ? nullptr : std::get_if<T>(&found->second);
}

}  // namespace

Plan make_plan(const Documents& documents, const Registry& registry, const PlanOptions& options) {
  register_function_component();
  Draft draft{documents, registry, options, Faults(documents), {}, {}, {}, {}, {}};
  if (documents.points.empty()) draft.faults.throw_if_any();
  if (documents.points.empty()) throw ConfigError("the pipeline has no nodes");

  for (std::size_t i = 0; i < documents.points.size(); ++i) {
    BoundPoint point = bind(draft, documents.points[i]);
    cut_cycles(draft, point);
    bind_functions(draft, point);
    cut_cycles(draft, point);
    join(draft, i, std::move(point));
  }
  find_copies(draft);
  make_components(draft);
  infer(draft);
  draft.faults.throw_if_any();

  take_settings(draft);
  make_points(draft);
  select(draft);
  draft.faults.throw_if_any();
  assign_points(draft);

  cut_into_streams(draft);
  cut_into_blocks(draft);
  draft.faults.throw_if_any();
  predict_memory(draft);
  predict_disk(draft);
  draft.faults.throw_if_any();
  make_keys(draft);
  return std::move(draft.plan);
}

const Spec* Plan::tensor_spec(std::size_t node, const std::string& port) const {
  return output_as<Spec>(*this, node, port);
}

const TableSpec* Plan::table_spec(std::size_t node, const std::string& port) const {
  return output_as<TableSpec>(*this, node, port);
}

std::pair<std::size_t, std::string> Plan::find(const std::string& reference) const {
  std::vector<std::string> known;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    std::vector<std::string> ports;
    for (const auto& [port, value] : nodes[i].outputs.all()) {
      if (reference == nodes[i].name + "." + port) return {i, port};
      ports.push_back(port);
      known.push_back(nodes[i].name + "." + port);
    }
    known.push_back(nodes[i].name);
    if (reference != nodes[i].name) continue;
    if (ports.size() == 1) return {i, ports.front()};
    if (ports.empty()) return {i, ""};
    throw ConfigError("'" + reference + "' has several outputs: " + listed(ports));
  }
  throw ConfigError("there is no '" + reference + "' in the plan" +
                    suggestion_among(reference, known, "it"));
}

std::vector<std::pair<std::size_t, std::size_t>> Plan::consumers(std::size_t node,
                                                                 const std::string& port) const {
  std::vector<std::pair<std::size_t, std::size_t>> found;
  for (std::size_t consumer = 0; consumer < nodes.size(); ++consumer) {
    if (!nodes[consumer].computed) continue;
    for (std::size_t i = 0; i < nodes[consumer].inputs.size(); ++i) {
      const PlannedInput& input = nodes[consumer].inputs[i];
      if (input.node == node && input.from == port) found.emplace_back(consumer, i);
    }
  }
  return found;
}

}  // namespace pellucid
