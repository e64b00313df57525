// pellucid run: a pipeline in its folder, with progress while it runs and a summary at the end.

#include <algorithm>
#include <chrono>
#include <iostream>

#include "base/bytes.h"
#include "cli/actions.h"
#include "cli/interrupt.h"
#include "cli/outcome.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "run/allocator.h"
#include "run/progress.h"
#include "run/run.h"

namespace pellucid {
namespace {

/// More of them than this are counted, not named.
constexpr std::size_t kMostNamed = 10;

RunOptions run_options_of(const Arguments& arguments, const Documents& documents) {
  PlanOptions planning = plan_options_of(arguments, documents);
  RunOptions options;
  options.folder = std::move(planning.folder);
  options.scratch = std::move(planning.scratch);
  options.items = planning.items;
  options.until = std::move(planning.until);
  options.overwrite = arguments.has("overwrite");
  options.choices = arguments.text("choices");
  return options;
}

std::string counted(std::int64_t number, const std::string& noun) {
  return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}

/// "7 nodes, 47 items in blocks of 4, 2 threads".
std::string extent_of(const Plan& plan) {
  std::int64_t items = 1;
  for (const PlannedNode& node : plan.nodes) items = std::max(items, node.items);
  return counted(static_cast<std::int64_t>(plan.nodes.size()), "node") + ", " +
         counted(items, "item") + " in blocks of " +
         std::to_string(std::min(plan.block_items, items)) + ", " +
         (plan.workers > 1 ? std::to_string(plan.workers) + " workers of " : "") +
         counted(plan.threads, "thread");
}

std::string and_more(std::size_t count) {
  return count > kMostNamed ? "  ... and " + std::to_string(count - kMostNamed) + " more" : "";
}

void print_tables(const RunReport& report) {
  for (const auto& [name, text] : report.tables)
    std::cout << "\n" << bold(name) << "\n" << text << (text.ends_with('\n') ? "" : "\n");
  std::cout << std::flush;
}

void tell_results(const RunReport& report) {
  const auto& files = report.summary.results;
  if (files.empty()) return;
  log_info("results");
  for (std::size_t i = 0; i < files.size() && i < kMostNamed; ++i) {
    const auto nearby = files[i].lexically_proximate(std::filesystem::current_path());
    log_info("  " + (nearby.native().starts_with("..") ? files[i] : nearby).string());
  }
  if (files.size() > kMostNamed) log_info(and_more(files.size()));
}

void tell_skipped(const RunReport& report) {
  const auto& failures = report.failures;
  if (failures.empty()) return;
  log_warning(counted(static_cast<std::int64_t>(failures.size()), "item") + " skipped");
  for (std::size_t i = 0; i < failures.size() && i < kMostNamed; ++i)
    log_warning("  " + failures[i]);
  if (failures.size() > kMostNamed) log_warning(and_more(failures.size()));
}

std::string cost_text(const RunReport& report, double seconds) {
  std::string text = "done in " + duration_text(seconds);
  if (report.peak_bytes > 0) {
    text += ", peak memory " + bytes_text(report.peak_bytes);
    if (report.predicted_bytes > 0)
      text += " (predicted " + bytes_text(report.predicted_bytes) + ")";
  }
  return text;
}

}  // namespace

int run_pipeline_file(const Arguments& arguments) {
  install_counting_allocator();
  start_logging_of(arguments);
  const Interrupt interrupt;
  const auto start = std::chrono::steady_clock::now();

  RunRequest request;
  request.documents = documents_of(arguments);
  request.options = run_options_of(arguments, request.documents);
  request.show_progress = true;
  request.interrupt = interrupt.flag();
  const std::string folder = request.options.folder.string();
  request.begins = [&](const Plan& plan, bool resumed) {
    log_info(arguments.operand() + (resumed ? " goes on in " : " runs in ") + folder + ": " +
             extent_of(plan));
  };
  const RunReport report = run_pipeline(std::move(request), registry_of(arguments));

  if (report.summary.status == RunStatus::interrupted) {
    log_warning("interrupted; what is stored stays, and the same command goes on from there");
    return number(ExitCode::interrupted);
  }
  print_tables(report);
  tell_results(report);
  tell_skipped(report);
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  log_info(report.summary.up_to_date ? folder + " is up to date"
                                     : cost_text(report, spent.count()));
  return static_cast<int>(report.summary.status);
}

}  // namespace pellucid
