// describe: the declarations of components as text, Markdown and JSON.
#include "plugin/describe.h"

#include <algorithm>
#include <sstream>

#include "plugin/field_json.h"
#include "plugin/language_settings.h"

namespace pellucid {
namespace {

using Json = nlohmann::ordered_json;
using Row = std::vector<std::string>;

std::string use_of(const FoundComponent& component) {
  return component.plugin_name + "/" + component.descriptor->name;
}

std::string origin_of(const FoundComponent& component) {
  if (component.plugin_file.empty()) return "built in";
  return component.plugin_file.string() + " (version " + component.plugin_version + ")";
}

std::string type_of(const Port& port) {
  if (port.any) return "tensors and tables";
  return name_of(port.type) + std::string(port.optional ? ", optional" : "");
}

std::string type_of(const Field& field) {
  std::string text = field.type_text();
  if (!field.unit.empty() && field.unit != "1") text += " [" + field.unit + "]";
  if (!field.range_text().empty()) text += " " + field.range_text();
  return text;
}

std::string standard_of(const Field& field) {
  if (field.required) return "required";
  if (field.optional) return "optional";
  return default_text(field);
}

/// Rows (key, type, default, summary), those of nested settings under "key.inner".
void add_rows(const std::vector<Field>& fields, const std::string& prefix, std::vector<Row>& rows) {
  for (const Field& field : fields) {
    const std::string key = prefix + field.key;
    rows.push_back({key, type_of(field), standard_of(field), field.summary});
    if (field.type == Field::Type::group) {
      add_rows(field.fields, key + ".", rows);
    } else if (field.type == Field::Type::choice) {
      for (const Field& alternative : field.fields)
        add_rows(alternative.fields, key + "." + alternative.key + ".", rows);
    }
  }
}

std::vector<Row> parameter_rows(const ComponentDescriptor& component) {
  std::vector<Row> rows;
  add_rows(component.fields(), {}, rows);
  return rows;
}

std::vector<Row> port_rows(const ComponentDescriptor& component, Port::Direction direction) {
  std::vector<Row> rows;
  for (const Port& port : component.ports().all())
    if (port.direction == direction)
      rows.push_back({port.any ? "(any name)" : port.name, type_of(port), port.summary});
  return rows;
}

/// Columns as wide as their widest cell, the last one as it is.
std::string columns(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line = " ";
    for (std::size_t i = 0; i < row.size(); ++i)
      line += " " + row[i] + std::string(widths[i] - row[i].size() + 1, ' ');
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string escaped(std::string cell) {
  for (std::size_t at = 0; (at = cell.find('|', at)) != std::string::npos; at += 2)
    cell.insert(at, "\\");
  return cell;
}

std::string markdown_table(const Row& head, const std::vector<Row>& rows) {
  std::string text = "|", rule = "|";
  for (const std::string& title : head) {
    text += " " + title + " |";
    rule += " --- |";
  }
  text += "\n" + rule + "\n";
  for (const Row& row : rows) {
    text += "|";
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string cell = escaped(row[i]);
      text += " " + (i == 0 && !cell.empty() ? "`" + cell + "`" : cell) + " |";
    }
    text += "\n";
  }
  return text;
}

void add_text(std::ostringstream& text, const char* title, const std::vector<Row>& rows) {
  if (!rows.empty()) text << "\n" << title << "\n" << columns(rows);
}

std::string text_of(const FoundComponent& found) {
  const ComponentDescriptor& component = *found.descriptor;
  std::ostringstream text;
  text << use_of(found) << ": " << component.summary << "\n"
       << "kind    " << name_of(component.kind) << "\n"
       << "plugin  " << origin_of(found) << "\n";
  add_text(text, "inputs", port_rows(component, Port::Direction::in));
  add_text(text, "outputs", port_rows(component, Port::Direction::out));
  add_text(text, "parameters", parameter_rows(component));
  if (*component.manual) text << "\nmanual\n\n" << component.manual;
  return text.str();
}

void add_markdown(std::ostringstream& text, const char* title, const Row& head,
                  const std::vector<Row>& rows) {
  if (!rows.empty()) text << "\n### " << title << "\n\n" << markdown_table(head, rows);
}

std::string markdown_of(const FoundComponent& found) {
  const ComponentDescriptor& component = *found.descriptor;
  std::ostringstream text;
  text << "## " << use_of(found) << "\n\n"
       << component.summary << ". Kind: `" << name_of(component.kind) << "`.\n";
  const Row ports{"port", "type", "what it is"};
  add_markdown(text, "Inputs", ports, port_rows(component, Port::Direction::in));
  add_markdown(text, "Outputs", ports, port_rows(component, Port::Direction::out));
  add_markdown(text, "Parameters", {"parameter", "type", "default", "what it is"},
               parameter_rows(component));
  if (*component.manual) text << "\n### Manual\n\n```text\n" << component.manual << "```\n";
  return text.str();
}

Json json_of_component(const FoundComponent& found) {
  const ComponentDescriptor& component = *found.descriptor;
  Json json;
  json["use"] = use_of(found);
  json["kind"] = name_of(component.kind);
  json["summary"] = component.summary;
  json["plugin"] = {{"name", found.plugin_name},
                    {"version", found.plugin_version},
                    {"file", found.plugin_file.string()},
                    {"checksum", found.plugin_checksum}};
  json["inputs"] = json["outputs"] = json["parameters"] = Json::array();
  for (const Port& port : component.ports().all()) {
    Json entry{{"name", port.name}, {"type", name_of(port.type)}, {"summary", port.summary}};
    if (port.direction == Port::Direction::in) {
      entry["optional"] = port.optional;
      entry["any"] = port.any;
    }
    json[port.direction == Port::Direction::in ? "inputs" : "outputs"].push_back(std::move(entry));
  }
  for (const Field& field : component.fields()) json["parameters"].push_back(json_of(field));
  json["manual"] = component.manual;
  return json;
}

std::vector<Row> setting_rows() {
  std::vector<Row> rows;
  for (const LanguageSetting& setting : language_settings())
    rows.push_back({setting.key, setting.type, setting.standard, setting.summary});
  return rows;
}

}  // namespace

std::string describe_component(const FoundComponent& component, DescriptionFormat format) {
  switch (format) {
    case DescriptionFormat::json:
      return json_of_component(component).dump(2) + "\n";
    case DescriptionFormat::markdown:
      return markdown_of(component);
    case DescriptionFormat::text:
      break;
  }
  return text_of(component);
}

std::string describe_plugin(const std::vector<FoundComponent>& components,
                            DescriptionFormat format) {
  if (components.empty()) return {};
  if (format == DescriptionFormat::json) {
    Json all = Json::array();
    for (const FoundComponent& component : components) all.push_back(json_of_component(component));
    return all.dump(2) + "\n";
  }
  std::ostringstream text;
  if (format == DescriptionFormat::markdown) {
    text << "# " << components.front().plugin_name << "\n";
    for (const FoundComponent& component : components) text << "\n" << markdown_of(component);
    return text.str();
  }
  std::vector<Row> rows;
  for (const FoundComponent& component : components)
    rows.push_back(
        {use_of(component), name_of(component.descriptor->kind), component.descriptor->summary});
  text << components.front().plugin_name << ": " << origin_of(components.front()) << "\n\n"
       << columns(rows);
  return text.str();
}

std::string describe_settings(DescriptionFormat format) {
  if (format == DescriptionFormat::json) {
    Json all = Json::array();
    for (const LanguageSetting& setting : language_settings())
      all.push_back({{"name", setting.key},
                     {"type", setting.type},
                     {"default", setting.standard},
                     {"summary", setting.summary}});
    return all.dump(2) + "\n";
  }
  if (format == DescriptionFormat::markdown)
    return "# settings\n\nThe keys under `settings:` of a pipeline.\n\n" +
           markdown_table({"setting", "type", "default", "what it is"}, setting_rows());
  return "settings\n" + columns(setting_rows());
}

}  // namespace pellucid
