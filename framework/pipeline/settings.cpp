// Settings: the keys under `settings:`, and those that a node may have too.
#include "pipeline/settings.h"

#include <algorithm>
#include <array>
#include <functional>

#include "base/quantity.h"
#include "pipeline/language.h"

namespace pellucid {
namespace {

/// Less memory than this is a unit forgotten.
constexpr std::int64_t kLeastMemory = std::int64_t{1} << 20;
constexpr std::int64_t kMostThreads = 4096;

bool is_auto(const Value& value) { return value.is_scalar() && value.text() == "auto"; }

std::int64_t integer_from(const Value& value, std::int64_t least, const std::string& what) {
  const std::int64_t number = integer_of(value);
  if (number < least) expect(what + " of at least " + std::to_string(least), value);
  return number;
}

std::string device_of(const Value& value) {
  const std::string& text = value.text();
  const std::string digits = text.compare(0, 5, "cuda:") == 0 ? text.substr(5) : "";
  const bool numbered = !digits.empty() && digits.size() <= 3 &&
                        digits.find_first_not_of("0123456789") == std::string::npos;
  if (text != "cpu" && text != "cuda" && !numbered) expect("cpu, cuda or cuda:NUMBER", value);
  return text;
}

std::int64_t memory_of(const Value& value) {
  if (!is_quantity(value.number_text()) &&
      value.text().find_first_of("0123456789") == std::string::npos)
    expect("auto or a size such as '4 GiB'", value);
  const std::int64_t bytes = integer_of(value, "B");
  if (bytes < kLeastMemory)
    expect("a size of at least 1 MiB (sizes have units, such as '4 GiB')", value);
  return bytes;
}

/// [h, w] or [z, h, w].
std::vector<std::int64_t> sizes_of(const Value& value, std::int64_t least) {
  if (!value.is_list() || value.items().size() < 2 || value.items().size() > 3)
    expect("a list of 2 or 3 sizes, [height, width] or [depth, height, width]", value);
  std::vector<std::int64_t> sizes;
  for (const Value& size : value.items()) sizes.push_back(integer_from(size, least, "a size"));
  return sizes;
}

/// "8" counts items, "16 MiB" bytes.
void read_block(const Value& value, RunSettings& settings) {
  bool counts_items = true;
  try {
    number_of(value);
  } catch (const ConfigError&) {
    counts_items = false;
  }
  if (counts_items) {
    settings.block_items = integer_from(value, 1, "a number of items");
    return;
  }
  const bool is_number =
      value.is_scalar() && value.text().find_first_of("0123456789") != std::string::npos;
  if (!is_number) expect("a number of items such as 8, or a size such as '16 MiB'", value);
  settings.block_bytes = integer_of(value, "B");
  if (settings.block_bytes < 1) expect("a size of at least 1 B", value);
}

/// Names of nodes, one or a list; whether there are such nodes is found when they are connected.
std::vector<Value> names_of(const Value& value) {
  std::vector<Value> names = value.is_list() ? value.items() : std::vector<Value>{value};
  for (const Value& name : names)
    if (!name.is_scalar() || name.text().empty()) expect("the name of a node", name);
  return names;
}

double durability_of(const Value& value) {
  const double seconds = number_of(value, "s");
  if (!(seconds >= 0)) expect("a time that is not negative", value);
  return seconds;
}

using Row = std::pair<const char*, std::function<void(const Value&, RunSettings&)>>;

const std::array<Row, 12>& rows() {
  static const std::array<Row, 12> kRows{{
      {"device", [](const Value& value, RunSettings& to) { to.device = device_of(value); }},
      {"seed",
       [](const Value& value, RunSettings& to) {
         to.seed = static_cast<std::uint64_t>(integer_from(value, 0, "a whole number"));
       }},
      {"memory",
       [](const Value& value, RunSettings& to) {
         if (!is_auto(value)) to.memory = memory_of(value);
       }},
      {"threads",
       [](const Value& value, RunSettings& to) {
         if (is_auto(value)) return;
         if (!is_quantity(value.number_text())) expect("auto or a number of threads", value);
         to.threads = static_cast<int>(
             std::min(integer_from(value, 1, "auto or a number of threads"), kMostThreads));
       }},
      {"workers",
       [](const Value& value, RunSettings& to) {
         to.workers = static_cast<int>(
             std::min(integer_from(value, 1, "a number of workers"), kMostThreads));
       }},
      {"block", read_block},
      {"tile", [](const Value& value, RunSettings& to) { to.tile = sizes_of(value, 1); }},
      {"overlap", [](const Value& value, RunSettings& to) { to.overlap = sizes_of(value, 0); }},
      {"durability",
       [](const Value& value, RunSettings& to) { to.durability = durability_of(value); }},
      {"nonfinite",
       [](const Value& value, RunSettings& to) { to.nonfinite = on_nonfinite_of(value); }},
      {"on_item_error",
       [](const Value& value, RunSettings& to) { to.on_item_error = on_item_error_of(value); }},
      {"isolate", [](const Value& value, RunSettings& to) { to.isolate = names_of(value); }},
  }};
  return kRows;
}

}  // namespace

void expect(const std::string& expected, const Value& found) {
  throw ConfigError("expected " + expected + ", found " + found.described(), found.where());
}

OnNonfinite on_nonfinite_of(const Value& value) {
  if (value.is_scalar() && value.text() == "stop") return OnNonfinite::stop;
  if (value.is_scalar() && value.text() == "allow") return OnNonfinite::allow;
  expect("stop or allow", value);
}

OnItemError on_item_error_of(const Value& value) {
  if (value.is_scalar() && value.text() == "stop") return OnItemError::stop;
  if (value.is_scalar() && value.text() == "skip") return OnItemError::skip;
  expect("stop or skip", value);
}

RunSettings read_settings(const Value& settings, Findings& findings) {
  RunSettings read;
  std::vector<std::string> known;
  for (const auto& [key, reader] : rows()) known.emplace_back(key);
  for (const Value::Entry& entry : settings.entries()) {
    const auto row = std::find_if(rows().begin(), rows().end(),
                                  [&](const Row& other) { return entry.key == other.first; });
    if (row == rows().end()) {
      findings.report(entry.where, "unknown key '" + entry.key + "' in 'settings'" +
                                       suggestion(entry.key, known, "'settings'"));
      continue;
    }
    read.where.emplace_back(entry.key, entry.value.where());
    try {
      row->second(entry.value, read);
    } catch (const ConfigError& error) {
      findings.unreadable(entry.key, error);
    }
  }
  if (!read.overlap.empty() && !read.tile.empty() && read.overlap.size() != read.tile.size())
    findings.report(read.place_of("overlap"),
                    "'overlap' must have a size for each of 'tile', expected " +
                        std::to_string(read.tile.size()) + ", found " +
                        std::to_string(read.overlap.size()));
  return read;
}

SourceLocation RunSettings::place_of(const std::string& key) const {
  for (const auto& [known, place] : where)
    if (known == key) return place;
  return {};
}

}  // namespace pellucid
