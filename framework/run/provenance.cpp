#include "run/provenance.h"

#include <unistd.h>

#include <chrono>
#include <ctime>

#include <nlohmann/json.hpp>
#include <pellucid/stamp.h>
#include <pellucid/version.h>

#include "buffers/checksum.h"
#include "buffers/result_file.h"
#include "run/allocator.h"

namespace pellucid {
namespace {

using Json = nlohmann::ordered_json;

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

// Names of files and reasons of failures may hold any bytes; JSON holds UTF-8 alone.
std::string dumped(const Json& json) {
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// What the plan says; what only the run knows is empty.
Json described(const Plan& plan) {
  Json json;
  json["pellucid"] = kVersion;
  json["build"] = PELLUCID_ABI_STAMP;
  for (const char* later : {"status", "started", "ended", "host"}) json[later] = "";
  json["key"] = plan.key;
  json["seed"] = plan.settings.seed;
  json["device"] = plan.settings.device;
  json["block_items"] = plan.block_items;
  json["workers"] = plan.workers;
  json["threads"] = plan.threads;
  if (plan.items) json["items"] = {plan.items->first, plan.items->second};
  if (!plan.until.empty()) json["until"] = plan.until;
  for (const char* later : {"folder", "run"}) json[later] = "";
  for (const PlannedPoint& point : plan.points)
    json["points"].push_back({{"label", point.label}, {"pipeline", point.resolved}});

  Json plugins = Json::object();
  Json inputs = Json::array();
  Json nodes = Json::array();
  for (const PlannedNode& node : plan.nodes) {
    if (!node.plugin_file.empty())
      plugins[node.use.substr(0, node.use.find('/'))] = {{"file", node.plugin_file.string()},
                                                         {"version", node.plugin_version},
                                                         {"checksum", node.plugin_checksum}};
    for (const SourceFile& file : node.files)
      inputs.push_back({{"node", node.name},
                        {"path", file.path.string()},
                        {"bytes", file.bytes},
                        {"modified", file.modified}});
    Json entry = {{"name", node.name}, {"use", node.use}};
    if (!node.point.empty()) entry["point"] = node.point;
    if (node.isolated) entry["isolated"] = true;
    nodes.push_back(std::move(entry));
  }
  json["plugins"] = plugins;
  json["inputs"] = inputs;
  json["nodes"] = nodes;
  return json;
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
  // Beside what the plan says: the folder, the host, times, and some of the items that are skipped.
  std::int64_t bytes = std::ssize(dumped(described(plan))) + (64 << 10);
  for (const PlannedNode& node : plan.nodes) {
    constexpr std::int64_t numbers = 256;
    constexpr std::int64_t checksum = 64;
    bytes += numbers;
    for (const Specs* specs : {&node.outputs, &node.state})
      for (const auto& [port, value] : specs->all()) bytes += checksum + std::ssize(port);
  }
  return bytes;
}

std::string provenance_json(const Plan& plan, const Executor& executor, const std::string& status,
                            const std::string& started, std::int64_t most_bytes) {
  Json json = described(plan);
  json["status"] = status;
  json["started"] = started;
  json["ended"] = time_text();
  json["host"] = host_name();
  json["folder"] = executor.folder().string();
  json["run"] = executor.run_id();
  const auto checksums = executor.checksums();
  for (std::size_t index = 0; index < plan.nodes.size(); ++index) {
    const NodeRecord& record = executor.records()[index];
    Json& node = json["nodes"][index];
    node["seconds"] = record.seconds;
    node["blocks"] = record.blocks;
    node["peak_bytes"] = peak_of_tag(static_cast<std::uint32_t>(index + 1));
    const std::string prefix = journal_name(plan.nodes[index]) + ".";
    for (const auto& [name, sum] : checksums)
      if (name.rfind(prefix, 0) == 0 && name.find('.', prefix.size()) == std::string::npos)
        node["checksums"][name.substr(prefix.size())] = checksum_text(sum);
  }
  const AllocatorUse use = allocator_use();
  json["memory"] = {
      {"budget", plan.memory}, {"predicted", plan.predicted_bytes}, {"peak_tensors", use.peak}};

  const auto skipped = executor.failures();
  json["skipped_items"] = skipped.size();
  Json& listed = json["skipped"] = Json::array();
  constexpr std::int64_t around_line = 8;
  std::int64_t room = most_bytes - std::ssize(dumped(json)) - around_line;
  for (const std::string& line : skipped) {
    room -= std::ssize(dumped(line)) + around_line;
    if (room < 0) break;
    listed.push_back(line);
  }
  return dumped(json);
}

bool is_result_of(const std::string& run, const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return false;
  try {
    return Json::parse(read_provenance(file)).value("run", "") == run;
  } catch (const Error&) {
    return false;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
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
