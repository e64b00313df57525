#include "run/provenance.h"

#include <unistd.h>

#include <chrono>
#include <ctime>

#include <nlohmann/json.hpp>
#include <pellucid/stamp.h>
#include <pellucid/version.h>

#include "buffers/checksum.h"
#include "run/allocator.h"

namespace pellucid {
namespace {

using Json = nlohmann::ordered_json;

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

}  // namespace

std::string time_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::int64_t provenance_bytes(const Plan& plan) {
  std::int64_t bytes = 64 << 10;
  for (const PlannedPoint& point : plan.points)
    bytes += 2 * static_cast<std::int64_t>(point.resolved.size());
  for (const PlannedNode& node : plan.nodes) {
    bytes += 2048;
    for (const SourceFile& file : node.files)
      bytes += 128 + 2 * static_cast<std::int64_t>(file.path.string().size());
  }
  return bytes;
}

std::string provenance_json(const Plan& plan, const Executor& executor, const std::string& status,
                            const std::string& started) {
  Json json;
  json["pellucid"] = kVersion;
  json["build"] = PELLUCID_ABI_STAMP;
  json["status"] = status;
  json["started"] = started;
  json["ended"] = time_text();
  json["host"] = host_name();
  json["key"] = plan.key;
  json["seed"] = plan.settings.seed;
  json["device"] = plan.settings.device;
  json["block_items"] = plan.block_items;
  json["workers"] = plan.workers;
  json["threads"] = plan.threads;
  if (plan.items) json["items"] = {plan.items->first, plan.items->second};
  if (!plan.until.empty()) json["until"] = plan.until;
  json["folder"] = executor.folder().string();
  for (const PlannedPoint& point : plan.points)
    json["points"].push_back({{"label", point.label}, {"pipeline", point.resolved}});

  Json plugins = Json::object();
  Json inputs = Json::array();
  Json nodes = Json::array();
  const auto checksums = executor.checksums();
  for (std::size_t index = 0; index < plan.nodes.size(); ++index) {
    const PlannedNode& node = plan.nodes[index];
    if (!node.plugin_file.empty())
      plugins[node.use.substr(0, node.use.find('/'))] = {{"file", node.plugin_file.string()},
                                                         {"version", node.plugin_version},
                                                         {"checksum", node.plugin_checksum}};
    for (const SourceFile& file : node.files)
      inputs.push_back({{"node", node.name},
                        {"path", file.path.string()},
                        {"bytes", file.bytes},
                        {"modified", file.modified}});
    const NodeRecord& record = executor.records()[index];
    Json entry = {{"name", node.name},
                  {"use", node.use},
                  {"seconds", record.seconds},
                  {"blocks", record.blocks},
                  {"peak_bytes", peak_of_tag(static_cast<std::uint32_t>(index + 1))}};
    if (!node.point.empty()) entry["point"] = node.point;
    const std::string prefix = journal_name(node) + ".";
    for (const auto& [name, sum] : checksums)
      if (name.rfind(prefix, 0) == 0 && name.find('.', prefix.size()) == std::string::npos)
        entry["checksums"][name.substr(prefix.size())] = checksum_text(sum);
    nodes.push_back(std::move(entry));
  }
  json["plugins"] = plugins;
  json["inputs"] = inputs;
  json["nodes"] = nodes;
  json["skipped"] = executor.failures();
  const AllocatorUse use = allocator_use();
  json["memory"] = {
      {"budget", plan.memory}, {"predicted", plan.predicted_bytes}, {"peak_tensors", use.peak}};
  return json.dump(1) + "\n";
}

Replayable replayable(const std::string& provenance, const std::string& point) {
  try {
    const Json json = Json::parse(provenance);
    Replayable found;
    for (const auto& candidate : json.at("points"))
      if (candidate.at("label") == point || (point.empty() && found.pipeline.empty()))
        found.pipeline = candidate.at("pipeline");
    if (found.pipeline.empty()) throw Error("the result has no sweep point '" + point + "'");
    found.workers = json.at("workers");
    found.threads = json.at("threads");
    found.folder = json.at("folder");
    if (json.contains("items")) found.items = {json.at("items").at(0), json.at("items").at(1)};
    found.until = json.value("until", "");
    for (const auto& node : json.at("nodes")) {
      const std::string of_point = node.value("point", "");
      if (!of_point.empty() && of_point != point) continue;
      if (!node.contains("checksums")) continue;
      for (const auto& [port, sum] : node.at("checksums").items())
        found.checksums.emplace_back(node.at("name").get<std::string>() + "." + port, sum);
    }
    return found;
  } catch (const nlohmann::json::exception& error) {
    throw Error(std::string("this is no provenance of Pellucid: ") + error.what());
  }
}

}  // namespace pellucid
