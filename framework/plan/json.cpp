// The plan as JSON, for programs.
#include <nlohmann/json.hpp>

#include "base/column.h"
#include "plan/edges.h"
#include "plan/memory.h"
#include "plan/plan.h"

namespace pellucid {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const Spec& spec) {
  Json json{{"type", "tensor"},  {"items", spec.items}, {"dtype", dtype_name(spec.dtype)},
            {"axes", spec.axes}, {"shape", spec.shape}, {"unit", spec.unit}};
  if (!spec.spacing.empty()) {
    json["spacing"] = spec.spacing;
    json["spacing_unit"] = spec.spacing_unit;
  }
  json["bytes"] = spec.bytes();
  return json;
}

Json json_of(const TableSpec& table) {
  Json columns = Json::array({{{"name", "item"}, {"type", "integer"}, {"unit", ""}}});
  for (const Column& column : table.columns)
    columns.push_back(
        {{"name", column.name}, {"type", name_of(column.type)}, {"unit", column.unit}});
  return {{"type", "table"},
          {"items", table.items},
          {"rows_per_item", table.rows_per_item},
          {"columns", columns},
          {"bytes", output_bytes(table)}};
}

Json json_of(const Specs& specs, const ComponentDescriptor& component) {
  Json outputs = Json::object();
  for (const auto& [port, value] : specs.all()) {
    if (const auto* spec = std::get_if<Spec>(&value)) outputs[port] = json_of(*spec);
    if (const auto* table = std::get_if<TableSpec>(&value)) outputs[port] = json_of(*table);
    if (!std::holds_alternative<std::shared_ptr<const Component>>(value)) continue;
    for (const Port& declared : component.ports().all())
      if (port == declared.name) outputs[port] = {{"type", pellucid::name_of(declared.type)}};
  }
  return outputs;
}

Json json_of(const Plan& plan, const PlannedNode& node) {
  Json inputs = Json::object();
  for (const PlannedInput& input : node.inputs)
    inputs[input.port] = end_name(plan.nodes[input.node], input.from);
  Json json{{"name", node.name},
            {"point", node.point},
            {"use", node.use},
            {"kind", pellucid::name_of(node.component->kind)},
            {"plugin_version", node.plugin_version},
            {"inputs", inputs},
            {"outputs", json_of(node.outputs, *node.component)},
            {"items", node.items},
            {"first_item", node.first_item},
            {"computed", node.computed},
            {"isolated", node.isolated}};
  if (node.computed) json["stream"] = node.stream;
  json["block_output_bytes"] = node.output_bytes;
  json["block_working_bytes"] = node.working_bytes;
  json["file_bytes"] = node.file_bytes;
  json["key"] = node.key;
  return json;
}

Json json_of(const Plan& plan, const PlannedStream& stream) {
  Json names = Json::array();
  for (const std::size_t node : stream.nodes) names.push_back(plan.nodes[node].name);
  return {{"nodes", names},
          {"items", stream.items},
          {"first_item", stream.first_item},
          {"blocks", stream.blocks},
          {"tiles", stream.tiles.size()},
          {"behind_barrier", stream.behind_barrier},
          {"block_bytes", stream.block_bytes},
          {"blocks_in_flight", stream.in_flight}};
}

}  // namespace

std::string plan_json(const Plan& plan) {
  Json nodes = Json::array(), streams = Json::array(), results = Json::array();
  for (const PlannedNode& node : plan.nodes) nodes.push_back(json_of(plan, node));
  for (const PlannedStream& stream : plan.streams) streams.push_back(json_of(plan, stream));
  for (const PlannedResult& result : plan.results)
    results.push_back({{"point", plan.points[result.point].label},
                       {"node", plan.nodes[result.node].name},
                       {"port", result.port}});
  Json points = Json::array();
  for (const PlannedPoint& point : plan.points) points.push_back(point.label);
  const Json json{{"nodes", nodes},
                  {"unused", plan.unused},
                  {"streams", streams},
                  {"results", results},
                  {"points", points},
                  {"block_items", plan.block_items},
                  {"workers", plan.workers},
                  {"threads_per_worker", plan.threads},
                  {"memory", plan.memory},
                  {"predicted_bytes", plan.predicted_bytes},
                  {"predicted_resident", plan.predicted_resident},
                  {"predicted_in_processes", bytes_of_processes(plan)},
                  {"spilled_bytes", plan.spilled_bytes},
                  {"disk_bytes", plan.disk_bytes},
                  {"disk_free", plan.disk_free},
                  {"key", plan.key}};
  // Paths and units may hold any bytes; JSON holds UTF-8 alone.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace pellucid
