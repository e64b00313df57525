// Value: what stands in a pipeline file, as a tree that remembers its places.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pellucid/error.h>

namespace pellucid {

/// A null, a scalar, a list or a map. A scalar stays text until somebody asks for a number, so that
/// "7.65/255" is arithmetic where a number is wanted and a name where text is wanted.
class PELLUCID_EXPORT Value {
 public:
  enum class Kind { null, scalar, list, map };
  struct Entry;

  Value();
  Value(const char* text);     // NOLINT(google-explicit-constructor): lists of settings in code
  Value(std::string text);     // NOLINT
  Value(double number);        // NOLINT
  Value(int number);           // NOLINT
  Value(std::int64_t number);  // NOLINT
  Value(bool truth);           // NOLINT
  Value(const Value&);
  Value(Value&&) noexcept;
  Value& operator=(const Value&);
  Value& operator=(Value&&) noexcept;
  ~Value();

  static Value list(std::vector<Value> items, SourceLocation where = {});
  static Value map(std::vector<Entry> entries, SourceLocation where = {});
  static Value scalar(std::string text, SourceLocation where, bool quoted = false);

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::null; }
  bool is_scalar() const { return kind_ == Kind::scalar; }
  bool is_list() const { return kind_ == Kind::list; }
  bool is_map() const { return kind_ == Kind::map; }

  /// Text of a scalar; empty otherwise.
  const std::string& text() const { return text_; }
  /// The scalar stood in quotes, so it is not a null, a truth value or a number by itself.
  bool quoted() const { return quoted_; }
  /// What a number is read from: the text, with parentheses around the expressions substituted into
  /// it, so that "2/${x}" with x: 1+1 is 1 although its text is "2/1+1".
  const std::string& number_text() const { return number_text_.empty() ? text_ : number_text_; }
  void set_number_text(std::string text) { number_text_ = std::move(text); }
  const std::vector<Value>& items() const { return items_; }
  std::vector<Value>& items() { return items_; }
  /// Entries of a map in the order of the file.
  const std::vector<Entry>& entries() const;
  std::vector<Entry>& entries();
  /// The value under a key of a map, or null pointer.
  const Value* find(const std::string& key) const;
  Value* find(const std::string& key);
  /// Sets a key of a map (a null becomes a map), keeping the place of the key if it stood there.
  void set(const std::string& key, Value value, SourceLocation key_where = {});

  const SourceLocation& where() const { return where_; }
  void locate(SourceLocation where) { where_ = std::move(where); }

  /// "a list", "a map", "nothing", or the scalar's text in quotes: for messages.
  std::string described() const;
  /// Canonical flow YAML (one line), the same for equal values whatever their places and quotes.
  std::string flow() const;

 private:
  Kind kind_ = Kind::null;
  bool quoted_ = false;
  std::string text_;
  std::string number_text_;
  std::vector<Value> items_;
  std::vector<Entry> entries_;
  SourceLocation where_;
};

struct Value::Entry {
  std::string key;
  Value value;
  SourceLocation where = {};  ///< of the key
};

/// Reads a number: decimal, arithmetic with + - * / ^ and parentheses, `pi`, and a unit of the kind
/// that `unit` is of ("500 nm" where `unit` is "um" gives 0.5; a bare number is in `unit`).
/// `unit` "1" or "" admits no unit. Throws ConfigError with a sentence (expected, found) and the
/// place of `value`.
PELLUCID_EXPORT double number_of(const Value& value, const std::string& unit = "");

/// As `number_of`, for a whole number; "4 GiB" where `unit` is "B" gives 4294967296.
PELLUCID_EXPORT std::int64_t integer_of(const Value& value, const std::string& unit = "");

/// true, false (also yes/no, on/off). Throws ConfigError.
PELLUCID_EXPORT bool truth_of(const Value& value);

/// The text of a scalar. Throws ConfigError for lists and maps.
PELLUCID_EXPORT std::string text_of(const Value& value);

/// Factor from unit `from` to unit `to`, e.g. ("nm", "um") -> 1e-3; empty where they are of
/// different kinds or unknown. Lengths, times, angles, frequencies, sizes in bytes, and `px`, `1`.
PELLUCID_EXPORT std::optional<double> unit_factor(const std::string& from, const std::string& to);

}  // namespace pellucid
