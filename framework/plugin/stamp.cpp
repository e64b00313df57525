// stamp: finding and comparing what must be equal in a plugin and in its host.
#include "plugin/stamp.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include <pellucid/stamp.h>

namespace pellucid {
namespace {

constexpr std::string_view kMark = "pellucid-plugin:abi=";
constexpr std::size_t kLongestStamp = 512;

using Fields = std::vector<std::pair<std::string, std::string>>;

/// The fields of "mark:a=1;b=2;" in their order.
Fields fields_of(std::string_view stamp) {
  Fields fields;
  stamp.remove_prefix(std::min(stamp.size(), stamp.find(':') + 1));
  while (!stamp.empty()) {
    const std::size_t end = std::min(stamp.find(';'), stamp.size());
    const std::string_view field = stamp.substr(0, end);
    const std::size_t equal = std::min(field.find('='), field.size());
    fields.emplace_back(field.substr(0, equal), field.substr(std::min(equal + 1, field.size())));
    stamp.remove_prefix(std::min(end + 1, stamp.size()));
  }
  return fields;
}

const std::string* find(const Fields& fields, const std::string& name) {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&name](const auto& field) { return field.first == name; });
  return found == fields.end() ? nullptr : &found->second;
}

int number_of(const std::string* text) {
  int number = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

bool is_newer(const Fields& plugin, const Fields& host) {
  return number_of(find(plugin, "abi")) > number_of(find(host, "abi"));
}

}  // namespace

std::string_view host_stamp() { return PELLUCID_ABI_STAMP; }

std::optional<std::string> find_stamp(std::string_view bytes) {
  for (std::size_t at = bytes.find(kMark); at != std::string_view::npos;
       at = bytes.find(kMark, at + 1)) {
    const std::string_view rest = bytes.substr(at, kLongestStamp);
    const std::size_t end = rest.find('\0');
    if (end != std::string_view::npos && rest[end - 1] == ';') return std::string(rest, 0, end);
  }
  return std::nullopt;
}

std::string stamp_fault(std::string_view host, std::string_view plugin) {
  const Fields ours = fields_of(host), theirs = fields_of(plugin);
  std::string differences;
  const auto compare = [&](const std::string& name) {
    const std::string* const a = find(ours, name);
    const std::string* const b = find(theirs, name);
    if (a && b && *a == *b) return;
    differences +=
        "\n  " + name + ": host " + (a ? *a : "has none") + ", plugin " + (b ? *b : "has none");
  };
  for (const auto& [name, value] : ours) compare(name);
  for (const auto& [name, value] : theirs)
    if (!find(ours, name)) compare(name);
  if (differences.empty()) return {};
  return (is_newer(theirs, ours)
              ? "was built for a newer Pellucid; update this one, or rebuild the plugin against it"
              : "was built for another Pellucid; rebuild it against this one") +
         differences;
}

}  // namespace pellucid
