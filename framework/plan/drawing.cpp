// The graph of a plan, for Graphviz and for Mermaid.
#include <algorithm>

#include "plan/edges.h"
#include "plan/plan.h"

namespace pellucid {
namespace {

/// How nodes of a kind are drawn.
struct Style {
  const char* name;
  const char* dot_shape;
  const char* mermaid_open;
  const char* mermaid_close;
  const char* fill;
};

Style style_of(Kind kind) {
  switch (kind) {
    case Kind::source:
      return {"source", "cds", "[/", "/]", "#d7e8f7"};
    case Kind::stage:
      return {"stage", "box", "[", "]", "#ffffff"};
    case Kind::reducer:
      return {"reducer", "invtrapezium", "[\\", "/]", "#fbe3c8"};
    case Kind::procedure:
      return {"procedure", "component", "[[", "]]", "#fbe3c8"};
    case Kind::sink:
      return {"sink", "note", "[(", ")]", "#dcefd9"};
    default:
      return {"object", "ellipse", "([", "])", "#eadff2"};
  }
}

/// What flows on an edge: "47 x float32 chw 3x481x321 [1]", or the type of an object.
std::string label_of(const Plan& plan, const PlannedInput& input) {
  if (const Spec* spec = plan.tensor_spec(input.node, input.from)) return spec->text();
  if (const TableSpec* table = plan.table_spec(input.node, input.from)) return table->text();
  return name_of(input.type);
}

/// The producer's port and the consumer's, where they say more than the nodes' names.
std::string ports_of(const Plan& plan, const PlannedInput& input) {
  const PlannedNode& producer = plan.nodes[input.node];
  const std::string from = end_name(producer, input.from);
  const std::string left = from == producer.name ? "" : input.from;
  return left.empty() ? input.port : left + " -> " + input.port;
}

std::string escaped(const std::string& text, const std::string& special, const std::string& with) {
  std::string result;
  for (const char letter : text) {
    if (special.find(letter) != std::string::npos) result += with;
    result += letter;
  }
  return result;
}

std::string dot_text(const std::string& text) { return escaped(text, "\"\\", "\\"); }

/// Mermaid has no escapes, but knows entities.
std::string mermaid_text(const std::string& text) {
  std::string result;
  for (const char letter : text) {
    if (letter == '"') result += "#quot;";
    else if (letter == '<') result += "#lt;";
    else if (letter == '>') result += "#gt;";
    else result += letter;
  }
  return result;
}

std::string dot(const Plan& plan) {
  std::string text =
      "digraph pipeline {\n"
      "  rankdir=LR;\n"
      "  node [fontname=\"sans-serif\", style=filled, fillcolor=\"#ffffff\"];\n"
      "  edge [fontname=\"sans-serif\", fontsize=9];\n";
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const PlannedNode& node = plan.nodes[i];
    const Style style = style_of(node.component->kind);
    text += "  n" + std::to_string(i) + " [label=\"" + dot_text(title_of(plan, i)) + "\\n" +
            dot_text(node.use) + "\", shape=" + style.dot_shape + ", fillcolor=\"" + style.fill +
            "\"" + (node.computed ? "" : ", style=\"filled,dashed\"") + "];\n";
  }
  for (std::size_t i = 0; i < plan.nodes.size(); ++i)
    for (const PlannedInput& input : plan.nodes[i].inputs)
      text += "  n" + std::to_string(input.node) + " -> n" + std::to_string(i) + " [label=\"" +
              dot_text(ports_of(plan, input)) + "\\n" + dot_text(label_of(plan, input)) + "\"" +
              (is_data(input.type) ? "" : ", style=dashed") + "];\n";
  return text + "}\n";
}

std::string mermaid(const Plan& plan) {
  std::string text = "flowchart LR\n";
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const PlannedNode& node = plan.nodes[i];
    const Style style = style_of(node.component->kind);
    text += "  n" + std::to_string(i) + style.mermaid_open + "\"" +
            mermaid_text(title_of(plan, i)) + "<br/><i>" + mermaid_text(node.use) + "</i>\"" +
            style.mermaid_close + ":::" + style.name + "\n";
  }
  for (std::size_t i = 0; i < plan.nodes.size(); ++i)
    for (const PlannedInput& input : plan.nodes[i].inputs)
      text += "  n" + std::to_string(input.node) + (is_data(input.type) ? " -->" : " -.->") +
              "|\"" + mermaid_text(ports_of(plan, input)) + "<br/>" +
              mermaid_text(label_of(plan, input)) + "\"| n" + std::to_string(i) + "\n";
  for (const Kind kind :
       {Kind::source, Kind::stage, Kind::reducer, Kind::procedure, Kind::sink, Kind::model}) {
    const Style style = style_of(kind);
    text += std::string("  classDef ") + style.name + " fill:" + style.fill + ",stroke:#555\n";
  }
  return text;
}

}  // namespace

std::string plan_graph(const Plan& plan, GraphFormat format) {
  return format == GraphFormat::dot ? dot(plan) : mermaid(plan);
}

}  // namespace pellucid
