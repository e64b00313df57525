// Reading: the way from text to documents.
#include <optional>
#include <system_error>
#include <utility>

#include "pipeline/document.h"
#include "pipeline/language.h"
#include "pipeline/override.h"
#include "pipeline/raw_pipeline.h"
#include "pipeline/sweep.h"

namespace pellucid {
namespace {

/// A pipeline that is wrong in so many ways need not be read at every point of its sweep.
constexpr std::size_t kEnoughProblems = 200;

void apply_to_variables(const std::vector<Override>& overrides, RawPipeline& pipeline,
                        Findings& findings) {
  for (const Override& override : overrides)
    if (sets_variable(override)) override_variable(override, pipeline, findings);
}

void apply_to_rest(const std::vector<Override>& overrides, RawPipeline& pipeline,
                   Variables& variables, Findings& findings) {
  for (const Override& override : overrides)
    if (!sets_variable(override)) override_value(override, pipeline, variables, findings);
}

/// The pipeline at one point: the sweep's overrides, then those of the command line, then every
/// substitution.
class PointReading {
 public:
  PointReading(const RawPipeline& raw, const SweepPoint& point,
               const std::vector<Override>& command_line, Reading& reading)
      : pipeline_(raw), findings_(reading.findings) {
    apply_to_variables(point.overrides, pipeline_, findings_);
    apply_to_variables(command_line, pipeline_, findings_);
    variables_.emplace(pipeline_.vars, reading.environment, reading.budget, findings_);
    variables_->evaluate_all();
    apply_to_rest(point.overrides, pipeline_, *variables_, findings_);
    apply_to_rest(command_line, pipeline_, *variables_, findings_);
  }

  Document document() {
    Document document;
    settings_ = variables_->substitute(pipeline_.settings);
    document.settings = read_settings(settings_, findings_);

    NodeNames names;
    names.in_order = pipeline_.node_names();
    names.known.insert(names.in_order.begin(), names.in_order.end());
    for (const Value::Entry& node : pipeline_.nodes) {
      const Value* const use = node.value.find("use");
      findings_.concern(node.key, use && use->is_scalar() ? use->text() : "");
      const Value value = variables_->substitute(node.value);
      findings_.concern("", "");
      document.nodes.push_back(read_node({node.key, value, node.where}, names, findings_));
    }
    for (const Value& reference : pipeline_.keep)
      document.keep.push_back(read_kept(variables_->substitute(reference), names, findings_));
    return document;
  }

  const Value& settings() const { return settings_; }

 private:
  RawPipeline pipeline_;
  Findings& findings_;
  std::optional<Variables> variables_;
  Value settings_;
};

std::vector<SweepAxis> axes_of(const RawPipeline& raw, const std::vector<Override>& command_line,
                               Reading& reading) {
  if (raw.sweep.is_null()) return {};
  RawPipeline unswept = raw;
  apply_to_variables(command_line, unswept, reading.findings);
  Variables variables(unswept.vars, reading.environment, reading.budget, reading.findings);
  return read_sweep(raw.sweep, variables, reading.findings);
}

void read_points(const RawPipeline& raw, const std::vector<Override>& command_line,
                 Reading& reading, Documents& documents) {
  const std::vector<SweepAxis> axes = axes_of(raw, command_line, reading);
  for (const SweepAxis& axis : axes) documents.axes.push_back(axis.name);
  std::string settings_of_first;
  for (const SweepPoint& point : points_of(axes)) {
    if (reading.findings.count() > kEnoughProblems) return;
    PointReading at_point(raw, point, command_line, reading);
    Document document = at_point.document();
    document.label = point.label;
    document.labels = point.labels;
    const std::string settings = at_point.settings().flow();
    if (documents.points.empty()) settings_of_first = settings;
    if (settings != settings_of_first)
      reading.findings.unreadable(raw.settings.where(),
                                  "'settings' hold for the whole run, but here they change with a "
                                  "variable that is swept");
    documents.points.push_back(std::move(document));
  }
}

Documents read(Source source, const ReadOptions& options, Reading& reading) {
  Documents documents;
  const SourceLocation where = source.place(0, 0);
  try {
    // Read when first asked for, so that the pipeline itself is the first of the sources.
    std::optional<std::vector<Override>> overrides;
    const auto read_command_line = [&] {
      if (!overrides) overrides = read_overrides(options.overrides, reading);
    };
    const auto set_variables = [&](RawPipeline& so_far) {
      read_command_line();
      Findings unheard;  // a variable may still come with a later file
      apply_to_variables(*overrides, so_far, unheard);
    };
    const RawPipeline raw = read_with_includes(std::move(source), set_variables, reading);
    read_command_line();
    const bool is_readable = !raw.nodes.empty();
    if (is_readable) read_points(raw, *overrides, reading, documents);
    if (!is_readable && reading.findings.empty())
      reading.findings.report(raw.where, "the pipeline has no nodes");
  } catch (const TooLarge& error) {
    reading.findings.concern("", "");
    reading.findings.report(error.where().file ? error.where() : where, error.sentence());
  }
  return documents;
}

Documents finished(Documents documents, Reading& reading) {
  for (const Source& source : reading.sources)
    documents.sources.push_back({source.name(), source.text()});
  documents.problems = in_file_order(reading.findings.take(), documents.sources);
  return documents;
}

Reading reading_for(const ReadOptions& options) {
  Reading reading;
  reading.environment = options.environment;
  reading.dotted_names = options.resolved;
  return reading;
}

}  // namespace

Documents read_pipeline(const std::filesystem::path& file, const ReadOptions& options) {
  Reading reading = reading_for(options);
  auto source = read_source(file, file.string(), std::nullopt, reading.findings);
  if (!source) return finished({}, reading);
  Documents documents = read(std::move(*source), options, reading);
  return finished(std::move(documents), reading);
}

Documents read_pipeline_text(const std::string& text, const std::string& name,
                             const std::filesystem::path& folder, const ReadOptions& options) {
  Reading reading = reading_for(options);
  std::error_code error;
  const auto absolute = std::filesystem::absolute(folder, error);
  Documents documents = read(Source(name, text, absolute.lexically_normal()), options, reading);
  return finished(std::move(documents), reading);
}

}  // namespace pellucid
