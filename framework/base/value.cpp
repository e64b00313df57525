// Values: trees of text with places, and their canonical form.
#include <pellucid/value.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <cmath>
#include <string_view>

namespace pellucid {
namespace {

/// The shortest text that reads back as the same number.
std::string number_text_of(double number) {
  if (std::isnan(number)) return ".nan";
  if (std::isinf(number)) return number > 0 ? ".inf" : "-.inf";
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  return {text.data(), end};
}

/// Where a message quotes a value, it quotes at most this many bytes of it.
constexpr std::size_t kLongestQuote = 60;

std::string shortened(const std::string& text) {
  if (text.size() <= kLongestQuote) return text;
  std::size_t end = kLongestQuote;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

bool reads_as_null(const std::string& text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

/// Text that YAML reads back as itself without quotes, in flow style too.
bool is_plain(const std::string& text) {
  if (reads_as_null(text)) return false;
  const auto harmless = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_./+").find(c) != std::string_view::npos;
  };
  const auto inside = [&](char c) { return harmless(c) || c == '-' || c == ' ' || c == '*'; };
  return harmless(text.front()) && text.back() != ' ' &&
         std::all_of(text.begin() + 1, text.end(), inside);
}

std::string in_double_quotes(const std::string& text) {
  static constexpr std::string_view kHexadecimal = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (code < 0x20 || code == 0x7F) {
      quoted += "\\x";
      quoted += kHexadecimal[code >> 4];
      quoted += kHexadecimal[code & 15];
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string scalar_flow(const std::string& text) {
  return is_plain(text) ? text : in_double_quotes(text);
}

}  // namespace

Value::Value() = default;
Value::Value(const char* text) : Value(std::string(text)) {}
Value::Value(std::string text) : kind_(Kind::scalar), text_(std::move(text)) {}
Value::Value(double number) : Value(number_text_of(number)) {}
Value::Value(int number) : Value(std::to_string(number)) {}
Value::Value(std::int64_t number) : Value(std::to_string(number)) {}
Value::Value(bool truth) : Value(truth ? "true" : "false") {}
Value::Value(const Value&) = default;
Value::Value(Value&&) noexcept = default;
Value& Value::operator=(const Value&) = default;
Value& Value::operator=(Value&&) noexcept = default;
Value::~Value() = default;

Value Value::list(std::vector<Value> items, SourceLocation where) {
  Value value;
  value.kind_ = Kind::list;
  value.items_ = std::move(items);
  value.where_ = std::move(where);
  return value;
}

Value Value::map(std::vector<Entry> entries, SourceLocation where) {
  Value value;
  value.kind_ = Kind::map;
  value.entries_ = std::move(entries);
  value.where_ = std::move(where);
  return value;
}

Value Value::scalar(std::string text, SourceLocation where, bool quoted) {
  Value value(std::move(text));
  value.where_ = std::move(where);
  value.quoted_ = quoted;
  return value;
}

const std::vector<Value::Entry>& Value::entries() const { return entries_; }
std::vector<Value::Entry>& Value::entries() { return entries_; }

const Value* Value::find(const std::string& key) const {
  for (const Entry& entry : entries_)
    if (entry.key == key) return &entry.value;
  return nullptr;
}

Value* Value::find(const std::string& key) {
  return const_cast<Value*>(std::as_const(*this).find(key));
}

void Value::set(const std::string& key, Value value, SourceLocation key_where) {
  assert(is_map() || is_null());
  kind_ = Kind::map;
  if (Value* const known = find(key)) {
    *known = std::move(value);
    return;
  }
  entries_.push_back({key, std::move(value), std::move(key_where)});
}

std::string Value::described() const {
  switch (kind_) {
    case Kind::null:
      return "nothing";
    case Kind::list:
      return "a list";
    case Kind::map:
      return "a map";
    case Kind::scalar:
      break;
  }
  return "'" + shortened(text_) + "'";
}

std::string Value::flow() const {
  if (is_null()) return "null";
  if (is_scalar()) return scalar_flow(number_text());
  std::string text;
  if (is_list()) {
    for (const Value& item : items_) text += (text.empty() ? "" : ", ") + item.flow();
    return "[" + text + "]";
  }
  std::vector<const Entry*> sorted;
  for (const Entry& entry : entries_) sorted.push_back(&entry);
  std::sort(sorted.begin(), sorted.end(),
            [](const Entry* a, const Entry* b) { return a->key < b->key; });
  for (const Entry* entry : sorted)
    text += (text.empty() ? "" : ", ") + scalar_flow(entry->key) + ": " + entry->value.flow();
  return "{" + text + "}";
}

bool truth_of(const Value& value) {
  static constexpr std::array<std::string_view, 9> kTrue{"true", "True", "TRUE", "yes", "Yes",
                                                         "YES",  "on",   "On",   "ON"};
  static constexpr std::array<std::string_view, 9> kFalse{"false", "False", "FALSE", "no", "No",
                                                          "NO",    "off",   "Off",   "OFF"};
  if (value.is_scalar()) {
    if (std::find(kTrue.begin(), kTrue.end(), value.text()) != kTrue.end()) return true;
    if (std::find(kFalse.begin(), kFalse.end(), value.text()) != kFalse.end()) return false;
  }
  throw ConfigError("expected true or false, found " + value.described(), value.where());
}

std::string text_of(const Value& value) {
  if (!value.is_scalar())
    throw ConfigError("expected text, found " + value.described(), value.where());
  return value.text();
}

}  // namespace pellucid
