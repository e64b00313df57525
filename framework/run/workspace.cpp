#include "run/workspace.h"

#include <unistd.h>

#include <algorithm>
#include <random>
#include <system_error>

#include <nlohmann/json.hpp>
#include <pellucid/version.h>

#include "base/log.h"
#include "base/numerics/plan_cache.h"
#include "buffers/checksum.h"
#include "buffers/file.h"
#include "plan/paths.h"
#include "run/provenance.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

std::string record_of(const Plan& plan, const std::string& replays) {
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
  if (!replays.empty()) record["replays"] = replays;
  return record.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

/// Absolute, and without a slash at its end: the last name is that of the run.
fs::path plain(const fs::path& folder) {
  const fs::path absolute = fs::absolute(folder).lexically_normal();
  return absolute.has_filename() ? absolute : absolute.parent_path();
}

std::string new_id() {
  std::random_device device;
  return checksum_text((std::uint64_t{device()} << 32) + device());
}

void copy_choices(const fs::path& from, const fs::path& to) {
  const fs::path source = fs::is_directory(from / "choices") ? from / "choices" : from;
  if (!fs::is_directory(source))
    throw Error("--choices: '" + from.string() + "' is not the folder of a run with FFT plans");
  for (const auto& entry : fs::directory_iterator(source))
    fs::copy_file(entry.path(), to / entry.path().filename(), fs::copy_options::overwrite_existing);
}

// Everything is in the folder before it has its name, so that nobody meets a half-made one.
void make_folder(const fs::path& folder, const Plan& plan, const WorkspaceOptions& options) {
  const fs::path draft = folder.string() + ".new-" + std::to_string(::getpid());
  std::error_code ignored;
  fs::remove_all(draft, ignored);
  try {
    fs::create_directories(draft / "choices");
    if (!options.choices.empty()) copy_choices(options.choices, draft / "choices");
    write_text(draft / "plan.json", record_of(plan, options.replays));
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

// Buffers and checkpoints.
void clear_scratch(const fs::path& scratch) {
  std::error_code ignored;
  fs::remove(scratch / "buffers.h5", ignored);
  fs::remove(scratch / "buffers.id", ignored);
  fs::remove_all(scratch / "nodes", ignored);
}

// What lies outside of the folder of a run; the journal says where.
void clear_other_scratch(const Journal& journal) {
  for (const Journal::Note& note : journal.notes("scratch")) {
    std::error_code ignored;
    clear_scratch(note.text);
    fs::remove(fs::path(note.text) / "lock", ignored);
    fs::remove(note.text, ignored);
  }
}

// The same of a run whose journal is not open.
void clear_other_scratch(const fs::path& folder) {
  try {
    if (fs::exists(folder / "journal")) clear_other_scratch(Journal(folder / "journal"));
  } catch (const Error& error) {
    log_warning(std::string(error.what()) + "; its scratch folder, if any, is left as it is");
  }
}

// What the run itself made; files of sinks stay until they are replaced by complete ones.
void clear_run(const fs::path& folder) {
  clear_other_scratch(folder);
  for (const char* name : {"journal", "run.json", "result.h5", "result.h5.part"})
    fs::remove(folder / name);
  if (fs::is_directory(folder / "points"))
    for (const auto& point : fs::directory_iterator(folder / "points"))
      for (const char* name : {"result.h5", "result.h5.part"}) fs::remove(point.path() / name);
  fs::remove_all(folder / "choices");
  fs::create_directories(folder / "choices");
  clear_scratch(folder);
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

std::size_t number_of_point(const Plan& plan, const std::string& label) {
  const auto found = std::find_if(plan.points.begin(), plan.points.end(),
                                  [&](const PlannedPoint& point) { return point.label == label; });
  return found == plan.points.end() ? 0 : static_cast<std::size_t>(found - plan.points.begin());
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
    recorded.replays = json.value("replays", "");
    if (fs::exists(folder / "run.json")) {
      const auto run = nlohmann::json::parse(read_text(folder / "run.json"));
      recorded.finished = run.value("status", "") == "finished";
    }
    return recorded;
  } catch (const nlohmann::json::exception& error) {
    throw Error("'" + file.string() + "' is not the plan of a run: " + error.what());
  }
}

Workspace::Workspace(const fs::path& folder, const Plan& plan, const WorkspaceOptions& options)
    : folder_(plain(folder)), scratch_(folder_), replay_(!options.replays.empty()) {
  std::error_code failed;
  fs::create_directories(folder_.parent_path(), failed);
  if (failed)
    throw Error("the folder '" + folder_.parent_path().string() +
                "' cannot be made: " + failed.message());
  const bool there = fs::exists(folder_) && !(fs::is_directory(folder_) && fs::is_empty(folder_));
  if (!there) {
    make_folder(folder_, plan, options);
  } else if (!fs::exists(folder_ / "plan.json")) {
    throw Error("'" + folder_.string() +
                "' is there already and is not the folder of a run; choose another with --run");
  }
  lock_.emplace(folder_);
  const auto recorded = recorded_plan(folder_);
  if (replay_ && recorded->replays != options.replays)
    throw Error("'" + folder_.string() + "' is there already and is no replay of '" +
                options.replays + "'; choose another folder with --run");
  finished_ = recorded->finished;
  const bool other = recorded->key != plan.key;
  if (other && !options.overwrite)
    throw Error("'" + folder_.string() + "' holds another run: " + differing_node(*recorded, plan) +
                "; choose another folder with --run, or replace it with --overwrite");
  if (options.overwrite && (other || finished_)) {
    clear_run(folder_);
    write_text(folder_ / "plan.json", record_of(plan, options.replays));
    if (!options.choices.empty()) copy_choices(options.choices, folder_ / "choices");
    finished_ = false;
  }
  resumed_ = fs::exists(folder_ / "journal");
  if (!finished_) {
    journal_ = std::make_unique<Journal>(folder_ / "journal");
    id_ = first_noted("run", new_id());
    provenance_bytes_ = std::stoll(
        first_noted("provenance-bytes", std::to_string(pellucid::provenance_bytes(plan))));
    find_scratch(options.scratch);
  }
  set_choices_folder(folder_ / "choices");
}

// What the first process of the run said, which is this one where nobody did before.
std::string Workspace::first_noted(const std::string& topic, const std::string& text) {
  if (journal_->notes(topic).empty()) journal_->note(topic, text);
  return journal_->notes(topic).front().text;
}

// A node of a cluster may not see the scratch of another one: then buffers begin anew, in the folder.
void Workspace::find_scratch(const fs::path& asked) {
  const auto known = journal_->notes("scratch");
  const std::string last = known.empty() ? "" : known.back().text;
  if (!asked.empty()) scratch_ = plain(asked) / (folder_.filename().string() + "-" + id_);
  else if (fs::is_directory(last)) scratch_ = last;
  if (scratch_ == folder_) return;
  std::error_code failed;
  fs::create_directories(scratch_, failed);
  if (failed)
    throw Error("the scratch folder '" + scratch_.string() +
                "' cannot be made: " + failed.message());
  scratch_lock_.emplace(scratch_);
  if (scratch_ != last) journal_->note("scratch", scratch_.string());
}

bool Workspace::has_buffers() const {
  const auto known = journal_->notes("buffers");
  return !known.empty() && fs::exists(buffers_file()) && fs::exists(scratch_ / "buffers.id") &&
         read_text(scratch_ / "buffers.id") == known.back().text;
}

void Workspace::begin_buffers() {
  fs::remove(buffers_file());
  const std::string id = new_id();
  write_text(scratch_ / "buffers.id", id);
  journal_->note("buffers", id);
}

Workspace::~Workspace() { set_choices_folder({}); }

fs::path Workspace::point_folder(const Plan& plan, std::size_t point) const {
  const std::string& label = plan.points[point].label;
  return label.empty() ? folder_ : folder_ / "points" / label;
}

fs::path Workspace::output_file(const Plan& plan, std::size_t point, const fs::path& path) const {
  const fs::path file = (point_folder(plan, point) / path).lexically_normal();
  const fs::path below = file.lexically_relative(folder_);
  const bool inside = !below.empty() && *below.begin() != "..";
  return inside || !replay_ ? file : point_folder(plan, point) / "outside" / file.relative_path();
}

Value Workspace::settings_of(const Plan& plan, const PlannedNode& node) const {
  const std::size_t point = number_of_point(plan, node.point);
  Value settings = node.settings;
  visit_paths(settings, node.component->fields(), Field::Type::output_path, [&](Value& value) {
    const auto file = output_file(plan, point, value.text());
    value = Value::scalar(file.string(), value.where(), true);
  });
  return settings;
}

void Workspace::remove_intermediates() const {
  clear_scratch(folder_);
  if (journal_) clear_other_scratch(*journal_);
  else clear_other_scratch(folder_);
}

}  // namespace pellucid
