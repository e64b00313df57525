// Document: a pipeline as text says it, with every value's place, after substitution, includes,
// overrides and sweeps; nothing here knows what components exist.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pellucid/error.h>
#include <pellucid/value.h>

namespace pellucid {

/// `node.port` in `in:` or `keep:`, or `node` alone (port empty).
struct Reference {
  std::string node;  ///< empty: there is no such node, which has been reported
  std::string port;
  SourceLocation where;
};

/// What to do with a non-finite value a node produced, or with an item that fails.
enum class OnNonfinite { stop, allow };
enum class OnItemError { stop, skip };

/// One node as the file says it.
struct NodeText {
  std::string name;      ///< with the prefix of its include, "optics.blur"
  SourceLocation where;  ///< of the name
  std::string use;       ///< "operators/convolution"; empty: unreadable, which has been reported
  SourceLocation use_where;
  std::vector<std::pair<std::string, Reference>> in;  ///< port name -> where it comes from
  std::vector<SourceLocation> in_where;               ///< of the port names
  Value with;                                         ///< a map, or null; substituted
  std::optional<double> timeout;                      ///< seconds
  std::string seed_as;                   ///< name whose draws this node shares; empty: its own name
  std::optional<OnNonfinite> nonfinite;  ///< empty: as in the settings
  std::optional<OnItemError> on_item_error;
};

/// The `settings:` of a pipeline. Empty optionals are "auto".
struct RunSettings {
  std::string device = "cpu";
  std::uint64_t seed = 0;
  std::optional<std::int64_t> memory;  ///< bytes
  std::optional<int> threads;
  int workers = 1;
  /// Block size: items, or bytes of the largest edge.
  std::optional<std::int64_t> block_items;
  std::int64_t block_bytes = std::int64_t{16} << 20;
  std::vector<std::int64_t> tile;  ///< [h, w] or [z, h, w]; empty: items are not cut
  /// How far stages that declare no halo look beyond a tile, axes as in `tile`; empty: they need
  /// whole items.
  std::vector<std::int64_t> overlap;
  double durability = 5;  ///< seconds between syncs
  OnNonfinite nonfinite = OnNonfinite::stop;
  OnItemError on_item_error = OnItemError::stop;
  std::vector<Value> isolate;  ///< names of the nodes that run in processes of their own
  /// Where each setting stands, for errors of the plan ("memory", "tile", ...).
  std::vector<std::pair<std::string, SourceLocation>> where;

  SourceLocation place_of(const std::string& key) const;
};

/// One pipeline to run: the file itself, or one point of its sweep.
struct Document {
  /// Empty, or "lambda=0.5,init=wiener": the labels of a sweep's point, axis by axis.
  std::string label;
  std::vector<std::pair<std::string, std::string>> labels;  ///< axis name -> label
  RunSettings settings;
  std::vector<NodeText> nodes;  ///< in the order of the file; included nodes at their place
  std::vector<Reference> keep;
};

/// The text of one file that was read, for quoting lines in reports.
struct SourceText {
  std::string name;  ///< as in SourceLocation::file
  std::string text;
};

/// All that the text of a pipeline says.
struct Documents {
  /// One, or one for each point of the sweep in row-major order of its axes.
  std::vector<Document> points;
  /// Names of the sweep's axes; empty without a sweep.
  std::vector<std::string> axes;
  std::vector<SourceText> sources;
  /// What is wrong with the text, in file order. Nodes that could be read are still in `points`, so
  /// that binding can add its own findings to the same report.
  std::vector<Problem> problems;
};

struct ReadOptions {
  /// `--set PATH=VALUE`, in the order of the command line.
  std::vector<std::string> overrides;
  /// Environment look-ups go through this, so that tests and replays are closed worlds. Null: the
  /// process's environment.
  const std::vector<std::pair<std::string, std::string>>* environment = nullptr;
  /// The text was written by `to_yaml`: names of nodes may have the dots of includes.
  bool resolved = false;
};

/// Reads a pipeline file. Never throws for what is wrong with the text: that is in `problems`.
Documents read_pipeline(const std::filesystem::path& file, const ReadOptions& options = {});

/// Reads a pipeline from text; `name` stands in locations, relative paths start from `folder`.
Documents read_pipeline_text(const std::string& text, const std::string& name,
                             const std::filesystem::path& folder, const ReadOptions& options = {});

/// The path that a value names, made absolute from the folder that the value was written in (for
/// values of `--set` or the environment: the working directory). Remote and empty paths stay.
std::string absolute_path(const Value& path);

/// A document as canonical YAML without variables, includes or sweep; read again with
/// `ReadOptions::resolved` it gives the same document. Relative paths in it are up to the caller.
std::string to_yaml(const Document& document);

/// Problems in the order of the files and of their lines. Equal ones (of several points of a sweep)
/// are one, and what only repeats that a value could not be read is left out.
std::vector<Problem> in_file_order(const std::vector<Problem>& problems,
                                   const std::vector<SourceText>& sources);

/// The whole report: each problem with place, node and the quoted line with a caret, in file order,
/// closed by "N errors; nothing was run".
std::string report_of(const std::vector<Problem>& problems, const std::vector<SourceText>& sources);

}  // namespace pellucid
