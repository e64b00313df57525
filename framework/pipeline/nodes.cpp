// Nodes: `use`, `in`, `with` and the few keys beside them.
#include <algorithm>

#include "pipeline/language.h"
#include "pipeline/settings.h"

namespace pellucid {
namespace {

const std::vector<std::string> kKeysOfNodes{"use",     "in",        "with",         "timeout",
                                            "seed_as", "nonfinite", "on_item_error"};

/// Where a message lists names, it lists at most this many.
constexpr std::size_t kMostListed = 12;
/// Among more nodes than these the nearest is not looked for: it would take too long.
constexpr std::size_t kMostNodesCompared = 1000;

/// "PLUGIN/COMPONENT".
std::string component_of(const Value& value) {
  const std::string& text = value.text();
  const std::size_t slash = text.find('/');
  const bool well_formed = slash != std::string::npos && slash > 0 && slash + 1 < text.size() &&
                           text.find('/', slash + 1) == std::string::npos &&
                           std::all_of(text.begin(), text.end(), [](char c) {
                             return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                    (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '/';
                           });
  if (!well_formed) expect("PLUGIN/COMPONENT such as operators/convolution", value);
  return text;
}

/// The node that `name` may have been meant for; empty: none. Behind the same prefix only the last
/// part is compared, and a name without its prefix is found.
std::string nearest_node(const std::string& name, const NodeNames& names) {
  if (names.in_order.size() > kMostNodesCompared) return {};
  const std::size_t prefix = name.rfind('.') + 1;
  std::vector<std::string> neighbours;
  for (const std::string& known : names.in_order) {
    const std::size_t last = known.rfind('.') + 1;
    if (prefix == 0 && last > 0 && known.compare(last, std::string::npos, name) == 0) return known;
    if (known.compare(0, last, name, 0, prefix) == 0) neighbours.push_back(known.substr(last));
  }
  const std::string nearest = nearest_name(name.substr(prefix), neighbours);
  return nearest.empty() ? nearest : name.substr(0, prefix) + nearest;
}

std::string unknown_node(const std::string& name, const NodeNames& names) {
  const std::string nearest = nearest_node(name, names);
  std::string sentence = "node '" + name + "' does not exist";
  if (!nearest.empty()) return sentence + "; did you mean '" + nearest + "'?";
  if (names.in_order.size() <= kMostListed) sentence += "; the nodes are " + listed(names.in_order);
  return sentence;
}

/// Splits "node.port" or "node"; included nodes have dots in their names.
Reference reference_of(const Value& value, const NodeNames& names) {
  const std::string& text = value.text();
  const std::size_t dot = text.rfind('.');
  const bool well_formed = value.is_scalar() && !text.empty() && dot != 0 && dot + 1 != text.size();
  if (!well_formed) expect("NODE or NODE.PORT", value);
  if (names.known.count(text)) return {text, "", value.where()};
  if (dot == std::string::npos) throw ConfigError(unknown_node(text, names), value.where());
  const std::string node = text.substr(0, dot);
  if (names.known.count(node)) return {node, text.substr(dot + 1), value.where()};
  // "optics.blur" is a node and no port where there are other nodes of the include "optics".
  const auto next = names.known.lower_bound(node + ".");
  const bool is_include = next != names.known.end() && next->compare(0, dot + 1, node + ".") == 0;
  throw ConfigError(unknown_node(is_include ? text : node, names), value.where());
}

class NodeReading {
 public:
  NodeReading(const NodeNames& names, Findings& findings) : names_(names), findings_(findings) {}

  NodeText read(const Value::Entry& node) {
    NodeText text;
    text.name = node.key;
    text.where = node.where;
    const Value* const use = node.value.find("use");
    findings_.concern(node.key, use && use->is_scalar() ? use->text() : "");
    if (!node.value.is_map()) {
      findings_.unreadable(node.value.where(), "expected a map such as {use: io/images}, found " +
                                                   node.value.described());
      return text;
    }
    for (const Value::Entry& entry : node.value.entries()) read_key(entry, text);
    if (!use)
      findings_.report(node.where,
                       "missing key 'use', the component such as operators/convolution");
    return text;
  }

 private:
  void read_key(const Value::Entry& entry, NodeText& text) {
    const Value& value = entry.value;
    try {
      if (entry.key == "use") {
        text.use_where = value.where();
        text.use = component_of(value);
      } else if (entry.key == "in") {
        read_inputs(value, text);
      } else if (entry.key == "with") {
        if (!value.is_map() && !value.is_null()) expect("a map of parameters", value);
        text.with = value;
      } else if (entry.key == "timeout") {
        const double seconds = number_of(value, "s");
        if (!(seconds > 0)) expect("a time above 0", value);
        text.timeout = seconds;
      } else if (entry.key == "seed_as") {
        if (!value.is_scalar() || value.text().empty()) expect("the name of a node", value);
        text.seed_as = value.text();
      } else if (entry.key == "nonfinite") {
        text.nonfinite = on_nonfinite_of(value);
      } else if (entry.key == "on_item_error") {
        text.on_item_error = on_item_error_of(value);
      } else {
        report_unknown(entry);
      }
    } catch (const ConfigError& error) {
      findings_.unreadable(entry.key, error);
    }
  }

  void read_inputs(const Value& inputs, NodeText& text) {
    if (inputs.is_null()) return;
    if (!inputs.is_map()) expect("a map of ports and nodes such as {x: camera}", inputs);
    for (const Value::Entry& entry : inputs.entries()) {
      Reference reference{"", "", entry.value.where()};
      try {
        reference = reference_of(entry.value, names_);
      } catch (const ConfigError& error) {
        findings_.unreadable("in." + entry.key, error);
      }
      text.in.emplace_back(entry.key, std::move(reference));
      text.in_where.push_back(entry.where);
    }
  }

  void report_unknown(const Value::Entry& entry) {
    const std::string nearest = nearest_name(entry.key, kKeysOfNodes);
    findings_.report(entry.where,
                     "unknown key '" + entry.key + "'" +
                         (nearest.empty() ? "; a node has " + listed(kKeysOfNodes) +
                                                ", and its parameters stand under 'with'"
                                          : "; did you mean '" + nearest + "'?"));
  }

  const NodeNames& names_;
  Findings& findings_;
};

}  // namespace

NodeText read_node(const Value::Entry& node, const NodeNames& names, Findings& findings) {
  NodeText text = NodeReading(names, findings).read(node);
  findings.concern("", "");
  return text;
}

Reference read_kept(const Value& reference, const NodeNames& names, Findings& findings) {
  try {
    return reference_of(reference, names);
  } catch (const ConfigError& error) {
    findings.unreadable("keep", error);
    return {"", "", reference.where()};
  }
}

}  // namespace pellucid
