// Resolved: a document as YAML that needs no other file, no variable and no environment.
#include <utility>

#include <pellucid/version.h>

#include "pipeline/document.h"
#include "pipeline/substitution.h"

namespace pellucid {
namespace {

/// A copy whose texts survive substitution.
Value protected_value(const Value& value) {
  if (value.is_scalar()) return Value(protected_from_substitution(value.number_text()));
  Value copy = value;
  for (Value& item : copy.items()) item = protected_value(item);
  for (Value::Entry& entry : copy.entries()) entry.value = protected_value(entry.value);
  return copy;
}

std::string flow_of(const Value& value) { return protected_value(value).flow(); }

/// "key: value" of a block map, `indent` deep.
std::string line(int indent, const std::string& key, const Value& value) {
  return std::string(static_cast<std::size_t>(indent), ' ') + Value(key).flow() + ": " +
         flow_of(value) + "\n";
}

Value name_of(OnNonfinite what) { return what == OnNonfinite::stop ? "stop" : "allow"; }
Value name_of(OnItemError what) { return what == OnItemError::stop ? "stop" : "skip"; }

std::string reference_text(const Reference& reference) {
  return reference.port.empty() ? reference.node : reference.node + "." + reference.port;
}

std::string settings_text(const RunSettings& settings) {
  std::string text = "settings:\n";
  text += line(2, "device", settings.device);
  text += line(2, "seed", static_cast<std::int64_t>(settings.seed));
  text += line(2, "memory", settings.memory ? Value(*settings.memory) : Value("auto"));
  text += line(2, "threads", settings.threads ? Value(*settings.threads) : Value("auto"));
  text += line(2, "workers", settings.workers);
  text += line(2, "block",
               settings.block_items ? Value(*settings.block_items)
                                    : Value(std::to_string(settings.block_bytes) + " B"));
  for (const auto& [key, sizes] : {std::pair{"tile", settings.tile}, {"overlap", settings.overlap}})
    if (!sizes.empty())
      text += line(2, key, Value::list(std::vector<Value>(sizes.begin(), sizes.end())));
  text += line(2, "durability", settings.durability);
  text += line(2, "nonfinite", name_of(settings.nonfinite));
  text += line(2, "on_item_error", name_of(settings.on_item_error));
  if (!settings.isolate.empty()) text += line(2, "isolate", Value::list(settings.isolate));
  return text;
}

std::string node_text(const NodeText& node) {
  std::string text = "  " + Value(node.name).flow() + ":\n";
  text += line(4, "use", node.use);
  if (!node.in.empty()) {
    text += "    in:\n";
    for (const auto& [port, reference] : node.in) text += line(6, port, reference_text(reference));
  }
  if (!node.with.entries().empty()) {
    text += "    with:\n";
    for (const Value::Entry& entry : node.with.entries()) text += line(6, entry.key, entry.value);
  }
  if (node.timeout) text += line(4, "timeout", *node.timeout);
  if (!node.seed_as.empty()) text += line(4, "seed_as", node.seed_as);
  if (node.nonfinite) text += line(4, "nonfinite", name_of(*node.nonfinite));
  if (node.on_item_error) text += line(4, "on_item_error", name_of(*node.on_item_error));
  return text;
}

}  // namespace

std::string to_yaml(const Document& document) {
  std::string text = "pellucid: " + std::to_string(kLanguageVersion) + "\n";
  text += settings_text(document.settings);
  text += "nodes:\n";
  for (const NodeText& node : document.nodes) text += node_text(node);
  if (document.keep.empty()) return text;
  std::vector<Value> kept;
  for (const Reference& reference : document.keep) kept.emplace_back(reference_text(reference));
  return text + line(0, "keep", Value::list(std::move(kept)));
}

std::string absolute_path(const Value& path) {
  const std::string& text = path.text();
  if (text.empty() || std::filesystem::path(text).is_absolute() ||
      text.find("://") != std::string::npos)
    return text;
  const auto& folder = path.where().folder;
  std::error_code error;
  const std::filesystem::path from =
      folder ? std::filesystem::path(*folder) : std::filesystem::current_path(error);
  return (from / text).lexically_normal().string();
}

}  // namespace pellucid
