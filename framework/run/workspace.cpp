#include "run/workspace.h"

#include <unistd.h>

#include <system_error>

#include <nlohmann/json.hpp>
#include <pellucid/version.h>

#include "base/numerics/plan_cache.h"
#include "buffers/file.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

nlohmann::json record_of(const Plan& plan) {
  nlohmann::json record;
  record["pellucid"] = kVersion;
  record["key"] = plan.key;
  record["workers"] = plan.workers;
  record["threads"] = plan.threads;
  record["block_items"] = plan.block_items;
  record["device"] = plan.settings.device;
  for (const PlannedPoint& point : plan.points)
    record["points"].push_back({{"label", point.label}, {"pipeline", point.resolved}});
  for (const PlannedNode& node : plan.nodes)
    record["nodes"].push_back({{"name", node.name}, {"key", node.key}});
  return record;
}

void copy_choices(const fs::path& from, const fs::path& to) {
  const fs::path source = fs::is_directory(from / "choices") ? from / "choices" : from;
  if (!fs::is_directory(source))
    throw Error("--choices: '" + from.string() + "' is not the folder of a run with FFT plans");
  for (const auto& entry : fs::directory_iterator(source))
    fs::copy_file(entry.path(), to / entry.path().filename(), fs::copy_options::overwrite_existing);
}

// Everything is in the folder before it has its name, so that nobody meets a half-made one.
void make_folder(const fs::path& folder, const Plan& plan, const fs::path& choices) {
  const fs::path draft = folder.string() + ".new-" + std::to_string(::getpid());
  std::error_code ignored;
  fs::remove_all(draft, ignored);
  try {
    fs::create_directories(draft / "choices");
    if (!choices.empty()) copy_choices(choices, draft / "choices");
    write_text(draft / "plan.json", record_of(plan).dump(1) + "\n");
    std::error_code failed;
    fs::rename(draft, folder, failed);
    // Somebody else was first: theirs counts.
    if (failed && !fs::exists(folder / "plan.json")) throw fs::filesystem_error("", failed);
    fs::remove_all(draft, ignored);
  } catch (const fs::filesystem_error& error) {
    fs::remove_all(draft, ignored);
    throw Error("the folder of the run, '" + folder.string() +
                "', cannot be made: " + error.code().message() + "; choose another with --run");
  }
}

// What the run itself made; files of sinks stay until they are replaced by complete ones.
void clear_run(const fs::path& folder, const fs::path& scratch) {
  for (const char* name : {"journal", "run.json", "result.h5", "result.h5.part"})
    fs::remove(folder / name);
  if (fs::is_directory(folder / "points"))
    for (const auto& point : fs::directory_iterator(folder / "points"))
      for (const char* name : {"result.h5", "result.h5.part"}) fs::remove(point.path() / name);
  fs::remove_all(folder / "choices");
  fs::create_directories(folder / "choices");
  fs::remove(scratch / "buffers.h5");
  fs::remove_all(scratch / "nodes");
}

std::string differing_node(const RecordedPlan& recorded, const Plan& plan) {
  for (const PlannedNode& node : plan.nodes) {
    bool known = false;
    for (const auto& [name, key] : recorded.node_keys) {
      if (name != node.name) continue;
      known = true;
      if (key == node.key) break;
      return "node '" + node.name + "' differs (its parameters, inputs, input files or plugin)";
    }
    if (!known) return "node '" + node.name + "' is new";
  }
  return "other settings";
}

}  // namespace

std::optional<RecordedPlan> recorded_plan(const fs::path& folder) {
  const fs::path file = folder / "plan.json";
  if (!fs::exists(file)) return std::nullopt;
  try {
    const auto json = nlohmann::json::parse(read_text(file));
    RecordedPlan recorded;
    recorded.key = json.at("key");
    recorded.workers = json.at("workers");
    recorded.threads = json.at("threads");
    for (const auto& point : json.at("points")) recorded.resolved.push_back(point.at("pipeline"));
    for (const auto& node : json.at("nodes"))
      recorded.node_keys.emplace_back(node.at("name"), node.at("key"));
    if (fs::exists(folder / "run.json")) {
      const auto run = nlohmann::json::parse(read_text(folder / "run.json"));
      recorded.finished = run.value("status", "") == "finished";
    }
    return recorded;
  } catch (const nlohmann::json::exception& error) {
    throw Error("'" + file.string() + "' is not the plan of a run: " + error.what());
  }
}

Workspace::Workspace(const fs::path& folder, const Plan& plan, const fs::path& scratch,
                     const fs::path& choices, bool overwrite)
    : folder_(fs::absolute(folder).lexically_normal()),
      scratch_(scratch.empty() ? folder_ : fs::absolute(scratch) / folder_.filename()) {
  if (!folder_.has_filename()) folder_ = folder_.parent_path();
  std::error_code failed;
  fs::create_directories(folder_.parent_path(), failed);
  if (failed)
    throw Error("the folder '" + folder_.parent_path().string() +
                "' cannot be made: " + failed.message());
  const bool there = fs::exists(folder_) && !(fs::is_directory(folder_) && fs::is_empty(folder_));
  if (!there) {
    make_folder(folder_, plan, choices);
  } else if (!fs::exists(folder_ / "plan.json")) {
    throw Error("'" + folder_.string() +
                "' is there already and is not the folder of a run; choose another with --run");
  }
  lock_.emplace(folder_);
  const auto recorded = recorded_plan(folder_);
  finished_ = recorded->finished;
  if (recorded->key != plan.key) {
    if (!overwrite)
      throw Error("'" + folder_.string() +
                  "' holds another run: " + differing_node(*recorded, plan) +
                  "; choose another folder with --run, or replace it with --overwrite");
    clear_run(folder_, scratch_);
    write_text(folder_ / "plan.json", record_of(plan).dump(1) + "\n");
    if (!choices.empty()) copy_choices(choices, folder_ / "choices");
    finished_ = false;
  } else if (finished_ && overwrite) {
    clear_run(folder_, scratch_);
    finished_ = false;
  }
  resumed_ = fs::exists(folder_ / "journal");
  fs::create_directories(scratch_, failed);
  if (failed)
    throw Error("the scratch folder '" + scratch_.string() +
                "' cannot be made: " + failed.message());
  set_choices_folder(folder_ / "choices");
  if (!finished_) journal_ = std::make_unique<Journal>(folder_ / "journal");
}

Workspace::~Workspace() { set_choices_folder({}); }

fs::path Workspace::point_folder(const Plan& plan, std::size_t point) const {
  const std::string& label = plan.points[point].label;
  return label.empty() ? folder_ : folder_ / "points" / label;
}

void Workspace::remove_intermediates() const {
  fs::remove(buffers_file());
  fs::remove_all(node_scratch());
  if (scratch_ != folder_) {
    std::error_code ignored;
    fs::remove(scratch_, ignored);
  }
}

Value with_output_paths(const Value& settings, const std::vector<Field>& fields,
                        const fs::path& folder) {
  Value resolved = settings;
  for (const Field& field : fields) {
    Value* value = resolved.find(field.key);
    if (value == nullptr) continue;
    if (field.type == Field::Type::output_path && value->is_scalar() && !value->text().empty()) {
      const fs::path path = value->text();
      if (path.is_relative())
        *value = Value::scalar((folder / path).lexically_normal().string(), value->where(), true);
    } else if (field.type == Field::Type::group) {
      *value = with_output_paths(*value, field.fields, folder);
    } else if (field.type == Field::Type::choice && value->is_map()) {
      for (Value::Entry& entry : value->entries())
        for (const Field& alternative : field.fields)
          if (alternative.key == entry.key && entry.value.is_map())
            entry.value = with_output_paths(entry.value, alternative.fields, folder);
    }
  }
  return resolved;
}

}  // namespace pellucid
