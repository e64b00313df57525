// Bind: components from the registry, ports checked against their declarations, names into edges.
#include <algorithm>
#include <map>
#include <set>

#include "isolation/component.h"
#include "plan/dag.h"
#include "plan/draft.h"
#include "plan/edges.h"
#include "plan/function_model.h"
#include "plan/paths.h"
#include "plugin/registry.h"

namespace pellucid {
namespace {

std::vector<Port> ports_of(const ComponentDescriptor& component, Port::Direction direction) {
  std::vector<Port> chosen;
  for (const Port& port : component.ports().all())
    if (port.direction == direction) chosen.push_back(port);
  return chosen;
}

std::vector<std::string> names_of(const std::vector<Port>& ports, const std::string& prefix = "") {
  std::vector<std::string> names;
  for (const Port& port : ports) names.push_back(prefix + port.name);
  return names;
}

/// "a tensor", "an operator.linear".
std::string with_article(PortType type) {
  const std::string name = name_of(type);
  return (name.front() == 'o' ? "an " : "a ") + name;
}

class Binder {
 public:
  Binder(Draft& draft, const Document& document) : faults_(draft.faults), draft_(draft) {
    point_.document = &document;
    for (std::size_t i = 0; i < document.nodes.size(); ++i)
      numbers_.emplace(document.nodes[i].name, i);
  }

  BoundPoint bound() {
    const std::vector<NodeText>& texts = point_.document->nodes;
    find_isolated();
    for (const NodeText& text : texts) add_node(text);
    for (std::size_t i = 0; i < texts.size(); ++i) connect(i, texts[i]);
    for (const Reference& reference : point_.document->keep) keep(reference);
    for (const PlannedNode& node : point_.nodes)
      if (node.isolated && node.component) check_border(node, node);
    return std::move(point_);
  }

 private:
  struct Source {
    OutputEnd end;
    PortType type;
  };

  /// The nodes that the settings name (of any point, because points share nodes), and those that
  /// use an object among them.
  void find_isolated() {
    std::vector<std::string> names, found;
    for (const NodeText& text : point_.document->nodes) names.push_back(text.name);
    for (const Document& point : draft_.documents.points)
      for (const Value& name : point.settings.isolate)
        if (numbers_.count(name.text())) found.push_back(name.text());
    for (const Value& name : point_.document->settings.isolate)
      if (!numbers_.count(name.text()))
        faults_.add(name.where(), nullptr,
                    "'isolate' names no node '" + name.text() + "'" +
                        suggestion_among(name.text(), names, "the pipeline"));
    while (!found.empty()) {
      const std::string name = found.back();
      found.pop_back();
      if (!isolated_.insert(name).second || !names_object(name)) continue;
      for (const NodeText& text : point_.document->nodes)
        for (const auto& [port, reference] : text.in)
          if (reference.node == name) found.push_back(text.name);
    }
  }

  /// An isolated node is an object; what is wrong with it is reported when it is added.
  bool names_object(const std::string& name) const {
    const std::string& use = point_.document->nodes[numbers_.at(name)].use;
    try {
      return is_object(
          draft_.registry.find_component(use, &describe_plugin_elsewhere).descriptor->kind);
    } catch (const Error&) {
      return false;
    }
  }

  /// What cannot cross the border of an isolated node's process: itself, or an object that it, or
  /// an object of its own (`user`), is given.
  void check_border(const PlannedNode& isolated, const PlannedNode& user) {
    if (isolated.component == &function_component()) {
      faults_.add(
          isolated.use_where, &isolated,
          "a function runs nodes of this pipeline, so it cannot be isolated; isolate these");
      return;
    }
    for (const Port& port : ports_of(*isolated.component, Port::Direction::out))
      if (!is_data(port.type))
        faults_.add(isolated.use_where, &isolated,
                    "its output '" + std::string(port.name) +
                        "' is an object, and only tensors and tables leave the process of an "
                        "isolated node");
    for (const PlannedInput& input : user.inputs) {
      if (is_data(input.type)) continue;
      const PlannedNode& producer = point_.nodes[input.node];
      if (!producer.component) continue;
      if (producer.component == &function_component())
        faults_.add(input.where, &user,
                    "'" + producer.name + "' is a function that runs nodes of this pipeline, so '" +
                        isolated.name + "', which uses it, cannot be isolated");
      else if (!input.from.empty())
        faults_.add(input.where, &user,
                    "'" + producer.name + "." + input.from +
                        "' is an object that is made while the pipeline runs, so '" +
                        isolated.name + "', which uses it, cannot be isolated");
      else check_border(isolated, producer);
    }
  }

  void add_node(const NodeText& text) {
    const RunSettings& settings = point_.document->settings;
    PlannedNode node;
    node.name = text.name;
    node.use = text.use;
    node.where = text.where;
    node.use_where = text.use_where;
    node.settings = text.with;
    node.timeout = text.timeout;
    node.seed = settings.seed;
    node.seed_name = text.seed_as.empty() ? text.name : text.seed_as;
    node.nonfinite = text.nonfinite.value_or(settings.nonfinite);
    node.on_item_error = text.on_item_error.value_or(settings.on_item_error);
    node.isolated = isolated_.count(text.name) != 0;
    find_component(node);
    point_.sound.push_back(node.component != nullptr);
    point_.nodes.push_back(std::move(node));
  }

  void find_component(PlannedNode& node) {
    if (node.use.empty()) return;  // its absence has been reported by the reader
    const bool found = guarded(faults_, node, [&] {
      const FoundComponent component = draft_.registry.find_component(
          node.use, node.isolated ? &describe_plugin_elsewhere : &load_plugin);
      node.component = component.descriptor;
      node.plugin_file = component.plugin_file;
      node.plugin_version = component.plugin_version;
      node.plugin_checksum = component.plugin_checksum;
    });
    if (!found) return;
    node.settings = with_absolute_paths(node.settings, node.component->fields());
  }

  void connect(std::size_t number, const NodeText& text) {
    PlannedNode& node = point_.nodes[number];
    if (!node.component) return;
    const std::vector<Port> ports = ports_of(*node.component, Port::Direction::in);
    for (std::size_t i = 0; i < text.in.size(); ++i) {
      const auto& [name, reference] = text.in[i];
      const SourceLocation& where = i < text.in_where.size() ? text.in_where[i] : reference.where;
      const Port* port = input_port(node, ports, name, where);
      const std::optional<Source> source = resolve(reference, &node);
      if (port && given_already(node, name))
        faults_.add(where, &node, "input '" + name + "' is given twice");
      if (!port || !source || given_already(node, name)) {
        point_.sound[number] = false;
        continue;
      }
      // An edge of the wrong type is an edge still: it may be part of a cycle.
      if (!plugs(node, *port, name, *source, reference)) point_.sound[number] = false;
      plug(node, *port, name, *source, reference.where);
    }
    require_inputs(number, text, ports);
  }

  const Port* input_port(const PlannedNode& node, const std::vector<Port>& ports,
                         const std::string& name, const SourceLocation& where) {
    const Port* open = nullptr;
    for (const Port& port : ports) {
      if (port.any) open = &port;
      else if (name == port.name) return &port;
    }
    if (open) return open;
    if (ports.empty()) {
      const char* kind = node.component->kind == Kind::source ? "a source" : "an object of its own";
      faults_.add(where, &node,
                  "'" + name + "' cannot be connected: '" + node.use + "' is " + kind +
                      " and has no inputs");
    } else {
      faults_.add(where, &node,
                  "there is no input '" + name + "'" +
                      suggestion_among(name, names_of(ports), "'" + node.use + "'"));
    }
    return nullptr;
  }

  /// The output that a reference means; empty where it means none, which has then been said.
  std::optional<Source> resolve(const Reference& reference, const PlannedNode* consumer) {
    const auto found = numbers_.find(reference.node);
    if (found == numbers_.end()) {
      complain_of_unknown_node(reference, consumer);
      return std::nullopt;
    }
    const std::size_t number = found->second;
    const PlannedNode& producer = point_.nodes[number];
    if (!producer.component) return std::nullopt;
    if (is_object(producer.component->kind)) return resolve_object(reference, consumer, number);

    const std::vector<Port> outputs = ports_of(*producer.component, Port::Direction::out);
    if (outputs.empty()) {
      const std::string reason =
          producer.component->kind == Kind::sink ? "it is a sink" : "it has no outputs";
      faults_.add(reference.where, consumer,
                  "'" + producer.name + "' (" + producer.use + ") gives nothing: " + reason);
      return std::nullopt;
    }
    if (reference.port.empty()) {
      if (outputs.size() == 1) return Source{{number, outputs.front().name}, outputs.front().type};
      faults_.add(reference.where, consumer,
                  "'" + producer.name + "' has several outputs; name one of " +
                      listed(names_of(outputs, producer.name + ".")));
      return std::nullopt;
    }
    for (const Port& port : outputs)
      if (reference.port == port.name) return Source{{number, port.name}, port.type};
    faults_.add(reference.where, consumer,
                "'" + producer.name + "' (" + producer.use + ") has no output '" + reference.port +
                    "'" + suggestion_among(reference.port, names_of(outputs), "it"));
    return std::nullopt;
  }

  std::optional<Source> resolve_object(const Reference& reference, const PlannedNode* consumer,
                                       std::size_t number) {
    const PlannedNode& producer = point_.nodes[number];
    const PortType type = port_type_of(producer.component->kind);
    if (reference.port.empty()) return Source{{number, ""}, type};
    faults_.add(reference.where, consumer,
                "'" + producer.name + "' is " + with_article(type) +
                    " as a whole and has no outputs; write '" + producer.name + "', not '" +
                    producer.name + "." + reference.port + "'");
    return std::nullopt;
  }

  void complain_of_unknown_node(const Reference& reference, const PlannedNode* consumer) {
    if (reference.node.empty() || faults_.known_at(reference.where)) return;
    std::vector<std::string> known;
    for (const NodeText& text : point_.document->nodes) known.push_back(text.name);
    faults_.add(reference.where, consumer,
                "there is no node '" + reference.node + "'" +
                    suggestion_among(reference.node, known, "the pipeline"));
  }

  bool plugs(const PlannedNode& node, const Port& port, const std::string& name,
             const Source& source, const Reference& reference) {
    const std::string given = "'" + reference.node +
                              (reference.port.empty() ? "" : "." + reference.port) + "' gives " +
                              with_article(source.type);
    std::string fault;
    if (port.any && !is_data(source.type))
      fault = "'" + name + "' wants a tensor or a table, " + given;
    else if (!port.any && !fits(source.type, port.type))
      fault = "'" + name + "' wants " + with_article(port.type) + ", " + given;
    if (!fault.empty()) faults_.add(reference.where, &node, fault);
    return fault.empty();
  }

  static bool given_already(const PlannedNode& node, const std::string& name) {
    return std::any_of(node.inputs.begin(), node.inputs.end(),
                       [&name](const PlannedInput& input) { return input.port == name; });
  }

  void plug(PlannedNode& node, const Port& port, const std::string& name, const Source& source,
            const SourceLocation& where) {
    if (node.component != &function_component()) {
      node.inputs.push_back(
          {name, source.end.first, source.end.second, source.type, port.any, where});
      return;
    }
    // Argument and value are references: the edges of a function follow from what is between.
    if (!node.function) node.function.emplace();
    const bool is_argument = name == "argument";
    (is_argument ? node.function->argument_node : node.function->value_node) = source.end.first;
    (is_argument ? node.function->argument_port : node.function->value_port) = source.end.second;
  }

  void require_inputs(std::size_t number, const NodeText& text, const std::vector<Port>& ports) {
    const PlannedNode& node = point_.nodes[number];
    for (const Port& port : ports) {
      if (port.optional) continue;
      const bool given = std::any_of(text.in.begin(), text.in.end(), [&](const auto& input) {
        return port.any ? input_is_open(input.first, ports) : input.first == port.name;
      });
      if (given) continue;
      point_.sound[number] = false;
      const std::string wanted =
          port.any ? "nothing is connected; it takes tensors and tables under any names"
                   : "input '" + std::string(port.name) + "' is missing; it takes " +
                         with_article(port.type);
      faults_.add(node.use_where, &node, wanted + ": " + port.summary);
    }
  }

  static bool input_is_open(const std::string& name, const std::vector<Port>& ports) {
    return std::none_of(ports.begin(), ports.end(),
                        [&name](const Port& port) { return !port.any && name == port.name; });
  }

  void keep(const Reference& reference) {
    const std::optional<Source> source = resolve(reference, nullptr);
    if (!source) return;
    if (!is_data(source->type)) {
      faults_.add(reference.where, nullptr,
                  "only tensors and tables can be kept; '" + reference.node + "' gives " +
                      with_article(source->type));
      return;
    }
    point_.keep.push_back(source->end);
  }

  Faults& faults_;
  Draft& draft_;
  BoundPoint point_;
  std::map<std::string, std::size_t> numbers_;
  std::set<std::string> isolated_;
};

/// Where the edge from one node of a cycle to the next is written.
SourceLocation place_of_edge(const BoundPoint& point, std::size_t producer, std::size_t consumer) {
  for (const PlannedInput& input : point.nodes[consumer].inputs)
    if (input.node == producer && input.where.file) return input.where;
  return point.nodes[consumer].use_where;
}

}  // namespace

BoundPoint bind(Draft& draft, const Document& document) { return Binder(draft, document).bound(); }

void cut_cycles(Draft& draft, BoundPoint& point) {
  while (true) {
    Dag dag(point.nodes.size());
    for (std::size_t i = 0; i < point.nodes.size(); ++i)
      for (const PlannedInput& input : point.nodes[i].inputs) dag.add_edge(input.node, i);
    const auto cycles = dag.cycles();
    if (cycles.empty()) return;
    for (const std::vector<std::size_t>& cycle : cycles) {
      std::string way;
      for (const std::size_t node : cycle) way += point.nodes[node].name + " -> ";
      const PlannedNode& first = point.nodes[cycle.front()];
      draft.faults.add(place_of_edge(point, cycle.back(), cycle.front()), &first,
                       cycle.size() == 1
                           ? "it feeds itself: " + way + first.name
                           : "these nodes feed each other in a circle: " + way + first.name);
      for (const std::size_t node : cycle) {
        point.sound[node] = false;
        point.nodes[node].inputs.clear();
      }
    }
  }
}

}  // namespace pellucid
