// RawPipeline: the keys of a pipeline file, and `include:`.
#include "pipeline/raw_pipeline.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include <pellucid/version.h>

namespace pellucid {
namespace {

/// Including the same files under many names doubles with every level; nobody needs so many.
constexpr int kMostIncludes = 200;

const std::vector<std::string> kKeys{"pellucid", "settings", "vars", "nodes",
                                     "include",  "sweep",    "keep"};

/// A file that has been read once, however often it is included.
struct ReadFile {
  std::string name;
  const Source* source = nullptr;
  std::optional<Value> root;
};

/// One use of a file: the file that is run, or an include.
struct Inclusion {
  const ReadFile* file = nullptr;
  std::string prefix;                  ///< "optics." or empty
  std::vector<std::string> chain;      ///< canonical paths of the files from the run one to this
  std::set<std::string> decided = {};  ///< variables that an including file defines
  bool is_main() const { return chain.size() == 1; }
};

class Joining {
 public:
  Joining(Reading& reading, const SetVariables& set_variables)
      : reading_(reading), set_variables_(set_variables) {}

  RawPipeline join(Source main) {
    joined_.where = main.place(0, 0);
    const std::filesystem::path folder =
        joined_.where.folder ? *joined_.where.folder : std::string();
    const std::string path = canonical(folder / std::filesystem::path(main.name()).filename());
    const ReadFile& file = parsed(path, std::move(main));
    add({&file, "", {path}});
    for (const Value::Entry& entry : joined_.vars)
      collect_references(entry.value, joined_.referenced);
    for (const Value::Entry& node : joined_.nodes)
      collect_references(node.value, joined_.referenced);
    collect_references(joined_.settings, joined_.referenced);
    collect_references(joined_.sweep, joined_.referenced);
    for (const Value& reference : joined_.keep) collect_references(reference, joined_.referenced);
    return std::move(joined_);
  }

 private:
  Findings& findings() { return reading_.findings; }

  static std::string canonical(const std::filesystem::path& path) {
    std::error_code error;
    const auto resolved = std::filesystem::weakly_canonical(path, error);
    return error ? path.lexically_normal().string() : resolved.string();
  }

  const ReadFile& parsed(const std::string& path, Source text) {
    reading_.sources.push_back(std::move(text));
    const Source& source = reading_.sources.back();
    ReadFile file{source.name(), &source, std::nullopt};
    if (check_text(source, findings())) file.root = understood(source);
    return files_.emplace(path, std::move(file)).first->second;
  }

  /// The map of a file, if it is one in this version of the language.
  std::optional<Value> understood(const Source& source) {
    const std::size_t before = findings().count();
    std::optional<Value> root = read_yaml(source, reading_.budget, findings());
    if (findings().count() > before && !root) return std::nullopt;
    if (!root || root->is_null()) {
      findings().report(source.place(0, 0),
                        "the file is empty; a pipeline begins with 'pellucid: 1'");
      return std::nullopt;
    }
    if (!root->is_map()) {
      findings().report(
          root->where(),
          "a pipeline is a map that begins with 'pellucid: 1', found " + root->described());
      return std::nullopt;
    }
    return is_of_this_version(*root) ? root : std::nullopt;
  }

  bool is_of_this_version(const Value& root) {
    const std::string version = std::to_string(kLanguageVersion);
    const Value* const stated = root.find("pellucid");
    if (!stated) {
      findings().report(root.where(), "missing key 'pellucid'; a pipeline begins with 'pellucid: " +
                                          version + "', the version of the language");
      return true;
    }
    if (stated->is_scalar() && stated->text() == version) return true;
    std::string sentence = "'pellucid': expected " + version +
                           ", the version of the language, found " + stated->described();
    if (stated->is_scalar() && stated->text().find_first_not_of("0123456789") == std::string::npos)
      sentence += "; a file of another version needs another Pellucid";
    findings().unreadable(stated->where(), sentence);
    return false;
  }

  void add(const Inclusion& use) {
    if (!use.file->root) return;
    const Value& root = *use.file->root;
    const std::size_t nodes_before = joined_.nodes.size();
    Inclusion inner = use;
    if (const Value* const vars = root.find("vars")) add_vars(*vars, use, inner.decided);
    for (const Value::Entry& entry : root.entries()) {
      if (entry.key == "nodes") {
        add_nodes(entry.value, use);
      } else if (entry.key == "include") {
        add_includes(entry.value, inner);
      } else if (entry.key == "keep") {
        add_keep(entry.value, use);
      } else if (entry.key == "settings" || entry.key == "sweep") {
        add_of_main(entry, use);
      } else if (entry.key != "pellucid" && entry.key != "vars") {
        findings().report(entry.where, "unknown key '" + entry.key + "'" +
                                           suggestion(entry.key, kKeys, "a pipeline"));
      }
    }
    if (!use.is_main() || joined_.nodes.size() > nodes_before) return;
    if (!root.find("nodes") && !root.find("include"))
      findings().report(root.where(), "missing key 'nodes'; a pipeline has at least one node");
  }

  void add_of_main(const Value::Entry& entry, const Inclusion& use) {
    if (!use.is_main()) {
      findings().report(entry.where, "an included file has no '" + entry.key +
                                         "'; it belongs to the file that is run");
    } else if (entry.key == "sweep") {
      joined_.sweep = entry.value;
      if (entry.value.is_null())
        findings().unreadable(entry.where, "'sweep': expected a list of axes, found nothing");
    } else if (entry.value.is_map() || entry.value.is_null()) {
      joined_.settings = entry.value;
    } else {
      findings().unreadable(entry.value.where(),
                            "'settings': expected a map such as {device: cpu}, "
                            "found " +
                                entry.value.described());
    }
  }

  void add_vars(const Value& vars, const Inclusion& use, std::set<std::string>& decided) {
    if (vars.is_null()) return;
    if (!vars.is_map()) {
      findings().unreadable(
          vars.where(), "'vars': expected a map of names and values, found " + vars.described());
      return;
    }
    for (const Value::Entry& entry : vars.entries()) {
      if (const std::string fault = fault_of_name(entry.key); !fault.empty()) {
        findings().report(entry.where, "in 'vars': " + fault);
        continue;
      }
      if (use.decided.count(entry.key)) continue;
      decided.insert(entry.key);
      const auto [known, is_new] = indices_of_vars_.emplace(entry.key, joined_.vars.size());
      if (is_new) {
        joined_.vars.push_back(entry);
        continue;
      }
      const Value::Entry& other = joined_.vars[known->second];
      if (other.value.flow() != entry.value.flow())
        findings().report(entry.where, "the variable '" + entry.key + "' has another value at " +
                                           other.where.text() +
                                           "; define it in the file that includes both");
    }
  }

  void add_nodes(const Value& nodes, const Inclusion& use) {
    if (!nodes.is_map() && !nodes.is_null()) {
      findings().unreadable(
          nodes.where(), "'nodes': expected a map of names and nodes, found " + nodes.described());
      return;
    }
    // Where entries of the map were refused, this has been said.
    if (nodes.entries().empty() && findings().empty())
      findings().unreadable(nodes.where(), "'nodes': a pipeline has at least one node");
    for (const Value::Entry& entry : nodes.entries()) {
      if (accept_node_name(entry.key, entry.where, "a node")) add_node(entry, use);
    }
  }

  bool accept_node_name(const std::string& name, const SourceLocation& where,
                        const std::string& what) {
    std::string fault = fault_of_name(name);
    if (reading_.dotted_names && !name.empty()) fault.clear();
    if (name == "settings" || name == "vars")
      fault = what + " cannot be called '" + name + "'; --set and sweeps use this name for '" +
              name + ":'";
    if (!fault.empty()) findings().report(where, fault);
    return fault.empty();
  }

  void add_node(const Value::Entry& entry, const Inclusion& use) {
    Value::Entry node{use.prefix + entry.key, entry.value, entry.where};
    const auto [known, is_new] = places_of_nodes_.emplace(node.key, node.where);
    if (!is_new) {
      findings().report(node.where, "the node '" + node.key + "' is already defined at " +
                                        known->second.text() + "; includes cannot redefine nodes");
      return;
    }
    reading_.budget.charge(node.value, node.where);
    if (!use.prefix.empty() && node.value.is_map()) {
      if (Value* const inputs = node.value.find("in"))
        for (Value::Entry& input : inputs->entries()) make_absolute(input.value, use);
      if (Value* const name = node.value.find("seed_as")) make_absolute(*name, use);
    }
    joined_.nodes.push_back(std::move(node));
  }

  /// References in an included file are relative to its own nodes.
  static void make_absolute(Value& reference, const Inclusion& use) {
    if (reference.is_scalar())
      reference = Value::scalar(use.prefix + reference.text(), reference.where(), true);
  }

  void add_keep(const Value& keep, const Inclusion& use) {
    if (!keep.is_list()) {
      findings().unreadable(keep.where(), "'keep': expected a list such as [restore.mean], found " +
                                              keep.described());
      return;
    }
    for (Value reference : keep.items()) {
      make_absolute(reference, use);
      joined_.keep.push_back(std::move(reference));
    }
  }

  void add_includes(const Value& includes, const Inclusion& use) {
    if (!includes.is_list()) {
      findings().unreadable(includes.where(),
                            "'include': expected a list such as [{file: optics.yaml, as: optics}], "
                            "found " +
                                includes.described());
      return;
    }
    for (const Value& include : includes.items()) add_include(include, use);
  }

  void add_include(const Value& include, const Inclusion& use) {
    if (!include.is_map()) {
      findings().unreadable(include.where(),
                            "'include': expected a map such as {file: optics.yaml, "
                            "as: optics}, found " +
                                include.described());
      return;
    }
    for (const Value::Entry& entry : include.entries())
      if (entry.key != "file" && entry.key != "as")
        findings().report(entry.where, "unknown key '" + entry.key + "'" +
                                           suggestion(entry.key, {"file", "as"}, "an include"));
    const auto file = text_of_key(include, "file", "the file to include");
    const auto name = text_of_key(include, "as", "the name that its nodes get in front of theirs");
    if (!file || !name || !accept_node_name(name->text(), name->where(), "an include")) return;
    include_file(*file, use.prefix + name->text() + ".", use);
  }

  /// The text under a key of an include, substituted, or nothing after a report.
  std::optional<Value> text_of_key(const Value& include, const std::string& key,
                                   const std::string& meaning) {
    const Value* const value = include.find(key);
    if (!value) {
      findings().report(include.where(), "'include': missing key '" + key + "', " + meaning);
      return std::nullopt;
    }
    const std::size_t before = findings().count();
    RawPipeline so_far;
    so_far.vars = joined_.vars;
    so_far.referenced = joined_.referenced;
    set_variables_(so_far);
    Variables variables(so_far.vars, reading_.environment, reading_.budget, findings());
    Value text = variables.substitute(*value);
    if (findings().count() > before) return std::nullopt;
    if (text.is_scalar() && !text.text().empty()) return text;
    findings().unreadable(value->where(),
                          "'include': '" + key + "': expected text, found " + text.described());
    return std::nullopt;
  }

  void include_file(const Value& file, const std::string& prefix, const Inclusion& use) {
    const SourceLocation& where = file.where();
    const std::filesystem::path folder = where.folder ? *where.folder : std::string();
    const std::string path = canonical(folder / file.text());

    std::vector<std::string> chain = use.chain;
    const bool is_circular = std::find(chain.begin(), chain.end(), path) != chain.end();
    chain.push_back(path);
    if (is_circular) {
      findings().unreadable(where, "circular include: " + names_of(chain));
      return;
    }
    if (++includes_ > kMostIncludes) {
      if (includes_ == kMostIncludes + 1)
        findings().unreadable(where, "more than " + std::to_string(kMostIncludes) + " includes");
      return;
    }
    const auto known = files_.find(path);
    const ReadFile* read = known == files_.end() ? nullptr : &known->second;
    if (!read) {
      const std::string name = name_beside(use.file->name, where.folder != nullptr, file.text());
      auto text = read_source(folder / file.text(), name, where, findings());
      if (!text) return;
      read = &parsed(path, std::move(*text));
    }
    add({read, prefix, chain, use.decided});
  }

  /// How messages call an included file: as a path from where the including one is called.
  static std::string name_beside(const std::string& including, bool relative_to_it,
                                 const std::filesystem::path& file) {
    if (file.is_absolute() || !relative_to_it) return file.string();
    return (std::filesystem::path(including).parent_path() / file).lexically_normal().string();
  }

  std::string names_of(const std::vector<std::string>& chain) const {
    // The circle begins where its last file stands for the first time.
    auto member = std::find(chain.begin(), chain.end(), chain.back());
    std::string names;
    for (; member != chain.end(); ++member)
      names += (names.empty() ? "'" : " -> '") + files_.at(*member).name + "'";
    return names;
  }

  Reading& reading_;
  const SetVariables& set_variables_;
  RawPipeline joined_;
  std::map<std::string, ReadFile> files_;
  std::map<std::string, std::size_t> indices_of_vars_;
  std::map<std::string, SourceLocation> places_of_nodes_;
  int includes_ = 0;
};

}  // namespace

Value::Entry* RawPipeline::find_node(const std::string& name) {
  const auto found = std::find_if(nodes.begin(), nodes.end(),
                                  [&](const Value::Entry& node) { return node.key == name; });
  return found == nodes.end() ? nullptr : &*found;
}

std::vector<std::string> RawPipeline::node_names() const {
  std::vector<std::string> names;
  names.reserve(nodes.size());
  for (const Value::Entry& node : nodes) names.push_back(node.key);
  return names;
}

RawPipeline read_with_includes(Source main, const SetVariables& set_variables, Reading& reading) {
  return Joining(reading, set_variables).join(std::move(main));
}

}  // namespace pellucid
