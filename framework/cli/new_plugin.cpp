// pellucid new-plugin: a folder with a plugin that builds and passes its test.

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iostream>

#include "buffers/file.h"
#include "cli/actions.h"
#include "cli/outcome.h"
#include "cli/templates.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string>& kinds() {
  static const std::vector<std::string> all{"operator", "stage",    "reducer",
                                            "prior",    "denoiser", "functional"};
  return all;
}

/// Targets that CMake has of its own, words of C++, and what the framework calls its own parts.
const std::vector<std::string>& taken() {
  static const std::vector<std::string> all{
      "all",      "clean",    "edit_cache", "help",     "install", "package",   "rebuild_cache",
      "test",     "pipeline", "pellucid",   "auto",     "bool",    "break",     "case",
      "catch",    "char",     "class",      "const",    "default", "delete",    "double",
      "else",     "enum",     "explicit",   "export",   "extern",  "float",     "for",
      "friend",   "if",       "inline",     "int",      "long",    "namespace", "new",
      "operator", "private",  "protected",  "public",   "return",  "short",     "signed",
      "static",   "struct",   "switch",     "template", "this",    "throw",     "try",
      "typedef",  "typename", "union",      "unsigned", "using",   "virtual",   "void",
      "volatile", "while"};
  return all;
}

/// What the headers that a plugin includes call their types, which its class would hide.
const std::vector<std::string>& types() {
  static const std::vector<std::string> all{"AnyIn",
                                            "Block",
                                            "Boundary",
                                            "Cancelled",
                                            "Cell",
                                            "Codec",
                                            "Column",
                                            "Component",
                                            "ComponentDescriptor",
                                            "ConfigError",
                                            "Constraint",
                                            "Context",
                                            "ConvolutionOperator",
                                            "DatasetAddress",
                                            "DatasetReader",
                                            "DatasetSpec",
                                            "DatasetWriter",
                                            "Denoiser",
                                            "Error",
                                            "Field",
                                            "Functional",
                                            "Given",
                                            "In",
                                            "Inputs",
                                            "ItemReader",
                                            "Kind",
                                            "Latent",
                                            "LatentPrior",
                                            "LinearOperator",
                                            "Model",
                                            "Object",
                                            "ObjectSlot",
                                            "Operator",
                                            "Optional",
                                            "Out",
                                            "OutputPath",
                                            "Outputs",
                                            "Pipeline",
                                            "PipelineErrors",
                                            "PluginDescriptor",
                                            "PluginError",
                                            "Port",
                                            "PortType",
                                            "Ports",
                                            "PosteriorFamily",
                                            "Problem",
                                            "Problems",
                                            "Procedure",
                                            "Random",
                                            "Reducer",
                                            "Region",
                                            "RunOptions",
                                            "RunStatus",
                                            "RunSummary",
                                            "Schema",
                                            "Settings",
                                            "ShapeError",
                                            "Sink",
                                            "SinkStart",
                                            "Solve",
                                            "SourceLocation",
                                            "Spec",
                                            "Specs",
                                            "Stage",
                                            "States",
                                            "Table",
                                            "TableSpec",
                                            "Tensor",
                                            "Value",
                                            "Weights",
                                            "Worker"};
  return all;
}

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

/// "edge_filters" -> "EdgeFilters".
std::string class_of(const std::string& name) {
  std::string made;
  bool upper = true;
  for (const char c : name) {
    if (c != '_') made += upper ? static_cast<char>(std::toupper(c)) : c;
    upper = c == '_';
  }
  return made;
}

void require_name(const std::string& name) {
  const auto fits = [](char c) { return std::islower(c) || std::isdigit(c) || c == '_'; };
  if (name.empty() || !std::islower(name.front()) || name.back() == '_' || name.size() > 64 ||
      !std::all_of(name.begin(), name.end(), fits))
    throw UsageError(
        "a plugin's name has at most 64 lower-case letters, digits and '_', a letter "
        "first and no '_' last, such as 'edge_filters'; got '" +
        name + "'");
  if (contains(taken(), name))
    throw UsageError("'" + name + "' is a word of C++, CMake or the framework; take another name");
  if (contains(types(), class_of(name)))
    throw UsageError("the class of a plugin '" + name + "' would be called " + class_of(name) +
                     ", as a type of the framework is; take another name, such as 'my_" + name +
                     "'");
}

std::string filled(std::string text, const std::string& mark, const std::string& with) {
  for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos; at += with.size())
    text.replace(at, mark.size(), with);
  return text;
}

}  // namespace

int make_plugin(const Arguments& arguments) {
  const std::string& name = arguments.operand();
  const std::string kind = arguments.has("kind") ? arguments.text("kind") : kinds().front();
  require_name(name);
  if (!contains(kinds(), kind)) {
    const std::string nearest = nearest_name(kind, kinds());
    throw UsageError("--kind must be " + listed(kinds()) + ", got '" + kind + "'" +
                     (nearest.empty() ? "" : "; did you mean '" + nearest + "'?"));
  }
  std::error_code failure;
  if (!fs::create_directory(name, failure))
    throw UsageError(failure ? "the folder '" + name + "' cannot be made: " + failure.message()
                             : "'" + name + "' is there already and is left as it is");

  const auto write = [&](const std::string& from, const std::string& to) {
    std::string text = plugin_templates().at(from);
    text = filled(text, "{{name}}", name);
    text = filled(text, "{{Class}}", class_of(name));
    write_text(fs::path(name) / to, filled(text, "{{kind}}", kind));
  };
  write("CMakeLists.txt", "CMakeLists.txt");
  write("README.md", "README.md");
  write(kind + ".cpp", name + ".cpp");
  write(kind + "_test.cpp", name + "_test.cpp");
  std::cout << "made " << name << " with the " << kind << " " << name << "/" << name << "; " << name
            << "/README.md says how to build and test it\n";
  return number(ExitCode::done);
}

}  // namespace pellucid
