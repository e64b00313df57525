#include "run/run.h"

#include <cstdio>

#include <sys/resource.h>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "buffers/file.h"
#include "buffers/result_file.h"
#include "plan/plan.h"
#include "run/allocator.h"
#include "run/executor.h"
#include "run/progress.h"
#include "run/provenance.h"
#include "run/table_text.h"
#include "run/workspace.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

// W and T belong to the run, not to the machine that continues it: other values give other bits.
void set_threads(Documents& documents, int workers, int threads) {
  for (Document& document : documents.points) {
    document.settings.workers = workers;
    document.settings.threads = workers * threads;
  }
}

std::int64_t peak_resident() {
  rusage use{};
  ::getrusage(RUSAGE_SELF, &use);
  return std::int64_t{use.ru_maxrss} * 1024;
}

std::vector<fs::path> recorded_results(const fs::path& record) {
  std::vector<fs::path> results;
  const auto json = nlohmann::json::parse(read_text(record));
  for (const auto& file : json.at("results")) results.emplace_back(file.get<std::string>());
  return results;
}

void write_record(const Workspace& workspace, const std::string& provenance,
                  const std::vector<fs::path>& results, const std::string& error) {
  auto json = nlohmann::ordered_json::parse(provenance);
  json["results"] = nlohmann::ordered_json::array();
  for (const fs::path& file : results) json["results"].push_back(file.string());
  if (!error.empty()) json["error"] = error;
  json["peak_resident"] = peak_resident();
  write_text(workspace.run_record(),
             json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

// Every table of the results, and one over all points of a sweep.
std::vector<std::pair<std::string, std::string>> result_tables(const Plan& plan,
                                                               const Workspace& workspace) {
  std::vector<std::pair<std::string, std::string>> texts;
  SweepTables sweep(plan);
  for (const PlannedResult& result : plan.results) {
    const PlannedNode& node = plan.nodes[result.node];
    if (plan.table_spec(result.node, result.port) == nullptr) continue;
    const std::string name = "/" + node.name + "/" + result.port;
    const Table table = read_table(workspace.point_folder(plan, result.point) / "result.h5", name);
    if (plan.sweep_axes.empty())
      texts.emplace_back(node.name + "." + result.port, table_text(table));
    else sweep.add(node.name + "." + result.port, result.point, table);
  }
  if (!plan.sweep_axes.empty()) {
    sweep.write(workspace.folder() / "sweep.csv");
    for (auto& [name, text] : sweep.texts()) texts.emplace_back(name, std::move(text));
  }
  return texts;
}

}  // namespace

fs::path default_folder(const Documents& documents) {
  const std::string stem = documents.sources.empty()
                               ? "pipeline"
                               : fs::path(documents.sources.front().name).stem().string();
  return fs::path("runs") / stem;
}

RunReport run_pipeline(RunRequest request, const Registry& registry) {
  install_counting_allocator();
  RunOptions& options = request.options;
  if (options.folder.empty()) options.folder = default_folder(request.documents);
  const std::string started = time_text();
  const auto recorded = recorded_plan(options.folder);
  if (recorded && !options.overwrite)
    set_threads(request.documents, recorded->workers, recorded->threads);

  PlanOptions planning;
  planning.items = options.items;
  planning.until = options.until;
  planning.folder = options.folder;
  planning.scratch = options.scratch;
  const Plan plan = make_plan(request.documents, registry, planning);
  set_allocator_limit(plan.predicted_bytes);  // blocks kept for reuse count as well

  RunReport report;
  report.predicted_bytes = plan.predicted_resident;
  Workspace workspace(
      options.folder, plan,
      {options.scratch, options.choices, options.overwrite, std::move(request.replays)});
  report.summary.folder = workspace.folder();
  if (workspace.finished()) {
    const std::vector<fs::path> results = recorded_results(workspace.run_record());
    for (const fs::path& file : results)
      if (!fs::exists(file))
        throw Error("the run in '" + workspace.folder().string() +
                    "' is finished, but its result '" + file.string() +
                    "' is gone; --overwrite computes it again");
    workspace.remove_intermediates();  // the run may have been killed right behind its record
    report.summary.up_to_date = true;
    report.summary.results = results;
    report.tables = result_tables(plan, workspace);
    return report;
  }

  if (request.begins) request.begins(plan, workspace.resumed());
  Progress progress(plan, request.show_progress, options.progress);
  ExecutorOptions executing;
  executing.overwrite = options.overwrite;
  executing.interrupt = request.interrupt;
  Executor executor(plan, workspace, progress, executing);
  try {
    if (!executor.run()) {
      progress.close();
      write_record(workspace, provenance_json(plan, executor, "interrupted", started), {}, "");
      report.summary.status = RunStatus::interrupted;
      return report;
    }
    executor.finish(
        provenance_json(plan, executor, "finished", started, workspace.provenance_bytes() - 1));
  } catch (const std::exception& error) {
    progress.close();
    try {
      write_record(workspace, provenance_json(plan, executor, "failed", started), {}, error.what());
    } catch (const std::exception& unwritten) {
      log_error(unwritten.what());
    }
    throw;
  }
  progress.close();
  report.summary.results = executor.files();
  write_record(workspace, provenance_json(plan, executor, "finished", started),
               report.summary.results, "");
  workspace.remove_intermediates();
  report.failures = executor.failures();
  report.summary.skipped_items = static_cast<std::int64_t>(report.failures.size());
  report.peak_bytes = peak_resident();
  report.tables = result_tables(plan, workspace);
  if (!plan.sweep_axes.empty()) report.summary.results.push_back(workspace.folder() / "sweep.csv");
  return report;
}

ReplayReport replay(const fs::path& result, const fs::path& folder, const Registry& registry,
                    bool show_progress, const std::atomic<bool>* interrupt) {
  const std::string provenance = read_provenance(result);
  // A result of one point of a sweep stands in points/LABEL.
  const fs::path parent = fs::absolute(result).parent_path();
  const std::string point =
      parent.parent_path().filename() == "points" ? parent.filename().string() : "";
  const Replayable before = replayable(provenance, point);

  ReadOptions reading;
  reading.resolved = true;
  RunRequest request;
  request.documents =
      read_pipeline_text(before.pipeline, result.string() + " (provenance)", parent, reading);
  set_threads(request.documents, before.workers, before.threads);
  request.options.folder = folder;
  request.options.items = before.items;
  request.options.until = before.until;
  request.options.overwrite = true;
  request.replays = fs::weakly_canonical(result).string();
  if (fs::is_directory(fs::path(before.folder) / "choices"))
    request.options.choices = before.folder;
  request.show_progress = show_progress;
  request.interrupt = interrupt;
  const RunReport report = run_pipeline(request, registry);

  ReplayReport outcome;
  outcome.folder = report.summary.folder;
  if (report.summary.status != RunStatus::done)
    throw Error("the replay was interrupted; nothing can be said about equality");
  const Replayable after = replayable(read_text(report.summary.folder / "run.json"), "");
  outcome.equal = true;
  for (const auto& [name, sum] : before.checksums) {
    ++outcome.compared;
    bool same = false;
    for (const auto& [other, other_sum] : after.checksums)
      same = same || (other == name && other_sum == sum);
    if (same) continue;
    outcome.equal = false;
    outcome.first_difference = name;
    break;
  }
  return outcome;
}

}  // namespace pellucid
