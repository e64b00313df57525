// Errors: what Pellucid throws on purpose, and where in a pipeline file it came from.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <pellucid/export.h>

namespace pellucid {

/// A place in a pipeline file. Lines and columns count from 1; line 0 means "the file as a whole".
/// A value made in code is at `<code>`.
struct PELLUCID_EXPORT SourceLocation {
  /// Shared by all locations of one file; null for `<code>`.
  std::shared_ptr<const std::string> file;
  std::int32_t line = 0;
  std::int32_t column = 0;
  /// Folder that a relative path written here starts from; null: the working directory.
  std::shared_ptr<const std::string> folder = nullptr;

  /// "deblur.yaml:7:54", "deblur.yaml" (line 0) or "<code>".
  std::string text() const;
};

/// The base of every error that Pellucid throws on purpose.
///
/// Whoever throws writes one plain sentence: the rule, the value that broke it, what to do. The one
/// function that calls into nodes fills in place and node.
class PELLUCID_EXPORT Error : public std::runtime_error {
 public:
  explicit Error(const std::string& sentence);
  Error(const std::string& sentence, SourceLocation where);
  Error(const Error&);
  Error& operator=(const Error&);
  ~Error() override;

  /// The sentence without place and node.
  const std::string& sentence() const { return sentence_; }
  const SourceLocation& where() const { return where_; }
  /// Name of the node in the pipeline; empty where no node is concerned.
  const std::string& node() const { return node_; }
  /// Component of the node, as in `use:`; empty where no node is concerned.
  const std::string& component() const { return component_; }

  /// Fills in what is still unknown; known fields stay. Used where the framework calls into nodes.
  void attribute(const SourceLocation& where, const std::string& node,
                 const std::string& component);

  /// "deblur.yaml:7:54: node 'blur' (operators/gaussian_blur): SENTENCE".
  const char* what() const noexcept override;

 private:
  void compose();

  std::string sentence_;
  std::string composed_;
  SourceLocation where_;
  std::string node_;
  std::string component_;
};

/// The pipeline file is wrong.
class PELLUCID_EXPORT ConfigError : public Error {
 public:
  using Error::Error;
  ConfigError(const ConfigError&);
  ~ConfigError() override;
};

/// Things that must agree in shape, dtype, axes or unit do not.
class PELLUCID_EXPORT ShapeError : public Error {
 public:
  using Error::Error;
  ShapeError(const ShapeError&);
  ~ShapeError() override;
};

/// A plugin cannot be found, loaded or trusted.
class PELLUCID_EXPORT PluginError : public Error {
 public:
  using Error::Error;
  PluginError(const PluginError&);
  ~PluginError() override;
};

/// One finding of a check: what is wrong and where, before anything runs.
struct Problem {
  SourceLocation where;
  std::string node;       ///< empty where no node is concerned
  std::string component;  ///< empty where no node is concerned
  std::string sentence;
  /// What stands there could not be read, so later findings about the same place only repeat it.
  bool unreadable = false;
};

/// All that is wrong with a pipeline, in the order of the file. `what()` is the whole report, one
/// problem a paragraph with its line of the file quoted, and closes with
/// "3 errors; nothing was run".
class PELLUCID_EXPORT PipelineErrors : public ConfigError {
 public:
  /// `plugins_missing`: the reason is (also) a plugin that could not be found or loaded.
  PipelineErrors(std::vector<Problem> problems, std::string report, bool plugins_missing);
  PipelineErrors(const PipelineErrors&);
  ~PipelineErrors() override;

  const std::vector<Problem>& problems() const { return problems_; }
  bool plugins_missing() const { return plugins_missing_; }
  const char* what() const noexcept override;

 private:
  std::vector<Problem> problems_;
  std::string report_;
  bool plugins_missing_;
};

/// The name among `known` nearest to `name`, or empty where none is near enough to suggest.
PELLUCID_EXPORT std::string nearest_name(const std::string& name,
                                         const std::vector<std::string>& known);

/// "'a', 'b' and 'c'"; "nothing" for an empty list.
PELLUCID_EXPORT std::string listed(const std::vector<std::string>& names);

}  // namespace pellucid
